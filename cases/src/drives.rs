//! Drives on further adapters, behind a hub, of several namespaces, and with other sectors than of 512 bytes.

use bootwright::case::Case;
use bootwright::machine::{Board, DeviceClass, DiskClass, Firmware, Machine, Medium, ScsiAdapter, UsbController};
use bootwright::verdict::Expectation;
use bootwright_images::{PartitionTable, Reads};

use crate::first_entry::nobody_there;
use crate::{classes, quick_or_long, tiers};

/// SCSI adapters that SeaBIOS has drivers for.
const ADAPTERS: [ScsiAdapter; 5] = [
    ScsiAdapter::Am53c974,
    ScsiAdapter::Lsi53c895a,
    ScsiAdapter::Megasas,
    ScsiAdapter::Mptsas1068,
    ScsiAdapter::Pvscsi,
];

/// Logical geometries: cylinders, heads, sectors per track. The most heads and sectors that int 13h tells, more heads than an
/// ATA drive has, and fewer of both than any disk has by itself.
const GEOMETRIES: [(u32, u32, u32); 3] = [(3, 255, 63), (64, 32, 16), (1023, 2, 17)];

/// Last places, and the names of their cases.
const LAST: [(DeviceClass, &str); 5] = [
    (DeviceClass::Ahci { port: 5 }, "ahci-port-5"),
    (last_target(ScsiAdapter::Am53c974, 7), "am53c974-target-7"),
    (last_target(ScsiAdapter::Lsi53c895a, 6), "lsi53c895a-target-6"),
    (last_target(ScsiAdapter::Megasas, 63), "megasas-target-63"),
    (last_target(ScsiAdapter::Pvscsi, 63), "pvscsi-target-63"),
];

const fn last_target(adapter: ScsiAdapter, target: u8) -> DeviceClass {
    DeviceClass::Scsi { adapter, hba: 0, target, lun: 0 }
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in [Board::Pc, Board::Q35] {
        for class in ADAPTERS.map(DiskClass::Scsi).into_iter().chain([DiskClass::UsbHub]) {
            cases.push(pair(Firmware::SeaBios, board, class));
        }
        let adapters = ADAPTERS.map(DiskClass::Scsi);
        for class in classes::disks(board).into_iter().chain(adapters) {
            cases.extend([Reads::Lba, Reads::Chs].map(|reads| distant(board, class, reads)));
            // what the drivers make of an address is the same on every board
            cases.extend((board == Board::Pc).then(|| distant(board, class, Reads::Unaligned)));
        }
        cases.extend(classes::disks(board).into_iter().map(|class| distant(board, class, Reads::Lba48)));
        cases.push(distant_on_floppy(board));
        cases.push(namespace(Firmware::SeaBios, board));
        cases.push(queues(Firmware::SeaBios, board));
        let classes = classes::disks(board).into_iter().filter(|class| class.has_geometry());
        for class in classes {
            cases.extend(GEOMETRIES.map(|geometry| logical(board, class, geometry)));
            cases.push(distant_cylinder(board, class));
        }
    }
    let on_q35 = [DiskClass::VirtioBlk, DiskClass::VirtioScsi];
    cases.extend(on_q35.map(|class| sizes(Board::Q35, class)));
    cases.push(sizes(Board::Pc, DiskClass::NvmeNamespace));
    cases.extend([last_namespace(), last_port(), last_unit()]);
    cases.extend(LAST.map(|(class, name)| last_place(class, name)));
    cases.extend(classes::older_usb().map(|class| distant(Board::Pc, class, Reads::Unaligned).long(tiers::POLLED_USB)));
    cases.extend([without_modern(DiskClass::VirtioBlk), without_modern(DiskClass::VirtioScsi), short_requests()]);
    // OVMF has its boot options together before it has found what hangs off a hub: see the traps in docs/firmware-paths.md
    cases.extend([namespace(Firmware::Ovmf, Board::Q35), queues(Firmware::Ovmf, Board::Q35)]);
    for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
        cases.extend(other_sectors(firmware, Board::Q35));
    }
    cases
}

/// Those of UEFI firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let mut cases = vec![namespace(firmware, board), queues(firmware, board)];
    cases.extend((board == Board::Virt).then(|| ahci_without_driver(firmware, board)));
    cases.extend(other_sectors(firmware, board));
    cases
}

fn other_sectors(firmware: Firmware, board: Board) -> Vec<Case> {
    let classes = [DiskClass::VirtioBlk, DiskClass::VirtioScsi, DiskClass::Nvme];
    let both = |class| [emulating_512(firmware, board, class), native_4096(firmware, board, class)];
    classes.into_iter().flat_map(both).collect()
}

fn case(firmware: Firmware, board: Board, class: &str) -> Case {
    Case::new(format!("drives::{}::{}::{class}", firmware.name(), board.name())).axis("class", class)
}

/// A case of a place or a property that one board shows for all.
fn on_pc(what: &str) -> Case {
    Case::new(format!("drives::seabios::pc::{what}"))
}

/// Of two disks on one adapter or hub, the one with the lower bootindex boots although it sits further away.
fn pair(firmware: Firmware, board: Board, class: DiskClass) -> Case {
    let machine = Machine::new(firmware, board).drive(class, 0, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.drive(class, 1, Medium::bootable("right")).bootindex(1);
    case(firmware, board, class.name())
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// int 13h tells the program the geometry that the user asked for its disk, and not that of the disk before or behind it.
fn logical(board: Board, class: DiskClass, (cylinders, heads, sectors): (u32, u32, u32)) -> Case {
    let machine = Machine::new(Firmware::SeaBios, board).drive(class, 0, Medium::blank("before"));
    let machine = machine.logical_geometry(65, 16, 32).drive(class, 1, Medium::bootable("right")).bootindex(1);
    let machine = machine.logical_geometry(cylinders, heads, sectors).drive(class, 2, Medium::blank("behind"));
    Case::new(format!("drives::seabios::{}::lchs-{cylinders}-{heads}-{sectors}-{class}", board.name()))
        .axis("class", class.name())
        .machine(machine.logical_geometry(130, 8, 32))
        .expect(Expectation::boots("right"))
        .control_blank("right")
}

/// A program whose most part is far from the beginning of its disk, read at once by LBA or sector by sector by CHS: int 13h reads what it
/// is asked for (`disk_13` and `basic_access` in SeaBIOS' `src/disk.c`, and the driver of each class), at an LBA of more than 28 bits, too,
/// by more commands than the queues of a controller have places for, and to odd addresses, too.
fn distant(board: Board, class: DiskClass, reads: Reads) -> Case {
    let by = match reads {
        Reads::Lba => "lba",
        Reads::Lba48 => "lba48",
        Reads::Unaligned => "unaligned",
        _ => "chs",
    };
    let machine = Machine::new(Firmware::SeaBios, board).drive(class, 0, Medium::distant("only", reads)).bootindex(1);
    Case::new(format!("drives::seabios::{}::distant-{by}-{}", board.name(), class.name()))
        .axis("class", class.name())
        .axis("reads", by)
        .machine(machine)
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// The same by CHS from a cylinder behind the 256th, whose number is in two registers (`legacy_io` in SeaBIOS' `src/disk.c`): the disk has
/// two heads.
fn distant_cylinder(board: Board, class: DiskClass) -> Case {
    let machine = Machine::new(Firmware::SeaBios, board).drive(class, 0, Medium::distant("only", Reads::Chs));
    Case::new(format!("drives::seabios::{}::distant-cylinder-{}", board.name(), class.name()))
        .axis("class", class.name())
        .axis("reads", "chs")
        .machine(machine.logical_geometry(1023, 2, 63).bootindex(1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// The same on a floppy, which has CHS alone.
fn distant_on_floppy(board: Board) -> Case {
    let machine = Machine::new(Firmware::SeaBios, board).floppy(Medium::distant("only", Reads::Chs)).bootindex(1);
    Case::new(format!("drives::seabios::{}::distant-chs-floppy", board.name()))
        .axis("class", "floppy")
        .axis("reads", "chs")
        .machine(machine)
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// Disks of one size for each number of heads that SeaBIOS makes of a size, by either way to reckon it (`setup_translation` in its
/// `src/block.c`); the program is read by cylinder, head and sector.
fn sizes(board: Board, class: DiskClass) -> Case {
    const MIB: [u64; 6] = [600, 400, 1500, 3000, 5000, 9000];
    // a SCSI disk has a physical geometry where QEMU's cylinders come out even
    let sized = |mib: u64, medium| Medium { sectors: Some(mib * 2048 / (16 * 63) * (16 * 63)), ..medium };
    let first = sized(MIB[0], Medium::distant("only", Reads::Chs));
    let machine = Machine::new(Firmware::SeaBios, board).drive(class, 0, first);
    // of namespaces the lowest comes first, whatever their bootindex
    let machine = if class == DiskClass::NvmeNamespace { machine } else { machine.bootindex(1) };
    let others = (1..).zip(&MIB[1..]);
    let machine = others.fold(machine, |machine, (rank, mib)| {
        machine.drive(class, rank, sized(*mib, Medium::blank(&format!("of-{mib}"))))
    });
    Case::new(format!("drives::seabios::{}::disks-of-600-{class}", board.name()))
        .machine(machine)
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// A controller whose only namespace is the ninth of 256.
fn last_namespace() -> Case {
    let ninth = DeviceClass::NvmeNamespace { controller: 0, nsid: 9 };
    on_pc("nvme-ns-9")
        .machine(Machine::pc(Firmware::SeaBios).disk(ninth, Medium::bootable("only")))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// A hub at the last root port, and the disk at its last one.
fn last_port() -> Case {
    let at = |hub, port| DeviceClass::UsbBehindHub { controller: UsbController::Xhci, hub, port };
    let machine = Machine::pc(Firmware::SeaBios).disk(at(4, 1), Medium::bootable("wrong")).bootindex(2);
    let machine = machine.disk(at(4, 8), Medium::bootable("right")).bootindex(1);
    on_pc("usb-hub-4-port-8")
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// The last place that SeaBIOS looks at of a controller (`for` loops of its drivers in `src/hw`).
fn last_place(last: DeviceClass, name: &str) -> Case {
    let first = match last {
        DeviceClass::Scsi { adapter, .. } => DeviceClass::Scsi { adapter, hba: 0, target: 0, lun: 0 },
        _ => DeviceClass::Ahci { port: 0 },
    };
    let machine = Machine::pc(Firmware::SeaBios).disk(first, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.disk(last, Medium::bootable("right")).bootindex(1);
    on_pc(name)
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// A virtio device of before version 1.0, whose queues are another driver's path (`vp_init_simple` in SeaBIOS' `src/hw/virtio-pci.c`).
fn without_modern(class: DiskClass) -> Case {
    let machine = Machine::pc(Firmware::SeaBios).drive(class, 0, Medium::distant("only", Reads::Lba)).bootindex(1);
    let machine = match class {
        DiskClass::VirtioScsi => machine.adapter_property("disable-modern", true),
        _ => machine.property("disable-modern", true),
    };
    on_pc(&format!("distant-lba-{class}-legacy"))
        .machine(machine)
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// A controller that takes 8 KiB at once.
fn short_requests() -> Case {
    let machine = Machine::pc(Firmware::SeaBios);
    let machine = machine.drive(DiskClass::NvmeNamespace, 0, Medium::distant("only", Reads::Lba));
    on_pc("distant-lba-nvme-mdts-1")
        .machine(machine.adapter_property("mdts", 1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// A unit that is not the first of its target, at the last target of an adapter that SeaBIOS asks one by one: QEMU has one more.
fn last_unit() -> Case {
    let at = |target, lun| DeviceClass::Scsi { adapter: ScsiAdapter::Mptsas1068, hba: 0, target, lun };
    let machine = Machine::pc(Firmware::SeaBios).disk(at(0, 0), Medium::bootable("wrong")).bootindex(2);
    let machine = machine.disk(at(6, 1), Medium::bootable("right")).bootindex(1);
    on_pc("mptsas1068-target-6-lun-1")
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// A namespace that is a device of its own boots. QEMU's line for it names the controller only, so that of several there is no
/// order.
fn namespace(firmware: Firmware, board: Board) -> Case {
    let machine = Machine::new(firmware, board).drive(DiskClass::NvmeNamespace, 0, Medium::bootable("only"));
    case(firmware, board, DiskClass::NvmeNamespace.name())
        .machine(machine)
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// AAVMF as Debian builds it has no driver for AHCI: what hangs off one is not there.
fn ahci_without_driver(firmware: Firmware, board: Board) -> Case {
    let machine = Machine::new(firmware, board).ahci(0, Medium::bootable("unseen")).bootindex(1);
    case(firmware, board, "ahci-without-driver")
        .control(machine.clone().virtio_blk(Medium::bootable("seen")))
        .machine(machine)
        .expect(Expectation::nothing_boots([]).without_trying("unseen"))
}

/// An adapter with four request queues, of which firmware uses one.
fn queues(firmware: Firmware, board: Board) -> Case {
    let machine = Machine::new(firmware, board).virtio_scsi(0, 1, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.adapter_property("num_queues", 4).virtio_scsi(0, 2, Medium::bootable("right")).bootindex(1);
    case(firmware, board, "virtio-scsi-four-queues")
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

fn sectors(firmware: Firmware, class: DiskClass, sectors: &str, machine: Machine, expected: Expectation) -> Case {
    let board = machine.board.name();
    let case = Case::new(format!("drives::{}::{board}::{sectors}-{}", firmware.name(), class.name()))
        .axis("class", class.name())
        .axis("sectors", sectors)
        .machine(machine)
        .expect(expected);
    quick_or_long(case)
}

/// A disk that writes 4096 bytes at once and is addressed in 512 (512e) is an ordinary disk to firmware.
fn emulating_512(firmware: Firmware, board: Board, class: DiskClass) -> Case {
    let machine = Machine::new(firmware, board).drive(class, 0, Medium::bootable("only")).bootindex(1);
    sectors(firmware, class, "512e", machine.block_sizes(512, 4096), Expectation::boots("only")).control_blank("only")
}

/// A disk of 4096-byte sectors (4Kn) boots under OVMF. SeaBIOS leaves it out on virtio and SCSI, and with it the only hard
/// disk; on NVMe it boots it.
fn native_4096(firmware: Firmware, board: Board, class: DiskClass) -> Case {
    let medium = Medium::bootable("only").table(PartitionTable::Gpt);
    let plain = Machine::new(firmware, board).drive(class, 0, medium).bootindex(1);
    let machine = plain.clone().block_size(4096);
    match firmware {
        Firmware::SeaBios if class != DiskClass::Nvme => {
            let expected = Expectation::nothing_boots(nobody_there());
            sectors(firmware, class, "4kn", machine, expected).control(plain)
        }
        _ => sectors(firmware, class, "4kn", machine, Expectation::boots("only")).control_blank("only"),
    }
}
