//! What a case says against itself: expectations that no run can meet, and stories that no machine lives through.

use std::collections::BTreeSet;

use super::Case;
use super::file::{Key, Misplaced};
use super::story::{Milestone, Step, Story, Unplugged};
use crate::machine::Machine;
use crate::trace::Outcome;
use crate::verdict::{Ending, Expectation, Target};

/// Looks for the first contradiction of a case. Names of devices and media that there are not are left to others.
///
/// # Errors
///
/// What cannot be, and what was wanted.
pub(crate) fn check(case: &Case) -> Result<(), Misplaced> {
    let one_lap = case.story.is_empty() && case.stories.is_empty();
    expectation(&case.expectation, one_lap, &["expectation".into()])?;
    for (index, (_, other)) in case.otherwise.iter().enumerate() {
        expectation(other, one_lap, &["otherwise".into(), index.into(), "expectation".into()])?;
    }
    if let Some((_, other)) = &case.beside {
        expectation(other, one_lap, &["beside".into(), "expectation".into()])?;
    }
    story(case, &case.story, &["story".into()])?;
    for (index, (_, other)) in case.stories.iter().enumerate() {
        story(case, other, &["stories".into(), index.into(), "story".into()])?;
    }
    Ok(())
}

fn at(place: &[Key], more: impl IntoIterator<Item = Key>, problem: String) -> Misplaced {
    Misplaced { place: place.iter().cloned().chain(more).collect(), problem }
}

/// Whether some run could meet an expectation; in one lap, where no story begins another, whose attempts would be none.
fn expectation(expected: &Expectation, one_lap: bool, place: &[Key]) -> Result<(), Misplaced> {
    for (index, name) in expected.never.iter().enumerate() {
        let is_tried = |target: &Target| matches!(target, Target::Medium(on) | Target::Recovered(on) if on == name);
        if let Some(number) = expected.attempts.iter().position(|attempt| is_tried(&attempt.target)) {
            let number = number + 1;
            let problem = format!("\"{name}\" must never be tried, and attempt {number} is on it: wanted one of both");
            return Err(at(place, ["never".into(), index.into()], problem));
        }
    }
    let problem = match &expected.ending {
        Ending::Laps(0) | Ending::Settles { laps: 0 } => {
            "an end after 0 laps: wanted 1 or more, since power-on begins lap 1"
        }
        Ending::NothingBootable
            if one_lap && expected.attempts.last().is_some_and(|last| last.outcome == Outcome::Booted) =>
        {
            "ending \"nothing-bootable\", but the last attempt boots: wanted ending \"boots\" (the default), or a last \
             attempt that fails"
        }
        _ => return Ok(()),
    };
    Err(at(place, ["ending".into()], problem.to_owned()))
}

/// Whether the machines of a case live through a story.
fn story(case: &Case, story: &Story, place: &[Key]) -> Result<(), Misplaced> {
    if let Some((step, problem)) = impossible_step(&case.machine, story) {
        return Err(at(place, [step.into()], problem));
    }
    let others = case.otherwise.iter().map(|(_, expected)| expected).chain([&case.expectation]);
    if others.into_iter().any(|expected| matches!(expected.ending, Ending::Refused(_))) {
        // no guest is to run
        return Ok(());
    }
    let control = case.control.iter().map(|machine| ("control", machine));
    let runs = |expected: &Expectation| !matches!(expected.ending, Ending::Refused(_));
    let beside = case.beside.iter().filter(|(_, expected)| runs(expected)).map(|(machine, _)| ("beside", machine));
    for (whose, machine) in [("", &case.machine)].into_iter().chain(control).chain(beside) {
        match never_runs(machine, story) {
            Some(Some(step)) => {
                let problem = format!(
                    "{}: the machine is paused then, and firmware does nothing: wanted cont before",
                    story.steps[step]
                );
                return Err(at(place, [step.into()], problem));
            }
            Some(None) => {
                let problem = "the machine is powered on paused and no cont follows, so that firmware never runs: wanted \
                               \"cont\" in the story, or a machine that is not paused";
                let way = [whose, "machine", "paused"].into_iter().filter(|name| !name.is_empty());
                return Err(at(&[], way.map(Key::from), problem.to_owned()));
            }
            None => {}
        }
    }
    Ok(())
}

/// The step that waits in vain for a machine that is paused, or none of them where it stays so until the end; `None` where it runs.
fn never_runs(machine: &Machine, story: &Story) -> Option<Option<usize>> {
    let (mut runs, mut ran) = (!machine.paused, !machine.paused);
    for (index, step) in story.steps.iter().enumerate() {
        match step {
            Step::Cont => (runs, ran) = (true, true),
            Step::Type { line, .. } if matches!(line.trim(), "c" | "cont") => (runs, ran) = (true, true),
            Step::PowerCycle { .. } | Step::PowerCycleWith(_) => runs = !machine.paused,
            Step::Wait(Milestone::Lap(..=1)) => {}
            // what it did before it was powered off counts too
            Step::Wait(_) if ran => {}
            Step::Wait(_) | Step::Press { .. } | Step::Enter { .. } | Step::RandomResets { .. } if !runs => {
                return Some(Some(index));
            }
            _ => {}
        }
    }
    (!runs).then_some(None)
}

/// Which devices are in a machine: as far as the steps of a story say.
struct Presence {
    /// The machine, for its names: media may change places.
    machine: Machine,
    /// Whether each device is there; `None` where a line of the human monitor may have changed that, or the guest.
    devices: Vec<Option<bool>>,
    /// Which of them are there when it is powered on.
    powered_on: Vec<Option<bool>>,
    /// Those that go at the next reset.
    leaving: BTreeSet<usize>,
}

impl Presence {
    fn of(machine: &Machine) -> Presence {
        let devices: Vec<Option<bool>> = machine.devices.iter().map(|device| Some(!device.absent)).collect();
        Presence { machine: machine.clone(), powered_on: devices.clone(), devices, leaving: BTreeSet::new() }
    }

    fn power_cycle(&mut self, without: &[String]) {
        self.devices.clone_from(&self.powered_on);
        self.leaving.clear();
        for device in without.iter().filter_map(|name| self.machine.device_named(name)) {
            self.devices[device] = Some(false);
        }
    }

    fn reset(&mut self) {
        for device in std::mem::take(&mut self.leaving) {
            self.devices[device] = Some(false);
        }
    }

    /// Puts a device in; says so where it is there already.
    fn plug(&mut self, name: &str) -> Option<String> {
        let device = self.machine.device_named(name)?;
        let before = self.devices[device].replace(true);
        self.leaving.remove(&device);
        (before == Some(true)).then(|| "the device is plugged in already: wanted one that is absent then".to_owned())
    }

    /// Takes a device out; says so where it is not there.
    fn unplug(&mut self, name: &str, unplugged: Unplugged) -> Option<String> {
        let device = self.machine.device_named(name)?;
        let before = self.devices[device];
        self.devices[device] = match unplugged {
            Unplugged::AtOnce => Some(false),
            Unplugged::AtReset => {
                self.leaving.insert(device);
                None
            }
        };
        (before == Some(false)).then(|| "the device is not plugged in: wanted one that is there then".to_owned())
    }

    fn exchange(&mut self, drive: &str, medium: &str) {
        let machine = &mut self.machine;
        let (Some(drive), Some(lender)) = (machine.device_named(drive), machine.device_with_medium(medium)) else {
            return;
        };
        if let Ok([drive, lender]) = machine.devices.get_disjoint_mut([drive, lender]) {
            std::mem::swap(&mut drive.medium, &mut lender.medium);
        }
    }
}

/// The first step that plugs in what is there, or unplugs what is not, and what is wrong with it.
fn impossible_step(machine: &Machine, story: &Story) -> Option<(usize, String)> {
    let mut there = Presence::of(machine);
    for (index, step) in story.steps.iter().enumerate() {
        let problem = match step {
            Step::Plug { device, .. } | Step::PlugReleased { device } | Step::Type { plugs: Some(device), .. } => {
                there.plug(device)
            }
            Step::Unplug { device, unplugged } => there.unplug(device, *unplugged),
            Step::Type { line, .. } if line.contains("device_add") || line.contains("device_del") => {
                there.devices.fill(None);
                None
            }
            // the one that goes on has what this one has, and is powered on with it
            Step::Migrate(_) => {
                there.powered_on = there.devices.clone();
                None
            }
            Step::Insert { device, medium } => {
                there.exchange(device, medium);
                None
            }
            Step::Reset | Step::RandomResets { .. } => {
                there.reset();
                None
            }
            Step::PowerCycle { without } => {
                there.power_cycle(without);
                None
            }
            Step::PowerCycleWith(_) => {
                there.power_cycle(&[]);
                None
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Some((index, format!("{step}: {problem}")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Medium};
    use crate::verdict::{booted, failed};

    fn problem(machine: Machine, story: Story, expected: Expectation) -> Option<(Vec<Key>, String)> {
        let case = Case::new("a::b").machine(machine).story(story).expect(expected);
        check(&case).err().map(|wrong| (wrong.place, wrong.problem))
    }

    fn machine() -> Machine {
        let machine = Machine::pc(Firmware::SeaBios).virtio_scsi(0, 1, Medium::bootable("there"));
        machine.virtio_scsi(0, 2, Medium::bootable("absent")).absent()
    }

    fn of_story(machine: Machine, story: Story) -> Option<(Vec<Key>, String)> {
        problem(machine, story, Expectation::boots("there"))
    }

    #[test]
    fn a_paused_machine_needs_a_cont_after_each_power_on_and_before_what_waits() {
        assert_eq!(of_story(machine(), Story::new().reset()), None);
        assert_eq!(of_story(machine().paused(), Story::new().reset().cont()), None);
        assert_eq!(of_story(machine().paused(), Story::new().type_line("cont")), None);
        let paused = Story::new().cont().power_cycle(&[]);
        assert_eq!(of_story(machine().paused(), paused.clone().cont()), None);
        for story in [Story::new(), Story::new().reset(), paused] {
            let (place, problem) = of_story(machine().paused(), story).unwrap();
            assert_eq!(place, [Key::from("machine"), "paused".into()]);
            assert!(problem.contains("no cont follows") && problem.contains("wanted \"cont\""), "{problem}");
        }
        let (place, words) = of_story(machine().paused(), Story::new().wait_for("there").cont()).unwrap();
        assert_eq!(place, [Key::from("story"), 0.into()]);
        assert!(words.starts_with("wait for the payload of \"there\": the machine is paused then"), "{words}");
        let refused = Expectation::qemu_refuses("no");
        assert_eq!(problem(machine().paused(), Story::new(), refused), None);
    }

    #[test]
    fn a_control_that_stays_paused_refutes_nothing() {
        let case = Case::new("a::b").machine(machine()).control(machine().paused()).expect(Expectation::boots("there"));
        let wrong = check(&case).unwrap_err();
        assert_eq!(wrong.place, [Key::from("control"), "machine".into(), "paused".into()]);
    }

    #[test]
    fn only_what_is_absent_is_plugged_in_and_only_what_is_there_is_unplugged() {
        let there = Story::new().plug("there");
        let twice = Story::new().plug("absent").plug("absent");
        let gone = Story::new().unplug("there").unplug("there");
        let at_reset = Story::new().unplug_at_reset("there").reset().unplug("there");
        let off = Story::new().power_cycle(&["there"]).unplug("there");
        let steps = [(there, 0), (twice, 1), (Story::new().unplug("absent"), 0), (gone, 1), (at_reset, 2), (off, 1)];
        for (story, index) in steps {
            let (place, problem) = of_story(machine(), story.clone()).unwrap();
            assert_eq!(place, [Key::from("story"), index.into()], "{problem}");
            assert!(problem.starts_with(&story.steps[index].to_string()), "{problem}");
        }
        for story in [
            Story::new().plug("absent").unplug("absent").released("absent").plug("absent"),
            Story::new().unplug("there").plug_released("there"),
            Story::new().unplug_at_reset("there").reset().plug("there"),
            Story::new().plug_refused("there", "duplicate ID"),
            Story::new().plug("absent").power_cycle(&["there"]).plug("there").plug("absent"),
            Story::new().type_line("device_del dev0").plug("there"),
            Story::new()
                .plug("absent")
                .migrate(crate::case::story::Destination::new())
                .power_cycle(&[])
                .unplug("absent"),
        ] {
            assert_eq!(of_story(machine(), story.clone()), None, "{story:?}");
        }
    }

    #[test]
    fn an_expectation_that_no_run_meets_is_found_where_it_contradicts_itself() {
        let place = |expected: Expectation| Some(problem(machine(), Story::new(), expected)?.0);
        let within = |keys: &[Key]| Some([&[Key::from("expectation")], keys].concat());
        let never = Expectation::attempts([failed("absent"), booted("there")]).without_trying("other");
        assert_eq!(place(never.clone()), None);
        assert_eq!(place(never.without_trying("absent")), within(&["never".into(), 1.into()]));
        assert_eq!(place(Expectation::nothing_boots([booted("there"), failed("absent")])), None);
        assert_eq!(place(Expectation::nothing_boots([booted("there")])), within(&["ending".into()]));
        let gone = Story::new().wait_for("there").power_cycle(&["there"]);
        assert_eq!(
            problem(machine(), gone, Expectation::nothing_boots([booted("there")])),
            None,
            "the lap behind it has no attempt"
        );
        assert_eq!(place(Expectation::laps(1, [])), None);
        assert_eq!(place(Expectation::laps(0, [])), within(&["ending".into()]));
    }
}
