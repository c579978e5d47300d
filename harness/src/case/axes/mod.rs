//! The axes of a group of cases, and which pairs of their values meet: named axes, exclusions with reasons, coverage.
//!
//! Owns the account of the combinations that cases have and of those that they have not. Never makes a case or a machine: what
//! a value means is the case's business.
//!
//! ```
//! use bootwright::case::axes::{Axes, Combination};
//!
//! let axes = Axes::builder()
//!     .axis("firmware", ["seabios", "ovmf"])
//!     .axis("disk", ["virtio_blk", "floppy"])
//!     .exclude(&["firmware", "disk"], "OVMF has no floppy driver", |at| at.is("firmware", "ovmf") && at.is("disk", "floppy"))
//!     .build()?;
//!
//! let cases = [["seabios", "virtio_blk"], ["seabios", "floppy"]];
//! let cases = cases.map(|[firmware, disk]| Combination::new([("firmware", firmware), ("disk", disk)]));
//! let coverage = axes.coverage(&cases)?;
//! let missing: Vec<String> = coverage.missing().map(|pair| pair.to_string()).collect();
//! assert_eq!(missing, ["firmware=ovmf with disk=virtio_blk"]);
//! # Ok::<(), bootwright::case::axes::AxesError>(())
//! ```

mod builder;
mod coverage;
mod feasible;

pub use builder::{At, AxesBuilder};
pub use coverage::{Coverage, PairCoverage, PairState, ValueCoverage};

use std::fmt;

use serde::Serialize;

/// Named axes with their values, and what excludes what. Plain data: the predicates have been tabulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Axes {
    axes: Vec<Axis>,
    exclusions: Vec<Exclusion>,
}

/// One axis and its values, both in the order in which they were named.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Axis {
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

/// One value for each axis, in the order of the axes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Combination {
    /// The values.
    pub values: Vec<AxisValue>,
}

/// What is wrong with axes, exclusions or combinations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AxesError {
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
    /// More combinations than anybody would look through.
    #[error("{what} has more than {limit} combinations: split the axes")]
    TooMany {
        /// What was to be looked through.
        what: String,
        /// The limit.
        limit: usize,
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

/// An exclusion looks at this many combinations of its axes' values at most.
const TABLE_LIMIT: usize = 1_000_000;

impl Axes {
    fn value(&self, axis: usize, value: usize) -> AxisValue {
        let axis = &self.axes[axis];
        AxisValue { axis: axis.name.clone(), value: axis.values[value].clone() }
    }

    /// The row behind a combination.
    fn row(&self, combination: &Combination) -> Result<Row, AxesError> {
        let foreign = || AxesError::Foreign { id: combination.id() };
        if combination.values.len() != self.axes.len() {
            return Err(foreign());
        }
        let indices = self.axes.iter().zip(&combination.values).map(|(axis, given)| {
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
    /// One value for each axis, by name, in the order of the axes.
    pub fn new<'v>(values: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let named = |(axis, value): (&str, &str)| AxisValue { axis: axis.to_owned(), value: value.to_owned() };
        Self { values: values.into_iter().map(named).collect() }
    }

    /// The values joined by `::`.
    pub fn id(&self) -> String {
        let values: Vec<&str> = self.values.iter().map(|value| value.value.as_str()).collect();
        values.join("::")
    }
}

impl fmt::Display for AxisValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}", self.axis, self.value)
    }
}

#[cfg(test)]
mod tests;
