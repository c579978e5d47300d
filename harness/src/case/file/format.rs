//! The languages of a case file.

use std::path::Path;

/// The language of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML.
    Toml,
    /// JSON.
    Json,
}

impl Format {
    /// By a file's name: `.json` is JSON, all else TOML.
    pub fn of(path: &Path) -> Format {
        match path.extension() {
            Some(extension) if extension == "json" => Format::Json,
            _ => Format::Toml,
        }
    }
}
