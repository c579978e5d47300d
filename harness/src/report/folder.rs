//! What one case leaves behind while it runs, so that even a killed case is seen.
//!
//! A case writes [`STARTED_FILE`] before it does anything else and replaces it by [`RESULT_FILE`] when it is done.
//! Whoever gathers a run finds one or the other.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::ReportError;
use super::key::CaseKey;
use super::model::CaseResult;
use crate::evidence::file;

/// The file that says that a case was begun; gone once there is a result.
pub const STARTED_FILE: &str = "started.json";
/// The file that holds a case's [`CaseResult`].
pub const RESULT_FILE: &str = "verdict.json";

/// The evidence folder of one case in one run.
#[derive(Clone, Debug)]
pub struct CaseFolder {
    path: PathBuf,
}

impl CaseFolder {
    /// The folder of `key` below the run's output directory; nothing is created yet.
    pub fn new(out_dir: &Path, key: &CaseKey) -> Self {
        Self { path: out_dir.join(key.evidence()) }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the folder, removes a result that an earlier run left there, and marks the case as started.
    ///
    /// # Errors
    /// [`ReportError::Write`] names the file that could not be written or removed.
    pub fn start(&self, key: &CaseKey) -> Result<(), ReportError> {
        fs::create_dir_all(&self.path).map_err(|source| ReportError::write(&self.path, source))?;
        write_atomically(&self.path.join(STARTED_FILE), key)?;
        remove_if_there(&self.path.join(RESULT_FILE))
    }

    /// Leaves the result, tidied, and takes the mark away.
    ///
    /// # Errors
    /// [`ReportError::Write`] names the file that could not be written or removed.
    pub fn finish(&self, result: &CaseResult) -> Result<(), ReportError> {
        fs::create_dir_all(&self.path).map_err(|source| ReportError::write(&self.path, source))?;
        write_atomically(&self.path.join(RESULT_FILE), &result.clone().tidied())?;
        remove_if_there(&self.path.join(STARTED_FILE))
    }
}

fn remove_if_there(path: &Path) -> Result<(), ReportError> {
    file::remove_if_there(path).map_err(|source| ReportError::write(path, source))
}

impl CaseResult {
    /// Whether it came to a machine or to the reason why there is none: what the run did not come to, or left without a verdict, took
    /// no time.
    pub fn was_run(&self) -> bool {
        self.wall_seconds > 0.0
    }
}

/// Writes `value` as indented JSON to a file beside `path` and renames it, so that a reader sees all of it or none.
pub(super) fn write_atomically(path: &Path, value: &impl Serialize) -> Result<(), ReportError> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|source| ReportError::write(path, std::io::Error::other(source)))?;
    bytes.push(b'\n');
    write_bytes_atomically(path, &bytes)
}

/// Writes `bytes` so that a reader sees all of them or none.
pub(super) fn write_bytes_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    file::write(path, bytes).map_err(|source| ReportError::write(path, source))
}

#[cfg(test)]
mod tests {
    use super::super::key::folder_name;
    use super::*;

    #[test]
    fn a_path_shaped_id_reads_as_dots() {
        assert_eq!(folder_name("boot_order::seabios::lower-1"), "boot_order.seabios.lower-1");
    }

    #[test]
    fn ids_that_would_share_a_folder_do_not() {
        let ids = ["a::b", "a.b", "a/b", "a_b", "a b", "a:b", "..", ".", "", "::", "a::::b", "a..b", "../x", "x\0"];
        let mut names: Vec<String> = ids.iter().map(|id| folder_name(id)).collect();
        for name in &names {
            assert!(!name.contains('/') && !name.contains('\0') && name != "." && name != ".." && !name.is_empty());
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ids.len(), "{names:?}");
    }

    #[test]
    fn a_very_long_id_fits_a_file_system() {
        let one = folder_name(&"x".repeat(4000));
        let two = folder_name(&"x".repeat(4001));
        assert!(one.len() < 200 && one != two);
    }

    #[test]
    fn platform_and_round_are_in_the_path_only_where_they_tell_apart() {
        let mut key = CaseKey::new("a::b", "debian:sid");
        assert_eq!(key.evidence(), "cases/a.b");
        key.several_platforms = true;
        key.round = Some(2);
        assert!(
            key.evidence().starts_with("cases/@debian_sid-") && key.evidence().ends_with("/a.b~2"),
            "{}",
            key.evidence()
        );
    }
}
