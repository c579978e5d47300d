//! What shim finds of its own in a variable store at power-on: keys that the machine's owner has enrolled, and the SBAT level (shim,
//! `mok.c` and `sbat.c`). Its variables are for programs before the operating system alone, so that firmware's pages cannot write them.
//!
//! ```
//! use bootwright_machine::machine::{ShimVariables, Signature, VariableStore};
//! use bootwright_images::Signer;
//!
//! let shim = ShimVariables::trusting(Signature::Certificate(Signer::Own)).sbat_level("sbat,1,2030010100\ngrub,6\n");
//! assert!(VariableStore::with_shim(shim).is_prepared());
//! ```

use serde::{Deserialize, Serialize};

use super::Signature;

/// Variables of shim, beside the keys of the firmware.
#[must_use = "words about variables give new ones back"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ShimVariables {
    /// MokList: what shim lets through beside what db does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<Signature>,
    /// MokListX: what it refuses, whatever MokList says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<Signature>,
    /// SbatLevel: the oldest generation of each component that it lets through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sbat_level: Option<String>,
    /// SbatPolicy, which shim reads once and takes away: 1 for the latest level that it knows, 2 for that which it takes by itself, 3
    /// for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sbat_policy: Option<u8>,
    /// MokSBState is 1: shim checks nothing that it starts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

impl ShimVariables {
    /// None.
    pub fn new() -> ShimVariables {
        ShimVariables::default()
    }

    /// An entry of MokList alone.
    pub fn trusting(signature: Signature) -> ShimVariables {
        ShimVariables { trusted: vec![signature], ..ShimVariables::new() }
    }

    /// The same with an entry in MokListX more.
    pub fn forbidding(mut self, signature: Signature) -> ShimVariables {
        self.forbidden.push(signature);
        self
    }

    /// The same with this SBAT level.
    pub fn sbat_level(self, level: &str) -> ShimVariables {
        ShimVariables { sbat_level: Some(level.to_owned()), ..self }
    }

    /// The same with this SBAT policy.
    pub fn sbat_policy(self, policy: u8) -> ShimVariables {
        ShimVariables { sbat_policy: Some(policy), ..self }
    }

    /// The same with validation switched off.
    pub fn insecure(self) -> ShimVariables {
        ShimVariables { insecure: true, ..self }
    }
}
