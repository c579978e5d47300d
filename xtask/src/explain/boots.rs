//! Boots the variants of guests as cases of a run: evidence, report and replay are those of any case.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bootwright::case::Suite;
use bootwright::platform::{self, Architecture, Platform, PlatformName};
use bootwright::report::progress::{Event, Progress};
use bootwright::report::{self, CaseKey, CaseResult, Course, RESULT_FILE, Report, Selection, Verdict};
use bootwright::suite::{self, Amount, Job, Runner, Settings};
use bootwright::trace::Trace;
use bootwright::verdict::known_issues::KnownIssues;

use super::answers::went_astray;
use super::args::{Args, Asked};
use super::input::MADE_UP;
use crate::XtaskError;
use crate::test::{cores, out_dir, shown};

/// A run that has come to its end.
pub struct Ran {
    /// The platforms, in the order in which they were asked for.
    pub platforms: Vec<Platform>,
    /// What it came to.
    pub report: Report,
    out: PathBuf,
}

impl Ran {
    /// A variant's result on a platform, and what was seen.
    pub fn of(&self, id: &str, platform: &str) -> Option<(&CaseResult, Option<Trace>)> {
        let result = self.report.cases.iter().find(|case| case.id == id && case.platform == platform)?;
        let path = self.out.join(&result.evidence).join("trace.json");
        let seen = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        let trace = seen.and_then(|seen| serde_json::from_value(seen.get("trace")?.clone()).ok());
        Some((result, trace))
    }

    /// Exit status: 1 where all that did not come to an end ran a program that was not for them, else the report's; 2 where
    /// nothing else is wrong and a boot could not be had here.
    pub fn exit_code(&self) -> u8 {
        let mut odd = self.report.cases.iter().filter(|case| !case.verdict.is_as_expected());
        let astray = |case: &CaseResult| self.of(&case.id, &case.platform).and_then(|(_, trace)| trace);
        match self.report.exit_code() {
            0 if self.report.cases.iter().any(|case| case.verdict == Verdict::Skipped) => 2,
            2 if odd.all(|case| astray(case).is_some_and(|trace| went_astray(&trace))) => 1,
            code => code,
        }
    }

    /// The folder of the run, as a reader would type it.
    pub fn folder(&self) -> String {
        shown(&self.out)
    }
}

/// Runs every variant on every platform.
///
/// # Errors
///
/// [`XtaskError`] where a platform cannot be resolved or results cannot be written.
pub fn run(args: &Args, asked: &[Asked]) -> Result<Ran, XtaskError> {
    let known_issues =
        KnownIssues::parse(bootwright_cases::KNOWN_ISSUES, "known-issues.toml").map_err(XtaskError::from)?;
    let platforms = resolve(args, asked)?;
    let out = out_dir::claim(args.out.as_deref())?;
    let unset = Settings::new(out.dir.clone());
    let settings = Settings {
        suite: Suite::Full,
        seed: args.seed.unwrap_or(unset.seed),
        accelerator: args.accel,
        clock: args.clock,
        keep: args.keep,
        mirror: args.mirror.clone(),
        several_platforms: names(args).len() > 1,
        // each is a step on the way to what is wrong with one guest
        all_hangs: true,
        ..unset
    };
    let present: BTreeSet<Architecture> = platforms.iter().map(|platform| platform.architecture).collect();
    let bootable = asked.iter().filter(|asked| present.contains(&asked.architecture()));
    let variants = bootable.flat_map(|asked| &asked.variants);
    let jobs: Vec<Job> = variants
        .map(|variant| Job { case: variant.case.clone().into(), control: false, round: None, selected: true })
        .collect();
    let threads = args.jobs.unwrap_or_else(cores);
    let mut run = described(&out.run, &platforms, &jobs, &settings, threads);
    let mut course = Course::default();
    let names = names(args).iter().map(ToString::to_string).collect::<Vec<_>>();
    for name in &names {
        course.selected.extend(jobs.iter().map(|job| key(job, name, settings.several_platforms)));
    }
    let begun = Instant::now();
    let mut progress = Progress::detect();
    progress.handle(Event::Total((jobs.len() * names.len()) as u64));
    let progress = Mutex::new(progress);
    for name in &names {
        let settings = Settings { platform: Some(name.clone()), ..settings.clone() };
        let amount = Amount { all: jobs.len(), uefi: jobs.len() };
        let runner = Runner::new(settings.clone(), known_issues.clone(), amount);
        run_all(&runner, &jobs, threads, |job| {
            let key = key(job, name, settings.several_platforms);
            let result = std::fs::read(out.dir.join(key.evidence()).join(RESULT_FILE));
            let result = result.ok().and_then(|bytes| serde_json::from_slice::<CaseResult>(&bytes).ok());
            if let (Some(result), Ok(mut progress)) = (result, progress.lock()) {
                progress.handle(Event::finished(&result, &out.run, &shown(&out.dir)));
            }
        });
    }
    if let Ok(progress) = progress.into_inner() {
        progress.finish();
    }
    run.wall_seconds = begun.elapsed().as_secs_f64();
    let report = report::gather(&out.dir, run, &course).map_err(XtaskError::from)?;
    crate::test::write(&report, &out)?;
    Ok(Ran { platforms, report, out: out.dir })
}

fn described(name: &str, platforms: &[Platform], jobs: &[Job], settings: &Settings, threads: u32) -> Report {
    let mut run = Report::new(name.to_owned());
    run.jobs = threads;
    run.host = report::host();
    for platform in platforms {
        match run.platforms.iter_mut().find(|known| known.name == platform.name) {
            Some(known) => *known = known.clone().and(platform),
            None => run.platforms.push(platform.into()),
        }
    }
    run.suite = Some(settings.suite.to_string());
    run.seed = Some(settings.seed);
    run.selection = Some(Selection::new(Vec::new(), false, 1, jobs.iter().map(|job| job.case.id.as_str())));
    run
}

/// Runs the jobs on so many threads; `finished` hears of each.
fn run_all(runner: &Runner, jobs: &[Job], threads: u32, finished: impl Fn(&Job) + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
            // the reason is in the result too
            runner.run(job).ok();
            finished(job);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len() as u32) {
            scope.spawn(work);
        }
        work();
    });
}

fn key(job: &Job, platform: &str, several_platforms: bool) -> CaseKey {
    CaseKey { id: job.id(), platform: platform.to_owned(), axes: job.case.axes.clone(), round: None, several_platforms }
}

fn names(args: &Args) -> Vec<PlatformName> {
    match args.platforms.as_slice() {
        [] => vec![suite::default_platform()],
        names => names.to_vec(),
    }
}

/// Each platform for each architecture that a guest has. A guest that was made up for a network is left out, which is told,
/// where there is none for it.
fn resolve(args: &Args, asked: &[Asked]) -> Result<Vec<Platform>, XtaskError> {
    let mut platforms = Vec::new();
    let mut line = crate::platform::ProgressLine::default();
    let needed: BTreeSet<Architecture> = asked.iter().map(Asked::architecture).collect();
    for name in names(args) {
        for &architecture in &needed {
            let options =
                platform::Options { mirror: args.mirror.clone(), architecture, ..platform::Options::default() };
            match Platform::resolve(&name, &options, &mut |step| line.show(step)) {
                Ok(platform) => platforms.push(platform),
                Err(error) if is_extra(asked, architecture) => {
                    say!("\n{architecture} clients are not booted on {name}: {error}");
                }
                Err(error) => return Err(XtaskError::from(error)),
            }
        }
    }
    Ok(platforms)
}

/// Whether nobody asked for a guest of this architecture, and others remain.
fn is_extra(asked: &[Asked], architecture: Architecture) -> bool {
    let made_up = |asked: &Asked| asked.guest.file == MADE_UP;
    let (of_it, others): (Vec<_>, Vec<_>) = asked.iter().partition(|asked| asked.architecture() == architecture);
    of_it.into_iter().all(made_up) && !others.is_empty()
}

/// Whether a platform has a file that a guest names by its path: on the host by that path, in an unpacked release below its
/// root.
pub fn has(platform: &Platform, path: &str) -> bool {
    let builds = [&platform.ovmf, &platform.aavmf, &platform.riscvvirt, &platform.loongarchvirt];
    let files = [&platform.seabios, &platform.s390_ccw, &platform.slof];
    let build = builds.into_iter().flatten().map(|build| build.code.path.as_path()).next();
    let firmware = build.or_else(|| files.into_iter().flatten().map(|file| file.path.as_path()).next());
    let root = firmware.and_then(root_of).unwrap_or_else(|| PathBuf::from("/"));
    root.join(path.trim_start_matches('/')).exists()
}

/// What stands before `usr/share` in a path.
fn root_of(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    text.find("/usr/share/").map(|at| PathBuf::from(format!("{}/", &text[..at])))
}

#[cfg(test)]
mod tests {
    use bootwright::report::Totals;

    use super::*;

    #[test]
    fn a_boot_that_could_not_be_had_has_not_come_to_an_end() {
        let status: [(&[Verdict], u8); 4] = [
            (&[Verdict::Passed, Verdict::Passed], 0),
            (&[Verdict::Skipped, Verdict::Skipped], 2),
            (&[Verdict::Passed, Verdict::Skipped], 2),
            (&[Verdict::Failed, Verdict::Skipped], 1),
        ];
        for (verdicts, wanted) in status {
            let mut report = Report::new("1");
            let key = CaseKey::new("a", "host");
            report.cases = verdicts.iter().map(|&verdict| CaseResult::new(&key, verdict)).collect();
            report.totals = Totals::of(&report.cases);
            let ran = Ran { platforms: Vec::new(), report, out: PathBuf::new() };
            assert_eq!(ran.exit_code(), wanted, "{verdicts:?}");
        }
    }
}
