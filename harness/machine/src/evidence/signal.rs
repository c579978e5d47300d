//! What the harness and the lan report into the timeline: typed, with one sentence each for people.
//!
//! Whoever decides by a signal matches its variant. The sentences are for `timeline.jsonl` alone, and rewording one changes
//! nothing but the test of that sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::process::Exit;
use crate::wording;
use bootwright_lan::LanEventKind;

/// Something that the harness did or noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HarnessEvent {
    /// What is in the flash of a machine that is being powered on.
    Flash {
        /// Which power-on of the run, from 1.
        power_on: usize,
        /// Version of its OVMF_CODE.
        version: String,
        /// The platform that it comes from.
        platform: String,
        /// How it has its variable store.
        store: &'static str,
    },
    /// A QEMU was started.
    PoweredOn {
        /// Its process number.
        process: u32,
    },
    /// The harness is about to kill QEMU.
    EndingQemu,
    /// QEMU has ended.
    QemuEnded(Exit),
    /// The story has powered the machine off: a new lap begins, although nobody reset the machine.
    PoweredOff,
    /// A step of the story begins.
    Step {
        /// Its place, from 1.
        number: usize,
        /// How many steps there are.
        of: usize,
        /// The step, for people.
        step: String,
    },
    /// A reset at a drawn moment is due.
    DrawnReset {
        /// Its place, from 1.
        number: u32,
        /// How many there are.
        of: u32,
        /// After so many bytes of the lap's log.
        bytes: usize,
    },
    /// Another medium is in an optical drive.
    MediumChanged {
        /// The drive, by the medium that it had.
        device: String,
        /// The medium.
        medium: String,
    },
    /// A snapshot with this name was taken.
    SnapshotTaken(String),
    /// The machine was put back to the snapshot with this name.
    SnapshotRestored(String),
    /// The machine has moved to another QEMU.
    Migrated,
    /// The machine goes on from the state of a base instead of a reset.
    Restored {
        /// The base's key.
        base: String,
        /// Where in the firmware it was stopped.
        point: String,
    },
    /// From here on nothing proves anything about the guest: why.
    Failure(String),
    /// Something that nobody decides by.
    Note(String),
}

/// What the harness did to a machine that whoever reads its logs must know: `mark` in `timeline.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// A QEMU was started.
    PoweredOn,
    /// A QEMU has ended, by itself with this code or by a signal.
    Ended(Option<i32>),
    /// The machine was powered off.
    PoweredOff,
    /// Another medium is in an optical drive.
    MediumChanged {
        /// The drive, by the medium that it had.
        device: String,
        /// The medium.
        medium: String,
    },
    /// A snapshot with this name was taken.
    SnapshotTaken(String),
    /// The machine was put back to the snapshot with this name.
    SnapshotRestored(String),
}

impl HarnessEvent {
    /// What a reader of the logs must know of it.
    pub fn mark(&self) -> Option<Mark> {
        match self {
            HarnessEvent::PoweredOn { .. } => Some(Mark::PoweredOn),
            HarnessEvent::QemuEnded(exit) => Some(Mark::Ended(exit.code)),
            HarnessEvent::PoweredOff => Some(Mark::PoweredOff),
            HarnessEvent::MediumChanged { device, medium } => {
                Some(Mark::MediumChanged { device: device.clone(), medium: medium.clone() })
            }
            HarnessEvent::SnapshotTaken(name) => Some(Mark::SnapshotTaken(name.clone())),
            HarnessEvent::SnapshotRestored(name) => Some(Mark::SnapshotRestored(name.clone())),
            _ => None,
        }
    }
}

impl fmt::Display for HarnessEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            HarnessEvent::Flash { power_on, version, platform, store } => {
                write!(out, "power-on {power_on} with OVMF_CODE {version} of {platform}, variable store {store}")
            }
            HarnessEvent::PoweredOn { process } => write!(out, "powered on, process {process}"),
            HarnessEvent::EndingQemu => out.write_str("ending QEMU"),
            HarnessEvent::QemuEnded(exit) => write!(out, "QEMU ended: {exit}"),
            HarnessEvent::PoweredOff => out.write_str("powered off by the story"),
            HarnessEvent::Step { number, of, step } => write!(out, "step {number} of {of}, {step}"),
            HarnessEvent::DrawnReset { number, of, bytes } => {
                write!(out, "reset {number} of {of}: after {bytes} bytes of this lap's log")
            }
            HarnessEvent::MediumChanged { device, medium } => {
                write!(out, "medium {medium} is in the drive that had {device}")
            }
            HarnessEvent::SnapshotTaken(name) => write!(out, "the machine is saved as {name}"),
            HarnessEvent::SnapshotRestored(name) => write!(out, "the machine is put back to {name}"),
            HarnessEvent::Migrated => out.write_str("the machine is at its destination"),
            HarnessEvent::Restored { base, point } => write!(out, "warm start at {point}, base {base}"),
            HarnessEvent::Failure(text) | HarnessEvent::Note(text) => out.write_str(text),
        }
    }
}

/// Something on the guest's network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkEvent {
    /// The NIC that it happened to; `None` where it is not known.
    pub nic: Option<String>,
    /// What happened.
    pub event: LanEventKind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_its_sentence() {
        let flash = HarnessEvent::Flash {
            power_on: 1,
            version: "2022.11".to_owned(),
            platform: "host".to_owned(),
            store: "absent",
        };
        assert_eq!(flash.to_string(), "power-on 1 with OVMF_CODE 2022.11 of host, variable store absent");
        let exit = |code, signal| HarnessEvent::QemuEnded(Exit { code, signal }).to_string();
        assert_eq!(exit(Some(1), None), "QEMU ended: exit code 1");
        assert_eq!(exit(None, Some(6)), "QEMU ended: killed by signal 6");
        let step = HarnessEvent::Step { number: 2, of: 3, step: "cont".to_owned() };
        assert_eq!(step.to_string(), "step 2 of 3, cont");
        let reset = HarnessEvent::DrawnReset { number: 1, of: 9, bytes: 70 };
        assert_eq!(reset.to_string(), "reset 1 of 9: after 70 bytes of this lap's log");
        let changed = HarnessEvent::MediumChanged { device: "cd".to_owned(), medium: "next".to_owned() };
        assert_eq!(changed.to_string(), "medium next is in the drive that had cd");
        let names = [HarnessEvent::SnapshotTaken("a".to_owned()), HarnessEvent::SnapshotRestored("a".to_owned())];
        assert_eq!(names.map(|event| event.to_string()), ["the machine is saved as a", "the machine is put back to a"]);
    }
}
