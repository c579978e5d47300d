//! A host with too little of something, and somebody who stops a run: what was not seen is `broken` with the cause, nobody's
//! firmware is blamed, and nothing is left running.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const CASES: [&str; 3] = ["alone::seabios::pc::virtio-blk", "alone::seabios::pc::ide", "alone::seabios::q35::nvme"];

/// Whether this host can show it; says why where it cannot. What is compiled is compiled before anything is short.
fn has_qemu() -> bool {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let list = Command::new(env!("CARGO_BIN_EXE_xtask")).args(["test", "--list"]).output();
        assert!(list.expect("xtask runs").status.success());
    });
    let there = Command::new("qemu-system-x86_64").arg("--version").output().is_ok();
    if !there {
        eprintln!("skipped: no qemu-system-x86_64 on PATH");
    }
    there
}

/// A run whose shell has done `first` to itself, in a folder of its own.
fn run(first: &str, jobs: u32, cases: &[&str], out: &Path) -> Output {
    let line = format!("{{ {first}; }} || exit 77\nexec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &line, "sh", env!("CARGO_BIN_EXE_xtask"), "test", "--platform", "host"]);
    command.args(["--jobs", &jobs.to_string(), "--out"]).arg(out).arg("--exact").args(cases);
    let output = command.output().expect("a shell");
    assert_ne!(output.status.code(), Some(77), "cannot {first}");
    output
}

/// What a run printed, which must have no verdict but `passed` and `broken`.
fn blames_nobody(output: &Output) -> String {
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    assert!(!said.contains("panicked"), "{said}");
    assert!(!said.lines().any(|line| line.starts_with("failed ") || line.contains("] failed ")), "{said}");
    assert!(!said.contains("QEMU ended before the guest ran (exit code 85)"), "{said}");
    let all_passed = output.status.code() == Some(0) && !said.contains("broken");
    assert!(all_passed || output.status.code() == Some(2), "{:?}: {said}", output.status);
    said
}

/// A control group with such settings, of version 1, or 2 where the controller is given on to groups; `None` says why.
struct Group(PathBuf);

impl Group {
    /// Each setting is a file of version 1, one of version 2, and the value; the first must be there.
    fn new(controller: &str, settings: &[(&str, &str, &str)]) -> Option<Group> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = Path::new("/sys/fs/cgroup");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bootwright-limits-{}-{number}", std::process::id());
        for (version, place) in [(1, root.join(controller)), (2, root.to_owned())] {
            let group = Group(place.join(&name));
            // what is no control group's folder has no such file
            if std::fs::create_dir(&group.0).is_err() || !group.0.join("cgroup.procs").exists() {
                continue;
            }
            let set = |&(old, new, value): &(&str, &str, &str)| {
                let file = group.0.join(if version == 1 { old } else { new });
                std::fs::OpenOptions::new().write(true).open(file)?.write_all(value.as_bytes())
            };
            let (first, others) = settings.split_first()?;
            if set(first).is_ok() {
                // swap is not accounted everywhere
                others.iter().for_each(|one| drop(set(one)));
                return Some(group);
            }
        }
        eprintln!("skipped: no control group of {controller} can be made here");
        None
    }

    fn enter(&self) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.display())
    }

    /// Its processes once those that were killed are gone.
    fn processes(&self) -> String {
        within_seconds(
            || std::fs::read_to_string(self.0.join("cgroup.procs")).expect("the group is there"),
            String::is_empty,
        )
    }
}

/// What a question comes to, at once or within ten seconds.
fn within_seconds<T>(ask: impl Fn() -> T, settled: impl Fn(&T) -> bool) -> T {
    for _ in 0..100 {
        let answer = ask();
        if settled(&answer) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    ask()
}

impl Drop for Group {
    fn drop(&mut self) {
        std::fs::remove_dir(&self.0).ok();
    }
}

#[test]
fn with_few_descriptors_machines_wait_for_each_other() {
    if !has_qemu() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = run("ulimit -n 64", 64, &CASES, &dir.path().join("out"));
    let said = blames_nobody(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[test]
fn without_memory_for_qemu_the_cause_stands_in_the_error() {
    if !has_qemu() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let output = run("ulimit -v 400000", 2, &CASES, &dir.path().join("out"));
    let said = blames_nobody(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("it ended with exit code 1") || said.contains("emory"), "{said}");
}

#[test]
fn a_thread_or_process_that_cannot_be_made_is_nobodys_verdict() {
    if !has_qemu() {
        return;
    }
    for most in ["5", "7", "9", "12", "16", "24"] {
        let Some(group) = Group::new("pids", &[("pids.max", "pids.max", most)]) else { return };
        let dir = tempfile::tempdir().unwrap();
        let output = run(&group.enter(), 2, &CASES, &dir.path().join("out"));
        let said = blames_nobody(&output);
        let told = output.status.code() == Some(0) || said.contains("Resource temporarily unavailable");
        assert!(told, "pids {most}: {said}");
        assert_eq!(group.processes(), "", "pids {most}: something was left: {said}");
    }
}

#[test]
fn a_machine_that_the_host_has_no_memory_for_is_killed_and_not_failed() {
    if !has_qemu() {
        return;
    }
    let settings =
        [("memory.limit_in_bytes", "memory.max", "100M"), ("memory.memsw.limit_in_bytes", "memory.swap.max", "100M")];
    let Some(group) = Group::new("memory", &settings) else { return };
    let dir = tempfile::tempdir().unwrap();
    let output = run(&group.enter(), 1, &["alone::ovmf::q35::virtio-blk"], &dir.path().join("out"));
    let said = blames_nobody(&output);
    assert!(output.status.code() == Some(2) && said.contains("memory"), "{said}");
    assert_eq!(group.processes(), "", "{said}");
}

/// Processes that have this mark in their environment.
fn marked(mark: &str) -> Vec<String> {
    let of = |entry: std::fs::DirEntry| {
        let environ = std::fs::read(entry.path().join("environ")).ok()?;
        let has = String::from_utf8_lossy(&environ).split('\0').any(|one| one == mark);
        has.then(|| entry.file_name().to_string_lossy().into_owned())
    };
    std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(of).collect()
}

#[test]
fn an_interrupted_run_writes_its_report_says_so_and_leaves_nothing_running() {
    if !has_qemu() {
        return;
    }
    for signal in ["INT", "TERM", "HUP"] {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let mark = format!("BOOTWRIGHT_LIMITS_TEST={}-{signal}", std::process::id());
        let (name, value) = mark.split_once('=').unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.env(name, value).args(["test", "--platform", "host", "--jobs", "1", "--repeat", "200", "--out"]);
        command.arg(&out).arg("--exact").args(CASES).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("] passed "))).unwrap().unwrap();
        let kill = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let said: Vec<String> = lines.map_while(Result::ok).collect();
        let status = child.wait().unwrap();
        let said = said.join("\n");
        assert_eq!(status.code(), Some(2), "{signal}: {said}");
        assert!(said.contains("interrupted before its turn"), "{signal}, after {first}: {said}");
        let report: String = std::fs::read_to_string(out.join("report.json")).unwrap();
        assert!(report.contains("interrupted") && out.join("index.html").is_file(), "{signal}");
        assert_eq!(within_seconds(|| marked(&mark), Vec::is_empty), Vec::<String>::new(), "{signal}");
    }
}

#[test]
fn what_a_wrapper_of_qemu_leaves_in_a_session_of_its_own_ends_with_the_run() {
    use std::os::unix::fs::PermissionsExt;
    if !has_qemu() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (mark, wrapper) = (format!("BOOTWRIGHT_STRAY={}", std::process::id()), dir.path().join("qemu"));
    // not while the platform is looked at, which another process does
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *isa-debug-exit*) {mark} setsid sleep 3600 & echo $! >{0}/left;; esac\n\
         exec qemu-system-x86_64 \"$@\"\n",
        dir.path().display()
    );
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = dir.path().join("platform.toml");
    std::fs::write(&manifest, "name = \"leaving\"\nqemu = \"qemu\"\nseabios = \"host\"\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["test", "--platform", &format!("file:{}", manifest.display()), "--out"]).arg(dir.path().join("out"));
    let output = command.args(["--exact", CASES[0]]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(dir.path().join("left").is_file(), "the wrapper left nothing: {said}");
    assert_eq!(within_seconds(|| marked(&mark), Vec::is_empty), Vec::<String>::new(), "{said}");
}
