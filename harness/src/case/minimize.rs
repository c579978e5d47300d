//! Makes a failing case smaller while it fails in the same way.
//!
//! Pure: who runs a case and says how it fails is whoever calls. Devices go first, by halves and then one by one, then steps
//! of the story, then everything else that a case can do without. It begins again until nothing more can go.
//!
//! ```
//! use bootwright::case::Case;
//! use bootwright::case::minimize::{Seen, minimize};
//! use bootwright::machine::{Firmware, Machine, Medium};
//! use bootwright::verdict::Expectation;
//!
//! let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::blank("a")).nvme(Medium::bootable("b"));
//! let case = Case::new("mine::case").machine(machine).expect(Expectation::boots("b"));
//! // fails as long as "b" is there
//! let fails = |case: &Case| case.machine.device_with_medium("b").is_some();
//! let smaller = minimize(&case, 100, &mut |case, _| if fails(case) { Seen::Same } else { Seen::Otherwise });
//! assert_eq!(smaller.case.machine.devices.len(), 1);
//! ```

mod axes;
mod devices;
mod smaller;

use super::Case;
use super::file::check;
use super::story::Step;
use crate::verdict::Target;
use smaller::Smaller;

/// What a smaller case did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It fails in the same way.
    Same,
    /// It holds, fails in another way, or cannot run.
    Otherwise,
}

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Minimized {
    /// The smallest case that fails in the same way.
    pub case: Case,
    /// What could go, in order.
    pub dropped: Vec<String>,
    /// How many smaller cases were run.
    pub trials: usize,
    /// Whether everything that is left was tried; otherwise the trials were used up.
    pub finished: bool,
}

/// How a case fails, apart from what changes with the number of its devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What differs, without the number of the attempt.
    pub words: String,
    /// The medium that booted.
    pub booted: Option<String>,
    /// The end that firmware came to by itself.
    pub terminal: Option<String>,
}

impl Failure {
    /// Out of the reason of a verdict: its first difference, without numbers of attempts and without lists, both of which
    /// change with every device.
    pub fn new(reason: &str, booted: Option<&str>, terminal: Option<&str>) -> Failure {
        let first = reason.split("; ").next().unwrap_or_default();
        let words = match first.strip_prefix("attempt ").and_then(|rest| rest.split_once(": ")) {
            Some((_, words)) => words.to_owned(),
            None => first.split('[').next().unwrap_or_default().trim_end().to_owned(),
        };
        // an order that QEMU did not pass on is a finding beside the first
        let more = reason.split("; ").skip(1).filter(|more| more.starts_with("fw_cfg "));
        let more = more.map(|more| format!("; {}", more.split('[').next().unwrap_or_default().trim_end()));
        let words = words + &more.collect::<String>();
        Failure { words, booted: booted.map(str::to_owned), terminal: terminal.map(str::to_owned) }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.words)?;
        if let Some(booted) = &self.booted {
            write!(out, "; booted \"{booted}\"")?;
        }
        self.terminal.as_ref().map_or(Ok(()), |terminal| write!(out, "; ended in {terminal}"))
    }
}

/// Leaves out what the failure does not need, in at most so many trials. `run` is given each smaller case and what it lacks.
pub fn minimize(case: &Case, most: usize, run: &mut dyn FnMut(&Case, &str) -> Seen) -> Minimized {
    let mut left = Minimized { case: case.clone(), dropped: Vec::new(), trials: 0, finished: true };
    loop {
        let before = left.dropped.len();
        let mut size = left.case.machine.devices.len() / 2;
        while size > 0 {
            left.pass(most, run, &|case| devices::without_each(case, size));
            size /= 2;
        }
        left.pass(most, run, &axes::without_each_step);
        left.pass(most, run, &axes::without_each_axis);
        if left.dropped.len() == before || !left.finished {
            return left;
        }
    }
}

impl Minimized {
    /// Tries what a list offers, from its end; after each success the list is made again of what is left.
    fn pass(&mut self, most: usize, run: &mut dyn FnMut(&Case, &str) -> Seen, offered: &dyn Fn(&Case) -> Vec<Smaller>) {
        let mut tried: Vec<String> = Vec::new();
        loop {
            let untried = |smaller: &Smaller| !tried.contains(&smaller.without);
            let Some(next) = offered(&self.case).into_iter().rev().find(untried) else { return };
            // what has no effect, or could not run or hold, is not worth a boot
            if next.case == self.case || check(&next.case).is_err() || !could_hold(&next.case) {
                tried.push(next.without);
                continue;
            }
            if self.trials == most {
                self.finished = false;
                return;
            }
            self.trials += 1;
            match run(&next.case, &next.without) {
                Seen::Same => {
                    self.case = next.case;
                    self.dropped.push(next.without);
                }
                Seen::Otherwise => tried.push(next.without),
            }
        }
    }
}

/// Whether everything that is expected to be tried is there, or a step plugs it in: a case that cannot hold on any platform
/// fails, but not for the reason that is looked for.
fn could_hold(case: &Case) -> bool {
    case.expectation.attempts.iter().all(|attempt| {
        let (Target::Medium(name) | Target::Recovered(name)) = &attempt.target else { return true };
        let absent = case.machine.device_named(name).is_some_and(|index| case.machine.devices[index].absent);
        let plugs = |step: &Step| match step {
            Step::Plug { device, .. } | Step::PlugReleased { device } | Step::Type { plugs: Some(device), .. } => {
                device == name
            }
            _ => false,
        };
        !absent || case.story.steps.iter().any(plugs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::story::Story;
    use crate::machine::{DeviceClass, Firmware, Machine, Medium};
    use crate::verdict::{Expectation, booted, failed};

    /// Six devices, a story, and much that does not matter.
    fn six() -> Case {
        let machine = Machine::q35(Firmware::SeaBios)
            .paused()
            .strict(true)
            .rng()
            .virtio_blk(Medium::blank("one"))
            .bootindex(1)
            .nvme(Medium::without_signature("two"))
            .bootindex(2)
            .ahci(3, Medium::bootable("wrong"))
            .bootindex(4)
            .nic("e1000", None)
            .device(DeviceClass::Ahci { port: 1 }, None, true)
            .virtio_scsi(2, 1, Medium::bootable("right"))
            .slot(9)
            .bootindex(3)
            .property("serial", "x")
            .absent();
        Case::new("mine::six")
            .machine(machine)
            .story(Story::new().set_bootindex("one", 1).plug("right").cont())
            .expect(Expectation::attempts([failed("one"), failed("two"), booted("right")]).without_trying("wrong"))
            .control_without_bootindex()
    }

    fn names(case: &Case) -> Vec<String> {
        (0..case.machine.devices.len()).filter_map(|index| Some(case.machine.name_of(index)?.to_string())).collect()
    }

    #[test]
    fn of_six_devices_the_two_that_matter_are_left_with_the_steps_that_do() {
        let mut runs = 0;
        let fails = |case: &Case| {
            let has = |name| case.machine.device_with_medium(name).is_some();
            let plugged = case.story.steps.iter().any(|step| step.to_string() == "plug \"right\"");
            has("right") && has("wrong") && plugged && case.machine.paused
        };
        let smaller = minimize(&six(), 500, &mut |case, _| {
            runs += 1;
            check(case).unwrap();
            if fails(case) { Seen::Same } else { Seen::Otherwise }
        });
        assert_eq!(names(&smaller.case), ["wrong", "right"]);
        assert_eq!(smaller.case.story.steps.len(), 2, "cont stays, without which the machine never runs");
        assert_eq!(smaller.case.expectation.attempts, [booted("right")]);
        let machine = &smaller.case.machine;
        assert_eq!((machine.rng, machine.boot.strict, machine.devices[1].slot), (false, None, None));
        assert_eq!((smaller.trials, smaller.finished), (runs, true));
        assert!(runs < 100, "{runs} trials");
    }

    #[test]
    fn where_everything_matters_nothing_goes_and_that_is_said() {
        let smaller = minimize(&six(), 500, &mut |_, _| Seen::Otherwise);
        assert_eq!((smaller.case, smaller.dropped.len(), smaller.finished), (six(), 0, true));
        assert!(smaller.trials > 10);
    }

    #[test]
    fn it_ends_after_as_many_trials_as_it_may_make() {
        let smaller = minimize(&six(), 3, &mut |_, _| Seen::Otherwise);
        assert_eq!((smaller.trials, smaller.finished), (3, false));
    }

    #[test]
    fn the_same_failure_is_known_again_with_fewer_attempts_and_another_one_is_not() {
        let reason = |number: u32, saw: &str| {
            format!("attempt {number}: expected \"c\" booted, saw {saw}; gave up; last seen: x; guest: running")
        };
        let failure = |number, saw| Failure::new(&reason(number, saw), Some("d"), None);
        assert_eq!(failure(3, "Hard Disk \"d\" booted"), failure(1, "Hard Disk \"d\" booted"));
        assert_ne!(failure(3, "Hard Disk \"d\" booted"), failure(3, "Hard Disk \"e\" booted"));
        let lists = |list: &str| Failure::new(&format!("fw_cfg bootorder is stale: [{list}]"), None, None);
        assert_eq!(lists("/a, /b"), lists("/a"));
        let stale = Failure::new(
            &(reason(1, "\"d\"") + "; fw_cfg bootorder is stale: [a], the machine asks for [b]"),
            None,
            None,
        );
        assert!(stale.words.ends_with("; fw_cfg bootorder is stale:"), "{stale}");
        assert_ne!(stale, Failure::new(&reason(1, "\"d\""), None, None));
    }

    #[test]
    fn a_case_that_can_hold_nowhere_is_not_offered() {
        let mut without_plug = Vec::new();
        minimize(&six(), 500, &mut |case, without| {
            let plugged = case.story.steps.iter().any(|step| step.to_string() == "plug \"right\"");
            let wanted = case.expectation.attempts.contains(&booted("right"));
            if wanted && !plugged {
                without_plug.push(without.to_owned());
            }
            Seen::Same
        });
        assert_eq!(without_plug, Vec::<String>::new());
    }

    #[test]
    fn nics_are_called_by_their_new_numbers() {
        let machine = Machine::pc(Firmware::SeaBios)
            .nic("e1000", None)
            .nic("e1000", None)
            .bootindex(1)
            .virtio_blk(Medium::bootable("disk"));
        let case = Case::new("mine::nics").machine(machine).story(Story::new().set_bootindex("nic1", -1));
        let case = case.expect(Expectation::boots("disk").without_trying("nic1"));
        let smaller = devices::without_each(&case, 1);
        assert_eq!(smaller[0].case.story.steps[0].to_string(), "set bootindex of \"nic0\" to -1");
        assert_eq!(smaller[0].case.expectation.never, ["nic0"]);
    }
}
