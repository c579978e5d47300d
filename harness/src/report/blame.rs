//! What several failures have in common.

use std::collections::BTreeSet;

use super::{CaseResult, Verdict};

/// Most values of an axis that tell failures from passes.
const MOST_VALUES: usize = 8;

/// The smallest set of axis values that all failures share and no pass has.
///
/// `None` where fewer than two cases failed, or where every shared set also holds of a case that passed: then the
/// axes do not explain the failures, and saying so by a larger set would mislead.
///
/// ```
/// # use bootwright::report::{CaseKey, CaseResult, Verdict, blame::shared_axes};
/// # let case = |firmware: &str, disk: &str, verdict| {
/// #     let mut key = CaseKey::new(format!("{firmware}::{disk}"), "host");
/// #     key.axes = [("firmware", firmware), ("disk", disk)].map(|(a, b)| (a.into(), b.into())).into();
/// #     CaseResult::new(&key, verdict)
/// # };
/// let cases = [
///     case("ovmf", "nvme", Verdict::Failed),
///     case("seabios", "nvme", Verdict::Failed),
///     case("ovmf", "ide", Verdict::Passed),
/// ];
/// assert_eq!(shared_axes(&cases).unwrap().to_string(), "all 2 failures share disk=nvme, and no pass has it");
/// ```
pub fn shared_axes(cases: &[CaseResult]) -> Option<SharedAxes> {
    let failures: Vec<&CaseResult> = cases.iter().filter(|case| case.verdict == Verdict::Failed).collect();
    shared_by(&failures, cases)
}

/// The same of some failures among all cases of a run; where no set of values is theirs alone, the axis of which each has one
/// of a few values that no pass has.
pub fn shared_by(failures: &[&CaseResult], cases: &[CaseResult]) -> Option<SharedAxes> {
    smallest_set(failures, cases).or_else(|| separating_axis(failures, cases))
}

fn separating_axis(failures: &[&CaseResult], cases: &[CaseResult]) -> Option<SharedAxes> {
    let passed = |case: &&CaseResult| matches!(case.verdict, Verdict::Passed | Verdict::UnexpectedPass);
    let passes: Vec<&CaseResult> = cases.iter().filter(passed).collect();
    let told = |axis: &str| -> Option<BTreeSet<&str>> {
        let values: BTreeSet<&str> =
            failures.iter().map(|case| case.axes.get(axis).map(String::as_str)).collect::<Option<_>>()?;
        let has_one = |pass: &&&CaseResult| pass.axes.get(axis).is_some_and(|value| values.contains(value.as_str()));
        let others = passes.iter().any(|pass| pass.axes.contains_key(axis));
        (others && !passes.iter().any(|pass| has_one(&pass)) && values.len() <= MOST_VALUES).then_some(values)
    };
    // several failures of one value at least: a list of the failures explains nothing
    let axes = failures.first()?.axes.keys();
    let found =
        axes.filter_map(|axis| Some((axis, told(axis)?))).filter(|(_, values)| values.len() * 2 <= failures.len());
    let (axis, values) = found.min_by_key(|(_, values)| values.len())?;
    let words = values.into_iter().collect::<Vec<_>>().join(" or ");
    Some(SharedAxes { failures: failures.len(), values: vec![(axis.clone(), words)] })
}

fn smallest_set(failures: &[&CaseResult], cases: &[CaseResult]) -> Option<SharedAxes> {
    let (first, rest) = failures.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let is_shared = |axis: &str, value: &str| rest.iter().all(|case| case.axes.get(axis).is_some_and(|v| v == value));
    let shared: Vec<(&str, &str)> = first
        .axes
        .iter()
        .map(|(axis, value)| (axis.as_str(), value.as_str()))
        .filter(|(axis, value)| is_shared(axis, value))
        .collect();
    // for every pass, the shared values by which it differs; a set explains the failures if it meets each of these
    let mut differences: BTreeSet<Vec<usize>> = BTreeSet::new();
    for pass in cases.iter().filter(|case| matches!(case.verdict, Verdict::Passed | Verdict::UnexpectedPass)) {
        let differs = |(axis, value): &(&str, &str)| pass.axes.get(*axis).is_none_or(|v| v != value);
        let by: Vec<usize> = (0..shared.len()).filter(|&index| differs(&shared[index])).collect();
        if by.is_empty() {
            return None;
        }
        differences.insert(by);
    }
    let differences: Vec<Vec<usize>> = differences.into_iter().collect();
    let chosen = (1..=shared.len()).find_map(|size| meet_all(&differences, size, &mut Vec::new()))?;
    let values = chosen.into_iter().map(|index| (shared[index].0.into(), shared[index].1.into())).collect();
    Some(SharedAxes { failures: failures.len(), values })
}

/// A set of at most `size` indices that meets every one of `sets`, depth first; `sets` has few distinct members, since
/// each is a subset of a dozen axes.
fn meet_all(sets: &[Vec<usize>], size: usize, chosen: &mut Vec<usize>) -> Option<Vec<usize>> {
    let Some(missed) = sets.iter().find(|set| !set.iter().any(|index| chosen.contains(index))) else {
        return (!chosen.is_empty()).then(|| chosen.clone());
    };
    if chosen.len() == size {
        return None;
    }
    missed.iter().find_map(|&index| {
        chosen.push(index);
        let found = meet_all(sets, size, chosen);
        chosen.pop();
        found
    })
}

/// Axis values that all failures share and no pass has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedAxes {
    /// How many cases failed.
    pub failures: usize,
    /// Axis and value.
    pub values: Vec<(String, String)>,
}

impl SharedAxes {
    /// `share disk=nvme, and no pass has it`: what all of several cases do.
    pub fn words(&self) -> String {
        let values: Vec<String> = self.values.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
        let pronoun = if values.len() == 1 { "it" } else { "them all" };
        format!("share {}, and no pass has {pronoun}", values.join(" "))
    }
}

impl std::fmt::Display for SharedAxes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "all {} failures {}", self.failures, self.words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CaseKey;

    fn case(axes: &[(&str, &str)], verdict: Verdict) -> CaseResult {
        let mut key = CaseKey::new(format!("{axes:?}"), "host");
        key.axes = axes.iter().map(|&(axis, value)| (axis.into(), value.into())).collect();
        CaseResult::new(&key, verdict)
    }

    #[test]
    fn two_axes_are_named_where_one_does_not_explain_it() {
        let cases = [
            case(&[("disk", "nvme"), ("firmware", "ovmf"), ("machine", "pc")], Verdict::Failed),
            case(&[("disk", "nvme"), ("firmware", "ovmf"), ("machine", "q35")], Verdict::Failed),
            case(&[("disk", "nvme"), ("firmware", "seabios"), ("machine", "pc")], Verdict::Passed),
            case(&[("disk", "ide"), ("firmware", "ovmf"), ("machine", "pc")], Verdict::Passed),
        ];
        let shared = shared_axes(&cases).unwrap();
        assert_eq!(shared.to_string(), "all 2 failures share disk=nvme firmware=ovmf, and no pass has them all");
    }

    #[test]
    fn nothing_is_blamed_when_a_pass_has_all_that_the_failures_share() {
        let cases = [
            case(&[("disk", "nvme")], Verdict::Failed),
            case(&[("disk", "nvme")], Verdict::Failed),
            case(&[("disk", "nvme")], Verdict::Passed),
        ];
        assert_eq!(shared_axes(&cases), None);
    }

    #[test]
    fn an_axis_tells_failures_from_passes_by_a_few_of_its_values() {
        let first = |value: &str, verdict| case(&[("first", value), ("machine", "pc")], verdict);
        let failed = ["blank", "blank", "absent", "absent"].map(|value| first(value, Verdict::Failed));
        let mut cases = failed.to_vec();
        cases.push(first("bootable", Verdict::Passed));
        let shared = shared_axes(&cases).unwrap();
        assert_eq!(shared.to_string(), "all 4 failures share first=absent or blank, and no pass has it");
        cases.push(first("blank", Verdict::Passed));
        assert_eq!(shared_axes(&cases), None, "a pass has one of the values");
        let each_its_own = [first("a", Verdict::Failed), first("b", Verdict::Failed), first("c", Verdict::Passed)];
        assert_eq!(shared_axes(&each_its_own), None, "a list of the failures explains nothing");
    }

    #[test]
    fn one_failure_or_no_pass_blames_nothing() {
        assert_eq!(shared_axes(&[case(&[("disk", "nvme")], Verdict::Failed)]), None);
        let all = [case(&[("disk", "nvme")], Verdict::Failed), case(&[("disk", "nvme")], Verdict::Failed)];
        assert_eq!(shared_axes(&all), None);
    }
}
