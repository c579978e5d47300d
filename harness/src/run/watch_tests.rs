//! When a run is watched to its end, and what is held against it.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::machine::Firmware;
use crate::trace::{Names, effort};

const SHORT: Duration = Duration::from_millis(100);

/// Who waits for its end waits for ever.
const HOUR: Duration = Duration::from_secs(3600);

fn watch(recorder: &Recorder) -> Watch {
    let patience =
        Patience { reply: SHORT, first_sign: SHORT, progress: SHORT, refuted: SHORT, run: Duration::from_secs(9) };
    Watch::new(
        recorder,
        Reader::new(Firmware::SeaBios, Names::default()),
        &Expectation::boots("a"),
        0,
        patience,
        Pace::new(None),
    )
}

/// One of each signal that somebody decides by.
fn signals() -> Vec<HarnessEvent> {
    let exit = Exit { code: Some(0), signal: None };
    vec![
        HarnessEvent::QemuEnded(exit),
        HarnessEvent::PoweredOff,
        HarnessEvent::MediumChanged { device: "a".to_owned(), medium: "b".to_owned() },
        HarnessEvent::SnapshotTaken("a".to_owned()),
        HarnessEvent::SnapshotRestored("a".to_owned()),
    ]
}

#[test]
fn the_sentence_of_a_signal_is_no_signal() {
    for signal in signals() {
        let recorder = Recorder::new();
        let mut watch = watch(&recorder);
        recorder.harness(HarnessEvent::Note(signal.to_string()));
        watch.drain();
        let untouched = Trace { laps: 1, ..Trace::default() };
        assert_eq!((watch.exit, watch.snapshots.len(), watch.trace()), (None, 0, &untouched), "{signal}");
    }
}

#[test]
fn an_end_of_qemu_that_the_story_brings_about_is_not_the_machines_own() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    watch.ignore_end();
    let exit = Exit { code: None, signal: Some(9) };
    recorder.harness(HarnessEvent::QemuEnded(exit));
    watch.drain();
    assert_eq!(watch.exit, None);
    recorder.harness(HarnessEvent::QemuEnded(exit));
    assert_eq!(watch.until_over(), RunEnd::QemuEnded { exit, announced: false });
}

#[test]
fn a_qemu_that_says_that_it_ends_and_does_not_blames_nobody() {
    let says = |event: &str| {
        let recorder = Recorder::new();
        let watch = watch(&recorder);
        recorder.note(Observed::QmpReceived(serde_json::json!({ "event": event, "data": { "guest": true } })));
        watch
    };
    assert!(matches!(says("STOP").until_over(), RunEnd::GaveUp { .. }));
    let end = says("SHUTDOWN").until_over();
    assert!(matches!(&end, RunEnd::Broken { reason } if reason.contains("QMP SHUTDOWN")), "{end:?}");
    for step in [says("SHUTDOWN").until_ended(SHORT), says("SHUTDOWN").until(|_, _| false)] {
        assert!(matches!(step, Err(StepError::Host(_))), "{step:?}");
    }
}

/// What OVMF waits for a key behind.
const NO_OPTION: &[u8] = b"BdsDxe: No bootable option or device was found.\r\n";

/// A watch of OVMF that waits for a key, once the story has typed one.
fn typed(recorder: &Recorder) -> Watch {
    let mut watch = watch(recorder);
    watch.reader = Reader::new(Firmware::Ovmf, Names::default());
    watch.expected = Expectation::nothing_boots([]);
    recorder.bytes(Source::Serial, NO_OPTION);
    watch.drain();
    assert_eq!(watch.trace().terminal, Some(Terminal::NoBootableOption));
    watch.answers();
    watch.begin_step();
    watch
}

#[test]
fn where_a_key_found_the_firmware_is_its_end_only_once_it_stays_there() {
    let recorder = Recorder::new();
    let mut watch = typed(&recorder);
    watch.patience = Patience { reply: HOUR, first_sign: HOUR, progress: HOUR, refuted: HOUR, run: HOUR };
    let begun = Instant::now();
    assert_eq!(watch.until_over(), RunEnd::Over);
    assert!(begun.elapsed() >= FIRMWARE_STOPPED, "it might have left");

    let recorder = Recorder::new();
    let mut watch = typed(&recorder);
    let exit = Exit { code: Some(0), signal: None };
    recorder.harness(HarnessEvent::QemuEnded(exit));
    assert_eq!(watch.until_over(), RunEnd::QemuEnded { exit, announced: false }, "what came of the key");
}

#[test]
fn what_firmware_stopped_in_before_the_last_power_off_is_no_end() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    watch.reader = Reader::new(Firmware::Ovmf, Names::default());
    watch.expected = Expectation::nothing_boots([]);
    recorder.bytes(Source::Serial, NO_OPTION);
    watch.drain();
    assert_eq!(watch.trace().terminal, Some(Terminal::NoBootableOption));
    // more than is read at once, and then the end of that power-on
    recorder.bytes(Source::QemuStderr, &[b'x'; 4 << 20]);
    recorder.harness(HarnessEvent::PoweredOff);
    let exit = Exit { code: Some(0), signal: None };
    recorder.harness(HarnessEvent::QemuEnded(exit));
    assert_eq!(watch.until_over(), RunEnd::QemuEnded { exit, announced: false });
    assert_eq!(watch.trace().terminal, None);
}

/// A watch of OVMF that has seen a reset which QEMU sent so long ago, right behind something on the serial port.
fn reset_sent(ago: Duration, printed: &[u8]) -> Watch {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    watch.reader = Reader::new(Firmware::Ovmf, Names::default());
    std::thread::sleep(QUIET_AFTER_RESET * 3);
    recorder.bytes(Source::Serial, printed);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let sent = now.saturating_sub(ago);
    let timestamp = serde_json::json!({ "seconds": sent.as_secs(), "microseconds": sent.subsec_micros() });
    recorder.note(Observed::QmpReceived(serde_json::json!({ "event": "RESET", "timestamp": timestamp })));
    watch.drain();
    watch
}

#[test]
fn what_is_noted_before_a_reset_was_printed_before_it_or_the_log_has_a_hole() {
    let watch = reset_sent(Duration::ZERO, b"last words");
    assert_eq!((watch.trace().laps, &watch.trace().holes[..]), (2, &[][..]));
    let watch = reset_sent(QUIET_AFTER_RESET * 2, b"last or first words");
    let wanted = "whether the guest printed its last words before a reset or behind it cannot be told";
    assert_eq!((watch.trace().laps, watch.trace().holes[0].as_str()), (2, wanted));
    assert!(watch.lost_by_host(), "a second run that loses it too is no proof");
    let watch = reset_sent(QUIET_AFTER_RESET * 2, b"");
    assert_eq!((watch.trace().laps, &watch.trace().holes[..]), (2, &[][..]), "nothing was printed meanwhile");
}

#[test]
fn whatever_a_guest_prints_a_watch_looks_at_each_byte_of_it_a_few_times() {
    let order = "boot order:\n".to_owned() + &format!("1: /{}\n", "a".repeat(507)).repeat(256);
    for (firmware, source, begin, again) in [
        (Firmware::SeaBios, Source::DebugConsole, order.as_str(), "Booting from DVD/CD...\n"),
        (Firmware::SeaBios, Source::DebugConsole, "BUILD: 1\n", "1. floppy\n2. disk\n\n"),
        (Firmware::SeaBios, Source::DebugConsole, "", "\n"),
        (Firmware::Ovmf, Source::Serial, "", "\x1b[2J\x1b[01;01HBoot Manager\r\n"),
        (Firmware::Ovmf, Source::Serial, "", "BdsDxe: loading Boot0001 \"x\" from PciRoot(0x0)\r\n"),
        (Firmware::Ovmf, Source::Serial, "", "x"),
    ] {
        let recorder = Recorder::new();
        let mut watch = watch(&recorder);
        watch.reader = Reader::new(firmware, Names::default());
        let text = begin.to_owned() + &again.repeat((512 << 10) / again.len());
        text.as_bytes().chunks(16 << 10).for_each(|piece| recorder.bytes(source, piece));
        let effort = effort::of(|| watch.drain());
        // the most a byte can do is to wipe a screen that is not empty
        assert!((1..=text.len() * 400).contains(&effort), "{again:?}: {effort} for {} bytes", text.len());
    }
}

#[test]
fn a_guest_that_goes_on_printing_does_not_hold_up_the_deadline() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    watch.patience = Patience { reply: SHORT, first_sign: HOUR, progress: HOUR, refuted: HOUR, run: SHORT };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                recorder.note(Observed::QmpReceived(serde_json::json!({ "event": "RTC_CHANGE" })));
            }
        });
        // the guest prints for as long as the run goes on
        let end = watch.until_over();
        over.store(true, Ordering::Relaxed);
        assert!(matches!(end, RunEnd::GaveUp { .. } | RunEnd::Starved { .. } | RunEnd::Broken { .. }), "{end}");
    });
}

#[test]
fn a_machine_that_resets_without_end_reboots_in_a_loop() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    for _ in 0..30 {
        recorder.note(Observed::QmpReceived(serde_json::json!({ "event": "RESET" })));
    }
    assert_eq!(watch.until_over(), RunEnd::ResetLoop { resets: 30 });
}

#[test]
fn a_wait_for_the_end_of_qemu_ends_soon_after_firmware_has_stopped() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    watch.patience.run = HOUR;
    recorder.bytes(Source::DebugConsole, b"SeaBIOS (version 1)\nNo bootable device.\n");
    let error = watch.until_ended(HOUR).unwrap_err();
    assert_eq!(error.to_string(), "QEMU still runs: SeaBIOS stopped at \"No bootable device.\"");
}

#[test]
fn an_end_of_qemu_that_was_waited_for_does_not_end_the_run_twice() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    recorder.harness(HarnessEvent::QemuEnded(Exit { code: Some(85), signal: None }));
    watch.until_ended(SHORT).unwrap();
    watch.patience = Patience { reply: HOUR, first_sign: HOUR, progress: HOUR, refuted: HOUR, run: HOUR };
    assert!(matches!(watch.until_over(), RunEnd::QemuEnded { .. }));
}

#[test]
fn an_end_that_somebody_else_brought_about_is_not_the_one_that_was_waited_for() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    recorder.harness(HarnessEvent::QemuEnded(Exit { code: None, signal: Some(9) }));
    let error = watch.until_ended(SHORT).unwrap_err();
    assert_eq!(error.to_string(), "QEMU was killed by signal 9; last seen: no attempt");
}

#[test]
fn a_panic_of_a_reader_breaks_the_run_at_once() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    recorder.guarded("the reader", || panic!("why"));
    assert_eq!(watch.until_over(), RunEnd::Broken { reason: "the reader panicked: why".to_owned() });
    assert!(matches!(watch.until(|_, _| false), Err(StepError::Host(_))));
}

#[test]
fn a_watch_that_comes_late_reads_what_is_there_before_it_gives_up() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    recorder.harness(HarnessEvent::QemuEnded(Exit { code: Some(85), signal: None }));
    std::thread::sleep(SHORT * 2);
    assert!(matches!(watch.until_over(), RunEnd::QemuEnded { .. }));
}

#[test]
fn an_event_of_qemu_is_a_sign_of_life() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    // that there is a first lap is news, once
    recorder.harness(HarnessEvent::Note("begun".to_owned()));
    watch.drain();
    std::thread::sleep(SHORT);
    let begun = Instant::now();
    recorder.note(Observed::QmpReceived(serde_json::json!({ "event": "RTC_CHANGE" })));
    watch.drain();
    // the last sign was not before
    let (silent, elapsed) = (watch.silent(), begun.elapsed());
    assert!(silent <= elapsed, "{silent:?} {elapsed:?}");
}

#[test]
fn silence_is_given_up_and_says_what_was_awaited() {
    let recorder = Recorder::new();
    let end = watch(&recorder).until_over();
    assert!(matches!(end, RunEnd::GaveUp { awaited: Awaited::SignOfLife, .. }), "{end}");
    let error = watch(&recorder).until(|_, _| false).unwrap_err();
    assert_eq!(error.to_string(), "not reached in 0 s of host time; last seen: no attempt");
}

#[test]
fn a_guest_that_is_sent_the_same_file_for_ever_hangs() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    let sent = |file: &str| {
        let event = LanEventKind::TftpComplete { name: file.to_owned(), bytes: 9 };
        recorder.note(Observed::Network(NetworkEvent { nic: Some("nic0".to_owned()), event }));
    };
    let begins = |device: &str| recorder.bytes(Source::DebugConsole, format!("Booting from {device}...\n").as_bytes());
    begins("ROM");
    for file in 0..ASKED_AGAIN * 2 {
        sent(&format!("part{file}"));
    }
    for _ in 0..ASKED_AGAIN * 2 {
        let (path, range) = ("disk".to_owned(), Some("bytes=0-511".to_owned()));
        let (method, host, user_agent, status) = ("GET".to_owned(), None, None, Some(206));
        let asked = LanEventKind::HttpRequest { method, path, host, user_agent, range, status, secure: false };
        for event in [asked, LanEventKind::HttpComplete { path: "disk".to_owned(), bytes: 512 }] {
            recorder.note(Observed::Network(NetworkEvent { nic: Some("nic0".to_owned()), event }));
        }
    }
    (1..ASKED_AGAIN).for_each(|_| sent("a"));
    watch.drain();
    assert_eq!(watch.standstill(), None, "a disk in parts, each part once, and one file not often enough");
    begins("Hard Disk");
    watch.drain();
    (1..ASKED_AGAIN).for_each(|_| sent("a"));
    watch.drain();
    assert_eq!(watch.standstill(), None, "another attempt counts anew");
    sent("a");
    watch.drain();
    let again = Standstill::AsksAgain { file: "a".to_owned(), times: ASKED_AGAIN };
    assert_eq!(watch.standstill(), Some(again.clone()));
    assert_eq!(watch.trace().attempts.last().unwrap().outcome, Some(crate::trace::Outcome::Hung));
    assert_eq!(watch.until_over(), RunEnd::StandsStill(again));
    let error = watch.until(|_, _| false).unwrap_err();
    assert!(matches!(error, StepError::Differs(_)), "{error}");
    let words = format!("the guest hangs: it was sent \"a\" {ASKED_AGAIN} times and goes no further");
    assert!(error.to_string().starts_with(&words), "{error}");
}

#[test]
fn a_machine_that_tries_one_entry_without_end_goes_round_in_a_loop_and_its_log_has_no_hole() {
    let recorder = Recorder::new();
    let mut watch = watch(&recorder);
    watch.reader = Reader::new(Firmware::Ovmf, Names::default());
    let fails = |number: usize| {
        let line =
            format!("BdsDxe: failed to load Boot{number:04} \"x\" from PciRoot(0x0)/Pci(0x4,0x0): Not Found\r\n");
        recorder.bytes(Source::Serial, line.as_bytes());
    };
    (0..TRIES_ALLOWED * 2).for_each(fails);
    (0..TRIES_ALLOWED).for_each(|_| fails(99));
    watch.drain();
    assert_eq!(watch.standstill(), None, "each entry once, and one not often enough");
    fails(99);
    watch.drain();
    recorder.bytes(Source::Serial, b"BdsDxe: failed to lo");
    let again = Standstill::TriesAgain { target: "Boot0099 \"x\"".to_owned(), times: TRIES_ALLOWED + 1 };
    assert_eq!(watch.until_over(), RunEnd::StandsStill(again.clone()));
    let words = "the guest goes round in a loop: Boot0099 \"x\" was tried 21 times without a reset between";
    assert_eq!(again.to_string(), words);
    watch.finish(false);
    assert_eq!(watch.trace().holes, [""; 0]);
}
