//! The machine that the cases of ppc64 run on, and how they are called.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine};

/// A `pseries` without a device.
pub fn machine() -> Machine {
    Machine::new(Firmware::Slof, Board::Pseries)
}

/// A case of this group.
pub fn case(group: &str, name: &str) -> Case {
    Case::new(format!("ppc64::{group}::{name}"))
}
