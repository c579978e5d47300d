//! The names by which firmware speaks of a device.
//!
//! [`bootorder_line`] is what QEMU writes to fw_cfg `bootorder` (an OpenFirmware path: `qdev_get_fw_dev_path` and each
//! bus's `get_fw_dev_path` in QEMU's sources); [`uefi_path`] is the device path as OVMF prints it (edk2
//! `MdePkg/Library/UefiDevicePathLib/DevicePathToText.c`). `docs/firmware-paths.md` holds the measured table.

use super::layout::{Layout, PciPath};
use super::{Board, Device, DeviceClass, Machine, UsbController};

/// The line of fw_cfg `bootorder` for a device, or `None` where the device has no such name.
pub fn bootorder_line(machine: &Machine, layout: &Layout, index: usize) -> Option<String> {
    let device = machine.devices.get(index)?;
    let placed = layout.devices.get(index)?;
    let pci = placed.pci.as_ref();
    let line = match &device.class {
        DeviceClass::VirtioBlk => format!("{}/disk@0,0", function("scsi", pci?)),
        DeviceClass::VirtioScsi { target, lun, .. } => {
            format!("{}/channel@0/disk@{target:x},{lun:x}", function("scsi", pci?))
        }
        DeviceClass::Ide { channel, unit } => {
            format!("{}/drive@{channel:x}/disk@{unit:x}", function("ide", pci?))
        }
        DeviceClass::Ahci { port } => format!("{}/drive@{port:x}/disk@0", function("pci8086,2922", pci?)),
        DeviceClass::Nvme => format!("{}/namespace@1,0", function("pci1b36,0010", pci?)),
        DeviceClass::UsbStorage { port, .. } => {
            format!("{}/storage@{port:x}/channel@0/disk@0,0", function("usb", pci?))
        }
        DeviceClass::Floppy { unit } => format!("/pci@i0cf8/isa@{}/fdc@03f0/floppy@{unit}", isa_bridge(machine.board)),
        DeviceClass::Nic(_) => format!("{}/ethernet-phy@0", function("ethernet", pci?)),
    };
    Some(line)
}

/// The whole content of fw_cfg `bootorder` that a machine asks for: lines by rising bootindex, `HALT` with strict, each
/// followed by a line feed but the last, which is followed by NUL; empty, even with strict, where no device has a bootindex
/// (`get_boot_devices_list` in QEMU's `softmmu/bootdevice.c`).
pub fn bootorder_file(machine: &Machine, layout: &Layout) -> String {
    let mut ranked: Vec<(i64, String)> = machine
        .devices
        .iter()
        .enumerate()
        .filter(|(_, device)| !device.absent)
        .filter_map(|(index, device)| Some((device.bootindex.filter(|&rank| rank >= 0)?, index)))
        .filter_map(|(rank, index)| Some((rank, bootorder_line(machine, layout, index)?)))
        .collect();
    ranked.sort();
    if ranked.is_empty() {
        return String::new();
    }
    let mut lines: Vec<String> = ranked.into_iter().map(|(_, line)| line).collect();
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

/// The device path text by which OVMF names a device, without the nodes that a partition or file adds; `None` where
/// OVMF has no driver for it.
pub fn uefi_path(machine: &Machine, layout: &Layout, index: usize) -> Option<String> {
    let device = machine.devices.get(index)?;
    let placed = layout.devices.get(index)?;
    let pci = pci_text(placed.pci.as_ref()?);
    Some(match &device.class {
        DeviceClass::VirtioBlk => pci,
        DeviceClass::VirtioScsi { target, lun, .. } => format!("{pci}/Scsi({target:#X},{lun:#X})").replace("0X", "0x"),
        DeviceClass::Ide { channel, unit } => {
            let channel = if *channel == 0 { "Primary" } else { "Secondary" };
            let unit = if *unit == 0 { "Master" } else { "Slave" };
            format!("{pci}/Ata({channel},{unit},0x0)")
        }
        DeviceClass::Ahci { port } => format!("{pci}/Sata({port:#x},0xFFFF,0x0)"),
        DeviceClass::Nvme => format!("{pci}/NVMe(0x1,00-00-00-00-00-00-00-00)"),
        DeviceClass::UsbStorage { controller, port } => usb_path(&pci, *controller, *port, device),
        DeviceClass::Nic(_) => pci,
        DeviceClass::Floppy { .. } => return None,
    })
}

/// QEMU numbers ports from 1; edk2's USB node counts them from 0. On `qemu-xhci` the USB 3 ports come first for a
/// SuperSpeed device.
fn usb_path(pci: &str, _controller: UsbController, port: u8, _device: &Device) -> String {
    format!("{pci}/USB({:#x},0x0)", port - 1)
}

fn pci_text(path: &PciPath) -> String {
    let mut text = format!("PciRoot({:#x})", path.root);
    for (slot, function) in &path.hops {
        text += &format!("/Pci(0x{slot:X},0x{function:X})");
    }
    text
}

/// The OpenFirmware path of a PCI function: bridges on the way, then `name@slot[,function]`.
fn function(name: &str, path: &PciPath) -> String {
    let mut text = String::from("/pci@i0cf8");
    if path.root != 0 {
        // expanders are counted from 1, whatever their bus number
        text += ",1";
    }
    let last = path.hops.len().saturating_sub(1);
    for (position, (slot, function)) in path.hops.iter().enumerate() {
        let name = if position == last { name } else { "pci-bridge" };
        text += &format!("/{name}@{slot:x}");
        if *function != 0 {
            text += &format!(",{function:x}");
        }
    }
    text
}

/// Slot of the ISA bridge, in hexadecimal.
fn isa_bridge(board: Board) -> &'static str {
    match board {
        Board::Pc => "1",
        Board::Q35 => "1f",
    }
}
