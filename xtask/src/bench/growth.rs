//! Whether a case costs the same in a short run and in a long one.

use std::fmt;

use serde::Serialize;

use super::scratch::{LEAST_BOOT, Scratch};
use crate::XtaskError;

/// How long the runs are, in cases.
const LENGTHS: [u32; 3] = [50, 500, 5000];

/// What the shortest run's cost may differ from the longest one's by, as a part of it.
const FLAT: f64 = 0.2;

/// The same case so many times in one run, by the length of the run.
#[derive(Debug, Serialize)]
pub struct Growth {
    /// Neither time nor memory differs by more than a fifth.
    flat: bool,
    /// Shortest first.
    runs: Vec<LongRun>,
}

/// One of them.
#[derive(Debug, Serialize)]
struct LongRun {
    cases: u32,
    /// Host time of the run over its cases, seconds.
    seconds_a_case: f64,
    /// User and system time of the run over its cases, seconds.
    processor_seconds_a_case: f64,
    /// The most resident memory of the harness' own process, MiB.
    harness_mib: f64,
}

impl Growth {
    /// Runs them, shortest first.
    ///
    /// # Errors
    ///
    /// Where a case does not end as it should.
    pub fn measure(scratch: &Scratch) -> Result<Growth, XtaskError> {
        let mut runs = Vec::new();
        for cases in LENGTHS {
            let repeat = cases.to_string();
            let measured = scratch.test(&["--exact", LEAST_BOOT, "--repeat", &repeat], &format!("growth-{cases}"))?;
            let a_case = f64::from(cases);
            runs.push(LongRun {
                cases,
                seconds_a_case: measured.report.wall_seconds / a_case,
                processor_seconds_a_case: measured.usage.processor.as_secs_f64() / a_case,
                harness_mib: measured.usage.peak_of("boot-") as f64 / f64::from(1 << 20),
            });
        }
        Ok(Growth { flat: is_flat(&runs), runs })
    }

    /// The longest run's time a case over the shortest one's.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.runs.last()?.seconds_a_case / self.runs.first()?.seconds_a_case)
    }
}

/// Whether no longer run costs more a case, in time or memory, than the shortest.
fn is_flat(runs: &[LongRun]) -> bool {
    let Some(shortest) = runs.first() else { return false };
    let within = |long: f64, short: f64| long <= short * (1.0 + FLAT);
    runs.iter()
        .all(|run| within(run.seconds_a_case, shortest.seconds_a_case) && within(run.harness_mib, shortest.harness_mib))
}

impl fmt::Display for Growth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.flat { "flat" } else { "GROWS" };
        writeln!(out, "{word:>6}  the same case in short and in long runs: {LEAST_BOOT}")?;
        for run in &self.runs {
            let LongRun { cases, seconds_a_case, processor_seconds_a_case, harness_mib } = run;
            writeln!(
                out,
                "        {cases} cases: {seconds_a_case:.3} s a case, {processor_seconds_a_case:.3} s of processor time, \
                 harness at most {harness_mib:.1} MiB"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seconds_a_case: f64, harness_mib: f64) -> LongRun {
        LongRun { cases: 1, seconds_a_case, processor_seconds_a_case: 0.0, harness_mib }
    }

    #[test]
    fn a_long_run_that_costs_more_a_case_is_told() {
        assert!(is_flat(&[run(1.0, 10.0), run(1.2, 12.0), run(0.5, 9.0)]));
        assert!(!is_flat(&[run(1.0, 10.0), run(1.21, 10.0)]));
        assert!(!is_flat(&[run(1.0, 10.0), run(1.0, 12.1), run(1.0, 10.0)]));
        assert!(!is_flat(&[]));
    }
}
