//! Runs a command and weighs it together with every process that it starts.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::Command;
use std::time::{Duration, SystemTime};

use nix::unistd::{SysconfVar, sysconf};

/// How often memory is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// What a command and its descendants used.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// User and system time of all that ended and were waited for.
    pub processor: Duration,
    /// Most resident memory of all of them at one moment, bytes. Pages that two share are counted twice.
    pub peak_memory: u64,
    /// The most that one process had, by the first 15 bytes of its name.
    peaks: BTreeMap<String, u64>,
    /// What the harness' own processes had, ten times a second.
    pub moments: Vec<Moment>,
}

/// One process at one moment.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When, by the host's clock.
    pub at: SystemTime,
    /// The first 15 bytes of its name.
    pub name: String,
    /// Resident memory, bytes.
    pub resident: u64,
    /// Open descriptors.
    pub descriptors: u64,
}

impl Usage {
    /// Nothing but these, for tests.
    #[cfg(test)]
    pub fn of_moments(moments: Vec<Moment>) -> Usage {
        Usage { moments, ..Usage::default() }
    }

    /// The most resident memory, bytes, of a process whose name begins with this.
    pub fn peak_of(&self, name: &str) -> u64 {
        self.peaks.iter().filter(|(known, _)| known.starts_with(name)).map(|(_, bytes)| *bytes).max().unwrap_or(0)
    }
}

/// Runs a command to its end, whatever that is.
///
/// # Errors
///
/// Where it cannot be started, or `/proc` cannot be read.
pub fn run(command: &mut Command) -> io::Result<Usage> {
    let before = waited_for()?;
    let mut child = command.spawn()?;
    let mut usage = Usage::default();
    while child.try_wait()?.is_none() {
        usage.look(child.id());
        std::thread::sleep(EVERY);
    }
    usage.processor = waited_for()?.saturating_sub(before);
    Ok(usage)
}

impl Usage {
    fn look(&mut self, root: u32) {
        let processes = processes();
        let mut sum = 0;
        for (pid, process) in &processes {
            if !descends(&processes, *pid, root) {
                continue;
            }
            sum += process.resident;
            if process.name.starts_with("boot-") || process.name == "xtask" {
                let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64);
                let (at, name, resident) = (SystemTime::now(), process.name.clone(), process.resident);
                self.moments.push(Moment { at, name, resident, descriptors });
            }
            let peak = self.peaks.entry(process.name.clone()).or_default();
            *peak = process.resident.max(*peak);
        }
        self.peak_memory = self.peak_memory.max(sum);
    }
}

struct Process {
    parent: u32,
    name: String,
    /// Bytes.
    resident: u64,
}

/// All processes that can be looked at now; those that end meanwhile are left out.
fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, process(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?))).collect()
}

/// Reads `/proc/PID/stat` (proc_pid_stat(5)); the name in it may hold spaces and parentheses.
fn process(stat: &str) -> Option<Process> {
    let (front, rest) = stat.rsplit_once(')')?;
    let name = front.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // field 4 is ppid and field 24 rss in pages; the state, field 3, comes first here
    let parent = fields.get(1)?.parse().ok()?;
    let pages: u64 = fields.get(21)?.parse().ok()?;
    Some(Process { parent, name, resident: pages * setting(SysconfVar::PAGE_SIZE)? })
}

/// A number that the kernel does not change while it runs, above 0.
fn setting(name: SysconfVar) -> Option<u64> {
    let value = sysconf(name).ok().flatten()?;
    u64::try_from(value).ok().filter(|value| *value > 0)
}

fn descends(processes: &BTreeMap<u32, Process>, mut pid: u32, root: u32) -> bool {
    // a process that ended in between may leave a gap, never a circle: each step goes to an older process
    for _ in 0..64 {
        if pid == root {
            return true;
        }
        match processes.get(&pid) {
            Some(process) => pid = process.parent,
            None => return false,
        }
    }
    false
}

/// User and system time of the descendants that ended and were waited for: fields 16 and 17 of proc_pid_stat(5).
fn waited_for() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("/proc/self/stat: unexpected text {stat:?}"));
    let (_, rest) = stat.rsplit_once(')').ok_or_else(malformed)?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).ok_or_else(malformed);
    let ticks = field(13)? + field(14)?;
    let each_second = setting(SysconfVar::CLK_TCK).ok_or_else(malformed)?;
    Ok(Duration::from_millis(ticks * 1000 / each_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_and_memory_of_a_grandchild_count() {
        let mut command = Command::new("sh");
        command.args(["-c", "sh -c 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done'; true"]);
        let usage = run(&mut command).unwrap();
        assert!(usage.processor > Duration::ZERO, "{usage:?}");
        assert!(usage.peak_memory > 0 && usage.peak_of("sh") > 0, "{usage:?}");
        assert_eq!(usage.peak_of("qemu"), 0);
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99 1000 5 18446744073709551615";
        let process = process(stat).unwrap();
        assert_eq!((process.parent, process.name.as_str()), (3, "a) b (c"));
        assert_eq!(process.resident, 5 * setting(SysconfVar::PAGE_SIZE).unwrap());
        assert!(super::process("7 (a").is_none());
    }
}
