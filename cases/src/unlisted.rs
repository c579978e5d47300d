//! Without any bootindex each firmware has an order of its own.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine, Medium};
use bootwright::verdict::Expectation;

pub fn cases() -> Vec<Case> {
    [Board::Pc, Board::Q35].into_iter().flat_map(|board| [disk_before_optical(board), letters(board)]).collect()
}

/// QEMU's default order is `cad`: SeaBIOS takes the disk before the optical drive.
fn disk_before_optical(board: Board) -> Case {
    let optical = crate::classes::native_optical(board);
    let machine = optical.add(Machine::new(Firmware::SeaBios, board), 0, Medium::bootable("optical"));
    let machine = machine.virtio_blk(Medium::bootable("disk"));
    let control = machine.clone().boot_order("d");
    Case::new(format!("unlisted::seabios::{}::disk-before-optical", board.name()))
        .machine(machine)
        .expect(Expectation::boots("disk").without_trying("optical"))
        .control(control)
}

/// `-boot order=d` turns that round.
fn letters(board: Board) -> Case {
    let optical = crate::classes::native_optical(board);
    let machine = Machine::new(Firmware::SeaBios, board).virtio_blk(Medium::bootable("disk"));
    let machine = optical.add(machine, 0, Medium::bootable("optical")).boot_order("d");
    let mut control = machine.clone();
    control.boot.order = None;
    Case::new(format!("unlisted::seabios::{}::order-d", board.name()))
        .machine(machine)
        .expect(Expectation::boots("optical").without_trying("disk"))
        .control(control)
}
