//! What the harness adds to a boot: its wall time over that of the same argv run bare.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Serialize;

use super::picture::Bar;
use super::ratio::Ratio;
use super::scratch::{LEAST_BOOT, Scratch};
use crate::XtaskError;

/// Kinds of boot that need nothing but their argv: what, case, exit status of QEMU after its program.
const KINDS: [(&str, &str, i32); 3] = [
    ("SeaBIOS, a disk", LEAST_BOOT, EXIT_OF_PAYLOAD),
    ("SeaBIOS, a CD", "alone::seabios::pc::ide-cd", EXIT_OF_PAYLOAD),
    ("OVMF, a disk", "alone::ovmf::q35::virtio-blk", EXIT_OF_PAYLOAD),
];

/// The payload writes 0x2a to isa-debug-exit, which makes (0x2a << 1) | 1 of it.
const EXIT_OF_PAYLOAD: i32 = 85;

/// Boots that take longer, in seconds, are judged by their ratio, others by the difference.
const LONG: f64 = 1.0;

/// What a long boot may take by the harness, over the same bare.
const RATIO_LIMIT: f64 = 1.05;

/// What a short boot may take longer by the harness, seconds.
const DIFFERENCE_LIMIT: f64 = 0.060;

/// One kind of boot.
#[derive(Debug, Serialize)]
pub struct Overhead {
    #[serde(flatten)]
    ratio: Ratio,
    /// Median by the harness less median bare, seconds.
    difference: f64,
}

/// Measures every kind, `rounds` times.
///
/// # Errors
///
/// Where a boot does not end as it should.
pub fn measure(scratch: &Scratch, rounds: u32) -> Result<Vec<Overhead>, XtaskError> {
    KINDS.into_iter().map(|(kind, case, exit)| one(scratch, kind, case, exit, rounds)).collect()
}

fn one(scratch: &Scratch, kind: &str, case: &str, exit: i32, rounds: u32) -> Result<Overhead, XtaskError> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    let word = case.replace(':', "-");
    for round in 1..=rounds {
        // with a reset, as its command has it
        let measured = scratch.test(&["--exact", case, "--keep", "--cold"], &format!("{word}-{round}"))?;
        ours.push(measured.seconds()?);
        let case = &measured.report.cases[0];
        bare.push(by_hand(&measured.out.join(&case.evidence).join("command.sh"), exit)?);
    }
    let ratio =
        Ratio::of(format!("harness over the same argv run bare: {kind}"), case, ("harness", ours), ("bare", bare))?;
    let difference = ratio.first.seconds.median - ratio.second.seconds.median;
    Ok(Overhead { ratio, difference })
}

/// Host seconds of a case's `command.sh`.
fn by_hand(script: &Path, exit: i32) -> Result<f64, XtaskError> {
    let problem = |error: std::io::Error| XtaskError(format!("cannot run {}: {error}", script.display()));
    let begun = Instant::now();
    let status = Command::new(script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let seconds = begun.elapsed().as_secs_f64();
    match status.map_err(problem)?.code() {
        Some(code) if code == exit => Ok(seconds),
        code => Err(XtaskError(format!("{} ran no payload: exit code {code:?}", script.display()))),
    }
}

impl Overhead {
    /// The figure that its limit is for.
    pub fn bar(&self) -> Bar {
        let name = self.ratio.what.clone();
        if self.ratio.second.seconds.median > LONG {
            return Bar { name, value: self.ratio.ratio, limit: RATIO_LIMIT };
        }
        Bar { name: format!("{name}, seconds more"), value: self.difference.max(0.0), limit: DIFFERENCE_LIMIT }
    }
}

impl fmt::Display for Overhead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ratio { what, ratio, first, second, case } = &self.ratio;
        writeln!(out, "{ratio:6.3}  {what}: {:+.3} s", self.difference)?;
        writeln!(out, "        {} {}, {} {}; {case}", first.name, first.seconds, second.name, second.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overhead(ours: f64, bare: f64) -> Overhead {
        let ratio = Ratio::of("x".to_owned(), "c", ("harness", vec![ours]), ("bare", vec![bare])).unwrap();
        Overhead { ratio, difference: ours - bare }
    }

    #[test]
    fn a_short_boot_is_held_against_a_difference_and_a_long_one_against_a_ratio() {
        let short = overhead(0.15, 0.07).bar();
        assert!(short.value > short.limit && short.limit == DIFFERENCE_LIMIT, "{short:?}");
        let long = overhead(2.08, 2.0).bar();
        assert!(long.value < long.limit && long.limit == RATIO_LIMIT, "{long:?}");
    }
}
