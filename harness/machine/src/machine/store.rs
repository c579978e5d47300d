//! What a machine with UEFI firmware keeps its variables in, as data.

use serde::{Deserialize, Serialize};

use super::{BootVariables, Machine, SecureBootKeys, ShimVariables};

/// How QEMU gives the variable store to the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Access {
    /// A flash device that the guest writes.
    #[default]
    ReadWrite,
    /// A flash device with `readonly=on`.
    ReadOnly,
    /// No flash device: only the one with OVMF_CODE is there.
    Absent,
}

impl Access {
    /// The name used in case ids and reports.
    pub fn name(self) -> &'static str {
        match self {
            Access::ReadWrite => "read-write",
            Access::ReadOnly => "read-only",
            Access::Absent => "absent",
        }
    }
}

// exhaustive on purpose: what does the damage knows every kind
/// What is done to the file of a variable store before its machine is powered on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Damage {
    /// The header of its firmware volume is erased: all ones, as flash is after an erase that nothing followed.
    ErasedVolumeHeader,
    /// The header of the variable store behind it is erased.
    ErasedStoreHeader,
    /// The mark that begins a variable's header is overwritten with zeros, so that nobody finds what lies behind.
    BadVariable {
        /// Name of the variable, the live copy.
        name: String,
    },
    /// Every byte is another one, drawn from the file's length.
    Garbage,
    /// Every byte is 0xff: flash that was never written.
    Erased,
    /// Variables of ours behind those that are there, until so much is free.
    Full {
        /// Bytes that stay free, rounded down to the variables' alignment of 4.
        left: usize,
    },
}

impl Damage {
    /// The name used in case ids and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Damage::ErasedVolumeHeader => "erased-volume-header",
            Damage::ErasedStoreHeader => "erased-store-header",
            Damage::BadVariable { .. } => "bad-variable",
            Damage::Garbage => "garbage",
            Damage::Erased => "erased",
            Damage::Full { .. } => "full",
        }
    }
}

/// A machine's variable store at power-on: by default a copy of the platform's OVMF_VARS template that the guest may write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct VariableStore {
    /// How QEMU gives it to the guest.
    pub access: Access,
    /// The boot variables that are written into the copy of the template.
    #[serde(skip_serializing_if = "BootVariables::is_empty")]
    pub boot: BootVariables,
    /// The keys of Secure Boot that are written into a copy of the template without any; `None`: those that the template has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<SecureBootKeys>,
    /// The variables of shim that are written into it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shim: Option<ShimVariables>,
    /// What is done to the copy of the template, with the boot variables in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<Damage>,
}

impl VariableStore {
    /// A sound copy of the template with this access.
    pub fn with_access(access: Access) -> VariableStore {
        VariableStore { access, ..VariableStore::default() }
    }

    /// A damaged copy of the template that the guest may write.
    pub fn damaged(damage: Damage) -> VariableStore {
        VariableStore { damage: Some(damage), ..VariableStore::default() }
    }

    /// A copy of the template with these boot variables in it, which the guest may write.
    pub fn holding(boot: BootVariables) -> VariableStore {
        VariableStore { boot, ..VariableStore::default() }
    }

    /// A store with these keys of Secure Boot in it, which the guest may write.
    pub fn with_keys(keys: SecureBootKeys) -> VariableStore {
        VariableStore { keys: Some(keys), ..VariableStore::default() }
    }

    /// A store of the platform's template with these variables of shim in it, which the guest may write.
    pub fn with_shim(shim: ShimVariables) -> VariableStore {
        VariableStore { shim: Some(shim), ..VariableStore::default() }
    }

    /// Whether its file is another one than the template at power-on.
    pub fn is_prepared(&self) -> bool {
        self.damage.is_some() || !self.boot.is_empty() || self.keys.is_some() || self.shim.is_some()
    }

    /// Whether it is what every machine has.
    pub fn is_default(&self) -> bool {
        *self == VariableStore::default()
    }
}

impl Machine {
    /// Chooses the variable store; firmware without one does not mind.
    pub fn variable_store(mut self, store: VariableStore) -> Machine {
        self.variable_store = store;
        self
    }
}
