//! How the media of one machine are recognised in what firmware and payloads say.

use std::collections::BTreeMap;

use bootwright_images::After;

use super::bios_names::{BiosName, Kind};
use super::ipl_names::IplNames;
use bootwright_machine::machine::layout::Layout;
use bootwright_machine::machine::menu_names::menu_name;
use bootwright_machine::machine::{Device, DeviceClass, DeviceName, Machine, Medium, paths};

/// What QEMU's `pc` and `q35` boards boot from in which order where nothing says otherwise.
const DEFAULT_ORDER: &str = "cad";

/// For every medium of a machine: its nonce, size and paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Nonce (32 hex digits) to medium.
    pub nonces: BTreeMap<String, String>,
    /// Devices as SeaBIOS registers them, in device order.
    pub bios: Vec<BiosName>,
    /// Letters of `-boot order=` on the first lap, and on the others.
    pub letters: [String; 2],
    /// UEFI device path text to medium.
    pub uefi: Vec<(String, String)>,
    /// UEFI device path text of a drive without a medium, to the drive.
    pub empty: Vec<(String, DeviceName)>,
    /// Name in SeaBIOS' boot menu to device.
    pub menu: Vec<(String, DeviceName)>,
    /// Devices as `s390-ccw` comes to them.
    pub ipl: IplNames,
    /// Open Firmware path to device and the medium in it.
    pub openfirmware: Vec<(String, DeviceName, Option<String>)>,
    /// NICs, in device order.
    pub nics: Vec<NicName>,
    /// Devices neither come nor go, and nobody but firmware changes the order: what the machine has at power-on it has on every
    /// lap, so that a log that lacks one of them has lost it.
    pub fixed: bool,
    /// Media whose programs print a line as soon as they run.
    pub reporting: Vec<String>,
    /// Media of somebody else's loader, whose initramfs prints a line once it has come to user space.
    pub systems: Vec<String>,
    /// The system that QEMU hands to the firmware.
    pub given: Option<String>,
}

/// How a NIC is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NicName {
    /// Its place among the machine's devices.
    pub device: usize,
    /// Its name.
    pub name: DeviceName,
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
        let order = machine.boot.order.clone().unwrap_or_else(|| DEFAULT_ORDER.to_owned());
        let once = machine.boot.once.clone().unwrap_or_else(|| order.clone());
        let fixed = !machine.devices.iter().any(|device| device.absent || writes_order(device));
        let ipl = IplNames::of(machine, layout);
        let mut names = Names { letters: [once, order], fixed, ipl, ..Names::default() };
        for (medium, nonce) in nonces {
            names.nonces.insert(nonce.clone(), medium.clone());
        }
        let media = machine.devices.iter().filter_map(|device| device.medium.as_ref());
        names.reporting =
            media.clone().filter(|medium| medium.after().is_some()).map(|medium| medium.name.clone()).collect();
        names.given = machine.system.as_ref().map(|given| given.medium.clone());
        names.systems = media.filter(|medium| medium.system.is_some()).map(|medium| medium.name.clone()).collect();
        for (index, device) in machine.devices.iter().enumerate() {
            let Some(own) = machine.name_of(index) else { continue };
            let size = device.medium_name().and_then(|medium| sectors.get(medium)).copied().unwrap_or_default();
            names.menu.extend(menu_name(machine, layout, index, size).zip(Some(own.clone())));
            if let DeviceClass::Nic(nic) = &device.class {
                let network = nic.lan.and_then(|lan| machine.networks.get(lan));
                names.nics.push(NicName {
                    device: index,
                    name: own.clone(),
                    path: paths::uefi_path(machine, layout, index).unwrap_or_default(),
                    served: network.into_iter().flat_map(|network| network.media()).map(str::to_owned).collect(),
                });
            }
            names.openfirmware.extend(openfirmware(machine, layout, index));
            names.bios.extend(BiosName::of(machine, layout, index, size));
            match (paths::uefi_path(machine, layout, index), device.medium_name()) {
                (Some(path), Some(medium)) => names.uefi.push((path, medium.to_owned())),
                (Some(path), None) if !device.is_nic() => names.empty.push((path, own)),
                _ => {}
            }
        }
        names
    }

    /// The same with the short forms by which boot options name partitions, each with the medium that has it.
    pub fn with_partitions(mut self, partitions: impl IntoIterator<Item = (String, String)>) -> Names {
        self.uefi.extend(partitions);
        self
    }

    /// The same for a machine that a story may change.
    pub fn changed_by(mut self, story: bool) -> Names {
        self.fixed &= !story;
        self
    }

    /// Two media have changed places; devices that are called after them, too.
    pub(crate) fn exchange(&mut self, one: &str, other: &str) {
        let now = |name: &str| match name {
            name if name == one => Some(other.to_owned()),
            name if name == other => Some(one.to_owned()),
            _ => None,
        };
        let device = |name: &mut DeviceName| now(name.as_str()).iter().for_each(|now| *name = DeviceName::medium(now));
        for drive in &mut self.bios {
            device(&mut drive.name);
            drive.medium = drive.medium.take().map(|medium| now(&medium).unwrap_or(medium));
        }
        self.uefi.iter_mut().for_each(|(_, medium)| *medium = now(medium).unwrap_or_else(|| std::mem::take(medium)));
        self.menu.iter_mut().for_each(|(_, name)| device(name));
        for (_, name, medium) in &mut self.openfirmware {
            device(name);
            *medium = medium.take().map(|medium| now(&medium).unwrap_or(medium));
        }
        self.ipl.each(|name, medium| {
            device(name);
            *medium = medium.take().map(|medium| now(&medium).unwrap_or(medium));
        });
    }

    /// Whether the program of a medium prints a line as soon as it runs.
    pub fn reports(&self, medium: &str) -> bool {
        self.reporting.iter().any(|known| known == medium)
    }

    /// Letters of `-boot order=` that hold on a lap.
    pub(crate) fn letters_on(&self, lap: u32) -> &str {
        let [first, later] = &self.letters;
        if lap <= 1 { first } else { later }
    }

    /// The NIC at a PCI function, as iPXE writes it: `00:04.0`.
    pub(crate) fn nic_at_address(&self, address: &str) -> Option<&DeviceName> {
        let at = |name: &&BiosName| name.kind == Kind::Rom && name.address.as_deref() == Some(address);
        self.bios.iter().find(at).map(|name| &name.name)
    }

    /// Whether a medium is in a drive of the machine, and not served to it over a network.
    pub(crate) fn is_in_drive(&self, medium: &str) -> bool {
        self.bios.iter().any(|name| name.medium.as_deref() == Some(medium))
            || self.uefi.iter().any(|(_, known)| known == medium)
            || self.ipl.has(medium)
            || self.openfirmware.iter().any(|(.., known)| known.as_deref() == Some(medium))
    }

    /// The device that has this name in SeaBIOS' boot menu, where it is the only one. An optical drive's name is followed by
    /// the label of the volume in it: `DVD/CD [...] (LABEL)`.
    pub(crate) fn device_in_menu(&self, name: &str) -> Option<&DeviceName> {
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

    /// The drive without a medium whose option this is.
    pub(crate) fn empty_at(&self, path: &str) -> Option<&DeviceName> {
        self.empty.iter().find(|(known, _)| known == path).map(|(_, drive)| drive)
    }

    /// The name of a NIC, by its place among the machine's devices.
    pub(crate) fn nic_of_device(&self, device: usize) -> Option<&DeviceName> {
        self.nics.iter().find(|nic| nic.device == device).map(|nic| &nic.name)
    }

    /// The device at a path that SLOF prints, and the medium in it: the one whose path this is, or is the beginning of it up to a node.
    pub fn at_openfirmware(&self, path: &str) -> Option<(&DeviceName, Option<&str>)> {
        let is_at = |known: &str| {
            let rest = path.strip_prefix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
        };
        let mut found = self.openfirmware.iter().filter(|(known, ..)| is_at(known));
        let (_, name, medium) = found.next().filter(|_| found.next().is_none())?;
        Some((name, medium.as_deref()))
    }

    /// The medium at a UEFI device path: the longest known path that is the same or ends at a node boundary of it.
    pub fn medium_at(&self, path: &str) -> Option<&str> {
        let matches = self.uefi.iter().filter(|(known, _)| {
            path.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        matches.max_by_key(|(known, _)| known.len()).map(|(_, medium)| medium.as_str())
    }
}

/// The path by which SLOF speaks of a device.
fn openfirmware(machine: &Machine, layout: &Layout, index: usize) -> Option<(String, DeviceName, Option<String>)> {
    let path = paths::slof_path(machine, layout, index)?;
    Some((path, machine.name_of(index)?, machine.devices.get(index)?.medium_name().map(str::to_owned)))
}

/// Whether a program in a device writes BootNext or BootOrder.
fn writes_order(device: &Device) -> bool {
    let after = device.medium.as_ref().and_then(Medium::after);
    after.is_some_and(|after| matches!(after, After::WriteBootNext | After::WriteBootOrder))
}
