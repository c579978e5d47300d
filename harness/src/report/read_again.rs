//! Two runs as today's reader reads their evidence, so that what it has learned since is no change of firmware.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::{Attempt, CaseResult, Report};
use crate::error::chain;
use crate::run::read_again;
use crate::trace::{Outcome, Trace};
use crate::verdict::{one_of, unmapped};

impl Attempt {
    /// The attempts of a trace, in order.
    pub fn all_of(trace: &Trace) -> Vec<Attempt> {
        let one = |attempt: &crate::trace::Attempt| {
            // under way at the end: it was waited for in vain
            let mut seen = Attempt::new(attempt.target.clone(), attempt.outcome.unwrap_or(Outcome::TimedOut));
            seen.medium = attempt.medium.clone();
            seen.entry = attempt.entry.as_ref().map(ToString::to_string);
            let unknown = if attempt.unmapped || attempt.could_be.is_empty() { String::new() } else { one_of(attempt) };
            let reasons = [unknown, attempt.reason.to_string(), unmapped(attempt).to_owned()];
            let reasons: Vec<String> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
            seen.reason = Some(reasons.join("; ")).filter(|reason| !reason.is_empty());
            seen
        };
        trace.attempts.iter().map(one).collect()
    }
}

/// How much of two runs could be read again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadAgain {
    /// Rounds of cases that were.
    pub read: usize,
    /// Cases of which this reader makes something else than a run had made.
    pub otherwise: BTreeSet<String>,
    /// Rounds of cases that stay as their run had read them, by the reason.
    pub left: BTreeMap<String, BTreeSet<String>>,
}

/// Gives each case that is in both runs and ran what its evidence says today. The folders must be named so that they can be read
/// ([`Report::with_evidence_below`]). Verdicts stay: they are of the expectations of their time.
pub fn read_both_again(before: &mut Report, after: &mut Report) -> ReadAgain {
    let ids = |report: &Report| -> BTreeSet<String> { report.cases.iter().map(|case| case.id.clone()).collect() };
    let (of_before, of_after) = (ids(before), ids(after));
    let mut told = ReadAgain::default();
    for (report, others) in [(before, &of_after), (after, &of_before)] {
        // what only one run has is not compared
        report
            .cases
            .iter_mut()
            .filter(|case| case.was_run() && others.contains(&case.id))
            .for_each(|case| told.add(case));
    }
    told
}

impl ReadAgain {
    fn add(&mut self, case: &mut CaseResult) {
        match read_again(Path::new(&case.evidence)) {
            Ok(trace) => {
                let (attempts, booted) = (Attempt::all_of(&trace), trace.booted().map(str::to_owned));
                self.read += 1;
                if attempts != case.attempts || booted != case.booted {
                    self.otherwise.insert(case.id.clone());
                }
                (case.attempts, case.booted) = (attempts, booted);
            }
            Err(why) => drop(self.left.entry(chain(&why)).or_default().insert(case.id.clone())),
        }
    }
}

impl fmt::Display for ReadAgain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |cases: &BTreeSet<String>| cases.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        write!(out, "read again: {} rounds of cases", self.read)?;
        if !self.otherwise.is_empty() {
            write!(out, "\n  otherwise than by their runs: {}", list(&self.otherwise))?;
        }
        for (why, cases) in &self.left {
            write!(out, "\n  not read again: {}\n    {why}", list(cases))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CaseKey, Verdict};

    /// A run of these cases, of which nothing was left.
    fn run(ids: &[&str]) -> Report {
        let mut report = Report::new("run");
        report.cases = ids.iter().map(|id| CaseResult::new(&CaseKey::new(*id, "host"), Verdict::Passed)).collect();
        report.cases.iter_mut().for_each(|case| case.wall_seconds = 1.0);
        report
    }

    #[test]
    fn what_cannot_be_read_again_stays_and_is_named_with_its_reason() {
        let (mut before, mut after) = (run(&["a", "b"]), run(&["b", "c"]));
        let known = vec![Attempt::new("Hard Disk", Outcome::Booted).medium("right")];
        before.cases[1].attempts.clone_from(&known);
        let told = read_both_again(&mut before, &mut after);
        assert_eq!((told.read, &before.cases[1].attempts), (0, &known));
        let left: Vec<_> = told.left.iter().collect();
        let [(why, cases)] = left.as_slice() else { panic!("{told}") };
        assert!(why.contains("machine.json"), "{why}");
        assert_eq!(**cases, BTreeSet::from(["b".to_owned()]));
        assert!(told.to_string().contains("\n  not read again: b\n    "), "{told}");
    }

    #[test]
    fn what_was_never_run_is_not_read() {
        let (mut before, mut after) = (run(&["a"]), run(&["a"]));
        for report in [&mut before, &mut after] {
            report.cases[0].wall_seconds = 0.0;
        }
        assert_eq!(read_both_again(&mut before, &mut after), ReadAgain::default());
    }
}
