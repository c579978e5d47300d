//! One attempt to boot something, how it began and how it ended.

use serde::{Deserialize, Serialize};

use super::bios_names::Kind;
use super::finding::Reason;
use bootwright_machine::machine::DeviceName;
use bootwright_machine::wording;

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
    /// It was under way when the guest stood still.
    Hung,
}

impl Outcome {
    /// Every end.
    pub const ALL: [Outcome; 5] =
        [Outcome::Booted, Outcome::Failed, Outcome::TimedOut, Outcome::Refused, Outcome::Hung];

    /// Its name in reports and known issues.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Booted => "booted",
            Outcome::Failed => "failed",
            Outcome::TimedOut => "timed-out",
            Outcome::Refused => "refused",
            Outcome::Hung => "hung",
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
            Outcome::Hung => "hung",
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
    /// A kernel that QEMU handed to the firmware, which starts it without a word.
    HandedOver,
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
            Start::HandedOver => "handed over by QEMU",
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
    /// SeaBIOS boots a hard disk, and its log maps none (`map_hd_drive` in its `src/block.c`) although the machine has one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmapped: bool,
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
            unmapped: false,
            handed_over: false,
            nic: None,
            outcome: None,
            reason: Reason::default(),
            lap: 1,
        }
    }

    /// What it is on, where SeaBIOS announced it.
    pub fn bios_kind(&self) -> Option<Kind> {
        Kind::of_attempt(&self.target).filter(|_| self.start == Start::Announced)
    }

    /// Whether this word is in the firmware's own name for it.
    pub fn is_called(&self, word: &str) -> bool {
        self.start == Start::Announced && self.target.contains(word)
    }
}

fn is_announced(start: &Start) -> bool {
    *start == Start::Announced
}
