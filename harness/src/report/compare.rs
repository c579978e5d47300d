//! What changed between two runs of the same cases.

mod change;
mod guest_clock;
mod page;
mod rounds;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::read_again::ReadAgain;
use super::{CaseResult, Report, Verdict, text};

pub use change::Change;
use change::{Key, label, median};
pub use guest_clock::GuestClock;
pub use page::page;
use rounds::{New, Rounds};

/// Least slowing, as a ratio, that counts however quiet the machine was.
const LEAST_RATIO: f64 = 1.25;
/// Least slowing in seconds that counts: below it, a ratio says nothing.
const LEAST_SECONDS: f64 = 0.2;

/// The differences between two runs, each list sorted by platform and id.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Not as expected now, as expected (or absent) before.
    pub new_failures: Vec<Change>,
    /// Ran and is as expected now, not before.
    pub new_passes: Vec<Change>,
    /// Another verdict that is neither of these, for example of a case that passed or failed and is skipped now.
    pub other_verdicts: Vec<Change>,
    /// The same verdict with attempts, or another medium booted, that no round before had.
    pub changed_traces: Vec<Change>,
    /// Such a change where the case does something else now: its story has other steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_stories: Vec<Change>,
    /// Another way, of nothing but known parts, of a case that went another way in every second round before: chance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_chance: Vec<Change>,
    /// The same verdict after a guest time that is a quarter and a second longer or shorter, under the virtual clock, from a reset
    /// to the last look at the guest.
    pub guest_times: Vec<Change>,
    /// Slower by the guest's clock, by more than was asked for and by more than their own spread.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guest_slower: Vec<Change>,
    /// What that rests on, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_clock: Option<GuestClock>,
    /// How much of the two was read again, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_again: Option<ReadAgain>,
    /// Slower by more than the noise.
    pub slower: Vec<Slower>,
    /// The ratio under which a slowing is taken for noise.
    pub noise_floor: f64,
    /// Middle of all ratios of duration: how much slower or faster the whole run was.
    pub median_ratio: f64,
    /// Number of cases that are in both runs.
    pub common: usize,
    /// Cases of the first run that the second does not have.
    pub gone: Vec<String>,
    /// Cases of the second run that the first does not have.
    pub added: Vec<String>,
}

/// One case that takes longer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slower {
    /// Id, with `@platform` behind it.
    pub case: String,
    /// Seconds before.
    pub before: f64,
    /// Seconds now.
    pub after: f64,
    /// `after / before`, the median of the run taken out.
    pub ratio: f64,
}

/// Compares `after` with `before`, case by case on each platform. Repetitions of a case count as one, with its worst verdict and
/// its shortest duration; its trace is another one if a repetition took a way that none before took.
pub fn compare(before: &Report, after: &Report) -> Comparison {
    compared(before, after, false)
}

/// Compares `after` with `before` by the cases' ids alone: two platforms, of one run or of two. What an attempt ended for
/// counts as a part of its way.
pub fn compare_by_case(before: &Report, after: &Report) -> Comparison {
    compared(before, after, true)
}

fn compared(before: &Report, after: &Report, by_case: bool) -> Comparison {
    let (old, new) = (Rounds::of(before, by_case), Rounds::of(after, by_case));
    let (ratios, median_ratio, noise_floor) = noise(&old, &new);
    let mut comparison = Comparison { median_ratio, noise_floor, ..Comparison::default() };
    comparison.common = new.keys().filter(|key| old.contains_key(*key)).count();
    comparison.gone = old.keys().filter(|key| !new.contains_key(*key)).map(label).collect();
    comparison.added = new.keys().filter(|key| !old.contains_key(*key)).map(label).collect();
    for (key, rounds) in &new {
        comparison.add(label(key), old.get(key), rounds, by_case);
    }
    for (key, ratio) in ratios {
        let (before, after) = (old[&key].worst.wall_seconds, new[&key].worst.wall_seconds);
        if ratio > noise_floor && after - before * median_ratio > LEAST_SECONDS {
            comparison.slower.push(Slower { case: label(&key), before, after, ratio });
        }
    }
    comparison.slower.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    comparison
}

impl Comparison {
    /// Adds one case, where it belongs.
    fn add(&mut self, case: String, old: Option<&Rounds>, new: &Rounds, with_reasons: bool) {
        let (was, is) = (old.map(|rounds| rounds.worst.verdict), new.worst.verdict);
        let change = |before: String, after: String| Change {
            case: case.clone(),
            before,
            after,
            before_evidence: old.map(|rounds| rounds.worst.evidence.clone()),
            after_evidence: Some(new.worst.evidence.clone()),
        };
        let word = |verdict: Option<Verdict>| verdict.map_or("absent", Verdict::word).to_string();
        let with_reason = || match &new.worst.reason {
            Some(reason) => format!("{is} ({})", text::printable(reason)),
            None => is.to_string(),
        };
        match old {
            None if is.is_as_expected() => {}
            Some(old) if old.had(is) => {
                let (before, after) = (old.ways(with_reasons), new.ways(with_reasons));
                if let Some(New { round, by_chance }) = after.first_new_to(&before) {
                    let after_evidence = Some(round.evidence.clone());
                    let change = Change { after_evidence, ..change(before.to_string(), after.to_string()) };
                    if by_chance { &mut self.by_chance } else { &mut self.changed_traces }.push(change);
                }
                if let Some((before, after)) = guest_times(old, new) {
                    self.guest_times.push(change(before, after));
                }
            }
            _ if !is.is_as_expected() && old.is_none_or(Rounds::was_as_expected) => {
                self.new_failures.push(change(word(was), with_reason()));
            }
            // a skip is fine, and says nothing of the firmware
            Some(_) if is.is_fine(true) && was.is_some_and(|was| !was.is_as_expected()) => {
                self.new_passes.push(change(word(was), with_reason()));
            }
            _ => self.other_verdicts.push(change(word(was), with_reason())),
        }
    }
}

/// Ratios of duration with their median taken out, the median, and the ratio above which one is no noise.
///
/// The floor is three times the middle deviation from the median, in logarithms: half of all cases lie within one, and
/// a few slow ones do not move it.
fn noise<'a>(
    old: &BTreeMap<Key<'a>, Rounds<'a>>,
    new: &BTreeMap<Key<'a>, Rounds<'a>>,
) -> (Vec<(Key<'a>, f64)>, f64, f64) {
    let ran = |case: &CaseResult| case.guest_seconds.is_some() && case.wall_seconds > 0.0;
    let logs: Vec<(Key<'a>, f64)> = new
        .iter()
        .filter_map(|(key, after)| Some((*key, old.get(key)?.worst, after.worst)))
        .filter(|(_, before, after)| ran(before) && ran(after) && before.verdict == after.verdict)
        .map(|(key, before, after)| (key, (after.wall_seconds / before.wall_seconds).ln()))
        .collect();
    let middle = median(logs.iter().map(|(_, log)| *log).collect());
    let deviation = median(logs.iter().map(|(_, log)| (log - middle).abs()).collect());
    let floor = (3.0 * 1.4826 * deviation).exp().max(LEAST_RATIO);
    (logs.into_iter().map(|(key, log)| (key, (log - middle).exp())).collect(), middle.exp(), floor)
}

/// Guest seconds of both, where those of all rounds differ by a quarter and by a second.
fn guest_times(before: &Rounds, after: &Rounds) -> Option<(String, String)> {
    let (before, after) = (before.guest_seconds()?, after.guest_seconds()?);
    let apart = |(_, less): (f64, f64), (more, _): (f64, f64)| more - less > 1.0 && more > LEAST_RATIO * less;
    let told = |(least, most): (f64, f64)| match format!("{least:.1}") {
        least if least == format!("{most:.1}") => format!("{least} s of guest time"),
        least => format!("{least} to {most:.1} s of guest time"),
    };
    (apart(before, after) || apart(after, before)).then(|| (told(before), told(after)))
}

impl Comparison {
    /// 1 if there are new failures, or boots that are slower by the guest's clock where that was asked for, else 0; 2 if the runs have no
    /// case in common.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self { common: 0, .. } => 2,
            Self { new_failures, guest_slower, .. } if !new_failures.is_empty() || !guest_slower.is_empty() => 1,
            _ => 0,
        }
    }

    /// Adds the boots that took longer by the guest's clock, by more than so many percent.
    ///
    /// # Errors
    ///
    /// That no case was run often enough.
    pub fn with_slower(self, before: &Report, after: &Report, by_case: bool, percent: f64) -> Result<Self, String> {
        let (clock, guest_slower) = guest_clock::slower(before, after, by_case, percent)?;
        Ok(Comparison { guest_slower, guest_clock: Some(clock), ..self })
    }
}

impl Comparison {
    /// Takes the traces that changed with their case's story out of those that changed with its guest. `steps` gives the names of the
    /// steps of the story that was played in an evidence folder, where that is known.
    #[must_use]
    pub fn with_stories(mut self, steps: impl Fn(&str) -> Option<Vec<String>>) -> Self {
        let steps = |folder: &Option<String>| folder.as_deref().and_then(&steps);
        let is_another = |change: &mut Change| match (steps(&change.before_evidence), steps(&change.after_evidence)) {
            (Some(before), Some(after)) => before != after,
            _ => false,
        };
        self.other_stories.extend(self.changed_traces.extract_if(.., is_another));
        self
    }

    /// The same comparison with the evidence folders named otherwise, or not at all.
    #[must_use]
    pub fn with_evidence(mut self, named: impl Fn(String) -> Option<String>) -> Self {
        let verdicts = [&mut self.new_failures, &mut self.new_passes, &mut self.other_verdicts];
        let traces = [&mut self.changed_traces, &mut self.other_stories, &mut self.by_chance];
        let times = [&mut self.guest_times, &mut self.guest_slower];
        for change in verdicts.into_iter().chain(traces).chain(times).flatten() {
            for evidence in [&mut change.before_evidence, &mut change.after_evidence] {
                *evidence = evidence.take().and_then(&named);
            }
        }
        self
    }

    /// The lists of changes with their titles, those that want attention first.
    pub fn lists(&self) -> [(&'static str, &Vec<Change>); 8] {
        [
            ("new failures", &self.new_failures),
            ("slower by the guest's clock", &self.guest_slower),
            ("new passes", &self.new_passes),
            ("other verdicts", &self.other_verdicts),
            ("changed traces", &self.changed_traces),
            ("traces of another story", &self.other_stories),
            ("traces by chance", &self.by_chance),
            ("other guest times", &self.guest_times),
        ]
    }

    /// What the comparison by the guest's clock came to, in one line; `None` where it was not asked for.
    fn by_the_guests_clock(&self) -> Option<String> {
        let GuestClock { percent, compared, unsteady, median_ratio } = self.guest_clock.as_ref()?;
        let slower = self.guest_slower.len();
        Some(format!(
            "by the guest's clock: {slower} of {compared} cases slower by more than {percent} %, all: x{median_ratio:.4}; \
             {unsteady} vary by more than that themselves"
        ))
    }

    /// The traces that are other ones and say nothing of the firmware, in words; nothing where there are none.
    fn other_traces(&self) -> String {
        let kinds = [("of another story", &self.other_stories), ("by chance", &self.by_chance)];
        let told = kinds.into_iter().filter(|(_, list)| !list.is_empty());
        let told: Vec<String> = told.map(|(kind, list)| format!("{} {kind}", list.len())).collect();
        if told.is_empty() { String::new() } else { format!(" (and {})", told.join(", ")) }
    }

    /// The counts on one line.
    pub fn summary(&self) -> String {
        let cases = if self.common == 1 { "case" } else { "cases" };
        let alone: Vec<String> = [("gone", &self.gone), ("added", &self.added)]
            .into_iter()
            .filter(|(_, cases)| !cases.is_empty())
            .map(|(what, cases)| format!(", {} {what}", cases.len()))
            .collect();
        format!(
            "{} {cases} in both runs{}: {} new failures, {} new passes, {} other verdicts, {} changed traces{}, {} slower (all: \
             x{:.2}, noise up to x{:.2})",
            self.common,
            alone.concat(),
            self.new_failures.len(),
            self.new_passes.len(),
            self.other_verdicts.len(),
            self.changed_traces.len(),
            self.other_traces(),
            self.slower.len(),
            self.median_ratio,
            self.noise_floor
        )
    }
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        for (title, changes) in self.lists().into_iter().filter(|(_, changes)| !changes.is_empty()) {
            writeln!(text, "{title}: {}", changes.len())?;
            for Change { case, before, after, before_evidence, after_evidence } in changes {
                writeln!(text, "  {case}\n    before: {before}\n    after:  {after}")?;
                for evidence in [before_evidence, after_evidence].into_iter().flatten() {
                    writeln!(text, "    see:    {}/", text::printable(evidence))?;
                }
            }
        }
        if !self.slower.is_empty() {
            writeln!(text, "slower by more than x{:.2}: {}", self.noise_floor, self.slower.len())?;
            for Slower { case, before, after, ratio } in &self.slower {
                writeln!(text, "  x{ratio:.2}  {before:.2} s -> {after:.2} s  {case}")?;
            }
        }
        for (title, cases) in [("gone", &self.gone), ("added", &self.added)] {
            let distinct: BTreeSet<&String> = cases.iter().collect();
            if !distinct.is_empty() {
                writeln!(text, "{title}: {}", distinct.len())?;
                distinct.iter().try_for_each(|case| writeln!(text, "  {case}"))?;
            }
        }
        if let Some(clock) = self.by_the_guests_clock() {
            writeln!(text, "{clock}")?;
        }
        if let Some(read_again) = &self.read_again {
            writeln!(text, "{read_again}")?;
        }
        write!(out, "{text}{}", self.summary())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ClockKind;
    use crate::report::{Attempt, Start, sample};
    use crate::trace::Outcome;

    fn find(report: &mut Report, verdict: Verdict) -> &mut CaseResult {
        report.cases.iter_mut().find(|case| case.verdict == verdict).unwrap()
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let report = sample::report(200);
        let comparison = compare(&report, &report);
        assert_eq!((comparison.common, comparison.exit_code()), (200, 0));
        assert_eq!(comparison.noise_floor, LEAST_RATIO);
        assert_eq!(comparison.to_string().lines().count(), 1, "{comparison}");
    }

    #[test]
    fn each_kind_of_change_is_found_and_none_twice() {
        let before = sample::report(200);
        let mut after = before.clone();
        let broke = find(&mut after, Verdict::Passed);
        (broke.verdict, broke.reason) = (Verdict::Failed, Some("booted \"wrong\"".into()));
        let broke = format!("{}@host", broke.id);
        find(&mut after, Verdict::Broken).verdict = Verdict::Passed;
        find(&mut after, Verdict::ExpectedFailure).verdict = Verdict::Skipped;
        let moved = find(&mut after, Verdict::Passed);
        moved.attempts[0].outcome = Outcome::TimedOut;
        let slow = after.cases.iter_mut().rev().find(|case| case.verdict == Verdict::Passed).unwrap();
        slow.wall_seconds *= 3.0;
        let gone = after.cases.remove(100);
        let comparison = compare(&before, &after);
        assert_eq!(comparison.new_failures.len(), 1, "{comparison}");
        assert_eq!(comparison.new_failures[0].case, broke);
        assert_eq!(comparison.new_passes.len(), 1, "{comparison}");
        assert_eq!(comparison.other_verdicts.len(), 1, "{comparison}");
        assert_eq!(comparison.changed_traces.len(), 1, "{comparison}");
        assert_eq!(comparison.slower.len(), 1, "{comparison}");
        assert!((comparison.slower[0].ratio - 3.0).abs() < 0.01);
        assert_eq!(comparison.gone, [format!("{}@host", gone.id)]);
        assert_eq!(comparison.exit_code(), 1);
    }

    #[test]
    fn a_case_that_is_skipped_now_is_no_new_pass() {
        let before = sample::report(200);
        for (was, is, passes, others) in [
            (Verdict::Failed, Verdict::Skipped, 0, 1),
            (Verdict::Broken, Verdict::Skipped, 0, 1),
            (Verdict::Passed, Verdict::Skipped, 0, 1),
            (Verdict::Failed, Verdict::ExpectedFailure, 1, 0),
        ] {
            let mut after = before.clone();
            find(&mut after, was).verdict = is;
            let comparison = compare(&before, &after);
            let found = (comparison.new_passes.len(), comparison.other_verdicts.len());
            assert_eq!(found, (passes, others), "{was} -> {is}: {comparison}");
            assert!(comparison.summary().contains(&format!("{passes} new passes, {others} other verdicts")));
        }
    }

    #[test]
    fn evidence_that_is_not_there_is_not_named() {
        let before = sample::report(40);
        let mut after = before.clone().with_evidence_below("b");
        find(&mut after, Verdict::Passed).verdict = Verdict::Broken;
        let comparison = compare(&before.with_evidence_below("a"), &after);
        assert_eq!(comparison.to_string().matches("    see:    ").count(), 2, "{comparison}");
        let comparison = comparison.with_evidence(|folder| Some(folder).filter(|folder| folder.starts_with("a/")));
        let told = comparison.to_string();
        assert!(told.contains("see:    a/cases/") && !told.contains("see:    b/"), "{told}");
    }

    #[test]
    fn how_long_a_guest_hung_is_no_other_trace_and_where_is() {
        let mut before = sample::report(200);
        let hung = |report: &mut Report, outcome: Outcome, reason: &str| {
            let attempt = &mut find(report, Verdict::Passed).attempts[0];
            (attempt.outcome, attempt.reason) = (outcome, Some(reason.to_owned()));
        };
        for (outcome, first, second, changed) in [
            (Outcome::Hung, "it was idle for 241 s of its time", "it was idle for 970 s of its time", 0),
            (Outcome::Hung, "it was idle for 241 s of its time", "it computes for 970 s of its time", 1),
            (Outcome::Hung, "it loops at 0x7c00", "it loops at 0x7c02", 1),
            (Outcome::Failed, "read 512 bytes", "read 1024 bytes", 1),
        ] {
            let mut after = before.clone();
            hung(&mut before, outcome, first);
            hung(&mut after, outcome, second);
            let comparison = compared(&before, &after, true);
            assert_eq!(comparison.changed_traces.len(), changed, "{first}, {second}: {comparison}");
        }
    }

    #[test]
    fn what_varied_before_is_no_other_trace_and_what_never_was_is_one() {
        let one = sample::report(200);
        let with = |outcome: Outcome| {
            let mut report = one.clone();
            find(&mut report, Verdict::Passed).attempts[0].outcome = outcome;
            report
        };
        let varied = one.clone().with_rounds_of(with(Outcome::TimedOut));
        assert_eq!(compare(&varied, &one).changed_traces, []);
        assert_eq!(compare(&varied, &with(Outcome::TimedOut)).changed_traces, []);
        assert_eq!(compare(&varied, &varied).exit_code(), 0);
        let refused = with(Outcome::Refused).with_evidence_below("refused");
        let comparison = compare(&varied, &one.clone().with_rounds_of(refused));
        let [change] = comparison.changed_traces.as_slice() else { panic!("{comparison}") };
        assert!(change.before.contains("(1 of 2), or ") && change.after.contains("refused"), "{comparison}");
        assert!(change.after_evidence.as_ref().unwrap().starts_with("refused/"), "the round that is another");
        assert_eq!(compare(&one, &varied).changed_traces.len(), 1, "a second way that one run before did not show");
    }

    #[test]
    fn a_way_of_known_parts_is_chance_where_every_second_round_went_a_way_of_its_own() {
        use Outcome::{Booted, Failed, Refused};
        let with = |outcomes: &[Outcome]| {
            let mut report = sample::report(200);
            let attempts = outcomes.iter().map(|&outcome| Attempt::new("disk", outcome)).collect();
            find(&mut report, Verdict::Passed).attempts = attempts;
            report
        };
        let rounds = |ways: &[&[Outcome]]| {
            let mut all = ways.iter().map(|way| with(way));
            let first = all.next().unwrap();
            all.fold(first, Report::with_rounds_of)
        };
        let found = |before: &Report, after: &Report| {
            let comparison = compare(before, after);
            (comparison.changed_traces.len(), comparison.by_chance.len())
        };
        let (a, b, c, d): (&[_], &[_], &[_], &[_]) =
            (&[Booted], &[Failed, Booted], &[Booted, Failed, Booted], &[Failed, Failed, Booted]);
        let varies = rounds(&[a, b, c, &[Booted, Booted]]);
        assert_eq!(found(&varies, &with(d)), (0, 1));
        let told = compare(&varies, &with(d)).to_string();
        assert!(
            told.contains("traces by chance: 1\n") && told.contains("0 changed traces (and 1 by chance), "),
            "{told}"
        );
        assert_eq!(found(&varies, &with(&[Refused, Booted])), (1, 0), "an end that no attempt had");
        assert_eq!(found(&varies, &rounds(&[d, &[Refused]])), (1, 0), "a change stands before chance");
        assert_eq!(found(&rounds(&[a, b, c]), &with(d)), (1, 0), "too few rounds to know");
        assert_eq!(found(&rounds(&[a, a, a, b, b, c]), &with(d)), (1, 0), "most go a way that others went");
        let broken = |way: &[Outcome]| {
            let mut report = with(way);
            find(&mut report, Verdict::Passed).verdict = Verdict::Broken;
            report
        };
        let starved = rounds(&[a, a]).with_rounds_of(broken(b)).with_rounds_of(broken(c));
        assert_eq!(found(&starved, &with(d)), (1, 0), "where the host is at fault says nothing of the machine");
    }

    #[test]
    fn the_trace_of_another_story_stands_apart_from_a_changed_one() {
        let before = sample::report(200).with_evidence_below("before");
        let mut after = sample::report(200).with_evidence_below("after");
        find(&mut after, Verdict::Passed).attempts[0].outcome = Outcome::TimedOut;
        let with = |steps: fn(&str) -> Option<Vec<String>>| {
            let comparison = compare(&before, &after).with_stories(steps);
            (comparison.changed_traces.len(), comparison.other_stories.len())
        };
        let named = |step: &str| Some(vec![step.to_owned()]);
        assert_eq!(with(|folder| Some(vec![folder.split('/').next()?.to_owned()])), (0, 1));
        assert_eq!(with(|_| Some(vec!["reset".to_owned()])), (1, 0));
        assert_eq!(with(|folder| Some(vec!["reset".to_owned()]).filter(|_| folder.starts_with("after"))), (1, 0));
        let told = compare(&before, &after).with_stories(named).to_string();
        assert!(told.contains("traces of another story: 1\n") && told.contains("(and 1 of another story)"), "{told}");
    }

    #[test]
    fn a_verdict_that_some_round_before_had_is_no_other_verdict() {
        let passed = sample::report(200);
        let mut known = passed.clone();
        find(&mut known, Verdict::Passed).verdict = Verdict::ExpectedFailure;
        assert_eq!(compare(&passed, &known).other_verdicts.len(), 1);
        let both = passed.clone().with_rounds_of(known.clone());
        for after in [&passed, &known] {
            assert_eq!(compare(&both, after).other_verdicts, []);
        }
        let with = |verdict: Verdict, seconds: f64| {
            let mut report = passed.clone();
            let case = find(&mut report, Verdict::Passed);
            (case.verdict, case.wall_seconds) = (verdict, seconds);
            report
        };
        let failed = with(Verdict::Failed, 1.0);
        assert_eq!(compare(&both, &failed).exit_code(), 1, "none before failed");
        for ended in [with(Verdict::Broken, 0.0), with(Verdict::Broken, 1.0), with(Verdict::Skipped, 0.0)] {
            let before = passed.clone().with_rounds_of(ended);
            assert_eq!(compare(&before, &failed).exit_code(), 1, "what did not come to a verdict hides no failure");
            assert_eq!(compare(&before, &passed).new_passes, []);
        }
        let unsteady = passed.clone().with_rounds_of(failed.clone());
        assert_eq!(compare(&unsteady, &failed).exit_code(), 0, "it has failed before");
        assert_eq!(compare(&unsteady, &passed).new_passes, []);
    }

    #[test]
    fn the_time_of_a_guest_that_has_the_hosts_clock_or_started_warm_is_no_guest_time() {
        let differ = |change: fn(&mut CaseResult)| {
            let mut before = sample::report(40);
            before.cases.iter_mut().for_each(change);
            let mut after = before.clone();
            after
                .cases
                .iter_mut()
                .for_each(|case| case.guest_seconds = case.guest_seconds.map(|seconds| 3.0 * seconds + 2.0));
            compare(&before, &after).guest_times.len()
        };
        assert!(differ(|case| (case.clock, case.start) = (Some(ClockKind::Virtual), None)) > 10);
        assert_eq!(differ(|case| case.clock = Some(ClockKind::Real)), 0);
        assert_eq!(differ(|case| (case.clock, case.start) = (Some(ClockKind::Virtual), Some(Start::Warm))), 0);
    }

    #[test]
    fn a_machine_that_is_slower_as_a_whole_is_no_list_of_slower_boots() {
        let before = sample::report(200);
        let mut after = before.clone();
        after.cases.iter_mut().for_each(|case| case.wall_seconds *= 2.0);
        let comparison = compare(&before, &after);
        assert!(comparison.slower.is_empty() && (comparison.median_ratio - 2.0).abs() < 0.01, "{comparison}");
    }

    #[test]
    fn noise_raises_the_floor() {
        let before = sample::report(200);
        let mut after = before.clone();
        let mut random = fastrand::Rng::with_seed(3);
        after.cases.iter_mut().for_each(|case| case.wall_seconds *= 0.6 + 0.8 * random.f64());
        let comparison = compare(&before, &after);
        assert!(comparison.noise_floor > 1.6 && comparison.slower.is_empty(), "{comparison}");
    }

    #[test]
    fn runs_without_a_common_case_cannot_be_compared() {
        assert_eq!(compare(&sample::report(5), &sample::report(0)).exit_code(), 2);
    }

    #[test]
    fn platforms_are_compared_by_case() {
        let before = sample::report(40);
        let mut after = before.clone();
        for case in &mut after.cases {
            case.platform = "debian:sid".into();
        }
        assert_eq!(compare(&before, &after).exit_code(), 2);
        let same = compare_by_case(&before, &after);
        assert_eq!((same.common, same.exit_code()), (40, 0), "{same}");
        let case = find(&mut after, Verdict::Passed);
        (case.verdict, case.reason) = (Verdict::Failed, Some("booted \"wrong\"".into()));
        let id = case.id.clone();
        let slow = after.cases.iter_mut().rev().find(|case| case.guest_seconds.is_some()).unwrap();
        slow.guest_seconds = slow.guest_seconds.map(|seconds| 3.0 * seconds + 2.0);
        let worse = compare_by_case(&before.with_evidence_below("runs/a"), &after.with_evidence_below("runs/b"));
        assert_eq!((worse.new_failures[0].case.as_str(), worse.exit_code()), (id.as_str(), 1), "{worse}");
        assert_eq!(worse.guest_times.len(), 1, "{worse}");
        assert!(worse.to_string().contains("    see:    runs/b/cases/"), "{worse}");
        let page = page(&worse);
        assert!(page.contains("href=\"runs/a/cases/") && !page.contains("<script"), "{page}");
    }
}
