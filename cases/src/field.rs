//! What users reported of their virtual machines, as small cases: each has the public report in its comment, and the right value.
//!
//! The reports' own numbers, names and addresses are not here; what matters of each configuration is.

mod disks;
mod networks;
mod opticals;
mod sanboot;

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware};

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let mut cases = sanboot::cases();
    cases.extend(networks::cases());
    cases.extend(disks::cases());
    cases.extend(opticals::cases());
    cases
}

/// Both boards.
const BOARDS: [Board; 2] = [Board::Pc, Board::Q35];

fn case(firmware: Firmware, board: Board, rest: &str) -> Case {
    Case::new(format!("field::{}::{}::{rest}", firmware.name(), board.name()))
}
