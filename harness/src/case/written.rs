//! A case as it is written in a file: its parts by name, and a negative control by what it takes away.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::story::Story;
use super::{Case, SourceLine, Tier};
use crate::machine::Machine;
use crate::verdict::Expectation;
use crate::verdict::behaviour::Behaviour;

/// A boot case of bootwright: a machine, what happens to it, and what must be seen.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table with id, machine and expectation")]
#[schemars(rename = "Case")]
pub(super) struct Written {
    /// Stable name, groups separated by `::`.
    id: String,
    /// What it is about, in one line.
    #[serde(default)]
    about: Option<String>,
    /// Where it is written; left out, this file.
    #[serde(default)]
    source: SourceLine,
    /// Axis to value, in the report and in selections; firmware and machine are added.
    #[serde(default)]
    axes: BTreeMap<String, String>,
    /// Which suites have it.
    #[serde(default)]
    tier: Tier,
    /// Why its machine always starts with a reset and never from a proven state.
    #[serde(default)]
    cold: Option<String>,
    /// The machine to power on.
    machine: Machine,
    /// What happens to it between power-on and the boot that is judged.
    #[serde(default)]
    story: Story,
    /// What happens to it instead where firmware behaves so; the first that holds decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stories: Vec<OtherStory>,
    /// What must be seen.
    expectation: Expectation,
    /// What must be seen instead where firmware behaves so; the first that holds decides.
    #[serde(default)]
    otherwise: Vec<Otherwise>,
    /// The machine with the cause of the expectation removed; the expectation must not hold for it.
    #[serde(default)]
    control: Option<Control>,
    /// A second machine that is powered on at the same time.
    #[serde(default)]
    beside: Option<Beside>,
}

/// What must be seen where firmware behaves in a way of its version.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Otherwise {
    /// How firmware behaves.
    behaviour: Behaviour,
    /// What must be seen then.
    expectation: Expectation,
}

/// What happens where firmware behaves in a way of its version.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct OtherStory {
    /// How firmware behaves.
    behaviour: Behaviour,
    /// What happens then.
    story: Story,
}

/// A second machine.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Beside {
    /// The machine.
    machine: Machine,
    /// What must be seen of it.
    expectation: Expectation,
}

/// A negative control.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Control {
    /// The same machine without any bootindex.
    WithoutBootindex,
    /// The same machine with this medium blank.
    Blank(String),
    /// Another machine.
    Machine(Box<Machine>),
}

impl Control {
    /// The shortest that makes this control of this machine.
    fn of(control: Machine, machine: &Machine) -> Control {
        if control == machine.clone().without_bootindex() {
            return Control::WithoutBootindex;
        }
        let mut media = machine.devices.iter().filter_map(|device| device.medium_name());
        match media.find(|medium| control == machine.clone().with_blank(medium)) {
            Some(medium) => Control::Blank(medium.to_owned()),
            None => Control::Machine(Box::new(control)),
        }
    }

    fn machine(self, machine: &Machine) -> Machine {
        match self {
            Control::WithoutBootindex => machine.clone().without_bootindex(),
            // a medium that there is not leaves the machine as it is, which `file::check` refuses
            Control::Blank(medium) => machine.clone().with_blank(&medium),
            Control::Machine(control) => *control,
        }
    }
}

impl From<Case> for Written {
    fn from(case: Case) -> Written {
        let control = case.control.map(|control| Control::of(control, &case.machine));
        let otherwise = |(behaviour, expectation)| Otherwise { behaviour, expectation };
        Written {
            id: case.id,
            about: case.about,
            source: case.source,
            axes: case.axes,
            tier: case.tier,
            cold: case.cold,
            machine: case.machine,
            story: case.story,
            stories: case.stories.into_iter().map(|(behaviour, story)| OtherStory { behaviour, story }).collect(),
            expectation: case.expectation,
            otherwise: case.otherwise.into_iter().map(otherwise).collect(),
            control,
            beside: case.beside.map(|(machine, expectation)| Beside { machine, expectation }),
        }
    }
}

impl From<Written> for Case {
    fn from(written: Written) -> Case {
        let control = written.control.map(|control| control.machine(&written.machine));
        let otherwise = |other: Otherwise| (other.behaviour, other.expectation);
        let case = Case {
            id: written.id,
            about: written.about,
            source: written.source,
            axes: written.axes,
            machine: written.machine.clone(),
            story: written.story,
            stories: written.stories.into_iter().map(|other| (other.behaviour, other.story)).collect(),
            expectation: written.expectation,
            otherwise: written.otherwise.into_iter().map(otherwise).collect(),
            control,
            beside: written.beside.map(|beside| (beside.machine, beside.expectation)),
            tier: written.tier,
            cold: written.cold,
        };
        case.machine(written.machine)
    }
}

impl JsonSchema for Case {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Case".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Written::json_schema(generator)
    }
}
