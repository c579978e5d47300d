//! The boot cases as cargo tests: list, exact, ignored and thread options are cargo's own.
//!
//! Cases outside the selected suite are listed as ignored; `--include-ignored` runs them too.

use std::collections::HashSet;
use std::process::ExitCode;
use std::sync::Arc;

use bootwright_cases::runner::{Runner, jobs};
use bootwright_cases::settings::Settings;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let settings = match Settings::read(|name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let mut trials = jobs(&settings);
    if let Some(path) = &settings.selection {
        let names = match std::fs::read_to_string(path) {
            Ok(names) => names,
            Err(error) => {
                eprintln!("error: cannot read the selection {}: {error}", path.display());
                return ExitCode::from(2);
            }
        };
        let names: HashSet<&str> = names.lines().collect();
        trials.retain(|job| names.contains(job.name().as_str()));
    }
    let runner = Arc::new(Runner::new(settings));
    let trials = trials.into_iter().map(|job| {
        let runner = runner.clone();
        let (name, ignored) = (job.name(), !job.selected);
        Trial::test(name, move || runner.run(&job).map_err(Failed::from)).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
