//! Starts child processes that cannot outlive the harness.
//!
//! `PR_SET_PDEATHSIG` follows the thread that forked, not its process (Linux `prctl(2)`), so every child is forked by one
//! thread that lives as long as the process: then the kernel kills the child whenever the harness ends, `kill -9`
//! included. A child never inherits standard streams of the harness.

use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

struct Job {
    command: Command,
    inherited: Vec<RawFd>,
    reply: Sender<io::Result<Child>>,
}

/// Starts `command` so that it dies with this process. The descriptors in `inherited` stay open in the child under the
/// same numbers; all others must be close-on-exec, as std makes them.
///
/// # Errors
///
/// The error of fork or exec, for example that the program does not exist.
pub fn spawn(command: Command, inherited: Vec<RawFd>) -> io::Result<Child> {
    static FORKER: OnceLock<Sender<Job>> = OnceLock::new();
    let forker = FORKER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
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
        });
        sender
    });
    let (reply, outcome) = channel();
    forker.send(Job { command, inherited, reply }).map_err(|_| gone())?;
    outcome.recv().map_err(|_| gone())?
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts processes has ended")
}

fn fork(mut command: Command, inherited: Vec<RawFd>) -> io::Result<Child> {
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::other("the harness ended while QEMU was being started"));
        }
        for &fd in &inherited {
            // SAFETY: the numbers belong to descriptors that the caller keeps open until spawn returns
            let fd = unsafe { rustix::fd::BorrowedFd::borrow_raw(fd) };
            rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
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
