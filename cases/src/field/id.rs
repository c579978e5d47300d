//! How cases of this group are called, and the boards that they run on.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware};

/// Both boards.
pub const BOARDS: [Board; 2] = [Board::Pc, Board::Q35];

/// An empty case with its id.
#[track_caller]
pub fn case(firmware: Firmware, board: Board, rest: &str) -> Case {
    Case::new(format!("field::{}::{}::{rest}", firmware.name(), board.name()))
}
