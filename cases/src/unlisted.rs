//! Without any bootindex each firmware has an order of its own, and some values of bootindex are none.

use bootwright::case::Case;
use bootwright::machine::{Board, DeviceClass, DiskClass, Firmware, Machine, Medium};
use bootwright::verdict::Expectation;

use crate::classes;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in [Board::Pc, Board::Q35] {
        cases.extend([disk_before_optical(board), letters(board), without_letter(board), third_letter(board)]);
        cases.extend(LETTERS.map(|cell| letters_of_uefi(Firmware::Ovmf, board, cell)));
    }
    for (firmware, board) in classes::COMBINATIONS {
        cases.extend(values(firmware, board));
    }
    cases
}

/// Those of UEFI firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let letters = LETTERS.map(|cell| letters_of_uefi(firmware, board, cell));
    letters.into_iter().chain(values(firmware, board)).collect()
}

/// `-boot order=` and `once=`, by name.
const LETTERS: [(&str, &str, Option<&str>); 2] = [("order-c", "c", None), ("once-c", "d", Some("c"))];

/// `virt` has nothing that `once=` could be told to (`qemu_boot_set` in QEMU's `bootdevice.c`), which shows at power-on.
const NO_ONCE: &str = "no function defined to set boot device list for this architecture";

fn values(firmware: Firmware, board: Board) -> [Case; 2] {
    [(-1, 0), (i64::from(i32::MAX), i64::from(i32::MAX) - 1)].map(|ranks| value(firmware, board, ranks))
}

/// UEFI firmware does not read `-boot order=` and `once=`: it takes the optical drive first although both say the disk.
fn letters_of_uefi(firmware: Firmware, board: Board, (name, order, once): (&str, &str, Option<&str>)) -> Case {
    let machine = Machine::new(firmware, board).virtio_blk(Medium::bootable("disk"));
    let optical = match classes::native_optical(board) {
        // at LUN 0, where firmware before 2023.02 looks for what has no line
        DiskClass::ScsiCd => DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 0 },
        class => class.at_rank(0),
    };
    let machine = machine.cdrom(optical, Medium::bootable("optical")).boot_order(order);
    let ordered = machine.clone();
    let machine = once.into_iter().fold(machine, Machine::boot_once);
    let case = Case::new(format!("unlisted::{}::{}::{name}", firmware.name(), board.name())).axis("letters", name);
    let case = case.machine(machine.clone());
    if once.is_some() && firmware == Firmware::Aavmf {
        return case.expect(Expectation::qemu_refuses(NO_ONCE)).control(ordered);
    }
    let expectation = Expectation::boots("optical").without_trying("disk");
    case.expect(expectation).control(machine.with_bootindex_of("disk", 1))
}

/// The disk of lower rank that the firmware would reach first: -1 is the same as none, and the largest value is one.
fn value(firmware: Firmware, board: Board, (wrong, right): (i64, i64)) -> Case {
    let machine = Machine::new(firmware, board).virtio_blk(Medium::bootable("wrong")).slot(4).bootindex(wrong);
    let machine = machine.virtio_blk(Medium::bootable("right")).slot(6).bootindex(right);
    let control = machine.clone().without_bootindex_of("right");
    Case::new(format!("unlisted::{}::{}::bootindex-{wrong}", firmware.name(), board.name()))
        .axis("bootindex", wrong.to_string())
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
        .control(control)
}

/// QEMU's default order is `cad`: SeaBIOS takes the disk before the optical drive.
fn disk_before_optical(board: Board) -> Case {
    let optical = classes::native_optical(board);
    let machine = Machine::new(Firmware::SeaBios, board).drive(optical, 0, Medium::bootable("optical"));
    let machine = machine.virtio_blk(Medium::bootable("disk"));
    let control = machine.clone().boot_order("d");
    Case::new(format!("unlisted::seabios::{}::disk-before-optical", board.name()))
        .machine(machine)
        .expect(Expectation::boots("disk").without_trying("optical"))
        .control(control)
}

/// `-boot order=d` turns that round.
fn letters(board: Board) -> Case {
    let optical = classes::native_optical(board);
    let machine = Machine::new(Firmware::SeaBios, board).virtio_blk(Medium::bootable("disk"));
    let machine = machine.drive(optical, 0, Medium::bootable("optical")).boot_order("d");
    let mut control = machine.clone();
    control.boot.order = None;
    Case::new(format!("unlisted::seabios::{}::order-d", board.name()))
        .machine(machine)
        .expect(Expectation::boots("optical").without_trying("disk"))
        .control(control)
}

/// Of devices that no letter of `-boot order=` names SeaBIOS tries floppies before hard disks.
fn without_letter(board: Board) -> Case {
    let optical = classes::native_optical(board);
    let machine = Machine::new(Firmware::SeaBios, board).virtio_blk(Medium::bootable("disk"));
    let machine = machine.floppy(Medium::bootable("floppy")).drive(optical, 0, Medium::blank("optical"));
    let machine = machine.boot_order("d");
    Case::new(format!("unlisted::seabios::{}::order-d-then-floppy", board.name()))
        .control(machine.clone().boot_order("dc"))
        .machine(machine)
        .expect(Expectation::boots("floppy").after_failing("optical").without_trying("disk"))
}

/// The third letter counts, too: the disk that it names comes before the floppy that none names.
fn third_letter(board: Board) -> Case {
    let optical = classes::native_optical(board);
    let machine = Machine::new(Firmware::SeaBios, board).virtio_blk(Medium::bootable("disk"));
    let machine = machine.floppy(Medium::bootable("floppy")).drive(optical, 0, Medium::blank("optical"));
    Case::new(format!("unlisted::seabios::{}::order-dnc", board.name()))
        .control(machine.clone().boot_order("dn"))
        .machine(machine.boot_order("dnc"))
        .expect(Expectation::boots("disk").after_failing("optical").without_trying("floppy"))
}
