//! A crate of cases as a test binary: what its environment asks for, what runs, and what is said to whoever asks.
//!
//! A crate of cases has a test target without libtest's harness, called `boot`, whose `main` is [`main`]. `cargo test`, `cargo
//! nextest` and `cargo xtask test` then run the same cases in the same way. Owns the [`Settings`], the jobs that cases make, and
//! the classification of a finished case by known issues; never knows a particular case.
//!
//! ```no_run
//! # fn cases() -> Vec<bootwright::case::Case> { Vec::new() }
//! fn main() -> std::process::ExitCode {
//!     let known_issues = ""; // or include_str!("known-issues.toml")
//!     bootwright::suite::main(cases(), known_issues)
//! }
//! ```

mod jobs;
mod question;
mod room;
mod runner;
mod settings;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::{Case, Tier, file};
use crate::machine::Firmware;
use crate::verdict::known_issues::KnownIssues;

pub use jobs::{Job, Listed, jobs};
pub use question::{Catalogue, Question};
pub use runner::{Runner, default_platform};
pub use settings::{AcceleratorChoice, Settings, SettingsError, Wanted, WarmChoice, imitates_fixed_prelaunch};

/// Name of the file in the output directory that lists a run's tests.
pub const SELECTION_FILE: &str = "selection.txt";

/// How errors name the known issues that are built into a binary.
const BUILT_IN: &str = "known-issues.toml";

/// Runs the cases that the environment and the command line choose; list, exact, ignored and thread options are cargo's own.
///
/// Cases outside the selected suite are listed as ignored; `--include-ignored` runs them too. `known_issues` is the text of the
/// crate's file of known issues (`docs/known-issues.md`), empty where there are none.
pub fn main(cases: Vec<Case>, known_issues: &str) -> ExitCode {
    if let Err(error) = all_text(std::env::vars_os()) {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    let outcome = match Question::asked(|name| std::env::var(name).ok()) {
        Some(question) => question::answer(&question, cases, known_issues),
        None => run(cases, known_issues),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(2)
    })
}

/// A variable of ours that cannot be read must not be taken for one that is not set: another suite would run.
fn all_text(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<(), String> {
    for (name, value) in variables {
        if name.to_string_lossy().starts_with("BOOTWRIGHT_") && (name.to_str().is_none() || value.to_str().is_none()) {
            return Err(format!(
                "{}={value:?}: not UTF-8; give a value that is, a path without such characters",
                name.to_string_lossy()
            ));
        }
    }
    Ok(())
}

fn run(cases: Vec<Case>, known_issues: &str) -> Result<ExitCode, String> {
    let arguments = Arguments::from_args();
    let settings = settings()?;
    let known_issues = read_known_issues(&settings, known_issues)?;
    let cases = chosen(cases, &settings)?;
    let jobs = match &settings.selection {
        None => jobs(cases, &settings, None),
        Some(path) => {
            let names = std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read the selection {}: {error}", path.display()))?;
            selected(cases, &settings, &names)
        }
    };
    let uefi = jobs.iter().filter(|job| job.selected && job.case.machine.firmware == Firmware::Ovmf).count();
    let runner = Arc::new(Runner::new(settings, known_issues, uefi));
    let trials = jobs.into_iter().map(|job| {
        let runner = runner.clone();
        let (name, ignored) = (job.name(), !job.selected);
        Trial::test(name, move || runner.run(&job).map_err(Failed::from)).with_ignored_flag(ignored)
    });
    Ok(libtest_mimic::run(&arguments, trials.collect()).exit_code())
}

/// The jobs of these names, one on each line, in their order.
fn selected(cases: Vec<Case>, settings: &Settings, names: &str) -> Vec<Job> {
    let places: HashMap<&str, usize> = names.lines().enumerate().map(|(place, name)| (name, place)).collect();
    let ids: HashSet<&str> = names.lines().map(jobs::id_of).collect();
    let all = jobs(cases, settings, Some(&ids)).into_iter();
    let mut placed: Vec<(usize, Job)> = all.filter_map(|job| Some((*places.get(job.name().as_str())?, job))).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, job)| job).collect()
}

/// The cases that there are: those of the settings' files, or the binary's own. Whoever names a file wants its case, long or not.
fn chosen(own: Vec<Case>, settings: &Settings) -> Result<Vec<Case>, String> {
    if settings.case_files.is_empty() {
        return Ok(own);
    }
    let mut cases = file::read_all(&settings.case_files).map_err(|error| crate::error::chain(&error))?;
    for case in &mut cases {
        if matches!(case.tier, Tier::Long(_)) {
            case.tier = Tier::Default;
        }
    }
    Ok(cases)
}

fn settings() -> Result<Settings, String> {
    Settings::read(|name| std::env::var(name).ok()).map_err(|error| error.to_string())
}

/// The known issues that the settings name, or the crate's own.
fn read_known_issues(settings: &Settings, own: &str) -> Result<KnownIssues, String> {
    let (text, name) = match &settings.known_issues {
        None => (own.to_owned(), BUILT_IN.to_owned()),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            (text.map_err(|error| format!("cannot read {}: {error}", path.display()))?, path.display().to_string())
        }
    };
    KnownIssues::parse(&text, &name).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use crate::case::Suite;

    use super::*;

    #[test]
    fn of_many_rounds_those_that_are_named_run_in_the_order_of_their_names() {
        let settings = Settings { repeat: 2000, suite: Suite::Full, ..Settings::new(std::path::PathBuf::new()) };
        let cases = ["a::b", "a::b~c", "d"].map(Case::new).to_vec();
        let names = |text: &str| selected(cases.clone(), &settings, text).iter().map(Job::name).collect::<Vec<_>>();
        assert_eq!(names("d~2\na::b~1999\ncontrol::d~1\n"), ["d~2", "a::b~1999", "control::d~1"]);
        assert_eq!(names("a::b~c~7"), ["a::b~c~7"]);
        assert!(names("a::b\nd~2001").is_empty());
    }

    #[test]
    fn files_take_the_place_of_the_binarys_own_cases_and_a_long_case_runs_where_its_file_is_named() {
        let own = || vec![Case::new("own::case")];
        let mut settings = Settings::new("out".into());
        assert_eq!(chosen(own(), &settings).unwrap(), own());
        let folder = tempfile::tempdir().unwrap();
        let long = Case::new("a::long").long("an OVMF boot is slow");
        let long = long.machine(crate::machine::Machine::pc(crate::machine::Firmware::SeaBios));
        let text =
            file::write(&long.expect(crate::verdict::Expectation::nothing_boots([])), file::Format::Toml).unwrap();
        std::fs::write(folder.path().join("a.toml"), text).unwrap();
        settings.case_files = vec![folder.path().to_owned()];
        let cases = chosen(own(), &settings).unwrap();
        assert_eq!((cases.len(), cases[0].id.as_str(), &cases[0].tier), (1, "a::long", &Tier::Default));
        settings.case_files = vec![folder.path().join("b.toml")];
        assert!(chosen(own(), &settings).unwrap_err().contains("b.toml"));
    }

    #[test]
    fn a_variable_that_is_no_text_is_named_and_those_of_others_do_not_matter() {
        let odd = || OsString::from_vec(b"/tmp/\xff".to_vec());
        let one = |name: &str| all_text([(OsString::from(name), odd())].into_iter());
        assert_eq!(one("EDITOR"), Ok(()));
        let error = one("BOOTWRIGHT_OUT").unwrap_err();
        assert!(error.starts_with("BOOTWRIGHT_OUT=\"/tmp/\\xFF\": not UTF-8"), "{error}");
    }
}
