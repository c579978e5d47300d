//! Processes that a program started and left behind, in a session of their own, as a daemon does.
//!
//! The kernel ends a program that was started here when the harness ends, but not what that program has started: it is given
//! to the first process. A process that called [`adopt_strays`] gets it instead (`PR_SET_CHILD_SUBREAPER`, prctl(2)), and
//! so every process below it is its own when [`end_strays`] is called. A signal that asks for the end is a way out too
//! ([`on_end_signals`]).

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long the kernel may take to end what was killed. One that it does not let go waits for a device.
const PATIENCE: Duration = Duration::from_secs(5);

/// This process is on its way out.
static ENDING: AtomicBool = AtomicBool::new(false);

/// From now on what a child leaves behind becomes a child of this process. A kernel that cannot do that leaves it to the first
/// process, as without this call.
pub fn adopt_strays() {
    set_child_subreaper(true).ok();
}

/// Ends every child of this process, also those that they leave behind, and says how many there were. To be called where
/// nobody needs any child any more.
pub fn end_strays() -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut ended = 0;
    loop {
        let children = children();
        if children.is_empty() || Instant::now() > deadline {
            return ended;
        }
        for child in children {
            // one that has ended is to be waited for only
            kill(child, Signal::SIGKILL).ok();
            ended += usize::from(waitpid(child, Some(WaitPidFlag::WNOHANG)).is_ok_and(|status| status.pid().is_some()));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// From now on nothing is started by this process; every child ends. How many there were.
pub fn end_all() -> usize {
    ENDING.store(true, Ordering::SeqCst);
    end_strays()
}

/// Whether [`end_all`] was called: what machines do then says nothing about them.
pub fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

/// Calls `act`, on a thread of its own, with each signal that asks this process to end: SIGINT, SIGTERM, and SIGHUP unless
/// somebody wants it to be ignored (`nohup`).
pub fn on_end_signals(mut act: impl FnMut(i32) + Send + 'static) {
    let hangs_up = !is_ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default(), SIGHUP);
    let wanted = [SIGINT, SIGTERM].into_iter().chain(hangs_up.then_some(SIGHUP));
    let Ok(mut signals) = Signals::new(wanted) else { return };
    // without a thread signals do what they do by default
    let waiting = thread::Builder::new().name("signals".to_owned()).spawn(move || signals.forever().for_each(&mut act));
    drop(waiting);
}

/// Ends this process as the signal would have done.
pub fn end_by(signal: i32) {
    signal_hook::low_level::emulate_default_handler(signal).ok();
}

/// Whether a process ignores a signal, by its `status` (proc(5)): `SigIgn` is a mask, the first signal its lowest bit.
fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| (mask >> (signal - 1)) & 1 == 1)
}

/// The children of every thread of this process (`/proc/PID/task/TID/children`, proc(5)); none where the kernel does not
/// tell.
fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers =
        lists.flat_map(|list| list.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<i32>>());
    numbers.map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nohup_is_told_by_the_mask() {
        let ignoring = "Name:\tsh\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n";
        assert!(is_ignored(ignoring, SIGHUP) && !is_ignored(ignoring, SIGINT));
        assert!(!is_ignored("SigIgn:\t0000000000001000\n", SIGHUP) && !is_ignored("", SIGHUP));
    }
}
