//! Runs a short-lived program to its end, with a deadline and bounded output.
//!
//! Used for programs that describe something (QEMU's version, a package's owner), make something or fetch something. A
//! guest is never started here.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{Child, Command, Exit, Share, forker};

/// How many times its limit a program may take that has to wait for a processor all the time.
const MOST_TIMES: u32 = 20;

/// Most that is kept of either output stream; a program that writes more is read on but not remembered.
const KEPT_BYTES: usize = 16 << 20;

/// What a program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output, at most 16 MiB.
    pub stdout: Vec<u8>,
    /// Its standard error, at most 16 MiB, with bytes that are no UTF-8 replaced.
    pub stderr: String,
}

/// A program that did not come to its own end.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be run at all.
    #[error("cannot run {program}")]
    NotStarted {
        /// The command line.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("{program} did not end within {} s and was killed", after.as_secs())]
    TimedOut {
        /// The command line.
        program: String,
        /// How long it had.
        after: Duration,
        /// What it had written to its standard error.
        stderr: String,
    },
}

impl Command {
    /// Runs it to its end, with `input` on its standard input.
    ///
    /// It leads its own process group, which is killed after `limit`. Time in which it was ready and had no processor does not
    /// count, up to twenty times the limit.
    ///
    /// # Errors
    ///
    /// [`CommandError`]; an exit code other than 0 is none.
    pub fn read(&self, input: &[u8], limit: Duration) -> Result<Finished, CommandError> {
        self.read_watched(input, limit, &mut |_| {})
    }

    /// As [`Command::read`], and hands each piece of standard output to `watch` when it arrives.
    ///
    /// # Errors
    ///
    /// As [`Command::read`].
    pub(crate) fn read_watched(
        &self,
        input: &[u8],
        limit: Duration,
        watch: &mut dyn FnMut(&[u8]),
    ) -> Result<Finished, CommandError> {
        let not_started = |source| CommandError::NotStarted { program: self.to_string(), source };
        let mut command = self.prepared();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = forker::spawn(command, Vec::new()).map(Child::new).map_err(not_started)?;
        let pieces = pump_all(&child, input).map_err(not_started)?;
        let mut deadline = Deadline::new(child.id(), limit);

        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let exit = loop {
            match pieces.recv_timeout(deadline.left()) {
                Ok((Stream::Out, piece)) => {
                    watch(&piece);
                    keep(&mut stdout, &piece);
                }
                Ok((Stream::Err, piece)) => keep(&mut stderr, &piece),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    break until(&child, &mut deadline).map_err(not_started)?;
                }
                Err(mpsc::RecvTimeoutError::Timeout) if deadline.moves_on() => {}
                Err(mpsc::RecvTimeoutError::Timeout) => break None,
            }
        };
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let Some(exit) = exit else {
            kill_group(&child);
            return Err(CommandError::TimedOut { program: self.to_string(), after: deadline.begin.elapsed(), stderr });
        };
        Ok(Finished { exit, stdout, stderr })
    }
}

/// Until when a program is waited for: on a host with many more tasks than processors it needs many times as long.
struct Deadline {
    process: u32,
    limit: Duration,
    begin: Instant,
    /// What it has waited for a processor, as far as that was given to it in addition.
    given: Duration,
}

impl Deadline {
    fn new(process: u32, limit: Duration) -> Deadline {
        Deadline { process, limit, begin: Instant::now(), given: Duration::ZERO }
    }

    fn left(&self) -> Duration {
        (self.begin + self.limit + self.given).saturating_duration_since(Instant::now())
    }

    /// Asked when it has passed: gives what the program has waited since, at least the tenth of a second that makes asking again
    /// worth it.
    fn moves_on(&mut self) -> bool {
        self.give(Share::of(self.process).waited_since(&Share::default()))
    }

    fn give(&mut self, waited: Duration) -> bool {
        let more = waited.min(self.limit * (MOST_TIMES - 1));
        let moves = more >= self.given + Duration::from_millis(100);
        self.given = self.given.max(more);
        moves
    }
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

/// Feeds the child and reads it, each by a thread of its own, so that neither holds up the deadline.
fn pump_all(child: &Child, input: &[u8]) -> io::Result<mpsc::Receiver<(Stream, Vec<u8>)>> {
    let (sender, pieces) = mpsc::channel();
    let (stdin, stdout, stderr) = {
        let mut child = child.lock();
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    };
    pump(stdout, Stream::Out, sender.clone())?;
    pump(stderr, Stream::Err, sender)?;
    if let Some(mut stdin) = stdin
        && !input.is_empty()
    {
        let input = input.to_vec();
        // a program that ends without reading its input says so by its exit code
        std::thread::Builder::new().spawn(move || stdin.write_all(&input).ok())?;
    }
    Ok(pieces)
}

fn pump(
    source: Option<impl Read + Send + 'static>,
    stream: Stream,
    sender: mpsc::Sender<(Stream, Vec<u8>)>,
) -> io::Result<()> {
    let Some(mut source) = source else { return Ok(()) };
    let read = move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length) = source.read(&mut buffer) {
            if length == 0 || sender.send((stream, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    };
    std::thread::Builder::new().spawn(read).map(drop)
}

fn keep(all: &mut Vec<u8>, piece: &[u8]) {
    let room = KEPT_BYTES.saturating_sub(all.len());
    all.extend_from_slice(&piece[..piece.len().min(room)]);
}

/// Waits for a child that has closed its output; `None` at the deadline.
fn until(child: &Child, deadline: &mut Deadline) -> io::Result<Option<Exit>> {
    loop {
        match child.try_wait()? {
            Some(exit) => return Ok(Some(exit)),
            None if !deadline.left().is_zero() || deadline.moves_on() => std::thread::sleep(Duration::from_millis(2)),
            None => return Ok(None),
        }
    }
}

/// Ends a child with everything that it started; it was not waited for, so its number is still its own.
fn kill_group(child: &Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        killpg(Pid::from_raw(group), Signal::SIGKILL).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_input_and_exit_code_come_back() {
        let mut command = Command::new("sh");
        let done = command.args(["-c", "cat; echo no >&2; exit 3"]).read(b"yes", Duration::from_secs(10)).unwrap();
        assert_eq!((done.stdout.as_slice(), done.stderr.trim(), done.exit.code), (&b"yes"[..], "no", Some(3)));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children_at_the_deadline() {
        let mut command = Command::new("sh");
        // who waits for it waits for ever
        command.args(["-c", "echo stuck >&2; sleep infinity & sleep infinity"]);
        let error = command.read(b"", Duration::from_secs(2)).unwrap_err();
        assert!(matches!(&error, CommandError::TimedOut { stderr, .. } if stderr.contains("stuck")), "{error}");
    }

    #[test]
    fn input_that_nobody_reads_does_not_hold_up_the_deadline() {
        let mut command = Command::new("sleep");
        let error = command.arg("infinity").read(&vec![0; 1 << 20], Duration::from_millis(200)).unwrap_err();
        assert!(matches!(&error, CommandError::TimedOut { .. }), "{error}");
    }

    #[test]
    fn what_a_program_waited_for_a_processor_is_given_to_it_and_no_more() {
        let second = Duration::from_secs(100);
        let mut deadline = Deadline::new(u32::MAX, second);
        assert!(!deadline.moves_on(), "nobody has waited");
        assert!(!deadline.give(Duration::from_millis(50)));
        assert!(deadline.give(second * 3) && !deadline.give(second * 3), "once for the same wait");
        assert!(deadline.left() > second * 3);
        assert!(deadline.give(second * 1000) && !deadline.give(second * 2000));
        assert!(deadline.left() <= second * MOST_TIMES);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Command::new("/nonexistent/tool").read(b"", Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "cannot run /nonexistent/tool");
    }

    #[test]
    fn output_beyond_the_limit_is_read_on_but_not_kept() {
        let mut command = Command::new("head");
        let done = command.args(["-c", "17000000", "/dev/zero"]).read(b"", Duration::from_secs(30)).unwrap();
        assert_eq!((done.exit.code, done.stdout.len()), (Some(0), KEPT_BYTES));
    }
}
