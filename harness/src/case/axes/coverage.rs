//! Which pairs of values a set of combinations covers, which are excluded and why, and which are missing.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Axes, AxesError, AxisValue, Combination};

/// The account of a set of combinations over its axes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// How many combinations were looked at.
    pub combinations: usize,
    /// Every value of every axis.
    pub values: Vec<ValueCoverage>,
    /// Every pair of values of two axes.
    pub pairs: Vec<PairCoverage>,
    /// Combinations that an exclusion forbids: id and reason.
    pub violations: Vec<(String, String)>,
}

/// How often a value occurs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueCoverage {
    /// The value.
    #[serde(flatten)]
    pub value: AxisValue,
    /// In how many combinations it occurs.
    pub count: usize,
}

/// What became of one pair of values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairCoverage {
    /// The value of the earlier axis.
    pub first: AxisValue,
    /// The value of the later axis.
    pub second: AxisValue,
    /// What became of it.
    #[serde(flatten)]
    pub state: PairState,
}

/// Covered, excluded or missing.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PairState {
    /// At least one combination has both values.
    Covered {
        /// Id of the first such combination.
        by: String,
        /// How many there are.
        count: usize,
    },
    /// No combination can have both values.
    Excluded {
        /// The exclusions' reasons; several where they forbid the pair only together.
        reasons: Vec<String>,
    },
    /// A combination could have both values, and none has.
    Missing,
}

impl Axes {
    /// Accounts for a set of combinations of these axes.
    ///
    /// # Errors
    ///
    /// [`AxesError::Foreign`] for a combination of other axes, [`AxesError::TooMany`] where the exclusions are
    /// too entangled to search.
    pub fn coverage(&self, combinations: &[Combination]) -> Result<Coverage, AxesError> {
        let mut covered: BTreeMap<_, (String, usize)> = BTreeMap::new();
        let mut counts: Vec<Vec<usize>> = self.axes.iter().map(|axis| vec![0; axis.values.len()]).collect();
        let mut violations = Vec::new();
        for combination in combinations {
            let row = self.row(combination)?;
            for (axis, value) in row.iter().enumerate() {
                if let Some(value) = value {
                    counts[axis][*value] += 1;
                }
            }
            for pair in self.pairs_of(&row) {
                covered.entry(pair).or_insert_with(|| (combination.id(), 0)).1 += 1;
            }
            let broken = self.exclusions.iter().filter(|exclusion| exclusion.forbids(&self.axes, &row));
            violations.extend(broken.map(|exclusion| (combination.id(), exclusion.reason.clone())));
        }
        let mut pairs = Vec::new();
        for pair in self.pairs() {
            let state = match covered.get(&pair) {
                Some((by, count)) => PairState::Covered { by: by.clone(), count: *count },
                None => match self.blockers(&self.with_pair(pair))? {
                    Some(reasons) => PairState::Excluded { reasons },
                    None => PairState::Missing,
                },
            };
            let (first, left, second, right) = pair;
            pairs.push(PairCoverage { first: self.value(first, left), second: self.value(second, right), state });
        }
        let values = counts.iter().enumerate().flat_map(|(axis, counts)| {
            let counted = move |(value, &count)| ValueCoverage { value: self.value(axis, value), count };
            counts.iter().enumerate().map(counted)
        });
        Ok(Coverage { combinations: combinations.len(), values: values.collect(), pairs, violations })
    }
}

impl Coverage {
    /// The pairs that could be covered and are not.
    pub fn missing(&self) -> impl Iterator<Item = &PairCoverage> {
        self.pairs.iter().filter(|pair| pair.state == PairState::Missing)
    }

    /// The values that occur nowhere.
    pub fn unused(&self) -> impl Iterator<Item = &ValueCoverage> {
        self.values.iter().filter(|value| value.count == 0)
    }

    /// The excluded pairs, by their reasons.
    pub fn excluded(&self) -> BTreeMap<String, Vec<&PairCoverage>> {
        let mut groups: BTreeMap<String, Vec<&PairCoverage>> = BTreeMap::new();
        for pair in &self.pairs {
            if let PairState::Excluded { reasons } = &pair.state {
                groups.entry(reasons.join("; and ")).or_default().push(pair);
            }
        }
        groups
    }
}

impl fmt::Display for PairCoverage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} with {}", self.first, self.second)
    }
}

impl fmt::Display for Coverage {
    /// A summary line, then missing pairs, unused values, violations and excluded pairs under their reasons.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let covered = self.pairs.iter().filter(|pair| matches!(pair.state, PairState::Covered { .. })).count();
        let missing = self.missing().count();
        let excluded = self.pairs.len() - covered - missing;
        writeln!(
            out,
            "{} combinations; {} pairs: {covered} covered, {missing} missing, {excluded} excluded",
            self.combinations,
            self.pairs.len(),
        )?;
        for pair in self.missing() {
            writeln!(out, "missing: {pair}")?;
        }
        for value in self.unused() {
            writeln!(out, "unused: {}", value.value)?;
        }
        for (id, reason) in &self.violations {
            writeln!(out, "forbidden but present: {id}: {reason}")?;
        }
        for (reason, pairs) in self.excluded() {
            writeln!(out, "excluded: {reason}")?;
            for pair in pairs {
                writeln!(out, "  {pair}")?;
            }
        }
        Ok(())
    }
}
