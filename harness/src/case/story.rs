//! Stories: what happens to a machine between power-on and the boot that a case judges.
//!
//! A [`Story`] is an ordered list of named steps and plain data; [`crate::run`] executes it over a running or paused
//! machine, notes each step in the timeline, and names the step that failed. It never judges the boot: that is
//! `verdict`'s work. Devices are called by their [`DeviceName`](crate::machine::DeviceName): a medium's, or `nic0`, `nic1`.
//!
//! ```
//! use bootwright::case::story::Story;
//!
//! let story = Story::new().plug("right").plug("wrong").reset().cont();
//! let steps: Vec<String> = story.steps.iter().map(|step| step.to_string()).collect();
//! assert_eq!(steps, ["plug \"right\"", "plug \"wrong\"", "system_reset", "cont"]);
//! ```

mod destination;
mod drives;
mod while_off;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use destination::{Destination, Order};
pub use drives::Drives;
pub use while_off::{Code, WhileOff};

/// An ordered list of steps. An empty story leaves the machine alone.
#[must_use = "words about a story give a new one back"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Story {
    /// The steps, first one first.
    pub steps: Vec<Step>,
}

/// The monitor by which a device is plugged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Monitor {
    /// `blockdev-add` and `device_add`.
    #[default]
    Qmp,
    /// `drive_add` and `device_add` of the human monitor.
    Human,
}

/// What becomes of an unplug request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Unplugged {
    /// QEMU answers with `DEVICE_DELETED` at once (SCSI, USB).
    AtOnce,
    /// The guest is asked and does not answer; a reset completes it (PCI).
    AtReset,
}

/// A point that the boot is to reach before the story goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Milestone {
    /// The n-th lap has begun; power-on begins lap 1.
    Lap(u32),
    /// The payload of this medium has printed its line so often.
    Payload {
        /// The medium.
        medium: String,
        /// How often, from 1.
        #[serde(default = "once")]
        times: u32,
    },
    /// Firmware stopped by itself.
    NothingBootable,
    /// Firmware crashed.
    Crashed,
    /// This text is on the debug console or the serial port, so often.
    Says {
        /// The text.
        text: String,
        /// How often, from 1.
        #[serde(default = "once")]
        times: u32,
    },
    /// This was seen on a network of the machine, so often.
    OnLan {
        /// What.
        moment: LanMoment,
        /// How often, from 1.
        #[serde(default = "once")]
        times: u32,
    },
    /// QEMU has ended, as the usual payload makes it.
    Ended,
}

/// A moment of a network boot, as the lan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LanMoment {
    /// A NIC has sent a DHCPDISCOVER.
    Discover,
    /// A server has acknowledged an address.
    Ack,
    /// A file was asked for by TFTP.
    TftpRequest,
    /// A quarter of a file has been acknowledged block by block.
    TftpQuarter,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Step {
    /// Plugs in a device that the machine defines as absent, with its medium.
    Plug {
        /// The device.
        device: String,
        /// By which monitor.
        #[serde(default)]
        by: Monitor,
    },
    /// Plugs in a device again that has gone, once QEMU has released it. For devices without a medium, whose release nothing
    /// else shows.
    PlugReleased {
        /// The device.
        device: String,
    },
    /// `device_del`.
    Unplug {
        /// The device.
        device: String,
        /// What becomes of it.
        unplugged: Unplugged,
    },
    /// Waits until a device that has gone is released: `blockdev-del` of its medium succeeds then only. Its boot entry lives
    /// on until then.
    Released {
        /// The device.
        device: String,
    },
    /// `eject`: the medium leaves an optical drive, whose tray is open then. The next power-on has it in again.
    Eject {
        /// The drive, by its medium.
        device: String,
    },
    /// `blockdev-change-medium`: another medium takes the place of the one in an optical drive. Until then it lies beside the
    /// machine, as the medium of an optical drive that is defined as absent. The next power-on has the first one in again.
    Insert {
        /// The drive, by the medium that is in it.
        device: String,
        /// The medium. The one that it replaces lies beside the machine then.
        medium: String,
    },
    /// `qom-set` of the device's bootindex; a negative one takes it off the list.
    SetBootindex {
        /// The device.
        device: String,
        /// Its new rank.
        bootindex: i64,
    },
    /// A line typed at the human monitor; `{name}` stands for the file of that medium.
    Type {
        /// The line.
        line: String,
        /// The device that it plugs in.
        plugs: Option<String>,
        /// What the monitor must answer, where it says more than nothing or `OK`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
    },
    /// Presses keys on the PS/2 keyboard, one after another, and waits until the firmware has printed something new.
    Press {
        /// The keys, by QEMU's names (`QKeyCode`).
        keys: Vec<String>,
        /// The text that confirms them: its first occurrence after the keys were pressed counts.
        confirmed_by: String,
    },
    /// Types bytes on the first serial port, and waits until the firmware has printed something new.
    Enter {
        /// What is typed, escape sequences of keys included.
        text: String,
        /// The text that confirms it: its first occurrence after that counts.
        confirmed_by: String,
        /// What is typed again and again until then, to wake firmware that was not listening yet when the text came: a key that it
        /// ignores.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wake: Option<String>,
    },
    /// `cont`.
    Cont,
    /// `system_reset`.
    Reset,
    /// `system_reset` again and again at moments drawn from the run's seed.
    RandomResets {
        /// How often.
        count: u32,
        /// Each moment is when the firmware has printed a drawn number of bytes on this lap, below this one, or its payload has
        /// reported.
        within: u32,
    },
    /// Waits for a milestone.
    Wait(Milestone),
    /// Demands that the host, reading fw_cfg through the monitor, sees exactly the lines of these devices.
    HostReads(Vec<String>),
    /// Powers off and on again: a second QEMU with the machine as it was, but for these devices, and the same NVRAM.
    PowerCycle {
        /// Devices that are left out.
        without: Vec<String>,
    },
    /// Powers off and on again: a second QEMU with the machine as it was, but for what is done in between.
    PowerCycleWith(WhileOff),
    /// Moves the machine to a second QEMU; the first one ends. A running machine runs on there.
    Migrate(Destination),
    /// Saves the state of the machine within itself, under a name (`snapshot-save`, `savevm` by hand).
    Snapshot {
        /// Its name.
        name: String,
        /// The drives that it holds.
        drives: Drives,
    },
    /// Puts the machine back to a snapshot (`snapshot-load`, `loadvm` by hand). A running machine runs on from there.
    Restore {
        /// Its name.
        name: String,
    },
    /// Tries a step and demands QEMU's refusal. After a [`Step::Restore`] that fails the machine is stopped, in whatever state.
    Refused {
        /// The step.
        step: Box<Step>,
        /// Texts one of which the refusal must contain: releases of QEMU word it differently.
        words: Vec<String>,
    },
}

fn once() -> u32 {
    1
}

impl Step {
    /// Whether drives must have overlays for it.
    pub(crate) fn needs_overlays(&self) -> bool {
        match self {
            Step::Snapshot { .. } | Step::Restore { .. } => true,
            Step::Refused { step, .. } => step.needs_overlays(),
            _ => false,
        }
    }

    /// Whether it waits until QEMU says that a device has gone.
    pub(crate) fn waits_for_unplug(&self) -> bool {
        matches!(self, Step::Unplug { unplugged: Unplugged::AtOnce, .. })
    }
}

impl Story {
    /// A story without steps.
    pub fn new() -> Story {
        Story::default()
    }

    /// Adds a step.
    pub fn step(mut self, step: Step) -> Story {
        self.steps.push(step);
        self
    }

    /// Demands that QEMU refuses a step, with one of these texts.
    pub fn refused(self, step: Step, words: &[&str]) -> Story {
        let words = words.iter().map(|&text| text.to_owned()).collect();
        self.step(Step::Refused { step: Box::new(step), words })
    }

    /// Plugs in a device over QMP.
    pub fn plug(self, device: &str) -> Story {
        self.step(Step::Plug { device: device.to_owned(), by: Monitor::Qmp })
    }

    /// Plugs in a device by the human monitor.
    pub fn plug_by_hand(self, device: &str) -> Story {
        self.step(Step::Plug { device: device.to_owned(), by: Monitor::Human })
    }

    /// Plugs in a device again over QMP, once QEMU has released it.
    pub fn plug_released(self, device: &str) -> Story {
        self.step(Step::PlugReleased { device: device.to_owned() })
    }

    /// Demands that QEMU refuses to plug in a device, with these words.
    pub fn plug_refused(self, device: &str, words: &str) -> Story {
        self.refused(Step::Plug { device: device.to_owned(), by: Monitor::Qmp }, &[words])
    }

    /// Unplugs a device that goes at once.
    pub fn unplug(self, device: &str) -> Story {
        self.step(Step::Unplug { device: device.to_owned(), unplugged: Unplugged::AtOnce })
    }

    /// Asks for the unplugging of a device that stays until the next reset.
    pub fn unplug_at_reset(self, device: &str) -> Story {
        self.step(Step::Unplug { device: device.to_owned(), unplugged: Unplugged::AtReset })
    }

    /// Waits until a device that has gone is released.
    pub fn released(self, device: &str) -> Story {
        self.step(Step::Released { device: device.to_owned() })
    }

    /// Takes the medium out of an optical drive.
    pub fn eject(self, device: &str) -> Story {
        self.step(Step::Eject { device: device.to_owned() })
    }

    /// Puts the medium of an absent optical drive into this one.
    pub fn insert(self, device: &str, medium: &str) -> Story {
        self.step(Step::Insert { device: device.to_owned(), medium: medium.to_owned() })
    }

    /// Sets a bootindex.
    pub fn set_bootindex(self, device: &str, bootindex: i64) -> Story {
        self.step(Step::SetBootindex { device: device.to_owned(), bootindex })
    }

    /// Demands that QEMU refuses a bootindex, with these words.
    pub fn set_bootindex_refused(self, device: &str, bootindex: i64, words: &str) -> Story {
        self.refused(Step::SetBootindex { device: device.to_owned(), bootindex }, &[words])
    }

    /// Types a line at the human monitor.
    pub fn type_line(self, line: &str) -> Story {
        self.step(Step::Type { line: line.to_owned(), plugs: None, answer: None })
    }

    /// Types a line at the human monitor, which must answer with these words.
    pub fn type_line_answered(self, line: &str, words: &str) -> Story {
        self.step(Step::Type { line: line.to_owned(), plugs: None, answer: Some(words.to_owned()) })
    }

    /// Types a line at the human monitor that plugs in a device.
    pub fn type_line_that_plugs(self, device: &str, line: &str) -> Story {
        self.step(Step::Type { line: line.to_owned(), plugs: Some(device.to_owned()), answer: None })
    }

    /// Presses keys and waits until the firmware has printed this text after them. Keys go into the keyboard's queue in
    /// order, so that an answer to the last one means that the others have been read.
    pub fn press(self, keys: &[&str], confirmed_by: &str) -> Story {
        let keys = keys.iter().map(|&key| key.to_owned()).collect();
        self.step(Step::Press { keys, confirmed_by: confirmed_by.to_owned() })
    }

    /// Types text on the first serial port, where OVMF's console reads keys as a terminal sends them, and waits until the
    /// firmware has printed this text after it.
    pub fn enter(self, text: &str, confirmed_by: &str) -> Story {
        self.step(Step::Enter { text: text.to_owned(), confirmed_by: confirmed_by.to_owned(), wake: None })
    }

    /// The same, and wakes firmware that does not answer by another key: see [`Step::Enter`].
    pub fn enter_waking(self, text: &str, wake: &str, confirmed_by: &str) -> Story {
        let (text, confirmed_by, wake) = (text.to_owned(), confirmed_by.to_owned(), Some(wake.to_owned()));
        self.step(Step::Enter { text, confirmed_by, wake })
    }

    /// Lets the machine run.
    pub fn cont(self) -> Story {
        self.step(Step::Cont)
    }

    /// Resets the machine.
    pub fn reset(self) -> Story {
        self.step(Step::Reset)
    }

    /// Resets the machine `count` times, each time when the firmware has printed so many bytes of its log (SeaBIOS: the debug
    /// console behind the build line, on the first lap behind the copy of its code to RAM, which no reset may cut short; OVMF:
    /// the serial port) as the run's seed says, fewer than `within`.
    pub fn random_resets(self, count: u32, within: u32) -> Story {
        self.step(Step::RandomResets { count, within })
    }

    /// Waits until something is seen on a network of the machine for the first time.
    pub fn wait_on_lan(self, moment: LanMoment) -> Story {
        self.wait(Milestone::OnLan { moment, times: 1 })
    }

    /// Waits for a milestone.
    pub fn wait(self, milestone: Milestone) -> Story {
        self.step(Step::Wait(milestone))
    }

    /// Waits until the payload of a medium has printed its line for the first time.
    pub fn wait_for(self, medium: &str) -> Story {
        self.wait(Milestone::Payload { medium: medium.to_owned(), times: 1 })
    }

    /// Waits for text on the debug console or the serial port.
    pub fn wait_for_text(self, text: &str) -> Story {
        self.wait(Milestone::Says { text: text.to_owned(), times: 1 })
    }

    /// Demands that the host reads exactly the lines of these devices in fw_cfg `bootorder`.
    pub fn host_reads(self, devices: &[&str]) -> Story {
        self.step(Step::HostReads(devices.iter().map(|&device| device.to_owned()).collect()))
    }

    /// Powers the machine off and on again with the same NVRAM, some devices left out.
    pub fn power_cycle(self, without: &[&str]) -> Story {
        let without = without.iter().map(|&device| device.to_owned()).collect();
        self.step(Step::PowerCycle { without })
    }

    /// Powers the machine off, does this to it, and powers it on again with the same NVRAM.
    pub fn power_cycle_with(self, done: WhileOff) -> Story {
        self.step(Step::PowerCycleWith(done))
    }

    /// Names of the releases whose OVMF_CODE the story installs.
    pub fn releases(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::PowerCycleWith(WhileOff { code: Some(Code::Release(release)), .. }) => Some(release.as_str()),
            _ => None,
        })
    }

    /// Moves the machine to a second QEMU.
    pub fn migrate(self, destination: Destination) -> Story {
        self.step(Step::Migrate(destination))
    }

    /// Takes a snapshot that holds every writable drive; each gets an overlay first.
    pub fn snapshot(self, name: &str) -> Story {
        self.step(Step::Snapshot { name: name.to_owned(), drives: Drives::Overlaid })
    }

    /// Takes a snapshot that holds every writable drive but the variable store, which stays as it is.
    pub fn snapshot_without_store(self, name: &str) -> Story {
        self.step(Step::Snapshot { name: name.to_owned(), drives: Drives::WithoutStore })
    }

    /// Demands that QEMU refuses a snapshot of these drives, with these words.
    pub fn snapshot_refused(self, drives: Drives, words: &str) -> Story {
        self.refused(Step::Snapshot { name: "refused".to_owned(), drives }, &[words])
    }

    /// Puts the machine back to a snapshot.
    pub fn restore(self, name: &str) -> Story {
        self.step(Step::Restore { name: name.to_owned() })
    }

    /// Demands that QEMU cannot put the machine back, with one of these texts; the machine is stopped then.
    pub fn restore_refused(self, name: &str, words: &[&str]) -> Story {
        self.refused(Step::Restore { name: name.to_owned() }, words)
    }

    /// How often the story itself resets the machine.
    pub fn resets(&self) -> u32 {
        let resets = |step: &Step| match step {
            Step::Reset => 1,
            Step::RandomResets { count, .. } => *count,
            _ => 0,
        };
        self.steps.iter().map(resets).sum()
    }

    /// Whether it does more to the machine than to press keys, to wait, and to reset it or take its power.
    pub(crate) fn changes_machine(&self) -> bool {
        let harmless = |step: &Step| {
            matches!(
                step,
                Step::Press { .. }
                    | Step::Enter { .. }
                    | Step::Cont
                    | Step::Reset
                    | Step::RandomResets { .. }
                    | Step::Wait { .. }
            )
        };
        !self.steps.iter().all(harmless)
    }

    /// Whether nothing happens.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for LanMoment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            LanMoment::Discover => "a DHCPDISCOVER",
            LanMoment::Ack => "a DHCPACK",
            LanMoment::TftpRequest => "a TFTP read request",
            LanMoment::TftpQuarter => "a quarter of a TFTP transfer",
        })
    }
}

impl fmt::Display for Milestone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Milestone::Lap(lap) => write!(out, "lap {lap}"),
            Milestone::Payload { medium, times: 1 } => write!(out, "the payload of \"{medium}\""),
            Milestone::Payload { medium, times } => write!(out, "the payload of \"{medium}\", {times} times"),
            Milestone::Crashed => out.write_str("firmware to crash"),
            Milestone::NothingBootable => out.write_str("firmware to stop with nothing bootable"),
            Milestone::Says { text, times: 1 } => write!(out, "the text {text:?}"),
            Milestone::Says { text, times } => write!(out, "the text {text:?}, {times} times"),
            Milestone::OnLan { moment, times: 1 } => write!(out, "{moment} on the network"),
            Milestone::OnLan { moment, times } => write!(out, "{moment} on the network, {times} times"),
            Milestone::Ended => out.write_str("QEMU to end"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Plug { device, by: Monitor::Qmp } => write!(out, "plug \"{device}\""),
            Step::Plug { device, by: Monitor::Human } => write!(out, "plug \"{device}\" by the human monitor"),
            Step::PlugReleased { device } => write!(out, "plug \"{device}\" again once it is released"),
            Step::Unplug { device, unplugged: Unplugged::AtOnce } => write!(out, "unplug \"{device}\""),
            Step::Unplug { device, unplugged: Unplugged::AtReset } => {
                write!(out, "unplug \"{device}\" at the next reset")
            }
            Step::Released { device } => write!(out, "wait until \"{device}\" is released"),
            Step::Eject { device } => write!(out, "eject \"{device}\""),
            Step::Insert { device, medium } => write!(out, "put \"{medium}\" into the drive of \"{device}\""),
            Step::SetBootindex { device, bootindex } => write!(out, "set bootindex of \"{device}\" to {bootindex}"),
            Step::Type { line, .. } => write!(out, "type \"{line}\""),
            Step::Press { keys, confirmed_by } => write!(out, "press {}, awaiting {confirmed_by:?}", keys.join(", ")),
            Step::Enter { text, confirmed_by, wake } => {
                write!(out, "enter {text:?}, awaiting {confirmed_by:?}")?;
                wake.iter().try_for_each(|wake| write!(out, ", woken by {wake:?}"))
            }
            Step::Cont => out.write_str("cont"),
            Step::Reset => out.write_str("system_reset"),
            Step::RandomResets { count, within } => {
                write!(out, "{count} times system_reset, each within {within} bytes of log")
            }
            Step::Wait(milestone) => write!(out, "wait for {milestone}"),
            Step::HostReads(devices) => write!(out, "host reads bootorder [{}]", devices.join(", ")),
            Step::PowerCycle { without } if without.is_empty() => out.write_str("power cycle"),
            Step::PowerCycle { without } => write!(out, "power cycle without {}", without.join(", ")),
            Step::PowerCycleWith(done) => done.fmt(out),
            Step::Migrate(destination) => destination.fmt(out),
            Step::Snapshot { name, drives } => write!(out, "snapshot \"{name}\" of {drives}"),
            Step::Restore { name } => write!(out, "restore \"{name}\""),
            Step::Refused { step, words } => {
                match step.as_ref() {
                    // there will be none by its name
                    Step::Snapshot { drives, .. } => write!(out, "snapshot of {drives}"),
                    step => step.fmt(out),
                }?;
                write!(out, ", refused with \"{}\"", words.join("\" or \""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals() -> Story {
        Story::new()
            .plug_refused("a", "no bus")
            .set_bootindex_refused("a", 1, "taken")
            .snapshot_refused(Drives::Raw, "not writable")
            .restore_refused("b", &["gone", "not found"])
    }

    #[test]
    fn a_step_that_is_to_be_refused_reads_as_the_step_and_the_words() {
        let steps: Vec<String> = refusals().steps.iter().map(Step::to_string).collect();
        let wanted = [
            "plug \"a\", refused with \"no bus\"",
            "set bootindex of \"a\" to 1, refused with \"taken\"",
            &format!("snapshot of {}, refused with \"not writable\"", Drives::Raw),
            "restore \"b\", refused with \"gone\" or \"not found\"",
        ];
        assert_eq!(steps, wanted);
    }

    #[test]
    fn a_step_needs_overlays_whether_or_not_it_is_to_be_refused() {
        let needs: Vec<bool> = refusals().steps.iter().map(Step::needs_overlays).collect();
        assert_eq!(needs, [false, false, true, true]);
    }

    #[test]
    fn a_refusal_reads_back_from_json() {
        let text = serde_json::to_string(&refusals()).unwrap();
        assert!(
            text.starts_with(r#"[{"refused":{"step":{"plug":{"device":"a","by":"qmp"}},"words":["no bus"]}}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Story>(&text).unwrap(), refusals());
    }
}
