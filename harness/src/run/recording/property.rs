//! What is missing from a log makes no verdict.

use super::folder::all;
use super::{Event, Prepared, Recording, Store, cuts};
use crate::machine::Firmware;
use crate::verdict::conclude::Conclusion;
use crate::verdict::{Ending, Expectation, booted, failed};

/// Expectations that this boot refutes: another winner, an attempt more, another end.
fn wrong(expected: &Expectation) -> Vec<Expectation> {
    let ending = if expected.ending == Ending::NothingBootable { Ending::Boots } else { Ending::NothingBootable };
    let mut fewer = expected.clone();
    fewer.attempts.pop();
    let fewer = if expected.attempts.is_empty() { expected.clone().after_failing("nobody") } else { fewer };
    vec![
        Expectation { ending, ..expected.clone() },
        expected.clone().after_failing("nobody"),
        fewer,
        Expectation { attempts: vec![booted("nobody")], ..expected.clone() },
        Expectation { attempts: vec![failed("nobody")], ending: Ending::NothingBootable, ..expected.clone() },
    ]
}

fn word(conclusion: &Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Holds => "passed",
        Conclusion::Fails(_) => "failed",
        Conclusion::Broken(_) => "broken",
    }
}

/// What SeaBIOS said from the first time on that it was asked to boot something.
fn said(log: &[Event]) -> Vec<String> {
    let text: String = log
        .iter()
        .filter_map(|event| match event {
            Event::DebugConsole(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let begin = text.find("enter handle_1").unwrap_or(text.len());
    text[begin..].split_inclusive('\n').map(str::to_owned).collect()
}

/// Whether less was asked for than in the whole log, and every line that is left is one of it: the log of a SeaBIOS that skips
/// an entry. Nothing in it can tell otherwise, and to find such a SeaBIOS is what logs are read for.
fn is_anothers(whole: &[String], cut: &[Event]) -> bool {
    let left = said(cut);
    let is_empty = |event: &Event| match event {
        Event::Serial(text) | Event::DebugConsole(text) => text.chars().all(|char| !char.is_ascii_alphabetic()),
        _ => true,
    };
    if cut.iter().all(is_empty) {
        return true; // nor does one say anything that hangs
    }
    let asked = |lines: &[String]| lines.iter().filter(|line| line.starts_with("enter handle_1")).count();
    asked(&left) < asked(whole) && left.iter().all(|line| whole.contains(line))
}

/// What came of the cuts of some recordings.
#[derive(Default)]
struct Counts {
    same: usize,
    broken: usize,
    anothers: usize,
}

/// Each cut that gives a verdict which the whole log does not give; of each `step` cuts one is made.
fn violations(name: &str, recording: &Recording, step: usize, counts: &mut Counts) -> Vec<String> {
    let right = &recording.case.expectation;
    let serial = recording.case.machine.firmware == Firmware::Ovmf;
    let expected = [vec![right.clone()], wrong(right)].concat();
    let verdict = |number: usize| if number == 0 { "passed" } else { "failed" };
    let prepared = Prepared::of(recording);
    let mut found = Vec::new();
    for (number, whole) in prepared.conclude(&recording.log, &expected).iter().enumerate() {
        if word(whole) != verdict(number) {
            found.push(format!("{name}: expectation {number} of the whole log: {whole:?}"));
        }
    }
    let whole = said(&recording.log);
    for cut in cuts::of(&recording.log, serial, recording.case.seed).into_iter().step_by(step) {
        for (number, conclusion) in prepared.conclude(&cut.log, &expected).iter().enumerate() {
            match word(conclusion) {
                "broken" => counts.broken += 1,
                same if same == verdict(number) => counts.same += 1,
                _ if is_anothers(&whole, &cut.log) => counts.anothers += 1,
                _ => found.push(format!("{name} without {}: expectation {number}: {conclusion:?}", cut.what)),
            }
        }
    }
    found
}

fn hold(step: usize) {
    let (recordings, mut counts) = (all(), Counts::default());
    assert!(recordings.len() >= 20);
    let violations: Vec<String> =
        recordings.iter().flat_map(|(name, recording)| violations(name, recording, step, &mut counts)).collect();
    let Counts { same, broken, anothers } = counts;
    println!(
        "{} boots: {same} verdicts as of the whole log, {broken} broken, {anothers} of logs that another firmware writes",
        recordings.len()
    );
    let shown = violations.iter().take(400).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} of {}:\n{shown}", violations.len(), same + broken);
}

#[test]
fn a_log_with_a_hole_gives_no_verdict_that_the_whole_log_does_not_give() {
    hold(9);
}

#[test]
#[ignore = "every cut, minutes: cargo test -p bootwright --lib every_cut -- --ignored --nocapture"]
fn every_cut_gives_no_verdict_that_the_whole_log_does_not_give() {
    hold(1);
}

/// A QEMU that does not write the flash back leaves a file without a BootOrder, although the guest had one.
#[test]
fn a_boot_whose_store_was_never_written_fails_by_the_view_that_is_missing() {
    let recordings = all();
    let (_, boot) = recordings.iter().find(|(name, _)| name == "first_entry.ovmf.pc.blank-virtio-blk").unwrap();
    let right = [boot.case.expectation.clone()];
    assert_eq!(Prepared::of(boot).conclude(&boot.log, &right), [Conclusion::Holds]);
    let unwritten = Recording { store: Store::default(), ..boot.clone() };
    let conclusions = Prepared::of(&unwritten).conclude(&boot.log, &right);
    let [Conclusion::Fails(reason)] = conclusions.as_slice() else { panic!("{conclusions:?}") };
    assert!(reason.starts_with("a view of the boot order is missing"), "{reason}");
}
