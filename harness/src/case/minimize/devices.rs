//! A case without some of its devices, and without what it says of them.

use std::collections::BTreeMap;

use super::Smaller;
use crate::case::Case;
use crate::case::story::{Destination, Milestone, Order, Step, Story};
use crate::machine::{DeviceName, Machine};
use crate::verdict::{Expectation, OnLan, Target};

/// The case without each run of so many devices.
pub(super) fn without_each(case: &Case, size: usize) -> Vec<Smaller> {
    let devices = case.machine.devices.len();
    let runs = (0..devices).step_by(size.max(1));
    runs.map(|first| {
        let gone = first..(first + size).min(devices);
        let names: Vec<String> =
            gone.clone().filter_map(|index| Some(format!("\"{}\"", case.machine.name_of(index)?))).collect();
        Smaller { case: without(case, |index| gone.contains(&index)), without: names.join(", ") }
    })
    .collect()
}

/// The case without the devices at these places.
fn without(case: &Case, gone: impl Fn(usize) -> bool) -> Case {
    let old = &case.machine;
    let left: Vec<usize> = (0..old.devices.len()).filter(|&index| !gone(index)).collect();
    let machine = |machine: &Machine| {
        let mut machine = machine.clone();
        // another machine's devices may be others
        if machine.devices.len() == old.devices.len() {
            machine.devices = left.iter().map(|&index| machine.devices[index].clone()).collect();
        }
        machine
    };
    let new = machine(old);
    // by the name that a device had, the one that it has, if it is still there
    let mut renamed: BTreeMap<DeviceName, Option<DeviceName>> =
        (0..old.devices.len()).filter_map(|index| Some((old.name_of(index)?, None))).collect();
    for (index, &before) in left.iter().enumerate() {
        if let Some(name) = old.name_of(before) {
            renamed.insert(name, new.name_of(index));
        }
    }
    let names = Names(renamed);
    let mut smaller = Case { control: case.control.as_ref().map(machine), ..case.clone() };
    let story = |story: &Story| Story { steps: story.steps.iter().filter_map(|step| names.step(step)).collect() };
    smaller.story = story(&case.story);
    for (_, other) in &mut smaller.stories {
        *other = story(other);
    }
    smaller.expectation = names.expectation(&case.expectation);
    for (_, expectation) in &mut smaller.otherwise {
        *expectation = names.expectation(expectation);
    }
    if smaller.control.as_ref() == Some(&new) {
        smaller.control = None;
    }
    smaller.machine(new)
}

/// What devices are called now.
struct Names(BTreeMap<DeviceName, Option<DeviceName>>);

impl Names {
    /// The name now; `None` for a device that has gone. What is no device keeps its name.
    fn now(&self, name: &str) -> Option<String> {
        match self.0.get(&DeviceName::from(name)) {
            Some(now) => now.as_ref().map(ToString::to_string),
            None => Some(name.to_owned()),
        }
    }

    fn all(&self, names: &[String]) -> Vec<String> {
        names.iter().filter_map(|name| self.now(name)).collect()
    }

    /// The step now; `None` for one about a device that has gone.
    fn step(&self, step: &Step) -> Option<Step> {
        let mut step = step.clone();
        match &mut step {
            Step::Plug { device, .. }
            | Step::PlugReleased { device }
            | Step::Unplug { device, .. }
            | Step::Released { device }
            | Step::Eject { device }
            | Step::SetBootindex { device, .. }
            | Step::Type { plugs: Some(device), .. } => *device = self.now(device)?,
            Step::Insert { device, medium } => (*device, *medium) = (self.now(device)?, self.now(medium)?),
            Step::Wait(Milestone::Payload { medium, .. }) => *medium = self.now(medium)?,
            Step::HostReads(devices) | Step::PowerCycle { without: devices } => *devices = self.all(devices),
            Step::Migrate(Destination { order: Order::Instead(values), .. }) => {
                let now = values.iter().filter_map(|(device, value)| Some((self.now(device)?, *value))).collect();
                *values = now;
            }
            Step::Refused { step, .. } => **step = self.step(step)?,
            _ => {}
        }
        Some(step)
    }

    fn expectation(&self, expected: &Expectation) -> Expectation {
        let mut expected = expected.clone();
        expected.attempts.retain_mut(|attempt| {
            let name = match &mut attempt.target {
                Target::Medium(name) | Target::Recovered(name) => Some(name),
                Target::Named(_) => None,
            };
            for name in name.into_iter().chain(attempt.entry.as_mut()) {
                match self.now(name) {
                    Some(now) => *name = now,
                    None => return false,
                }
            }
            true
        });
        expected.never = self.all(&expected.never);
        expected.menus = expected.menus.iter().map(|menu| self.all(menu)).collect();
        expected.network.retain_mut(|wanted| match wanted {
            OnLan::Silent(name) | OnLan::Heard(name) => match self.now(name.as_str()) {
                Some(now) => {
                    *name = DeviceName::from(now.as_str());
                    true
                }
                None => false,
            },
            _ => true,
        });
        expected
    }
}
