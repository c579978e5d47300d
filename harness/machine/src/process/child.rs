//! A process that was started here, from its start until it was waited for.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Signal number; `None` where it exited.
    pub signal: Option<i32>,
}

impl Exit {
    /// Whether it exited with code 0.
    pub fn success(self) -> bool {
        self.code == Some(0)
    }

    /// How the program ended that a shell ran, by the status of the shell: 128 + N stands for signal N.
    pub fn as_told_by_shell(self) -> Exit {
        match self.code {
            Some(code @ 129..=192) => Exit { code: None, signal: Some(code - 128) },
            _ => self,
        }
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        Exit { code: status.code(), signal: status.signal() }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(out, "exit code {code}"),
            (None, Some(signal)) => write!(out, "killed by signal {signal}"),
            (None, None) => write!(out, "unknown status"),
        }
    }
}

/// A process. Dropping it ends the process and waits for that.
///
/// One thread may wait while another kills: the number of a process is given to no other before it was waited for, and
/// both the last step of waiting and a kill hold the lock.
#[derive(Debug)]
pub struct Child {
    inner: Mutex<std::process::Child>,
    id: u32,
    /// User and system time that it had used when it was waited for.
    processor: OnceLock<Duration>,
}

impl Child {
    pub(super) fn new(child: std::process::Child) -> Child {
        Child { id: child.id(), inner: Mutex::new(child), processor: OnceLock::new() }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Ends it at once; does nothing where it has ended.
    pub fn kill(&self) {
        // the only failure is that it has ended already
        self.lock().kill().ok();
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    ///
    /// Where somebody else in this process waited for it.
    pub fn wait(&self) -> io::Result<Exit> {
        if let Ok(number) = i32::try_from(self.id) {
            // sees the end and leaves the number taken, so that whoever kills meanwhile does not hit a stranger
            let end = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(Pid::from_raw(number)), end) == Err(Errno::EINTR) {}
        }
        if let Some(used) = processor_time(self.id) {
            self.processor.get_or_init(|| used);
        }
        self.lock().wait().map(Exit::from)
    }

    /// User and system time that it used, to a hundredth of a second; `None` until [`Child::wait`] has seen its end.
    pub fn processor(&self) -> Option<Duration> {
        self.processor.get().copied()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// As [`Child::wait`].
    pub fn try_wait(&self) -> io::Result<Option<Exit>> {
        Ok(self.lock().try_wait()?.map(Exit::from))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, std::process::Child> {
        match self.inner.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
        self.wait().ok();
    }
}

/// What the kernel has counted for a process that has ended and was not waited for, or one that runs (`proc_pid_stat(5)`,
/// fields 14 and 15). The name before them may hold anything.
fn processor_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let hertz = sysconf(SysconfVar::CLK_TCK).ok()??;
    Some(Duration::from_secs_f64(ticks as f64 / hertz as f64))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Stdio;
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::Command;
    use super::*;

    fn sleeping() -> Child {
        Command::new("sleep").arg("infinity").spawn(Stdio::null(), Stdio::null(), &[]).unwrap()
    }

    #[test]
    fn a_thread_that_waits_does_not_keep_another_from_killing() {
        let child = Arc::new(sleeping());
        let waiting = std::thread::spawn({
            let child = child.clone();
            move || child.wait().unwrap()
        });
        std::thread::sleep(Duration::from_millis(30));
        child.kill();
        assert_eq!(waiting.join().unwrap(), Exit { code: None, signal: Some(9) });
        assert_eq!(child.try_wait().unwrap(), Some(Exit { code: None, signal: Some(9) }));
        // a kill after the end reaches nobody
        child.kill();
    }

    #[test]
    fn a_shell_tells_by_its_status_which_signal_ended_its_program() {
        let told = |script: &str| {
            let child = Command::new("sh").args(["-c", script]).spawn(Stdio::null(), Stdio::null(), &[]).unwrap();
            child.wait().unwrap().as_told_by_shell()
        };
        assert_eq!(told("sh -c 'kill -9 $$'; exit $?"), Exit { code: None, signal: Some(9) });
        assert_eq!(told("exit 85"), Exit { code: Some(85), signal: None });
        assert_eq!(told("kill -15 $$"), Exit { code: None, signal: Some(15) });
    }

    #[test]
    fn the_time_of_a_process_that_has_ended_is_known() {
        let busy = Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]).spawn(
            Stdio::null(),
            Stdio::null(),
            &[],
        );
        let busy = busy.unwrap();
        assert_eq!(busy.processor(), None);
        busy.wait().unwrap();
        assert!(busy.processor().is_some_and(|used| used > Duration::ZERO), "{:?}", busy.processor());
    }

    #[test]
    fn a_dropped_child_is_gone() {
        let child = sleeping();
        let place = format!("/proc/{}", child.id());
        assert!(Path::new(&place).exists());
        drop(child);
        assert!(!Path::new(&place).exists());
    }
}
