//! Typed boot events read out of the evidence: one vocabulary for SeaBIOS, OVMF and iPXE.
//!
//! A [`Reader`] is fed bytes as they arrive and keeps a [`Trace`]: the ordered attempts to boot something, the payloads
//! that reported, and the state in which firmware stopped. It never decides whether that was right: that is `verdict`'s
//! work.
//!
//! ```
//! use bootwright::evidence::Source;
//! use bootwright::machine::Firmware;
//! use bootwright::trace::{Names, Reader};
//!
//! let mut reader = Reader::new(Firmware::SeaBios, Names::default());
//! reader.push(Source::DebugConsole, b"SeaBIOS (version 1.16.2-debian-1.16.2-1)\nBooting from Har");
//! reader.push(Source::DebugConsole, b"d Disk...\nBoot failed: not a bootable disk\n");
//! assert!(reader.trace().shows_life());
//! assert_eq!((reader.trace().attempts.len(), reader.trace().booted()), (1, None));
//! ```

mod bios_names;
mod boot_manager;
pub(crate) mod bridge_port;
pub(crate) mod damage;
mod entries;
pub mod exchange;
pub mod finding;
pub mod guest_text;
mod ipxe;
pub mod lan_finding;
pub(crate) mod lines;
pub(crate) mod menu;
mod names;
mod ovmf;
mod owners;
pub(crate) mod payload;
pub(crate) mod picture;
mod readable;
mod reader;
mod screen;
mod seabios;
mod snapshot;

use serde::{Deserialize, Serialize};

use crate::machine::DeviceName;
use crate::wording;
use finding::Caller;
pub use finding::{Finding, Reason};
pub use guest_text::{GuestText, Sighting, Stage};
pub use lan_finding::{LanFinding, Protocol};
pub use names::Names;
pub(crate) use ovmf::number as option_number;
pub use payload::Payload;
pub use reader::Reader;
pub use snapshot::Snapshot;

/// Attempts kept; a guest that retries for ever makes new ones for ever.
const ATTEMPT_LIMIT: usize = 1000;

/// Lines of the boot order kept, and bytes of each: every attempt is looked up in it.
const BOOT_ORDER_LIMIT: (usize, usize) = (256, 512);

/// Holes kept; more say no more.
const HOLE_LIMIT: usize = 20;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// Code of the medium ran.
    Booted,
    /// Firmware went on to the next entry.
    Failed,
    /// Nothing answered in time (network).
    TimedOut,
    /// The medium or file was there and was refused (Secure Boot, TLS).
    Refused,
}

impl Outcome {
    /// Every end.
    pub const ALL: [Outcome; 4] = [Outcome::Booted, Outcome::Failed, Outcome::TimedOut, Outcome::Refused];

    /// Its name in reports and known issues.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Booted => "booted",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed-out",
            Outcome::Refused => "refused",
        }
    }

    /// In a sentence.
    pub fn word(self) -> &'static str {
        wording::reworded!();
        match self {
            Outcome::Booted => "booted",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed out",
            Outcome::Refused => "refused",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.pad(self.name())
    }
}

/// By what an attempt is known to have begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Start {
    /// The firmware said what it would boot.
    #[default]
    Announced,
    /// A payload ran that nothing had announced.
    Unannounced,
    /// What ran has no boot option: a store that is full has neither options nor consoles, so nothing was printed either.
    NoOption,
    /// No sentence announced what ran, and BootCurrent still names an option that failed: edk2's platform recovery
    /// (`EfiBootManagerProcessLoadOption` of `PlatformRecovery####`), which the boot manager does not speak of.
    Recovery,
}

impl Start {
    /// What is said in place of the name that the firmware gave it.
    pub fn words(self) -> &'static str {
        wording::reworded!();
        match self {
            Start::Announced => "announced",
            Start::Unannounced => "unannounced",
            Start::NoOption => "no boot option",
            Start::Recovery => "platform recovery",
        }
    }
}

/// One attempt to boot something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// As the firmware named it, for example `Hard Disk` or `Boot0001 "UEFI Misc Device"`; what it was, where the firmware did
    /// not speak of it.
    pub target: String,
    /// By what it is known to have begun.
    #[serde(default, skip_serializing_if = "is_announced")]
    pub start: Start,
    /// The medium it was, where the evidence names one.
    pub medium: Option<String>,
    /// The device whose entry firmware chose, where the evidence names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<DeviceName>,
    /// The devices that it may have been on, where the evidence leaves several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub could_be: Vec<DeviceName>,
    /// What ran is in another device than the one whose entry was chosen: a NIC's iPXE boots the disk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handed_over: bool,
    /// The NIC that it went over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic: Option<DeviceName>,
    /// How it ended; `None` while it is under way.
    pub outcome: Option<Outcome>,
    /// Why it ended so.
    #[serde(flatten)]
    pub reason: Reason,
    /// Power-on, every reset and every return to a snapshot begin a new lap, counted from 1.
    pub lap: u32,
}

impl Attempt {
    /// An attempt on what the firmware calls so, under way on the first lap.
    pub fn on(target: &str) -> Attempt {
        Attempt {
            target: target.to_owned(),
            start: Start::Announced,
            medium: None,
            entry: None,
            could_be: Vec::new(),
            handed_over: false,
            nic: None,
            outcome: None,
            reason: Reason::default(),
            lap: 1,
        }
    }

    /// Whether this word is in the firmware's own name for it.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        self.start == Start::Announced && self.target.contains(word)
    }
}

fn is_announced(start: &Start) -> bool {
    *start == Start::Announced
}

/// The state in which firmware stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Terminal {
    /// SeaBIOS printed `No bootable device.` and halted.
    NoBootableDevice,
    /// OVMF printed `No bootable option or device was found.` and waits for a key.
    NoBootableOption,
    /// OVMF started its internal shell: nothing else was left.
    UefiShell,
    /// OVMF opened its setup, or its boot manager menu, without having been asked to by a key of the harness: a program has
    /// returned success, or nothing was left.
    Setup,
    /// OVMF ran into a processor exception, printed the registers and stays in a loop.
    CpuException,
}

impl Terminal {
    /// The name used in known issues and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Terminal::NoBootableDevice => "no-bootable-device",
            Terminal::NoBootableOption => "no-bootable-option",
            Terminal::UefiShell => "uefi-shell",
            Terminal::Setup => "setup",
            Terminal::CpuException => "cpu-exception",
        }
    }

    /// In words.
    pub fn words(&self) -> &'static str {
        wording::reworded!();
        match self {
            Terminal::NoBootableDevice => "SeaBIOS stopped at \"No bootable device.\"",
            Terminal::NoBootableOption => "OVMF stopped at \"No bootable option or device was found.\"",
            Terminal::UefiShell => "OVMF started the UEFI shell",
            Terminal::Setup => "OVMF opened its setup",
            Terminal::CpuException => "OVMF crashed with a processor exception",
        }
    }
}

/// What happened, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Attempts in the order in which they began.
    pub attempts: Vec<Attempt>,
    /// Payload lines in the order in which they were printed.
    pub payloads: Vec<Payload>,
    /// The state in which firmware stopped, if it did.
    pub terminal: Option<Terminal>,
    /// Power-on, resets and returns to a snapshot so far.
    pub laps: u32,
    /// Firmware's banner, for example `SeaBIOS (version 1.16.2-debian-1.16.2-1)`.
    pub banner: Option<String>,
    /// The boot order that the firmware said it read (SeaBIOS `boot order:`), this lap.
    pub boot_order: Vec<String>,
    /// Contradictions within the evidence: a payload from a medium other than the one the log named.
    pub contradictions: Vec<String>,
    /// Of what there was more than is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// Places at which something is missing from the evidence, so that nothing that was not seen is known not to have been.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<String>,
    /// Announced waits before a retry (`Retrying in N seconds.`), in seconds.
    pub retries: Vec<u32>,
    /// Boot menus that the firmware offered, in order (OVMF: setups that were opened).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub menus: Vec<menu::Menu>,
    /// What the guest's NICs said to the lan and got, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<exchange::Conversation>,
    /// What the text of a medium that somebody else made says.
    #[serde(default, skip_serializing_if = "GuestText::is_empty")]
    pub guest: GuestText,
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

    /// Whether not everything was kept.
    pub(crate) fn is_cut(&self) -> bool {
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

    /// The attempt that has just begun goes over this NIC.
    pub(crate) fn over(&mut self, nic: Option<DeviceName>) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.nic = nic;
        }
    }

    /// Ends the attempt under way, if one is.
    pub(crate) fn end(&mut self, outcome: Outcome, reason: Finding) {
        if let Some(attempt) = self.attempts.last_mut().filter(|attempt| attempt.outcome.is_none()) {
            attempt.outcome = Some(outcome);
            attempt.reason = reason.into();
        }
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
            attempt.outcome = Some(Outcome::Booted);
            attempt.reason = Finding::PayloadRan.into();
        }
        if self.payloads.len() < ATTEMPT_LIMIT {
            self.payloads.push(payload);
        }
    }

    /// The attempt of this lap that is over or under way, if there is one.
    pub(crate) fn last_of_lap(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|last| last.lap == self.laps.max(1))
    }

    /// Something is missing from the evidence.
    pub(crate) fn hole(&mut self, what: impl Into<String>) {
        if self.holes.len() < HOLE_LIMIT {
            self.holes.push(what.into());
        }
    }
}

/// What is quoted of a line.
fn beginning(line: &str) -> String {
    const QUOTED: usize = 80;
    if line.chars().count() <= QUOTED { line.to_owned() } else { line.chars().take(QUOTED).collect::<String>() + "..." }
}

#[cfg(test)]
pub(crate) mod tests;
