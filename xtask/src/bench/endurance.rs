//! Whether a long run costs more and more: time and memory of its first hundred cases beside those of its last.

use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use bootwright::report::{RESULT_FILE, Report};
use serde::Serialize;

use super::tree::{Moment, Usage};

/// How many cases are weighed at either end.
const WINDOW: usize = 100;

/// What may be more at the end.
const FLAT: f64 = 0.2;

/// The first and the last hundred cases of a run.
#[derive(Debug, Serialize)]
pub struct Endurance {
    cases: usize,
    /// Nothing has grown by more than a fifth.
    flat: bool,
    first: Window,
    last: Window,
}

/// What a hundred cases took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Window {
    /// Host time from the end of one case to the end of the next, mean, seconds.
    seconds_a_case: f64,
    /// Resident memory of the harness' own process, mean, MiB.
    harness_mib: f64,
    /// The same of `cargo xtask`.
    xtask_mib: f64,
    /// Descriptors that the harness' own process had open, mean.
    descriptors: f64,
}

impl Endurance {
    /// Weighs a run by when its results were written; `None` of fewer than 200 cases.
    pub fn of(report: &Report, out: &Path, usage: &Usage) -> Option<Endurance> {
        let written = |evidence: &str| out.join(evidence).join(RESULT_FILE).metadata().ok()?.modified().ok();
        let mut ends: Vec<SystemTime> = report.cases.iter().filter_map(|case| written(&case.evidence)).collect();
        ends.sort();
        let (first, last) = (Window::of(ends.get(..WINDOW)?, usage)?, ends.len().checked_sub(WINDOW)?);
        let last = Window::of(&ends[last.max(WINDOW)..], usage)?;
        let flat = last.parts().iter().zip(first.parts()).all(|((_, last), (_, first))| grown(first, *last) <= FLAT);
        Some(Endurance { cases: ends.len(), flat, first, last })
    }
}

impl Window {
    fn of(ends: &[SystemTime], usage: &Usage) -> Option<Window> {
        let (begin, end) = (*ends.first()?, *ends.last()?);
        let span = end.duration_since(begin).ok()?.as_secs_f64();
        let seconds_a_case = span / (ends.len().checked_sub(1).filter(|gaps| *gaps > 0)? as f64);
        let within = |moment: &&Moment| (begin..=end).contains(&moment.at);
        let mean = |name: &str, what: fn(&Moment) -> u64| {
            let of_name = usage.moments.iter().filter(within).filter(|moment| moment.name.starts_with(name));
            let values: Vec<u64> = of_name.map(what).collect();
            values.iter().sum::<u64>() as f64 / values.len().max(1) as f64
        };
        let mib = |name| mean(name, |moment| moment.resident) / f64::from(1 << 20);
        Some(Window {
            seconds_a_case,
            harness_mib: mib("boot-"),
            xtask_mib: mib("xtask"),
            descriptors: mean("boot-", |moment| moment.descriptors),
        })
    }

    fn parts(&self) -> [(&'static str, f64); 4] {
        [
            ("seconds a case", self.seconds_a_case),
            ("MiB of the harness", self.harness_mib),
            ("MiB of xtask", self.xtask_mib),
            ("descriptors of the harness", self.descriptors),
        ]
    }
}

fn grown(first: f64, last: f64) -> f64 {
    last / first.max(f64::MIN_POSITIVE) - 1.0
}

impl fmt::Display for Endurance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.flat { "flat" } else { "GROWS" };
        writeln!(out, "{word:>6}  {} cases in one run: the last {WINDOW} beside the first", self.cases)?;
        for ((name, first), (_, last)) in self.first.parts().iter().zip(self.last.parts()) {
            writeln!(out, "        {name}: {first:.2}, then {last:.2} ({:+.0} %)", grown(*first, last) * 100.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn moment(at: SystemTime, resident: u64, descriptors: u64) -> Moment {
        Moment { at, name: "boot-1".to_owned(), resident: resident << 20, descriptors }
    }

    #[test]
    fn a_window_is_the_mean_of_what_was_seen_between_its_ends() {
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let at = |seconds| begin + Duration::from_secs(seconds);
        let moments = vec![moment(at(0), 10, 4), moment(at(2), 20, 6), moment(at(9), 900, 900)];
        let usage = Usage::of_moments(moments);
        let window = Window::of(&[at(0), at(1), at(4)], &usage).unwrap();
        let wanted = Window { seconds_a_case: 2.0, harness_mib: 15.0, xtask_mib: 0.0, descriptors: 5.0 };
        assert_eq!(window, wanted);
        assert_eq!(Window::of(&[at(0)], &usage), None);
    }

    #[test]
    fn more_than_a_fifth_is_growth() {
        assert!(grown(10.0, 12.0) <= FLAT && grown(10.0, 12.1) > FLAT && grown(10.0, 5.0) < 0.0);
    }
}
