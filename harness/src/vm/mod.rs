//! One running QEMU, with its serial port, debug console and QMP.
//!
//! A [`Vm`] owns one QEMU. Its ports are private socket pairs handed over by descriptor, so nothing listens anywhere and
//! no socket file is left behind; the serial port is a pair of pipes (see `serial.rs`). Dropping a `Vm` ends its QEMU and
//! waits for that.
//!
//! ```no_run
//! use bootwright::evidence::Recorder;
//! use bootwright::process::Command;
//! use bootwright::vm::{Ports, REPLY_TIMEOUT, Vm};
//!
//! let ports = Ports::new(Vec::new(), Vec::new())?;
//! let (qmp, debug_console, _) = ports.numbers();
//! let mut qemu = Command::new("qemu-system-x86_64");
//! qemu.args(["-display", "none", "-chardev", &format!("socket,id=qmp,fd={qmp}"), "-mon", "qmp,mode=control"]);
//! qemu.args(["-chardev", &format!("pipe,id=serial,path={}", ports.serial()), "-serial", "chardev:serial"]);
//! qemu.args(["-chardev", &format!("socket,id=debug,fd={debug_console}"), "-device", "isa-debugcon,iobase=0x402,chardev=debug"]);
//! qemu.directory("evidence");
//! let vm = Vm::power_on(&qemu, ports, Recorder::new(), REPLY_TIMEOUT)?;
//! println!("{}", vm.execute("query-status", serde_json::Value::Null)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod gdb;
mod main_loop;
mod output;
mod port;
pub mod qmp;
pub(crate) mod serial;
mod state_file;
pub(crate) mod transfer;

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use serde_json::Value;

use crate::evidence::file::remove_if_there;
use crate::evidence::{HarnessEvent, Recorder, Source};
pub use crate::process::Exit;
use crate::process::{self, Child, Command};
use main_loop::MainLoop;
use port::Port;
use qmp::{Qmp, QmpError};
pub use state_file::StateError;

/// How long QEMU may take for a greeting or a reply; generous, since a loaded host swaps and pages.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a QEMU whose monitor failed may take to end, for its last words; or a tenth of its caller's patience.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the sockets of a QEMU that has ended are read on while somebody else holds them open.
const LEFTOVER_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the readers of the ports may take for what was printed before an event; a busy host lets them wait.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// QEMU's own output, in the directory that it runs in.
const LOG: &str = "qemu.log";

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
    #[error("QEMU ended before the guest ran: {exit}; it {}", said_words(said))]
    EndedEarly {
        /// How.
        exit: Exit,
        /// Standard error, its last lines; empty where it printed nothing.
        said: String,
    },
    /// The monitor failed.
    #[error(transparent)]
    Qmp(#[from] QmpError),
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

/// One running QEMU.
pub struct Vm {
    /// Its monitor.
    pub qmp: Arc<Qmp>,
    running: Running,
    /// Where the serial port is typed on.
    input: File,
    /// Serial port and debug console, as the readers read them.
    ports: Arc<[Port; 2]>,
    recorder: Recorder,
    patience: Duration,
    main_loop: MainLoop,
}

impl Vm {
    /// Starts QEMU and connects to its monitor. QEMU's own output goes to `qemu.log` in the command's directory. `patience`
    /// is how long it may take for its greeting and for every reply, [`REPLY_TIMEOUT`] but for tests.
    ///
    /// # Errors
    ///
    /// [`VmError`]; QEMU has been ended then.
    pub fn power_on(command: &Command, ports: Ports, recorder: Recorder, patience: Duration) -> Result<Vm, VmError> {
        let log = log_file(command)?;
        let said = log.try_clone().map_err(prepare(LOG))?;
        let (own, far_output) =
            nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|error| prepare("a pipe")(error.into()))?;
        let far_errors = far_output.try_clone().map_err(prepare("a pipe"))?;
        let folder = command.directory.as_deref().unwrap_or(Path::new("."));
        let created = serial::create(folder, &ports.serial);
        let (_names, pipes) = created.map_err(prepare(&format!("pipes in {}", folder.display())))?;
        let printed = [OwnedFd::from(pipes.output), OwnedFd::from(ports.debug_console.0)].map(Port::new);
        let printed = Arc::new(printed);
        let mut readers = Readers::start(&printed, &recorder)?;
        readers.keep_output(own.into(), log)?;
        let far = [&ports.qmp.1, &ports.debug_console.1].map(AsFd::as_fd);
        let others = ports.nics.iter().chain(&ports.others).map(AsFd::as_fd);
        let inherited: Vec<_> = far.into_iter().chain(others).collect();
        let program = PathBuf::from(&command.program);
        let child = command.spawn(far_output.into(), far_errors.into(), &inherited);
        let child = Arc::new(child.map_err(|source| VmError::Spawn { program, source })?);
        drop((ports.qmp.1, ports.debug_console.1, ports.nics, ports.others));
        recorder.harness(HarnessEvent::PoweredOn { process: child.id() });
        let running = Running::watched(child, command.in_shell, readers, pipes.held_open, said, &recorder)?;
        let qmp = Qmp::open(ports.qmp.0, recorder.clone(), settling(&printed, &recorder))?;
        if let Err(error) = qmp.negotiate(patience) {
            let early = ended_early(error, &running, &recorder, patience);
            // on a busy host a guest may be through before the monitor's greeting is answered
            let has_run = matches!(early, VmError::EndedEarly { .. }) && printed.iter().any(|port| port.written() > 0);
            if !has_run {
                return Err(early);
            }
        }
        let (qmp, main_loop) = (Arc::new(qmp), MainLoop::default());
        Ok(Vm { qmp, running, input: pipes.input, ports: printed, recorder, patience, main_loop })
    }

    /// Notices from now on whether the main loop serves the guest.
    pub(crate) fn listen_to_main_loop(&self) {
        self.main_loop.listen(&self.qmp, self.process());
    }

    /// Processor time of QEMU in the longest silence of the main loop that was listened to.
    pub(crate) fn main_loop_silent(&self) -> Duration {
        self.main_loop.silent()
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
    pub(crate) fn type_on_serial(&self, bytes: &[u8]) -> std::io::Result<()> {
        use std::io::Write;
        if self.exit(Duration::ZERO).is_some() {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        (&self.input).write_all(bytes)
    }

    /// Waits until everything that a stopped guest has printed is in the timeline; whether it is, after at most `patience`.
    pub(crate) fn wait_until_drained(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            if self.ports.iter().all(Port::is_drained) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Its process number; of what it is wrapped in, where it is.
    pub(crate) fn process(&self) -> u32 {
        self.running.child.id()
    }

    /// How QEMU ended, waiting for that at most `patience`.
    pub fn exit(&self, patience: Duration) -> Option<Exit> {
        self.running.exit(patience)
    }

    /// User and system time that QEMU used; `None` until it has ended.
    pub fn processor(&self) -> Option<Duration> {
        self.running.child.processor()
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
            self.recorder.harness(HarnessEvent::EndingQemu);
            self.running.child.kill();
        }
        self.exit(Duration::from_secs(10))
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.power_off();
    }
}

/// QEMU's process; dropping it ends the process, and waits until what it left behind is in the timeline.
struct Running {
    child: Arc<Child>,
    ended: Ended,
}

impl Running {
    /// Waits for the end on a thread of its own, which writes it down.
    fn watched(
        child: Arc<Child>,
        in_shell: bool,
        readers: Readers,
        held_open: File,
        said: File,
        recorder: &Recorder,
    ) -> Result<Running, VmError> {
        let ended = Ended::default();
        let (waiting, waited, record) = (ended.clone(), child.clone(), recorder.clone());
        let watch = move || {
            let exit = waited.wait().unwrap_or(Exit { code: None, signal: None });
            let exit = if in_shell { exit.as_told_by_shell() } else { exit };
            record.guarded("the thread that waits for QEMU", || {
                drop(held_open);
                readers.finish();
                read_log(said, &record);
            });
            // in the timeline first: whoever learns of the end may write the timeline down at once
            record.harness(HarnessEvent::QemuEnded(exit));
            set(&waiting, exit);
        };
        std::thread::Builder::new().spawn(watch).map_err(prepare("a thread that waits for QEMU"))?;
        Ok(Running { child, ended })
    }

    fn exit(&self, patience: Duration) -> Option<Exit> {
        wait(&self.ended, patience)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill();
        wait(&self.ended, Duration::from_secs(10));
    }
}

/// What a monitor that did not answer means: often only that QEMU ended.
fn ended_early(error: QmpError, running: &Running, recorder: &Recorder, patience: Duration) -> VmError {
    let longest = match error {
        QmpError::Timeout { .. } => Duration::ZERO,
        _ => (patience / 10).min(EXIT_TIMEOUT),
    };
    let Some(exit) = running.exit(longest) else { return error.into() };
    let said = String::from_utf8_lossy(&recorder.stream(Source::QemuStderr)).trim().to_owned();
    VmError::EndedEarly { exit, said }
}

/// What a QEMU said before it ended, as the end of a sentence about it.
fn said_words(said: &str) -> String {
    if said.is_empty() { "printed nothing".to_owned() } else { format!("said: {said}") }
}

/// A new file for QEMU's own output. Two QEMUs run in one folder while a machine migrates: each writes to a file of its own
/// and reads its own back.
fn log_file(command: &Command) -> Result<File, VmError> {
    let path = command.directory.as_deref().unwrap_or(Path::new(".")).join(LOG);
    let prepare = |source| VmError::Prepare { what: path.display().to_string(), source };
    remove_if_there(&path).map_err(prepare)?;
    File::options().read(true).write(true).create_new(true).open(&path).map_err(prepare)
}

/// Takes the beginning of QEMU's own output into the timeline.
fn read_log(mut said: File, recorder: &Recorder) {
    let mut log = Vec::new();
    if said.rewind().is_ok() {
        said.take(1 << 16).read_to_end(&mut log).ok();
    }
    if !log.is_empty() {
        recorder.bytes(Source::QemuStderr, &log);
    }
}

fn prepare(what: &str) -> impl FnOnce(std::io::Error) -> VmError {
    let what = what.to_owned();
    move |source| VmError::Prepare { what, source }
}

/// What is done before an event is noted: everything that the guest printed before it gets into the timeline, see [`port`].
fn settling(ports: &Arc<[Port; 2]>, recorder: &Recorder) -> impl Fn() + Send + 'static {
    let (ports, recorder) = (ports.clone(), recorder.clone());
    move || {
        let written = [ports[0].written(), ports[1].written()];
        let (begun, frozen) = (Instant::now(), process::frozen());
        while !ports.iter().zip(written).all(|(port, written)| port.has_taken(written)) {
            if begun.elapsed().saturating_sub(process::frozen().saturating_sub(frozen)) > SETTLE_TIMEOUT {
                return recorder.fail("what the guest printed before an event of QEMU's could not be read in time");
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// The threads that carry what QEMU prints into the timeline. Dropping them tells them to end.
struct Readers {
    threads: Vec<JoinHandle<()>>,
    unwanted: Arc<AtomicBool>,
}

impl Readers {
    /// Begins to read the serial port and the debug console.
    fn start(ports: &Arc<[Port; 2]>, recorder: &Recorder) -> Result<Readers, VmError> {
        let mut readers = Readers { threads: Vec::new(), unwanted: Arc::default() };
        for (place, source) in [Source::Serial, Source::DebugConsole].into_iter().enumerate() {
            let (ports, recorder, unwanted) = (ports.clone(), recorder.clone(), readers.unwanted.clone());
            let read = move || {
                let work = || ports[place].carry(source, &recorder, &unwanted);
                recorder.guarded(&format!("the reader of {}", source.name()), work);
            };
            let thread = std::thread::Builder::new().spawn(read).map_err(prepare("a thread that reads a port"))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Begins to read QEMU's own output.
    fn keep_output(&mut self, own: File, log: File) -> Result<(), VmError> {
        let unwanted = self.unwanted.clone();
        let keep = move || output::keep(own, log, &unwanted);
        let thread = std::thread::Builder::new().spawn(keep).map_err(prepare("a thread that reads QEMU's output"))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Lets the readers take what an ended QEMU left in its ports, which belongs before its end. A process that inherited
    /// the far ends could hold them open for ever, so nobody reads on then.
    fn finish(mut self) {
        let deadline = Instant::now() + LEFTOVER_TIMEOUT;
        while Instant::now() < deadline && !self.threads.iter().all(JoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.unwanted.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
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
