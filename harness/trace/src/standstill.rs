//! A guest that will do nothing more by itself, by what was seen of its processors.

use std::fmt;

use serde::{Deserialize, Serialize};

use bootwright_machine::wording;

/// What shows that a guest stands still: it neither printed nor used a disk, a network or its variable store meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum Standstill {
    /// Its processors are halted and take no interrupt: `cli; hlt`.
    Halted {
        /// Address of the next instruction of the first processor.
        at: u64,
    },
    /// Its processor runs in a loop of a few instructions.
    Loops {
        /// Address of the next instruction when it was looked at last.
        at: u64,
    },
    /// Its processor computes without an end.
    Computes {
        /// Processor time that QEMU spent on it, whole seconds.
        seconds: u64,
    },
    /// Its processor waits for an interrupt nearly always, and none leads anywhere.
    Idles {
        /// Time on the guest's clock, whole seconds.
        seconds: u64,
    },
    /// A server gave it the same file again and again.
    AsksAgain {
        /// The file.
        file: String,
        /// How often it was sent whole.
        times: usize,
    },
    /// Its firmware tries the same entry again and again without a reset between.
    TriesAgain {
        /// The entry, as the firmware names it.
        target: String,
        /// How often it was tried.
        times: usize,
    },
}

impl Standstill {
    /// Whether it was seen that nothing more can come; otherwise nothing came for long, as at a deadline.
    pub fn is_seen(&self) -> bool {
        !matches!(self, Standstill::Computes { .. } | Standstill::Idles { .. })
    }

    /// The name used in known issues and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Standstill::Halted { .. } => "halted",
            Standstill::Loops { .. } => "loops",
            Standstill::Computes { .. } => "computes",
            Standstill::Idles { .. } => "idles",
            Standstill::AsksAgain { .. } => "asks-again",
            Standstill::TriesAgain { .. } => "tries-again",
        }
    }
}

impl fmt::Display for Standstill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            Standstill::Halted { at } => {
                write!(out, "the guest hangs: its processor is halted at {at:#x} and takes no interrupt")
            }
            Standstill::Loops { at } => write!(out, "the guest hangs: its processor loops at {at:#x}"),
            Standstill::Computes { seconds } => {
                write!(out, "the guest hangs: in {seconds} s of processor time it used no device")
            }
            Standstill::Idles { seconds } => write!(out, "the guest hangs: it was idle for {seconds} s of its time"),
            Standstill::AsksAgain { file, times } => {
                write!(out, "the guest hangs: it was sent \"{file}\" {times} times and goes no further")
            }
            Standstill::TriesAgain { target, times } => {
                write!(out, "the guest goes round in a loop: {target} was tried {times} times without a reset between")
            }
        }
    }
}
