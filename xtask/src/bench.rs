//! `cargo xtask bench`: how fast this checkout is, as ratios of things that were measured in one run on one machine.
//!
//! Two variants of a thing take turns, so that a host that slows down slows both. Absolute times stand beside the ratios for
//! orientation; only ratios are worth comparing. Every number comes from boots that ended as their case expects: a case
//! that did not is an error, since a fast failure is not fast.

mod endurance;
mod growth;
mod harness;
mod list;
mod picture;
mod qemu_tests;
mod ratio;
mod sample;
mod scratch;
mod tree;
mod warm;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use bootwright::case::Suite;
use bootwright::machine::ClockKind;
use clap::ValueEnum;
use serde::Serialize;

use crate::XtaskError;
use endurance::Endurance;
use growth::Growth;
use list::{ListFigures, RebuildFigures};
use picture::Bar;
use qemu_tests::QemuTests;
use ratio::Ratio;
use scratch::{LEAST_BOOT, Scratch};

/// What waits, and so is worth a virtual clock: name, case.
const WAITS: [(&str, &str); 3] = [
    ("BIOS PXE boot", "pxe::seabios::pc::model-virtio-net-pci"),
    ("dead network, then the disk", "pxe::seabios::pc::dead-network"),
    ("retry after 60 s", "resets::seabios::pc::reboot-timeout::60000"),
];

/// What is measured
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Wall time of each kind of boot by the harness over the same argv run bare
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
    /// The same case in runs of 50, 500 and 5,000: what one costs; only where it is named
    Growth,
    /// How long it takes to list every case
    List,
    /// How long the cases take to build after one was changed; only where it is named, since it makes a source file newer
    Rebuild,
    /// QEMU's own pxe-test and cdrom-test beside cases that boot the same; only where it is named, with --qemu-build
    Qemu,
}

impl Part {
    /// What runs where no part is named.
    fn is_usual(self) -> bool {
        matches!(self, Part::Harness | Part::Clock | Part::Suite | Part::List)
    }
}

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Args {
    /// Only these parts [default: harness, clock, list, suite]
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
    /// A build tree of QEMU with its tests (ninja tests/qtest/pxe-test ...), for the part "qemu"
    #[arg(long, value_name = "DIR")]
    qemu_build: Option<PathBuf>,
    /// Draw the ratios beside their limits into this file, as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
struct Figures {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    harness: Vec<harness::Overhead>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clock: Vec<Ratio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suite: Option<SuiteFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endurance: Option<Endurance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm: Option<warm::WarmFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<Growth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<ListFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuild: Option<RebuildFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qemu: Option<QemuTests>,
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
    let wanted = |part: Part| (args.parts.is_empty() && part.is_usual()) || args.parts.contains(&part);
    if args.parts.contains(&Part::Qemu) && args.qemu_build.is_none() {
        return Err(XtaskError("bench qemu: no build tree of QEMU\n  fix: name it: --qemu-build DIR".to_owned()));
    }
    let scratch = Scratch::new()?;
    let mut figures = Figures::default();
    // built once, so that no measured run builds
    scratch.test(&["--exact", LEAST_BOOT], "build")?;
    if wanted(Part::Harness) {
        figures.harness = harness::measure(&scratch, args.rounds)?;
    }
    if wanted(Part::Clock) {
        for (what, case) in WAITS {
            figures.clock.push(clock(&scratch, what, case, args.rounds)?);
        }
    }
    figures.list = wanted(Part::List).then(|| ListFigures::measure(&scratch, args.rounds)).transpose()?;
    figures.rebuild = wanted(Part::Rebuild).then(|| RebuildFigures::measure(&scratch, args.rounds)).transpose()?;
    figures.suite = wanted(Part::Suite).then(|| suite(&scratch, args.suite)).transpose()?;
    figures.growth = wanted(Part::Growth).then(|| Growth::measure(&scratch)).transpose()?;
    figures.endurance = wanted(Part::Endurance).then(|| long_run(&scratch, args.cases)).transpose()?;
    if wanted(Part::Warm) {
        figures.warm = Some(warm::measure(&scratch, args.machines, args.platform.as_deref())?);
    }
    if let Some(build) = args.qemu_build.as_deref().filter(|_| wanted(Part::Qemu)) {
        figures.qemu = Some(QemuTests::measure(&scratch, build, args.rounds)?);
    }
    if let Some(file) = &args.picture {
        let written = std::fs::write(file, picture::svg(&figures.bars()));
        written.map_err(|error| XtaskError(format!("--picture {}: {error}", file.display())))?;
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

impl Figures {
    /// What has a limit in docs/performance.md, as bars.
    fn bars(&self) -> Vec<Bar> {
        let bar = |name: String, value: f64, limit: f64| Bar { name, value, limit };
        let harness = self.harness.iter().map(harness::Overhead::bar);
        let clock = self.clock.iter().map(|ratio| bar(ratio.what.clone(), ratio.ratio, 1.0));
        let list = self.list.iter().map(|list| bar("seconds to list 5,000 cases".into(), list.seconds_for_5000(), 0.2));
        let suite = self.suite.iter().map(|suite| {
            bar(format!("wall over processor time, suite {}", suite.suite), suite.wall_over_processor, 1.15)
        });
        let growth = self.growth.iter().filter_map(Growth::ratio);
        let growth = growth.map(|ratio| bar("a case in a run of 5,000 over one of 50".into(), ratio, 1.2));
        let warm = self.warm.iter().filter_map(warm::WarmFigures::bar);
        let qemu = self.qemu.iter().flat_map(|qemu| &qemu.pairs);
        let qemu = qemu.map(|pair| bar(pair.what.clone(), pair.ratio, 1.0 / 7.0));
        harness.chain(clock).chain(list).chain(suite).chain(growth).chain(warm).chain(qemu).collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for overhead in &self.harness {
            write!(out, "{overhead}")?;
        }
        for ratio in self.clock.iter().chain(self.qemu.iter().flat_map(|qemu| &qemu.pairs)) {
            let Ratio { what, ratio, first, second, case } = ratio;
            writeln!(out, "{ratio:6.3}  {what}")?;
            writeln!(out, "        {} {}, {} {}; {case}", first.name, first.seconds, second.name, second.seconds)?;
        }
        let parts: [Option<&dyn fmt::Display>; 6] = [
            self.list.as_ref().map(|part| part as _),
            self.rebuild.as_ref().map(|part| part as _),
            self.growth.as_ref().map(|part| part as _),
            self.endurance.as_ref().map(|part| part as _),
            self.warm.as_ref().map(|part| part as _),
            self.qemu.as_ref().map(|part| part as _),
        ];
        for part in parts.into_iter().flatten() {
            write!(out, "{part}")?;
        }
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
