//! `cargo xtask test`: selects cases, runs the `boot` binary on each platform, gathers its results into a report.

pub mod boot_binary;
mod follow;
pub mod out_dir;
pub mod select;
pub mod source;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use bootwright::case::Suite;
use bootwright::evidence::file;
use bootwright::machine::Clock;
use bootwright::platform::{self, Architecture, Platform, PlatformName};
use bootwright::report::{self, CaseKey, Course, PlatformInfo, Report, Selection, Shard};
use bootwright::suite::{self, AcceleratorChoice, Catalogue, Listed, SELECTION_FILE, Settings, WarmChoice};

use crate::XtaskError;
use crate::output::{note, print};
use boot_binary::BootBinary;
pub use out_dir::shown;
use source::Source;

/// Options of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Args {
    /// Run cases whose id contains one of these words
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
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
    /// How much to run: smoke (under a minute: one case of everything that must never break), default (every case), full
    /// (the long ones and every negative control too) [default: default; full with --exact; full without the controls where
    /// each FILTER names an architecture other than x86-64, as aarch64 and riscv64::order do]
    #[arg(long)]
    pub suite: Option<Suite>,
    /// Where QEMU and firmware come from, repeatable: host, apt, debian:SUITE, file:MANIFEST, dir:BUILD [default: host,
    /// or apt if the host has no QEMU]
    #[arg(long = "platform", value_name = "NAME", value_parser = platform_name)]
    pub platforms: Vec<PlatformName>,
    /// Mirror for apt and debian:SUITE [default: the one that the host's apt is configured with]
    #[arg(long, value_name = "URL", value_parser = mirror)]
    mirror: Option<String>,
    /// How many machines run at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: Option<u32>,
    /// Who executes the guest: tcg (QEMU's own translator), kvm (the host's /dev/kvm), auto (kvm for each firmware that boots
    /// a payload under it, else tcg)
    #[arg(long, default_value = "tcg")]
    accel: AcceleratorChoice,
    /// How guest time passes: virtual (an idle guest's time jumps; TCG only) or real [default: virtual where firmware waits,
    /// real where it only computes]
    #[arg(long)]
    clock: Option<Clock>,
    /// Run the K-th of N stable parts of the selection
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Run every case N times; any disagreement is reported as a flake and fails the run
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    repeat: u32,
    /// Begin no further case after the first that is not as expected
    #[arg(long, conflicts_with = "max_fail")]
    fail_fast: bool,
    /// Begin no further case after N that are not as expected
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_fail: Option<u32>,
    /// Run every case of a firmware whose guests hang, however long that takes [default: once hangs have cost as much as the run
    /// should take, the firmware's other cases are skipped]
    #[arg(long)]
    all_hangs: bool,
    /// A skipped case fails the run; always so where the environment has CI
    #[arg(long)]
    strict: bool,
    /// Keep media of passing cases too
    #[arg(long)]
    keep: bool,
    /// Start every machine with a reset [default: where a dozen machines with OVMF or more are to run, those that may start from a
    /// proven state of a machine without devices (docs/performance.md); the report says which did]
    #[arg(long, conflicts_with = "warm")]
    cold: bool,
    /// Let machines with OVMF start from a proven state however few they are
    #[arg(long)]
    warm: bool,
    /// Leave the machine of a failed case paused until Ctrl-C
    #[arg(long)]
    pause_on_failure: bool,
    /// Seed of everything random, nonces among it [default: a new one for each run; every result names it]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A crate of cases outside this repository, by its folder, instead of the project's own
    #[arg(long, value_name = "PATH", conflicts_with = "coverage")]
    cases: Option<PathBuf>,
    /// A case written as data (docs/case-files.md), or a folder of such files, in place of the project's own; repeatable
    #[arg(long = "case-file", value_name = "F", conflicts_with = "coverage")]
    case_files: Vec<PathBuf>,
    /// Where that crate is built [default: where cargo would]
    #[arg(long, value_name = "DIR", requires = "cases")]
    target_dir: Option<PathBuf>,
    /// Another known-issues file than the cases' own
    #[arg(long, value_name = "FILE")]
    known_issues: Option<PathBuf>,
    /// Where results go [default: target/bootwright/RUN, RUN counting up]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Args {
    /// After how many that are not as expected no further case begins.
    fn max_fail(&self) -> Option<u32> {
        if self.fail_fast { Some(1) } else { self.max_fail }
    }

    /// What `--warm` and `--cold` ask for.
    fn warm_choice(&self) -> WarmChoice {
        match (self.warm, self.cold) {
            (true, _) => WarmChoice::Always,
            (false, true) => WarmChoice::Never,
            (false, false) => WarmChoice::Worth,
        }
    }

    /// Machines start with a reset unless `--warm` was given.
    pub fn cold_by_default(&mut self) {
        self.cold = !self.warm;
    }

    /// Whether a skipped case is one too many.
    fn is_strict(&self) -> bool {
        self.strict || is_ci()
    }
}

/// Whether a CI server runs this. They set `CI` to a word for yes; people unset it, or set it to one for no.
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| is_yes(&value.to_string_lossy()))
}

fn is_yes(word: &str) -> bool {
    !matches!(word.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] where nothing was selected, a platform cannot be resolved, the boot binary does not build, or results
/// cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    Ok(match execute(args)? {
        None => ExitCode::SUCCESS,
        Some(ran) if ran.interrupted => ExitCode::from(2),
        Some(ran) => ExitCode::from(ran.report.exit_code()),
    })
}

/// A run that has come to its end, or was interrupted.
pub struct Ran {
    /// What it came to.
    pub report: Report,
    /// Where it is.
    pub out: PathBuf,
    /// Ctrl-C or SIGTERM ended it early.
    pub interrupted: bool,
}

/// Runs what the options select; `None` where they only ask what there is.
///
/// # Errors
///
/// As [`run`].
pub fn execute(args: &Args) -> Result<Option<Ran>, XtaskError> {
    if args.json && !args.list && !args.coverage {
        return Err(XtaskError("--json goes with --list or --coverage".to_owned()));
    }
    args.known_issues.as_deref().map_or(Ok(()), |path| out_dir::is_text("--known-issues", path))?;
    select::each_once(&args.platforms)?;
    select::none_is_empty(&args.filters)?;
    let mut settings = Settings { case_files: case_files(&args.case_files)?, ..settings(args) };
    crate::interrupt::end_before_any_case();
    let source = Source::of(args.cases.as_deref(), args.target_dir.as_deref())?;
    let boot = BootBinary::build(&source)?;
    let catalogue = catalogue(args, &boot, &mut settings)?;
    let list_command = select::list_command(args.cases.as_deref(), &args.case_files);
    let chosen = select::select(&args.filters, args.exact, settings.suite, catalogue.jobs.clone(), &list_command)?;
    let cases = chosen.len();
    let whole = select::repeated(chosen, args.repeat);
    let selected = in_shard(whole.clone(), args.shard);
    if selected.is_empty() {
        return Err(select::nothing_to_run(&args.filters, settings.suite, args.shard, cases));
    }
    if args.coverage {
        coverage(&selected, args.json)?;
        return Ok(None);
    }
    if args.list {
        list(&selected, args.json)?;
        return Ok(None);
    }
    run_selected(args, &boot, settings, catalogue, &whole).map(Some)
}

/// The cases of the suite that is asked for. Whoever names another architecture without a suite wants its cases, long or not; of
/// other words it is said what the full suite has of them, where that is more. Ids are named by who knows them.
fn catalogue(args: &Args, boot: &BootBinary, settings: &mut Settings) -> Result<Catalogue, XtaskError> {
    let of = |suite| boot.catalogue(&Settings { suite, shard: None, repeat: 1, ..settings.clone() });
    if args.exact || args.filters.is_empty() || settings.suite == Suite::Full {
        return of(settings.suite);
    }
    let mut full = of(Suite::Full)?;
    if args.suite.is_none() && select::other_architectures_alone(&args.filters, &full.jobs) {
        settings.suite = Suite::Full;
        full.jobs.retain(|job| !job.control);
        note(&format!(
            "note: suite full without negative controls, since {} names an architecture",
            args.filters.join(", ")
        ));
        return Ok(full);
    }
    let own = of(settings.suite)?;
    if let Some(more) = select::more_in_full(&args.filters, settings.suite, &own.jobs, &full.jobs) {
        note(&format!("note: {more}"));
    }
    Ok(own)
}

/// Runs these jobs, those of the shard in any case, on every platform.
fn run_selected(
    args: &Args,
    boot: &BootBinary,
    settings: Settings,
    catalogue: Catalogue,
    whole: &[Listed],
) -> Result<Ran, XtaskError> {
    let platforms = resolve(args, whole)?;
    let selected = in_shard(whole.to_vec(), args.shard);
    let past = out_dir::past(selected.len());
    let selected = select::ordered(selected, &past);
    let out = out_dir::claim(args.out.as_deref())?;
    let several_platforms = platforms.len() > 1;
    let mut run = Report::new(out.run.clone());
    run.jobs = args.jobs.unwrap_or_else(cores);
    run.host = report::host();
    run.platforms.clone_from(&platforms);
    run.known_issues = catalogue.known_issues;
    run.warnings = catalogue.warnings;
    run.suite = Some(settings.suite.to_string());
    run.seed = Some(settings.seed);
    run.shard = settings.shard;
    run.selection = Some(selection(args, whole));
    run.strict = settings.strict;
    let (max_fail, fail_fast, strict) = (settings.max_fail, args.fail_fast, settings.strict);
    let mut course = Course { max_fail, fail_fast, strict, ..Course::default() };
    for platform in &platforms {
        course.selected.extend(selected.iter().map(|job| key(job, &platform.name, several_platforms)));
    }
    let settings = Settings {
        out: out.dir.clone(),
        selection: Some(write_selection(&selected, &out.dir)?),
        several_platforms,
        ..settings
    };
    let begun = Instant::now();
    let mut follower = follow::Follower::new(&out, course.selected.len() as u64, &settings);
    course.interrupted = on_each(&platforms, args, &settings, boot, &mut follower)?;
    run.wall_seconds = begun.elapsed().as_secs_f64();
    let report = report::gather(&out.dir, run, &course).map_err(XtaskError::from)?;
    let written = write(&report, &out);
    // a full disk takes the report's files, not the verdicts
    follower.finish(&report, written.is_ok().then_some(&out));
    written?;
    crate::github::tell(&report)?;
    Ok(Ran { report, out: out.dir, interrupted: course.interrupted })
}

/// Runs the selection on one platform after another; whether it was interrupted.
fn on_each(
    platforms: &[PlatformInfo],
    args: &Args,
    settings: &Settings,
    boot: &BootBinary,
    follower: &mut follow::Follower,
) -> Result<bool, XtaskError> {
    for platform in platforms {
        let left = args.max_fail().map(|most| most.saturating_sub(follower.unexpected()));
        if left == Some(0) {
            break;
        }
        let settings = Settings { platform: Some(platform.name.clone()), max_fail: left, ..settings.clone() };
        if follower.run(boot.run_command(&settings, args.jobs.unwrap_or_else(cores)), &platform.name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn key(job: &Listed, platform: &str, several_platforms: bool) -> CaseKey {
    CaseKey {
        id: job.id.clone(),
        platform: platform.to_owned(),
        axes: job.axes.clone(),
        round: job.round,
        several_platforms,
    }
}

fn write_selection(selected: &[Listed], out: &Path) -> Result<PathBuf, XtaskError> {
    let names: Vec<&str> = selected.iter().map(|job| job.name.as_str()).collect();
    let path = out.join(SELECTION_FILE);
    file::write(&path, names.join("\n").as_bytes())
        .map_err(|error| XtaskError(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

/// Writes the report in every form.
///
/// # Errors
///
/// [`XtaskError`] where a file cannot be written.
pub fn write(report: &Report, out: &out_dir::OutDir) -> Result<(), XtaskError> {
    report.store(&out.dir.join("report.json")).map_err(XtaskError::from)?;
    report::junit::store(report, &out.dir.join("junit.xml"), &shown(&out.dir)).map_err(XtaskError::from)?;
    report::html::store(report, &out.dir.join("index.html"), &out.dir).map_err(XtaskError::from)
}

/// The files by their absolute paths, once all of them are known to hold a case.
fn case_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, XtaskError> {
    paths.iter().try_for_each(|path| out_dir::is_text("--case-file", path))?;
    bootwright::case::file::read_all(paths).map_err(XtaskError::from)?;
    paths.iter().map(|path| std::path::absolute(path).map_err(XtaskError::from)).collect()
}

fn suite(args: &Args) -> Suite {
    args.suite.unwrap_or(if args.exact { Suite::Full } else { Suite::Default })
}

/// The settings of every platform's run; output directory, selection and platform are not known yet.
fn settings(args: &Args) -> Settings {
    let unset = Settings::new(PathBuf::new());
    Settings {
        suite: suite(args),
        seed: args.seed.unwrap_or(unset.seed),
        accelerator: args.accel,
        clock: args.clock,
        shard: args.shard,
        repeat: args.repeat,
        keep: args.keep,
        strict: args.is_strict(),
        pause_on_failure: args.pause_on_failure,
        prelaunch_double: suite::imitates_fixed_prelaunch(|name| std::env::var(name).ok()),
        mirror: args.mirror.clone(),
        known_issues: args.known_issues.clone(),
        max_fail: args.max_fail(),
        all_hangs: args.all_hangs,
        warm: args.warm_choice(),
        ..unset
    }
}

fn in_shard(mut jobs: Vec<Listed>, shard: Option<Shard>) -> Vec<Listed> {
    jobs.retain(|job| shard.is_none_or(|shard| shard.holds(&job.id)));
    jobs
}

/// What is selected apart from the shard, as the report has it.
fn selection(args: &Args, whole: &[Listed]) -> Selection {
    Selection::new(args.filters.clone(), args.exact, args.repeat, whole.iter().map(|job| job.id.as_str()))
}

fn list(jobs: &[Listed], json: bool) -> Result<(), XtaskError> {
    print(&match json {
        true => serde_json::to_string_pretty(jobs).map_err(XtaskError::from)? + "\n",
        false => jobs.iter().map(|job| format!("{}\n", job.name)).collect(),
    })
}

fn coverage(jobs: &[Listed], json: bool) -> Result<(), XtaskError> {
    let selected: HashSet<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    let mut cases = bootwright_cases::all();
    cases.retain(|case| selected.contains(case.id.as_str()));
    let groups = bootwright_cases::coverage::of(&cases).map_err(XtaskError::from)?;
    print(&match json {
        true => serde_json::to_string_pretty(&groups).map_err(XtaskError::from)? + "\n",
        false => groups.iter().map(ToString::to_string).collect(),
    })
}

/// What the jobs, those of other shards among them, need of each platform. Cases of the first architecture fail without theirs;
/// cases of another one beside them are skipped with the reason, which is told here too.
fn resolve(args: &Args, jobs: &[Listed]) -> Result<Vec<PlatformInfo>, XtaskError> {
    let needed: BTreeSet<Architecture> = jobs.iter().map(|job| job.architecture).collect();
    let mut found: Vec<PlatformInfo> = Vec::new();
    for architecture in needed {
        let first = found.is_empty();
        for (place, name) in names(&args.platforms).into_iter().enumerate() {
            match resolve_each(std::slice::from_ref(&name), args.mirror.as_deref(), architecture) {
                Ok(platforms) if first => found.extend(platforms.iter().map(PlatformInfo::from)),
                Ok(platforms) => {
                    let known = found.remove(place);
                    found.insert(place, platforms.iter().fold(known, PlatformInfo::and));
                }
                Err(error) if first => return Err(error),
                Err(error) => note(&format!("{name}: its {architecture} cases are skipped: {error}")),
            }
        }
    }
    Ok(found)
}

fn names(given: &[PlatformName]) -> Vec<PlatformName> {
    match given {
        [] => vec![suite::default_platform()],
        names => names.to_vec(),
    }
}

/// The platforms of these names, or the default one, for x86-64.
///
/// # Errors
///
/// The first that cannot be resolved.
pub fn resolve_platforms(given: &[PlatformName], mirror: Option<&str>) -> Result<Vec<Platform>, XtaskError> {
    resolve_each(&names(given), mirror, Architecture::X86_64)
}

fn resolve_each(
    names: &[PlatformName],
    mirror: Option<&str>,
    architecture: Architecture,
) -> Result<Vec<Platform>, XtaskError> {
    let mirror = mirror.map(str::to_owned);
    let options = platform::Options { mirror, architecture, ..platform::Options::default() };
    let mut line = crate::platform::ProgressLine::default();
    let resolved = names
        .iter()
        .map(|name| Platform::resolve(name, &options, &mut |step| line.show(step)).map_err(XtaskError::from));
    resolved.collect()
}

/// A name that a platform goes by; a word must be one that a manifest was kept under, since it is a misspelt one else.
///
/// # Errors
///
/// [`platform::PlatformError`] for a name of none.
pub fn platform_name(given: &str) -> Result<PlatformName, platform::PlatformError> {
    let name: PlatformName = given.parse()?;
    if matches!(name, PlatformName::Kept(_)) && !Platform::is_present(&name, &platform::Options::default()) {
        let hint = "keep a manifest under that name: cargo xtask platform add NAME FILE".to_owned();
        return Err(platform::PlatformError::UnknownName { given: given.to_owned(), hint });
    }
    Ok(name)
}

/// The URL of a mirror.
///
/// # Errors
///
/// What was wanted.
pub fn mirror(given: &str) -> Result<String, String> {
    let wanted = "wanted http://, https:// or file:/ and a path, as a sources.list would have it";
    if platform::is_mirror(given) { Ok(given.to_owned()) } else { Err(wanted.to_owned()) }
}

/// Processors of this host.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn ci_is_a_word_for_yes() {
        assert!(["true", "1", "TRUE", "yes", "woodpecker"].into_iter().all(is_yes));
        assert!(["", " ", "0", "false", "False", "no", "off"].into_iter().all(|word| !is_yes(word)));
    }
}
