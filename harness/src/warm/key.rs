//! What a base belongs to: everything that the guest could have read before it was stopped.

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::machine::Machine;
use crate::machine::argv::{Files, Wiring, argv};
use crate::machine::layout::Layout;
use crate::platform::Platform;
use crate::run::RunError;

/// Raised whenever bases are made or proven in another way, so that older ones are made again.
const FORMAT: u32 = 2;

/// What a base belongs to. Two machines with equal keys are the same machine until firmware looks at what is plugged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// How bases are made.
    pub format: u32,
    /// QEMU's version and package.
    pub qemu: String,
    /// SHA-256 of QEMU.
    pub qemu_sha256: String,
    /// SHA-256 of OVMF_CODE.
    pub code_sha256: String,
    /// SHA-256 of the OVMF_VARS template.
    pub vars_sha256: String,
    /// The base's command line, with names in place of the files and descriptors of one run.
    pub argv: Vec<String>,
}

impl Key {
    /// The key of a machine without devices on this platform.
    ///
    /// # Errors
    ///
    /// That the platform has no OVMF.
    pub fn of(machine: &Machine, platform: &Platform) -> Result<Key, RunError> {
        let ovmf = platform.ovmf.as_ref().ok_or_else(|| RunError::new("the platform has no OVMF"))?;
        let layout = Layout::of(machine).map_err(|error| RunError::because("the base cannot be laid out", error))?;
        let files = Files {
            code: Some("OVMF_CODE".into()),
            vars: Some("OVMF_VARS".into()),
            data_dirs: platform.qemu.data_dirs.clone(),
            ..Files::default()
        };
        let wiring = Wiring::Harness {
            qmp: 0,
            serial: "serial".to_owned(),
            debugcon: 0,
            nics: Vec::new(),
            sandbox: platform.qemu.sandbox,
            incoming: false,
            tpm: None,
        };
        Ok(Key {
            format: FORMAT,
            qemu: format!("{} {}", platform.qemu.version, platform.qemu.package),
            qemu_sha256: platform.qemu.sha256.clone(),
            code_sha256: ovmf.code.sha256.clone(),
            vars_sha256: ovmf.vars.sha256.clone(),
            argv: argv(machine, &layout, &files, &wiring),
        })
    }

    /// The key in 32 hexadecimal digits.
    pub fn digest(&self) -> String {
        // a value of strings and numbers can always be written
        let text = serde_json::to_string(self).unwrap_or_default();
        digest::sha256(text.as_bytes())[..32].to_owned()
    }
}
