//! A TPM 2.0 that a machine has.

use serde::{Deserialize, Serialize};

/// How the guest reaches its TPM 2.0, which `swtpm` plays: one process and one state for each machine, blank at power-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Tpm {
    /// Command response buffer (TCG PC Client Platform TPM Profile, section 6.4): `tpm-crb`.
    Crb,
    /// FIFO of the TPM interface specification (section 6.3): `tpm-tis`.
    Tis,
}

impl Tpm {
    /// The name used in case ids.
    pub fn word(self) -> &'static str {
        match self {
            Tpm::Crb => "crb",
            Tpm::Tis => "tis",
        }
    }
}
