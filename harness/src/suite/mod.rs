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

mod choice;
mod hangs;
mod jobs;
mod question;
mod room;
mod runner;
mod settings;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::machine::{Firmware, Machine};
use crate::platform::Architecture;
use crate::process::{adopt_strays, end_all, end_by, end_strays, on_end_signals};
use choice::{chosen, read_known_issues, selected, settings};

pub use jobs::{Job, Listed, jobs};
pub use question::{Catalogue, LIST_COMMAND, Question};
pub use runner::{Amount, Runner, default_platform};
pub use settings::{AcceleratorChoice, Settings, SettingsError, Wanted, WarmChoice, imitates_fixed_prelaunch};

/// Name of the file in the output directory that lists a run's tests.
pub const SELECTION_FILE: &str = "selection.txt";

/// Runs the cases that the environment and the command line choose; list, exact, ignored and thread options are cargo's own.
///
/// Cases outside the selected suite are listed as ignored; `--include-ignored` runs them too. `known_issues` is the text of the
/// crate's file of known issues (`docs/known-issues.md`), empty where there are none.
pub fn main(cases: Vec<Case>, known_issues: &str) -> ExitCode {
    if let Err(error) = all_text(std::env::vars_os()) {
        say(&format!("error: {error}"));
        return ExitCode::from(2);
    }
    let outcome = match Question::asked(|name| std::env::var(name).ok()) {
        Some(question) => question::answer(&question, cases, known_issues),
        None => run(cases, known_issues),
    };
    outcome.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        ExitCode::from(2)
    })
}

/// Notes a line on standard error; on a full disk it is lost, and nothing else.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
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

/// Whether a machine's firmware is one that machines start warm with.
fn starts_warm(machine: &Machine) -> bool {
    machine.firmware == Firmware::Ovmf && machine.board.facts().architecture == Architecture::X86_64
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
    let selected = jobs.iter().filter(|job| job.selected);
    let uefi = selected.clone().filter(|job| starts_warm(&job.case.machine)).count();
    let runner = Arc::new(Runner::new(settings, known_issues, Amount { all: selected.count(), uefi }));
    let trials = jobs.into_iter().map(|job| {
        let runner = runner.clone();
        let (name, ignored) = (job.name(), !job.selected);
        Trial::test(name, move || runner.run(&job).map_err(Failed::from)).with_ignored_flag(ignored)
    });
    adopt_strays();
    on_end_signals(|signal| {
        end_all();
        end_by(signal);
    });
    let exit = libtest_mimic::run(&arguments, trials.collect()).exit_code();
    // a wrapper of QEMU may have left something running in a session of its own
    end_strays();
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_variable_that_is_no_text_is_named_and_those_of_others_do_not_matter() {
        let odd = || OsString::from_vec(b"/tmp/\xff".to_vec());
        let one = |name: &str| all_text([(OsString::from(name), odd())].into_iter());
        assert_eq!(one("EDITOR"), Ok(()));
        let error = one("BOOTWRIGHT_OUT").unwrap_err();
        assert!(error.starts_with("BOOTWRIGHT_OUT=\"/tmp/\\xFF\": not UTF-8"), "{error}");
    }
}
