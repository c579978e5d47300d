//! How much of the host a process had: whether it could run, had to wait for a processor, or was stopped.
//!
//! Linux counts for each thread how long it ran, and how long it was ready to run and had no processor (`schedstat`, its first two
//! numbers, `Documentation/scheduler/sched-stats.rst`). A deadline that passes while a program waits says nothing about it. A
//! QEMU that sleeps because its guest is idle does not wait.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// What the kernel has counted for a process and its descendants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Time that each thread was ready and had no processor.
    waited: BTreeMap<u32, Duration>,
    /// Processor time that its threads have used.
    ran: Duration,
    /// A signal has stopped one of the processes.
    pub stopped: bool,
}

impl Share {
    /// What is counted by now; nothing where the process is gone or the kernel does not count.
    pub fn of(process: u32) -> Share {
        let mut share = Share::default();
        let mut processes = vec![process];
        while let Some(process) = processes.pop() {
            share.stopped |= fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| is_stopped(&stat));
            let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
            for thread in threads {
                let Some(number) = thread.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
                let schedstat = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
                let mut counts = schedstat.split_whitespace().map_while(|text| text.parse().ok());
                let [ran, waited] = [(); 2].map(|()| counts.next().map_or(Duration::ZERO, Duration::from_nanos));
                share.ran += ran;
                share.waited.insert(number, waited);
                let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
                processes.extend(children.split_whitespace().filter_map(|text| text.parse::<u32>().ok()));
            }
        }
        share
    }

    /// Processor time that the threads which are there have used so far.
    pub fn ran(&self) -> Duration {
        self.ran
    }

    /// How long the thread that waited longest has waited since an earlier count. A guest makes no step while its virtual
    /// processor waits, so the longest one is what the guest has lost.
    pub fn waited_since(&self, earlier: &Share) -> Duration {
        let more = |(thread, waited): (&u32, &Duration)| {
            waited.saturating_sub(earlier.waited.get(thread).copied().unwrap_or_default())
        };
        self.waited.iter().map(more).max().unwrap_or_default()
    }
}

/// Whether `/proc/PID/stat` says that a signal stopped the process. The name before it may hold anything.
fn is_stopped(stat: &str) -> bool {
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
}

impl Share {
    /// A count for one thread, for the tests of those who judge by it.
    pub fn counted(waited: Duration, stopped: bool) -> Share {
        Share { waited: BTreeMap::from([(1, waited)]), ran: Duration::ZERO, stopped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_that_waited_longest_since_then_counts() {
        let second = Duration::from_secs(1);
        let earlier = Share { waited: BTreeMap::from([(1, second * 9)]), ..Share::default() };
        let later = Share { waited: BTreeMap::from([(1, second * 10), (2, second * 3)]), ..Share::default() };
        assert_eq!(later.waited_since(&earlier), second * 3);
        assert_eq!(earlier.waited_since(&later), Duration::ZERO);
    }

    #[test]
    fn a_stopped_process_is_told_from_its_name() {
        assert!(is_stopped("12 (qemu) T 1 12"));
        assert!(!is_stopped("12 (a) T b) S 1 12"));
    }

    #[test]
    fn this_process_is_counted_and_not_stopped() {
        let share = Share::of(std::process::id());
        assert!(!share.waited.is_empty() && !share.stopped && share.ran() > Duration::ZERO);
        assert_eq!(Share::of(u32::MAX), Share::default());
    }
}
