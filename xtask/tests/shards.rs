//! Shards of a run, by the command line, on a host that has QEMU.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use bootwright::report::Report;

fn xtask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(args).output().expect("xtask runs")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What of each case must not depend on how the run was cut.
fn told(out: &Path) -> Vec<String> {
    let report = Report::load(&out.join("report.json")).expect("a report");
    let line = |case: &bootwright::report::CaseResult| {
        format!("{} {} {:?} {:?} {:?}", case.id, case.verdict, case.booted, case.attempts, case.evidence)
    };
    report.cases.iter().map(line).collect()
}

#[test]
fn three_shards_merged_are_the_whole_case_by_case() {
    if Command::new("qemu-system-x86_64").arg("--version").output().is_err() {
        eprintln!("skipped: no qemu-system-x86_64 on PATH");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let test = |more: &[&str]| {
        let args = ["test", "--platform", "host", "--seed", "7", "alone::seabios::pc::"];
        let output = xtask(&[&args, more].concat());
        assert!(output.status.success(), "{}", words(&output));
    };
    test(&["--out", &path("whole")]);
    let shards = [path("a"), path("b"), path("c")];
    for (shard, out) in ["1/3", "2/3", "3/3"].iter().zip(&shards) {
        test(&["--shard", shard, "--out", out]);
    }
    let merge = |out: &str, shards: &[&str]| xtask(&[&["report", "merge", out], shards].concat());
    let [a, b, c] = shards.each_ref().map(String::as_str);
    let gap = merge(&path("gap"), &[a, c]);
    assert_eq!(gap.status.code(), Some(2));
    assert!(words(&gap).contains("error: shard 2/3 of platform \"host\" is missing"), "{}", words(&gap));
    let merged = merge(&path("merged"), &[c, a, b]);
    assert!(merged.status.success(), "{}", words(&merged));
    assert_eq!(told(Path::new(&path("merged"))), told(Path::new(&path("whole"))));
    let again = merge(&path("merged"), &[a, b, c]);
    assert_eq!(again.status.code(), Some(2));
    assert!(words(&again).contains("not empty"), "{}", words(&again));
    for moment in 0..40 {
        let interrupted = dir.path().join(format!("interrupted-{moment}"));
        is_whole_or_not_there(&interrupted, [a, b, c], Path::new(&path("merged")), Duration::from_millis(2 * moment));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().flatten().filter(is_unfinished).count(), 0, "{moment}");
    }
}

/// Somebody ends a merge at some moment.
fn is_whole_or_not_there(out: &Path, shards: [&str; 3], whole: &Path, moment: Duration) {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(["report", "merge"]).arg(out).args(shards).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = xtask.spawn().expect("xtask runs");
    std::thread::sleep(moment);
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
    kill.expect("kill runs");
    let output = child.wait_with_output().expect("it ends");
    match words(&output).as_str() {
        "error: interrupted, and nothing is merged\n" => {
            assert!(output.status.code() == Some(2) && !out.exists(), "{moment:?}: {:?}", output.status);
        }
        // before it had looked at its arguments nobody had anything to say
        "" if !out.exists() => assert!(!output.status.success(), "{moment:?}"),
        said => assert_eq!(told(out), told(whole), "{moment:?}: {said}"),
    }
}

fn is_unfinished(entry: &std::fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}
