//! Tells a guest that will do nothing more from one that only takes its time, by what its processors look like from time to time
//! while it uses no device: a pure function of what was seen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::processors::Processor;
use crate::trace::Standstill;

/// What a guest has done by now that reaches beyond its processors and its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Bytes on the serial port and the debug console.
    pub printed: usize,
    /// Frames and other events of its networks.
    pub network: usize,
    /// Events of QEMU.
    pub events: usize,
    /// Operations on its disks.
    pub disk: u64,
    /// When its variable store was written to last.
    pub store: Option<SystemTime>,
}

/// A guest that runs, at one moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When.
    pub at: Instant,
    /// Processor time that QEMU has used by then.
    pub processor: Duration,
    /// The guest's clock, where it can be read and is not the host's.
    pub clock: Option<Duration>,
    /// Its processors.
    pub processors: Vec<Processor>,
    /// What it has done by then.
    pub activity: Activity,
}

/// How long a guest may be without any device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processor time in a loop of a few instructions that interrupts can leave.
    loops: Duration,
    /// Processor time whatever it computes; `None`: for ever, since others' programs may.
    computes: Option<Duration>,
    /// Time on its clock while it is idle; `None`: for ever.
    idles: Option<Duration>,
}

impl Limits {
    /// For firmware and payloads of which it is known how long they wait. SeaBIOS waits up to 65 s (`etc/boot-fail-wait`, its
    /// boot menu), the firmware's network stacks some minutes; where the guest's clock is the host's, they rarely wait at all.
    pub fn known(virtual_clock: bool, has_nic: bool) -> Limits {
        let seconds = match (virtual_clock, has_nic) {
            (true, false) => 150,
            (true, true) => 600,
            (false, false) => 40,
            (false, true) => 100,
        };
        Limits {
            loops: Duration::from_secs(10),
            computes: Some(Duration::from_secs(30)),
            idles: Some(Duration::from_secs(seconds)),
        }
    }

    /// For programs of others: only what no program does that goes on.
    pub fn foreign() -> Limits {
        Limits { loops: Duration::MAX, computes: None, idles: None }
    }
}

/// Processor time in which nothing at all changes in a processor that takes no interrupt.
const SAME: Duration = Duration::from_millis(500);

/// How often it must have been seen so.
const SAME_LOOKS: usize = 4;

/// How often a loop must have been seen, and how many in a hundred looks must have found it there: an interrupt's handler and
/// what it calls are seen now and then.
const LOOP_LOOKS: usize = 10;
const LOOP_SHARE: usize = 75;

/// Processor time in a loop in which another guest of this run was proven to hang.
const KNOWN_LOOP: Duration = Duration::from_secs(1);

/// How long the code of a loop is with what it calls, bytes, and how many registers it changes: a counter, what it compares it
/// with, the clock that it reads, the stack pointer.
const LOOP_BYTES: u64 = 256;
const LOOP_REGISTERS: usize = 4;

/// How many in a hundred looks find an idle guest halted; where its clock jumps over its waits, QEMU is mostly busy with ticks.
const IDLE_SHARE: usize = 25;

/// For a processor of which QEMU does not say whether it is halted: looks and time in which it must not have moved.
const UNMOVED: (usize, Duration) = (8, Duration::from_secs(8));

/// Looks that are kept.
const KEPT: usize = 64;

/// Places at which guests of one run were proven to loop for ever, for those that come there later.
#[derive(Clone, Debug, Default)]
pub struct KnownLoops(Arc<Mutex<Vec<u64>>>);

impl KnownLoops {
    fn knows(&self, at: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known.abs_diff(at) <= LOOP_BYTES)
    }

    fn add(&self, at: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < KEPT && !known.contains(&at) {
            known.push(at);
        }
    }
}

/// What was seen of a guest since it last did something.
#[derive(Debug)]
pub struct Stillness {
    limits: Limits,
    known: KnownLoops,
    /// The first look since then.
    since: Option<Sample>,
    looks: VecDeque<Sample>,
    /// All looks since then, and those that found it halted.
    counts: (usize, usize),
}

impl Stillness {
    /// Nothing was seen yet.
    pub fn new(limits: Limits, known: KnownLoops) -> Stillness {
        Stillness { limits, known, since: None, looks: VecDeque::new(), counts: (0, 0) }
    }

    /// The guest was seen in a state in which it does not run, or could not be seen.
    pub fn forget(&mut self) {
        (self.since, self.counts) = (None, (0, 0));
        self.looks.clear();
    }

    /// Takes another look; what shows that the guest stands still, if it does.
    pub fn look(&mut self, sample: Sample) -> Option<Standstill> {
        if sample.processors.is_empty() || self.since.as_ref().is_some_and(|since| since.activity != sample.activity) {
            self.forget();
        }
        if sample.processors.is_empty() {
            return None;
        }
        let halted = sample.processors.iter().all(|one| one.halted == Some(true));
        self.counts = (self.counts.0 + 1, self.counts.1 + usize::from(halted));
        self.since.get_or_insert_with(|| sample.clone());
        if self.looks.len() == KEPT {
            self.looks.pop_front();
        }
        self.looks.push_back(sample);
        self.halted()
            .or_else(|| self.same())
            .or_else(|| self.loops())
            .or_else(|| self.idles())
            .or_else(|| self.computes())
    }

    fn last(&self) -> Option<&Sample> {
        self.looks.back()
    }

    /// Halted, and nothing but a reset or a non-maskable interrupt wakes it.
    fn halted(&self) -> Option<Standstill> {
        let last = self.last()?;
        let at = last.processors.first()?.next;
        if !last.processors.iter().all(|one| one.halted != Some(false) && !one.interruptible) {
            return None;
        }
        let (looks, first) = self.alike()?;
        let told = last.processors.iter().all(|one| one.halted == Some(true));
        let long = looks >= UNMOVED.0 && last.at.saturating_duration_since(first.at) >= UNMOVED.1;
        (told && looks >= 2 || long).then_some(Standstill::Halted { at })
    }

    /// How many looks up to the last found the processors as that one did, and the first of them.
    fn alike(&self) -> Option<(usize, &Sample)> {
        let last = self.last()?;
        let alike = self.looks.iter().rev().take_while(|sample| sample.processors == last.processors);
        Some(alike.fold((0, last), |(looks, _), sample| (looks + 1, sample)))
    }

    /// No register changes, and no interrupt can change one.
    fn same(&self) -> Option<Standstill> {
        let last = self.last()?;
        let steady = |one: &Processor| !one.interruptible;
        if !last.processors.iter().all(steady) || last.processors[0].halted == Some(true) {
            return None;
        }
        let (looks, first) = self.alike()?;
        let long = last.processor.saturating_sub(first.processor) >= SAME;
        (looks >= SAME_LOOKS && long).then(|| Standstill::Loops { at: last.processors[0].next })
    }

    /// A loop of a few instructions, as `CpuDeadLoop` of edk2's BaseLib is.
    fn loops(&self) -> Option<Standstill> {
        let last = self.last()?;
        let [processor] = last.processors.as_slice() else { return None };
        if processor.halted == Some(true) {
            return None;
        }
        let here = |sample: &&Sample| sample.processors.first().is_some_and(|other| is_near(other, processor));
        let there = self.looks.iter().filter(here).count();
        let (at, used) = (processor.next, last.processor.saturating_sub(self.looks.front()?.processor));
        let needed = if self.known.knows(at) { KNOWN_LOOP.min(self.limits.loops) } else { self.limits.loops };
        if self.looks.len() < LOOP_LOOKS || there * 100 < self.looks.len() * LOOP_SHARE || used < needed {
            return None;
        }
        self.known.add(at);
        Some(Standstill::Loops { at })
    }

    fn idles(&self) -> Option<Standstill> {
        let (limit, last, since) = (self.limits.idles?, self.last()?, self.since.as_ref()?);
        let time = match (last.clock, since.clock) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            _ => last.at.saturating_duration_since(since.at),
        };
        (self.is_idle() && self.counts.0 >= SAME_LOOKS && time >= limit)
            .then_some(Standstill::Idles { seconds: time.as_secs() })
    }

    fn is_idle(&self) -> bool {
        let Some((last, since)) = self.last().zip(self.since.as_ref()) else { return false };
        let (looks, halted) = self.counts;
        match last.processors.first().and_then(|one| one.halted) {
            Some(_) => halted * 100 >= looks * IDLE_SHARE,
            None => self.used() * 3 < last.at.saturating_duration_since(since.at),
        }
    }

    fn computes(&self) -> Option<Standstill> {
        let used = self.used();
        (used >= self.limits.computes? && !self.is_idle()).then_some(Standstill::Computes { seconds: used.as_secs() })
    }

    fn used(&self) -> Duration {
        let used =
            self.last().zip(self.since.as_ref()).map(|(last, since)| last.processor.saturating_sub(since.processor));
        used.unwrap_or_default()
    }
}

fn is_near(one: &Processor, other: &Processor) -> bool {
    let differ = one.general.iter().zip(&other.general).filter(|(one, other)| one != other).count();
    one.next.abs_diff(other.next) <= LOOP_BYTES && differ <= LOOP_REGISTERS
}

#[cfg(test)]
#[path = "standstill_tests.rs"]
mod tests;
