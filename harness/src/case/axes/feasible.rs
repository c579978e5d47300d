//! Which pairs of values can meet at all: a search through the exclusions.

use std::collections::BTreeSet;

use super::{Axes, AxesError, Row};

/// Two values of two axes: `(first axis, value, second axis, value)` with the first axis before the second.
pub(super) type Pair = (usize, usize, usize, usize);

/// At most this many values are tried before a question about feasibility is given up.
const SEARCH_LIMIT: usize = 200_000;

impl Axes {
    /// Every pair of values of two axes, feasible or not, in axis and value order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair> {
        let sizes: Vec<usize> = self.axes.iter().map(|axis| axis.values.len()).collect();
        (0..self.axes.len()).flat_map(move |first| {
            let sizes = sizes.clone();
            ((first + 1)..sizes.len()).flat_map(move |second| {
                let (rows, columns) = (sizes[first], sizes[second]);
                (0..rows).flat_map(move |left| (0..columns).map(move |right| (first, left, second, right)))
            })
        })
    }

    /// The pairs that a row covers.
    pub(super) fn pairs_of(&self, row: &Row) -> Vec<Pair> {
        let set: Vec<(usize, usize)> =
            (0..self.axes.len()).filter_map(|axis| row[axis].map(|value| (axis, value))).collect();
        let first = set.iter().enumerate();
        first.flat_map(|(at, &(a, i))| set[at + 1..].iter().map(move |&(b, j)| (a, i, b, j))).collect()
    }

    pub(super) fn with_pair(&self, (first, left, second, right): Pair) -> Row {
        let mut row = vec![None; self.axes.len()];
        (row[first], row[second]) = (Some(left), Some(right));
        row
    }

    /// `None` where `row` can be completed; otherwise the reasons that were met on the way, in the order of the axes'
    /// exclusions.
    pub(super) fn blockers(&self, row: &Row) -> Result<Option<Vec<String>>, AxesError> {
        let mut met = BTreeSet::new();
        let assigned = self.exclusions.iter().enumerate().filter(|(_, exclusion)| exclusion.forbids(&self.axes, row));
        met.extend(assigned.map(|(at, _)| at));
        if met.is_empty() {
            // Axes that no exclusion mentions can always be completed.
            let entangled = |axis: &usize| self.exclusions.iter().any(|exclusion| exclusion.axes.contains(axis));
            let open: Vec<usize> = (0..self.axes.len()).filter(|&axis| row[axis].is_none()).filter(entangled).collect();
            let mut search = Search { axes: self, met: &mut met, steps: 0 };
            if search.complete(&mut row.clone(), &open)? {
                return Ok(None);
            }
        }
        Ok(Some(met.into_iter().map(|at| self.exclusions[at].reason.clone()).collect()))
    }
}

/// A depth-first search for values of the open axes.
struct Search<'a> {
    axes: &'a Axes,
    /// Indices of the exclusions that closed a branch.
    met: &'a mut BTreeSet<usize>,
    steps: usize,
}

impl Search<'_> {
    fn complete(&mut self, row: &mut Row, open: &[usize]) -> Result<bool, AxesError> {
        let Some((&axis, rest)) = open.split_first() else { return Ok(true) };
        for value in 0..self.axes.axes[axis].values.len() {
            self.steps += 1;
            if self.steps > SEARCH_LIMIT {
                let what = "the search through the exclusions".to_owned();
                return Err(AxesError::TooMany { what, limit: SEARCH_LIMIT });
            }
            row[axis] = Some(value);
            let closing = self.axes.exclusions.iter().enumerate();
            let closing = closing.filter(|(_, exclusion)| exclusion.axes.contains(&axis));
            let closed: Vec<usize> =
                closing.filter(|(_, exclusion)| exclusion.forbids(&self.axes.axes, row)).map(|(at, _)| at).collect();
            if closed.is_empty() && self.complete(row, rest)? {
                return Ok(true);
            }
            self.met.extend(closed);
        }
        row[axis] = None;
        Ok(false)
    }
}
