//! Results that cannot be written.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn verdicts_are_printed_and_the_cause_is_told_although_the_report_cannot_be_written() {
    if Command::new("qemu-system-x86_64").arg("--version").output().is_err() {
        eprintln!("skipped: no qemu-system-x86_64 on PATH");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["test", "--platform", "host", "--exact", "alone::seabios::pc::virtio-blk", "--out"]).arg(&out);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(300);
    // a directory that is not empty would be refused before the run has claimed it
    while !out.join("events.jsonl").exists() {
        assert!(Instant::now() < deadline, "the run never began");
        std::thread::sleep(Duration::from_millis(1));
    }
    // no file can take the name of a folder with something in it
    let in_the_way = out.join("report.json/x");
    std::fs::create_dir_all(&in_the_way).ok();
    let output = child.wait_with_output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{said}{complained}");
    assert!(said.contains("1 case on host") && said.contains("1 passed"), "{said}{complained}");
    assert!(!said.contains("report:"), "there is no report to point at: {said}");
    let wanted = format!("error: cannot write {}: Is a directory (os error 21)", out.join("report.json").display());
    assert!(complained.contains(&wanted), "{complained}");
    let names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains(".new")), "{names:?}");
}
