//! Ids of this group.

use bootwright::machine::{Board, Firmware};

pub(super) fn id(firmware: Firmware, rest: &str) -> String {
    on_board(firmware, Board::Pc, rest)
}

pub(super) fn on_board(firmware: Firmware, board: Board, rest: &str) -> String {
    format!("resets::{}::{}::{rest}", firmware.name(), board.name())
}
