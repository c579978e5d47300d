//! Processes that a program started and left behind, in a session of their own, as a daemon does.
//!
//! The kernel ends a program that was started here when the harness ends, but not what that program has started: it is given
//! to the first process. A process that called [`adopt_strays`] gets it instead (`PR_SET_CHILD_SUBREAPER`, prctl(2)), and
//! so every process below it is its own when [`end_strays`] is called.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// How long the kernel may take to end what was killed. One that it does not let go waits for a device.
const PATIENCE: Duration = Duration::from_secs(5);

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

/// The children of every thread of this process (`/proc/PID/task/TID/children`, proc(5)); none where the kernel does not
/// tell.
fn children() -> Vec<Pid> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let numbers =
        lists.flat_map(|list| list.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<i32>>());
    numbers.map(Pid::from_raw).collect()
}
