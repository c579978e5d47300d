//! Two UEFI machines that run at the same time never share an OVMF_VARS.
//!
//! A shared variable store lets one guest's boot order and keys reach another. Every run also compares the template with
//! what was copied from it.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine, Medium};
use bootwright::verdict::Expectation;

pub fn cases() -> Vec<Case> {
    [Board::Pc, Board::Q35].map(|board| two_at_once(Firmware::Ovmf, board)).into()
}

/// Each machine boots by its own order: what is first for one is second for the other.
pub fn two_at_once(firmware: Firmware, board: Board) -> Case {
    let machine = |first: &str, second: &str| {
        Machine::new(firmware, board)
            .virtio_blk(Medium::bootable(second))
            .bootindex(2)
            .nvme(Medium::bootable(first))
            .bootindex(1)
    };
    Case::new(format!("isolation::{}::{}::two-machines-at-once", firmware.name(), board.name()))
        .machine(machine("mine", "mine-too"))
        .expect(Expectation::boots("mine").without_trying("mine-too"))
        .beside(machine("other", "other-too"), Expectation::boots("other").without_trying("other-too"))
        .control_blank("mine")
}
