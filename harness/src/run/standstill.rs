//! Tells a guest that will do nothing more from one that only takes its time, by what its processors look like from time to time
//! while it uses no device: a pure function of what was seen.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::processors::Processor;
use crate::machine::{Clock, Firmware, Machine};
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
    /// Time on its clock while it is idle, and host time where that clock cannot be read or is the host's; `None`: for ever.
    idles: Option<(Duration, Duration)>,
    /// Host time, by a real clock, that it may be idle once it was given a key: menus answer at once, and firmware waits longer by itself
    /// only where it was told to start over after a time.
    answers: Duration,
    /// Whether an Arm processor that takes no interrupt and does not change is done: one that waits wakes by an interrupt all the
    /// same (WFI, Arm ARM D1.6), as Linux does, but no firmware waits so.
    masked_is_done: bool,
}

impl Limits {
    /// For firmware and payloads of which it is known how long they wait. SeaBIOS waits up to 65 s (`etc/boot-fail-wait`, its
    /// boot menu) and up to 32 s for a disk (`IDE_TIMEOUT` in its `src/hw/ata.c`), UEFI firmware for 300 s until its watchdog resets
    /// a program (`EfiBootManagerBoot` in edk2's `BmBoot.c`), UEFI's network stacks some minutes of a clock of the guest's own;
    /// machines that wait for a network have such a clock. The option ROMs of BIOS, which are iPXE, send something every 32 s at
    /// least (`DHCP_DISC_END_TIMEOUT_SEC` in its `src/config/dhcp.h`, less by default).
    pub fn known(machine: &Machine) -> Limits {
        // a clock of the guest's own runs as slowly as the host has time for it, and that of Arm, RISC-V and LoongArch cannot be read
        let others = matches!(machine.firmware, Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt);
        let unread = others && matches!(machine.clock, Some(Clock::Virtual { .. }));
        let (guest, host) = match (machine.has_nic(), machine.firmware.is_uefi()) {
            (false, true) if unread => (400, 400),
            (true, true) => (600, 110),
            (true, false) => (200, 110),
            (false, true) => (400, 80),
            (false, false) => (150, 80),
        };
        Limits {
            loops: Duration::from_secs(35),
            computes: Some(Duration::from_secs(60)),
            idles: Some((Duration::from_secs(guest), Duration::from_secs(host))),
            answers: if machine.boot.reboot_timeout.is_some_and(|timeout| timeout > 0) {
                Duration::MAX
            } else {
                ANSWERS
            },
            masked_is_done: true,
        }
    }

    /// For programs of others: only what no program does that goes on.
    pub fn foreign() -> Limits {
        Limits { loops: Duration::MAX, computes: None, idles: None, answers: Duration::MAX, masked_is_done: false }
    }
}

/// Host time that firmware which waits for keys may be idle once it was given one, by a real clock: its menus answer at once.
const ANSWERS: Duration = Duration::from_secs(20);

/// Processor time in which nothing at all changes in a processor that takes no interrupt.
const SAME: Duration = Duration::from_millis(500);

/// How often it must have been seen so.
const SAME_LOOKS: usize = 4;

/// How often a loop must have been seen, and how many in a hundred looks must have found it there: an interrupt's handler and
/// what it calls are seen now and then.
const LOOP_LOOKS: usize = 10;
const LOOP_SHARE: usize = 75;

/// Time on the guest's clock, where it can be read, that must have gone by in a loop or in a computation too. TCG translates code
/// anew whenever something is written to its page: iPXE's wait for the interrupts of the RTC from which it takes its noise
/// (`rtc_get_noise` in its `src/arch/x86/interface/pcbios/rtc_entropy.c`) then costs a minute of the host's for half a second of the guest's.
const GUEST_TIME: Duration = Duration::from_secs(5);

/// Processor time in a loop in which another guest of this run was proven to hang.
const KNOWN_LOOP: Duration = Duration::from_secs(1);

/// How long the code of a loop is with what it calls, bytes, and how many registers it changes: a counter, what it compares it
/// with, the clock that it reads, the stack pointer.
const LOOP_BYTES: u64 = 256;
const LOOP_REGISTERS: usize = 4;

/// How many in a hundred looks find an idle guest halted; where its clock jumps over its waits, QEMU is mostly busy with ticks.
const IDLE_SHARE: usize = 25;

/// For a processor of which QEMU does not say whether it is halted: looks and time in which it must not have moved, and how many
/// hundredths of that time QEMU computes if it is not.
const UNMOVED: (usize, Duration) = (8, Duration::from_secs(12));
const BUSY_SHARE: u32 = 80;

/// Looks that are kept: minutes of them, also where there are several a second.
const KEPT: usize = 512;

/// What images of UEFI firmware are loaded at multiples of, and by how much the same loop is apart in two machines (edk2's
/// `CoreLoadPeImage` in `MdeModulePkg/Core/Dxe/Image/Image.c` allocates pages).
const PAGE: u64 = 4096;

/// Loops in which guests of one run were proven to stay for ever, by firmware, for those that come there later.
#[derive(Clone, Debug, Default)]
pub struct KnownLoops(Arc<Mutex<Vec<KnownLoop>>>);

/// A loop, by the addresses at which its guest was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct KnownLoop {
    firmware: Firmware,
    at: u64,
    /// Lowest and highest offset in a page.
    offsets: (u64, u64),
}

impl KnownLoop {
    /// Of the addresses at which a guest was seen, the last of them first; there is one at least.
    fn of(firmware: Firmware, seen: &[u64]) -> Option<KnownLoop> {
        let offsets = || seen.iter().map(|at| at % PAGE);
        Some(KnownLoop { firmware, at: *seen.first()?, offsets: (offsets().min()?, offsets().max()?) })
    }

    /// Whether another guest is in the same loop. Where UEFI firmware has a driver depends on the machine's devices, but not where
    /// in a page its code is.
    fn is_met_by(&self, other: &KnownLoop) -> bool {
        let (low, high) = self.offsets;
        let at_another_base = self.firmware.is_uefi() && low <= other.offsets.0 && other.offsets.1 <= high;
        self.firmware == other.firmware && (self.at.abs_diff(other.at) <= LOOP_BYTES || at_another_base)
    }
}

impl KnownLoops {
    fn knows(&self, found: &KnownLoop) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|known| known.is_met_by(found))
    }

    fn add(&self, found: KnownLoop) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < KEPT && !known.contains(&found) {
            known.push(found);
        }
    }
}

/// What was seen of a guest since it last did something.
#[derive(Debug)]
pub struct Stillness {
    limits: Limits,
    firmware: Firmware,
    known: KnownLoops,
    /// The first look since then.
    since: Option<Sample>,
    looks: VecDeque<Sample>,
    /// All looks since then, and those that found it halted.
    counts: (usize, usize),
    /// It was given a key and has not answered.
    is_asked: bool,
}

impl Stillness {
    /// Nothing was seen yet.
    pub fn new(limits: Limits, firmware: Firmware, known: KnownLoops) -> Stillness {
        Stillness { limits, firmware, known, since: None, looks: VecDeque::new(), counts: (0, 0), is_asked: false }
    }

    /// The guest was given a key whose answer is waited for, or has answered.
    pub fn awaits_answer(&mut self, awaits: bool) {
        if awaits {
            self.forget();
        }
        self.is_asked = awaits;
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
        let unmoved = long && self.limits.masked_is_done && !self.is_busy(first);
        (told && looks >= 2 || unmoved).then_some(Standstill::Halted { at })
    }

    /// How many looks up to the last found the processors as that one did, and the first of them.
    fn alike(&self) -> Option<(usize, &Sample)> {
        let last = self.last()?;
        let alike = self.looks.iter().rev().take_while(|sample| sample.processors == last.processors);
        Some(alike.fold((0, last), |(looks, _), sample| (looks + 1, sample)))
    }

    /// Whether QEMU has computed most of the time since an earlier look.
    fn is_busy(&self, first: &Sample) -> bool {
        self.last().is_some_and(|last| {
            let elapsed = last.at.saturating_duration_since(first.at);
            last.processor.saturating_sub(first.processor) * 100 >= elapsed * BUSY_SHARE
        })
    }

    /// Whether the guest's own clock has hardly moved since an earlier look, whatever that cost.
    fn is_slow(&self, first: &Sample) -> bool {
        let clocks = self.last().and_then(|last| last.clock).zip(first.clock);
        clocks.is_some_and(|(now, then)| now.saturating_sub(then) < GUEST_TIME)
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
        let told = last.processors[0].halted.is_some() || self.limits.masked_is_done && self.is_busy(first);
        (looks >= SAME_LOOKS && long && told).then(|| Standstill::Loops { at: last.processors[0].next })
    }

    /// A loop of a few instructions, as `CpuDeadLoop` of edk2's BaseLib is.
    fn loops(&self) -> Option<Standstill> {
        let last = self.last()?;
        let [processor] = last.processors.as_slice() else { return None };
        if processor.halted == Some(true) {
            return None;
        }
        let near =
            |sample: &Sample| sample.processors.first().filter(|one| is_near(one, processor)).map(|one| one.next);
        let here: Vec<u64> = self.looks.iter().rev().filter_map(near).collect();
        let there = here.len();
        let first = self.looks.front()?;
        let (at, used) = (processor.next, last.processor.saturating_sub(first.processor));
        let found = KnownLoop::of(self.firmware, &here)?;
        let known = self.limits.computes.is_some() && self.known.knows(&found);
        let needed = if known { KNOWN_LOOP } else { self.limits.loops };
        let seldom = self.looks.len() < LOOP_LOOKS || there * 100 < self.looks.len() * LOOP_SHARE;
        if seldom || used < needed || self.is_slow(first) {
            return None;
        }
        if !known {
            self.known.add(found);
        }
        Some(Standstill::Loops { at })
    }

    fn idles(&self) -> Option<Standstill> {
        let ((guest, host), last, since) = (self.limits.idles?, self.last()?, self.since.as_ref()?);
        let (time, limit) = match (last.clock, since.clock) {
            (Some(now), Some(then)) => (now.saturating_sub(then), guest),
            _ if self.is_asked => (last.at.saturating_duration_since(since.at), host.min(self.limits.answers)),
            _ => (last.at.saturating_duration_since(since.at), host),
        };
        (self.is_idle() && self.counts.0 >= SAME_LOOKS && time >= limit)
            .then_some(Standstill::Idles { seconds: time.as_secs() })
    }

    fn is_idle(&self) -> bool {
        let Some((last, since)) = self.last().zip(self.since.as_ref()) else { return false };
        let (looks, halted) = self.counts;
        match last.processors.first().and_then(|one| one.halted) {
            Some(_) => halted * 100 >= looks * IDLE_SHARE,
            // a kernel that does not count says nothing
            None if last.processor.is_zero() => false,
            None => self.used() * 3 < last.at.saturating_duration_since(since.at),
        }
    }

    fn computes(&self) -> Option<Standstill> {
        let (used, since) = (self.used(), self.since.as_ref()?);
        let long = used >= self.limits.computes? && !self.is_slow(since);
        (long && !self.is_idle()).then_some(Standstill::Computes { seconds: used.as_secs() })
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
