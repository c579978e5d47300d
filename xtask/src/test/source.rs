//! Which crate the cases come from: the project's own, or one outside of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::out_dir::workspace;
use crate::XtaskError;

/// The file in a run's output directory that says so, for whoever runs one of its cases again.
const FILE: &str = "cases-crate.json";
/// Where a user reads how such a crate is made.
const PAGE: &str = "docs/cases-in-your-own-repository.md";

/// A crate of cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The crate whose run left this folder, be it the output directory or one of a case below it.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where what the run left cannot be read.
    pub fn of_run(folder: &Path) -> Result<Source, XtaskError> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let Some(file) = folder.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file()) else {
            return Ok(Source::own());
        };
        let problem = |error: &dyn std::fmt::Display| XtaskError(format!("{}: {error}", file.display()));
        let bytes = std::fs::read(&file).map_err(|error| problem(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| problem(&error))
    }

    /// Leaves in a run's output directory where its cases come from, unless they are the project's own.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where the file cannot be written.
    pub fn leave_in(&self, out: &Path) -> Result<(), XtaskError> {
        if self.folder.is_none() {
            return Ok(());
        }
        let path = out.join(FILE);
        let bytes = serde_json::to_vec_pretty(self).map_err(XtaskError::from)?;
        std::fs::write(&path, bytes).map_err(|error| XtaskError(format!("{}: {error}", path.display())))
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

    /// The error of a crate that does not build.
    pub(super) fn does_not_build(&self) -> XtaskError {
        XtaskError(match &self.folder {
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
    fn a_folder_without_a_crate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = Source::of(Some(dir.path()), None).unwrap_err();
        assert!(error.to_string().contains("no Cargo.toml there"), "{error}");
    }

    #[test]
    fn what_a_run_left_leads_back_to_its_crate() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Cargo.toml"), "").unwrap();
        let out = tempfile::tempdir().unwrap();
        let evidence = out.path().join("cases/a.b");
        std::fs::create_dir_all(&evidence).unwrap();
        assert_eq!(Source::of_run(&evidence).unwrap(), Source::own());
        let source = Source::of(Some(dir.path()), Some(Path::new("target/shared"))).unwrap();
        source.leave_in(out.path()).unwrap();
        assert_eq!(Source::of_run(&evidence).unwrap(), source);
        assert_eq!(Source::of_run(out.path()).unwrap(), source);
    }
}
