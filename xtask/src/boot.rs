//! `cargo xtask boot`: a medium that somebody else made, over firmware, buses and platforms; one table, the usual report.

mod args;
mod cell;
mod choice;
mod matrix;
mod server;
mod subject;
mod table;
mod words;

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bootwright::case::Suite;
use bootwright::platform::Platform;
use bootwright::report::{self, CaseKey, Course, Report};
use bootwright::suite::{Amount, Job, Runner, Settings};
use bootwright::verdict::known_issues::KnownIssues;

use crate::XtaskError;
use crate::interrupt;
use crate::output::{note, print, tell};
use crate::test::{self, out_dir};
pub use args::Args;
use cell::Cell;

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] where the medium is none, options contradict each other, a platform cannot be resolved, or results cannot be
/// written. Nothing was booted and nothing was written then.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    let (found, cells) = match &args.dhcp {
        Some(path) => server::cells(args, path)?,
        None => matrix::cells(args)?,
    };
    if args.list {
        print(&format!("{}\n{}", found.join("\n"), table::listing(&cells)))?;
        return Ok(ExitCode::SUCCESS);
    }
    tell(&(found.join("\n") + "\n"));
    test::select::each_once(&args.platforms)?;
    let platforms = test::resolve_platforms(&args.platforms, args.mirror.as_deref())?;
    let out = out_dir::claim(args.out.as_deref())?;
    let begun = Instant::now();
    let mut run = Report::new(out.run.clone());
    run.jobs = args.jobs.unwrap_or_else(test::cores);
    run.host = report::host();
    run.platforms = platforms.iter().map(report::PlatformInfo::from).collect();
    let several = platforms.len() > 1;
    let jobs: Vec<Job> = cells.iter().flat_map(|cell| jobs(cell, args.control)).collect();
    let mut course = Course::default();
    for platform in &platforms {
        course.selected.extend(jobs.iter().map(|job| key(job, &platform.name, several)));
    }
    let settings = Settings {
        suite: Suite::Full,
        accelerator: args.accel,
        mirror: args.mirror.clone(),
        several_platforms: several,
        // each was named by its user
        all_hangs: true,
        ..Settings::new(out.dir.clone())
    };
    run.seed = Some(settings.seed);
    run.strict = args.strict || test::is_ci();
    interrupt::end_machines_at_first();
    boot_all(&jobs, &platforms, &settings, run.jobs as usize);
    course.interrupted = interrupt::is_noted();
    run.wall_seconds = begun.elapsed().as_secs_f64();
    let report = report::gather(&out.dir, run, &course).map_err(XtaskError::from)?;
    test::write(&report, &out)?;
    tell(&table::of(&cells, &report, &test::shown(&out.dir)));
    tell(&server::agreement(&cells, &report, &out.dir));
    tell(&format!("report: {}\n", test::shown(&out.dir.join("index.html"))));
    if course.interrupted {
        return Ok(ExitCode::from(2));
    }
    Ok(ExitCode::from(report.exit_code()))
}

fn jobs(cell: &Cell, control: bool) -> Vec<Job> {
    let job = |control| Job { case: cell.case.clone().into(), control, round: None, selected: true };
    if control && cell.case.control.is_some() { vec![job(false), job(true)] } else { vec![job(false)] }
}

fn key(job: &Job, platform: &str, several_platforms: bool) -> CaseKey {
    CaseKey {
        id: job.id(),
        platform: platform.to_owned(),
        axes: job.case.axes.clone(),
        round: job.round,
        several_platforms,
    }
}

/// Boots everything on every platform, several at once. What became of each is in its evidence folder.
fn boot_all(jobs: &[Job], platforms: &[Platform], settings: &Settings, at_once: usize) {
    let runners: Vec<Runner> = platforms
        .iter()
        .map(|platform| {
            let settings = Settings { platform: Some(platform.name.clone()), ..settings.clone() };
            Runner::new(settings, KnownIssues::default(), Amount { all: jobs.len(), uefi: jobs.len() })
        })
        .collect();
    let all: Vec<(&Runner, &Platform, &Job)> = runners
        .iter()
        .zip(platforms)
        .flat_map(|(runner, platform)| jobs.iter().map(move |job| (runner, platform, job)))
        .collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, all.len().max(1)) {
            scope.spawn(|| {
                while let Some((runner, platform, job)) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if interrupt::is_noted() {
                        return;
                    }
                    let begun = Instant::now();
                    // the table says what became of it
                    let fine = runner.run(job).is_ok();
                    let word = match fine {
                        true => "as expected",
                        false if interrupt::is_noted() => "interrupted",
                        false => "NOT as expected",
                    };
                    let seconds = begun.elapsed().as_secs_f64();
                    note(&format!("{seconds:>6.1} s  {word:<15}  {} on {}", job.name(), platform.name));
                }
            });
        }
    });
}
