//! A package of a release, as its file.

/// One package file that apt resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    /// Package name.
    pub name: String,
    /// Package version with its epoch.
    pub version: String,
    /// File name in the archives directory.
    pub file: String,
    /// Size of the file.
    pub bytes: u64,
}
