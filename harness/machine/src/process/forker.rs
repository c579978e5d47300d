//! The thread that forks, so that no child outlives the harness.
//!
//! `PR_SET_PDEATHSIG` follows the thread that forked, not its process (Linux `prctl(2)`), so every child is forked by one
//! thread that lives as long as the process: then the kernel kills the child whenever the harness ends, `kill -9`
//! included.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{getpid, getppid};

use super::strays::is_ending;

struct Job {
    command: Command,
    inherited: Vec<RawFd>,
    reply: Sender<io::Result<Child>>,
}

static FORKER: Mutex<Option<Sender<Job>>> = Mutex::new(None);

/// Starts `command` so that it dies with this process. The descriptors in `inherited` must stay open until this returns and
/// stay open in the child under the same numbers; all others must be close-on-exec, as std makes them.
///
/// # Errors
///
/// The error of fork or exec, for example that the program does not exist.
pub fn spawn(command: Command, inherited: Vec<RawFd>) -> io::Result<Child> {
    if is_ending() {
        return Err(io::Error::other("this process is about to end"));
    }
    let (reply, outcome) = channel();
    forker()?.send(Job { command, inherited, reply }).map_err(|_| gone())?;
    outcome.recv().map_err(|_| gone())?
}

/// The way to the thread that forks, which is made on first use.
fn forker() -> io::Result<Sender<Job>> {
    let mut known = match FORKER.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    };
    if let Some(sender) = &*known {
        return Ok(sender.clone());
    }
    let (sender, jobs) = channel();
    std::thread::Builder::new().name("forker".to_owned()).spawn(move || work(&jobs))?;
    *known = Some(sender.clone());
    Ok(sender)
}

fn work(jobs: &Receiver<Job>) {
    for job in jobs {
        let outcome = fork(job.command, job.inherited);
        // the one who asked may have given up; then the child must not stay behind
        if let Err(unsent) = job.reply.send(outcome)
            && let Ok(mut child) = unsent.0
        {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts processes has ended")
}

fn fork(mut command: Command, inherited: Vec<RawFd>) -> io::Result<Child> {
    let parent = getpid();
    let prepare = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != parent {
            // the harness ended before the signal was asked for
            return Err(Errno::ESRCH.into());
        }
        for &fd in &inherited {
            // SAFETY: the numbers belong to descriptors that the caller keeps open until spawn returns
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls only; it neither allocates nor locks
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let error = spawn(Command::new("/nonexistent/qemu"), Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_descriptor_that_is_not_open_is_an_error() {
        let error = spawn(Command::new("true"), vec![i32::MAX]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::EBADF as i32));
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let asked = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            command.arg("30").stdin(Stdio::null()).stdout(Stdio::null());
            spawn(command, Vec::new()).unwrap()
        });
        let mut child = asked.join().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(child.try_wait().unwrap().is_none(), "the parent-death signal followed the asking thread");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
