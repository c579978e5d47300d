//! The machine that the cases of ppc64 run on, and how they are called.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine};

use crate::own_firmware::Guest;

/// The machine and its name.
pub const GUEST: Guest = Guest { group: "ppc64", machine };

/// A `pseries` without a device.
pub fn machine() -> Machine {
    Machine::new(Firmware::Slof, Board::Pseries)
}

/// A case of this group.
pub fn case(part: &str, name: &str) -> Case {
    GUEST.case(part, name)
}
