//! Where the results of a run go.

use std::collections::HashSet;
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
        XtaskError(format!(
            "no run \"{run}\": neither {} nor {} has a {REPORT}\n  fix: give a run's directory, or its number below {}",
            folder.display(),
            runs.join(run).display(),
            runs.display()
        ))
    })
}

/// Ids of the cases that were not as expected in the last run with a number; none where there is no such run.
pub fn failed_in_last_run() -> HashSet<String> {
    last_report(&runs()).map(|report| unexpected(&report)).unwrap_or_default()
}

fn last_report(runs: &Path) -> Option<Report> {
    let names = fs::read_dir(runs).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut numbers: Vec<(u32, String)> = names.filter_map(|name| Some((name.parse().ok()?, name))).collect();
    numbers.sort();
    // one that was killed has left none
    numbers.iter().rev().find_map(|(_, name)| Report::load(&runs.join(name).join("report.json")).ok())
}

fn unexpected(report: &Report) -> HashSet<String> {
    let cases = report.cases.iter().filter(|case| !case.verdict.is_as_expected());
    cases.map(|case| case.id.clone()).collect()
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
    fn the_last_run_that_left_a_report_tells_what_failed() {
        use bootwright::report::{CaseFolder, CaseKey, CaseResult, Course, Report, Verdict, gather};
        let dir = tempfile::tempdir().unwrap();
        assert!(last_report(dir.path()).is_none());
        for (number, verdict) in [("0009", Verdict::Failed), ("0010", Verdict::Broken)] {
            let out = dir.path().join(number);
            for (id, verdict) in [(format!("of-{number}"), verdict), ("fine".to_owned(), Verdict::Passed)] {
                let key = CaseKey::new(id, "host");
                CaseFolder::new(&out, &key).finish(&CaseResult::new(&key, verdict)).unwrap();
            }
            gather(&out, Report::new(number), &Course::default()).unwrap().store(&out.join("report.json")).unwrap();
        }
        fs::create_dir(dir.path().join("0011")).unwrap();
        let failed = unexpected(&last_report(dir.path()).unwrap());
        assert_eq!(failed, HashSet::from(["of-0010".to_owned()]));
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
