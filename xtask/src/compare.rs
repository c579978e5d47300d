//! `cargo xtask compare`: what changed between two runs.

use std::error::Error;
use std::path::{Path, PathBuf};

use bootwright::report::{Report, compare::compare};

/// Compare two runs: new failures, new passes, changed traces, slower boots.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The run before: an output directory, its report.json, or a run id.
    run_a: PathBuf,
    /// The run after.
    run_b: PathBuf,
}

/// Prints the differences and returns the exit status: 1 if there are new failures, 2 if the runs have no case in
/// common, else 0.
///
/// # Errors
/// If one of the reports cannot be read.
pub fn run(args: Args) -> Result<u8, Box<dyn Error>> {
    let before = Report::load(&report_file(&args.run_a)?)?;
    let after = Report::load(&report_file(&args.run_b)?)?;
    let comparison = compare(&before, &after);
    println!("{comparison}");
    Ok(comparison.exit_code())
}

/// The report that `run` means: the file itself, the one in that directory, or the one of a run id.
fn report_file(run: &Path) -> Result<PathBuf, String> {
    let tried =
        [run.to_path_buf(), run.join("report.json"), Path::new("target/bootwright").join(run).join("report.json")];
    tried.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let tried: Vec<String> = tried.iter().map(|path| path.display().to_string()).collect();
        format!("no report of run {:?}; looked at {}", run.display().to_string(), tried.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_run_is_named_with_the_places_that_were_tried() {
        let error = report_file(Path::new("no-such-run")).unwrap_err();
        assert!(error.contains("target/bootwright/no-such-run/report.json"), "{error}");
    }

    #[test]
    fn a_run_is_found_by_its_directory_and_by_its_report() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("report.json");
        std::fs::write(&file, b"{}").unwrap();
        assert_eq!(report_file(dir.path()), Ok(file.clone()));
        assert_eq!(report_file(&file), Ok(file));
    }
}
