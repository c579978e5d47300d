//! `cargo xtask test`: selects cases, runs the `boot` binary on each platform, gathers its results into a report.

mod boot_binary;
mod follow;
pub mod out_dir;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use bootwright::platform::{self, Platform, PlatformName};
use bootwright::report::{self, CaseKey, Report, Run, Selection, Shard};
use bootwright_cases::runner::{self, Job};
use bootwright_cases::settings::Settings;
use clap::ValueEnum;

use crate::XtaskError;
use boot_binary::BootBinary;

/// Which cases run
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Under a minute: one case of everything that must never break
    Smoke,
    /// Every case
    Default,
    /// The long ones and every negative control too
    Full,
}

/// Who executes the guest
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Accel {
    /// QEMU's own translator
    Tcg,
    /// The host's /dev/kvm
    Kvm,
    /// /dev/kvm for each firmware that boots a payload under it, else QEMU's translator
    Auto,
}

impl Accel {
    fn name(self) -> &'static str {
        match self {
            Accel::Tcg => "tcg",
            Accel::Kvm => "kvm",
            Accel::Auto => "auto",
        }
    }
}

/// How guest time passes
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Clock {
    /// An idle guest's time jumps (TCG only)
    Virtual,
    /// Guest time is host time
    Real,
}

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run cases whose id contains one of these words
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// Run the cases that are named in full only
    #[arg(long)]
    exact: bool,
    /// Print the selected cases instead of running them
    #[arg(long)]
    list: bool,
    /// With --list: as JSON, with axes; with --coverage: as JSON
    #[arg(long)]
    json: bool,
    /// Print which pairs of axis values the cases cover, and why others are not, instead of running them
    #[arg(long, conflicts_with = "list")]
    coverage: bool,
    /// How much to run [default: default; full with --exact]
    #[arg(long, value_enum)]
    suite: Option<Suite>,
    /// Where QEMU and firmware come from, repeatable: host, apt, debian:SUITE, file:MANIFEST, dir:BUILD [default: host,
    /// or apt if the host has no QEMU]
    #[arg(long = "platform", value_name = "NAME")]
    platforms: Vec<String>,
    /// Mirror for apt and debian:SUITE [default: the one that the host's apt is configured with]
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// How many machines run at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: Option<u32>,
    /// Who executes the guest
    #[arg(long, value_enum, default_value = "tcg")]
    accel: Accel,
    /// How guest time passes [default: virtual where firmware waits, real where it only computes]
    #[arg(long, value_enum)]
    clock: Option<Clock>,
    /// Run the K-th of N stable parts of the selection
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
    /// Run every case N times; any disagreement is reported as a flake and fails the run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// A skipped case fails the run
    #[arg(long)]
    strict: bool,
    /// Keep media of passing cases too
    #[arg(long)]
    keep: bool,
    /// Leave the machine of a failed case paused until Ctrl-C
    #[arg(long)]
    pause_on_failure: bool,
    /// Seed of everything random, nonces among it [default: a new one for each run; every result names it]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[arg(skip = bootwright_cases::settings::fresh_seed())]
    fresh_seed: u64,
    /// Another known-issues file than cases/known-issues.toml
    #[arg(long, value_name = "FILE")]
    known_issues: Option<PathBuf>,
    /// Where results go [default: target/bootwright/RUN, RUN counting up]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Args {
    /// The seed of this run.
    fn seed(&self) -> u64 {
        self.seed.unwrap_or(self.fresh_seed)
    }
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] where nothing was selected, a platform cannot be resolved, the boot binary does not build, or results
/// cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    let settings = settings(args)?;
    let selected = select(args, &settings);
    if selected.is_empty() {
        return Err(nothing_selected(args));
    }
    if args.json && !args.list && !args.coverage {
        return Err(XtaskError("--json goes with --list or --coverage".to_owned()));
    }
    if args.coverage {
        coverage(&selected, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.list {
        list(&selected, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let known_issues = runner::read_known_issues(&settings).map_err(XtaskError::from)?;
    let platforms = resolve(args)?;
    let boot = BootBinary::build()?;
    let out = out_dir::claim(args.out.as_deref())?;
    let jobs = args.jobs.unwrap_or_else(cores);
    let mut run = Run::new(out.run.clone());
    run.jobs = jobs;
    run.host = report::host();
    run.platforms = platforms.iter().map(report::PlatformInfo::from).collect();
    run.known_issues = known_issues.iter().map(report::known_issue_info).collect();
    run.suite = Some(suite_name(suite(args)).to_owned());
    run.seed = Some(args.seed());
    run.shard = settings.shard.and_then(|(k, n)| Shard::new(k, n));
    run.selection = Some(selection(args, &settings));
    let several = platforms.len() > 1;
    for platform in &platforms {
        let keys = selected.iter().map(|job| CaseKey {
            id: job.id(),
            platform: platform.name.clone(),
            axes: job.case.axes.clone(),
            round: job.round,
            several_platforms: several,
        });
        run.selected.extend(keys);
    }
    let names: Vec<String> = selected.iter().map(Job::name).collect();
    let list = out.dir.join(runner::SELECTION_FILE);
    std::fs::write(&list, names.join("\n")).map_err(|error| XtaskError(format!("{}: {error}", list.display())))?;
    let begun = Instant::now();
    let mut follower = follow::Follower::new(&out, run.selected.len() as u64);
    let mut interrupted = false;
    for platform in &platforms {
        let command = boot.command(args, &settings, &out.dir, &platform.name, several, jobs);
        interrupted = follower.run(command, &platform.name)?;
        if interrupted {
            break;
        }
    }
    run.wall_seconds = begun.elapsed().as_secs_f64();
    let report = report::gather(&out.dir, run).map_err(XtaskError::from)?;
    write(&report, &out)?;
    follower.finish(&report, &out);
    if interrupted {
        return Ok(ExitCode::from(2));
    }
    Ok(ExitCode::from(report.exit_code(args.strict || std::env::var_os("CI").is_some())))
}

fn write(report: &Report, out: &out_dir::OutDir) -> Result<(), XtaskError> {
    report.store(&out.dir.join("report.json")).map_err(XtaskError::from)?;
    report::junit::store(report, &out.dir.join("junit.xml"), &shown(&out.dir)).map_err(XtaskError::from)?;
    report::html::store(report, &out.dir.join("index.html"), &out.dir).map_err(XtaskError::from)
}

/// A path as a reader would type it: relative to the current directory where it lies below.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

fn suite(args: &Args) -> Suite {
    args.suite.unwrap_or(if args.exact { Suite::Full } else { Suite::Default })
}

fn suite_name(suite: Suite) -> &'static str {
    match suite {
        Suite::Smoke => "smoke",
        Suite::Default => "default",
        Suite::Full => "full",
    }
}

/// The settings that the boot binary will read from its environment.
fn settings(args: &Args) -> Result<Settings, XtaskError> {
    Settings::read(|name| {
        let flag = |on: bool| on.then(|| "1".to_owned());
        match name {
            "BOOTWRIGHT_SUITE" => Some(suite_name(suite(args)).to_owned()),
            "BOOTWRIGHT_SEED" => Some(args.seed().to_string()),
            "BOOTWRIGHT_ACCEL" => Some(args.accel.name().to_owned()),
            "BOOTWRIGHT_CLOCK" => {
                args.clock.map(|clock| if clock == Clock::Real { "real" } else { "virtual" }.to_owned())
            }
            "BOOTWRIGHT_SHARD" => args.shard.clone(),
            "BOOTWRIGHT_REPEAT" => Some(args.repeat.to_string()),
            "BOOTWRIGHT_KEEP" => flag(args.keep),
            "BOOTWRIGHT_STRICT" => flag(args.strict),
            "BOOTWRIGHT_PAUSE_ON_FAILURE" => flag(args.pause_on_failure),
            "BOOTWRIGHT_MIRROR" => args.mirror.clone(),
            "BOOTWRIGHT_KNOWN_ISSUES" => args.known_issues.as_ref().map(|path| path.display().to_string()),
            _ => None,
        }
    })
    .map_err(XtaskError::from)
}

fn select(args: &Args, settings: &Settings) -> Vec<Job> {
    let mut jobs = runner::jobs(settings);
    jobs.retain(|job| {
        let id = job.id();
        let wanted = |filter: &String| if args.exact { id == *filter } else { id.contains(filter.as_str()) };
        job.selected && (args.filters.is_empty() || args.filters.iter().any(wanted))
    });
    jobs
}

/// What is selected apart from the shard, as the report has it.
fn selection(args: &Args, settings: &Settings) -> Selection {
    let whole = select(args, &Settings { shard: None, repeat: 1, ..settings.clone() });
    let ids: Vec<String> = whole.iter().map(Job::id).collect();
    Selection::new(args.filters.clone(), args.exact, args.repeat, ids.iter().map(String::as_str))
}

fn nothing_selected(args: &Args) -> XtaskError {
    let what = match (args.filters.as_slice(), args.exact) {
        ([], _) => "no case is in this suite and shard".to_owned(),
        (filters, true) => format!("no case is named \"{}\"", filters.join("\", \"")),
        (filters, false) => format!("no case id contains \"{}\"", filters.join("\" or \"")),
    };
    let suite = suite_name(suite(args));
    XtaskError(format!(
        "nothing selected: {what} (suite {suite})\n  see: cargo xtask test --list --suite full\n  ids look like \
         order::seabios::pc::virtio-blk-before-ide"
    ))
}

fn list(jobs: &[Job], json: bool) -> Result<(), XtaskError> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let listed = if json {
        let cases: Vec<_> = jobs
            .iter()
            .map(|job| serde_json::json!({ "id": job.id(), "axes": job.case.axes, "suite": job.case.suite }))
            .collect();
        serde_json::to_writer_pretty(&mut out, &cases).map_err(std::io::Error::from).and_then(|()| writeln!(out))
    } else {
        jobs.iter().try_for_each(|job| writeln!(out, "{}", job.name()))
    };
    written(listed)
}

fn coverage(jobs: &[Job], json: bool) -> Result<(), XtaskError> {
    use std::io::Write;
    let cases: Vec<_> = jobs.iter().filter(|job| !job.control).map(|job| job.case.clone()).collect();
    let groups = bootwright_cases::coverage::of(&cases).map_err(XtaskError::from)?;
    let mut out = std::io::stdout().lock();
    written(if json {
        serde_json::to_writer_pretty(&mut out, &groups).map_err(std::io::Error::from).and_then(|()| writeln!(out))
    } else {
        groups.iter().try_for_each(|group| write!(out, "{group}"))
    })
}

/// `| head` closes the pipe early: no failure.
fn written(outcome: std::io::Result<()>) -> Result<(), XtaskError> {
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(XtaskError::from(error)),
        _ => Ok(()),
    }
}

fn resolve(args: &Args) -> Result<Vec<Platform>, XtaskError> {
    let names = match args.platforms.as_slice() {
        [] => vec![runner::default_platform().to_owned()],
        names => names.to_vec(),
    };
    let options = platform::Options { mirror: args.mirror.clone(), ..platform::Options::default() };
    let mut line = crate::platform::ProgressLine::default();
    let resolved = names.iter().map(|name| {
        let name: PlatformName = name.parse().map_err(XtaskError::from)?;
        Platform::resolve(&name, &options, &mut |step| line.show(step)).map_err(XtaskError::from)
    });
    resolved.collect()
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}
