//! The devices of a machine as SeaBIOS registers them to boot from.
//!
//! SeaBIOS sorts what it registers by its place in fw_cfg `bootorder` or the default of its kind, then by kind, driver and the
//! driver's own number, and else leaves what came first in front (`bootentry_add` in `src/boot.c`, 1.16 to 1.17).

use bootwright_machine::machine::layout::{Layout, PciAddress, PciPath};
use bootwright_machine::machine::{DeviceClass, DeviceName, Machine, UsbController, paths};

/// What a device is to the BIOS, in the order in which SeaBIOS tries kinds of one priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A floppy drive.
    Floppy,
    /// Whatever is mapped as a hard disk, also an ISO in a disk.
    Disk,
    /// An optical drive.
    Optical,
    /// A boot ROM.
    Rom,
}

impl Kind {
    /// What SeaBIOS tries, by its word for it (`do_boot` in its `src/boot.c`).
    pub fn of_attempt(target: &str) -> Option<Kind> {
        match target {
            "Floppy" => Some(Kind::Floppy),
            "Hard Disk" => Some(Kind::Disk),
            "DVD/CD" => Some(Kind::Optical),
            "ROM" => Some(Kind::Rom),
            _ => None,
        }
    }
}

/// A device's bus from the root on, then its function: buses are numbered in this order.
pub type Function = (u8, Vec<(u8, u8)>, (u8, u8));

/// How a device is recognised in SeaBIOS' log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BiosName {
    /// The device.
    pub name: DeviceName,
    /// The medium in it.
    pub medium: Option<String>,
    /// Its fw_cfg `bootorder` line.
    pub line: String,
    /// What it is registered as.
    pub kind: Kind,
    /// SeaBIOS' number of its driver (`DTYPE_*` in `src/block.h`), and that driver's number of it.
    pub driver: (u8, u32),
    /// Where it sits, for drivers that number their devices by that.
    pub function: Option<Function>,
    /// Size of its medium in 512-byte sectors.
    pub sectors: u64,
    /// The PCI function as SeaBIOS and iPXE write it, for example `00:03.0`; functions behind a bridge have none, since only
    /// firmware knows their bus number.
    pub address: Option<String>,
}

impl BiosName {
    /// A device of a machine, whose medium has so many sectors; `None` for one that the BIOS knows nothing of.
    pub fn of(machine: &Machine, layout: &Layout, index: usize, sectors: u64) -> Option<BiosName> {
        let device = machine.devices.get(index)?;
        let place = layout.devices.get(index).and_then(|placed| placed.pci.as_ref());
        let optical = u8::from(device.optical);
        let mut numbered = false;
        let (kind, driver) = match &device.class {
            DeviceClass::Floppy { unit } => (Kind::Floppy, (0x10, u32::from(*unit))),
            DeviceClass::Ide { channel, unit } => (Kind::Disk, (0x20 + optical, u32::from(channel * 2 + unit))),
            DeviceClass::Ahci { port } => (Kind::Disk, (0x50 + optical, u32::from(*port))),
            DeviceClass::VirtioScsi { .. } => {
                numbered = true;
                (Kind::Disk, (0x60, 0))
            }
            DeviceClass::VirtioBlk => {
                numbered = true;
                (Kind::Disk, (0x61, 0))
            }
            DeviceClass::UsbStorage { controller, .. } | DeviceClass::UsbBehindHub { controller, .. } => {
                (Kind::Disk, (if *controller == UsbController::Xhci { 0x71 } else { 0x70 }, 0))
            }
            DeviceClass::NvmeNamespace { nsid, .. } => (Kind::Disk, (0x91, nsid.saturating_sub(1))),
            DeviceClass::Nvme => (Kind::Disk, (0x91, 0)),
            DeviceClass::Nic(_) => (Kind::Rom, (0, 0)),
            DeviceClass::Scsi { .. } => {
                numbered = true;
                (Kind::Disk, (0x80, 0))
            }
        };
        // QEMU's virtio-blk, NVMe and usb-storage are disks whatever is in them
        let shows_type = !matches!(
            device.class,
            DeviceClass::VirtioBlk
                | DeviceClass::Nvme
                | DeviceClass::NvmeNamespace { .. }
                | DeviceClass::UsbStorage { .. }
                | DeviceClass::UsbBehindHub { .. }
                | DeviceClass::Floppy { .. }
        );
        let kind = if device.optical && shows_type { Kind::Optical } else { kind };
        Some(BiosName {
            name: machine.name_of(index)?,
            medium: device.medium_name().map(str::to_owned),
            line: paths::bootorder_line(machine, layout, index)?,
            kind,
            driver,
            function: place.filter(|_| numbered).and_then(function),
            sectors,
            address: place.and_then(address),
        })
    }

    /// Whether SeaBIOS registers this device where it says that it searches the boot order for `pattern`. A pattern that
    /// ends above the device is its adapter's, except where a function is one drive or one boot ROM.
    pub(crate) fn is_searched_as(&self, pattern: &str) -> bool {
        let own_function = |rest: &str| match rest.strip_prefix('/') {
            Some(rest) => {
                !rest.contains('/')
                    && ["disk@", "namespace@", "nvme-ns", "ethernet-phy@"].iter().any(|node| rest.starts_with(node))
            }
            None => false,
        };
        rest_behind(pattern, &self.line).is_some_and(|rest| rest.is_empty() || own_function(rest))
    }

    /// Whether a mapped drive of so many sectors, modulo 2^32 as SeaBIOS prints them, may be this one.
    pub(crate) fn has_size(&self, sectors: u32) -> bool {
        self.sectors as u32 == sectors
    }
}

/// What is left of a boot order line behind a pattern that is a beginning of it (`glob_prefix` in `src/boot.c`): `*` stands
/// for any characters but `/` and the one behind it.
pub fn rest_behind<'a>(pattern: &str, line: &'a str) -> Option<&'a str> {
    let (pattern, bytes) = (pattern.as_bytes(), line.as_bytes());
    let (mut at, mut place) = (0, 0);
    loop {
        let (wanted, here) = (pattern.get(at), bytes.get(place));
        match (wanted, here) {
            (None, None | Some(b'/')) => return line.get(place..),
            (Some(b'*'), here) => match here {
                None | Some(b'/') => at += 1,
                Some(byte) if pattern.get(at + 1) == Some(byte) => at += 1,
                Some(_) => place += 1,
            },
            (Some(wanted), Some(here)) if wanted == here => (at, place) = (at + 1, place + 1),
            _ => return None,
        }
    }
}

fn function(path: &PciPath) -> Option<Function> {
    let pair = |at: &PciAddress| (at.slot, at.function);
    let (last, bus) = path.hops.split_last()?;
    Some((path.root, bus.iter().map(pair).collect(), pair(last)))
}

fn address(path: &PciPath) -> Option<String> {
    match path.hops.as_slice() {
        [PciAddress { slot, function }] if path.root == 0 => Some(format!("00:{slot:02x}.{function:x}")),
        _ => None,
    }
}

/// virtio-blk disks by medium, slot and size.
#[cfg(test)]
pub fn disks(disks: &[(&str, u8, u64)]) -> Vec<BiosName> {
    use bootwright_machine::machine::{Firmware, Medium};
    let machine = disks.iter().fold(Machine::pc(Firmware::SeaBios), |machine, (medium, slot, _)| {
        machine.virtio_blk(Medium::blank(medium)).slot(*slot)
    });
    let Ok(layout) = Layout::of(&machine) else { return Vec::new() };
    let sized = disks.iter().enumerate();
    sized.filter_map(|(index, (.., sectors))| BiosName::of(&machine, &layout, index, *sectors)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootwright_machine::machine::{Firmware, Medium};

    #[test]
    fn a_pattern_registers_the_device_itself_and_an_adapters_pattern_none_of_its_drives() {
        let machine = Machine::pc(Firmware::SeaBios)
            .virtio_blk(Medium::blank("blk"))
            .slot(3)
            .virtio_scsi(2, 1, Medium::blank("scsi"))
            .slot(4)
            .ide(0, 1, Medium::blank("ide"))
            .usb_storage(1, Medium::blank("usb"))
            .slot(5)
            .nvme(Medium::blank("nvme"))
            .slot(6)
            .nic("e1000", None)
            .slot(7)
            .floppy(Medium::blank("floppy"));
        let layout = Layout::of(&machine).unwrap();
        let names: Vec<_> =
            (0..machine.devices.len()).filter_map(|index| BiosName::of(&machine, &layout, index, 0)).collect();
        let registers = |pattern: &str| -> Vec<&str> {
            let found = names.iter().filter(|name| name.is_searched_as(pattern));
            found.map(|name| name.name.as_str()).collect()
        };
        assert_eq!(registers("/pci@i0cf8/*@3"), ["blk"]);
        assert_eq!(registers("/pci@i0cf8/*@4"), Vec::<&str>::new());
        assert_eq!(registers("/pci@i0cf8/*@4/*@0/*@2,1"), ["scsi"]);
        assert_eq!(registers("/pci@i0cf8/*@1,1/drive@0/disk@1"), ["ide"]);
        assert_eq!(registers("/pci@i0cf8/usb@5/storage@1/*@0/*@0,0"), ["usb"]);
        assert_eq!(registers("/pci@i0cf8/usb@5/usb-*@1"), Vec::<&str>::new());
        assert_eq!(registers("/pci@i0cf8/*@6"), ["nvme"]);
        assert_eq!(registers("/pci@i0cf8/*@7"), ["nic0"]);
        assert_eq!(registers("/pci@i0cf8/isa@1/fdc@03f0/floppy@0"), ["floppy"]);
        assert_eq!(registers("HALT"), Vec::<&str>::new());
    }

    #[test]
    fn a_size_is_compared_modulo_two_to_the_32nd() {
        let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::blank("huge"));
        let layout = Layout::of(&machine).unwrap();
        let huge = BiosName::of(&machine, &layout, 0, (1 << 32) + 40_960).unwrap();
        assert!(huge.has_size(40_960) && !huge.has_size(40_961));
    }
}
