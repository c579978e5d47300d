//! What is at the removable media path and cannot be run: OVMF says so and goes on with the next entry.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::BadLoader;

pub fn cases() -> Vec<Case> {
    let boards = [Board::Pc, Board::Q35];
    boards.into_iter().flat_map(|board| on(Firmware::Ovmf, board)).collect()
}

/// Those of UEFI firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    BadLoader::ALL.map(|bad| skipped(firmware, board, bad)).into()
}

fn skipped(firmware: Firmware, board: Board, bad: BadLoader) -> Case {
    let machine = |first: Medium| {
        let machine = Machine::new(firmware, board).virtio_blk(first).bootindex(1);
        machine.virtio_blk(Medium::bootable("second")).bootindex(2)
    };
    let words = match bad {
        // not taken for a program at all
        BadLoader::Empty | BadLoader::Text => "Not Found",
        // found and refused
        BadLoader::OtherMachine | BadLoader::OtherWidth | BadLoader::Truncated | BadLoader::Headers => "Unsupported",
    };
    Case::new(format!("bad_loader::{}::{}::{}", firmware.name(), board.name(), bad.name()))
        .axis("loader", bad.name())
        .machine(machine(Medium::with_bad_loader("first", bad)))
        .expect(Expectation::attempts([failed("first").because(words), booted("second")]))
        .control(machine(Medium::bootable("first")))
}
