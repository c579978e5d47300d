//! `cargo xtask qualify`: one run on several platforms, held to a profile, with a cover page.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bootwright::platform::PlatformName;
use bootwright::report::qualify::{self, Profile, qualify};
use bootwright::report::{Report, timestamp};

use crate::XtaskError;
use crate::output::tell;
use crate::test;

/// Options of `cargo xtask qualify`.
#[derive(clap::Args)]
#[group(skip)] // its name would be that of the options it takes in
pub struct Args {
    /// What is to be signed off (TOML): platforms, suite, filters, required, baseline, waivers; options on the command line
    /// replace its platforms, suite and filters
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    #[command(flatten)]
    test: test::Args,
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] for a profile that makes no sense, and as `cargo xtask test`.
pub fn run(args: Args) -> Result<ExitCode, XtaskError> {
    let Args { profile: file, mut test } = args;
    let profile = file.as_deref().map_or_else(|| Ok(Profile::default()), read)?;
    if test.platforms.is_empty() {
        let names = profile.platforms.iter().map(|name| name.parse::<PlatformName>().map_err(XtaskError::from));
        test.platforms = names.collect::<Result<_, _>>()?;
    }
    if test.filters.is_empty() {
        test.filters.clone_from(&profile.filters);
    }
    test.suite = test.suite.or(profile.suite);
    // what is signed off is what a machine does after a reset
    test.cold_by_default();
    let baseline = baseline(&profile, file.as_deref())?;
    let Some(ran) = test::execute(&test)? else { return Ok(ExitCode::SUCCESS) };
    if ran.interrupted {
        return Ok(ExitCode::from(2));
    }
    let today: String = timestamp().chars().take("2027-01-01".len()).collect();
    let qualification = qualify(&ran.report, &profile, baseline.as_ref(), &today);
    qualify::store(&qualification, &ran.report, &ran.out).map_err(XtaskError::from)?;
    tell(&format!("{qualification}\ncover page: {}\n", ran.out.join("qualification.html").display()));
    Ok(ExitCode::from(qualification.exit_code()))
}

fn read(file: &Path) -> Result<Profile, XtaskError> {
    let problem = |error: &dyn std::fmt::Display| XtaskError(format!("--profile {}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| problem(&error))?;
    Profile::parse(&text).map_err(|error| problem(&error))
}

/// The profile's baseline, whose path begins at the profile.
fn baseline(profile: &Profile, file: Option<&Path>) -> Result<Option<Report>, XtaskError> {
    let Some(baseline) = &profile.baseline else { return Ok(None) };
    let folder = file.and_then(Path::parent).unwrap_or(Path::new(""));
    Report::load(&qualify::baseline_file(&folder.join(baseline))).map(Some).map_err(XtaskError::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_with_an_unknown_key_is_refused_by_name_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("profile.toml");
        std::fs::write(&file, "platforms = [\"host\"]\nwaivers = []\n").unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("profile.toml") && error.contains("line 2") && error.contains("waivers"), "{error}");
    }

    #[test]
    fn a_baseline_begins_at_its_profile_and_must_be_there() {
        let profile = Profile::parse("baseline = \"last\"").unwrap();
        let error = baseline(&profile, Some(Path::new("profiles/a.toml"))).unwrap_err();
        assert!(error.to_string().contains("profiles/last"), "{error}");
    }
}
