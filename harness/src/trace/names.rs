//! How the media of one machine are recognised in what firmware and payloads say.

use std::collections::BTreeMap;

use crate::machine::layout::Layout;
use crate::machine::{DeviceClass, Machine, paths};

/// For every medium of a machine: its nonce, size and paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Nonce (32 hex digits) to medium.
    pub nonces: BTreeMap<String, String>,
    /// Hard disk size in 512-byte sectors to medium; SeaBIOS logs sizes.
    pub disks: BTreeMap<u64, String>,
    /// fw_cfg `bootorder` line to medium, optical drives only; SeaBIOS numbers their attempts by it.
    pub opticals: Vec<(String, String)>,
    /// Media in floppy drives, A: first.
    pub floppies: Vec<String>,
    /// UEFI device path text to medium.
    pub uefi: Vec<(String, String)>,
}

impl Names {
    /// The names of a machine's devices. `nonces` gives each medium's nonce, `sectors` the size of each disk image as
    /// built, both by medium name.
    pub fn of(
        machine: &Machine,
        layout: &Layout,
        nonces: &BTreeMap<String, String>,
        sectors: &BTreeMap<String, u64>,
    ) -> Names {
        let mut names = Names::default();
        for (medium, nonce) in nonces {
            names.nonces.insert(nonce.clone(), medium.clone());
        }
        for (index, device) in machine.devices.iter().enumerate() {
            let Some(medium) = device.name() else { continue };
            if let Some(path) = paths::uefi_path(machine, layout, index) {
                names.uefi.push((path, medium.to_owned()));
            }
            if matches!(device.class, DeviceClass::Floppy { .. }) {
                names.floppies.push(medium.to_owned());
            } else if device.optical {
                let line = paths::bootorder_line(machine, layout, index).unwrap_or_default();
                names.opticals.push((line, medium.to_owned()));
            } else if let Some(&sectors) = sectors.get(medium) {
                names.disks.insert(sectors, medium.to_owned());
            }
        }
        names
    }

    /// The medium at a UEFI device path: the longest known path that is the same or ends at a node boundary of it.
    pub fn medium_at(&self, path: &str) -> Option<&str> {
        let matches = self.uefi.iter().filter(|(known, _)| {
            path.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        matches.max_by_key(|(known, _)| known.len()).map(|(_, medium)| medium.as_str())
    }
}
