//! `cargo xtask replay RUN CASE`: the same argv and media again, serial port on the terminal.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bootwright::report::text::printable;
use bootwright::report::{CaseKey, CaseResult, Report};

use crate::XtaskError;
use crate::interrupt;
use crate::output::note;
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
    /// The round, where the run had several [default: the first that was not as expected]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    round: Option<u32>,
    /// End QEMU after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    timeout: u64,
}

/// The payload's way out: it ran.
const BY_PAYLOAD: i32 = 85;

/// What a shell, `timeout` and QEMU end with where there was no machine.
const NOT_RUN: [i32; 5] = [1, 2, 125, 126, 127];

/// Most bytes of standard error that are kept, and most lines of it that are told.
const KEPT: usize = 16 << 10;
const TOLD: usize = 6;

/// How long what was written last may be on its way.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] where the run, the case or its command does not exist, or QEMU ran no machine.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    let dir = out_dir::find_run(&args.run)?;
    let report = Report::load(&dir.join("report.json")).map_err(XtaskError::from)?;
    let case = chosen(&report, args, &dir)?;
    let key: CaseKey = case.key();
    let folder = dir.join(key.evidence());
    let command = folder.join("command.sh");
    if !command.exists() {
        return Err(XtaskError(format!("{} does not exist: the case never powered a machine on", command.display())));
    }
    bootwright::run::build_media_again(&folder).map_err(XtaskError::from)?;
    note(&format!("{}: {}", case.id, case.verdict.word()));
    note(&format!("running {} (end: Ctrl-A x, monitor: Ctrl-A c)", command.display()));
    interrupt::machines_run();
    let (status, said) = powered_on(&command, args.timeout)
        .map_err(|error| XtaskError(format!("cannot run {}: {error}", command.display())))?;
    if let Some(error) = not_run(status, &said) {
        return Err(error);
    }
    let by_payload = status.code() == Some(BY_PAYLOAD);
    let word = if by_payload { "a payload ran and ended the machine".to_owned() } else { status.to_string() };
    note(&format!("\n{word}"));
    show_debug_console(&folder.join("by-hand-debugcon.log"));
    Ok(ExitCode::SUCCESS)
}

/// The case that the options name.
fn chosen<'a>(report: &'a Report, args: &Args, dir: &Path) -> Result<&'a CaseResult, XtaskError> {
    let found: Vec<&CaseResult> = report.cases.iter().filter(|case| case.id == args.case).collect();
    if found.is_empty() {
        let page = dir.join("index.html");
        return Err(XtaskError(format!("run {} has no case \"{}\": see {}", args.run, args.case, page.display())));
    }
    let platforms: BTreeSet<&str> = found.iter().map(|case| case.platform.as_str()).collect();
    let list = platforms.iter().copied().collect::<Vec<_>>().join(", ");
    let platform = match &args.platform {
        None if platforms.len() > 1 => {
            let (case, fix) = (&args.case, "name one: --platform NAME");
            return Err(XtaskError(format!("{case} ran on several platforms: {list}\n  fix: {fix}")));
        }
        Some(named) if !platforms.contains(named.as_str()) => {
            return Err(XtaskError(format!("{} did not run on platform {named}; it ran on {list}", args.case)));
        }
        named => named.as_deref(),
    };
    let found = found.into_iter().filter(|case| platform.is_none_or(|name| case.platform == name));
    of_round(&found.collect::<Vec<_>>(), args)
}

fn of_round<'a>(rounds: &[&'a CaseResult], args: &Args) -> Result<&'a CaseResult, XtaskError> {
    let number = |case: &CaseResult| case.round.map_or("none".to_owned(), |round| round.to_string());
    if let Some(round) = args.round {
        let found = rounds.iter().copied().find(|case| case.round == Some(round));
        let list = || rounds.iter().map(|case| number(case)).collect::<Vec<_>>().join(", ");
        return found.ok_or_else(|| XtaskError(format!("{} has no round {round}; its rounds: {}", args.case, list())));
    }
    let odd = rounds.iter().copied().find(|case| !case.verdict.is_as_expected());
    let case = odd.or(rounds.first().copied()).ok_or_else(|| XtaskError(format!("no case \"{}\"", args.case)))?;
    if rounds.len() > 1 {
        let why = if odd.is_some() { "the first that was not as expected" } else { "all were as expected" };
        note(&format!("round {} of {}: {why}; another one by --round N", number(case), rounds.len()));
    }
    Ok(case)
}

/// Runs the script to its end; what it says on standard error is shown as it comes, and its end is kept.
fn powered_on(command: &Path, seconds: u64) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let mut timeout = Command::new("timeout");
    timeout.args(["--foreground", &seconds.to_string()]).arg(absolute(command)).stderr(Stdio::piped());
    let mut child = timeout.spawn()?;
    let (pieces, came) = channel();
    if let Some(errors) = child.stderr.take() {
        std::thread::spawn(move || show(errors, &pieces));
    }
    let status = child.wait()?;
    let mut said = Vec::new();
    // the player of a TPM that nobody came to may hold the other end for good
    while let Ok(piece) = came.recv_timeout(LAST_WORDS) {
        said.extend_from_slice(&piece);
        said.drain(..said.len().saturating_sub(KEPT));
    }
    Ok((status, said))
}

fn show(mut errors: impl Read, pieces: &Sender<Vec<u8>>) {
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = errors.read(&mut piece) {
        std::io::stderr().write_all(&piece[..count]).ok();
        pieces.send(piece[..count].to_vec()).ok();
    }
}

/// A bare name would be looked up in PATH.
fn absolute(command: &Path) -> PathBuf {
    std::path::absolute(command).unwrap_or_else(|_| command.to_owned())
}

/// Why there was no machine, in the words of who refused. A guest may end its machine with the same number, but says nothing on
/// standard error.
fn not_run(status: ExitStatus, said: &[u8]) -> Option<XtaskError> {
    let is_refusal = status.code().is_some_and(|code| NOT_RUN.contains(&code)) && !said.is_empty();
    if !is_refusal {
        return None;
    }
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(TOLD));
    let words: String = last.map(|line| format!("\n  it said: {}", printable(line.trim()))).collect();
    Some(XtaskError(format!("QEMU ran no machine: {status}{words}")))
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
    note(&format!("debug console, last lines of {}:", path.display()));
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        note(&format!("    {}", printable(line)));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use bootwright::report::Verdict;

    use super::*;

    fn args(platform: Option<&str>, round: Option<u32>) -> Args {
        let (run, case) = ("0001".to_owned(), "a".to_owned());
        Args { run, case, platform: platform.map(str::to_owned), round, timeout: 1 }
    }

    fn report(cases: &[(&str, Option<u32>, Verdict)]) -> Report {
        let mut report = Report::new("0001");
        let result = |&(platform, round, verdict): &(&str, Option<u32>, Verdict)| {
            CaseResult::new(&CaseKey { round, ..CaseKey::new("a", platform) }, verdict)
        };
        report.cases = cases.iter().map(result).collect();
        report
    }

    fn choose(report: &Report, args: &Args) -> Result<(String, Option<u32>), String> {
        let case = chosen(report, args, Path::new("out")).map_err(|error| error.to_string())?;
        Ok((case.platform.clone(), case.round))
    }

    #[test]
    fn of_several_platforms_one_must_be_named() {
        let report = report(&[("apt", None, Verdict::Passed), ("host", None, Verdict::Failed)]);
        let error = choose(&report, &args(None, None)).unwrap_err();
        assert!(error.starts_with("a ran on several platforms: apt, host\n  fix: "), "{error}");
        assert_eq!(choose(&report, &args(Some("host"), None)), Ok(("host".to_owned(), None)));
        let error = choose(&report, &args(Some("sid"), None)).unwrap_err();
        assert_eq!(error, "a did not run on platform sid; it ran on apt, host");
    }

    #[test]
    fn of_several_rounds_it_is_the_named_one_or_the_first_that_went_wrong() {
        let rounds = [(Some(1), Verdict::Passed), (Some(2), Verdict::Broken), (Some(3), Verdict::Failed)];
        let report = report(&rounds.map(|(round, verdict)| ("host", round, verdict)));
        assert_eq!(choose(&report, &args(None, None)), Ok(("host".to_owned(), Some(2))));
        assert_eq!(choose(&report, &args(None, Some(3))), Ok(("host".to_owned(), Some(3))));
        assert_eq!(choose(&report, &args(None, Some(4))).unwrap_err(), "a has no round 4; its rounds: 1, 2, 3");
    }

    #[test]
    fn a_qemu_that_refuses_is_no_boot_and_a_guest_that_ends_its_machine_is_one() {
        let ended = |code: i32| ExitStatus::from_raw(code << 8);
        let words = b"qemu-system-x86_64: -blockdev x: Could not open 'x': No such file or directory\n";
        for code in NOT_RUN {
            let error = not_run(ended(code), words).unwrap().to_string();
            assert!(
                error.ends_with("No such file or directory") && error.starts_with("QEMU ran no machine"),
                "{error}"
            );
        }
        assert!(not_run(ended(1), b"").is_none(), "a guest wrote 0 to isa-debug-exit");
        for code in [0, BY_PAYLOAD, 124] {
            assert!(not_run(ended(code), b"qemu-system-x86_64: warning: x\n").is_none(), "{code}");
        }
    }
}
