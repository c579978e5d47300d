//! Whether the host has room for one more machine. A machine that is begun too early fails half-way, and looks as if
//! something else were wrong.

use std::fs;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What one machine takes: estimates on the high side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Memory, MiB.
    memory_mib: u64,
    /// Descriptors of this process.
    descriptors: u64,
    /// Processes and threads.
    tasks: u64,
}

/// QEMU with firmware that has touched little of its memory: an estimate on the high side, nobody measured it.
const QEMU_MIB: u64 = 200;

impl Needs {
    /// Of a machine with this much memory.
    pub fn of(guest_mib: u64) -> Needs {
        Needs { memory_mib: QEMU_MIB + guest_mib / 8, descriptors: 40, tasks: 40 }
    }
}

/// What is free; `None` where there is no limit or it cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Free {
    memory_mib: Option<u64>,
    descriptors: Option<u64>,
    tasks: Option<u64>,
}

impl Free {
    fn now() -> Free {
        let group = cgroup();
        let number = |path: String| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        let of_group = |name: &str| number(format!("{}/{name}", group.as_deref()?));
        let limited = of_group("memory.max").zip(of_group("memory.current"));
        // the page cache gives way
        let cached = group.as_deref().and_then(|group| field(&format!("{group}/memory.stat"), "inactive_file"));
        let in_group = limited.map(|(most, now)| most.saturating_sub(now.saturating_sub(cached.unwrap_or(0))) >> 20);
        let on_host = field("/proc/meminfo", "MemAvailable:").map(|kib| kib >> 10);
        let open = fs::read_dir("/proc/self/fd").map(|list| list.count() as u64).ok();
        let most = field("/proc/self/limits", "Max open files");
        Free {
            memory_mib: in_group.into_iter().chain(on_host).min(),
            descriptors: most.zip(open).map(|(most, open)| most.saturating_sub(open)),
            tasks: of_group("pids.max").zip(of_group("pids.current")).map(|(most, now)| most.saturating_sub(now)),
        }
    }

    /// What is short for these needs while so many others have only just begun.
    fn lacks(&self, needs: Needs, beginning: u64) -> Option<&'static str> {
        let short = |free: Option<u64>, need: u64| free.is_some_and(|free| free < need * (beginning + 1));
        if short(self.memory_mib, needs.memory_mib) {
            Some("memory")
        } else if short(self.descriptors, needs.descriptors) {
            Some("descriptors")
        } else if short(self.tasks, needs.tasks) {
            Some("processes and threads")
        } else {
            None
        }
    }
}

/// The first number behind a name in a file of lines.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The folder of this process' control group (version 2).
fn cgroup() -> Option<String> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(format!("/sys/fs/cgroup{}", own.trim_end_matches('/')))
}

/// How long a machine takes until what it needs is taken.
const BEGINNING: Duration = Duration::from_secs(2);

/// Machines that run in this process.
#[derive(Default)]
pub struct Room {
    running: Mutex<Vec<Instant>>,
    ended: Condvar,
}

/// A place in the room; dropping it gives it back.
pub struct Place<'a> {
    room: &'a Room,
    begun: Instant,
}

impl Room {
    /// Waits until the host has room for one more, or no other machine of this process runs: then nothing gets better by
    /// waiting, and what is short is told by whoever meets it.
    pub fn enter(&self, needs: Needs) -> Place<'_> {
        self.enter_where(needs, Free::now)
    }

    fn enter_where(&self, needs: Needs, free: impl Fn() -> Free) -> Place<'_> {
        let mut running = self.lock();
        loop {
            let beginning = running.iter().filter(|begun| begun.elapsed() < BEGINNING).count() as u64;
            if running.is_empty() || free().lacks(needs, beginning).is_none() {
                let begun = Instant::now();
                running.push(begun);
                return Place { room: self, begun };
            }
            running = match self.ended.wait_timeout(running, Duration::from_millis(200)) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instant>> {
        match self.running.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut running = self.room.lock();
        if let Some(own) = running.iter().position(|&begun| begun == self.begun) {
            running.remove(own);
        }
        drop(running);
        self.room.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_thing_that_can_be_short_is_named() {
        let needs = Needs::of(128);
        let plenty = Free { memory_mib: Some(8192), descriptors: Some(1000), tasks: Some(1000) };
        assert_eq!(plenty.lacks(needs, 10), None);
        assert_eq!(Free::default().lacks(needs, 10), None);
        assert_eq!(Free { memory_mib: Some(200), ..plenty }.lacks(needs, 0), Some("memory"));
        assert_eq!(Free { descriptors: Some(54), ..plenty }.lacks(needs, 0), None);
        assert_eq!(Free { descriptors: Some(54), ..plenty }.lacks(needs, 1), Some("descriptors"));
        assert_eq!(Free { tasks: Some(7), ..plenty }.lacks(needs, 0), Some("processes and threads"));
    }

    #[test]
    fn this_host_is_read() {
        let free = Free::now();
        assert!(free.memory_mib.is_some_and(|mib| mib > 10), "{free:?}");
        assert!(free.descriptors.is_some_and(|count| count > 10), "{free:?}");
    }

    #[test]
    fn of_many_that_come_at_once_only_those_begin_that_have_room() {
        let (room, at_once, most) = (Room::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        // descriptors for two
        let free = || Free { descriptors: Some(100), ..Free::default() };
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let _place = room.enter_where(Needs::of(64), free);
                    most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    at_once.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn without_room_for_one_they_run_one_after_another() {
        let room = Room::default();
        let nothing = || Free { memory_mib: Some(0), ..Free::default() };
        for _ in 0..3 {
            drop(room.enter_where(Needs::of(64), nothing));
        }
    }
}
