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

pub mod axes;
pub(crate) mod contradiction;
pub mod file;
pub mod minimize;
pub mod story;
mod written;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::{Firmware, Machine};
use crate::verdict::Expectation;
use crate::verdict::behaviour::{Behaviour, Behaviours};
use story::Story;

/// How much runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// Under a minute in all: one case of everything that must never break.
    Smoke,
    /// Every case.
    Default,
    /// The long ones and the negative controls too.
    Full,
}

/// Where a case belongs, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// In every suite.
    Smoke,
    /// In the default suite and the full one.
    #[default]
    Default,
    /// In the full suite only, for this reason.
    Long(String),
}

impl Tier {
    /// The smallest suite that has it.
    pub fn suite(&self) -> Suite {
        match self {
            Tier::Smoke => Suite::Smoke,
            Tier::Default => Suite::Default,
            Tier::Long(_) => Suite::Full,
        }
    }

    /// Why the default suite does not have it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Tier::Long(reason) => Some(reason),
            _ => None,
        }
    }
}

/// A line of source code, as the compiler names its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceLine {
    /// The file, relative to the workspace that has it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl SourceLine {
    /// The line that calls this.
    #[track_caller]
    pub fn here() -> SourceLine {
        let caller = std::panic::Location::caller();
        SourceLine { file: caller.file().to_owned(), line: caller.line() }
    }
}

impl std::fmt::Display for SourceLine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.file, self.line)
    }
}

/// A boot case.
#[must_use = "words about a case give a new one back"]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "written::Written", into = "written::Written")]
pub struct Case {
    /// Stable name, groups separated by `::`.
    pub id: String,
    /// What it is about, in one line.
    pub about: Option<String>,
    /// Where it is written.
    pub source: SourceLine,
    /// Axis to value, in the report and in selections.
    pub axes: BTreeMap<String, String>,
    /// The machine to power on.
    pub machine: Machine,
    /// What happens to it between power-on and the boot that is judged.
    pub story: Story,
    /// What happens to it instead where firmware behaves so; the first that holds decides.
    pub stories: Vec<(Behaviour, Story)>,
    /// What must be seen.
    pub expectation: Expectation,
    /// What must be seen instead where firmware behaves so; the first that holds decides.
    pub otherwise: Vec<(Behaviour, Expectation)>,
    /// The same machine with the cause of the expectation removed; the expectation must not hold for it.
    pub control: Option<Machine>,
    /// A second machine that is powered on at the same time, and what it must do.
    pub beside: Option<(Machine, Expectation)>,
    /// Which suites have it.
    pub tier: Tier,
    /// Why its machine always starts with a reset and never from a proven state.
    pub cold: Option<String>,
}

impl Case {
    /// A case with an empty machine, written where this is called; say the machine and the expectation next.
    #[track_caller]
    pub fn new(id: impl Into<String>) -> Case {
        Case {
            id: id.into(),
            about: None,
            source: SourceLine::here(),
            axes: BTreeMap::new(),
            machine: Machine::pc(Firmware::SeaBios),
            story: Story::new(),
            stories: Vec::new(),
            expectation: Expectation::nothing_boots([]),
            otherwise: Vec::new(),
            control: None,
            beside: None,
            tier: Tier::Default,
            cold: None,
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

    /// What happens instead on platforms whose firmware behaves so (see [`crate::verdict::behaviour`]).
    pub fn story_where(mut self, behaviour: Behaviour, story: Story) -> Case {
        self.stories.push((behaviour, story));
        self
    }

    /// What must be seen.
    pub fn expect(mut self, expectation: Expectation) -> Case {
        self.expectation = expectation;
        self
    }

    /// What must be seen instead on platforms whose firmware behaves so (see [`crate::verdict::behaviour`]).
    pub fn expect_where(mut self, behaviour: Behaviour, expectation: Expectation) -> Case {
        self.otherwise.push((behaviour, expectation));
        self
    }

    /// The case with the story and the expectation that are right on a platform of these behaviours.
    pub fn on(&self, behaviours: &Behaviours) -> Case {
        let mut case = self.clone();
        let stories = std::mem::take(&mut case.stories);
        if let Some((_, story)) = stories.into_iter().find(|(behaviour, _)| behaviours.has(*behaviour)) {
            case.story = story;
        }
        let otherwise = std::mem::take(&mut case.otherwise);
        if let Some((_, expectation)) = otherwise.into_iter().find(|(behaviour, _)| behaviours.has(*behaviour)) {
            case.expectation = expectation;
        }
        case
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

    /// Says in one line what the case is about, for readers of the report.
    pub fn about(mut self, line: impl Into<String>) -> Case {
        self.about = Some(line.into());
        self
    }

    /// Says where it is written, where that is not the line that calls [`Case::new`]: the row of a table.
    pub fn written_at(mut self, source: SourceLine) -> Case {
        self.source = source;
        self
    }

    /// Runs in every suite.
    pub fn smoke(self) -> Case {
        self.smoke_if(true)
    }

    /// Runs in every suite where the condition holds.
    pub fn smoke_if(mut self, condition: bool) -> Case {
        if condition {
            self.tier = Tier::Smoke;
        }
        self
    }

    /// Runs in the full suite only, for a reason such as `an OVMF boot takes 3 s`.
    pub fn long(self, reason: &str) -> Case {
        self.long_if(true, reason)
    }

    /// Runs in the full suite only where the condition holds. A case of the smoke suite stays there.
    pub fn long_if(mut self, condition: bool, reason: &str) -> Case {
        if condition && self.tier != Tier::Smoke {
            self.tier = Tier::Long(reason.to_owned());
        }
        self
    }

    /// Always starts with a reset, for a reason such as `the cold case of its class`.
    pub fn cold(mut self, reason: &str) -> Case {
        self.cold = Some(reason.to_owned());
        self
    }

    /// Whether nothing would notice if the expectation always held.
    pub fn is_vacuous(&self) -> bool {
        self.control.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::failed;

    #[test]
    fn a_case_knows_its_line() {
        let line = line!() + 1;
        let case = Case::new("synthetic::here");
        assert_eq!(case.source.to_string(), format!("{}:{line}", file!()));
    }

    #[test]
    fn a_long_case_says_why_and_a_smoke_case_is_never_long() {
        let case = Case::new("synthetic::here");
        assert_eq!(case.clone().long_if(false, "slow").tier, Tier::Default);
        let long = case.clone().long("slow");
        assert_eq!((long.tier.suite(), long.tier.reason()), (Suite::Full, Some("slow")));
        assert_eq!(case.smoke().long("slow").tier, Tier::Smoke);
    }

    #[test]
    fn another_expectation_holds_where_firmware_behaves_so_and_nowhere_else() {
        let case = Case::new("a::b")
            .expect(Expectation::nothing_boots([failed("listed")]))
            .expect_where(Behaviour::RecoversUnlistedDisks, Expectation::boots("unlisted"));
        let on = |ovmf: &str| case.on(&Behaviours::of_versions(&[("ovmf", ovmf)])).expectation;
        assert_eq!(on("2025.02-8"), Expectation::nothing_boots([failed("listed")]));
        assert_eq!(on("2026.08-2"), Expectation::boots("unlisted"));
        assert_eq!(on("unknown"), Expectation::nothing_boots([failed("listed")]));
    }
}
