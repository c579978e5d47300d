//! Failures that are alike, so that one defect of a firmware is told once and not in four hundred lines.
//!
//! Nothing is decided here: it is how results are put together for people.

use std::collections::HashMap;

use super::blame::{SharedAxes, shared_by};
use super::{CaseResult, Report, Verdict};

/// So many failures of a kind are told one by one; of more, the first stands for all.
pub const TOLD_ONE_BY_ONE: usize = 3;
/// Ends of a run that say more than what was expected instead: a guest that hangs does so wherever it is.
const TELLING: [&str; 7] = ["halted", "loops", "computes", "idles", "asks-again", "tries-again", "reset-loop"];
/// Longest part of a reason that is looked at, characters.
const LONGEST: usize = 300;

/// What failures that are alike have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Likeness {
    verdict: Verdict,
    known_issue: Option<String>,
    end: Option<String>,
    words: Option<String>,
}

impl Likeness {
    /// Of a result: its verdict, its known issue, how it ended, and where the end does not say it all, the first clause of its
    /// reason without names and numbers.
    pub fn of(case: &CaseResult) -> Likeness {
        let telling = case.end.as_deref().is_some_and(|end| TELLING.contains(&end));
        let words = case.reason.as_deref().filter(|_| !telling).map(without_names);
        Likeness { verdict: case.verdict, known_issue: case.known_issue.clone(), end: case.end.clone(), words }
    }
}

/// The first clause of a reason, with `…` for what is quoted or listed and `N` for each number.
fn without_names(reason: &str) -> String {
    let clause = reason.split("; ").next().unwrap_or_default();
    let mut out = String::new();
    let mut closing = None;
    let mut in_number = false;
    for c in clause.chars().take(LONGEST) {
        if let Some(end) = closing {
            if c == end {
                closing = None;
                out.push(c);
            }
            continue;
        }
        let is_number = c.is_ascii_digit() || (in_number && c.is_ascii_alphanumeric());
        if is_number && !in_number {
            out.push('N');
        }
        in_number = is_number;
        if !is_number {
            out.push(c);
        }
        closing = match c {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
    }
    out
}

/// Cases that are not as expected and alike.
#[derive(Clone, Debug)]
pub struct Kind<'a> {
    /// In the order of the report; never empty.
    pub cases: Vec<&'a CaseResult>,
    /// The axis values that all of them have and no pass has.
    pub shared: Option<SharedAxes>,
}

impl Kind<'_> {
    /// Whether its first case stands for all.
    pub fn is_told_once(&self) -> bool {
        self.cases.len() > TOLD_ONE_BY_ONE
    }
}

/// The cases that keep the run from being fine, by kind: those that want attention first, the most frequent first.
///
/// ```
/// use bootwright::report::{CaseKey, CaseResult, Report, Verdict, alike};
///
/// let failed = |id: &str, reason: &str| {
///     let mut case = CaseResult::new(&CaseKey::new(id, "host"), Verdict::Failed);
///     case.reason = Some(reason.into());
///     case
/// };
/// let saw = |disk: &str| format!("attempt 1: expected \"{disk}\" booted, saw nothing");
/// let mut report = Report::new("0007");
/// report.cases = vec![failed("a", &saw("one")), failed("b", "the machine was reset 21 times"), failed("c", &saw("two"))];
/// let sizes: Vec<usize> = alike::kinds(&report).iter().map(|kind| kind.cases.len()).collect();
/// assert_eq!(sizes, [2, 1]);
/// ```
pub fn kinds(report: &Report) -> Vec<Kind<'_>> {
    let cases = &report.cases;
    let mut order: Vec<Likeness> = Vec::new();
    let mut found: HashMap<Likeness, Vec<&CaseResult>> = HashMap::new();
    for case in cases.iter().filter(|case| !case.verdict.is_fine(report.strict)) {
        let likeness = Likeness::of(case);
        let alike = found.entry(likeness.clone()).or_default();
        if alike.is_empty() {
            order.push(likeness);
        }
        alike.push(case);
    }
    let rank = |verdict: Verdict| Verdict::ALL.iter().position(|&other| other == verdict);
    order.sort_by_key(|likeness| (rank(likeness.verdict), std::cmp::Reverse(found[likeness].len())));
    let members = order.iter().filter_map(|likeness| found.remove(likeness));
    members.map(|alike| Kind { shared: shared_by(&alike, cases), cases: alike }).collect()
}

/// What was told of a run so far, for whoever shows results as they come.
#[derive(Debug, Default)]
pub struct Told {
    kinds: HashMap<Likeness, (String, usize)>,
}

impl Told {
    /// Notes a case that is not as expected. The id of the first that was like it, where enough of the kind were told whole.
    pub fn note(&mut self, case: &CaseResult) -> Option<&str> {
        let (first, told) = self.kinds.entry(Likeness::of(case)).or_insert_with(|| (case.id.clone(), 0));
        *told += 1;
        (*told > TOLD_ONE_BY_ONE).then_some(first.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CaseKey, github, html, json, junit, text};
    use crate::trace::Standstill;
    use crate::verdict::conclude::RunEnd;

    fn failed(id: &str, reason: &str) -> CaseResult {
        let mut case = CaseResult::new(&CaseKey::new(id, "host"), Verdict::Failed);
        case.reason = Some(reason.to_owned());
        case
    }

    fn like(one: &CaseResult, other: &CaseResult) -> bool {
        Likeness::of(one) == Likeness::of(other)
    }

    #[test]
    fn names_and_numbers_do_not_tell_failures_apart_and_words_do() {
        let one =
            failed("a", "attempt 1: expected \"right\" booted, saw Hard Disk \"wrong\" failed (int 18h); guest: x");
        let two = failed("b", "attempt 12: expected \"c\" booted, saw Hard Disk \"d\" failed (int 18h); guest: y");
        let other = failed("c", "attempt 1: expected \"right\" booted, saw Floppy \"wrong\" failed (int 18h)");
        assert!(like(&one, &two) && !like(&one, &other));
        let lists = |list: &str| failed("d", &format!("fw_cfg bootorder is stale: [{list}]"));
        assert!(like(&lists("/a, /b"), &lists("")));
        assert!(like(&failed("e", "loops at 0xef849"), &failed("f", "loops at 0x7c00")));
    }

    #[test]
    fn a_verdict_a_known_issue_or_an_end_tells_them_apart() {
        let one = failed("a", "x");
        for change in [
            |case: &mut CaseResult| case.verdict = Verdict::Broken,
            |case: &mut CaseResult| case.known_issue = Some("stale".to_owned()),
            |case: &mut CaseResult| case.end = Some("gave-up".to_owned()),
        ] {
            let mut other = one.clone();
            change(&mut other);
            assert!(!like(&one, &other), "{other:?}");
        }
    }

    #[test]
    fn guests_that_hang_alike_are_alike_whatever_was_expected() {
        let hang = |reason: &str| CaseResult { end: Some("loops".to_owned()), ..failed("a", reason) };
        assert!(like(&hang("expected firmware to stop, saw nothing"), &hang("attempt 2: expected \"b\" booted")));
        let at_deadline = |reason: &str| CaseResult { end: Some("gave-up".to_owned()), ..failed("a", reason) };
        assert!(!like(&at_deadline("expected firmware to stop"), &at_deadline("attempt 2: expected \"b\" booted")));
    }

    #[test]
    fn every_standstill_says_it_all() {
        let file = String::new();
        for standstill in [
            Standstill::Halted { at: 1 },
            Standstill::Loops { at: 1 },
            Standstill::Computes { seconds: 1 },
            Standstill::Idles { seconds: 1 },
            Standstill::AsksAgain { file: file.clone(), times: 2 },
            Standstill::TriesAgain { target: file.clone(), times: 2 },
        ] {
            assert!(RunEnd::StandsStill(standstill).name().is_some_and(|name| TELLING.contains(&name)));
        }
        assert!(RunEnd::ResetLoop { resets: 9 }.name().is_some_and(|name| TELLING.contains(&name)));
    }

    #[test]
    fn kinds_come_by_verdict_and_size_and_say_what_they_share() {
        let mut cases: Vec<CaseResult> = ["a", "b", "c", "d"].map(|id| failed(id, "nothing booted")).to_vec();
        cases.insert(0, failed("alone", "the store differs"));
        cases.insert(0, CaseResult { verdict: Verdict::Broken, ..failed("host", "no space") });
        cases.push(CaseResult::new(&CaseKey::new("fine", "host"), Verdict::Passed));
        for case in &mut cases {
            let disk = if case.reason.as_deref() == Some("nothing booted") { "nvme" } else { "ide" };
            case.axes = [("disk".to_owned(), disk.to_owned())].into();
        }
        let report = Report { cases, ..Report::new("0007") };
        let kinds = kinds(&report);
        let ids: Vec<&str> = kinds.iter().map(|kind| kind.cases[0].id.as_str()).collect();
        assert_eq!(ids, ["a", "alone", "host"]);
        assert!(kinds[0].is_told_once() && !kinds[1].is_told_once());
        assert_eq!(kinds[0].shared.as_ref().unwrap().words(), "share disk=nvme, and no pass has it");
        assert_eq!(kinds[1].shared, None, "one case shares nothing");
    }

    #[test]
    fn in_a_strict_run_a_skip_is_a_kind_too_and_every_form_of_the_report_says_why_the_run_fails() {
        let mut skipped = CaseResult::new(&CaseKey::new("riscv64::order", "host"), Verdict::Skipped);
        skipped.reason = Some("the platform has no QEMU for riscv64".to_owned());
        skipped.wall_seconds = 0.1;
        let lenient = json::assemble(Report::new("0007"), vec![skipped]);
        let strict = Report { strict: true, ..lenient.clone() };
        let junit = |report: &Report| {
            let file = tempfile::NamedTempFile::new().unwrap();
            junit::store(report, file.path(), "out").unwrap();
            std::fs::read_to_string(file.path()).unwrap()
        };
        let page = |report: &Report| {
            let file = tempfile::NamedTempFile::new().unwrap();
            html::store(report, file.path(), std::path::Path::new("out")).unwrap();
            std::fs::read_to_string(file.path()).unwrap()
        };
        assert_eq!((kinds(&lenient).len(), lenient.exit_code()), (0, 0));
        assert_eq!((kinds(&strict).len(), strict.exit_code()), (1, 1));
        let told = text::closing(&strict);
        assert!(
            told.contains("riscv64::order: the platform has no QEMU") && told.contains("1 skipped case fails"),
            "{told}"
        );
        assert!(!text::closing(&lenient).contains("fails this run"));
        assert!(github::annotations(&strict).starts_with("::error ") && github::annotations(&lenient).is_empty());
        assert!(github::summary(&strict).contains("no QEMU for riscv64"));
        assert!(junit(&strict).contains("failures=\"1\"") && junit(&lenient).contains("failures=\"0\""));
        assert!(page(&strict).contains("in a strict run") && !page(&lenient).contains("in a strict run"));
    }

    #[test]
    fn what_was_told_three_times_is_referred_to() {
        let mut told = Told::default();
        for id in ["a", "b", "c"] {
            assert_eq!(told.note(&failed(id, "nothing booted")), None);
        }
        assert_eq!(told.note(&failed("d", "nothing booted")), Some("a"));
        assert_eq!(told.note(&failed("e", "something else")), None);
    }
}
