//! `report.json`: loading, storing, and gathering what the cases left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::error::ReportError;
use super::folder::{RESULT_FILE, STARTED_FILE, write_atomically};
use super::{CaseKey, CaseResult, Flake, Report, SCHEMA, Totals, Verdict};

/// Largest result of one case that is read, bytes.
const LARGEST_RESULT: u64 = 16 << 20;
/// Largest report that is read, bytes.
const LARGEST_REPORT: u64 = 1 << 30;

impl Report {
    /// Reads a report and checks that it is one of this format.
    ///
    /// # Errors
    /// [`ReportError`] if the file cannot be read, is not a report, has another schema, or points outside its
    /// directory.
    pub fn load(path: &Path) -> Result<Self, ReportError> {
        #[derive(serde::Deserialize)]
        struct Head {
            schema: String,
        }
        let bytes = read_bounded(path, LARGEST_REPORT)?;
        // a list, a number or a text has no field, and serde would count a list's elements
        parse::<BTreeMap<String, serde::de::IgnoredAny>>(path, &bytes, "report")?;
        let head: Head = parse(path, &bytes, "report")?;
        if head.schema != SCHEMA {
            return Err(ReportError::Schema { path: path.to_path_buf(), found: head.schema, wanted: SCHEMA });
        }
        let report: Self = parse(path, &bytes, "report")?;
        for case in &report.cases {
            if !stays_below(&case.evidence) {
                return Err(ReportError::Evidence {
                    path: path.to_path_buf(),
                    case: case.id.clone(),
                    found: case.evidence.clone(),
                });
            }
        }
        Ok(report)
    }

    /// Writes the report; a reader at the same time sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// [`ReportError::Write`].
    pub fn store(&self, path: &Path) -> Result<(), ReportError> {
        write_atomically(path, self)
    }
}

/// How a run went, as far as the report itself does not say: what tells a case that is missing from one that was not to run.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// What was selected: a case of these without any trace of a start becomes broken. Empty: not known.
    pub selected: Vec<CaseKey>,
    /// No further case began after this many that were not fine.
    pub max_fail: Option<u32>,
    /// That was asked for by `--fail-fast`, and not by `--max-fail`.
    pub fail_fast: bool,
    /// A skipped case is not fine.
    pub strict: bool,
    /// Somebody ended it (Ctrl-C, SIGTERM) before its end: what has no verdict was interrupted.
    pub interrupted: bool,
}

/// Completes the report of a run with everything that its cases left below `out_dir`.
///
/// A case that was started but has no result, one whose result cannot be read, and a selected one that never started
/// are `broken`, with the reason.
///
/// # Errors
/// [`ReportError::Read`] if the directory of the cases cannot be listed; that it does not exist is no error.
pub fn gather(out_dir: &Path, run: Report, course: &Course) -> Result<Report, ReportError> {
    let mut cases = Vec::new();
    let why = Why::of(course.interrupted, has_no_space(out_dir));
    for folder in case_folders(out_dir)? {
        cases.extend(result_in(out_dir, &folder, why));
    }
    let seen: BTreeSet<String> = cases.iter().map(|case| case.evidence.clone()).collect();
    let unexpected = cases.iter().filter(|case| !case.verdict.is_fine(course.strict)).count();
    let stopped = course.max_fail.filter(|&most| unexpected >= most as usize);
    let option = if course.fail_fast { "--fail-fast" } else { "--max-fail" };
    for key in course.selected.iter().filter(|key| !seen.contains(&key.evidence())) {
        let mut case = CaseResult::new(key, Verdict::Broken);
        case.never_begun = true;
        case.reason = Some(why.never_started().to_owned());
        if let Some(most) = stopped {
            case.verdict = Verdict::Skipped;
            case.reason = Some(format!("not run: {most} before it not as expected, which ends the run ({option})"));
        }
        cases.push(case);
    }
    Ok(assemble(run, cases))
}

/// Puts the cases into the report, sorted and counted, with their flakes, and keeps the known issues that one refers to.
pub(super) fn assemble(mut report: Report, mut cases: Vec<CaseResult>) -> Report {
    cases.sort_by(|a, b| (&a.platform, &a.id, a.round).cmp(&(&b.platform, &b.id, b.round)));
    let referred: BTreeSet<&str> = cases.iter().filter_map(|case| case.known_issue.as_deref()).collect();
    report.known_issues.retain(|issue| referred.contains(issue.id.as_str()));
    report.totals = Totals::of(&cases);
    report.flakes = flakes(&cases);
    report.cases = cases;
    report
}

/// Rounds that were run and disagree: one that the run did not come to says nothing of the case.
fn flakes(cases: &[CaseResult]) -> Vec<Flake> {
    let mut rounds: BTreeMap<(&str, &str), Totals> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.round.is_some() && case.was_run()) {
        rounds.entry((&case.platform, &case.id)).or_default().add(case.verdict);
    }
    rounds
        .into_iter()
        .filter(|(_, totals)| Verdict::ALL.iter().filter(|&&verdict| totals.get(verdict) > 0).count() > 1)
        .map(|((platform, id), totals)| Flake { id: id.into(), platform: platform.into(), totals })
        .collect()
}

/// Folders below `cases/`, and below its `@platform` folders, sorted.
fn case_folders(out_dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut found = Vec::new();
    for path in folders_in(&out_dir.join("cases"))? {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('@')) {
            found.extend(folders_in(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn folders_in(path: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| ReportError::read(path, source))?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| ReportError::read(path, source))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// Why a case has left no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Somebody ended the run.
    Interrupted,
    /// There was no room for it.
    NoSpace,
    /// Nobody knows.
    Unknown,
}

impl Why {
    fn of(interrupted: bool, no_space: bool) -> Why {
        match (interrupted, no_space) {
            (true, _) => Why::Interrupted,
            (false, true) => Why::NoSpace,
            (false, false) => Why::Unknown,
        }
    }

    fn without_verdict(self) -> &'static str {
        match self {
            Why::Interrupted => "interrupted before its verdict",
            Why::NoSpace => "ended without a verdict: no space is left on the disk of the results",
            Why::Unknown => "ended without a verdict (killed?)",
        }
    }

    fn never_started(self) -> &'static str {
        match self {
            Why::Interrupted => "never started: the run was interrupted before its turn",
            Why::NoSpace => "never started: no space is left on the disk of the results",
            Why::Unknown => "never started: the run ended before its turn",
        }
    }
}

/// Whether not even a verdict fits on the disk any more.
fn has_no_space(dir: &Path) -> bool {
    const LEAST_BYTES: u64 = 64 << 10;
    let stat = nix::sys::statvfs::statvfs(dir);
    stat.is_ok_and(|stat| stat.blocks_available().saturating_mul(stat.fragment_size()) < LEAST_BYTES)
}

/// The result that a folder holds; `None` for a folder that no case has touched.
fn result_in(out_dir: &Path, folder: &Path, why: Why) -> Option<CaseResult> {
    let evidence = folder.strip_prefix(out_dir).unwrap_or(folder).to_string_lossy().into_owned();
    let started: Option<CaseKey> = read_json(&folder.join(STARTED_FILE), "mark of a started case").ok();
    let result_file = folder.join(RESULT_FILE);
    let mut result = match read_json::<CaseResult>(&result_file, "result of a case") {
        Ok(result) => result,
        Err(ReportError::Read { .. }) if !result_file.exists() => {
            let key = started?;
            let mut result = CaseResult::new(&key, Verdict::Broken);
            result.reason = Some(why.without_verdict().into());
            result
        }
        Err(error) => {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let key = started.unwrap_or_else(|| CaseKey::new(name, "unknown"));
            let mut result = CaseResult::new(&key, Verdict::Broken);
            result.reason = Some(format!("its result cannot be used: {}", crate::error::chain(&error)));
            result
        }
    };
    // the folder is where the evidence is, whatever the file says
    result.evidence = evidence;
    Some(result)
}

fn read_json<T: DeserializeOwned>(path: &Path, wanted: &'static str) -> Result<T, ReportError> {
    parse(path, &read_bounded(path, LARGEST_RESULT)?, wanted)
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8], wanted: &'static str) -> Result<T, ReportError> {
    serde_json::from_slice(bytes).map_err(|source| ReportError::Parse { path: path.to_path_buf(), wanted, source })
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    match read {
        Err(source) => Err(ReportError::read(path, source)),
        Ok(_) if bytes.len() as u64 > limit => {
            Err(ReportError::read(path, std::io::Error::other(format!("larger than {limit} bytes"))))
        }
        Ok(_) => Ok(bytes),
    }
}

/// Whether `path` is relative and never leaves the directory that it is relative to.
pub(super) fn stays_below(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CaseFolder;

    fn leave(dir: &Path, id: &str, round: Option<u32>, verdict: Verdict) {
        leave_after(dir, id, round, verdict, 1.0);
    }

    fn leave_after(dir: &Path, id: &str, round: Option<u32>, verdict: Verdict, seconds: f64) {
        let key = CaseKey { round, ..CaseKey::new(id, "host") };
        let folder = CaseFolder::new(dir, &key);
        folder.start(&key).unwrap();
        folder.finish(&CaseResult { wall_seconds: seconds, ..CaseResult::new(&key, verdict) }).unwrap();
    }

    #[test]
    fn a_started_case_without_a_result_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let key = CaseKey::new("a::killed", "host");
        CaseFolder::new(dir.path(), &key).start(&key).unwrap();
        let report = gather(dir.path(), Report::new("1"), &Course::default()).unwrap();
        assert_eq!(report.cases[0].id, "a::killed");
        assert_eq!(report.cases[0].reason.as_deref(), Some("ended without a verdict (killed?)"));
        let told = super::super::text::failure(&report.cases[0], "1", "out");
        assert!(told.contains("evidence: out/cases/a.killed/"), "what there was by then is where to look: {told}");
        assert_eq!((report.totals.broken, report.exit_code()), (1, 2));
    }

    #[test]
    fn cases_of_an_interrupted_run_say_that_they_were_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let keys = ["a::started", "b::waiting"].map(|id| CaseKey::new(id, "host"));
        CaseFolder::new(dir.path(), &keys[0]).start(&keys[0]).unwrap();
        let course = Course { interrupted: true, selected: keys.to_vec(), ..Course::default() };
        let report = gather(dir.path(), Report::new("1"), &course).unwrap();
        let reasons: Vec<_> = report.cases.iter().filter_map(|case| case.reason.as_deref()).collect();
        assert_eq!(
            reasons,
            ["interrupted before its verdict", "never started: the run was interrupted before its turn"]
        );
        let told = report.cases.iter().map(|case| super::super::text::failure(case, "1", "out"));
        assert_eq!(told.map(|told| told.contains("evidence:")).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_result_of_an_earlier_run_does_not_hide_a_killed_case() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), "a", None, Verdict::Passed);
        let key = CaseKey::new("a", "host");
        CaseFolder::new(dir.path(), &key).start(&key).unwrap();
        let report = gather(dir.path(), Report::new("1"), &Course::default()).unwrap();
        assert_eq!(report.totals.broken, 1);
    }

    #[test]
    fn half_a_result_is_broken_and_named() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), "a", None, Verdict::Passed);
        std::fs::write(dir.path().join("cases/a").join(RESULT_FILE), b"{\"id\": \"a\"").unwrap();
        let report = gather(dir.path(), Report::new("1"), &Course::default()).unwrap();
        let reason = report.cases[0].reason.clone().unwrap();
        assert!(reason.contains("not a result of a case") && reason.contains("EOF"), "{reason}");
    }

    #[test]
    fn a_selected_case_that_never_started_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), "a", None, Verdict::Passed);
        let course =
            Course { selected: vec![CaseKey::new("a", "host"), CaseKey::new("b", "host")], ..Course::default() };
        let report = gather(dir.path(), Report::new("1"), &course).unwrap();
        assert_eq!((report.totals.passed, report.totals.broken), (1, 1));
    }

    #[test]
    fn what_a_run_that_was_to_stop_early_did_not_begin_is_skipped_and_it_failed() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), "a", None, Verdict::Failed);
        let mut course =
            Course { selected: vec![CaseKey::new("a", "host"), CaseKey::new("b", "host")], ..Course::default() };
        course.max_fail = Some(2);
        let report = gather(dir.path(), Report::new("1"), &course).unwrap();
        assert_eq!((report.totals.failed, report.totals.broken), (1, 1));
        course.max_fail = Some(1);
        let report = gather(dir.path(), Report::new("1"), &course).unwrap();
        assert_eq!((report.totals.failed, report.totals.skipped, report.exit_code()), (1, 1, 1));
        let reason = |report: &Report| report.cases[1].reason.clone().unwrap();
        assert!(reason(&report).starts_with("not run: 1 before it") && reason(&report).ends_with("(--max-fail)"));
        course.fail_fast = true;
        let report = gather(dir.path(), Report::new("1"), &course).unwrap();
        assert!(reason(&report).ends_with("ends the run (--fail-fast)"), "{}", reason(&report));
    }

    #[test]
    fn in_a_strict_run_a_skipped_case_ends_the_run_too_and_what_it_did_not_begin_is_not_broken() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), "a", None, Verdict::Skipped);
        let mut course =
            Course { selected: vec![CaseKey::new("a", "host"), CaseKey::new("b", "host")], ..Course::default() };
        (course.max_fail, course.strict) = (Some(1), true);
        let report = gather(dir.path(), Report::new("1"), &course).unwrap();
        assert_eq!((report.totals.skipped, report.totals.broken), (2, 0));
        course.strict = false;
        assert_eq!(gather(dir.path(), Report::new("1"), &course).unwrap().totals.broken, 1, "nothing had ended it");
    }

    #[test]
    fn a_full_disk_is_no_killer() {
        assert_eq!(
            Why::of(false, true).without_verdict(),
            "ended without a verdict: no space is left on the disk of the results"
        );
        assert_eq!(Why::of(false, true).never_started(), "never started: no space is left on the disk of the results");
        assert_eq!(Why::of(true, true), Why::Interrupted);
        assert!(!has_no_space(Path::new("/nonexistent")), "nothing is known of it");
    }

    #[test]
    fn json_that_is_no_report_is_told_in_words_of_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        for (text, wanted) in [
            ("[]", "not a report: invalid type: sequence, expected a map at line 1"),
            ("7", "not a report: invalid type: integer `7`, expected a map"),
            ("{}", "not a report: missing field `schema`"),
            ("", "not a report: EOF"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = crate::error::chain(&Report::load(&path).unwrap_err());
            assert!(error.contains(wanted) && !error.contains("Head"), "{error}");
        }
    }

    #[test]
    fn no_case_at_all_is_exit_2() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(gather(dir.path(), Report::new("1"), &Course::default()).unwrap().exit_code(), 2);
    }

    #[test]
    fn repetitions_that_disagree_are_a_flake_and_exit_1() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), "steady", Some(1), Verdict::Passed);
        leave(dir.path(), "steady", Some(2), Verdict::Passed);
        leave(dir.path(), "flaky", Some(1), Verdict::Passed);
        leave(dir.path(), "flaky", Some(2), Verdict::Skipped);
        let report = gather(dir.path(), Report::new("1"), &Course::default()).unwrap();
        assert_eq!(report.flakes.len(), 1);
        assert_eq!((report.flakes[0].id.as_str(), report.flakes[0].totals.passed), ("flaky", 1));
        assert_eq!(report.exit_code(), 1);
    }

    #[test]
    fn rounds_that_the_run_did_not_come_to_disagree_with_none() {
        let round = |round| CaseKey { round: Some(round), ..CaseKey::new("a", "host") };
        let selected: Vec<CaseKey> = (1..=4).map(round).collect();
        let course = Course { selected, ..Course::default() };
        for (verdict, course) in [
            (Verdict::Failed, Course { max_fail: Some(1), ..course.clone() }),
            (Verdict::Passed, Course { interrupted: true, ..course.clone() }),
            (Verdict::Passed, course),
        ] {
            let dir = tempfile::tempdir().unwrap();
            leave(dir.path(), "a", Some(1), verdict);
            CaseFolder::new(dir.path(), &round(2)).start(&round(2)).unwrap();
            // too many hangs before it
            leave_after(dir.path(), "a", Some(3), Verdict::Skipped, 0.0);
            let report = gather(dir.path(), Report::new("1"), &course).unwrap();
            assert_eq!((report.totals.all(), report.flakes), (4, Vec::new()), "{course:?}");
        }
    }

    #[test]
    fn exit_codes_are_the_contract() {
        let cases: [(&[Verdict], bool, u8); 8] = [
            (&[Verdict::Passed, Verdict::ExpectedFailure, Verdict::Skipped], false, 0),
            (&[Verdict::Passed, Verdict::Skipped], true, 1),
            (&[Verdict::Passed, Verdict::Failed], false, 1),
            (&[Verdict::UnexpectedPass], false, 1),
            (&[Verdict::Passed, Verdict::Broken], false, 2),
            (&[Verdict::Failed, Verdict::Broken], false, 1),
            (&[], false, 2),
            (&[Verdict::Skipped], false, 0),
        ];
        for (verdicts, strict, wanted) in cases {
            let key = CaseKey::new("a", "host");
            let results = verdicts.iter().map(|&verdict| CaseResult::new(&key, verdict)).collect();
            let run = Report { strict, ..Report::new("1") };
            assert_eq!(assemble(run, results).exit_code(), wanted, "{verdicts:?} strict={strict}");
        }
    }

    #[test]
    fn a_report_comes_back_as_it_went() {
        let dir = tempfile::tempdir().unwrap();
        leave(dir.path(), "a", None, Verdict::ExpectedFailure);
        let report = gather(dir.path(), Report::new("1"), &Course::default()).unwrap();
        let file = dir.path().join("report.json");
        report.store(&file).unwrap();
        assert_eq!(Report::load(&file).unwrap(), report);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "a temporary file was left: {left:?}");
    }

    #[test]
    fn another_schema_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("report.json");
        fs::write(&file, b"{\"schema\": \"bootwright.report/9\"}").unwrap();
        let error = Report::load(&file).unwrap_err();
        assert!(error.to_string().contains("bootwright.report/9"), "{error}");
    }

    #[test]
    fn evidence_outside_the_report_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut case = CaseResult::new(&CaseKey::new("a", "host"), Verdict::Passed);
        for hostile in ["../../etc", "/etc", "", "cases/../../x"] {
            case.evidence = hostile.into();
            let file = dir.path().join("report.json");
            assemble(Report::new("1"), vec![case.clone()]).store(&file).unwrap();
            assert!(matches!(Report::load(&file), Err(ReportError::Evidence { .. })), "{hostile:?}");
        }
    }
}
