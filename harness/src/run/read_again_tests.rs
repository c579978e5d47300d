//! Real boots that are kept are written down as a run writes its evidence, and read again.

use serde_json::json;

use super::super::machine_file;
use super::super::recording::{self, Prepared, Recording};
use super::super::variable_store::DecodedStores;
use super::*;
use crate::case::story::Story;
use crate::error::chain;
use crate::evidence::{HarnessEvent, Observed, Recorder};
use crate::verdict::views::Views;

/// The evidence of this boot, and what its reader made of it then.
fn left_by(recording: &Recording, folder: &Path) -> Trace {
    let recorder = Recorder::new();
    recorder.harness(HarnessEvent::PoweredOn { process: 1 });
    let reset = |guest: bool| json!({ "event": "RESET", "data": { "guest": guest } });
    for event in &recording.log {
        match event {
            recording::Event::Serial(text) => recorder.bytes(Source::Serial, &recording::bytes(text)),
            recording::Event::DebugConsole(text) => recorder.bytes(Source::DebugConsole, &recording::bytes(text)),
            recording::Event::Reset => recorder.note(Observed::QmpReceived(reset(false))),
            recording::Event::GuestReset => recorder.note(Observed::QmpReceived(reset(true))),
            recording::Event::PoweredOff => recorder.harness(HarnessEvent::PoweredOff),
        }
    }
    let expected = [recording.case.expectation.clone()];
    let (mut reader, over) = Prepared::of(recording).read(&recording.log, &expected);
    reader.finish(over[0]);
    let folder = EvidenceFolder::create(folder).unwrap();
    folder.machine(&recording.case).unwrap();
    let trace = reader.trace().clone();
    folder.record(&recorder, &trace, &DecodedStores::default(), &Views::default()).unwrap();
    trace
}

fn recording(name: &str) -> Recording {
    recording::all().into_iter().find(|(other, _)| other == name).unwrap().1
}

/// A boot with a reset in it, which is cut into laps by the monitor's word.
const WITH_RESET: &str = "resets.ovmf.pc.in-pxe-ack";

/// An evidence folder of that boot, and its trace.
fn folder() -> (tempfile::TempDir, Trace) {
    let folder = tempfile::tempdir().unwrap();
    let trace = left_by(&recording(WITH_RESET), folder.path());
    (folder, trace)
}

fn refusal(folder: &Path) -> String {
    chain(&read_again(folder).unwrap_err())
}

#[test]
fn what_a_run_left_gives_the_trace_that_it_gave_the_run() {
    for (name, recording) in recording::all() {
        let folder = tempfile::tempdir().unwrap();
        let trace = left_by(&recording, folder.path());
        let again = read_again(folder.path()).unwrap_or_else(|error| panic!("{name}: {}", chain(&error)));
        assert_eq!((again.attempts, again.payloads.len()), (trace.attempts, trace.payloads.len()), "{name}");
    }
}

#[test]
fn a_log_that_says_something_else_gives_another_trace() {
    let (folder, trace) = folder();
    for name in ["debugcon.log", "serial.log", "timeline.jsonl"] {
        let path = folder.path().join(name);
        let text = fs::read(&path).unwrap();
        fs::write(&path, String::from_utf8_lossy(&text).replace("Boot0002", "Boot0007")).unwrap();
    }
    assert_ne!(read_again(folder.path()).unwrap().attempts, trace.attempts);
}

#[test]
fn a_log_without_a_piece_that_was_noted_is_refused_with_its_line() {
    let (folder, _) = folder();
    let path = folder.path().join("serial.log");
    let serial = fs::read(&path).unwrap();
    fs::write(&path, &serial[..serial.len() - 1]).unwrap();
    let refusal = refusal(folder.path());
    assert!(refusal.contains("timeline.jsonl:"), "{refusal}");
    assert!(refusal.ends_with("the log of serial does not hold what was noted of it"), "{refusal}");
}

#[test]
fn logs_that_were_cut_at_a_limit_are_refused() {
    let (folder, _) = folder();
    let path = folder.path().join("timeline.jsonl");
    let cut = json!({ "source": "harness", "text": "limits reached", "dropped_bytes": 1, "dropped_entries": 0 });
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{cut}\n")).unwrap();
    let refusal = refusal(folder.path());
    assert!(refusal.ends_with("its logs were cut at a limit"), "{refusal}");
}

#[test]
fn a_guest_that_was_seen_to_stand_still_is_not_read_from_its_logs() {
    let (folder, _) = folder();
    let path = folder.path().join("trace.json");
    let mut stored: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    stored["trace"]["standstill"] = json!("halted");
    fs::write(&path, stored.to_string()).unwrap();
    assert_eq!(refusal(folder.path()), "its guest stood still, which no log shows");
}

#[test]
fn programs_that_report_in_other_words_are_not_taken_for_programs_that_never_ran() {
    let (folder, trace) = folder();
    assert!(!trace.payloads.is_empty());
    for name in ["serial.log", "timeline.jsonl"] {
        let path = folder.path().join(name);
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).replace(" sum=", " mus=");
        fs::write(&path, text).unwrap();
    }
    assert_eq!(refusal(folder.path()), "its programs reported in words that this version does not take");
}

#[test]
fn a_network_in_the_words_of_another_version_is_refused() {
    let (folder, _) = folder();
    let path = folder.path().join("trace.json");
    let mut stored = json(folder.path(), "trace.json").unwrap();
    stored["trace"]["network"] = json!([{ "nic": 0 }]);
    fs::write(&path, stored.to_string()).unwrap();
    let wanted = "what its networks saw is kept in words that this version does not take";
    assert_eq!(refusal(folder.path()), wanted);
}

#[test]
fn a_machine_in_the_words_of_another_version_is_refused() {
    let (folder, _) = folder();
    let mut file = json(folder.path(), machine_file::NAME).unwrap();
    file["machine"] = json!("in the words of an earlier version");
    fs::write(folder.path().join(machine_file::NAME), file.to_string()).unwrap();
    assert!(refusal(folder.path()).contains(machine_file::NAME));
}

#[rstest::rstest]
#[case::of_a_medium_that_was_changed(Story::new().insert("a", "b"))]
#[case::of_a_machine_that_was_powered_off(Story::new().power_cycle(&[]))]
#[case::of_a_machine_that_was_put_back(Story::new().restore("a"))]
fn a_timeline_without_marks_says_nothing(#[case] story: Story) {
    let folder = tempfile::tempdir().unwrap();
    let mut recording = recording(WITH_RESET);
    recording.case.story = story;
    left_by(&recording, folder.path());
    assert!(read_again(folder.path()).is_ok());
    let path = folder.path().join("timeline.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace(r#","mark":"powered-on""#, "")).unwrap();
    assert!(refusal(folder.path()).starts_with("its timeline does not say when its story changed a medium"));
}

#[rstest::rstest]
#[case::plain(b"abc", "ab", None, Some(2))]
#[case::cut_in_a_character(b"a\xe2\x96\x88", "a\u{fffd}", None, Some(3))]
#[case::cut_in_a_character_earlier(b"a\xe2\x96\x88", "a\u{fffd}", Some(2), Some(2))]
#[case::three_bytes_that_are_one_replacement(b"\xf0\x9f\x98A", "\u{fffd}A", None, Some(4))]
#[case::each_byte_by_itself(b"\xff\xfe-", "\u{fffd}\u{fffd}", None, Some(2))]
#[case::another_text(b"abc", "ac", None, None)]
#[case::another_length(b"a\xff\xfe", "a\u{fffd}", Some(3), None)]
#[case::more_than_there_is(b"abc", "abcd", None, None)]
#[case::longer_than_there_is(b"\xff", "\u{fffd}", Some(9), None)]
fn a_piece_ends_where_what_was_noted_ends(
    #[case] bytes: &[u8],
    #[case] noted: &str,
    #[case] length: Option<usize>,
    #[case] end: Option<usize>,
) {
    assert_eq!(end_of(bytes, 0, noted, length), end);
}
