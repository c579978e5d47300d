//! The words in which cases of s390x are written.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine};
use bootwright::trace::Outcome;
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, Expected};

use crate::own_firmware::Guest;

/// The machine and its name.
pub const GUEST: Guest = Guest { group: "s390x", machine };

/// A machine with nothing in it.
pub fn machine() -> Machine {
    Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio)
}

/// A case of this group.
pub fn case(part: &str, name: &str) -> Case {
    GUEST.case(part, name)
}

/// What follows a device that does not load: older firmware stops, newer goes on with the next one of the order.
pub fn goes_on(case: Case, first: impl Fn() -> Expected, then: impl IntoIterator<Item = Expected>) -> Case {
    let attempts: Vec<Expected> = [first()].into_iter().chain(then).collect();
    let ends = attempts.last().is_some_and(|last| last.outcome == Outcome::Booted);
    let newer = if ends { Expectation::attempts(attempts) } else { Expectation::nothing_boots(attempts) };
    case.expect(Expectation::nothing_boots([first()])).expect_where(Behaviour::TriesFurtherDevices, newer)
}
