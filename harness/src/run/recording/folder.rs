//! Makes recordings of evidence folders.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::evidence_folder::EvidenceFolder;
use super::super::machine_file::MachineFile;
use super::super::media;
use super::super::read_again::{self, Event as Noted};
use super::{Event, Kept, Recording, Store, text};
use crate::evidence::{Mark, Source};
use crate::machine::layout::Layout;

/// Where the recordings are.
pub(crate) const BOOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/run/recording/boots");

/// Reads the evidence of a case that ran.
fn recorded(folder: &Path) -> Recording {
    let case = MachineFile::read(folder).unwrap();
    let layout = Layout::of(&case.machine).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let built = EvidenceFolder::create(scratch.path()).unwrap();
    let media = media::build(&case.machine, &layout, &case.case, case.seed, &built).unwrap();
    let json = |name: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap_or("null".to_owned())).unwrap()
    };
    let trace = json("trace.json");
    let network = match &trace["trace"]["network"] {
        Value::Null => Vec::new(),
        network => serde_json::from_value(network.clone()).unwrap(),
    };
    let (log, exit_code) = log(folder);
    let case = MachineFile { vars_template: None, ..case };
    Recording { case, sectors: media.sectors, log, network, store: store(&json("nvram-after.json")), exit_code }
}

fn log(folder: &Path) -> (Vec<Event>, Option<i32>) {
    let (mut log, mut exit_code) = (Vec::new(), None);
    for event in read_again::events(folder).unwrap() {
        match (log.last_mut(), event) {
            (Some(Event::Serial(known)), Noted::Printed(Source::Serial, more)) => known.push_str(&text(&more)),
            (Some(Event::DebugConsole(known)), Noted::Printed(Source::DebugConsole, more)) => {
                known.push_str(&text(&more))
            }
            (_, Noted::Printed(Source::Serial, bytes)) => log.push(Event::Serial(text(&bytes))),
            (_, Noted::Printed(Source::DebugConsole, bytes)) => log.push(Event::DebugConsole(text(&bytes))),
            (_, Noted::Reset { by_guest: true }) => log.push(Event::GuestReset),
            (_, Noted::Reset { by_guest: false }) => log.push(Event::Reset),
            (_, Noted::Did(Mark::PoweredOff)) => log.push(Event::PoweredOff),
            (_, Noted::Did(Mark::Ended(code))) => exit_code = code,
            _ => {}
        }
    }
    (log, exit_code)
}

fn store(decoded: &Value) -> Store {
    let number = |value: &Value| u16::from_str_radix(value.as_str()?, 16).ok();
    let option = |value: &Value| {
        let text = |key: &str| Some(value[key].as_str()?.to_owned());
        Some(Kept {
            number: number(&value["number"])?,
            attributes: u32::try_from(value["attributes"].as_u64()?).ok()?,
            description: text("description")?,
            device_path: text("device_path")?,
        })
    };
    let order = decoded["boot_order"].as_array().map(|order| order.iter().filter_map(number).collect());
    let options = decoded["boot_options"].as_array().into_iter().flatten().filter_map(option).collect();
    let variables = decoded["variables"].as_array().into_iter().flatten();
    let timeout = variables.filter(|variable| variable["name"] == "Timeout").find_map(|variable| {
        let data = variable["data"].as_str()?;
        Some(u16::from_str_radix(data.get(..4)?, 16).ok()?.swap_bytes())
    });
    Store { order, options, timeout }
}

/// Makes recordings of the evidence folders in `BOOTWRIGHT_RECORD`, which a run with `--keep` leaves.
#[test]
#[ignore = "makes the recordings: BOOTWRIGHT_RECORD=target/bootwright/NNNN/cases cargo test -p bootwright --lib recording -- --ignored"]
fn recordings_are_made_of_evidence_folders() {
    let Ok(folders) = std::env::var("BOOTWRIGHT_RECORD") else { panic!("BOOTWRIGHT_RECORD names no folder") };
    for folder in fs::read_dir(folders).unwrap() {
        let folder = folder.unwrap().path();
        let recording = recorded(&folder);
        let name = recording.case.case.replace("::", ".");
        let lines = serde_json::to_string(&recording).unwrap();
        fs::write(Path::new(BOOTS).join(format!("{name}.json")), lines + "\n").unwrap();
    }
}

/// Holds the evidence of every case below the folders in `BOOTWRIGHT_EVIDENCE` against the case's own expectation, and prints
/// what is broken by a hole in a log: what a change of the reader does, without a boot.
#[test]
#[ignore = "reads evidence that is there: BOOTWRIGHT_EVIDENCE=target/bootwright:... cargo test -p bootwright --lib whole_logs -- --ignored --nocapture"]
fn whole_logs_have_no_hole() {
    let Ok(roots) = std::env::var("BOOTWRIGHT_EVIDENCE") else { panic!("BOOTWRIGHT_EVIDENCE names no folder") };
    let mut folders: Vec<std::path::PathBuf> = roots.split(':').map(Into::into).collect();
    let (mut read, mut broken) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        folders.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
        if !folder.join("trace.json").exists() || MachineFile::read(&folder).is_err() {
            continue;
        }
        let recording = std::panic::catch_unwind(|| recorded(&folder));
        let Ok(recording) = recording else { continue };
        let expected = [recording.case.expectation.clone()];
        let conclusions = super::Prepared::of(&recording).conclude(&recording.log, &expected);
        read += 1;
        if let [crate::verdict::conclude::Conclusion::Broken(reason)] = conclusions.as_slice() {
            broken.push(format!("{}: {reason}", folder.display()));
        }
    }
    println!("{read} logs, {} broken:\n{}", broken.len(), broken.join("\n"));
    assert!(broken.is_empty());
}

/// Every recording, by its name.
pub fn all() -> Vec<(String, Recording)> {
    let files = fs::read_dir(BOOTS).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let recording = serde_json::from_str(&fs::read_to_string(path).unwrap());
        (path.file_stem().unwrap().to_string_lossy().into_owned(), recording.unwrap())
    };
    files.iter().map(read).collect()
}
