//! Two variants of a thing that took turns.

use serde::Serialize;

use super::sample::Sample;
use crate::XtaskError;

/// Two variants that took turns.
#[derive(Debug, Serialize)]
pub struct Ratio {
    /// First over second: of what.
    pub what: String,
    /// The case that ran, or what else did.
    pub case: String,
    /// Median of the first over median of the second.
    pub ratio: f64,
    /// What is weighed.
    pub first: Variant,
    /// What it is weighed against.
    pub second: Variant,
}

/// One of them.
#[derive(Debug, Serialize)]
pub struct Variant {
    /// A word for it.
    pub name: &'static str,
    /// Host seconds.
    pub seconds: Sample,
}

impl Ratio {
    /// Of two variants' names and seconds.
    ///
    /// # Errors
    ///
    /// Where nothing was measured of one.
    pub fn of(
        what: String,
        case: &str,
        (first, first_seconds): (&'static str, Vec<f64>),
        (second, second_seconds): (&'static str, Vec<f64>),
    ) -> Result<Ratio, XtaskError> {
        let sample = |name: &str, seconds: Vec<f64>| {
            Sample::of(seconds).ok_or_else(|| XtaskError(format!("{what}: nothing was measured for \"{name}\"")))
        };
        let first = Variant { name: first, seconds: sample(first, first_seconds)? };
        let second = Variant { name: second, seconds: sample(second, second_seconds)? };
        let ratio = first.seconds.median / second.seconds.median;
        Ok(Ratio { what, case: case.to_owned(), ratio, first, second })
    }
}
