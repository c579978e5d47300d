//! `cargo xtask replay RUN CASE`: the same argv and media again, serial port on the terminal.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use bootwright::report::{CaseKey, Report};

use crate::XtaskError;
use crate::test::out_dir;

/// Options of `cargo xtask replay`.
#[derive(clap::Args)]
pub struct Args {
    /// The run: its number below target/bootwright, or its directory
    run: String,
    /// The case's id
    case: String,
    /// The platform, where the run had several
    #[arg(long)]
    platform: Option<String>,
    /// End QEMU after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] where the run, the case or its command does not exist.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    let dir = find_run(&args.run)?;
    let report = Report::load(&dir.join("report.json")).map_err(XtaskError::from)?;
    let mut cases = report.cases.iter().filter(|case| {
        case.id == args.case && args.platform.as_ref().is_none_or(|platform| case.platform == *platform)
    });
    let case = cases.next().ok_or_else(|| {
        XtaskError(format!("run {} has no case \"{}\": see {}", args.run, args.case, dir.join("index.html").display()))
    })?;
    let key: CaseKey = case.key();
    let folder = dir.join(key.evidence());
    let command = folder.join("command.sh");
    if !command.exists() {
        return Err(XtaskError(format!("{} does not exist: the case never powered a machine on", command.display())));
    }
    bootwright::run::build_media_again(&folder).map_err(XtaskError::from)?;
    eprintln!("{}: {}", case.id, case.verdict.word());
    eprintln!("running {} (end: Ctrl-A x, monitor: Ctrl-A c)", command.display());
    let status = Command::new("timeout")
        .args(["--foreground", &args.timeout.to_string()])
        .arg(&command)
        .status()
        .map_err(|error| XtaskError(format!("cannot run {}: {error}", command.display())))?;
    // the payload's isa-debug-exit: it ran
    let by_payload = status.code() == Some(85);
    let word = if by_payload { "a payload ran and ended the machine".to_owned() } else { status.to_string() };
    eprintln!("\n{word}");
    show_debug_console(&folder.join("by-hand-debugcon.log"));
    Ok(ExitCode::SUCCESS)
}

/// SeaBIOS speaks on the debug console only; what it said last is what the reader came for.
fn show_debug_console(path: &Path) {
    const LINES: usize = 15;
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return;
    }
    eprintln!("debug console, last lines of {}:", path.display());
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        eprintln!("    {}", bootwright::report::text::printable(line));
    }
}

fn find_run(run: &str) -> Result<PathBuf, XtaskError> {
    let named = Path::new(run).to_path_buf();
    let numbered = out_dir::runs().join(run);
    let found = [named, numbered].into_iter().find(|dir| dir.join("report.json").exists());
    found.ok_or_else(|| {
        XtaskError(format!(
            "no run \"{run}\": wanted a directory with a report.json, or a number below {}",
            out_dir::runs().display()
        ))
    })
}
