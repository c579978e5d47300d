//! The names by which firmware speaks of a device.
//!
//! [`bootorder_line`] is what QEMU writes to fw_cfg `bootorder` (an OpenFirmware path: `qdev_get_fw_dev_path` and each
//! bus's `get_fw_dev_path` in QEMU's sources); [`uefi_path`] is the device path as OVMF prints it (edk2
//! `MdePkg/Library/UefiDevicePathLib/DevicePathToText.c`). `docs/firmware-paths.md` holds the measured table.

use bootwright_images::{EspPlace, PartitionSignature, Target};

use super::board::RootBus;
use super::layout::{Layout, PciPath};
use super::{DeviceClass, Firmware, Machine, ScsiAdapter, UsbController};
use crate::evidence::nvram::Guid;

/// The line of fw_cfg `bootorder` for a device, or `None` where the device has no such name.
pub fn bootorder_line(machine: &Machine, layout: &Layout, index: usize) -> Option<String> {
    let device = machine.devices.get(index)?;
    let placed = layout.devices.get(index)?;
    if let Some(address) = placed.mmio {
        let unit = if matches!(device.class, DeviceClass::Nic(_)) { "ethernet-phy@0" } else { "disk@0,0" };
        return Some(format!("/virtio-mmio@{address:016x}/{unit}"));
    }
    let board = machine.board.facts();
    let pci = placed.pci.as_ref();
    let root = board.pci()?;
    let function = |name: &str, pci: &PciPath| openfirmware(root, name, pci);
    let line = match &device.class {
        DeviceClass::VirtioBlk => format!("{}/disk@0,0", function("scsi", pci?)),
        DeviceClass::VirtioScsi { target, lun, .. } => {
            format!("{}/channel@0/disk@{target:x},{lun:x}", function("scsi", pci?))
        }
        DeviceClass::Scsi { adapter, target, lun, .. } => {
            let name = if *adapter == ScsiAdapter::Megasas { "raid" } else { "scsi" };
            format!("{}/channel@0/disk@{target:x},{lun:x}", function(name, pci?))
        }
        // QEMU forms the suffix before it knows the namespace id (`nvme_ns_instance_init` in its `hw/nvme/ns.c`), and
        // what comes out names no namespace
        DeviceClass::NvmeNamespace { .. } => format!("{}/nvme-nsbootindex", function("pci1b36,0010", pci?)),
        DeviceClass::UsbBehindHub { hub, port, .. } => {
            format!("{}/hub@{hub:x}/storage@{port:x}/channel@0/disk@0,0", function("usb", pci?))
        }
        DeviceClass::Ide { channel, unit } => {
            format!("{}/drive@{channel:x}/disk@{unit:x}", function("ide", pci?))
        }
        DeviceClass::Ahci { port } => format!("{}/drive@{port:x}/disk@0", function("pci8086,2922", pci?)),
        DeviceClass::Nvme => format!("{}/namespace@1,0", function("pci1b36,0010", pci?)),
        DeviceClass::UsbStorage { port, .. } => {
            format!("{}/storage@{port:x}/channel@0/disk@0,0", function("usb", pci?))
        }
        DeviceClass::Floppy { unit } => {
            format!("{}/{}/floppy@{unit}", root.openfirmware, board.floppy.as_ref()?.openfirmware)
        }
        DeviceClass::Nic(_) => format!("{}/ethernet-phy@0", function("ethernet", pci?)),
    };
    Some(line)
}

/// The devices that have a bootindex, by their place among the machine's devices, the one with the lowest first.
pub fn ranked(machine: &Machine) -> Vec<usize> {
    let present = machine.devices.iter().enumerate().filter(|(_, device)| !device.absent);
    let mut ranked: Vec<(i64, usize)> =
        present.filter_map(|(index, device)| Some((device.bootindex.filter(|&rank| rank >= 0)?, index))).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, index)| index).collect()
}

/// The whole content of fw_cfg `bootorder` that a machine asks for: lines by rising bootindex, `HALT` with strict, each
/// followed by a line feed but the last, which is followed by NUL; empty, even with strict, where no device has a bootindex
/// (`get_boot_devices_list` in QEMU's `softmmu/bootdevice.c`).
pub fn bootorder_file(machine: &Machine, layout: &Layout) -> String {
    let lines = ranked(machine).into_iter().filter_map(|index| bootorder_line(machine, layout, index));
    // the ROM of a kernel that QEMU is given has rank 0, which no device can have then
    let is_given = machine.kernel.is_some() || machine.system.is_some();
    let rom = machine.board.facts().kernel_rom.filter(|_| is_given).map(str::to_owned);
    let mut lines: Vec<String> = rom.into_iter().chain(lines).collect();
    if lines.is_empty() {
        return String::new();
    }
    if machine.boot.strict == Some(true) {
        lines.push("HALT".to_owned());
    }
    lines.join("\n") + "\0"
}

/// The lines of fw_cfg `bios-geometry` that a machine asks for, in device order: the `bootorder` name, then the logical
/// geometry override of each disk that has one (`get_boot_devices_lchs_list` in QEMU's `softmmu/bootdevice.c`).
pub fn bios_geometry_lines(machine: &Machine, layout: &Layout) -> Vec<String> {
    let devices = machine.devices.iter().enumerate().filter(|(_, device)| !device.absent);
    devices
        .filter_map(|(index, device)| {
            let (cylinders, heads, sectors) = device.logical_geometry?;
            Some(format!("{} {cylinders} {heads} {sectors}", bootorder_line(machine, layout, index)?))
        })
        .collect()
}

/// The path by which SLOF speaks of a device, which is the line of `qemu,boot-list` too; `None` where it has no driver for it.
///
/// QEMU's `spapr_get_fw_dev_path` (`hw/ppc/spapr.c`) writes the logical unit of SCSI and of USB as SLOF does: 0x01, the target or the USB
/// port, and the LUN, in the upper half of 64 bits.
pub fn slof_path(machine: &Machine, layout: &Layout, index: usize) -> Option<String> {
    let device = machine.devices.get(index)?;
    let placed = layout.devices.get(index)?;
    let root = machine.board.facts().pci().filter(|_| machine.board.facts().target == Target::Ppc64)?;
    if let Some(at) = placed.vio {
        return Some(match &device.class {
            DeviceClass::Scsi { target, lun, .. } => {
                // logical unit addressing of SAM-5: the target in 6 bits, the LUN in 5
                let unit = (0x8000 | u64::from(*target) << 8 | u64::from(*lun)) << 48;
                format!("/vdevice/v-scsi@{at:x}/disk@{unit:x}")
            }
            _ => format!("/vdevice/l-lan@{at:x}"),
        });
    }
    let pci = placed.pci.as_ref()?;
    let function = |name: &str| openfirmware(root, name, pci);
    let unit = |target: u8, lun: u16| {
        // flat addressing of LUNs that do not fit into a byte (SAM-5 section 4.7)
        let flat = if lun >= 256 { 0x4000 } else { 0 };
        (0x100_0000 | u64::from(target) << 16 | u64::from(lun) | flat) << 32
    };
    match &device.class {
        DeviceClass::VirtioBlk => Some(function("scsi")),
        DeviceClass::VirtioScsi { target, lun, .. } => {
            Some(format!("{}/disk@{:x}", function("scsi"), unit(*target, *lun)))
        }
        DeviceClass::UsbStorage { controller: UsbController::Xhci, port } => {
            Some(format!("{}/storage@{port:x}/disk@{:x}", function("usb-xhci"), unit(*port, 0)))
        }
        DeviceClass::Nic(_) => Some(function("ethernet")),
        _ => None,
    }
}

/// Highest SCSI target and LUN that OVMF looks at (`PcdVirtioScsiMaxTargetLimit` and `PcdVirtioScsiMaxLunLimit` in edk2's
/// `OvmfPkg/OvmfPkg.dec`).
const OVMF_LAST_TARGET_AND_LUN: (u8, u16) = (31, 7);

/// What edk2 calls a virtio-mmio transport (`VIRTIO_MMIO_TRANSPORT_GUID` in its `OvmfPkg/Include/Guid/VirtioMmioTransport.h`); the
/// transport's address follows, in bytes with the lowest first.
const VIRTIO_MMIO: &str = "837DCA9E-E874-4D82-B29A-23FE0E23D1E2";

/// The device path text by which OVMF names a device, without the nodes that a partition, a file or a NIC's protocol
/// adds; `None` where OVMF has no driver for it or does not look there.
pub fn uefi_path(machine: &Machine, layout: &Layout, index: usize) -> Option<String> {
    let device = machine.devices.get(index)?;
    let placed = layout.devices.get(index)?;
    if let Some(address) = placed.mmio {
        let bytes: String = address.to_le_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        return Some(format!("VenHw({VIRTIO_MMIO},{bytes})"));
    }
    let pci = pci_text(machine.board.facts().pci()?, placed.pci.as_ref()?);
    Some(match &device.class {
        DeviceClass::VirtioBlk => pci,
        DeviceClass::VirtioScsi { target, lun, .. } => {
            let (last_target, last_lun) = OVMF_LAST_TARGET_AND_LUN;
            if *target > last_target || *lun > last_lun {
                return None;
            }
            format!("{pci}/Scsi({target:#X},{lun:#X})")
        }
        // Debian's OVMF has no driver for them
        DeviceClass::Scsi { .. } => return None,
        DeviceClass::NvmeNamespace { nsid, .. } => format!("{pci}/NVMe({nsid:#X},00-00-00-00-00-00-00-00)"),
        // a hub is of USB 1.1: on xHCI its ports follow the four of USB 3
        DeviceClass::UsbBehindHub { controller, hub, port } => {
            let first = if *controller == UsbController::Xhci { 4 } else { 0 };
            format!("{pci}/USB({:#x},0x0)/USB({:#x},0x0)", first + hub.checked_sub(1)?, port.checked_sub(1)?)
        }
        DeviceClass::Ide { channel, unit } => {
            let channel = if *channel == 0 { "Primary" } else { "Secondary" };
            let unit = if *unit == 0 { "Master" } else { "Slave" };
            format!("{pci}/Ata({channel},{unit},0x0)")
        }
        // Debian's AAVMF has no driver for it
        DeviceClass::Ahci { .. } if machine.firmware == Firmware::Aavmf => return None,
        DeviceClass::Ahci { port } => format!("{pci}/Sata({port:#x},0xFFFF,0x0)"),
        DeviceClass::Nvme => format!("{pci}/NVMe(0x1,00-00-00-00-00-00-00-00)"),
        // QEMU numbers root ports from 1, edk2 from 0
        DeviceClass::UsbStorage { port, .. } => format!("{pci}/USB({:#x},0x0)", port.checked_sub(1)?),
        DeviceClass::Nic(nic) => {
            nic.model.uefi_driver()?;
            pci
        }
        DeviceClass::Floppy { .. } => return None,
    })
}

/// The node by which a device path names a partition.
pub fn partition_node(place: &EspPlace) -> String {
    let EspPlace { number, start, count, signature } = place;
    let signature = match signature {
        PartitionSignature::Mbr(signature) => format!("MBR,0x{signature:08X}"),
        PartitionSignature::Gpt(guid) => format!("GPT,{}", Guid(*guid)),
    };
    format!("HD({number},{signature},0x{start:X},0x{count:X})")
}

fn pci_text(root: &RootBus, path: &PciPath) -> String {
    let mut text = format!("{}({:#x})", root.uefi, path.root);
    for hop in &path.hops {
        text += &format!("/Pci(0x{:X},0x{:X})", hop.slot, hop.function);
    }
    text
}

/// The OpenFirmware path of a PCI function: bridges on the way, then `name@slot[,function]`.
fn openfirmware(root: &RootBus, name: &str, path: &PciPath) -> String {
    let mut text = String::from(root.openfirmware);
    if path.root != 0 {
        // QEMU counts the expanders in ascending bus number, and a layout has one
        text += ",1";
    }
    let last = path.hops.len().saturating_sub(1);
    for (position, hop) in path.hops.iter().enumerate() {
        let name = if position == last { name } else { "pci-bridge" };
        text += &format!("/{name}@{:x}", hop.slot);
        if hop.function != 0 {
            text += &format!(",{:x}", hop.function);
        }
    }
    text
}

#[cfg(test)]
mod tests;
