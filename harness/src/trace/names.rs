//! How the media of one machine are recognised in what firmware and payloads say.

use std::collections::BTreeMap;

use crate::machine::layout::Layout;
use crate::machine::menu_names::menu_name;
use crate::machine::{DeviceClass, DeviceName, Machine, OptionRom, paths};

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
    /// Name in SeaBIOS' boot menu to device.
    pub menu: Vec<(String, DeviceName)>,
    /// NICs, in device order.
    pub nics: Vec<NicName>,
}

/// How a NIC is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NicName {
    /// Its place among the machine's devices.
    pub device: usize,
    /// Its name.
    pub name: DeviceName,
    /// BIOS finds a boot ROM on it.
    pub rom: bool,
    /// Its fw_cfg `bootorder` line.
    pub line: String,
    /// Its UEFI device path text, without the nodes behind the PCI function.
    pub path: String,
    /// Media that are served on its network.
    pub served: Vec<String>,
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
            let Some(own) = machine.name_of(index) else { continue };
            let size = device.medium_name().and_then(|medium| sectors.get(medium)).copied().unwrap_or_default();
            names.menu.extend(menu_name(machine, layout, index, size).zip(Some(own.clone())));
            if let DeviceClass::Nic(nic) = &device.class {
                let network = nic.lan.and_then(|lan| machine.networks.get(lan));
                names.nics.push(NicName {
                    device: index,
                    name: own,
                    rom: nic.rom == OptionRom::Default && nic.model.has_ipxe_rom(),
                    line: paths::bootorder_line(machine, layout, index).unwrap_or_default(),
                    path: paths::uefi_path(machine, layout, index).unwrap_or_default(),
                    served: network.into_iter().flat_map(|network| network.media()).map(str::to_owned).collect(),
                });
            }
            let Some(medium) = device.medium_name() else { continue };
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

    /// The NIC whose ROM SeaBIOS enters as the `turn`-th of a lap, from 1: those in the boot order first, then the others.
    pub fn nic_of_rom(&self, turn: usize, boot_order: &[String]) -> Option<&NicName> {
        let with_rom = || self.nics.iter().filter(|nic| nic.rom);
        let listed = boot_order.iter().filter_map(|line| with_rom().find(|nic| nic.line == *line));
        let unlisted = with_rom().filter(|nic| !boot_order.contains(&nic.line));
        listed.chain(unlisted).nth(turn.checked_sub(1)?)
    }

    /// The device that has this name in SeaBIOS' boot menu, where it is the only one. An optical drive's name is followed by
    /// the label of the volume in it: `DVD/CD [...] (LABEL)`.
    pub fn device_in_menu(&self, name: &str) -> Option<&DeviceName> {
        let labelled = name.starts_with("DVD/CD [") && name.ends_with(')');
        let name = name.rsplit_once(" (").filter(|_| labelled).map_or(name, |(drive, _)| drive);
        let mut known = self.menu.iter().filter(|(known, _)| known == name);
        let device = known.next().map(|(_, device)| device);
        device.filter(|_| known.next().is_none())
    }

    /// The NIC at a UEFI device path.
    pub fn nic_at(&self, path: &str) -> Option<&NicName> {
        self.nics.iter().find(|nic| {
            let rest = path.strip_prefix(nic.path.as_str()).filter(|_| !nic.path.is_empty());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The device at a UEFI device path.
    pub fn device_at(&self, path: &str) -> Option<DeviceName> {
        let medium = self.medium_at(path).map(DeviceName::medium);
        medium.or_else(|| self.nic_at(path).map(|nic| nic.name.clone()))
    }

    /// The name of a NIC, by its place among the machine's devices.
    pub fn nic_of_device(&self, device: usize) -> Option<&DeviceName> {
        self.nics.iter().find(|nic| nic.device == device).map(|nic| &nic.name)
    }

    /// The medium at a UEFI device path: the longest known path that is the same or ends at a node boundary of it.
    pub fn medium_at(&self, path: &str) -> Option<&str> {
        let matches = self.uefi.iter().filter(|(known, _)| {
            path.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        matches.max_by_key(|(known, _)| known.len()).map(|(_, medium)| medium.as_str())
    }
}
