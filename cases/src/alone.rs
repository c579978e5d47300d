//! Every disk and optical class boots when it is the only drive.

use bootwright::case::Case;
use bootwright::machine::{Board, DiskClass, Firmware, Machine, Medium, UsbController};
use bootwright::verdict::{Expectation, failed};
use bootwright_images::{Boots, Emulation, FatType, PartitionTable};

use crate::classes::{self, COMBINATIONS};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        cases.extend(on(firmware, board));
    }
    cases.extend([Board::Pc, Board::Q35].map(plain_cpu));
    cases.extend([Board::Pc, Board::Q35].map(floppy));
    cases.extend([Board::Pc, Board::Q35].into_iter().flat_map(|board| LOADS.map(|sectors| load(board, sectors))));
    cases.extend([Board::Pc, Board::Q35].into_iter().flat_map(emulations));
    cases
}

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let mut all = classes::disks(board);
    all.extend(classes::opticals(board));
    all.extend(classes::older_usb());
    let case = |class: DiskClass| {
        let id = format!("alone::{}::{}::{}", firmware.name(), board.name(), class.name());
        let machine = Machine::new(firmware, board).drive(class, 0, Medium::bootable("only")).bootindex(1);
        Case::new(id)
            .axis("class", class.name())
            .machine(machine)
            .expect(Expectation::boots("only"))
            .control_blank("only")
            .smoke_if((firmware == Firmware::SeaBios && board == Board::Pc) || class == DiskClass::VirtioBlk)
            .cold("the cold case of its class on its board")
    };
    let mut cases: Vec<Case> = all.into_iter().map(case).collect();
    cases.extend(layouts(firmware, board));
    if board != Board::Pc {
        cases.extend(isohybrid(firmware, board));
        cases.push(iso9660_loader(firmware, board));
    }
    cases
}

/// Load sizes of El Torito entries, in sectors of 512 bytes: less than the program needs, no multiple of a CD's sectors, all
/// that one segment takes.
const LOADS: [u16; 4] = [1, 5, 63, 64];

/// SeaBIOS loads as much of a CD's program as its boot catalogue says; the program looks whether all of it is there.
fn load(board: Board, sectors: u16) -> Case {
    let medium = Medium::loading("only", sectors);
    Case::new(format!("alone::seabios::{}::el-torito-load-{sectors}", board.name()))
        .axis("load", sectors.to_string())
        .machine(Machine::new(Firmware::SeaBios, board).drive(classes::native_optical(board), 0, medium).bootindex(1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// SeaBIOS shows the image of a boot entry as the floppy or hard disk that the entry says (`cdrom_boot` and `cdemu_read` in its
/// `src/cdrom.c`). The program reads itself from there, by cylinder, head and sector, and must be told this drive's number, geometry and
/// media type.
fn emulations(board: Board) -> Vec<Case> {
    let native = classes::native_optical(board);
    let case = |class: DiskClass, emulation: Emulation| {
        let suffix = if class == native { String::new() } else { format!("-{}", class.name()) };
        let medium = Medium::emulated("only", emulation);
        Case::new(format!("alone::seabios::{}::el-torito-{}{suffix}", board.name(), emulation.name()))
            .axis("class", class.name())
            .axis("emulation", emulation.name())
            .about("a CD that SeaBIOS shows as a floppy or a hard disk")
            .machine(Machine::new(Firmware::SeaBios, board).drive(class, 0, medium).bootindex(1))
            .expect(Expectation::boots("only"))
            .control_blank("only")
    };
    let of_class = |class| Emulation::ALL.map(|emulation| case(class, emulation));
    classes::opticals(board).into_iter().flat_map(of_class).collect()
}

/// An ISO image that is a hard disk's too boots in a disk, in a USB stick and in an optical drive.
fn isohybrid(firmware: Firmware, board: Board) -> [Case; 3] {
    let stick = DiskClass::Usb(UsbController::Xhci);
    [DiskClass::VirtioBlk, stick, classes::native_optical(board)].map(|class| {
        Case::new(format!("alone::{}::{}::isohybrid-{}", firmware.name(), board.name(), class.name()))
            .axis("class", class.name())
            .machine(Machine::new(firmware, board).drive(class, 0, Medium::isohybrid("only")).bootindex(1))
            .expect(Expectation::boots("only"))
            .control_blank("only")
    })
}

/// UEFI firmware has no driver for ISO 9660: a loader that no El Torito entry leads to is not found. A BIOS has its own entry.
fn iso9660_loader(firmware: Firmware, board: Board) -> Case {
    let machine = |medium| Machine::new(firmware, board).drive(classes::native_optical(board), 0, medium).bootindex(1);
    let case = Case::new(format!("alone::{}::{}::iso9660-loader", firmware.name(), board.name()))
        .axis("class", classes::native_optical(board).name())
        .machine(machine(Medium::iso9660_loader("only")));
    match firmware.is_uefi() {
        true => case
            .expect(Expectation::nothing_boots([failed("only").because("Not Found")]))
            .control(machine(Medium::bootable("only"))),
        false => case.expect(Expectation::boots("only")).control_blank("only"),
    }
}

/// A floppy boots on SeaBIOS. OVMF has no driver for it.
fn floppy(board: Board) -> Case {
    Case::new(format!("alone::seabios::{}::floppy", board.name()))
        .axis("class", "floppy")
        .machine(Machine::new(Firmware::SeaBios, board).floppy(Medium::bootable("only")).bootindex(1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// OVMF boots on QEMU's own CPU model, without the pages of 1 GiB that its machines have otherwise.
fn plain_cpu(board: Board) -> Case {
    Case::new(format!("alone::ovmf::{}::plain-cpu", board.name()))
        .axis("class", DiskClass::VirtioBlk.name())
        .about("OVMF boots on QEMU's own CPU model, which has no pages of 1 GiB")
        .machine(Machine::new(Firmware::Ovmf, board).cpu("qemu64").virtio_blk(Medium::bootable("only")).bootindex(1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// Partition tables and FAT variants on the disk class that every platform has.
fn layouts(firmware: Firmware, board: Board) -> Vec<Case> {
    let tables = [
        ("mbr", PartitionTable::Mbr),
        ("gpt", PartitionTable::Gpt),
        ("hybrid", PartitionTable::Hybrid),
        ("gpt-backup", PartitionTable::GptBackup),
    ];
    let fats = [("fat12", FatType::Fat12), ("fat16", FatType::Fat16), ("fat32", FatType::Fat32)];
    let mut cases = Vec::new();
    for (table_name, table) in tables {
        for (fat_name, fat) in fats {
            let medium = Medium::bootable("only").table(table).fat(fat);
            let machine = Machine::new(firmware, board).virtio_blk(medium).bootindex(1);
            let id = format!("alone::{}::{}::{table_name}-{fat_name}", firmware.name(), board.name());
            let case = Case::new(id)
                .axis("table", table_name)
                .axis("fat", fat_name)
                .machine(machine)
                .expect(Expectation::boots("only"))
                .control_blank("only");
            // FAT matters to UEFI only, and the board does not matter to a file system
            let kept = board != Board::Pc && (firmware.is_uefi() || fat == FatType::Fat16);
            cases.extend(kept.then_some(case));
        }
    }
    if board != Board::Pc {
        cases.extend(one_firmware_only(firmware, board));
    }
    cases
}

/// A disk and an ISO that are made for one kind of firmware boot on that one. The control is the medium made for the
/// other kind.
fn one_firmware_only(firmware: Firmware, board: Board) -> Vec<Case> {
    let (name, own, other) = match firmware {
        Firmware::SeaBios => ("bios-only", Boots::BiosOnly, Boots::UefiOnly),
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => ("uefi-only", Boots::UefiOnly, Boots::BiosOnly),
    };
    let class = classes::native_optical(board);
    // a disk for UEFI only needs GPT: the MBR's signature would make its boot code bootable for a BIOS
    let disk = |boots| {
        let medium = Medium::bootable("only").table(PartitionTable::Gpt).boots(boots);
        Machine::new(firmware, board).virtio_blk(medium).bootindex(1)
    };
    let iso = |boots| Machine::new(firmware, board).drive(class, 0, Medium::bootable("only").boots(boots)).bootindex(1);
    let case = |kind: &str, machine, control| {
        Case::new(format!("alone::{}::{}::{name}-{kind}", firmware.name(), board.name()))
            .axis("made-for", name)
            .machine(machine)
            .expect(Expectation::boots("only"))
            .control(control)
    };
    vec![case("disk", disk(own), disk(other)), case("iso", iso(own), iso(other))]
}
