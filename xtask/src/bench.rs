//! `cargo xtask bench`: how fast this checkout is, as ratios of things that were measured in one run on one machine.
//!
//! Two variants of a thing take turns, so that a host that slows down slows both. Absolute times stand beside the ratios for
//! orientation; only ratios are worth comparing. Every number comes from boots that ended as their case expects: a case
//! that did not is an error, since a fast failure is not fast.

mod endurance;
mod sample;
mod scratch;
mod tree;
mod warm;

use std::fmt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use bootwright::case::Suite;
use bootwright::machine::ClockKind;
use clap::ValueEnum;
use serde::Serialize;

use crate::XtaskError;
use endurance::Endurance;
use sample::Sample;
use scratch::Scratch;

/// The boot whose harness is weighed against the bare argv: SeaBIOS runs one disk, as little as a boot can be.
const LEAST_BOOT: &str = "alone::seabios::pc::virtio-blk";

/// What waits, and so is worth a virtual clock: name, case.
const WAITS: [(&str, &str); 3] = [
    ("BIOS PXE boot", "pxe::seabios::pc::model-virtio-net-pci"),
    ("dead network, then the disk", "pxe::seabios::pc::dead-network"),
    ("retry after 60 s", "resets::seabios::pc::reboot-timeout::60000"),
];

/// What is measured
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Wall time of a boot by the harness over the same argv run bare
    Harness,
    /// Virtual over real clock, for boots that wait
    Clock,
    /// Warm over cold start of UEFI machines, with a comparison of all that they did; only where it is named
    Warm,
    /// A whole suite: wall time over processor time, boots per minute, memory
    Suite,
    /// One run of very many cases: time, memory and descriptors at its end beside those at its beginning; only where it is
    /// named, since it takes a quarter of an hour
    Endurance,
}

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Only these parts [default: harness, clock, suite]
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How often each variant is measured
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// The suite that the part "suite" runs: smoke, default or full
    #[arg(long, value_name = "SUITE", default_value_t = Suite::Smoke)]
    suite: Suite,
    /// How many cases the part "endurance" runs
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(200..=100_000))]
    cases: u32,
    /// How many machines the part "warm" compares
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    machines: u32,
    /// The platform that the part "warm" runs on [default: as cargo xtask test]
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
struct Figures {
    #[serde(skip_serializing_if = "Option::is_none")]
    harness: Option<Ratio>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clock: Vec<Ratio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suite: Option<SuiteFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endurance: Option<Endurance>,
    warm: Option<warm::WarmFigures>,
}

/// Two variants that took turns.
#[derive(Debug, Serialize)]
struct Ratio {
    what: String,
    case: String,
    /// Median of the first over median of the second.
    ratio: f64,
    first: Variant,
    second: Variant,
}

/// One of them.
#[derive(Debug, Serialize)]
struct Variant {
    name: &'static str,
    seconds: Sample,
}

#[derive(Debug, Serialize)]
struct SuiteFigures {
    suite: String,
    cases: u32,
    jobs: u32,
    /// Whole run, host seconds.
    wall_seconds: f64,
    /// User and system time of the harness and every QEMU, seconds.
    processor_seconds: f64,
    /// Wall time over processor time divided by the jobs: 1 is a host that was never idle.
    wall_over_processor: f64,
    boots_per_minute: f64,
    /// Most resident memory of all processes together, as sampled ten times a second, MiB.
    peak_memory_mib: u64,
    /// The most of it that belongs to the harness' own process, MiB.
    peak_harness_mib: u64,
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] where a case does not end as it should or its report cannot be read.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    let wanted = |part: Part| (args.parts.is_empty() && part != Part::Endurance) || args.parts.contains(&part);
    let scratch = Scratch::new()?;
    let mut figures = Figures::default();
    // built once, so that no measured run builds
    scratch.test(&["--exact", LEAST_BOOT], "build")?;
    if wanted(Part::Harness) {
        figures.harness = Some(harness(&scratch, args.rounds)?);
    }
    if wanted(Part::Clock) {
        for (what, case) in WAITS {
            figures.clock.push(clock(&scratch, what, case, args.rounds)?);
        }
    }
    if wanted(Part::Suite) {
        figures.suite = Some(suite(&scratch, args.suite)?);
    }
    if wanted(Part::Endurance) {
        figures.endurance = Some(long_run(&scratch, args.cases)?);
    }
    if args.parts.contains(&Part::Warm) {
        figures.warm = Some(warm::measure(&scratch, args.machines, args.platform.as_deref())?);
    }
    let equal = figures.warm.as_ref().is_none_or(|warm| warm.differences.is_empty());
    let text = if args.json {
        serde_json::to_string_pretty(&figures).map_err(XtaskError::from)? + "\n"
    } else {
        figures.to_string()
    };
    crate::output::print(&text)?;
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn harness(scratch: &Scratch, rounds: u32) -> Result<Ratio, XtaskError> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let measured = scratch.test(&["--exact", LEAST_BOOT, "--keep"], &format!("harness-{round}"))?;
        ours.push(measured.seconds()?);
        let case = &measured.report.cases[0];
        bare.push(by_hand(&measured.out.join(&case.evidence).join("command.sh"))?);
    }
    let what = "harness over the same argv run bare".to_owned();
    Ratio::of(what, LEAST_BOOT, ("harness", ours), ("bare", bare))
}

/// Host seconds of a case's `command.sh`.
fn by_hand(script: &Path) -> Result<f64, XtaskError> {
    let problem = |error: std::io::Error| XtaskError(format!("cannot run {}: {error}", script.display()));
    let begun = Instant::now();
    let status = Command::new(script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let seconds = begun.elapsed().as_secs_f64();
    // the payload's isa-debug-exit
    match status.map_err(problem)?.code() {
        Some(85) => Ok(seconds),
        code => Err(XtaskError(format!("{} ran no payload: exit code {code:?}", script.display()))),
    }
}

fn clock(scratch: &Scratch, what: &str, case: &str, rounds: u32) -> Result<Ratio, XtaskError> {
    let (mut faster, mut slower) = (Vec::new(), Vec::new());
    let word = case.replace(':', "-");
    for round in 1..=rounds {
        for (clock, times) in [(ClockKind::Virtual, &mut faster), (ClockKind::Real, &mut slower)] {
            let choice: &[&str] = if clock == ClockKind::Real { &["--clock", "real"] } else { &[] };
            let name = format!("{word}-{round}-{clock:?}").to_lowercase();
            let measured = scratch.test(&[&["--exact", case], choice].concat(), &name)?;
            if measured.report.cases.iter().any(|case| case.clock != Some(clock)) {
                return Err(XtaskError(format!("{case} did not run with the {clock:?} clock: nothing to compare")));
            }
            times.push(measured.seconds()?);
        }
    }
    Ratio::of(format!("virtual over real clock: {what}"), case, ("virtual", faster), ("real", slower))
}

fn suite(scratch: &Scratch, suite: Suite) -> Result<SuiteFigures, XtaskError> {
    let measured = scratch.test(&["--suite", &suite.to_string()], "suite")?;
    let cases = measured.report.cases.len() as u32;
    let jobs = measured.report.jobs;
    let wall = measured.report.wall_seconds;
    let processor = measured.usage.processor.as_secs_f64();
    crate::output::note(&format!("bench: suite: {:.1} s with building and reporting", measured.wall_seconds));
    Ok(SuiteFigures {
        suite: suite.to_string(),
        cases,
        jobs,
        wall_seconds: wall,
        processor_seconds: processor,
        wall_over_processor: wall / (processor / f64::from(jobs)),
        boots_per_minute: f64::from(cases) * 60.0 / wall,
        peak_memory_mib: measured.usage.peak_memory >> 20,
        peak_harness_mib: measured.usage.peak_of("boot-") >> 20,
    })
}

fn long_run(scratch: &Scratch, cases: u32) -> Result<Endurance, XtaskError> {
    let measured = scratch.test(&["--exact", LEAST_BOOT, "--repeat", &cases.to_string()], "endurance")?;
    let weighed = Endurance::of(&measured.report, &measured.out, &measured.usage);
    weighed.ok_or_else(|| XtaskError("too few cases were seen to compare the ends of a run".to_owned()))
}

impl Ratio {
    fn of(
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

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ratio in self.harness.iter().chain(&self.clock) {
            let Ratio { what, ratio, first, second, case } = ratio;
            writeln!(out, "{ratio:6.3}  {what}")?;
            writeln!(out, "        {} {}, {} {}; {case}", first.name, first.seconds, second.name, second.seconds)?;
        }
        if let Some(endurance) = &self.endurance {
            write!(out, "{endurance}")?;
        }
        self.warm.as_ref().map_or(Ok(()), |warm| warm.fmt(out))?;
        if let Some(suite) = &self.suite {
            writeln!(
                out,
                "{:6.3}  suite {}: wall over processor time per job",
                suite.wall_over_processor, suite.suite
            )?;
            writeln!(
                out,
                "        {} boots in {:.1} s with {} jobs: {:.0} boots a minute; {:.1} s of processor time; at most {} MiB of \
                 memory, {} MiB of it the harness",
                suite.cases,
                suite.wall_seconds,
                suite.jobs,
                suite.boots_per_minute,
                suite.processor_seconds,
                suite.peak_memory_mib,
                suite.peak_harness_mib
            )?;
        }
        Ok(())
    }
}
