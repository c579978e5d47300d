//! Permutations of a case: named axes, exclusions with reasons, full products and pairwise cores with stable ids.
//!
//! Owns which combinations of axis values are run and the account of those that are not. Never builds a machine: what
//! a value means is the case's business.
//!
//! ```
//! use bootwright::case::permute::Axes;
//!
//! let axes = Axes::builder()
//!     .axis("firmware", ["seabios", "ovmf"])
//!     .axis("machine", ["pc", "q35"])
//!     .axis("disk", ["virtio_blk", "floppy"])
//!     .noise("ram_mib", ["256", "512"])
//!     .exclude(&["firmware", "disk"], "OVMF has no floppy driver", |at| at.is("firmware", "ovmf") && at.is("disk", "floppy"))
//!     .build()?;
//!
//! let core = axes.pairwise()?;
//! assert_eq!(core[0].id(), "seabios::pc::virtio_blk");
//! assert!(axes.coverage(&core)?.missing().next().is_none());
//! # Ok::<(), bootwright::case::permute::PermuteError>(())
//! ```

mod builder;
mod coverage;
mod pairwise;

pub use builder::{At, AxesBuilder};
pub use coverage::{Coverage, PairCoverage, PairState, ValueCoverage};

use std::fmt;

use serde::Serialize;

/// Named axes with their values, and what excludes what. Plain data: the predicates have been tabulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    /// The axes that make the id, then the noise axes.
    axes: Vec<Axis>,
    /// How many of `axes` make the id.
    core: usize,
    exclusions: Vec<Exclusion>,
}

/// One axis and its values, both in the order in which they were named.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// Its name, for example `firmware`.
    pub name: String,
    /// Its values, for example `seabios`.
    pub values: Vec<String>,
}

/// A value of an axis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AxisValue {
    /// The axis' name.
    pub axis: String,
    /// The value's name.
    pub value: String,
}

/// One value for each axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Combination {
    /// The axes that make the id, in their order.
    pub values: Vec<AxisValue>,
    /// The noise axes, in their order; chosen by a hash of the id.
    pub noise: Vec<AxisValue>,
}

/// Why axes cannot be permuted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermuteError {
    /// A name that could not stand in a case id.
    #[error("{what} {name:?} cannot stand in a case id: wanted a-z, 0-9, \"_\", \"-\", \".\" and \"+\"")]
    Name {
        /// `axis`, or `value of axis "..."`.
        what: String,
        /// The name.
        name: String,
    },
    /// The same name twice.
    #[error("{what} {name:?} is named twice")]
    Twice {
        /// `axis`, or `value of axis "..."`.
        what: String,
        /// The name.
        name: String,
    },
    /// An axis without values.
    #[error("axis {axis:?} has no values")]
    NoValues {
        /// The axis.
        axis: String,
    },
    /// An exclusion that looks at an axis which it does not declare, or at an axis or value that does not exist.
    #[error(
        "exclusion {reason:?} asks for {asked}: declare the axis in the exclusion, and spell axis and value as the axes do"
    )]
    Unknown {
        /// The exclusion's reason.
        reason: String,
        /// What it asked for.
        asked: String,
    },
    /// An exclusion without a reason; the coverage listing could not say why.
    #[error("an exclusion over {axes} gives no reason")]
    NoReason {
        /// The exclusion's axes.
        axes: String,
    },
    /// More combinations than anybody would run or tabulate.
    #[error("{what} has more than {limit} combinations: split the axes, or leave some to pairwise")]
    TooMany {
        /// What was to be enumerated.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// The exclusions leave no noise for a combination.
    #[error("the exclusions leave no choice of noise for {id}: {reasons}")]
    NoNoise {
        /// The combination's id.
        id: String,
        /// The reasons, separated by semicolons.
        reasons: String,
    },
    /// A combination from other axes.
    #[error("combination {id} does not belong to these axes")]
    Foreign {
        /// The combination's id.
        id: String,
    },
}

/// One tabulated exclusion.
#[derive(Clone, Debug, PartialEq)]
struct Exclusion {
    reason: String,
    /// Indices into `Axes::axes`, ascending.
    axes: Vec<usize>,
    /// Mixed-radix table over `axes`, the last one fastest.
    forbidden: Vec<bool>,
}

/// A row under construction: an index into the values of each axis.
type Row = Vec<Option<usize>>;

/// At most so many combinations come out of one enumeration.
const ENUMERATION_LIMIT: usize = 1_000_000;

impl Axes {
    /// Starts an empty set of axes.
    pub fn builder() -> AxesBuilder {
        AxesBuilder::default()
    }

    /// The axes that make the id.
    pub fn core(&self) -> &[Axis] {
        &self.axes[..self.core]
    }

    /// The noise axes.
    pub fn noise(&self) -> &[Axis] {
        &self.axes[self.core..]
    }

    /// Every combination that no exclusion forbids, the last axis fastest.
    ///
    /// # Errors
    ///
    /// [`PermuteError::TooMany`] for more than a million, [`PermuteError::NoNoise`] where no noise is left.
    pub fn full_product(&self) -> Result<Vec<Combination>, PermuteError> {
        let core: Vec<usize> = (0..self.core).collect();
        self.enumerate(&core, &vec![None; self.axes.len()], "the full product")?
            .iter()
            .map(|row| self.finish(row))
            .collect()
    }

    /// Every assignment of `open` axes that extends `start` and that no exclusion over assigned axes forbids.
    fn enumerate(&self, open: &[usize], start: &Row, what: &str) -> Result<Vec<Row>, PermuteError> {
        let mut rows = vec![start.clone()];
        for &axis in open {
            let mut longer = Vec::new();
            for row in &rows {
                for value in 0..self.axes[axis].values.len() {
                    let mut row = row.clone();
                    row[axis] = Some(value);
                    if self.forbidding(&row, axis).next().is_none() {
                        longer.push(row);
                    }
                }
                if longer.len() > ENUMERATION_LIMIT {
                    return Err(PermuteError::TooMany { what: what.to_owned(), limit: ENUMERATION_LIMIT });
                }
            }
            rows = longer;
        }
        Ok(rows)
    }

    /// The exclusions over `axis` whose axes are all assigned in `row` and that forbid it.
    fn forbidding<'a>(&'a self, row: &'a Row, axis: usize) -> impl Iterator<Item = &'a Exclusion> {
        self.exclusions
            .iter()
            .filter(move |exclusion| exclusion.axes.contains(&axis) && exclusion.forbids(&self.axes, row))
    }

    /// Names the values of a row whose core axes are assigned, and mixes the noise in.
    fn finish(&self, row: &Row) -> Result<Combination, PermuteError> {
        let mut combination = Combination { values: self.named(row, 0..self.core), noise: Vec::new() };
        if self.core == self.axes.len() {
            return Ok(combination);
        }
        let id = combination.id();
        let open: Vec<usize> = (self.core..self.axes.len()).collect();
        let choices = self.enumerate(&open, row, "the noise")?;
        let count = u64::try_from(choices.len()).unwrap_or(u64::MAX);
        let chosen = hash(&id).checked_rem(count).and_then(|at| choices.get(usize::try_from(at).ok()?));
        let Some(chosen) = chosen else {
            let noisy = self.exclusions.iter().filter(|exclusion| exclusion.axes.iter().any(|&axis| axis >= self.core));
            let reasons: Vec<&str> = noisy.map(|exclusion| exclusion.reason.as_str()).collect();
            return Err(PermuteError::NoNoise { id, reasons: reasons.join("; ") });
        };
        combination.noise = self.named(chosen, self.core..self.axes.len());
        Ok(combination)
    }

    fn named(&self, row: &Row, range: std::ops::Range<usize>) -> Vec<AxisValue> {
        range.filter_map(|axis| row[axis].map(|value| self.value(axis, value))).collect()
    }

    fn value(&self, axis: usize, value: usize) -> AxisValue {
        let axis = &self.axes[axis];
        AxisValue { axis: axis.name.clone(), value: axis.values[value].clone() }
    }

    /// The row behind a combination.
    fn row(&self, combination: &Combination) -> Result<Row, PermuteError> {
        let foreign = || PermuteError::Foreign { id: combination.id() };
        let values: Vec<&AxisValue> = combination.values.iter().chain(&combination.noise).collect();
        if values.len() != self.axes.len() {
            return Err(foreign());
        }
        let indices = self.axes.iter().zip(values).map(|(axis, given)| {
            let at = axis.values.iter().position(|value| axis.name == given.axis && *value == given.value);
            at.map(Some).ok_or_else(foreign)
        });
        indices.collect()
    }
}

impl Exclusion {
    /// Whether all its axes are assigned in `row` and the assignment is forbidden.
    fn forbids(&self, axes: &[Axis], row: &Row) -> bool {
        let mut index = 0;
        for &axis in &self.axes {
            let Some(value) = row[axis] else { return false };
            index = index * axes[axis].values.len() + value;
        }
        self.forbidden.get(index).copied().unwrap_or(false)
    }
}

impl Combination {
    /// The values that make the id, joined by `::`. It depends on nothing but those values.
    pub fn id(&self) -> String {
        let values: Vec<&str> = self.values.iter().map(|value| value.value.as_str()).collect();
        values.join("::")
    }

    /// The value of an axis, noise included; `None` for an axis that does not exist.
    pub fn get(&self, axis: &str) -> Option<&str> {
        self.values.iter().chain(&self.noise).find(|value| value.axis == axis).map(|value| value.value.as_str())
    }
}

impl fmt::Display for AxisValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}", self.axis, self.value)
    }
}

/// FNV-1a with a final mix, so that ids which differ in their last letter spread over few choices.
fn hash(text: &str) -> u64 {
    let mut state = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests;
