//! `cargo xtask boot`: a medium that somebody else made, over firmware, buses and platforms; one table, the usual report.

mod cell;
mod matrix;
mod server;
mod subject;
mod table;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bootwright::case::Suite;
use bootwright::platform::{Platform, PlatformName};
use bootwright::report::{self, CaseKey, Course, Report};
use bootwright::suite::{AcceleratorChoice, Job, Runner, Settings};
use bootwright::verdict::known_issues::KnownIssues;

use crate::XtaskError;
use crate::test::{self, out_dir};
use cell::Cell;
use matrix::{BoardChoice, Bus, FirmwareChoice};
use words::{Milestone, Pattern, Send};

/// Options of `cargo xtask boot`.
#[derive(clap::Args)]
pub struct Args {
    /// The medium: an ISO image, a disk (raw or qcow2) or a floppy; which of them it is, is found by looking into it
    #[arg(value_name = "MEDIUM", group = "what")]
    medium: Option<PathBuf>,
    /// A disk image, raw or qcow2; it is never written
    #[arg(long, value_name = "F", group = "what")]
    disk: Option<PathBuf>,
    /// An ISO image in an optical drive
    #[arg(long, value_name = "F", group = "what")]
    cdrom: Option<PathBuf>,
    /// A disk or ISO image on a USB stick
    #[arg(long, value_name = "F", group = "what")]
    usb: Option<PathBuf>,
    /// A floppy image
    #[arg(long, value_name = "F", group = "what")]
    floppy: Option<PathBuf>,
    /// A folder that a network offers by TFTP to PXE clients
    #[arg(long, value_name = "DIR", group = "what")]
    pxe: Option<PathBuf>,
    /// A folder that a network offers by HTTP, or the file in it that is to be booted
    #[arg(long, value_name = "DIR|FILE", group = "what")]
    http: Option<PathBuf>,
    /// A Linux kernel that QEMU hands to the firmware
    #[arg(long, value_name = "F", group = "what")]
    kernel: Option<PathBuf>,
    /// With --kernel: its initial RAM disk
    #[arg(long, value_name = "F", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// With --kernel: its command line; console=ttyS0 is what makes a kernel readable
    #[arg(long, value_name = "S", requires = "kernel")]
    append: Option<String>,
    /// With --pxe or --http: the file to boot, for the firmware that it is made for; repeatable [default: well-known names]
    #[arg(long, value_name = "NAME")]
    file: Vec<String>,
    /// A boot server's configuration (dnsmasq, libvirt network XML, ISC dhcpd): run on the real daemon, and on our own network
    /// as far as it knows the rules; without --pxe or --http each boot file is a program of ours
    #[arg(long, value_name = "F")]
    dhcp: Option<PathBuf>,
    /// Which firmware, in a list with commas; one that is named must boot [default: bios,uefi, and uefi-secure for a signed
    /// loader; one for which there is nothing on the medium must say so]
    #[arg(long, value_delimiter = ',')]
    firmware: Vec<FirmwareChoice>,
    /// On which buses, in a list with commas [default: sata for a CD, virtio and sata for a disk, virtio-net for a network]
    #[arg(long, value_delimiter = ',')]
    bus: Vec<Bus>,
    /// On which boards, in a list with commas [default: q35; pc where only that has the bus]
    #[arg(long, value_delimiter = ',')]
    machine: Vec<BoardChoice>,
    /// Where QEMU and firmware come from, repeatable: host, apt, debian:SUITE, file:MANIFEST, dir:BUILD [default: host, or apt
    /// if the host has no QEMU]
    #[arg(long = "platform", value_name = "NAME", value_parser = test::platform_name)]
    platforms: Vec<PlatformName>,
    /// Mirror for apt and debian:SUITE [default: the one that the host's apt is configured with]
    #[arg(long, value_name = "URL", value_parser = test::mirror)]
    mirror: Option<String>,
    /// How far it must come [default: loader; kernel with --kernel; started with --expect]
    #[arg(long)]
    milestone: Option<Milestone>,
    /// What the guest must print, on the serial port or the VGA text screen; repeatable
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    expect: Vec<Pattern>,
    /// What it must not print; repeatable
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    reject: Vec<Pattern>,
    /// Type this on the serial port once a boot loader was recognised, or REGEX=>TEXT once REGEX was printed; \n \t \e \xNN are
    /// keys; repeatable, in this order
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    send: Vec<Send>,
    /// RAM, MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=65_536))]
    ram: u32,
    /// Longest time for one boot, seconds of the host
    #[arg(long, value_name = "S", default_value_t = 180, value_parser = clap::value_parser!(u32).range(5..=86_400))]
    deadline: u32,
    /// Who executes the guest: tcg, kvm, auto
    #[arg(long, default_value = "tcg")]
    accel: AcceleratorChoice,
    /// How many machines run at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: Option<u32>,
    /// Boot the negative controls too: the same machines without what they boot, for which nothing of this may hold
    #[arg(long)]
    control: bool,
    /// Say what was found and what would be booted, and boot nothing
    #[arg(long)]
    list: bool,
    /// A skipped boot fails the run
    #[arg(long)]
    strict: bool,
    /// Where results go [default: target/bootwright/RUN, RUN counting up]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

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
    // a reader that went away is no failure
    let say = |text: String| drop(std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()));
    say(found.join("\n") + "\n");
    if args.list {
        say(table::listing(&cells));
        return Ok(ExitCode::SUCCESS);
    }
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
        ..Settings::new(out.dir.clone())
    };
    run.seed = Some(settings.seed);
    boot_all(&jobs, &platforms, &settings, run.jobs as usize);
    run.wall_seconds = begun.elapsed().as_secs_f64();
    let report = report::gather(&out.dir, run, &course).map_err(XtaskError::from)?;
    test::write(&report, &out)?;
    say(table::of(&cells, &report, &test::shown(&out.dir)));
    say(server::agreement(&cells, &report, &out.dir));
    say(format!("report: {}\n", test::shown(&out.dir.join("index.html"))));
    Ok(ExitCode::from(exit_code(&report, args.strict || std::env::var_os("CI").is_some())))
}

fn exit_code(report: &Report, strict: bool) -> u8 {
    report.exit_code(strict)
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
            Runner::new(settings, KnownIssues::default(), jobs.len())
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
                    let begun = Instant::now();
                    // the table says what became of it
                    let fine = runner.run(job).is_ok();
                    let word = if fine { "as expected" } else { "NOT as expected" };
                    eprintln!(
                        "{:>6.1} s  {word:<15}  {} on {}",
                        begun.elapsed().as_secs_f64(),
                        job.name(),
                        platform.name
                    );
                }
            });
        }
    });
}
