//! One report out of the reports of several shards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::json::assemble;
use super::{KnownIssueInfo, PlatformInfo, Report, ReportError, Run};

/// Why reports cannot be merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("no report to merge; name the output directories of the shards")]
    Nothing,
    /// A report could not be read or written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A case is in two reports.
    #[error(
        "case {case:?} on platform {platform:?} is in {} and in {}; are these shards of one run?",
        first.display(),
        second.display()
    )]
    Duplicate {
        /// Id of the case.
        case: String,
        /// Platform it ran on.
        platform: String,
        /// Where it was first.
        first: PathBuf,
        /// Where it was again.
        second: PathBuf,
    },
    /// Two shards ran on platforms of one name that are not the same.
    #[error(
        "platform {name:?} is {one} in {} and {other} in {}; merge only runs of the same builds",
        first.display(),
        second.display()
    )]
    Platform {
        /// Name of the platform.
        name: String,
        /// What it is in the first.
        one: String,
        /// What it is in the second.
        other: String,
        /// Where it was first.
        first: PathBuf,
        /// Where it was again.
        second: PathBuf,
    },
}

/// Merges the reports in `shards` (their output directories) and brings their evidence to `out_dir`.
///
/// Evidence files are linked where the file system allows and copied elsewhere; symbolic links are left out. Paths stay
/// as they are, except that cases of several platforms get the platform's folder in front. Nothing is written before
/// every report has been read and checked.
///
/// # Errors
/// [`MergeError`] if a report is missing or damaged, a case is there twice, or platforms of one name differ.
pub fn merge(out_dir: &Path, shards: &[PathBuf]) -> Result<Report, MergeError> {
    let mut reports = Vec::new();
    for shard in shards {
        reports.push((shard.as_path(), Report::load(&shard.join("report.json"))?));
    }
    let platforms = same_platforms(&reports)?;
    let first = reports.first().map(|(_, report)| report).ok_or(MergeError::Nothing)?;
    let mut run = Run::new(first.run.clone());
    run.started = reports.iter().map(|(_, report)| report.started.clone()).min().unwrap_or_default();
    run.wall_seconds = reports.iter().map(|(_, report)| report.wall_seconds).fold(0.0, f64::max);
    run.jobs = reports.iter().map(|(_, report)| report.jobs).sum();
    run.host = first.host.clone();
    run.suite = first.suite.clone();
    run.seed = first.seed;
    let issues = reports.iter().flat_map(|(_, report)| &report.known_issues);
    let issues: BTreeMap<String, KnownIssueInfo> = issues.map(|issue| (issue.id.clone(), issue.clone())).collect();
    run.known_issues = issues.into_values().collect();
    run.platforms = platforms;
    let several = run.platforms.len() > 1;

    let mut seen: BTreeMap<(String, String, Option<u32>), &Path> = BTreeMap::new();
    let mut moves = Vec::new();
    let mut cases = Vec::new();
    for (shard, report) in &reports {
        for case in &report.cases {
            let key = (case.platform.clone(), case.id.clone(), case.round);
            if let Some(first) = seen.insert(key, shard) {
                return Err(MergeError::Duplicate {
                    case: case.id.clone(),
                    platform: case.platform.clone(),
                    first: first.to_path_buf(),
                    second: shard.to_path_buf(),
                });
            }
            let mut case = case.clone();
            let from = shard.join(&case.evidence);
            let mut key = case.key();
            key.several_platforms |= several;
            case.evidence = key.evidence();
            moves.push((from, out_dir.join(&case.evidence)));
            cases.push(case);
        }
    }
    for (from, to) in moves {
        bring(&from, &to)?;
    }
    Ok(assemble(run, cases))
}

fn same_platforms(reports: &[(&Path, Report)]) -> Result<Vec<PlatformInfo>, MergeError> {
    let mut platforms: BTreeMap<&str, (&Path, &PlatformInfo)> = BTreeMap::new();
    for (shard, report) in reports {
        for platform in &report.platforms {
            let (first, known) = *platforms.entry(&platform.name).or_insert((shard, platform));
            if digests(known) != digests(platform) {
                let in_short = |platform: &PlatformInfo| {
                    format!("QEMU {} {}", platform.qemu.version, platform.qemu.sha256.get(..12).unwrap_or_default())
                };
                return Err(MergeError::Platform {
                    name: platform.name.clone(),
                    one: in_short(known),
                    other: in_short(platform),
                    first: first.to_path_buf(),
                    second: shard.to_path_buf(),
                });
            }
        }
    }
    Ok(platforms.into_values().map(|(_, platform)| platform.clone()).collect())
}

/// Paths may differ between hosts; what they hold may not.
fn digests(platform: &PlatformInfo) -> Vec<&str> {
    let mut digests: Vec<&str> = platform.firmware.iter().map(|file| file.sha256.as_str()).collect();
    digests.sort_unstable();
    digests.insert(0, &platform.qemu.sha256);
    digests
}

/// Links or copies the files below `from`; that there is no such folder is no error, since a case may leave none.
fn bring(from: &Path, to: &Path) -> Result<(), ReportError> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| ReportError::read(from, source))?,
    };
    fs::create_dir_all(to).map_err(|source| ReportError::write(to, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| ReportError::read(from, source))?;
        let kind = entry.file_type().map_err(|source| ReportError::read(&entry.path(), source))?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            bring(&entry.path(), &target)?;
        } else if kind.is_file() && fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), &target).map_err(|source| ReportError::write(&target, source))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CaseFolder, sample};

    /// Shard directories with every second case of a sample each.
    fn shards(dir: &Path) -> Vec<PathBuf> {
        let whole = sample::report(40);
        let store = |number: usize| {
            let out = dir.join(format!("shard-{number}"));
            let mut report = whole.clone();
            report.cases = whole.cases.iter().skip(number).step_by(2).cloned().collect();
            for case in &report.cases {
                CaseFolder::new(&out, &case.key()).finish(case).unwrap();
            }
            report.store(&out.join("report.json")).unwrap();
            out
        };
        vec![store(0), store(1)]
    }

    #[test]
    fn the_parts_make_the_whole_with_its_evidence() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("whole");
        let merged = merge(&out, &shards(dir.path())).unwrap();
        let whole = sample::report(40);
        assert_eq!((&merged.cases, merged.totals), (&whole.cases, whole.totals));
        assert_eq!(merged.jobs, 4);
        for case in &merged.cases {
            assert!(out.join(&case.evidence).join("verdict.json").exists(), "{}", case.evidence);
        }
    }

    #[test]
    fn a_case_that_is_there_twice_is_named_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let shards = shards(dir.path());
        let error = merge(&dir.path().join("whole"), &[shards[0].clone(), shards[0].clone()]).unwrap_err();
        assert!(matches!(error, MergeError::Duplicate { .. }), "{error}");
        assert!(!dir.path().join("whole").exists());
    }

    #[test]
    fn another_build_under_the_same_name_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let shards = shards(dir.path());
        let mut other = Report::load(&shards[1].join("report.json")).unwrap();
        other.platforms[0].qemu.sha256 = "cd".repeat(32);
        other.store(&shards[1].join("report.json")).unwrap();
        let error = merge(&dir.path().join("whole"), &shards).unwrap_err();
        assert!(matches!(error, MergeError::Platform { .. }), "{error}");
    }

    #[test]
    fn no_shard_and_a_missing_report_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(merge(dir.path(), &[]), Err(MergeError::Nothing)));
        let error = merge(dir.path(), &[dir.path().join("none")]).unwrap_err();
        assert!(error.to_string().contains("report.json"), "{error}");
    }
}
