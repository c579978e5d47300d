//! A few measurements of one thing.

use std::fmt;

use serde::Serialize;

/// Median and extremes of some numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// The middle one; of an even count the mean of the two in the middle.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// How many.
    pub count: usize,
}

impl Sample {
    /// `None` of no numbers.
    pub fn of(mut numbers: Vec<f64>) -> Option<Sample> {
        numbers.sort_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let count = numbers.len();
        let median = f64::midpoint(numbers[(count - 1) / 2], numbers[count / 2]);
        Some(Sample { median, min, max, count })
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} s ({:.2} to {:.2}, {} times)", self.median, self.min, self.max, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_follow_an_outlier() {
        let sample = Sample::of(vec![9.0, 1.0, 2.0]).unwrap();
        assert_eq!((sample.median, sample.min, sample.max, sample.count), (2.0, 1.0, 9.0, 3));
        assert_eq!(Sample::of(vec![1.0, 2.0, 4.0, 9.0]).unwrap().median, 3.0);
    }

    #[test]
    fn of_nothing_there_is_no_median() {
        assert_eq!(Sample::of(Vec::new()), None);
    }
}
