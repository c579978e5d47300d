//! The emulators of a platform.

use serde::{Deserialize, Serialize};

/// A QEMU binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QemuInfo {
    /// Version as QEMU reports it.
    pub version: String,
    /// Absolute path on the host that ran it.
    pub path: String,
    /// SHA-256 of that file, lower-case hexadecimal.
    pub sha256: String,
    /// Package suffix as QEMU reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
}

/// A QEMU for another architecture than the one that a platform is named for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherQemu {
    /// Whose machines it emulates, for example `aarch64`.
    pub architecture: String,
    /// The emulator.
    pub qemu: QemuInfo,
}
