//! Paths against the measured table: every row whose machine the specification can express.

use super::*;
use crate::machine::{
    Board, DeviceClass, Firmware, Medium, Nic, NicModel, OptionRom, Place, ScsiAdapter, UsbController,
};

/// Columns as in `docs/firmware-paths.md`.
struct Row<'a> {
    number: usize,
    board: Board,
    class: &'a str,
    slot: &'a str,
    unit: &'a str,
    bootorder: &'a str,
    uefi: &'a str,
    place: &'a str,
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    let lines = include_str!("../golden/firmware-paths.tsv").lines().enumerate().skip(1);
    lines.map(|(number, line)| {
        let cells: Vec<&str> = line.split('\t').collect();
        let board = if cells[0] == "pc" { Board::Pc } else { Board::Q35 };
        let &[_, class, slot, unit, bootorder, uefi, place, ..] = cells.as_slice() else {
            panic!("line {} has too few columns", number + 1)
        };
        Row { number: number + 1, board, class, slot, unit, bootorder, uefi, place }
    })
}

/// `scsi-id=5` in `channel=0,scsi-id=5,lun=3` gives 5.
fn value<'a>(unit: &'a str, name: &str) -> Option<&'a str> {
    unit.split(',').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn number<T: std::str::FromStr>(unit: &str, name: &str) -> Option<T> {
    value(unit, name)?.parse().ok()
}

/// The class and whether its drive is optical; `None` where the specification has no such device.
fn class(row: &Row) -> Option<(DeviceClass, bool)> {
    let unit = row.unit;
    let ide = || value(unit, "bus")?.strip_prefix("ide.")?.parse::<u8>().ok();
    let usb = |controller| Some(DeviceClass::UsbStorage { controller, port: number(unit, "port")? });
    let class = match row.class {
        "virtio-blk-pci" => DeviceClass::VirtioBlk,
        "nvme" => DeviceClass::Nvme,
        "virtio-scsi-pci/scsi-hd" | "virtio-scsi-pci/scsi-cd" if value(unit, "channel") == Some("0") => {
            DeviceClass::VirtioScsi { hba: 0, target: number(unit, "scsi-id")?, lun: number(unit, "lun")? }
        }
        "ide-hd" | "ide-cd" if row.board == Board::Pc => {
            DeviceClass::Ide { channel: ide()?, unit: number(unit, "unit")? }
        }
        "ide-hd" | "ide-cd" => DeviceClass::Ahci { port: ide()? },
        // q35 has an AHCI controller of its own, and the specification adds no second one
        "ich9-ahci/ide-hd" | "ich9-ahci/ide-cd" if row.board == Board::Pc => DeviceClass::Ahci { port: ide()? },
        "qemu-xhci/usb-storage" | "qemu-xhci/usb-storage(cd)" => usb(UsbController::Xhci)?,
        "usb-ehci/usb-storage" | "usb-ehci/usb-storage(cd)" => usb(UsbController::Ehci)?,
        "piix3-usb-uhci/usb-storage" | "piix3-usb-uhci/usb-storage(cd)" => usb(UsbController::Uhci)?,
        "qemu-xhci/usb-hub/usb-storage" => behind_hub(UsbController::Xhci, unit)?,
        "piix3-usb-uhci/usb-hub/usb-storage" => behind_hub(UsbController::Uhci, unit)?,
        "nvme/nvme-ns" => DeviceClass::NvmeNamespace { controller: 0, nsid: number(unit, "nsid")? },
        adapter if adapter.ends_with("/scsi-hd") || adapter.ends_with("/scsi-cd") => {
            use ScsiAdapter::{Am53c974, Lsi53c895a, Megasas, Mptsas1068, Pvscsi};
            let name = adapter.split('/').next()?;
            let known = [Am53c974, Lsi53c895a, Megasas, Mptsas1068, Pvscsi];
            let adapter = known.into_iter().find(|known| known.device() == name)?;
            DeviceClass::Scsi { adapter, hba: 0, target: number(unit, "scsi-id")?, lun: number(unit, "lun")? }
        }
        "floppy" | "isa-fdc/floppy" => DeviceClass::Floppy { unit: number(unit, "unit")? },
        model => {
            let known = model.parse::<NicModel>().ok()?;
            DeviceClass::Nic(Nic { model: known, rom: OptionRom::Default, lan: None })
        }
    };
    Some((class, row.class.ends_with("-cd") || row.class.ends_with("(cd)")))
}

/// `port=1.8` is port 8 of the hub on root port 1.
fn behind_hub(controller: UsbController, unit: &str) -> Option<DeviceClass> {
    let (hub, port) = value(unit, "port")?.split_once('.')?;
    Some(DeviceClass::UsbBehindHub { controller, hub: hub.parse().ok()?, port: port.parse().ok()? })
}

/// A machine whose last device sits where the row's did.
fn machine(row: &Row) -> Option<Machine> {
    let (class, optical) = class(row)?;
    let own_slot = match class {
        DeviceClass::Floppy { .. } | DeviceClass::Ide { .. } => false,
        DeviceClass::Ahci { .. } => row.board == Board::Pc,
        _ => true,
    };
    let hops: Vec<(u8, u8)> = row.slot.rsplit(':').next()?.split('/').map(address).collect::<Option<_>>()?;
    let mut machine = Machine::new(Firmware::SeaBios, row.board);
    // bridges take the first free slot: fill those before the row's
    if matches!(row.place, "pci-bridge" | "pcie-root-port") {
        for slot in 3..hops[0].0 {
            machine = machine.virtio_blk(Medium::blank(&format!("filler{slot}"))).slot(slot);
        }
    }
    let medium = (!matches!(class, DeviceClass::Nic(_))).then(|| Medium::bootable("only"));
    let machine = machine.device(class, medium, optical);
    match (row.place, hops.as_slice()) {
        ("root" | "multifunction", [_]) if !own_slot => Some(machine),
        ("root" | "multifunction", &[(slot, function)]) => Some(machine.function(slot, function)),
        ("pci-bridge", &[(_, 0), (slot, 0)]) => Some(machine.place(Place::PciBridge).slot(slot)),
        ("pcie-root-port", &[(_, 0), (0, 0)]) => Some(machine.place(Place::RootPort)),
        ("pxb", &[(slot, 0)]) => Some(machine.place(Place::Expander).slot(slot)),
        ("pxb-pcie+root-port", &[(0, 0), (0, 0)]) if own_slot => Some(machine.place(Place::Expander)),
        _ => None,
    }
}

/// `1e.7`, hexadecimal slot and function.
fn address(text: &str) -> Option<(u8, u8)> {
    let (slot, function) = text.split_once('.')?;
    Some((u8::from_str_radix(slot, 16).ok()?, u8::from_str_radix(function, 16).ok()?))
}

#[test]
fn both_paths_are_those_of_every_measured_row_that_a_machine_can_express() {
    let (mut lines, mut paths, mut wrong) = (0, 0, Vec::new());
    for row in rows() {
        let Some(machine) = machine(&row) else { continue };
        let layout = Layout::of(&machine).unwrap_or_else(|error| panic!("row {}: {error}", row.number));
        let index = machine.devices.len() - 1;
        lines += 1;
        let line = bootorder_line(&machine, &layout, index).unwrap();
        if line != row.bootorder {
            wrong.push(format!("row {}: bootorder {line}, measured {}", row.number, row.bootorder));
        }
        if row.uefi == "?" {
            continue;
        }
        paths += 1;
        let path = uefi_path(&machine, &layout, index).unwrap_or_else(|| "-".to_owned());
        // the node of a NIC's protocol names its address, which the measured machines chose for themselves
        let measured = row.uefi.split("/MAC(").next().unwrap();
        if path != measured {
            wrong.push(format!("row {}: device path {path}, measured {measured}", row.number));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines >= 173, "only {lines} of {} rows were compared", rows().count());
    assert!(paths >= 150, "only {paths} device paths were compared");
    eprintln!("{lines} bootorder lines and {paths} device paths compared");
}

#[test]
fn the_comparison_covers_every_place_and_class() {
    let expressed: Vec<(String, &str)> =
        rows().filter_map(|row| machine(&row).map(|_| (row.class.to_owned(), row.place))).collect();
    for place in ["root", "multifunction", "pci-bridge", "pcie-root-port", "pxb", "pxb-pcie+root-port"] {
        assert!(expressed.iter().any(|(_, known)| *known == place), "no row with place {place}");
    }
    let classes = [
        "virtio-blk-pci",
        "nvme",
        "nvme/nvme-ns",
        "virtio-scsi-pci/scsi-cd",
        "am53c974/scsi-hd",
        "lsi53c895a/scsi-hd",
        "megasas/scsi-cd",
        "mptsas1068/scsi-hd",
        "pvscsi/scsi-hd",
        "qemu-xhci/usb-hub/usb-storage",
        "piix3-usb-uhci/usb-hub/usb-storage",
        "ide-hd",
        "ich9-ahci/ide-cd",
        "e1000",
        "floppy",
    ];
    for class in classes {
        assert!(expressed.iter().any(|(known, _)| known == class), "no row with class {class}");
    }
}

/// As QEMU 7.2, 10.0 and 11.1 wrote them and AAVMF 2022.11, 2025.02 and 2026.08 printed them.
#[test]
fn a_device_on_virtio_mmio_is_named_by_the_address_of_its_transport() {
    let machine = Machine::new(Firmware::Aavmf, Board::Virt)
        .virtio_blk(Medium::bootable("disk"))
        .place(Place::VirtioMmio { transport: 3 })
        .nic("virtio-net-pci", None)
        .place(Place::VirtioMmio { transport: 7 });
    let layout = Layout::of(&machine).unwrap();
    let line = |index| bootorder_line(&machine, &layout, index).unwrap();
    assert_eq!(line(0), "/virtio-mmio@000000000a000600/disk@0,0");
    assert_eq!(line(1), "/virtio-mmio@000000000a000e00/ethernet-phy@0");
    let path = |index| uefi_path(&machine, &layout, index).unwrap();
    assert_eq!(path(0), "VenHw(837DCA9E-E874-4D82-B29A-23FE0E23D1E2,0006000A00000000)");
    assert_eq!(path(1), "VenHw(837DCA9E-E874-4D82-B29A-23FE0E23D1E2,000E000A00000000)");
}

#[test]
fn a_usb_port_that_does_not_exist_has_no_device_path() {
    let mut machine = Machine::q35(Firmware::Ovmf).usb_storage(1, Medium::bootable("only"));
    let layout = Layout::of(&machine).unwrap();
    machine.devices[0].class = DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 0 };
    assert_eq!(uefi_path(&machine, &layout, 0), None);
}

#[test]
fn the_whole_file_is_in_order_of_bootindex_with_halt_last() {
    let machine = Machine::pc(Firmware::SeaBios)
        .virtio_blk(Medium::bootable("second"))
        .bootindex(7)
        .virtio_blk(Medium::bootable("first"))
        .bootindex(0)
        .virtio_blk(Medium::bootable("unlisted"))
        .virtio_blk(Medium::bootable("negative"))
        .bootindex(-1)
        .virtio_blk(Medium::bootable("later"))
        .bootindex(1)
        .absent();
    let file = |machine: &Machine| bootorder_file(machine, &Layout::of(machine).unwrap());
    let lines = "/pci@i0cf8/scsi@4/disk@0,0\n/pci@i0cf8/scsi@3/disk@0,0";
    assert_eq!(file(&machine), format!("{lines}\0"));
    assert_eq!(file(&machine.clone().strict(true)), format!("{lines}\nHALT\0"));
    assert_eq!(file(&machine.without_bootindex().strict(true)), "", "strict is lost without any bootindex");
}
