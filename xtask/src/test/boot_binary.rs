//! Builds the test binary of the cases, asks it what there is, and gives the command that runs it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use bootwright::case::file::Format;
use bootwright::suite::{Catalogue, Question, Settings};

use super::source::Source;
use crate::XtaskError;
use crate::interrupt::after_a_failed_child;
use crate::output::note;

/// After so long a build is told of: cargo itself is asked to say nothing but what is wrong.
const LONG: Duration = Duration::from_secs(2);

/// Says on standard error that cargo builds, once that takes long and until what is returned is dropped.
fn tell_if_long() -> Sender<()> {
    let (built, waits) = channel();
    std::thread::spawn(move || {
        if waits.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            note("note: cargo builds the cases, or waits for another cargo that does");
        }
    });
    built
}

/// The built binary.
pub struct BootBinary(PathBuf);

impl BootBinary {
    /// Builds it with the cargo that runs us; compiler messages go to standard error.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where cargo fails or names no executable.
    pub fn build(source: &Source) -> Result<BootBinary, XtaskError> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut build = Command::new(cargo);
        // cargo run set these for us; build scripts that watch them would run again, here and in the next cargo run
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                build.env_remove(name);
            }
        }
        build.args(["test", "--quiet", "--test", "boot", "--no-run", "--message-format", "json-render-diagnostics"]);
        source.choose(&mut build);
        let told = tell_if_long();
        let built = build
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| XtaskError(format!("cannot run cargo to build the boot cases: {error}")))?;
        drop(told);
        if !built.status.success() {
            after_a_failed_child();
            return Err(source.does_not_build(built.status));
        }
        let messages = String::from_utf8_lossy(&built.stdout);
        let mut executables = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let is_boot = message.get("target")?.get("name")?.as_str()? == "boot";
            is_boot.then(|| message.get("executable")?.as_str().map(PathBuf::from)).flatten()
        });
        let found = executables.next_back();
        found.map(BootBinary).ok_or_else(|| XtaskError("cargo built no boot binary: its messages name none".to_owned()))
    }

    /// Where it is.
    pub fn into_path(self) -> PathBuf {
        self.0
    }

    /// What there is to run with these settings.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where the binary gives no answer, with what it says instead.
    pub fn catalogue(&self, settings: &Settings) -> Result<Catalogue, XtaskError> {
        let answer = self.ask(&Question::Catalogue, settings)?;
        serde_json::from_slice(&answer).map_err(|error| XtaskError(format!("{}: {error}", self.0.display())))
    }

    /// A case by its id, as a case file.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where there is none, or the format cannot hold it.
    pub fn case(&self, id: &str, format: Format) -> Result<String, XtaskError> {
        let answer = self.ask(&Question::Case(id.to_owned(), format), &Settings::new(PathBuf::new()))?;
        String::from_utf8(answer).map_err(XtaskError::from)
    }

    fn ask(&self, question: &Question, settings: &Settings) -> Result<Vec<u8>, XtaskError> {
        let (name, value) = question.to_env();
        let answer = Command::new(&self.0)
            .envs(settings.to_env())
            .env(name, value)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| XtaskError(format!("cannot run {}: {error}", self.0.display())))?;
        if answer.status.success() {
            return Ok(answer.stdout);
        }
        after_a_failed_child();
        let said = String::from_utf8_lossy(&answer.stderr);
        Err(XtaskError(match said.trim().trim_start_matches("error:").trim_start() {
            "" => format!("{} ended with {} and said nothing, asked for its cases", self.0.display(), answer.status),
            said => said.to_owned(),
        }))
    }

    /// The command that runs the cases of the settings' selection file.
    pub fn run_command(&self, settings: &Settings, jobs: u32) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["--color", "never", "--test-threads", &jobs.to_string()]);
        command.envs(settings.to_env());
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_says_nothing_is_named_with_its_end() {
        let error = BootBinary("false".into()).case("a", Format::Toml).unwrap_err().to_string();
        assert_eq!(error, "false ended with exit status: 1 and said nothing, asked for its cases");
    }
}
