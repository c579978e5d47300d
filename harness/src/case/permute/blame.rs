//! What failing cases of a product have in common and passing ones have not.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::AxisValue;

/// The smallest set of axis values that tells failures from passes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shared {
    /// How many cases failed.
    pub failing: usize,
    /// The set; empty where the failures share nothing that tells them apart, or where everything failed.
    pub values: Vec<AxisValue>,
    /// How many passing cases have the set too; more than zero means that it is necessary, not sufficient.
    pub passing_too: usize,
    /// Other sets of the same size that tell as much, because the axes did not vary apart.
    pub alternatives: Vec<Vec<AxisValue>>,
}

/// At most so many sets are tried before the search for a smaller one is given up.
const SEARCH_LIMIT: usize = 100_000;

/// Finds the smallest set of axis values that every failing case has and as few passing cases as possible have.
///
/// Cases are given by their axes, name to value; axes that a case lacks are not shared. The result does not depend on
/// the order of the cases.
pub fn shared_axis_values(failing: &[BTreeMap<String, String>], passing: &[BTreeMap<String, String>]) -> Shared {
    let common: Vec<(&String, &String)> = match failing.split_first() {
        None => Vec::new(),
        Some((first, others)) => {
            first.iter().filter(|(axis, value)| others.iter().all(|case| case.get(*axis) == Some(*value))).collect()
        }
    };
    // The whole common set admits the fewest passes; look for the smallest subset that admits no more.
    let whole: Vec<usize> = (0..common.len()).collect();
    let fewest = count_with(&common, &whole, passing);
    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut tried = 0;
    for size in 0..common.len() {
        for_each_subset(common.len(), size, &mut |subset| {
            tried += 1;
            if count_with(&common, subset, passing) == fewest {
                found.push(subset.to_vec());
            }
            tried < SEARCH_LIMIT
        });
        if !found.is_empty() || tried >= SEARCH_LIMIT {
            break;
        }
    }
    let mut sets = found.iter().map(|subset| named(&common, subset));
    let values = sets.next().unwrap_or_else(|| named(&common, &whole));
    Shared { failing: failing.len(), values, passing_too: fewest, alternatives: sets.collect() }
}

fn count_with(common: &[(&String, &String)], subset: &[usize], cases: &[BTreeMap<String, String>]) -> usize {
    let has_all = |case: &&BTreeMap<String, String>| {
        subset.iter().all(|&at| common.get(at).is_some_and(|(axis, value)| case.get(*axis) == Some(*value)))
    };
    cases.iter().filter(has_all).count()
}

fn named(common: &[(&String, &String)], subset: &[usize]) -> Vec<AxisValue> {
    let pairs = subset.iter().filter_map(|&at| common.get(at));
    pairs.map(|(axis, value)| AxisValue { axis: (*axis).clone(), value: (*value).clone() }).collect()
}

/// Visits the subsets of `0..count` with `size` members in lexicographic order until `visit` returns false.
fn for_each_subset(count: usize, size: usize, visit: &mut dyn FnMut(&[usize]) -> bool) {
    let mut subset: Vec<usize> = (0..size).collect();
    loop {
        if !visit(&subset) {
            return;
        }
        // The last member that can still grow; those behind it start right after it.
        let Some(at) = (0..size).rev().find(|&at| subset[at] < count - size + at) else { return };
        subset[at] += 1;
        for later in at + 1..size {
            subset[later] = subset[later - 1] + 1;
        }
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |count: usize, noun: &str, plural: &str| match count {
            0 => format!("no {plural}"),
            1 => format!("1 {noun}"),
            _ => format!("{count} {plural}"),
        };
        let failures = many(self.failing, "failure", "failures");
        let passes = many(self.passing_too, "pass", "passes");
        let list = |values: &[AxisValue]| values.iter().map(AxisValue::to_string).collect::<Vec<_>>().join(", ");
        match (self.values.is_empty(), self.passing_too) {
            _ if self.failing == 0 => return out.write_str("no case failed"),
            (true, 0) => return out.write_str("every case failed"),
            (true, _) => return write!(out, "{failures} share no axis value that passes do not have"),
            (false, _) => write!(out, "{failures} and {passes} have {}", list(&self.values))?,
        }
        for other in &self.alternatives {
            write!(out, " (or {})", list(other))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn case(text: &str) -> BTreeMap<String, String> {
        let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.map(|(axis, value)| (axis.to_owned(), value.to_owned())).collect()
    }

    #[rstest]
    #[case::one_value(&["fw=bios disk=scsi step=cont", "fw=ovmf disk=scsi step=cont"],
        &["fw=bios disk=scsi step=reset", "fw=ovmf disk=ide step=reset"],
        "2 failures and no passes have step=cont")]
    #[case::two_values(&["fw=bios disk=scsi step=cont", "fw=ovmf disk=scsi step=cont"],
        &["fw=bios disk=scsi step=reset", "fw=bios disk=ide step=cont"],
        "2 failures and no passes have disk=scsi, step=cont")]
    #[case::two_explanations(&["fw=bios disk=scsi place=root"], &["fw=ovmf disk=ide place=root"],
        "1 failure and no passes have disk=scsi (or fw=bios)")]
    #[case::necessary_only(&["fw=bios disk=scsi", "fw=bios disk=ide"], &["fw=bios disk=usb", "fw=ovmf disk=scsi"],
        "2 failures and 1 pass have fw=bios")]
    #[case::nothing_in_common(&["fw=bios disk=scsi", "fw=ovmf disk=ide"], &["fw=bios disk=ide"],
        "2 failures share no axis value that passes do not have")]
    #[case::everything_failed(&["fw=bios", "fw=ovmf"], &[], "every case failed")]
    #[case::nothing_failed(&[], &["fw=bios"], "no case failed")]
    #[case::an_axis_that_one_failure_lacks(&["fw=bios disk=scsi", "fw=bios"], &["fw=ovmf disk=scsi"],
        "2 failures and no passes have fw=bios")]
    fn failures_are_told_from_passes_by_the_fewest_values(
        #[case] failing: &[&str],
        #[case] passing: &[&str],
        #[case] text: &str,
    ) {
        let cases = |list: &[&str]| list.iter().map(|text| case(text)).collect::<Vec<_>>();
        assert_eq!(shared_axis_values(&cases(failing), &cases(passing)).to_string(), text);
    }

    #[test]
    fn the_order_of_cases_does_not_matter() {
        let failing = [case("a=1 b=2 c=3"), case("a=1 b=2 c=4"), case("a=1 b=2 c=5")];
        let passing = [case("a=1 b=3 c=3"), case("a=2 b=2 c=4")];
        let forward = shared_axis_values(&failing, &passing);
        let mut backward = (failing, passing);
        backward.0.reverse();
        backward.1.reverse();
        assert_eq!(forward, shared_axis_values(&backward.0, &backward.1));
        assert_eq!(forward.values.len(), 2);
    }

    #[test]
    fn twenty_axes_end_in_time() {
        let text: String = (0..20).map(|axis| format!("axis{axis}=x ")).collect();
        let shared = shared_axis_values(&[case(&text)], &[case(&text)]);
        assert_eq!((shared.values.len(), shared.passing_too), (0, 1));
        let others: Vec<_> = (0..20).map(|axis| case(&text.replace(&format!("axis{axis}=x"), ""))).collect();
        assert_eq!(shared_axis_values(&[case(&text)], &others).values.len(), 20);
    }
}
