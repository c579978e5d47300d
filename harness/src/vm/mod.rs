//! The only place that starts a process: QEMU, with its serial port, debug console and QMP.
//!
//! A [`Vm`] owns one QEMU. Its ports are private socket pairs handed over by descriptor, so nothing listens anywhere and
//! no socket file is left behind; the serial port is a pair of pipes (see [`serial`]). Dropping a `Vm` ends its QEMU and
//! waits for that.

pub mod process;
pub mod qmp;
pub mod serial;

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::Value;

use crate::evidence::{Observed, Recorder, Source};
use qmp::{Qmp, QmpError};

/// How long QEMU may take for a greeting or a reply; generous, since a loaded host swaps and pages.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a QEMU whose monitor failed may take to end, for its last words; or a tenth of its caller's patience.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the sockets of a QEMU that has ended are read on while somebody else holds them open.
const LEFTOVER_TIMEOUT: Duration = Duration::from_millis(500);

/// How often a reader that has nothing to read looks whether anybody still wants it.
const LOOK_UP: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// A machine that did not power on, or a monitor that failed.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// A socket pair or file for the machine could not be made.
    #[error("cannot prepare {what}")]
    Prepare {
        /// Which one.
        what: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The program could not be started.
    #[error("cannot start {}", program.display())]
    Spawn {
        /// QEMU or its loader.
        program: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// QEMU ended before its monitor answered.
    #[error("QEMU ended before the guest ran: {status}; it said: {said}")]
    EndedEarly {
        /// Exit status in words.
        status: String,
        /// Standard error, its last lines.
        said: String,
    },
    /// The monitor failed.
    #[error(transparent)]
    Qmp(#[from] QmpError),
}

/// How QEMU ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Signal number; `None` where it exited.
    pub signal: Option<i32>,
}

impl Exit {
    fn of(status: ExitStatus) -> Exit {
        Exit { code: status.code(), signal: status.signal() }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(out, "exit code {code}"),
            (None, Some(signal)) => write!(out, "killed by signal {signal}"),
            (None, None) => write!(out, "unknown status"),
        }
    }
}

/// The near ends of a machine's ports, made before its command line so that the far ends' numbers are known.
pub struct Ports {
    qmp: (UnixStream, UnixStream),
    serial: String,
    debug_console: (UnixStream, UnixStream),
    nics: Vec<OwnedFd>,
    others: Vec<OwnedFd>,
}

impl Ports {
    /// Makes the pairs; `nics` are the far ends of what each plugged NIC is connected to, `others` what the command that
    /// QEMU is wrapped in inherits besides.
    ///
    /// # Errors
    ///
    /// [`VmError::Prepare`] where the host has no descriptors left.
    pub fn new(nics: Vec<OwnedFd>, others: Vec<OwnedFd>) -> Result<Ports, VmError> {
        let pair = |what: &str| {
            UnixStream::pair().map_err(|source| VmError::Prepare { what: format!("a socket pair for {what}"), source })
        };
        Ok(Ports { qmp: pair("QMP")?, serial: serial::name(), debug_console: pair("the debug console")?, nics, others })
    }

    /// The name of the serial port's pipes in the folder in which QEMU runs; they are there once it is powered on.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Descriptor numbers that QEMU inherits: QMP, debug console, then NICs.
    pub fn numbers(&self) -> (RawFd, RawFd, Vec<RawFd>) {
        let nics = self.nics.iter().map(AsRawFd::as_raw_fd).collect();
        (self.qmp.1.as_raw_fd(), self.debug_console.1.as_raw_fd(), nics)
    }
}

type Ended = Arc<(Mutex<Option<Exit>>, Condvar)>;

/// Held by a reader while bytes are neither in its socket nor in the timeline.
type Carrying = Arc<Mutex<()>>;

/// One running QEMU.
pub struct Vm {
    /// Its monitor.
    pub qmp: Qmp,
    pidfd: Arc<rustix::fd::OwnedFd>,
    /// Where the serial port is typed on.
    input: File,
    /// Second handles of what the readers read: serial port and debug console.
    outputs: [OwnedFd; 2],
    carrying: Carrying,
    ended: Ended,
    recorder: Recorder,
    patience: Duration,
}

impl Vm {
    /// Starts QEMU (`command` and its leading arguments, then `argv`) in `directory` and connects to its monitor. QEMU's
    /// own output goes to `qemu.log` there. `patience` is how long it may take for its greeting and for every reply,
    /// [`REPLY_TIMEOUT`] but for tests.
    ///
    /// # Errors
    ///
    /// [`VmError`]; QEMU has been ended then.
    pub fn power_on(
        command: &[OsString],
        env: &[(String, String)],
        argv: &[String],
        ports: Ports,
        directory: &Path,
        recorder: Recorder,
        patience: Duration,
    ) -> Result<Vm, VmError> {
        let program = PathBuf::from(command.first().cloned().unwrap_or_default());
        let log_path = directory.join("qemu.log");
        let prepare = |source| VmError::Prepare { what: log_path.display().to_string(), source };
        // two QEMUs run in one folder while a machine migrates: each writes to a file of its own and reads its own back
        std::fs::remove_file(&log_path).or_else(missing).map_err(prepare)?;
        let log = File::options().read(true).write(true).create_new(true).open(&log_path).map_err(prepare)?;
        let mut said = log.try_clone().map_err(prepare)?;
        let mut qemu = Command::new(&program);
        qemu.args(command.iter().skip(1)).args(argv).current_dir(directory);
        qemu.envs(env.iter().map(|(name, value)| (name, value)));
        qemu.stdin(Stdio::null()).stdout(log.try_clone().map_err(prepare)?).stderr(log);
        let created = serial::create(directory, &ports.serial);
        let failed = |source| VmError::Prepare { what: format!("pipes in {}", directory.display()), source };
        let (_names, serial::Near { output, held_open, input }) = created.map_err(failed)?;
        let (qmp, debug_console, nics) = ports.numbers();
        let others = ports.others.iter().map(AsRawFd::as_raw_fd).collect();
        let inherited = [vec![qmp, debug_console], nics, others].concat();
        let spawned = process::spawn(qemu, inherited);
        let mut child = spawned.map_err(|source| VmError::Spawn { program: program.clone(), source })?;
        drop((ports.qmp.1, ports.debug_console.1, ports.nics, ports.others));
        recorder.note(Observed::Harness(format!("powered on, process {}", child.id())));

        let pidfd = pidfd(&child).map_err(|source| VmError::Prepare { what: "a pidfd for QEMU".to_owned(), source });
        let pidfd = match pidfd {
            Ok(pidfd) => Arc::new(pidfd),
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                return Err(error);
            }
        };
        let outputs = [OwnedFd::from(output), OwnedFd::from(ports.debug_console.0)];
        let copies = outputs[0].try_clone().and_then(|serial| Ok([serial, outputs[1].try_clone()?]));
        let copies = match copies {
            Ok(copies) => copies,
            Err(source) => {
                kill(&pidfd);
                child.wait().ok();
                return Err(VmError::Prepare { what: "a second handle".to_owned(), source });
            }
        };
        let (carrying, unwanted) = (Carrying::default(), Arc::new(AtomicBool::new(false)));
        let [serial, debug_console] = copies;
        let readers = [(serial, Source::Serial), (debug_console, Source::DebugConsole)].map(|(stream, source)| {
            reader(File::from(stream), source, recorder.clone(), carrying.clone(), unwanted.clone())
        });
        let ended = Ended::default();
        let (waiting, record) = (ended.clone(), recorder.clone());
        std::thread::spawn(move || {
            let exit = child.wait().map(Exit::of).unwrap_or(Exit { code: None, signal: None });
            drop(held_open);
            finish_reading(readers, &unwanted);
            let mut log = Vec::new();
            if said.rewind().is_ok() {
                said.take(1 << 16).read_to_end(&mut log).ok();
            }
            if !log.is_empty() {
                record.bytes(Source::QemuStderr, &log);
            }
            // in the timeline first: whoever learns of the end may write the timeline down at once
            record.note(Observed::Harness(format!("QEMU ended: {exit}")));
            set(&waiting, exit);
        });
        let guard = KillOnDrop(Some((pidfd.clone(), ended.clone())));
        let qmp = match Qmp::connect(ports.qmp.0, recorder.clone(), patience) {
            Ok(qmp) => qmp,
            Err(error @ QmpError::Timeout { .. }) if guard.exit(Duration::ZERO).is_none() => return Err(error.into()),
            Err(error) => {
                let Some(exit) = guard.exit((patience / 10).min(EXIT_TIMEOUT)) else { return Err(error.into()) };
                let said = String::from_utf8_lossy(&recorder.stream(Source::QemuStderr)).trim().to_owned();
                let said = if said.is_empty() { "nothing".to_owned() } else { said };
                return Err(VmError::EndedEarly { status: exit.to_string(), said });
            }
        };
        guard.disarm();
        Ok(Vm { qmp, pidfd, input, outputs, carrying, ended, recorder, patience })
    }

    /// Runs a QMP command; see [`Qmp::execute`].
    ///
    /// # Errors
    ///
    /// [`QmpError`].
    pub fn execute(&self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        self.qmp.execute(command, arguments, self.patience)
    }

    /// Gives QEMU a copy of a descriptor; see [`Qmp::give`].
    ///
    /// # Errors
    ///
    /// [`QmpError`].
    pub fn give(&self, name: &str, descriptor: BorrowedFd<'_>) -> Result<(), QmpError> {
        self.qmp.give(name, descriptor, self.patience)
    }

    /// Types bytes on the first serial port.
    ///
    /// # Errors
    ///
    /// The pipe's error, and that QEMU has ended.
    pub fn type_on_serial(&self, bytes: &[u8]) -> std::io::Result<()> {
        use std::io::Write;
        if self.exit(Duration::ZERO).is_some() {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        (&self.input).write_all(bytes)
    }

    /// Waits until everything that a stopped guest has printed is in the timeline; whether it is, after at most `patience`.
    pub fn settle(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            let carrying = self.carrying.try_lock();
            if carrying.is_ok() && self.outputs.iter().all(is_empty) {
                return true;
            }
            drop(carrying);
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How QEMU ended, waiting for that at most `patience`.
    pub fn exit(&self, patience: Duration) -> Option<Exit> {
        wait(&self.ended, patience)
    }

    /// Asks QEMU to end by itself, so that what it is wrapped in can end too, and waits for that at most `patience`.
    pub fn quit(&self, patience: Duration) -> Option<Exit> {
        if self.exit(Duration::ZERO).is_none() {
            // it may end before it replies
            self.execute("quit", Value::Null).ok();
        }
        self.exit(patience)
    }

    /// Ends QEMU at once and waits until it is gone.
    pub fn power_off(&self) -> Option<Exit> {
        if self.exit(Duration::ZERO).is_none() {
            self.recorder.note(Observed::Harness("ending QEMU".to_owned()));
            kill(&self.pidfd);
        }
        self.exit(Duration::from_secs(10))
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.power_off();
    }
}

/// Ends a QEMU whose `Vm` was never made.
struct KillOnDrop(Option<(Arc<rustix::fd::OwnedFd>, Ended)>);

impl KillOnDrop {
    fn exit(&self, patience: Duration) -> Option<Exit> {
        self.0.as_ref().and_then(|(_, ended)| wait(ended, patience))
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some((pidfd, ended)) = &self.0 {
            kill(pidfd);
            wait(ended, Duration::from_secs(10));
        }
    }
}

/// A file that is to be removed need not be there.
fn missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// A handle that keeps naming this process even after its number was given to another.
fn pidfd(child: &std::process::Child) -> std::io::Result<rustix::fd::OwnedFd> {
    let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = number.ok_or_else(|| std::io::Error::other("process number out of range"))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

fn kill(pidfd: &rustix::fd::OwnedFd) {
    // the only failure is that it has ended already
    pidfd_send_signal(pidfd, Signal::KILL).ok();
}

fn reader(
    mut stream: File,
    source: Source,
    recorder: Recorder,
    carrying: Carrying,
    unwanted: Arc<AtomicBool>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        // waits without holding anything, then reads what it knows to be there
        while !unwanted.load(Ordering::Relaxed) {
            let mut waiting = [PollFd::new(&stream, PollFlags::IN)];
            match poll(&mut waiting, Some(&LOOK_UP)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(_) => break,
            }
            let Ok(_carrying) = carrying.lock() else { break };
            let Ok(count @ 1..) = stream.read(&mut buffer) else { break };
            recorder.bytes(source, &buffer[..count]);
        }
    })
}

/// Whether a stream holds nothing to read; one that has ended does not.
fn is_empty(stream: &OwnedFd) -> bool {
    rustix::io::ioctl_fionread(stream).is_ok_and(|waiting| waiting == 0)
}

/// Lets the readers take what an ended QEMU left in its ports, which belongs before its end. A process that inherited the
/// far ends could hold them open for ever, so nobody reads on then.
fn finish_reading(readers: [std::thread::JoinHandle<()>; 2], unwanted: &AtomicBool) {
    let deadline = Instant::now() + LEFTOVER_TIMEOUT;
    while Instant::now() < deadline && !readers.iter().all(std::thread::JoinHandle::is_finished) {
        std::thread::sleep(Duration::from_millis(1));
    }
    unwanted.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().ok();
    }
}

fn set(ended: &Ended, exit: Exit) {
    let mut slot = match ended.0.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    };
    *slot = Some(exit);
    drop(slot);
    ended.1.notify_all();
}

fn wait(ended: &Ended, patience: Duration) -> Option<Exit> {
    let deadline = Instant::now() + patience;
    let mut slot = match ended.0.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    };
    while slot.is_none() {
        let now = Instant::now();
        if now >= deadline {
            return None;
        }
        slot = match ended.1.wait_timeout(slot, deadline - now) {
            Ok((guard, _)) => guard,
            Err(poisoned) => poisoned.into_inner().0,
        };
    }
    *slot
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
