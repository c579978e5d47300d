//! What happens when the first entry does not boot: each firmware has its own rule.
//!
//! SeaBIOS maps all hard disks but has one hard-disk entry, at the best disk's place; a valid boot sector ends the search
//! even if it leads nowhere. OVMF tries every entry.

use bootwright::case::Case;
use bootwright::machine::{Board, Clock, DiskClass, Firmware, Machine, Medium};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, Expected, booted, failed, failed_entry};
use bootwright_images::After;

use crate::classes::{self, COMBINATIONS};
use crate::quick_or_long;

/// SeaBIOS' words where a drive answers no read.
const UNREAD: &str = "could not read the boot disk";

/// SeaBIOS' last two attempts where no drive is: neither can be read.
pub fn nobody_there() -> [Expected; 2] {
    ["Hard Disk", "Floppy"].map(|entry| failed_entry(entry).because(UNREAD))
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        cases.extend(on(firmware, board));
    }
    cases.push(vendor_reboot_disk());
    cases.into_iter().map(quick_or_long).collect()
}

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, medium) in [("blank", Medium::blank("first")), ("no-signature", Medium::without_signature("first"))] {
        for class in classes::disks(board) {
            cases.push(unbootable_disk(firmware, board, class, name, medium.clone()));
        }
        cases.push(unbootable_before_optical(firmware, board, name, medium));
    }
    if firmware == Firmware::SeaBios {
        cases.push(spoilt_catalogue(board));
    }
    cases.push(empty_drive(firmware, board));
    cases.push(hanging(firmware, board));
    cases.push(halted(firmware, board));
    cases.push(returning(firmware, board));
    if firmware == Firmware::SeaBios {
        cases.push(returning_before_nothing(board));
    }
    if firmware.is_uefi() {
        cases.push(returning_success(firmware, board));
        cases.push(idling(firmware, board));
    }
    for (name, after) in [
        ("keyboard-controller", After::RebootKeyboardController),
        ("port-cf9", After::RebootPortCf9),
        ("triple-fault", After::TripleFault),
        ("reset-system", After::ResetSystem),
    ] {
        // the other ways are a PC's
        if after == After::ResetSystem || board.facts().architecture.is_x86() {
            cases.push(rebooting(firmware, board, name, after));
        }
    }
    cases.push(nothing(firmware, board));
    cases
}

fn id(firmware: Firmware, board: Board, rest: &str) -> String {
    format!("first_entry::{}::{}::{rest}", firmware.name(), board.name())
}

/// A disk that cannot boot, before one that can: SeaBIOS stops there, OVMF goes on.
fn unbootable_disk(firmware: Firmware, board: Board, class: DiskClass, name: &str, first: Medium) -> Case {
    let machine = Machine::new(firmware, board).drive(class, 0, first).bootindex(1);
    let machine = machine.drive(class, 1, Medium::bootable("second")).bootindex(2).strict(true);
    let expectation = match firmware {
        Firmware::SeaBios => Expectation::nothing_boots([failed("first").because("not a bootable disk")]),
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => Expectation::boots("second").after_failing("first"),
    };
    let control = machine.clone().with_medium(Medium::bootable("first"));
    let smoke = class == DiskClass::VirtioBlk && name == "blank";
    Case::new(id(firmware, board, &format!("{name}-{}", class.name())))
        .axis("first", name)
        .axis("class", class.name())
        .machine(machine)
        .expect(expectation)
        .control(control)
        .smoke_if(smoke)
}

/// An optical drive has an entry of its own, so both firmwares fall through to it.
fn unbootable_before_optical(firmware: Firmware, board: Board, name: &str, first: Medium) -> Case {
    let machine = Machine::new(firmware, board).virtio_blk(first).bootindex(1);
    let machine = machine.drive(classes::native_optical(board), 0, Medium::bootable("second")).bootindex(2);
    let control = machine.clone().with_medium(Medium::bootable("first"));
    Case::new(id(firmware, board, &format!("{name}-before-optical")))
        .axis("first", name)
        .machine(machine)
        .expect(Expectation::boots("second").after_failing("first"))
        .control(control)
}

/// A disc whose boot catalogue lacks its key bytes is none to boot from (El Torito 1.0 section 2.1, `cdrom_boot` in SeaBIOS'
/// `src/cdrom.c`).
fn spoilt_catalogue(board: Board) -> Case {
    let optical = classes::native_optical(board);
    let machine =
        Machine::new(Firmware::SeaBios, board).drive(optical, 0, Medium::without_signature("first")).bootindex(1);
    let machine = machine.virtio_blk(Medium::bootable("second")).bootindex(2);
    let failed = failed("first").because("Could not read from CDROM (code 000a)");
    Case::new(id(Firmware::SeaBios, board, "no-signature-optical"))
        .axis("first", "no-signature")
        .control(machine.clone().with_medium(Medium::bootable("first")))
        .machine(machine)
        .expect(Expectation::attempts([failed, booted("second")]))
}

/// An optical drive without a medium comes first. Newer OVMF has no entry for one.
fn empty_drive(firmware: Firmware, board: Board) -> Case {
    let optical = classes::native_optical(board);
    let machine = Machine::new(firmware, board).drive(optical, 0, Medium::bootable("first")).bootindex(1);
    let machine = machine.virtio_blk(Medium::bootable("second")).bootindex(2);
    let expectation = match firmware {
        Firmware::SeaBios => Expectation::attempts([failed_entry("DVD/CD"), booted("second")]),
        // an IDE or AHCI drive of QEMU calls itself otherwise than a SCSI one
        Firmware::Ovmf => Expectation::attempts([failed_entry("DVD-ROM"), booted("second")]),
        Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt | Firmware::S390Ccw | Firmware::Slof => {
            Expectation::attempts([failed_entry("CD-ROM"), booted("second")])
        }
    };
    let case = Case::new(id(firmware, board, "empty-optical-drive"))
        .axis("first", "empty")
        .machine(machine.clone().without_medium("first"))
        .expect(expectation)
        .control(machine);
    match firmware {
        Firmware::SeaBios => case,
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => case.expect_where(Behaviour::EmptyDriveIsNoOption, Expectation::boots("second")),
    }
}

/// A valid boot sector that leads nowhere ends the search, on either firmware.
fn hanging(firmware: Firmware, board: Board) -> Case {
    let machine = Machine::new(firmware, board)
        .virtio_blk(Medium::hanging("first"))
        .bootindex(1)
        .virtio_blk(Medium::bootable("second"))
        .bootindex(2);
    Case::new(id(firmware, board, "hanging"))
        .axis("first", "hanging")
        .machine(machine)
        .expect(Expectation::boots("first").without_trying("second"))
        .control_blank("first")
        .smoke_if(firmware == Firmware::SeaBios)
}

/// A program that then does this, before a disk that boots.
fn first_then(firmware: Firmware, board: Board, after: After) -> Machine {
    let first = Machine::new(firmware, board).virtio_blk(Medium::then("first", after)).bootindex(1);
    first.virtio_blk(Medium::bootable("second")).bootindex(2)
}

/// The same, watched on: its program halts for ever, which is seen and not waited for. In the control it ends the machine.
fn halted(firmware: Firmware, board: Board) -> Case {
    let machine = |after| first_then(firmware, board, after);
    Case::new(id(firmware, board, "halted"))
        .axis("first", "halted")
        .machine(machine(After::Hang))
        .expect(Expectation::hangs([booted("first")]).without_trying("second"))
        .control(machine(After::Exit))
}

/// Code that returns to the firmware: SeaBIOS has no second hard-disk entry, OVMF tries the next option.
fn returning(firmware: Firmware, board: Board) -> Case {
    let machine = Machine::new(firmware, board)
        .virtio_blk(Medium::then("first", After::ReturnToFirmware))
        .bootindex(1)
        .virtio_blk(Medium::bootable("second"))
        .bootindex(2)
        .strict(true);
    let expectation = match firmware {
        Firmware::SeaBios => Expectation::nothing_boots([failed("first").because_of(Cause::Returned)]),
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => Expectation::attempts([failed("first").because_of(Cause::Returned), booted("second")]),
    };
    Case::new(id(firmware, board, "returning"))
        .axis("first", "returning")
        .machine(machine)
        .expect(expectation)
        .control_blank("first")
}

/// Without strict SeaBIOS goes on to a floppy drive, and where none is there it cannot read: what the first disk's program left in
/// memory is not run again (`boot_disk` in `src/boot.c`).
fn returning_before_nothing(board: Board) -> Case {
    let machine = Machine::new(Firmware::SeaBios, board);
    let machine = machine.virtio_blk(Medium::then("first", After::ReturnToFirmware)).bootindex(1);
    let unread = failed_entry("Floppy").because(UNREAD);
    Case::new(id(Firmware::SeaBios, board, "returning-before-nothing"))
        .axis("first", "returning")
        .machine(machine)
        .expect(Expectation::nothing_boots([failed("first").because_of(Cause::Returned), unread]))
        .control_blank("first")
}

/// A program that returns success has done its work: the boot manager looks no further and opens its setup
/// (`BdsEntry` of edk2's `MdeModulePkg/Universal/BdsDxe/BdsEntry.c`). With any other status it goes on, as the control shows.
fn returning_success(firmware: Firmware, board: Board) -> Case {
    let machine = |after| first_then(firmware, board, after);
    Case::new(id(firmware, board, "returning-success"))
        .axis("first", "returning-success")
        .machine(machine(After::ReturnSuccess))
        .expect(Expectation::opens_setup([failed("first").because_of(Cause::Returned)]).without_trying("second"))
        .control(machine(After::ReturnToFirmware))
}

/// A program that waits for ever and lets the firmware's timer run is reset after five minutes: the boot manager sets the
/// watchdog before it starts a program (UEFI 2.10 section 3.1.2, `EfiBootManagerBoot` in edk2's `BmBoot.c`).
fn idling(firmware: Firmware, board: Board) -> Case {
    // a boot takes seconds of this clock, and five minutes of idling seconds of the host's
    let machine = |after| first_then(firmware, board, after).with_clock(Clock::Virtual { shift: 3 });
    Case::new(id(firmware, board, "idling"))
        .axis("first", "idling")
        .machine(machine(After::Idle))
        .expect(Expectation::attempts([booted("first"), booted("first")]).without_trying("second").lasting(300, 400))
        .control(machine(After::Hang))
        .long("two boots by a virtual clock, and five minutes of it between")
}

/// A boot sector that reboots runs again on every lap, and nothing behind it ever runs.
fn rebooting(firmware: Firmware, board: Board, name: &str, after: After) -> Case {
    let machine = Machine::new(firmware, board)
        .virtio_blk(Medium::then("first", after))
        .bootindex(1)
        .virtio_blk(Medium::bootable("second"))
        .bootindex(2);
    Case::new(id(firmware, board, &format!("rebooting-{name}")))
        .axis("first", "rebooting")
        .axis("reboot", name)
        .machine(machine)
        .expect(Expectation::laps(3, [booted("first")]).without_trying("second"))
        .control_blank("first")
}

/// No drive at all. SeaBIOS then asks a hard disk and a floppy that are not there (`bcv_prepboot` in its `src/boot.c`).
fn nothing(firmware: Firmware, board: Board) -> Case {
    let attempts: Vec<Expected> = match firmware {
        Firmware::SeaBios => nobody_there().to_vec(),
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => Vec::new(),
    };
    let machine = Machine::new(firmware, board);
    let control = machine.clone().virtio_blk(Medium::bootable("there"));
    Case::new(id(firmware, board, "no-drive"))
        .axis("first", "none")
        .machine(machine)
        .expect(Expectation::nothing_boots(attempts))
        .control(control)
        .smoke()
}

/// The KVM vendor article's disk, byte for byte: it reboots the machine, and the disk behind it never runs.
fn vendor_reboot_disk() -> Case {
    let machine = Machine::pc(Firmware::SeaBios)
        .ide(0, 1, Medium::vendor_reboot("reboot"))
        .bootindex(2)
        .virtio_blk(Medium::bootable("unselected"));
    Case::new("first_entry::seabios::pc::vendor-reboot-disk")
        .axis("first", "rebooting")
        .machine(machine)
        .expect(Expectation::laps(5, [booted("reboot")]).without_trying("unselected"))
        .control_blank("reboot")
        .smoke()
}
