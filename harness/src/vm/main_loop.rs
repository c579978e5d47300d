//! Notices a QEMU whose main loop serves nobody while its guest computes.
//!
//! Disks answer, timers ring and networks are read in QEMU's main loop, the guest's processors are threads of their own. Where the
//! host lets the first wait and not the others, a guest with a virtual clock sees its devices silent for seconds of its own
//! time and gives up on them (the driver of NVMe in edk2 after 5 s, `NVME_GENERIC_TIMEOUT` in `NvmExpressHci.h`). A command that
//! only reads is answered by the same loop, so it is asked one again and again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use serde_json::Value;

use super::qmp::{Qmp, QmpError};

/// Time between two questions.
const EVERY: Duration = Duration::from_millis(25);

/// After so long without an answer the main loop is dead, which others tell.
const DEAD: Duration = Duration::from_secs(30);

/// The most that a guest computed while the main loop of its QEMU served nobody.
#[derive(Clone, Debug, Default)]
pub(super) struct MainLoop(Arc<AtomicU64>);

impl MainLoop {
    /// Listens to a QEMU from now on, as long as its monitor answers. Where the host has no thread left, nobody does; and nothing
    /// is noticed of a QEMU that another program was started for, whose processor time is not its own.
    pub fn listen(&self, qmp: &Arc<Qmp>, process: u32) {
        let Some(clock) = i32::try_from(process).ok().and_then(|id| clock_getcpuclockid(Pid::from_raw(id)).ok()) else {
            return;
        };
        let (qmp, longest) = (Arc::downgrade(qmp), self.0.clone());
        std::thread::Builder::new().spawn(move || listen(&qmp, clock, &longest)).ok();
    }

    /// Processor time of QEMU in the longest such silence; zero where nobody listened.
    pub fn silent(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Processor time by a process' clock; zero once it is gone.
fn used(clock: ClockId) -> Duration {
    clock.now().map(Duration::from).unwrap_or_default()
}

fn listen(qmp: &Weak<Qmp>, clock: ClockId, longest: &AtomicU64) {
    let mut ran = false;
    loop {
        std::thread::sleep(EVERY);
        let Some(qmp) = qmp.upgrade() else { return };
        let before = used(clock);
        // what another command or a job takes, such as one that saves the machine, is no silence; a job tells of itself by events
        let (alone, events) = (!qmp.is_asked(), qmp.event_cursor());
        let runs = match qmp.look("query-status", Value::Null, DEAD) {
            Ok(status) => status.get("running").and_then(Value::as_bool) == Some(true),
            Err(QmpError::Refused { .. }) => false,
            Err(QmpError::Timeout { .. } | QmpError::Ended(_)) => return,
        };
        if ran && runs && alone && qmp.event_cursor() == events {
            let computed = used(clock).saturating_sub(before);
            longest.fetch_max(u64::try_from(computed.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        ran = runs;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::{Sender, channel};

    use super::*;
    use crate::evidence::Recorder;

    const PATIENCE: Duration = Duration::from_secs(20);
    /// Processor time that the guest of the test uses before its third answer.
    const BUSY: Duration = Duration::from_millis(40);

    /// What happens besides the questions.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Besides {
        Nothing,
        /// Another command has no answer yet.
        Command,
        /// A job tells of itself while it computes.
        Job,
    }

    /// Answers like a QEMU whose guest has this state, and computes a while before the third answer to a question. The silence
    /// that was noticed once a fourth question came.
    fn noticed(running: bool, besides: Besides) -> Duration {
        let asked_besides = besides == Besides::Command;
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (told, fourth) = channel();
        let qemu = std::thread::spawn(move || answer(theirs, running, besides, &told));
        let qmp = Arc::new(Qmp::open(ours, Recorder::new(), || ()).unwrap());
        qmp.negotiate(PATIENCE).unwrap();
        let main_loop = MainLoop::default();
        let asking = asked_besides.then(|| {
            let qmp = qmp.clone();
            std::thread::spawn(move || qmp.execute("stop", Value::Null, PATIENCE).is_ok())
        });
        while asked_besides && !qmp.is_asked() {
            std::thread::yield_now();
        }
        main_loop.listen(&qmp, std::process::id());
        fourth.recv_timeout(PATIENCE).unwrap();
        drop(asking);
        drop(qmp);
        qemu.join().unwrap();
        main_loop.silent()
    }

    fn answer(mut socket: UnixStream, running: bool, besides: Besides, told: &Sender<()>) {
        socket.write_all(b"{\"QMP\": {}}\n").unwrap();
        let mut questions = 0;
        for line in BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok) {
            let message: Value = serde_json::from_str(&line).unwrap();
            let is_question = message["execute"] == "query-status";
            questions += u32::from(is_question);
            if questions == 3 {
                compute();
            }
            if besides == Besides::Job {
                socket.write_all(b"{\"event\": \"RESUME\"}\n").ok();
            }
            if questions == 4 {
                told.send(()).ok();
                return;
            }
            // what was asked besides has no answer
            if is_question || besides != Besides::Command || message["execute"] == "qmp_capabilities" {
                let reply = serde_json::json!({ "id": message["id"], "return": { "running": running } });
                socket.write_all(format!("{reply}\n").as_bytes()).ok();
            }
        }
    }

    fn compute() {
        let own = clock_getcpuclockid(Pid::this()).unwrap();
        let before = used(own);
        while used(own).saturating_sub(before) < BUSY {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn a_guest_that_computes_while_nobody_answers_is_noticed() {
        assert!(noticed(true, Besides::Nothing) >= BUSY);
    }

    #[test]
    fn a_guest_that_stands_and_a_command_that_takes_its_time_are_no_silence() {
        assert_eq!(noticed(false, Besides::Nothing), Duration::ZERO);
        assert_eq!(noticed(true, Besides::Command), Duration::ZERO);
        assert_eq!(noticed(true, Besides::Job), Duration::ZERO);
    }
}
