//! Looks at a guest that is silent through QEMU's monitor: does it still do anything?
//!
//! Reads only, and leaves no trace in the evidence but what it found: a run has many silent moments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::last_look::rtc;
use super::processors;
use super::standstill::{Activity, KnownLoops, Limits, Sample, Stillness};
use crate::machine::{Clock, Machine};
use crate::process;
use crate::process::Share;
use crate::trace::Standstill;
use crate::vm::Vm;
use crate::vm::qmp::Qmp;

/// Silence after which a guest is looked at for the first time, and how long it is left alone between looks at most. A clock of the
/// guest's own jumps over its waits: minutes of it pass between two looks, and only looks tell whether it is idle.
const FIRST: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(3);
const LONGEST_OF_VIRTUAL_CLOCK: Duration = FIRST;

/// How long QEMU may take to answer; one that does not is another one's business.
const REPLY: Duration = Duration::from_secs(1);

/// Who looks at one QEMU's guest.
pub struct Lookout {
    qmp: Arc<Qmp>,
    process: u32,
    virtual_clock: bool,
    stillness: Stillness,
    /// What the guest had done when it was told last.
    seen: Activity,
    gap: Duration,
    next: Instant,
    /// Time in which this process did not run, up to the last look.
    frozen: Duration,
}

impl Lookout {
    /// Looks at the guest of this QEMU.
    pub fn at(vm: &Vm, machine: &Machine, limits: Limits, known: KnownLoops) -> Lookout {
        Lookout {
            qmp: vm.qmp.clone(),
            process: vm.process(),
            virtual_clock: matches!(machine.clock(), Clock::Virtual { .. }),
            stillness: Stillness::new(limits, machine.firmware, known),
            seen: Activity::default(),
            gap: FIRST,
            next: Instant::now() + FIRST,
            frozen: process::frozen(),
        }
    }

    /// The guest was given a key whose answer is waited for, or has answered.
    pub fn awaits_answer(&mut self, awaits: bool) {
        self.stillness.awaits_answer(awaits);
    }

    /// When to look next.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// Looks, if it is time to, at a guest that has done so much by now (its disks are not counted); what shows that it stands
    /// still, if it does.
    pub fn look(&mut self, activity: Activity) -> Option<Standstill> {
        let now = Instant::now();
        if activity != self.seen {
            self.stillness.forget();
            (self.seen, self.gap, self.next) = (activity, FIRST, now + FIRST);
            return None;
        }
        if now < self.next {
            return None;
        }
        self.gap = (self.gap * 3 / 2).min(if self.virtual_clock { LONGEST_OF_VIRTUAL_CLOCK } else { LONGEST });
        self.next = now + self.gap;
        // what was between two looks was not all of it time of the guest
        let frozen = process::frozen();
        if frozen > std::mem::replace(&mut self.frozen, frozen) {
            self.stillness.forget();
        }
        let Some(sample) = self.sample(activity) else {
            self.stillness.forget();
            return None;
        };
        let standstill = self.stillness.look(sample)?;
        // for whoever reads the evidence
        for (command, arguments) in [("human-monitor-command", registers()), ("query-blockstats", Value::Null)] {
            self.qmp.execute(command, arguments, REPLY).ok();
        }
        Some(standstill)
    }

    /// The guest as it is; `None` where it does not run or QEMU does not say.
    fn sample(&self, activity: Activity) -> Option<Sample> {
        let status = self.ask("query-status", Value::Null)?;
        if status.get("running").and_then(Value::as_bool) != Some(true) {
            return None;
        }
        let share = Share::of(self.process);
        if share.stopped {
            return None;
        }
        let text = self.ask("human-monitor-command", registers())?;
        let disk = operations(&self.ask("query-blockstats", Value::Null)?);
        let clock = if self.virtual_clock { rtc(|command, arguments| self.ask(command, arguments)) } else { None };
        Some(Sample {
            at: Instant::now(),
            processor: share.ran(),
            clock,
            processors: processors::read(text.as_str()?),
            activity: Activity { disk, ..activity },
        })
    }

    fn ask(&self, command: &str, arguments: Value) -> Option<Value> {
        self.qmp.look(command, arguments, REPLY).ok()
    }
}

fn registers() -> Value {
    json!({ "command-line": "info registers -a" })
}

/// Operations on all drives, those that failed among them (QMP `query-blockstats`).
fn operations(drives: &Value) -> u64 {
    let of = |drive: &Value| {
        let stats = drive.get("stats").and_then(Value::as_object);
        let counts = stats.into_iter().flatten().filter(|(name, _)| name.ends_with("_operations"));
        counts.filter_map(|(_, count)| count.as_u64()).fold(0, u64::wrapping_add)
    };
    drives.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(of).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_of_all_drives_count() {
        let drive = |read: u64, failed: u64| json!({ "stats": { "rd_operations": read, "failed_rd_operations": failed, "rd_bytes": 4096, "account_failed": true } });
        assert_eq!(operations(&json!([drive(1, 2), drive(3, 4), { "device": "cd" }])), 10);
        assert_eq!(operations(&json!({ "not": "a list" })), 0);
    }
}
