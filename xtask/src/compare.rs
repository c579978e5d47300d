//! `cargo xtask compare`: what changed between two runs, or between two platforms.

use std::error::Error;
use std::path::{Path, PathBuf};

use bootwright::report::Report;
use bootwright::report::compare::{compare, compare_by_case, page};
use bootwright::report::html::url_escaped;
use bootwright::report::read_again::read_both_again;
use bootwright::run::MachineFile;

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
    /// clock; the run after with --repeat; before, --repeat or several runs).
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    slower: Option<f64>,
    /// Read the evidence of all runs again by this version's reader, so that what it has learned since is no changed trace. Verdicts stay
    /// as the runs gave them.
    #[arg(long)]
    read_again: bool,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Write a page for browsers too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Prints the differences and returns the exit status: 1 if there are new failures, or with `--slower` slower boots, else 0.
///
/// # Errors
/// If one of the reports cannot be read, or has no such platform, or they have no case in common.
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
    let mut after = side(last, second)?;
    let read_again = args.read_again.then(|| read_both_again(&mut before, &mut after));
    let by_case = args.by_case || first != second;
    let mut comparison = if by_case { compare_by_case(&before, &after) } else { compare(&before, &after) };
    if comparison.common == 0 {
        return Err(nothing_in_common(&before, &after).into());
    }
    comparison.read_again = read_again;
    if let Some(percent) = args.slower {
        comparison = comparison.with_slower(&before, &after, by_case, percent)?;
    }
    let comparison = comparison.with_stories(|folder| MachineFile::steps(Path::new(folder)));
    // what was never started has left nothing to see, and a report that was copied alone has none of it
    let comparison = comparison.with_evidence(|folder| Path::new(&folder).is_dir().then_some(folder));
    if let Some(file) = &args.html {
        // a browser looks for links beside the page, wherever that is
        let linked = comparison.clone().with_evidence(|folder| match std::path::absolute(&folder) {
            Ok(absolute) => Some(format!("file://{}", url_escaped(&absolute.to_string_lossy()))),
            Err(_) => Some(folder),
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

/// Says what to ask for instead, where that would help.
fn nothing_in_common(before: &Report, after: &Report) -> String {
    let names = |report: &Report| report.platforms.iter().map(|platform| platform.name.clone()).collect::<Vec<_>>();
    let help = match (compare_by_case(before, after).common, names(before).first(), names(after).first()) {
        (0, ..) => "compare runs of the same cases".to_owned(),
        (same, Some(one), Some(other)) => {
            format!("ids in common on other platforms: {same}: give --by-case, or --platform {one} --platform {other}")
        }
        (same, ..) => format!("ids in common on other platforms: {same}: give --by-case"),
    };
    format!("the runs have no case in common\n  fix: {help}")
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
    use bootwright::report::{CaseFolder, CaseKey, CaseResult, Course, Verdict, gather};

    use super::*;

    #[test]
    fn a_percentage_is_a_number_with_or_without_its_sign() {
        assert_eq!(["2", "2%", "0.5 %"].map(percent), [Ok(2.0), Ok(2.0), Ok(0.5)]);
        for wrong in ["", "%", "two", "-1", "1001", "NaN", "inf"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }

    /// A run of one case, stored; its folder.
    fn run_of(dir: &Path, name: &str, id: &str, platform: &str, verdict: Verdict) -> PathBuf {
        let out = dir.join(name);
        let key = CaseKey::new(id, platform);
        if verdict != Verdict::Broken {
            CaseFolder::new(&out, &key).finish(&CaseResult::new(&key, verdict)).unwrap();
        }
        std::fs::create_dir_all(&out).unwrap();
        let course = Course { selected: vec![key], ..Course::default() };
        gather(&out, Report::new(name), &course).unwrap().store(&out.join("report.json")).unwrap();
        out
    }

    fn args(words: &[&Path]) -> Args {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let words = std::iter::once(Path::new("compare")).chain(words.iter().copied());
        <Line as clap::Parser>::parse_from(words).args
    }

    #[test]
    fn runs_without_a_common_case_are_an_error_that_says_what_helps() {
        let dir = tempfile::tempdir().unwrap();
        let one = run_of(dir.path(), "one", "a", "host", Verdict::Passed);
        for (id, platform, help) in [
            ("b", "host", "fix: compare runs of the same cases"),
            ("a", "apt", "fix: ids in common on other platforms: 1: give --by-case"),
        ] {
            let other = run_of(dir.path(), id, id, platform, Verdict::Passed);
            for slower in [&[][..], &[Path::new("--slower"), Path::new("2%")]] {
                let error = run(args(&[&[one.as_path(), &other], slower].concat())).unwrap_err().to_string();
                assert!(error.starts_with("the runs have no case in common\n") && error.contains(help), "{error}");
            }
        }
    }

    #[test]
    fn the_evidence_of_what_never_started_is_not_named() {
        let dir = tempfile::tempdir().unwrap();
        let one = run_of(dir.path(), "one", "a", "host", Verdict::Passed);
        let other = run_of(dir.path(), "other", "a", "host", Verdict::Broken);
        let page = dir.path().join("page.html");
        assert_eq!(run(args(&[&one, &other, Path::new("--html"), &page])).unwrap(), 1);
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("/one/cases/a") && !page.contains("/other/cases/a"), "{page}");
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
