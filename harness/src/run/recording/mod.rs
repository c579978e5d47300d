//! Real boots as data: what their logs, networks and stores held, kept to hold the reader of logs against.
//!
//! A recording is made of the evidence folder of a case that ran (`boots/README.md`), and [`Prepared::conclude`] takes it
//! through what a run takes its evidence through: the reader, the views, the conclusion.

mod cuts;
mod folder;
mod property;

pub(crate) use folder::all;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::machine_file::MachineFile;
use crate::evidence::Source;
use crate::evidence::nvram::{BootOptions, LoadOption};
use crate::machine::layout::Layout;
use crate::process::Exit;
use crate::trace::exchange::Conversation;
use crate::trace::{Names, Reader};
use crate::verdict::conclude::{Awaited, Conclusion, Observed, RunEnd, conclude};
use crate::verdict::views::Views;
use crate::verdict::{Expectation, is_over};

/// One thing that was observed, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Bytes of the serial port, each as the character of its number.
    Serial(String),
    /// Bytes of the debug console, likewise.
    DebugConsole(String),
    /// QEMU reset the machine.
    Reset,
    /// The same, and the guest had asked for it.
    GuestReset,
    /// A story powered it off.
    PoweredOff,
}

/// A boot option of the variable store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kept {
    number: u16,
    attributes: u32,
    description: String,
    device_path: String,
}

/// What the variable store held at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Store {
    order: Option<Vec<u16>>,
    options: Vec<Kept>,
    timeout: Option<u16>,
}

/// A boot that really happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Recording {
    /// The machine, and what was expected of it.
    pub case: MachineFile,
    /// Size of each medium in a drive, by name.
    sectors: BTreeMap<String, u64>,
    /// What was observed.
    pub log: Vec<Event>,
    /// What the networks saw.
    network: Vec<Conversation>,
    /// What was in the variable store.
    store: Store,
    /// The exit code with which QEMU ended by itself.
    exit_code: Option<i32>,
}

impl Store {
    fn boot_options(&self) -> BootOptions {
        let option = |kept: &Kept| LoadOption {
            attributes: kept.attributes,
            description: kept.description.clone(),
            device_path: kept.device_path.clone(),
            device_path_bytes: Vec::new(),
            optional_data: Vec::new(),
        };
        let by_number = self.options.iter().map(|kept| (kept.number, option(kept))).collect();
        BootOptions { order: self.order.clone(), by_number }
    }
}

/// A recording with what is the same for all its logs.
pub(crate) struct Prepared<'a> {
    recording: &'a Recording,
    layout: Layout,
    names: Names,
}

impl<'a> Prepared<'a> {
    pub fn of(recording: &'a Recording) -> Prepared<'a> {
        let machine = &recording.case.machine;
        let layout = Layout::of(machine).unwrap();
        let names = Names::of(machine, &layout, &recording.case.nonces, &recording.sectors);
        let names = names.changed_by(recording.case.story.changes_machine());
        Prepared { recording, layout, names }
    }

    /// What follows from a log of this boot for each of some expectations, by the way that a run's evidence goes.
    pub fn conclude(&self, log: &[Event], expected: &[Expectation]) -> Vec<Conclusion> {
        let Prepared { recording, layout, names } = self;
        let machine = &recording.case.machine;
        let (mut reader, over) = self.read(log, expected);
        let mut given_up = if over.contains(&false) { Some(self.read(log, &[]).0) } else { None };
        reader.finish(true);
        given_up.iter_mut().for_each(|reader| reader.finish(false));
        let one = |(expected, &over): (&Expectation, &bool)| {
            let reader = given_up.as_ref().filter(|_| !over).unwrap_or(&reader);
            let views = Views::of(machine, layout, names, reader.trace(), &recording.store.boot_options());
            let views = views.with_timeout(recording.store.timeout);
            let (trace, guest_state, end) = (reader.trace(), "running", self.end(over));
            // guest time is the machine's own and stands in no log
            let guest_time = expected.guest_seconds.map(|(least, _)| std::time::Duration::from_secs(least));
            let observed = Observed { trace, end: &end, guest_state, guest_time, stores: None, views: &views };
            conclude(expected, &observed)
        };
        expected.iter().zip(&over).map(one).collect()
    }

    /// What a reader makes of a log, and for which expectations the run would be over by it.
    pub fn read(&self, log: &[Event], expected: &[Expectation]) -> (Reader, Vec<bool>) {
        let mut reader = Reader::new(self.recording.case.machine.firmware, self.names.clone());
        let (mut over, mut serial) = (vec![false; expected.len()], Vec::new());
        for event in log {
            match event {
                Event::Serial(text) => {
                    let bytes = bytes(text);
                    reader.push(Source::Serial, &bytes);
                    serial.extend(bytes);
                }
                Event::DebugConsole(text) => reader.push(Source::DebugConsole, &bytes(text)),
                Event::GuestReset => reader.reset_by_guest(),
                Event::Reset | Event::PoweredOff => reader.reset_from_outside(),
            }
            over.iter_mut().zip(expected).for_each(|(over, expected)| *over |= is_over(expected, reader.trace()));
        }
        reader.conversations(self.recording.network.clone(), &serial);
        (reader, over)
    }

    /// How a run ends whose evidence this is.
    fn end(&self, over: bool) -> RunEnd {
        let exit = self.recording.exit_code.map(|code| Exit { code: Some(code), signal: None });
        let waited = std::time::Duration::from_secs(120);
        match (over, exit) {
            (true, _) => RunEnd::Over,
            (false, Some(exit)) => RunEnd::QemuEnded { exit, announced: true },
            (false, None) => RunEnd::GaveUp { waited, awaited: Awaited::NextStep },
        }
    }
}

/// The bytes that characters stand for by their numbers.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|char| char as u8).collect()
}

/// Bytes as characters of their numbers.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}
