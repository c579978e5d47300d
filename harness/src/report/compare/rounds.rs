//! How often a case ran in a run, or in several runs that count as one, and what was seen of it.

use std::collections::BTreeMap;

use super::change::Key;
use crate::report::{CaseResult, Report, Verdict, text};
use crate::trace::Outcome;

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

    /// Least and most guest time, seconds, of the rounds that have one.
    pub fn guest_seconds(&self) -> Option<(f64, f64)> {
        let seconds = self.all.iter().filter_map(|case| case.guest_seconds);
        seconds.fold(None, |range, seconds| {
            let (least, most) = range.unwrap_or((seconds, seconds));
            Some((least.min(seconds), most.max(seconds)))
        })
    }

    /// The ways that the rounds took. With reasons, what an attempt ended for is a part of a way.
    pub fn ways(&self, with_reasons: bool) -> Ways<'a> {
        let mut ways: BTreeMap<String, Way<'a>> = BTreeMap::new();
        for case in &self.all {
            let way = || Way { told: trace(case, with_reasons), first: case, times: 0 };
            ways.entry(comparable(case, with_reasons)).or_insert_with(way).times += 1;
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
    first: &'a CaseResult,
    times: usize,
}

impl<'a> Ways<'a> {
    /// A round that took a way which none of those `before` took.
    pub fn first_new_to(&self, before: &Ways) -> Option<&'a CaseResult> {
        self.ways.iter().find(|(way, _)| !before.ways.contains_key(*way)).map(|(_, way)| way.first)
    }
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

/// A trace without what is the host's chance: how often and for how long a guest that hangs was looked at.
fn comparable(case: &CaseResult, with_reasons: bool) -> String {
    let mut case = case.clone();
    for attempt in case.attempts.iter_mut().filter(|attempt| attempt.outcome == Outcome::Hung) {
        attempt.reason = attempt.reason.as_deref().map(without_amounts);
    }
    trace(&case, with_reasons)
}

/// A sentence in which a number that is a word of its own is `N`; addresses such as `0x7c00` stay.
fn without_amounts(sentence: &str) -> String {
    let is_amount = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<&str> = sentence.split(' ').map(|word| if is_amount(word) { "N" } else { word }).collect();
    words.join(" ")
}

fn trace(case: &CaseResult, with_reasons: bool) -> String {
    let attempts: Vec<String> = case
        .attempts
        .iter()
        .map(|attempt| {
            let name = attempt.medium.as_deref().unwrap_or(&attempt.target);
            let reason = attempt.reason.as_deref().filter(|_| with_reasons);
            let reason = reason.map(|reason| format!(" ({})", text::printable(reason))).unwrap_or_default();
            format!("{} {}{reason}", text::printable(name), attempt.outcome)
        })
        .collect();
    let booted = case.booted.as_deref().map_or_else(|| "nothing".into(), text::printable);
    format!("[{}] booted {booted}", attempts.join(", "))
}
