//! Which boots took longer by the guest's own clock: under the virtual clock that counts instructions, and a busy host does not
//! change it by much.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change::{Change, Key, label, median};
use crate::machine::ClockKind;
use crate::report::{CaseResult, Report, Verdict};

/// The fewest rounds of a case that show how much it varies.
const LEAST_ROUNDS: usize = 2;

/// What the comparison by the guest's clock rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GuestClock {
    /// The slowing that counts, percent.
    pub percent: f64,
    /// Cases that were compared.
    pub compared: usize,
    /// Cases that vary by more than that themselves, so that nothing can be said of them.
    pub unsteady: usize,
    /// Middle of all ratios of guest time, after over before.
    pub median_ratio: f64,
}

/// Guest times of a case's rounds.
struct Rounds<'a> {
    least: f64,
    most: f64,
    /// One of them, for its evidence.
    case: &'a CaseResult,
}

/// The cases of which every round took longer than every round before, by more than `percent`. Those that passed in both runs under
/// the virtual clock and came to a program count.
///
/// # Errors
///
/// That no case has rounds enough to show its spread.
pub fn slower(
    before: &Report,
    after: &Report,
    by_case: bool,
    percent: f64,
) -> Result<(GuestClock, Vec<Change>), String> {
    let (old, new) = (rounds(before, by_case), rounds(after, by_case));
    let limit = 1.0 + percent / 100.0;
    let (mut changes, mut ratios, mut unsteady) = (Vec::new(), Vec::new(), 0);
    for (key, after) in &new {
        let Some(before) = old.get(key) else { continue };
        if [before, after].iter().any(|rounds| rounds.most > limit * rounds.least) {
            unsteady += 1;
            continue;
        }
        ratios.push(after.least / before.least);
        if after.least > limit * before.most {
            let text = |rounds: &Rounds| format!("{:.4} to {:.4} s of guest time", rounds.least, rounds.most);
            changes.push(Change {
                case: label(key),
                before: text(before),
                after: format!("{} (x{:.3})", text(after), after.least / before.least),
                before_evidence: Some(before.case.evidence.clone()),
                after_evidence: Some(after.case.evidence.clone()),
            });
        }
    }
    if ratios.is_empty() && unsteady == 0 {
        return Err(format!(
            "no case has passed {LEAST_ROUNDS} times in both runs under the virtual clock: one boot does not show how much it varies\n  \
             fix: run both with --repeat 3"
        ));
    }
    let compared = ratios.len();
    let median_ratio = if ratios.is_empty() { 1.0 } else { median(ratios) };
    Ok((GuestClock { percent, compared, unsteady, median_ratio }, changes))
}

/// The rounds of each case that has enough of them.
fn rounds(report: &Report, by_case: bool) -> BTreeMap<Key<'_>, Rounds<'_>> {
    let mut all: BTreeMap<Key<'_>, Vec<(f64, &CaseResult)>> = BTreeMap::new();
    for case in &report.cases {
        let counts = case.verdict == Verdict::Passed && case.clock == Some(ClockKind::Virtual) && case.booted.is_some();
        let seconds = case.guest_seconds.filter(|seconds| counts && *seconds > 0.0);
        let platform = if by_case { "" } else { case.platform.as_str() };
        all.entry((platform, case.id.as_str())).or_default().extend(seconds.map(|seconds| (seconds, case)));
    }
    let enough = all.into_iter().filter(|(_, rounds)| rounds.len() >= LEAST_ROUNDS);
    let folded = enough.filter_map(|(key, rounds)| {
        let least = rounds.iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
        let most = rounds.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((key, Rounds { least: least.0, most: most.0, case: least.1 }))
    });
    folded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// Three rounds of one case, with these guest times.
    fn report(seconds: &[f64]) -> Report {
        let mut report = sample::report(200);
        let fits = |case: &&CaseResult| {
            case.verdict == Verdict::Passed && case.clock == Some(ClockKind::Virtual) && case.booted.is_some()
        };
        let case = report.cases.iter().find(fits).unwrap().clone();
        report.cases =
            seconds.iter().map(|seconds| CaseResult { guest_seconds: Some(*seconds), ..case.clone() }).collect();
        report
    }

    fn found(before: &[f64], after: &[f64]) -> (usize, usize, usize) {
        let (clock, changes) = slower(&report(before), &report(after), false, 2.0).unwrap();
        (changes.len(), clock.compared, clock.unsteady)
    }

    #[test]
    fn every_round_must_be_slower_than_every_round_before_by_more_than_the_limit() {
        assert_eq!(found(&[1.0, 1.001, 1.002], &[1.03, 1.031, 1.032]), (1, 1, 0));
        assert_eq!(
            found(&[1.0, 1.001, 1.015], &[1.03, 1.031, 1.032]),
            (0, 1, 0),
            "one round before was nearly as slow"
        );
        assert_eq!(found(&[1.0, 1.0], &[1.02, 1.02]), (0, 1, 0), "not more than the limit");
        assert_eq!(found(&[1.03, 1.03], &[1.0, 1.0]), (0, 1, 0), "faster");
    }

    #[test]
    fn a_case_that_varies_by_more_than_the_limit_says_nothing() {
        assert_eq!(found(&[1.0, 1.03], &[2.0, 2.0]), (0, 0, 1));
        assert_eq!(found(&[1.0, 1.0], &[2.0, 3.0]), (0, 0, 1));
    }

    #[test]
    fn one_round_shows_no_spread() {
        let error = slower(&report(&[1.0]), &report(&[2.0]), false, 2.0).unwrap_err();
        assert!(error.ends_with("fix: run both with --repeat 3"), "{error}");
    }

    #[test]
    fn real_time_and_what_did_not_pass_do_not_count() {
        let mut real = report(&[1.0, 1.0]);
        real.cases.iter_mut().for_each(|case| case.clock = Some(ClockKind::Real));
        let mut failed = report(&[1.0, 1.0]);
        failed.cases[0].verdict = Verdict::Failed;
        for before in [real, failed] {
            assert!(slower(&before, &report(&[2.0, 2.0]), false, 2.0).is_err());
        }
    }
}
