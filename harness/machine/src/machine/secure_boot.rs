//! What UEFI Secure Boot lets through, as a machine's variable store has it at power-on (UEFI 2.10 section 32.3).

use bootwright_images::Signer;
use serde::{Deserialize, Serialize};

/// The variables PK, KEK, db and dbx of a store that was empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecureBootKeys {
    /// Whose certificate PK and KEK are; `None`: there are none, and firmware is in setup mode, in which everything runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Signer>,
    /// What db lets through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Signature>,
    /// What dbx forbids, whatever db says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<Signature>,
    /// The keys are there, but not in force: edk2's variable SecureBootEnable is 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

/// An entry of db or dbx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// A certificate (`EFI_CERT_X509_GUID`): everything that its key signed.
    Certificate(Signer),
    /// The SHA-256 of the EFI program of a medium in one of the machine's drives (`EFI_CERT_SHA256_GUID`): this program, signed
    /// or not.
    Program(String),
}

impl SecureBootKeys {
    /// One key as PK, KEK and in db.
    pub fn of(signer: Signer) -> SecureBootKeys {
        SecureBootKeys { platform: Some(signer), ..SecureBootKeys::setup_mode() }
            .allowing(Signature::Certificate(signer))
    }

    /// No key at all.
    pub fn setup_mode() -> SecureBootKeys {
        SecureBootKeys { platform: None, allowed: Vec::new(), forbidden: Vec::new(), disabled: false }
    }

    /// The same with another entry in db.
    #[must_use]
    pub fn allowing(mut self, signature: Signature) -> SecureBootKeys {
        self.allowed.push(signature);
        self
    }

    /// The same with another entry in dbx.
    #[must_use]
    pub fn forbidding(mut self, signature: Signature) -> SecureBootKeys {
        self.forbidden.push(signature);
        self
    }

    /// The same, but not in force.
    #[must_use]
    pub fn disabled(self) -> SecureBootKeys {
        SecureBootKeys { disabled: true, ..self }
    }

    /// Whether firmware that can refuse does.
    pub fn are_in_force(&self) -> bool {
        self.platform.is_some() && !self.disabled
    }

    /// The media whose programs are in db or dbx by their digests.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.allowed.iter().chain(&self.forbidden).filter_map(|signature| match signature {
            Signature::Program(medium) => Some(medium.as_str()),
            Signature::Certificate(_) => None,
        })
    }
}
