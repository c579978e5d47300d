//! Why a report or a result could not be read or written.

use std::path::{Path, PathBuf};

/// Why results could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file or directory could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file or directory could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not the JSON that it should be.
    #[error("{}: not a {wanted}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
        /// The place and kind of the mistake.
        source: serde_json::Error,
    },
    /// A report of another format or version.
    #[error("{}: schema is {found:?}, wanted {wanted:?}; made by another version of bootwright?", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its `schema` field.
        found: String,
        /// The schema of this version.
        wanted: &'static str,
    },
    /// A report names an evidence folder outside its own directory.
    #[error("{}: evidence of case {case:?} is {found:?}, wanted a path below the report", path.display())]
    Evidence {
        /// The file.
        path: PathBuf,
        /// The case.
        case: String,
        /// Its `evidence` field.
        found: String,
    },
}

impl ReportError {
    pub(super) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write { path: path.to_path_buf(), source }
    }

    pub(super) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read { path: path.to_path_buf(), source }
    }
}
