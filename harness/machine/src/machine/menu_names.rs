//! The names by which SeaBIOS' boot menu lists a machine's devices.
//!
//! SeaBIOS makes them where it finds the device (`src/hw/*.c`, 1.16 to 1.17). Two disks of one class that are told apart by
//! nothing but their place on a SCSI or USB bus have the same name.

use super::layout::Layout;
use super::{DeviceClass, Machine, OptionRom, ScsiAdapter};

/// The menu's name for a device, or `None` for one that is no entry: a NIC without a ROM or whose ROM the BIOS does not see, a function
/// behind a bridge, whose bus number only the firmware knows. `sectors` is the size of its medium in 512-byte sectors.
pub fn menu_name(machine: &Machine, layout: &Layout, index: usize, sectors: u64) -> Option<String> {
    let device = machine.devices.get(index)?;
    let place = || {
        let pci = layout.devices.get(index)?.pci.as_ref()?;
        match pci.hops.as_slice() {
            [at] if pci.root == 0 => Some(format!("00:{:02x}.{:x}", at.slot, at.function)),
            _ => None,
        }
    };
    let mib = sectors >> 11;
    let ata = |unit: String| match device.optical {
        true => format!("{unit}: QEMU DVD-ROM ATAPI-4 DVD/CD"),
        false => format!("{unit}: QEMU HARDDISK ATA-7 Hard-Disk ({mib} MiBytes)"),
    };
    let name = match &device.class {
        DeviceClass::VirtioBlk => format!("Virtio disk PCI:{}", place()?),
        DeviceClass::VirtioScsi { .. } if device.optical => "virtio-scsi Drive QEMU QEMU CD-ROM 2.5+".to_owned(),
        DeviceClass::VirtioScsi { .. } => "virtio-scsi Drive QEMU QEMU HARDDISK 2.5+".to_owned(),
        DeviceClass::Scsi { adapter, target, lun, .. } => {
            let place = place()?;
            let name = match adapter {
                ScsiAdapter::Am53c974 => format!("esp {place} {target}:{lun}"),
                ScsiAdapter::Lsi53c895a => format!("lsi {place} {target}:{lun}"),
                ScsiAdapter::Megasas => format!("MegaRAID SAS (PCI {place}) LD {target}:{lun}"),
                ScsiAdapter::Mptsas1068 => format!("mpt {place} {target}:{lun}"),
                // on no board of SeaBIOS
                ScsiAdapter::SpaprVscsi => return None,
                ScsiAdapter::Pvscsi => format!("pvscsi {place} {target}:{lun}"),
            };
            let product = if device.optical { "CD-ROM" } else { "HARDDISK" };
            format!("{name} Drive QEMU QEMU {product} 2.5+")
        }
        DeviceClass::NvmeNamespace { nsid, .. } => {
            format!("NVMe NS {nsid}: {mib} MiB ({sectors} 512-byte blocks + 0-byte metadata)")
        }
        DeviceClass::Ide { channel, unit } => ata(format!("ata{channel}-{unit}")),
        DeviceClass::Ahci { port } => ata(format!("AHCI/{port}")),
        DeviceClass::Nvme => format!("NVMe NS 1: {mib} MiB ({sectors} 512-byte blocks + 0-byte metadata)"),
        DeviceClass::UsbStorage { .. } | DeviceClass::UsbBehindHub { .. } => {
            "USB MSC Drive QEMU QEMU HARDDISK 2.5+".to_owned()
        }
        DeviceClass::Floppy { unit } => format!("Floppy [drive {}]", if *unit == 0 { 'A' } else { 'B' }),
        DeviceClass::Nic(nic) if nic.rom == OptionRom::Default && nic.model.has_ipxe_rom() => {
            format!("iPXE (PCI {})", place()?)
        }
        DeviceClass::Nic(_) => return None,
    };
    Some(if device.optical { format!("DVD/CD [{name}]") } else { name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Medium, Place, UsbController};

    /// Every name as SeaBIOS 1.16.2 printed it on QEMU 7.2 for these devices.
    #[test]
    fn names_are_those_that_seabios_prints() {
        let medium = Medium::bootable;
        let machine = Machine::pc(Firmware::SeaBios)
            .virtio_blk(medium("a"))
            .slot(2)
            .virtio_scsi(0, 1, medium("b"))
            .nvme(medium("c"))
            .ide(0, 0, medium("d"))
            .cdrom(DeviceClass::Ide { channel: 0, unit: 1 }, medium("e"))
            .disk(DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 1 }, medium("f"))
            .ahci(0, medium("g"))
            .nic("e1000", None)
            .slot(8)
            .floppy(medium("h"))
            .cdrom(DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 2 }, medium("i"));
        let layout = Layout::of(&machine).unwrap();
        let names: Vec<String> =
            (0..machine.devices.len()).filter_map(|index| menu_name(&machine, &layout, index, 6144)).collect();
        let printed = [
            "Virtio disk PCI:00:02.0",
            "virtio-scsi Drive QEMU QEMU HARDDISK 2.5+",
            "NVMe NS 1: 3 MiB (6144 512-byte blocks + 0-byte metadata)",
            "ata0-0: QEMU HARDDISK ATA-7 Hard-Disk (3 MiBytes)",
            "DVD/CD [ata0-1: QEMU DVD-ROM ATAPI-4 DVD/CD]",
            "USB MSC Drive QEMU QEMU HARDDISK 2.5+",
            "AHCI/0: QEMU HARDDISK ATA-7 Hard-Disk (3 MiBytes)",
            "iPXE (PCI 00:08.0)",
            "Floppy [drive A]",
            "DVD/CD [virtio-scsi Drive QEMU QEMU CD-ROM 2.5+]",
        ];
        assert_eq!(names, printed);
    }

    #[test]
    fn what_is_no_entry_or_cannot_be_known_has_no_name() {
        let machine = Machine::pc(Firmware::SeaBios)
            .nic("e1000", None)
            .rom(OptionRom::Empty)
            .virtio_blk(Medium::bootable("behind"))
            .place(Place::PciBridge)
            .nic("tulip", None);
        let layout = Layout::of(&machine).unwrap();
        assert_eq!([0, 1, 2].map(|index| menu_name(&machine, &layout, index, 1)), [None, None, None]);
    }
}
