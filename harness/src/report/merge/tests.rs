//! Parts of a sample report, whole and damaged in every way.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::report::{CaseFolder, sample};

/// Shard directories `1/n` to `n/n` of a sample, and one whole one.
fn shards(dir: &Path, n: u32) -> Vec<PathBuf> {
    let mut whole = sample::report(40);
    whole.selection = Some(Selection::new(Vec::new(), false, 1, whole.cases.iter().map(|case| case.id.as_str())));
    let store = |shard: Shard| {
        let out = dir.join(format!("shard-{}", shard.k()));
        let mut report = whole.clone();
        report.shard = (n > 1).then_some(shard);
        report.cases = whole.cases.iter().filter(|case| shard.holds(&case.id)).cloned().collect();
        for case in &report.cases {
            CaseFolder::new(&out, &case.key()).finish(case).unwrap();
        }
        fs::create_dir_all(&out).unwrap();
        report.store(&out.join("report.json")).unwrap();
        out
    };
    (1..=n).map(|k| store(Shard::new(k, n).unwrap())).collect()
}

/// Every file below a directory with its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

fn edit(shard: &Path, pointer: &str, value: Value) {
    let path = shard.join("report.json");
    let mut report: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    *report.pointer_mut(pointer).unwrap() = value;
    fs::write(&path, report.to_string()).unwrap();
}

#[test]
fn the_parts_make_the_whole_with_its_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("whole");
    let merged = merge(&out, &shards(dir.path(), 3), false).unwrap();
    let whole = sample::report(40);
    assert_eq!((&merged.cases, merged.totals), (&whole.cases, whole.totals));
    assert_eq!((merged.jobs, merged.seed, merged.shard), (6, whole.seed, None));
    for case in &merged.cases {
        assert!(out.join(&case.evidence).join("verdict.json").exists(), "{}", case.evidence);
    }
    assert_eq!(Report::load(&out.join("report.json")).unwrap(), merged);
    assert!(out.join("index.html").exists() && out.join("junit.xml").exists());
    // a whole is a whole again
    merge(&dir.path().join("again"), &[out], false).unwrap();
}

#[test]
fn what_is_done_to_the_whole_is_not_done_to_its_parts() {
    let dir = tempfile::tempdir().unwrap();
    let (out, shards) = (dir.path().join("whole"), shards(dir.path(), 2));
    let before: Vec<_> = shards.iter().map(|shard| files(shard)).collect();
    merge(&out, &shards, false).unwrap();
    for path in files(&out).keys() {
        assert_eq!(fs::metadata(path).unwrap().nlink(), 1, "{} is linked to its part", path.display());
        fs::write(path, b"").unwrap();
    }
    let after: Vec<_> = shards.iter().map(|shard| files(shard)).collect();
    assert!(before == after, "a part was changed through the whole");
}

#[test]
fn a_merge_that_fails_late_leaves_no_trace_and_the_next_one_finds_its_parts_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (out, shards) = (dir.path().join("whole"), shards(dir.path(), 2));
    // a folder where the page of the report has to go, among the evidence of the last case to be brought
    edit(&shards[1], "/cases/0/evidence", json!("cases/blocked"));
    let blocked = shards[1].join("cases/blocked/unreadable");
    fs::create_dir_all(&blocked).unwrap();
    fs::write(blocked.join("x"), b"x").unwrap();
    let before: Vec<_> = shards.iter().map(|shard| files(shard)).collect();
    let taken = dir.path().join("file");
    fs::write(&taken, b"x").unwrap();
    let error = merge(&taken.join("whole"), &shards, false).unwrap_err();
    assert!(crate::error::chain(&error).contains("os error 20"), "{error:?}");
    merge(&out, &shards, false).unwrap();
    let error = merge(&out, &shards, false).unwrap_err();
    assert!(matches!(error, MergeError::TargetTaken { .. }), "{error}");
    let after: Vec<_> = shards.iter().map(|shard| files(shard)).collect();
    assert!(before == after, "a part was damaged");
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains(".new")), "{names:?}");
}

#[test]
fn a_target_in_a_part_or_above_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let shards = shards(dir.path(), 2);
    for out in [shards[0].join("whole"), shards[1].join("../shard-2/cases/whole")] {
        let error = merge(&out, &shards, false).unwrap_err();
        assert!(matches!(error, MergeError::TargetInShard { .. }), "{error}");
    }
    assert!(matches!(merge(dir.path(), &shards, false), Err(MergeError::TargetTaken { .. })));
}

#[test]
fn a_missing_part_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut shards = shards(dir.path(), 4);
    shards.remove(2);
    shards.remove(0);
    let error = merge(&dir.path().join("whole"), &shards, false).unwrap_err().to_string();
    assert!(error.starts_with("shard 1/4, 3/4 of platform \"host\" is missing"), "{error}");
    assert!(!dir.path().join("whole").exists());
}

#[test]
fn a_part_that_no_case_belongs_to_need_not_be_there() {
    let dir = tempfile::tempdir().unwrap();
    // of 97 parts most hold none of 40 cases and leave no report
    let shards: Vec<PathBuf> = shards(dir.path(), 97);
    let empty = |shard: &PathBuf| Report::load(&shard.join("report.json")).unwrap().cases.is_empty();
    let held: Vec<PathBuf> = shards.iter().filter(|shard| !empty(shard)).cloned().collect();
    assert!(held.len() < 50);
    assert_eq!(merge(&dir.path().join("whole"), &held, false).unwrap().totals.all(), 40);
}

#[test]
fn a_part_that_is_there_twice_is_named_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let shards = shards(dir.path(), 2);
    let error = merge(&dir.path().join("whole"), &[shards[0].clone(), shards[0].clone()], false).unwrap_err();
    assert!(error.to_string().starts_with("shard 1/2 of platform \"host\" is "), "{error}");
    assert!(!dir.path().join("whole").exists());
}

#[test]
fn a_whole_that_is_there_twice_is_named_by_its_first_case() {
    let dir = tempfile::tempdir().unwrap();
    let shards = shards(dir.path(), 1);
    let error = merge(&dir.path().join("whole"), &[shards[0].clone(), shards[0].clone()], false).unwrap_err();
    assert!(matches!(error, MergeError::Duplicate { .. }), "{error}");
}

/// An id that no case has, in shard `k` of 2.
fn held_by(k: u32) -> String {
    let shard = Shard::new(k, 2).unwrap();
    (0..64).map(|number| format!("order::made_up_{number}")).find(|id| shard.holds(id)).unwrap()
}

#[rstest]
#[case::another_suite("/suite", json!("full"), "suite is \"default\" in ")]
#[case::another_filter("/selection/filters", json!(["order"]), "selection is \"no filter, 40 cases ")]
#[case::another_repetition("/selection/repeat", json!(2), "selection is ")]
#[case::other_cases("/selection/sha256", json!("ab".repeat(32)), "selection is ")]
#[case::another_cut("/shard", json!("2/3"), "number of shards is \"2\" in ")]
#[case::no_selection("/selection", json!(null), "does not say which suite and selection")]
#[case::no_shard("/shard", json!(null), "number of shards is \"2\" in ")]
#[case::a_shard_that_is_none("/shard", json!("3/2"), "not a report")]
#[case::another_qemu("/platforms/0/qemu/sha256", json!("cd".repeat(32)), "merge only runs of the same builds")]
#[case::a_case_renamed("/cases/0/id", json!(held_by(2)), "that were selected")]
#[case::a_case_of_another_shard("/cases/0/id", json!(held_by(1)), "is none of shard 2/2")]
#[case::a_case_taken_away("/cases", json!([]), "they are not the 40 that were selected")]
fn a_part_that_differs_from_the_others_is_refused(#[case] pointer: &str, #[case] value: Value, #[case] wanted: &str) {
    let dir = tempfile::tempdir().unwrap();
    let shards = shards(dir.path(), 2);
    edit(&shards[1], pointer, value);
    let error = crate::error::chain(&merge(&dir.path().join("whole"), &shards, false).unwrap_err());
    assert!(error.contains(wanted), "{error}");
    assert!(error.contains("shard-2") || error.contains("selected"), "it must be named: {error}");
    assert!(!dir.path().join("whole").exists());
}

#[test]
fn the_whole_has_a_name_of_its_own_and_is_strict_where_it_is_asked_to_be_or_a_part_was() {
    let dir = tempfile::tempdir().unwrap();
    let shards = shards(dir.path(), 2);
    let whole = |name: &str, strict| {
        let merged = merge(&dir.path().join(name), &shards, strict).unwrap();
        (merged.run.clone(), merged.strict, Report::load(&dir.path().join(name).join("report.json")).unwrap() == merged)
    };
    assert_eq!(whole("lenient", false), ("lenient".to_owned(), false, true));
    assert_eq!(whole("asked", true), ("asked".to_owned(), true, true));
    let part = shards[1].join("report.json");
    Report { strict: true, ..Report::load(&part).unwrap() }.store(&part).unwrap();
    assert_eq!(whole("of-a-part", false), ("of-a-part".to_owned(), true, true));
}

#[test]
fn what_is_written_first_lies_beside_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let unfinished = unfinished(&dir.path().join("whole"));
    assert_eq!(unfinished.parent(), Some(dir.path().canonicalize().unwrap().as_path()));
    assert!(unfinished.file_name().unwrap().to_string_lossy().starts_with(".whole."));
}

#[test]
fn numbers_of_a_foreign_report_never_overflow() {
    let dir = tempfile::tempdir().unwrap();
    let shards = shards(dir.path(), 2);
    for shard in &shards {
        edit(shard, "/jobs", json!(u32::MAX));
        edit(shard, "/totals/passed", json!(u64::MAX));
        edit(shard, "/totals/failed", json!(u64::MAX));
        Report::load(&shard.join("report.json")).unwrap().exit_code();
        Report::load(&shard.join("report.json")).unwrap().totals.all();
    }
    let merged = merge(&dir.path().join("whole"), &shards, false).unwrap();
    assert_eq!((merged.jobs, merged.totals.all()), (u32::MAX, 40));
    for (k, shard) in ["1", "2"].into_iter().zip(&shards) {
        edit(shard, "/shard", json!(format!("{k}/4294967295")));
        edit(shard, "/cases", json!([]));
    }
    let error = merge(&dir.path().join("other"), &shards, false).unwrap_err().to_string();
    assert!(error.contains("and 4294967285 more of platform"), "{error}");
}

#[test]
fn a_part_without_its_evidence_is_named_and_what_was_not_run_needs_none() {
    let dir = tempfile::tempdir().unwrap();
    let (out, shards) = (dir.path().join("whole"), shards(dir.path(), 2));
    let of_second = Report::load(&shards[1].join("report.json")).unwrap().cases;
    let folder = shards[1].join(&of_second[0].evidence);
    fs::remove_dir_all(&folder).unwrap();
    edit(&shards[1], "/cases/0/wall_seconds", json!(0.0));
    merge(&dir.path().join("never-run"), &shards, false).unwrap();
    edit(&shards[1], "/cases/0/wall_seconds", json!(0.5));
    let error = merge(&out, &shards, false).unwrap_err().to_string();
    let wanted = format!("{}: no folder {}, the evidence of case", shards[1].display(), folder.display());
    assert!(error.starts_with(&wanted) && error.contains("nor that of 0 other cases"), "{error}");
    fs::remove_dir_all(shards[1].join("cases")).unwrap();
    let error = merge(&out, &shards, false).unwrap_err().to_string();
    assert!(error.starts_with(&wanted), "{error}");
    assert!(error.contains(&format!("nor that of {} other cases", of_second.len() - 1)), "{error}");
    assert!(!out.exists());
}

#[test]
fn seeds_that_differ_are_not_claimed_for_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let shards = shards(dir.path(), 2);
    edit(&shards[1], "/seed", json!(6));
    assert_eq!(merge(&dir.path().join("whole"), &shards, false).unwrap().seed, None);
}

#[test]
fn no_shard_and_a_missing_report_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    assert!(matches!(merge(&out, &[], false), Err(MergeError::Nothing)));
    let error = crate::error::chain(&merge(&out, &[dir.path().join("none")], false).unwrap_err());
    assert!(error.contains("report.json: No such file or directory (os error 2)"), "{error}");
}
