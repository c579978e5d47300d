//! Somebody ends a run of a QEMU that is a shell script which waits for the real one: nothing is left running, and what there is
//! to report is reported.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

/// A run whose machines can be told from others.
struct Run {
    dir: tempfile::TempDir,
    mark: String,
    child: Option<Child>,
}

impl Run {
    /// Begins a subcommand; `None` where this host has no QEMU.
    fn begin(subcommand: &[&str]) -> Option<Run> {
        if Command::new("qemu-system-x86_64").arg("--version").output().is_err() {
            eprintln!("skipped: no qemu-system-x86_64 on PATH");
            return None;
        }
        let dir = tempfile::tempdir().expect("a folder");
        let mark = format!("BOOTWRIGHT_SIGNALS_TEST={}", dir.path().display());
        let put = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).expect("written");
        // no exec: what is ended with its parent is the shell
        put("qemu", b"#!/bin/sh\nqemu-system-x86_64 \"$@\"\nexit $?\n");
        std::fs::set_permissions(dir.path().join("qemu"), std::fs::Permissions::from_mode(0o755)).expect("executable");
        put("platform.toml", b"name = \"wrapped\"\nqemu = \"qemu\"\nseabios = \"host\"\n");
        let mut hanging = vec![0; 1 << 20];
        hanging[..2].copy_from_slice(&[0xeb, 0xfe]);
        hanging[510..512].copy_from_slice(&[0x55, 0xaa]);
        put("hanging.img", &hanging);
        let (name, value) = mark.split_once('=').expect("a name");
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .env(name, value)
            .env("TMPDIR", dir.path())
            .env("XDG_CACHE_HOME", dir.path().join("cache"))
            .args(subcommand)
            .current_dir(dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = Some(command.spawn().expect("xtask runs"));
        Some(Run { dir, mark, child })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Processes of it that run a machine.
    fn machines(&self) -> Vec<String> {
        let of = |entry: std::fs::DirEntry| {
            let read = |name: &str| std::fs::read(entry.path().join(name)).ok();
            let is_ours = String::from_utf8_lossy(&read("environ")?).split('\0').any(|one| one == self.mark);
            let line = String::from_utf8_lossy(&read("cmdline")?).replace('\0', " ");
            (is_ours && line.starts_with("qemu-system-x86_64") && line.contains("isa-debug-exit")).then_some(line)
        };
        std::fs::read_dir("/proc").expect("/proc").flatten().filter_map(of).collect()
    }

    /// Sends the signal once a machine runs, and waits for the end.
    fn ended_by(&mut self, signal: &str) -> ExitStatus {
        let begun = Instant::now();
        while self.machines().is_empty() {
            assert!(begun.elapsed() < PATIENCE, "no machine began");
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut child = self.child.take().expect("it runs");
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        child.wait().expect("it ends")
    }

    fn left(&self) -> Vec<String> {
        let begun = Instant::now();
        while !self.machines().is_empty() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.machines()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn has_report(out: &Path) -> bool {
    let report = std::fs::read_to_string(out.join("report.json")).unwrap_or_default();
    report.contains("interrupted before its verdict") && out.join("index.html").is_file()
}

#[test]
fn a_run_and_a_boot_report_what_there_is_and_leave_no_machine() {
    let test = [
        "test",
        "--platform",
        "file:platform.toml",
        "--out",
        "out",
        "--jobs",
        "1",
        "--repeat",
        "300",
        "--exact",
        "alone::seabios::pc::ide",
    ];
    let boot =
        ["boot", "--disk", "hanging.img", "--firmware", "bios", "--platform", "file:platform.toml", "--out", "out"];
    for (subcommand, signal) in
        [(&test[..], "HUP"), (&test[..], "TERM"), (&boot[..], "HUP"), (&boot[..], "TERM"), (&boot[..], "INT")]
    {
        let Some(mut run) = Run::begin(subcommand) else { return };
        let status = run.ended_by(signal);
        assert_eq!(status.code(), Some(2), "{} by {signal}", subcommand[0]);
        assert!(has_report(&run.path("out")), "{} by {signal}", subcommand[0]);
        assert_eq!(run.left(), Vec::<String>::new(), "{} by {signal}", subcommand[0]);
    }
}

#[test]
fn a_run_that_is_ended_before_its_first_machine_says_so_alone() {
    let dir = tempfile::tempdir().unwrap();
    let script = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let built = format!(r#"{{"target":{{"name":"boot"}},"executable":"{}/boot"}}"#, dir.path().display());
    for signal in ["INT", "TERM", "HUP"] {
        // what the terminal ends with us ends first: by the signal, or with a status of its own
        for end in ["kill -KILL $$", "exit 101"] {
            script("boot", &format!("kill -{signal} $PPID; {end}"));
            for cargo in [format!("kill -{signal} $PPID; {end}"), format!("echo '{built}'")] {
                let cargo = script("cargo", &cargo);
                let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
                xtask.args(["test", "--list"]).env("CARGO", cargo).current_dir(dir.path());
                let output = xtask.output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(said, "error: interrupted before any case ran\n", "{signal}, {end}");
                assert_eq!(output.status.code(), Some(2), "{signal}, {end}");
            }
        }
    }
}

#[test]
fn a_probe_leaves_neither_a_machine_nor_its_folder() {
    for signal in ["TERM", "HUP"] {
        let Some(mut run) = Run::begin(&["platform", "probe", "file:platform.toml", "--again"]) else { return };
        assert_eq!(run.ended_by(signal).code(), Some(2), "{signal}");
        assert_eq!(run.left(), Vec::<String>::new(), "{signal}");
        let names = std::fs::read_dir(run.dir.path()).unwrap().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("probe")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
