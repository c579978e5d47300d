//! Builds the libtest-mimic binary of the cases and gives the command that runs it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bootwright_cases::runner::SELECTION_FILE;
use bootwright_cases::settings::Settings;

use super::out_dir::workspace;
use super::{Args, suite, suite_name};
use crate::XtaskError;

/// The built binary.
pub struct BootBinary(PathBuf);

impl BootBinary {
    /// Builds it with the cargo that runs us; compiler messages go to standard error.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where cargo fails or names no executable.
    pub fn build() -> Result<BootBinary, XtaskError> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut build = Command::new(cargo);
        // cargo run set these for us; build scripts that watch them would run again, here and in the next cargo run
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                build.env_remove(name);
            }
        }
        let built = build
            .args(["test", "--quiet", "--package", "bootwright-cases", "--test", "boot", "--no-run"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(workspace()) // its toolchain file counts, wherever we were called
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| XtaskError(format!("cannot run cargo to build the boot cases: {error}")))?;
        if !built.status.success() {
            return Err(XtaskError("the boot cases do not build: see above".to_owned()));
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

    /// The command that runs the cases of the run's selection file.
    pub fn command(
        &self,
        args: &Args,
        settings: &Settings,
        out: &Path,
        platform: &str,
        several: bool,
        jobs: u32,
    ) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["--color", "never", "--test-threads", &jobs.to_string()]);
        command.env("BOOTWRIGHT_SELECTION", out.join(SELECTION_FILE));
        command.env("BOOTWRIGHT_OUT", out);
        command.env("BOOTWRIGHT_PLATFORM", platform);
        command.env("BOOTWRIGHT_SEVERAL_PLATFORMS", if several { "1" } else { "" });
        command.env("BOOTWRIGHT_SUITE", suite_name(suite(args)));
        command.env("BOOTWRIGHT_SEED", args.seed().to_string());
        command.env("BOOTWRIGHT_ACCEL", args.accel.name());
        command.env("BOOTWRIGHT_REPEAT", args.repeat.to_string());
        command.env("BOOTWRIGHT_KEEP", if settings.keep { "1" } else { "" });
        command.env("BOOTWRIGHT_STRICT", if settings.strict { "1" } else { "" });
        command.env("BOOTWRIGHT_PAUSE_ON_FAILURE", if settings.pause_on_failure { "1" } else { "" });
        let clock = args.clock.map_or("", |clock| if clock == super::Clock::Real { "real" } else { "virtual" });
        command.env("BOOTWRIGHT_CLOCK", clock);
        command.env("BOOTWRIGHT_SHARD", args.shard.as_deref().unwrap_or(""));
        command.env("BOOTWRIGHT_MIRROR", args.mirror.as_deref().unwrap_or(""));
        match &args.known_issues {
            Some(path) => command.env("BOOTWRIGHT_KNOWN_ISSUES", path),
            None => command.env_remove("BOOTWRIGHT_KNOWN_ISSUES"),
        };
        command
    }
}
