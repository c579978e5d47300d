//! What is missing from a log makes no verdict.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::folder::all;
use super::{Event, Prepared, Recording, Store, cuts};
use crate::machine::Firmware;
use crate::verdict::conclude::Conclusion;
use crate::verdict::{Ending, Expectation, booted, failed};

/// Expectations that this boot refutes: another winner, an attempt more, another end.
fn wrong(expected: &Expectation, log: &[Event]) -> Vec<Expectation> {
    let ending = if expected.ending == Ending::NothingBootable { Ending::Boots } else { Ending::NothingBootable };
    let mut fewer = expected.clone();
    fewer.attempts.pop();
    // a run that expects fewer laps is over before what was cut out of the last one
    let one_lap = !log.iter().any(|event| matches!(event, Event::Reset | Event::GuestReset));
    let fewer = if expected.attempts.is_empty() || !one_lap { expected.clone().after_failing("nobody") } else { fewer };
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

/// What SeaBIOS said on each lap from the time on that it was asked to boot something.
fn said(log: &[Event]) -> Vec<String> {
    let text: String = log
        .iter()
        .filter_map(|event| match event {
            Event::DebugConsole(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    let mut in_post = true;
    let says = |line: &&str| {
        in_post = line.starts_with("SeaBIOS (version") || (in_post && !line.starts_with("enter handle_1"));
        !in_post
    };
    text.split_inclusive('\n').filter(says).map(str::to_owned).collect()
}

/// Whether a text moves the cursor at most: control sequences of ECMA-48 have one letter each.
fn is_silent(text: &str) -> bool {
    let mut pieces = text.split("\u{1b}[");
    let letters = |piece: &str| piece.chars().filter(char::is_ascii_alphabetic).count();
    pieces.next().is_none_or(|first| letters(first) == 0) && pieces.all(|piece| letters(piece) <= 1)
}

/// Whether less was asked for than in the whole log, and every line that is left is one of it: the log of a SeaBIOS that skips
/// an entry. Nothing in it can tell otherwise, and to find such a SeaBIOS is what logs are read for.
fn is_anothers(whole: &[String], cut: &[Event]) -> bool {
    let left = said(cut);
    let is_empty = |event: &Event| match event {
        Event::Serial(text) | Event::DebugConsole(text) => is_silent(text),
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

/// Each cut that gives a verdict which the whole log does not give; of each `step` cuts one is made. Every seed has other random ones.
fn violations(name: &str, recording: &Recording, (step, seed): (usize, u64), counts: &mut Counts) -> Vec<String> {
    let right = &recording.case.expectation;
    let serial = recording.case.machine.firmware == Firmware::Ovmf;
    let expected = [vec![right.clone()], wrong(right, &recording.log)].concat();
    let verdict = |number: usize| if number == 0 { "passed" } else { "failed" };
    let prepared = Prepared::of(recording);
    let mut found = Vec::new();
    for (number, whole) in prepared.conclude(&recording.log, &expected).iter().enumerate() {
        if word(whole) != verdict(number) {
            found.push(format!("{name}: expectation {number} of the whole log: {whole:?}"));
        }
    }
    let whole = said(&recording.log);
    for cut in cuts::of(&recording.log, serial, recording.case.seed ^ seed).into_iter().step_by(step) {
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

fn hold(step: usize, seed: u64) {
    let recordings = all();
    assert!(recordings.len() >= 20);
    let (left, found) = (AtomicUsize::new(0), Mutex::new((BTreeMap::new(), Counts::default())));
    let work = || {
        while let Some((name, recording)) = recordings.get(left.fetch_add(1, Ordering::Relaxed)) {
            let mut counts = Counts::default();
            let violations = violations(name, recording, (step, seed), &mut counts);
            let (all, sum) = &mut *found.lock().unwrap();
            all.insert(name, violations);
            *sum = Counts {
                same: sum.same + counts.same,
                broken: sum.broken + counts.broken,
                anothers: sum.anothers + counts.anothers,
            };
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(8);
        (0..threads).for_each(|_| drop(scope.spawn(work)));
    });
    let (violations, counts) = found.into_inner().unwrap();
    let violations: Vec<String> = violations.into_values().flatten().collect();
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
    hold(5, 0);
}

#[test]
#[ignore = "every cut, for as many seeds as BOOTWRIGHT_CUT_SEEDS says: cargo test -p bootwright --lib every_cut -- --ignored --nocapture"]
fn every_cut_gives_no_verdict_that_the_whole_log_does_not_give() {
    let seeds = std::env::var("BOOTWRIGHT_CUT_SEEDS").map_or(1, |seeds| seeds.parse().unwrap());
    (0..seeds).for_each(|seed| hold(1, seed));
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
