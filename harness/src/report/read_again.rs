//! Two runs as today's reader reads their evidence, so that what it has learned since is no change of firmware.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::{Attempt, CaseResult, Report};
use crate::error::chain;
use crate::run::read_again;
use crate::trace::{Outcome, Trace};
use crate::verdict::one_of;

impl Attempt {
    /// The attempts of a trace, in order.
    pub fn all_of(trace: &Trace) -> Vec<Attempt> {
        let one = |attempt: &crate::trace::Attempt| {
            // under way at the end: it was waited for in vain
            let mut seen = Attempt::new(attempt.target.clone(), attempt.outcome.unwrap_or(Outcome::TimedOut));
            seen.medium = attempt.medium.clone();
            seen.entry = attempt.entry.as_ref().map(ToString::to_string);
            let unknown = (!attempt.could_be.is_empty()).then(|| one_of(attempt));
            let reason = Some(attempt.reason.to_string()).filter(|reason| !reason.is_empty());
            let reason = unknown.into_iter().chain(reason).collect::<Vec<_>>().join("; ");
            seen.reason = Some(reason).filter(|reason| !reason.is_empty());
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

/// Gives each case that ran in either run what its evidence says today. The folders must be named so that they can be read
/// ([`Report::with_evidence_below`]). Verdicts stay: they are of the expectations of their time.
pub fn read_both_again(before: &mut Report, after: &mut Report) -> ReadAgain {
    let folders = |report: &Report| -> BTreeMap<String, String> {
        report.cases.iter().map(|case| (case.id.clone(), case.evidence.clone())).collect()
    };
    let (of_before, of_after) = (folders(before), folders(after));
    let mut told = ReadAgain::default();
    for (report, others) in [(before, &of_after), (after, &of_before)] {
        for case in report.cases.iter_mut().filter(|case| case.was_run()) {
            told.add(case, others.get(&case.id).map(Path::new));
        }
    }
    told
}

impl ReadAgain {
    fn add(&mut self, case: &mut CaseResult, same_case: Option<&Path>) {
        match read_again(Path::new(&case.evidence), same_case) {
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
