//! What one case leaves behind while it runs, so that even a killed case is seen.
//!
//! A case writes [`STARTED_FILE`] before it does anything else and replaces it by [`RESULT_FILE`] when it is done.
//! Whoever gathers a run finds one or the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CaseResult, ReportError};
use crate::evidence::file;

/// The file that says that a case was begun; gone once there is a result.
pub const STARTED_FILE: &str = "started.json";
/// The file that holds a case's [`CaseResult`].
pub const RESULT_FILE: &str = "verdict.json";

/// Longest folder name, in bytes, that is used without shortening.
const LONGEST_NAME: usize = 180;

/// Which execution of which case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseKey {
    /// Id of the case.
    pub id: String,
    /// Name of the platform.
    pub platform: String,
    /// Axis to value.
    #[serde(default)]
    pub axes: BTreeMap<String, String>,
    /// Repetition, from 1; `None` in runs without repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// More than one platform is in the run, so the platform's name is in the path.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several_platforms: bool,
}

impl CaseKey {
    /// A case without axes in a run with one platform and without repetition.
    pub fn new(id: impl Into<String>, platform: impl Into<String>) -> Self {
        Self { id: id.into(), platform: platform.into(), axes: BTreeMap::new(), round: None, several_platforms: false }
    }

    /// The evidence folder relative to the run's output directory: `cases/[@<platform>/]<case>[~<round>]`.
    pub fn evidence(&self) -> String {
        let mut path = String::from("cases/");
        if self.several_platforms {
            path += &format!("@{}/", folder_name(&self.platform));
        }
        path += &folder_name(&self.id);
        if let Some(round) = self.round {
            path += &format!("~{round}");
        }
        path
    }
}

/// The name of a folder for `id`: `::` becomes `.`, other characters outside `[A-Za-z0-9._-]` become `_`.
///
/// Two ids never share a folder: where the replacement lost something (or the name would be too long for a file
/// system), eight digits of the id's SHA-256 follow.
pub fn folder_name(id: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut name: String =
        id.replace("::", ".").chars().map(|c| if keep(c) { c } else { '_' }).take(LONGEST_NAME).collect();
    // names that only `::` shaped can be read back; anything else might be the name of another id too
    let reversible = name.replace('.', "::") == id && !id.is_empty() && !id.starts_with(':');
    if !reversible {
        let digest = Sha256::digest(id.as_bytes());
        if name.trim_matches('.').is_empty() {
            name = "case".into();
        }
        name.push('-');
        for byte in &digest[..4] {
            name += &format!("{byte:02x}");
        }
    }
    name
}

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

    /// Leaves the result, [tidied](CaseResult::tidied), and takes the mark away.
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
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ReportError::write(path, error)),
        _ => Ok(()),
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
