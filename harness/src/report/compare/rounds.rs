//! How often a case ran in a run, or in several runs that count as one, and what was seen of it.

use std::collections::{BTreeMap, BTreeSet};

use super::change::Key;
use crate::machine::ClockKind;
use crate::report::{Attempt, CaseResult, Report, Start, Verdict, text};
use crate::trace::Outcome;

/// Fewest rounds by which a case is known to vary by itself.
const FEWEST_TO_VARY: usize = 4;

/// Every round of one case.
pub(super) struct Rounds<'a> {
    /// The one with the worst verdict, and of these the shortest.
    pub worst: &'a CaseResult,
    all: Vec<&'a CaseResult>,
}

impl<'a> Rounds<'a> {
    /// The rounds of each case; of all platforms together with `by_case`.
    pub fn of(report: &'a Report, by_case: bool) -> BTreeMap<Key<'a>, Rounds<'a>> {
        let mut cases: BTreeMap<Key<'_>, Rounds<'_>> = BTreeMap::new();
        for case in &report.cases {
            let platform = if by_case { "" } else { case.platform.as_str() };
            let rounds = cases.entry((platform, &case.id)).or_insert_with(|| Rounds { worst: case, all: Vec::new() });
            if order(case, rounds.worst).is_lt() {
                rounds.worst = case;
            }
            rounds.all.push(case);
        }
        cases.values_mut().for_each(Rounds::leave_out_what_was_not_run);
        cases
    }

    /// Rounds that were never begun, or ended without a verdict of their own, say nothing beside those that were run.
    fn leave_out_what_was_not_run(&mut self) {
        if !self.all.iter().any(|case| case.was_run()) {
            return;
        }
        self.all.retain(|case| case.was_run());
        let worst = self.all.iter().copied().min_by(|one, other| order(one, other));
        self.worst = worst.unwrap_or(self.worst);
    }

    /// Whether one of them was as expected.
    pub fn was_as_expected(&self) -> bool {
        self.all.iter().any(|case| case.verdict.is_as_expected())
    }

    /// Whether one of them had this verdict.
    pub fn had(&self, verdict: Verdict) -> bool {
        self.all.iter().any(|case| case.verdict == verdict)
    }

    /// Least and most guest time, seconds, of the rounds that have one: by a clock that counts instructions, since by the host's a busy
    /// host is a slow guest, and from a reset.
    pub fn guest_seconds(&self) -> Option<(f64, f64)> {
        let counts = |case: &&&CaseResult| case.clock == Some(ClockKind::Virtual) && case.start != Some(Start::Warm);
        let seconds = self.all.iter().filter(counts).filter_map(|case| case.guest_seconds);
        seconds.fold(None, |range, seconds| {
            let (least, most) = range.unwrap_or((seconds, seconds));
            Some((least.min(seconds), most.max(seconds)))
        })
    }

    /// The ways that the rounds took. With reasons, what an attempt ended for is a part of a way.
    pub fn ways(&self, with_reasons: bool) -> Ways<'a> {
        let mut ways: BTreeMap<String, Way<'a>> = BTreeMap::new();
        for case in &self.all {
            let (told, parts) = (trace(case, with_reasons), parts(case, with_reasons));
            let way = || Way { told, parts, first: case, times: 0, proven: 0 };
            let way = ways.entry(comparable(case, with_reasons)).or_insert_with(way);
            way.times += 1;
            way.proven += usize::from(!matches!(case.verdict, Verdict::Broken | Verdict::Skipped));
        }
        Ways { ways, rounds: self.all.len() }
    }
}

/// The worse verdict first, and of two alike the shorter one.
fn order(one: &CaseResult, other: &CaseResult) -> std::cmp::Ordering {
    let rank = |case: &CaseResult| Verdict::ALL.iter().position(|&verdict| verdict == case.verdict);
    rank(one).cmp(&rank(other)).then(one.wall_seconds.total_cmp(&other.wall_seconds))
}

/// The different ways of a case's rounds, by what is compared of them.
pub(super) struct Ways<'a> {
    ways: BTreeMap<String, Way<'a>>,
    rounds: usize,
}

struct Way<'a> {
    told: String,
    parts: BTreeSet<String>,
    first: &'a CaseResult,
    times: usize,
    /// The rounds of these that say something of the machine: where a host is at fault, each round is cut at a place of its own.
    proven: usize,
}

impl<'a> Ways<'a> {
    /// A round that took a way which none of those `before` took. Before all, one that such a case does not take by chance.
    pub fn first_new_to(&self, before: &Ways) -> Option<New<'a>> {
        let new = || self.ways.iter().filter(|(way, _)| !before.ways.contains_key(*way)).map(|(_, way)| way);
        let told = new().find(|way| !before.may_take(way)).map(|way| New { round: way.first, by_chance: false });
        told.or_else(|| new().next().map(|way| New { round: way.first, by_chance: true }))
    }

    /// Whether a further round may well have taken this way: at least every second one went as no other did, which is about how often
    /// another one still goes a way of its own (Good, 1953: the share of what was seen once), and it has no part that was never seen.
    fn may_take(&self, way: &Way) -> bool {
        let proven = || self.ways.values().filter(|way| way.proven > 0);
        let once = proven().filter(|way| way.proven == 1).count();
        let rounds: usize = proven().map(|way| way.proven).sum();
        let known = |part| proven().any(|way| way.parts.contains(part));
        rounds >= FEWEST_TO_VARY && 2 * once >= rounds && way.parts.iter().all(known)
    }
}

/// A way that was not known.
pub(super) struct New<'a> {
    /// The round that took it.
    pub round: &'a CaseResult,
    /// Whether it is of a case that goes another way each time, and has no part that its earlier ways do not have.
    pub by_chance: bool,
}

impl std::fmt::Display for Ways<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut ways: Vec<&Way> = self.ways.values().collect();
        ways.sort_by_key(|way| std::cmp::Reverse(way.times));
        let told = |way: &Way| match ways.len() {
            1 => way.told.clone(),
            _ => format!("{} ({} of {})", way.told, way.times, self.rounds),
        };
        out.write_str(&ways.iter().map(|way| told(way)).collect::<Vec<_>>().join(", or "))
    }
}

/// A trace without what is the host's chance.
fn comparable(case: &CaseResult, with_reasons: bool) -> String {
    trace(&without_chance(case), with_reasons)
}

/// The attempts and the boot of a trace, each by itself, without what is the host's chance.
fn parts(case: &CaseResult, with_reasons: bool) -> BTreeSet<String> {
    let case = without_chance(case);
    case.attempts.iter().map(|one| attempt(one, with_reasons)).chain([booted(&case)]).collect()
}

/// Without how often and for how long a guest that hangs was looked at.
fn without_chance(case: &CaseResult) -> CaseResult {
    let mut case = case.clone();
    for attempt in case.attempts.iter_mut().filter(|attempt| attempt.outcome == Outcome::Hung) {
        attempt.reason = attempt.reason.as_deref().map(without_amounts);
    }
    case
}

/// A sentence in which a number that is a word of its own is `N`; addresses such as `0x7c00` stay.
fn without_amounts(sentence: &str) -> String {
    let is_amount = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = sentence.split(' ').map(|word| if is_amount(word) { "N" } else { word }).collect();
    words.join(" ")
}

fn trace(case: &CaseResult, with_reasons: bool) -> String {
    let attempts: Vec<String> = case.attempts.iter().map(|one| attempt(one, with_reasons)).collect();
    format!("[{}] {}", attempts.join(", "), booted(case))
}

fn attempt(attempt: &Attempt, with_reason: bool) -> String {
    let name = attempt.medium.as_deref().unwrap_or(&attempt.target);
    let reason = attempt.reason.as_deref().filter(|_| with_reason);
    let reason = reason.map(|reason| format!(" ({})", text::printable(reason))).unwrap_or_default();
    format!("{} {}{reason}", text::printable(name), attempt.outcome)
}

fn booted(case: &CaseResult) -> String {
    format!("booted {}", case.booted.as_deref().map_or_else(|| "nothing".into(), text::printable))
}
