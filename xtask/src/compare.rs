//! `cargo xtask compare`: what changed between two runs, or between two platforms.

use std::error::Error;
use std::path::{Path, PathBuf};

use bootwright::report::Report;
use bootwright::report::compare::{compare, compare_by_case, page};

use crate::output::print;
use crate::test::out_dir;

/// Compare two runs, or two platforms: new failures, new passes, changed traces, slower boots.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The run before and, last, the run after: an output directory, its report.json, or a run id. Of more than two all but the last
    /// count as before, so that what is chance there is no change. One alone is compared by two platforms of it.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Only this platform; given twice, the first one of the run before with the second one of the run after.
    #[arg(long = "platform", value_name = "NAME")]
    platforms: Vec<String>,
    /// Match cases by their ids alone, whatever their platform.
    #[arg(long)]
    by_case: bool,
    /// Name the boots that became slower by the guest's clock, by more than this and by more than their own spread (virtual
    /// clock; both sides with --repeat, or several runs).
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    slower: Option<f64>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Write a page for browsers too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Prints the differences and returns the exit status: 1 if there are new failures, or with `--slower` slower boots, 2 if the runs have no case in
/// common, else 0.
///
/// # Errors
/// If one of the reports cannot be read, or has no such platform.
pub fn run(args: Args) -> Result<u8, Box<dyn Error>> {
    let (first, second) = match (args.platforms.as_slice(), args.runs.len()) {
        ([first, second], _) => (Some(first), Some(second)),
        ([one], 2..) => (Some(one), Some(one)),
        ([], 2..) => (None, None),
        (_, 0 | 1) => return Err("one run: wanted two platforms of it, --platform A --platform B".into()),
        _ => return Err("--platform: wanted two at most".into()),
    };
    let side = |run: &PathBuf, platform| -> Result<Report, Box<dyn Error>> {
        let file = report_file(run)?;
        Ok(chosen(&file, platform)?.with_evidence_below(&root(&file)))
    };
    let [earlier @ .., last] = args.runs.as_slice() else { return Err("no run".into()) };
    let mut before = side(args.runs.first().unwrap_or(last), first)?;
    for run in earlier.iter().skip(1) {
        before = before.with_rounds_of(side(run, first)?);
    }
    let after = side(last, second)?;
    let by_case = args.by_case || first != second;
    let mut comparison = if by_case { compare_by_case(&before, &after) } else { compare(&before, &after) };
    if let Some(percent) = args.slower {
        comparison = comparison.with_slower(&before, &after, by_case, percent)?;
    }
    if let Some(file) = &args.html {
        // a browser looks for links beside the page, wherever that is
        let linked = comparison.clone().with_evidence(|folder| match std::path::absolute(&folder) {
            Ok(absolute) => format!("file://{}", absolute.display()),
            Err(_) => folder,
        });
        std::fs::write(file, page(&linked)).map_err(|error| format!("--html {}: {error}", file.display()))?;
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&comparison)?))?;
    } else {
        print(&format!("{comparison}\n"))?;
    }
    Ok(comparison.exit_code())
}

/// `2` or `2%`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse();
    let wanted = || format!("wanted a percentage from 0 to 1000, such as 2%, got {text:?}");
    number.ok().filter(|percent: &f64| (0.0..=1000.0).contains(percent)).ok_or_else(wanted)
}

/// The report, or what it says of one platform.
fn chosen(file: &Path, platform: Option<&String>) -> Result<Report, Box<dyn Error>> {
    let report = Report::load(file)?;
    let Some(name) = platform else { return Ok(report) };
    let known: Vec<String> = report.platforms.iter().map(|platform| platform.name.clone()).collect();
    if !known.contains(name) {
        return Err(format!("{}: no platform \"{name}\"; it has {}", file.display(), known.join(", ")).into());
    }
    Ok(report.on_platform(name))
}

fn root(file: &Path) -> String {
    file.parent().map(|folder| folder.display().to_string()).filter(|folder| !folder.is_empty()).unwrap_or(".".into())
}

/// The report that `run` means: the file itself, the one in that directory, or the one of a run id.
fn report_file(run: &Path) -> Result<PathBuf, String> {
    if run.is_file() {
        return Ok(run.to_path_buf());
    }
    let dir = out_dir::find_run(&run.to_string_lossy()).map_err(|error| error.to_string())?;
    Ok(dir.join("report.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_a_number_with_or_without_its_sign() {
        assert_eq!(["2", "2%", "0.5 %"].map(percent), [Ok(2.0), Ok(2.0), Ok(0.5)]);
        for wrong in ["", "%", "two", "-1", "1001", "NaN", "inf"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_missing_run_is_named_with_the_places_that_were_tried() {
        let error = report_file(Path::new("no-such-run")).unwrap_err();
        assert!(error.contains("target/bootwright/no-such-run has a report.json"), "{error}");
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
