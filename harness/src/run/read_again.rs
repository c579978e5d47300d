//! The evidence of a machine that ran, read anew: where today's reader makes something else of the same bytes, no boot has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::error::RunError;
use super::evidence_folder::EvidenceFolder;
use super::machine_file::MachineFile;
use super::media::{self, Media};
use super::session::watching_for;
use crate::case::story::Step;
use crate::evidence::{Mark, Source};
use crate::machine::layout::Layout;
use crate::trace::exchange::Conversation;
use crate::trace::{Reader, Snapshot, Trace};
use crate::verdict::is_over;

/// How much later a reset counts than the monitor told it, in seconds, in a timeline without marks: by then the bytes printed before it
/// have been noted too, which the earliest versions did not see to.
const RESET_SETTLES: f64 = 0.05;

/// One thing that was observed, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// Bytes that the guest printed.
    Printed(Source, Vec<u8>),
    /// QEMU reset the machine.
    Reset {
        /// The guest had asked for it.
        by_guest: bool,
    },
    /// The guest panicked.
    Panicked,
    /// Something that the harness did to the machine.
    Did(Mark),
}

/// Reads the logs of a machine again, from the power-on to the end.
///
/// # Errors
///
/// Why the logs alone do not give the trace: a file is missing or another version's, they were cut at a limit, the guest was found to stand still by looking at it,
/// its programs are of a version whose reports have no checksum.
pub fn read_again(folder: &Path) -> Result<Trace, RunError> {
    let case = MachineFile::read(folder)?;
    let stored = json(folder, "trace.json")?;
    if !stored["trace"]["standstill"].is_null() {
        return Err(RunError::new("its guest stood still, which no log shows"));
    }
    let events = events(folder)?;
    if !events.contains(&Event::Did(Mark::PoweredOn)) && case.story.steps.iter().any(wants_a_mark) {
        return Err(RunError::new(
            "its timeline does not say when its story changed a medium, powered the machine off or put it back",
        ));
    }
    let network = match &stored["trace"]["network"] {
        Value::Null => Vec::new(),
        network => Vec::<Conversation>::deserialize(network)
            .map_err(|_| RunError::new("what its networks saw is kept in words that this version does not take"))?,
    };
    let mut reader = reader(&case)?;
    let mut snapshots = BTreeMap::new();
    let is_over = |reader: &Reader| is_over(&case.expectation, reader.trace());
    let reported = stored["trace"]["payloads"].as_array().map_or(0, Vec::len);
    let mut events = events.iter();
    for event in events.by_ref() {
        give(&mut reader, &mut snapshots, event);
        // a run without a story ends there, and how much more is noted until QEMU has ended is chance
        if case.story.is_empty() && is_over(&reader) {
            break;
        }
    }
    // the run took what came together with its end, and what was noted until it let go
    while reader.trace().payloads.len() < reported
        && let Some(event) = events.next()
    {
        give(&mut reader, &mut snapshots, event);
    }
    reader.conversations(network, &bytes_of(folder, Source::Serial)?);
    let over = is_over(&reader);
    reader.finish(over);
    if reader.trace().payloads.len() < reported {
        return Err(RunError::new("its programs reported in words that this version does not take"));
    }
    Ok(reader.trace().clone())
}

/// Whether the reader must be told of this step, which a timeline without marks does not do.
fn wants_a_mark(step: &Step) -> bool {
    matches!(
        step,
        Step::Insert { .. }
            | Step::Snapshot { .. }
            | Step::Restore { .. }
            | Step::PowerCycle { .. }
            | Step::PowerCycleWith(_)
    )
}

fn reader(case: &MachineFile) -> Result<Reader, RunError> {
    let machine = &case.machine;
    let layout = Layout::of(machine).map_err(|error| RunError::because("the machine cannot be laid out", error))?;
    let scratch = tempfile::tempdir().map_err(RunError::file("create a directory in", &std::env::temp_dir()))?;
    let built = EvidenceFolder::create(scratch.path())?;
    let media = media::build(machine, &layout, &case.case, case.seed, &built)?;
    // those of what a network gives, too
    let media = Media { nonces: case.nonces.clone(), ..media };
    let reader = Reader::new(machine.firmware, media.names(machine, &layout, &case.story));
    Ok(watching_for(reader, machine, &case.expectation))
}

fn give(reader: &mut Reader, snapshots: &mut BTreeMap<String, Snapshot>, event: &Event) {
    match event {
        Event::Printed(source, bytes) => reader.push(*source, bytes),
        Event::Reset { by_guest: true } => reader.reset_by_guest(),
        Event::Reset { by_guest: false } => reader.reset_from_outside(),
        Event::Panicked => reader.guest_panicked(),
        Event::Did(Mark::PoweredOff) => {
            reader.reset_from_outside();
            reader.media_as_at_power_on();
        }
        Event::Did(Mark::MediumChanged { device, medium }) => reader.medium_changed(device, medium),
        Event::Did(Mark::SnapshotTaken(name)) => drop(snapshots.insert(name.clone(), reader.snapshot())),
        Event::Did(Mark::SnapshotRestored(name)) => {
            if let Some(snapshot) = snapshots.get(name) {
                reader.put_back(snapshot);
            }
        }
        Event::Did(Mark::PoweredOn | Mark::Ended(_)) => {}
    }
}

/// What `timeline.jsonl` and the logs beside it say, in the order in which it was noted.
///
/// # Errors
///
/// The file that cannot be read, or that something was left out of it.
pub(crate) fn events(folder: &Path) -> Result<Vec<Event>, RunError> {
    let path = folder.join("timeline.jsonl");
    let text = fs::read_to_string(&path).map_err(RunError::file("read", &path))?;
    let place = |number: usize| format!("{}:{}", path.display(), number + 1);
    let entry = |(number, line)| serde_json::from_str(line).map_err(|error| RunError::because(place(number), error));
    let entries: Vec<Entry> = text.lines().enumerate().map(entry).collect::<Result<_, _>>()?;
    let marked = entries.iter().any(|entry| entry.mark == Some(Mark::PoweredOn));
    let mut streams = Streams { settles: if marked { 0.0 } else { RESET_SETTLES }, ..Streams::of(folder)? };
    let mut events = Vec::new();
    for (number, entry) in entries.into_iter().enumerate() {
        let wrong = |what: String| RunError::new(format!("{}: {what}", place(number)));
        let at = entry.at.ok_or_else(|| wrong("its logs were cut at a limit".to_owned()))?;
        events.extend(streams.event(at, entry).map_err(wrong)?);
    }
    // stable: what was noted at one time stays in order
    events.sort_by(|(one, _), (other, _)| f64::total_cmp(one, other));
    Ok(events.into_iter().map(|(_, event)| event).collect())
}

/// A line of `timeline.jsonl`.
#[derive(Deserialize)]
struct Entry {
    at: Option<f64>,
    source: String,
    #[serde(default)]
    text: String,
    /// How many bytes the text stands for, where it is not them.
    bytes: Option<usize>,
    mark: Option<Mark>,
    #[serde(default)]
    received: Value,
}

/// The bytes of each stream, and how many of them were given out.
struct Streams {
    by_name: BTreeMap<&'static str, (Source, Vec<u8>, usize)>,
    /// How much later a reset counts, in seconds.
    settles: f64,
}

impl Streams {
    fn of(folder: &Path) -> Result<Streams, RunError> {
        let sources = [Source::Serial, Source::DebugConsole, Source::Screen];
        let read = |source: Source| Ok((source.name(), (source, bytes_of(folder, source)?, 0)));
        let by_name = sources.into_iter().map(read).collect::<Result<_, RunError>>()?;
        Ok(Streams { by_name, settles: 0.0 })
    }

    /// What an entry stands for, and when it counts.
    fn event(&mut self, at: f64, entry: Entry) -> Result<Option<(f64, Event)>, String> {
        if let Some((source, bytes, given)) = self.by_name.get_mut(entry.source.as_str()) {
            let end = end_of(bytes, *given, &entry.text, entry.bytes)
                .ok_or_else(|| format!("the log of {} does not hold what was noted of it", entry.source))?;
            let piece = bytes[*given..end].to_vec();
            *given = end;
            return Ok(Some((at, Event::Printed(*source, piece))));
        }
        let told = entry.received["event"].as_str();
        Ok(match (told, entry.mark) {
            (Some("RESET"), _) => {
                Some((at + self.settles, Event::Reset { by_guest: entry.received["data"]["guest"] == true }))
            }
            (Some("GUEST_PANICKED"), _) => Some((at, Event::Panicked)),
            (_, Some(mark)) => Some((at, Event::Did(mark))),
            _ => None,
        })
    }
}

/// Where the piece ends that begins at `from` and was noted as this text, in which what is no UTF-8 was replaced. Without the length,
/// which earlier versions did not note, the longest piece is taken that reads so.
fn end_of(bytes: &[u8], from: usize, noted: &str, length: Option<usize>) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let reads_so = |length: &usize| rest.get(..*length).is_some_and(|piece| String::from_utf8_lossy(piece) == noted);
    if rest.starts_with(noted.as_bytes()) {
        return Some(from + noted.len());
    }
    let length = match length {
        Some(length) => Some(length).filter(reads_so),
        // a replacement takes three bytes and stands for one to three
        None => (noted.chars().count()..=rest.len().min(noted.len())).rev().find(reads_so),
    };
    length.map(|length| from + length)
}

fn bytes_of(folder: &Path, source: Source) -> Result<Vec<u8>, RunError> {
    let (name, is_optional) = match source {
        Source::DebugConsole => ("debugcon.log", false),
        Source::Screen => ("vga-text.log", true),
        _ => ("serial.log", false),
    };
    let path = folder.join(name);
    match fs::read(&path) {
        Err(error) if is_optional && error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(RunError::file("read", &path)),
    }
}

fn json(folder: &Path, name: &str) -> Result<Value, RunError> {
    let path = folder.join(name);
    let text = fs::read_to_string(&path).map_err(RunError::file("read", &path))?;
    serde_json::from_str(&text).map_err(|error| RunError::because(path.display().to_string(), error))
}

#[cfg(test)]
#[path = "read_again_tests.rs"]
mod tests;
