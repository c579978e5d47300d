//! One boot case: a machine, its media, a story, an expectation and a negative control.
//!
//! A [`Case`] is a value. Listing, needs and the negative control all derive from it; only [`crate::run`] starts anything.
//!
//! ```
//! use bootwright::case::Case;
//! use bootwright::machine::{Firmware, Machine, Medium};
//! use bootwright::verdict::Expectation;
//!
//! let case = Case::new("order::seabios::lower_bootindex_beats_lower_slot")
//!     .machine(
//!         Machine::pc(Firmware::SeaBios)
//!             .virtio_blk(Medium::bootable("wrong"))
//!             .slot(3)
//!             .virtio_blk(Medium::bootable("right"))
//!             .slot(9)
//!             .bootindex(1),
//!     )
//!     .expect(Expectation::boots("right").without_trying("wrong"))
//!     .control_without_bootindex();
//! assert!(!case.is_vacuous());
//! ```

pub mod permute;
pub mod story;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::{Firmware, Machine};
use crate::verdict::Expectation;
use story::Story;

/// How often a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// Under a minute in all: one case of everything that must never break.
    Smoke,
    /// Every case.
    Default,
    /// The long ones and the negative controls too.
    Full,
}

/// A boot case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Stable name, groups separated by `::`.
    pub id: String,
    /// Axis to value, in the report and in selections.
    pub axes: BTreeMap<String, String>,
    /// The machine to power on.
    pub machine: Machine,
    /// What happens to it between power-on and the boot that is judged.
    pub story: Story,
    /// What must be seen.
    pub expectation: Expectation,
    /// The same machine with the cause of the expectation removed; the expectation must not hold for it.
    pub control: Option<Machine>,
    /// A second machine that is powered on at the same time, and what it must do.
    pub beside: Option<(Machine, Expectation)>,
    /// The smallest suite that runs it.
    pub suite: Suite,
}

impl Case {
    /// A case with an empty machine; say the machine and the expectation next.
    pub fn new(id: impl Into<String>) -> Case {
        Case {
            id: id.into(),
            axes: BTreeMap::new(),
            machine: Machine::pc(Firmware::SeaBios),
            story: Story::new(),
            expectation: Expectation::nothing_boots([]),
            control: None,
            beside: None,
            suite: Suite::Default,
        }
    }

    /// The machine to power on; its firmware and board become axes.
    pub fn machine(mut self, machine: Machine) -> Case {
        self.axes.insert("firmware".to_owned(), machine.firmware.name().to_owned());
        self.axes.insert("machine".to_owned(), machine.board.name().to_owned());
        self.machine = machine;
        self
    }

    /// What happens between power-on and the boot that is judged; the negative control lives through it too.
    pub fn story(mut self, story: Story) -> Case {
        self.story = story;
        self
    }

    /// What must be seen.
    pub fn expect(mut self, expectation: Expectation) -> Case {
        self.expectation = expectation;
        self
    }

    /// An axis value of this case.
    pub fn axis(mut self, name: &str, value: impl Into<String>) -> Case {
        self.axes.insert(name.to_owned(), value.into());
        self
    }

    /// Another machine that runs at the same time and must meet an expectation of its own.
    pub fn beside(mut self, machine: Machine, expectation: Expectation) -> Case {
        self.beside = Some((machine, expectation));
        self
    }

    /// The negative control: this machine must not meet the expectation.
    pub fn control(mut self, machine: Machine) -> Case {
        self.control = Some(machine);
        self
    }

    /// The negative control is the same machine without any bootindex.
    pub fn control_without_bootindex(self) -> Case {
        let machine = self.machine.clone().without_bootindex();
        self.control(machine)
    }

    /// The negative control is the same machine with one medium blank.
    pub fn control_blank(self, medium: &str) -> Case {
        let machine = self.machine.clone().with_blank(medium);
        self.control(machine)
    }

    /// Runs in the smoke suite too.
    pub fn smoke(mut self) -> Case {
        self.suite = Suite::Smoke;
        self
    }

    /// Runs in the full suite only.
    pub fn long(mut self) -> Case {
        self.suite = Suite::Full;
        self
    }

    /// Whether nothing would notice if the expectation always held.
    pub fn is_vacuous(&self) -> bool {
        self.control.is_none()
    }
}
