//! Runs a short-lived program with a deadline and bounded output.
//!
//! Used for programs that describe something (QEMU's version, a package's owner) or fetch something. A guest is never
//! started here.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use super::error::PlatformError;

/// Most that is kept of either output stream; a program that writes more is read on but not remembered.
const KEPT_BYTES: usize = 16 << 20;

/// What a program left behind.
pub(super) struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, at most 16 MiB.
    pub stdout: Vec<u8>,
    /// Its standard error, at most 16 MiB, with bytes that are no UTF-8 replaced.
    pub stderr: String,
}

/// Runs `command` to its end.
///
/// The program leads its own process group, which is killed at the deadline and when this process dies.
///
/// # Errors
///
/// [`PlatformError::NotStarted`] and [`PlatformError::TimedOut`]; an exit status other than 0 is not an error here.
pub(super) fn run(command: &mut Command, input: &[u8], limit: Duration) -> Result<Finished, PlatformError> {
    run_watched(command, input, limit, &mut |_| {})
}

/// As [`run`], and hands each piece of standard output to `watch` when it arrives.
pub(super) fn run_watched(
    command: &mut Command,
    input: &[u8],
    limit: Duration,
    watch: &mut dyn FnMut(&[u8]),
) -> Result<Finished, PlatformError> {
    let program = display(command);
    let deadline = Instant::now() + limit;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    // SAFETY: between fork and exec only prctl(2) is called, which is async-signal-safe and allocates nothing.
    unsafe {
        command.pre_exec(|| set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into));
    }
    let mut child = command.spawn().map_err(|source| PlatformError::NotStarted {
        program: program.clone(),
        source,
        fix: String::new(),
    })?;

    let (sender, pieces) = mpsc::channel();
    pump(child.stdout.take(), Stream::Out, sender.clone());
    pump(child.stderr.take(), Stream::Err, sender);
    if let Some(mut stdin) = child.stdin.take() {
        // a program that ends without reading its input says so by its exit status
        let _ = stdin.write_all(input);
    }

    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        match pieces.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((Stream::Out, piece)) => {
                watch(&piece);
                keep(&mut stdout, &piece);
            }
            Ok((Stream::Err, piece)) => keep(&mut stderr, &piece),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => return Err(timed_out(&mut child, program, limit, &stderr)),
        }
    }
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) => return Err(timed_out(&mut child, program, limit, &stderr)),
            Err(source) => return Err(PlatformError::NotStarted { program, source, fix: String::new() }),
        }
    };
    Ok(Finished { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
}

/// The command line for people: program and arguments, with quotes where a blank needs them. A list of directories as
/// long as a loader's library path is cut short.
pub(super) fn display(command: &Command) -> String {
    let quoted = |word: &OsStr| {
        let word = word.to_string_lossy();
        if word.contains(':') && word.chars().count() > 160 {
            return format!("{}...", word.chars().take(40).collect::<String>());
        }
        if word.is_empty() || word.contains([' ', '\'', '"']) { format!("{word:?}") } else { word.into_owned() }
    };
    let words: Vec<String> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    words.join(" ")
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

fn pump(source: Option<impl Read + Send + 'static>, stream: Stream, sender: mpsc::Sender<(Stream, Vec<u8>)>) {
    let Some(mut source) = source else { return };
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length) = source.read(&mut buffer) {
            if length == 0 || sender.send((stream, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
}

fn keep(all: &mut Vec<u8>, piece: &[u8]) {
    let room = KEPT_BYTES.saturating_sub(all.len());
    all.extend_from_slice(&piece[..piece.len().min(room)]);
}

fn timed_out(child: &mut Child, program: String, after: Duration, stderr: &[u8]) -> PlatformError {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    PlatformError::TimedOut { program, after, stderr: String::from_utf8_lossy(stderr).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_input_and_status_come_back() {
        let done =
            run(Command::new("sh").args(["-c", "cat; echo no >&2; exit 3"]), b"yes", Duration::from_secs(10)).unwrap();
        assert_eq!((done.stdout.as_slice(), done.stderr.trim(), done.status.code()), (&b"yes"[..], "no", Some(3)));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children_at_the_deadline() {
        let start = Instant::now();
        let error = run(
            Command::new("sh").args(["-c", "echo stuck >&2; sleep 60 & sleep 60"]),
            b"",
            Duration::from_millis(200),
        )
        .err()
        .unwrap();
        assert!(matches!(&error, PlatformError::TimedOut { stderr, .. } if stderr.contains("stuck")), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("/nonexistent/tool"), b"", Duration::from_secs(1)).err().unwrap();
        assert_eq!(error.to_string(), "cannot run /nonexistent/tool");
    }
}
