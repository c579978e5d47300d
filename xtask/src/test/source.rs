//! Which crate the cases come from: the project's own, or one outside of it.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use super::out_dir::workspace;
use crate::XtaskError;

/// Where a user reads how such a crate is made.
const PAGE: &str = "docs/cases-in-your-own-repository.md";

/// A crate of cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its folder, absolute; `None` for the project's own cases.
    folder: Option<PathBuf>,
    /// Where it is built, absolute; `None` for where cargo would.
    target_dir: Option<PathBuf>,
}

impl Source {
    /// The project's own cases.
    pub fn own() -> Source {
        Source { folder: None, target_dir: None }
    }

    /// The crate in this folder, or the project's own.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where the folder holds no crate.
    pub fn of(folder: Option<&Path>, target_dir: Option<&Path>) -> Result<Source, XtaskError> {
        let Some(folder) = folder else { return Ok(Source::own()) };
        let found = folder.canonicalize().ok().filter(|folder| folder.join("Cargo.toml").is_file());
        let found = found.ok_or_else(|| {
            XtaskError(format!(
                "--cases {}: no Cargo.toml there; wanted the folder of a crate of cases, see {PAGE}",
                folder.display()
            ))
        })?;
        let target_dir = target_dir.map(std::path::absolute).transpose();
        let target_dir = target_dir.map_err(|error| XtaskError(format!("--target-dir: {error}")))?;
        Ok(Source { folder: Some(found), target_dir })
    }

    /// Tells cargo which crate, and where to build it.
    pub(super) fn choose(&self, cargo: &mut Command) {
        match &self.folder {
            // the workspace's toolchain file counts, wherever we were called
            None => cargo.args(["--package", "bootwright-cases"]).current_dir(workspace()),
            Some(folder) => cargo.arg("--manifest-path").arg(folder.join("Cargo.toml")),
        };
        if let Some(target_dir) = &self.target_dir {
            cargo.arg("--target-dir").arg(target_dir);
        }
    }

    /// The error of a crate that does not build, or whose building something has ended.
    pub(super) fn does_not_build(&self, cargo: ExitStatus) -> XtaskError {
        XtaskError(match &self.folder {
            _ if cargo.signal().is_some() => format!("cargo ended with {cargo} while it built the boot cases"),
            None => "the boot cases do not build: see above".to_owned(),
            Some(folder) => format!(
                "the cases of {} do not build: see above; such a crate has a test target \"boot\" without a harness, see {PAGE}",
                folder.display()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cargo_that_was_killed_is_no_crate_that_does_not_build() {
        let error = |status| Source::own().does_not_build(ExitStatus::from_raw(status)).to_string();
        assert_eq!(error(9), "cargo ended with signal: 9 (SIGKILL) while it built the boot cases");
        assert_eq!(error(101 << 8), "the boot cases do not build: see above");
    }

    #[test]
    fn a_folder_without_a_crate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Source::of(Some(dir.path()), None).unwrap_err();
        assert!(error.to_string().contains("no Cargo.toml there"), "{error}");
    }
}
