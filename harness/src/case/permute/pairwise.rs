//! The pairwise core: few combinations in which every two values that may meet do meet.
//!
//! Greedy and without randomness: each row starts from the first pair that is still uncovered and takes, axis by axis,
//! the value that covers most. A value is only taken if the row can still be completed, so exclusions are never
//! violated and never make a row fail halfway.

use std::collections::BTreeSet;

use super::{Axes, Combination, PermuteError, Row};

/// Two values of two axes: `(first axis, value, second axis, value)` with the first axis before the second.
pub(super) type Pair = (usize, usize, usize, usize);

/// At most so many values are tried before a question about feasibility is given up.
const SEARCH_LIMIT: usize = 200_000;

impl Axes {
    /// A set of combinations in which every feasible pair of values, and every feasible value, occurs at least once.
    ///
    /// The same axes give the same rows in the same order on every host; adding a value may change which rows are
    /// chosen, never what an id means.
    ///
    /// # Errors
    ///
    /// [`PermuteError::TooMany`] where the exclusions are too entangled to search, [`PermuteError::NoNoise`] where no
    /// noise is left for a row.
    pub fn pairwise(&self) -> Result<Vec<Combination>, PermuteError> {
        let mut wanted = BTreeSet::new();
        for pair in self.pairs() {
            if self.completes(&self.with_pair(pair))? {
                wanted.insert(pair);
            }
        }
        let mut uses: Vec<Vec<usize>> = self.core().iter().map(|axis| vec![0; axis.values.len()]).collect();
        let mut rows = Vec::new();
        while let Some(&pair) = wanted.first() {
            let row = self.complete_greedily(self.with_pair(pair), &wanted, &uses)?;
            for covered in self.pairs_of(&row) {
                wanted.remove(&covered);
            }
            for (axis, used) in uses.iter_mut().enumerate() {
                if let Some(value) = row[axis] {
                    used[value] += 1;
                }
            }
            rows.push(row);
        }
        self.add_lone_values(&mut rows)?;
        rows.iter().map(|row| self.finish(row)).collect()
    }

    /// With a single axis there are no pairs, yet each value must occur.
    fn add_lone_values(&self, rows: &mut Vec<Row>) -> Result<(), PermuteError> {
        if self.core != 1 {
            return Ok(());
        }
        for value in 0..self.axes[0].values.len() {
            let mut row: Row = vec![None; self.axes.len()];
            row[0] = Some(value);
            if self.completes(&row)? {
                rows.push(row);
            }
        }
        Ok(())
    }

    fn complete_greedily(
        &self,
        mut row: Row,
        wanted: &BTreeSet<Pair>,
        uses: &[Vec<usize>],
    ) -> Result<Row, PermuteError> {
        for axis in 0..self.core {
            if row[axis].is_some() {
                continue;
            }
            let mut best: Option<(usize, std::cmp::Reverse<usize>, usize)> = None;
            for (value, used) in uses[axis].iter().enumerate() {
                row[axis] = Some(value);
                let gain = self.pairs_with(&row, axis).filter(|pair| wanted.contains(pair)).count();
                let rank = (gain, std::cmp::Reverse(*used));
                let better = best.is_none_or(|(gain, used, _)| rank > (gain, used));
                if better && self.completes(&row)? {
                    best = Some((rank.0, rank.1, value));
                }
            }
            row[axis] = best.map(|(_, _, value)| value);
        }
        Ok(row)
    }

    /// Every pair of values of two core axes, feasible or not, in axis and value order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair> {
        let sizes: Vec<usize> = self.core().iter().map(|axis| axis.values.len()).collect();
        (0..self.core).flat_map(move |first| {
            let sizes = sizes.clone();
            ((first + 1)..sizes.len()).flat_map(move |second| {
                let (rows, columns) = (sizes[first], sizes[second]);
                (0..rows).flat_map(move |left| (0..columns).map(move |right| (first, left, second, right)))
            })
        })
    }

    /// The pairs that a row covers.
    pub(super) fn pairs_of(&self, row: &Row) -> Vec<Pair> {
        let set: Vec<(usize, usize)> = (0..self.core).filter_map(|axis| row[axis].map(|value| (axis, value))).collect();
        let first = set.iter().enumerate();
        first.flat_map(|(at, &(a, i))| set[at + 1..].iter().map(move |&(b, j)| (a, i, b, j))).collect()
    }

    fn pairs_with<'a>(&'a self, row: &'a Row, axis: usize) -> impl Iterator<Item = Pair> + 'a {
        (0..self.core).filter(move |&other| other != axis).filter_map(move |other| {
            let (here, there) = (row[axis]?, row[other]?);
            Some(if axis < other { (axis, here, other, there) } else { (other, there, axis, here) })
        })
    }

    pub(super) fn with_pair(&self, (first, left, second, right): Pair) -> Row {
        let mut row = vec![None; self.axes.len()];
        (row[first], row[second]) = (Some(left), Some(right));
        row
    }

    /// Whether some combination of all axes, noise included, has the values assigned in `row`.
    pub(super) fn completes(&self, row: &Row) -> Result<bool, PermuteError> {
        self.blockers(row).map(|blockers| blockers.is_none())
    }

    /// `None` where `row` can be completed; otherwise the reasons that were met on the way, in the order of the axes'
    /// exclusions.
    pub(super) fn blockers(&self, row: &Row) -> Result<Option<Vec<String>>, PermuteError> {
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
    fn complete(&mut self, row: &mut Row, open: &[usize]) -> Result<bool, PermuteError> {
        let Some((&axis, rest)) = open.split_first() else { return Ok(true) };
        for value in 0..self.axes.axes[axis].values.len() {
            self.steps += 1;
            if self.steps > SEARCH_LIMIT {
                let what = "the search through the exclusions".to_owned();
                return Err(PermuteError::TooMany { what, limit: SEARCH_LIMIT });
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
