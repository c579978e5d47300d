//! What happened, in order, and the verbs by which the readers of the logs say so.

use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, Outcome, Start};
use super::drives::{self, MappedDrive};
use super::exchange::Conversation;
use super::finding::{Caller, Finding, Reason};
use super::menu::Menu;
use super::names::Names;
use super::payload::Payload;
use super::sighting::GuestText;
use super::standstill::Standstill;
use super::terminal::Terminal;
use bootwright_machine::machine::DeviceName;

/// Attempts kept; a guest that retries for ever makes new ones for ever.
pub(super) const ATTEMPT_LIMIT: usize = 1000;

/// Lines of the boot order kept, and bytes of each: every attempt is looked up in it.
pub(super) const BOOT_ORDER_LIMIT: (usize, usize) = (256, 512);

/// Holes kept; more say no more.
const HOLE_LIMIT: usize = 20;

/// What happened, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Attempts in the order in which they began.
    pub attempts: Vec<Attempt>,
    /// Payload lines in the order in which they were printed.
    pub payloads: Vec<Payload>,
    /// The state in which firmware stopped, if it did.
    pub terminal: Option<Terminal>,
    /// What shows that the guest stands still, if it does: nothing more came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standstill: Option<Standstill>,
    /// Power-on, resets and returns to a snapshot so far.
    pub laps: u32,
    /// Firmware's banner, for example `SeaBIOS (version 1.16.2-debian-1.16.2-1)`.
    pub banner: Option<String>,
    /// The boot order that the firmware said it read (SeaBIOS `boot order:`), this lap.
    pub boot_order: Vec<String>,
    /// The hard disks that the firmware has mapped on this lap, in the order of their numbers from 0x80 (SeaBIOS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drives: Vec<MappedDrive>,
    /// Contradictions within the evidence: a payload from a medium other than the one the log named.
    pub contradictions: Vec<String>,
    /// Of what there was more than is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// Places at which something is missing from the evidence, so that nothing that was not seen is known not to have been.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<String>,
    /// What the firmware says went wrong within itself, by lines: a device that did not answer in time, or what its source takes for
    /// impossible (SeaBIOS `WARNING - Timeout at`, `WARNING - internal error detected at`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// One of them is that a device did not answer in time, by the guest's clock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub device_timed_out: bool,
    /// Announced waits before a retry (`Retrying in N seconds.`), in seconds.
    pub retries: Vec<u32>,
    /// Boot menus that the firmware offered, in order (OVMF: setups that were opened).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub menus: Vec<Menu>,
    /// What the guest's NICs said to the lan and got, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<Conversation>,
    /// What the text of a medium that somebody else made says.
    #[serde(default, skip_serializing_if = "GuestText::is_empty")]
    pub guest: GuestText,
    /// Media of which a line from user space alone says that they booted.
    #[serde(skip)]
    pub systems: Vec<String>,
}

/// How far a boot has come: it goes on as long as this changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Attempts to boot something.
    pub attempts: usize,
    /// Payload lines.
    pub payloads: usize,
    /// Laps begun.
    pub laps: u32,
    /// Firmware has named itself.
    pub banner: bool,
}

impl Progress {
    /// Whether there is more than a machine that was powered on.
    pub fn shows_life(self) -> bool {
        self.attempts > 0 || self.payloads > 0 || self.laps > 1 || self.banner
    }
}

impl Trace {
    /// How far the boot has come.
    pub fn progress(&self) -> Progress {
        let (attempts, payloads) = (self.attempts.len(), self.payloads.len());
        Progress { attempts, payloads, laps: self.laps, banner: self.banner.is_some() }
    }

    /// Whether the firmware gave any sign of life.
    pub fn shows_life(&self) -> bool {
        self.banner.is_some() || !self.attempts.is_empty() || self.terminal.is_some()
    }

    /// The medium whose payload ran last and was not followed by another attempt.
    pub fn booted(&self) -> Option<&str> {
        let last = self.attempts.last()?;
        if last.outcome == Some(Outcome::Booted) { last.medium.as_deref() } else { None }
    }

    /// Whether no further attempt is kept; says so in the trace the first time.
    pub(crate) fn is_full(&mut self) -> bool {
        let full = self.attempts.len() >= ATTEMPT_LIMIT;
        if full {
            self.was_cut(format!("attempts: the first {ATTEMPT_LIMIT} are kept"));
        }
        full
    }

    /// The firmware read this line of the boot order.
    pub(crate) fn listed(&mut self, line: &str) {
        let (lines, bytes) = BOOT_ORDER_LIMIT;
        if self.boot_order.len() < lines {
            let end = (0..=line.len().min(bytes)).rev().find(|&end| line.is_char_boundary(end)).unwrap_or_default();
            self.boot_order.push(line[..end].to_owned());
        } else {
            self.was_cut(format!("boot order: the first {lines} lines are kept"));
        }
    }

    /// The firmware has mapped this hard disk.
    pub(crate) fn mapped(&mut self, drive: MappedDrive) {
        if self.drives.len() < drives::LIMIT {
            self.drives.push(drive);
        }
    }

    /// Whether not everything was kept.
    pub fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    fn was_cut(&mut self, what: String) {
        if !self.cut.contains(&what) {
            self.cut.push(what);
        }
    }

    pub(crate) fn begin(&mut self, target: String, medium: Option<String>) {
        if self.attempts.len() < ATTEMPT_LIMIT {
            let lap = self.laps.max(1);
            self.attempts.push(Attempt { medium, lap, ..Attempt::on(&target) });
        }
    }

    /// An attempt begins of which the firmware does not speak.
    pub(crate) fn begin_unspoken(&mut self, start: Start, medium: Option<String>) {
        let before = self.attempts.len();
        self.begin(start.words().to_owned(), medium);
        self.attempts[before..].iter_mut().for_each(|attempt| attempt.start = start);
    }

    /// The attempt that has just begun is by the entry of this device.
    pub(crate) fn enter(&mut self, entry: DeviceName, medium: Option<String>) {
        if let Some(attempt) = self.attempts.last_mut() {
            (attempt.entry, attempt.medium) = (Some(entry), medium.or(attempt.medium.take()));
        }
    }

    /// The attempt that has just begun is on one of these.
    pub(crate) fn could_be(&mut self, devices: Vec<DeviceName>) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.could_be = devices;
        }
    }

    /// The attempt that has just begun is on a hard disk, of which none is mapped.
    pub(crate) fn unmapped(&mut self) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.unmapped = true;
        }
    }

    /// The attempt that has just begun goes over this NIC.
    pub(crate) fn over(&mut self, nic: Option<DeviceName>) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.nic = nic;
        }
    }

    /// Ends the attempt under way, if one is.
    pub(crate) fn end(&mut self, outcome: Outcome, reason: impl Into<Reason>) {
        if let Some(attempt) = self.attempts.last_mut().filter(|attempt| attempt.outcome.is_none()) {
            // a loader that ran is not the system that it was to start
            let is_system = attempt.medium.as_ref().is_some_and(|medium| self.systems.contains(medium));
            let outcome = if is_system && outcome == Outcome::Booted { Outcome::Failed } else { outcome };
            attempt.outcome = Some(outcome);
            attempt.reason = reason.into();
        }
    }

    /// The guest stands still, and the attempt under way with it.
    pub(crate) fn stands_still(&mut self, standstill: Standstill) {
        self.end(Outcome::Hung, Finding::Hangs(standstill.clone()));
        self.standstill = Some(standstill);
    }

    /// Code that ran on this lap came back to the firmware: its attempt failed after all.
    pub(crate) fn came_back(&mut self, to: Caller) {
        let lap = self.laps.max(1);
        let last = self.attempts.last_mut().filter(|last| last.lap == lap);
        if let Some(attempt) = last.filter(|last| last.outcome == Some(Outcome::Booted)) {
            attempt.outcome = Some(Outcome::Failed);
            attempt.reason = Finding::Returned { to, reported: true }.into();
        }
    }

    /// A payload reported: the attempt under way booted, and it was that medium.
    pub(crate) fn payload(&mut self, payload: Payload, names: &Names) {
        let under_way = self.attempts.last_mut().filter(|attempt| attempt.outcome.is_none());
        if let (Some(attempt), Some(medium)) = (under_way, &payload.medium_of_nonce) {
            if let Some(named) = attempt.medium.as_ref().filter(|named| *named != medium) {
                self.contradictions.push(format!(
                    "the log says that {} is \"{named}\", the payload that ran is \"{medium}\"",
                    attempt.target
                ));
            }
            attempt.handed_over = attempt.nic.is_some() && names.is_in_drive(medium);
            attempt.medium = Some(medium.clone());
            attempt.could_be.clear();
            attempt.unmapped = false;
            attempt.outcome = Some(Outcome::Booted);
            attempt.reason = Finding::PayloadRan.into();
        }
        if self.payloads.len() < ATTEMPT_LIMIT {
            self.payloads.push(payload);
        }
    }

    /// The attempt of this lap that is over or under way, if there is one.
    pub fn last_of_lap(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|last| last.lap == self.laps.max(1))
    }

    /// How often the entry that is tried now, or was tried last, was tried on this lap.
    pub fn tries_of_last(&self) -> usize {
        let Some(last) = self.last_of_lap() else { return 0 };
        // "DVD/CD" without its entry may be another drive each time
        if last.entry.is_none() && !last.target.bytes().any(|letter| letter.is_ascii_digit()) {
            return 0;
        }
        let same = |one: &&Attempt| one.lap == last.lap && one.target == last.target && one.entry == last.entry;
        self.attempts.iter().rev().filter(same).count()
    }

    /// The firmware says that something went wrong within it, or that a device did not answer.
    pub(crate) fn warn(&mut self, line: &str, is_of_device: bool) {
        self.device_timed_out |= is_of_device;
        if self.warnings.len() < HOLE_LIMIT {
            self.warnings.push(line.to_owned());
        }
    }

    /// Something is missing from the evidence.
    pub(crate) fn hole(&mut self, what: impl Into<String>) {
        if self.holes.len() < HOLE_LIMIT {
            self.holes.push(what.into());
        }
    }
}
