//! Tells GitHub Actions what a run came to, where we run there; nothing elsewhere.

use std::fs::OpenOptions;
use std::io::Write;

use bootwright::report::{Report, github};

use crate::XtaskError;

/// Writes annotations to standard output where `GITHUB_ACTIONS` is `true`, and the step's summary to the file that
/// `GITHUB_STEP_SUMMARY` names.
///
/// # Errors
///
/// [`XtaskError`] where that file cannot be written.
pub fn tell(report: &Report) -> Result<(), XtaskError> {
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        crate::output::tell(&github::annotations(report));
    }
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else { return Ok(()) };
    let appended = OpenOptions::new().append(true).create(true).open(&path);
    appended.and_then(|mut file| file.write_all(github::summary(report).as_bytes())).map_err(|error| {
        XtaskError(format!("cannot write {}, which GITHUB_STEP_SUMMARY names: {error}", path.to_string_lossy()))
    })
}
