//! Where the results of a run go.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use bootwright::report::Report;

use crate::XtaskError;

/// Below the workspace, where `cargo clean` finds it.
const RUNS: &str = "target/bootwright";

/// What every run leaves.
const REPORT: &str = "report.json";

/// A directory that belongs to this run.
pub struct OutDir {
    /// The directory, absolute.
    pub dir: PathBuf,
    /// Id of the run.
    pub run: String,
}

/// Makes the directory: the one asked for, which must be empty or new, or the next number below `target/bootwright`.
///
/// # Errors
///
/// [`XtaskError`] where it cannot be made or holds something else already.
pub fn claim(wanted: Option<&Path>) -> Result<OutDir, XtaskError> {
    wanted.map_or(Ok(()), |dir| is_text("--out", dir))?;
    let dir = match wanted {
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|error| no_directory(dir, &error))?;
            let entries = fs::read_dir(dir).map_err(|error| XtaskError(format!("--out {}: {error}", dir.display())))?;
            if entries.count() > 0 {
                return Err(XtaskError(format!(
                    "--out {}: the directory is not empty; give a new one, so that no earlier result is lost or mixed in",
                    dir.display()
                )));
            }
            dir.to_path_buf()
        }
        None => next_number(&runs())?,
    };
    let dir = dir.canonicalize().map_err(|error| XtaskError(format!("{}: {error}", dir.display())))?;
    is_text("--out", &dir)?;
    let run = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(OutDir { dir, run })
}

/// What stands where a directory is wanted, since the kernel says of each of them that a file exists.
fn no_directory(dir: &Path, error: &std::io::Error) -> XtaskError {
    let in_the_way = dir.ancestors().find_map(|path| Some((path, fs::symlink_metadata(path).ok()?.file_type())));
    let what = match in_the_way {
        Some((path, kind)) if kind.is_symlink() => format!("{} is a link that leads to no directory", path.display()),
        Some((path, kind)) if !kind.is_dir() => format!("{} is no directory", path.display()),
        _ => "cannot make it".to_owned(),
    };
    XtaskError(format!("--out {}: {what}: {error}", dir.display()))
}

/// Paths travel through an environment, a command line and a report, which are text.
///
/// # Errors
///
/// [`XtaskError`] names the flag and the path.
pub fn is_text(flag: &str, path: &Path) -> Result<(), XtaskError> {
    let problem = || XtaskError(format!("{flag} {path:?}: not UTF-8; give a path without such characters"));
    path.to_str().map(drop).ok_or_else(problem)
}

/// The directory that holds numbered runs.
pub fn runs() -> PathBuf {
    workspace().join(RUNS)
}

/// The directory of a run: that directory, that of its report, or the run of that number, wherever the caller stands.
///
/// # Errors
///
/// [`XtaskError`] names the places that were looked at.
pub fn find_run(run: &str) -> Result<PathBuf, XtaskError> {
    run_below(run, &runs())
}

fn run_below(run: &str, runs: &Path) -> Result<PathBuf, XtaskError> {
    let named = Path::new(run);
    let folder = match named.file_name() {
        // beside nothing but its name it is in the current directory
        Some(name) if name == REPORT => {
            named.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."))
        }
        _ => named,
    };
    let found = [folder.to_owned(), runs.join(run)].into_iter().find(|dir| dir.join(REPORT).is_file());
    found.ok_or_else(|| {
        let places = match named.is_absolute() {
            true => format!("there is no {REPORT}"),
            false => format!("neither {} nor {} has a {REPORT}", folder.display(), runs.join(run).display()),
        };
        let fix = format!("give a run's directory, or its number below {}", runs.display());
        XtaskError(format!("no run \"{run}\": {places}\n  fix: {fix}"))
    })
}

/// How many runs with a number are asked what a case takes.
const LATE_RUNS: usize = 5;

/// A run of fewer cases asks the last one alone: to read the reports would take longer than their order saves.
const MANY_CASES: usize = 30;

/// What earlier runs of this tree tell a run of so many cases; nothing where there are none.
pub fn past(cases: usize) -> Past {
    Past::of(&late_reports(&runs(), if cases < MANY_CASES { 1 } else { LATE_RUNS }))
}

/// The reports of so many last runs with a number, the latest first. One that was killed has left none.
fn late_reports(runs: &Path, most: usize) -> Vec<Report> {
    let names = fs::read_dir(runs).into_iter().flatten();
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut numbers: Vec<(u32, String)> = names.filter_map(|name| Some((name.parse().ok()?, name))).collect();
    numbers.sort();
    let reports = numbers.iter().rev().filter_map(|(_, name)| Report::load(&runs.join(name).join(REPORT)).ok());
    reports.take(most).collect()
}

/// What earlier runs tell of cases, by their ids.
#[derive(Debug, Default)]
pub struct Past {
    /// Those that were not as expected in the last run.
    pub failed: HashSet<String>,
    /// What each took when it ran last, in seconds of the host's clock.
    pub seconds: HashMap<String, f64>,
}

impl Past {
    /// Of reports, the latest first.
    fn of(reports: &[Report]) -> Past {
        let mut past = Past::default();
        if let Some(last) = reports.first() {
            let failed = last.cases.iter().filter(|case| !case.verdict.is_as_expected());
            past.failed = failed.map(|case| case.id.clone()).collect();
        }
        for case in reports.iter().flat_map(|report| &report.cases).filter(|case| case.was_run()) {
            past.seconds.entry(case.id.clone()).or_insert(case.wall_seconds);
        }
        past
    }
}

/// The workspace that this program was built from.
pub fn workspace() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Claims the next free number; two runs that begin together get different ones.
fn next_number(runs: &Path) -> Result<PathBuf, XtaskError> {
    let fix = "give another place for the results: --out DIR";
    let problem = |error: std::io::Error| {
        XtaskError(format!("cannot make a directory in {}: {error}\n  fix: {fix}", runs.display()))
    };
    fs::create_dir_all(runs).map_err(problem)?;
    let taken = fs::read_dir(runs).map_err(problem)?;
    let taken = taken.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let mut number = taken.max().unwrap_or(0) + 1;
    loop {
        let dir = runs.join(format!("{number:04}"));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(problem(error)),
        }
    }
}

/// A path as a reader would type it: relative to the current directory where it lies below.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_in_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("report.json"), "{}").unwrap();
        assert!(claim(Some(dir.path())).err().unwrap().to_string().contains("not empty"));
    }

    #[test]
    fn what_stands_in_the_way_of_a_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "").unwrap();
        std::os::unix::fs::symlink(path("nowhere/at-all"), path("dangling")).unwrap();
        std::os::unix::fs::symlink(path("loop"), path("loop")).unwrap();
        for (out, wanted) in [
            ("file", "file is no directory: "),
            ("file/below", "file is no directory: "),
            ("dangling", "dangling is a link that leads to no directory: "),
            ("loop", "loop is a link that leads to no directory: "),
        ] {
            let error = claim(Some(&path(out))).err().unwrap().to_string();
            assert!(error.starts_with("--out ") && error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_path_that_is_no_text_is_refused_before_it_is_made() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(std::ffi::OsStr::from_bytes(b"out-\xff"));
        let error = claim(Some(&odd)).err().unwrap().to_string();
        assert!(error.starts_with("--out \"") && error.contains("out-\\xFF\": not UTF-8"), "{error}");
        assert!(!odd.exists());
    }

    #[test]
    fn the_last_runs_that_left_a_report_tell_what_failed_and_how_long_each_case_took() {
        use bootwright::report::{CaseFolder, CaseKey, CaseResult, Course, Report, Verdict, gather};
        let dir = tempfile::tempdir().unwrap();
        let nothing = Past::of(&late_reports(dir.path(), LATE_RUNS));
        assert!(nothing.failed.is_empty() && nothing.seconds.is_empty());
        for (number, verdict, seconds) in [("0009", Verdict::Failed, 3.0), ("0010", Verdict::Broken, 5.0)] {
            let out = dir.path().join(number);
            for (id, verdict) in [(format!("of-{number}"), verdict), ("fine".to_owned(), Verdict::Passed)] {
                let key = CaseKey::new(id, "host");
                let mut result = CaseResult::new(&key, verdict);
                result.wall_seconds = seconds;
                CaseFolder::new(&out, &key).finish(&result).unwrap();
            }
            gather(&out, Report::new(number), &Course::default()).unwrap().store(&out.join("report.json")).unwrap();
        }
        fs::create_dir(dir.path().join("0011")).unwrap();
        assert!(!Past::of(&late_reports(dir.path(), 1)).seconds.contains_key("of-0009"));
        let past = Past::of(&late_reports(dir.path(), LATE_RUNS));
        assert_eq!(past.failed, HashSet::from(["of-0010".to_owned()]));
        let seconds = [("of-0009", 3.0), ("of-0010", 5.0), ("fine", 5.0)].map(|(id, seconds)| (id.to_owned(), seconds));
        assert_eq!(past.seconds, HashMap::from(seconds));
    }

    #[test]
    fn a_run_is_found_by_its_directory_its_report_and_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let (runs, run) = (dir.path().join("runs"), dir.path().join("runs/0007"));
        fs::create_dir_all(&run).unwrap();
        fs::write(run.join(REPORT), "{}").unwrap();
        for word in ["0007", run.to_str().unwrap(), run.join(REPORT).to_str().unwrap()] {
            assert_eq!(run_below(word, &runs).unwrap(), run, "{word}");
        }
        let error = run_below("0008", &runs).unwrap_err().to_string();
        assert!(error.contains("runs/0008 has a report.json\n  fix: give a run's directory"), "{error}");
        for word in [dir.path().join("0008"), dir.path().join("0008").join(REPORT)] {
            let error = run_below(word.to_str().unwrap(), &runs).unwrap_err().to_string();
            let wanted = format!("no run \"{}\": there is no report.json\n  fix: give", word.display());
            assert!(error.starts_with(&wanted), "{error}");
        }
    }

    #[test]
    fn where_no_directory_can_be_made_another_place_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let error = next_number(&dir.path().join("file/runs")).unwrap_err().to_string();
        assert!(
            error.contains("Not a directory") && error.contains("\n  fix: ") && error.ends_with("--out DIR"),
            "{error}"
        );
    }

    #[test]
    fn numbers_count_up_and_are_never_given_twice() {
        let dir = tempfile::tempdir().unwrap();
        let numbers: Vec<_> = (0..3).map(|_| next_number(dir.path()).unwrap()).collect();
        assert_eq!(numbers[2], dir.path().join("0003"));
    }
}
