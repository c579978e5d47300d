//! QEMU's own tests of booting (`tests/qtest`), from a build tree of QEMU, beside cases of ours that boot the same.
//!
//! Both boot with the QEMU of the host's platform, by turns, one machine at a time.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Serialize;

use super::ratio::Ratio;
use super::scratch::{LEAST_BOOT, Scratch};
use crate::XtaskError;

/// QEMU's test, one of its tests by name or all of them, and cases that do the same.
const PAIRS: [(&str, Option<&str>, &[&str]); 4] = [
    ("pxe-test", Some("/x86_64/pxe/ipv4/pc/e1000"), &["pxe::seabios::pc::model-e1000"]),
    ("pxe-test", Some("/x86_64/pxe/ipv4/pc/virtio-net-pci"), &["pxe::seabios::pc::model-virtio-net-pci"]),
    ("cdrom-test", Some("/x86_64/cdrom/boot/default"), &["alone::seabios::pc::ide-cd"]),
    ("cdrom-test", Some("/x86_64/cdrom/boot/virtio-scsi"), &["alone::seabios::pc::scsi-cd"]),
];

/// Tests of QEMU that boot nothing: they read what QEMU hands to firmware. Their time stands alone.
const WITHOUT_BOOT: [&str; 2] = ["boot-order-test", "hd-geo-test"];

/// What was measured.
#[derive(Debug, Serialize)]
pub struct QemuTests {
    /// A case of ours over QEMU's test that boots the same.
    pub pairs: Vec<Ratio>,
    /// QEMU's tests without a boot.
    without_boot: Vec<WithoutBoot>,
}

/// Tests that boot nothing.
#[derive(Debug, Serialize)]
struct WithoutBoot {
    name: &'static str,
    tests: usize,
    seconds_a_test: f64,
}

impl QemuTests {
    /// Runs them, `rounds` times each.
    ///
    /// # Errors
    ///
    /// Where the tree has no such test, or a test or case fails.
    pub fn measure(scratch: &Scratch, build: &Path, rounds: u32) -> Result<QemuTests, XtaskError> {
        let mut pairs = Vec::new();
        for (program, test, cases) in PAIRS {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for round in 1..=rounds {
                let name = format!("{program}-{}-{round}", pairs.len());
                let measured = scratch.test(&[&["--exact", "--jobs", "1"], cases].concat(), &name)?;
                let qemu = PathBuf::from(&measured.report.platforms[0].qemu.path);
                ours.push(measured.report.wall_seconds / cases.len() as f64);
                let (tests, seconds) = run(&build.join("tests/qtest").join(program), test, &qemu)?;
                theirs.push(seconds / tests as f64);
            }
            let what = format!("a case over QEMU's {program} {}", test.unwrap_or("as a whole"));
            pairs.push(Ratio::of(what, &cases.join(" "), ("case", ours), ("test of QEMU", theirs))?);
        }
        let qemu = scratch.test(&["--exact", LEAST_BOOT], "which-qemu")?;
        let qemu = PathBuf::from(&qemu.report.platforms[0].qemu.path);
        let mut without_boot = Vec::new();
        for name in WITHOUT_BOOT {
            let (tests, seconds) = run(&build.join("tests/qtest").join(name), None, &qemu)?;
            without_boot.push(WithoutBoot { name, tests, seconds_a_test: seconds / tests as f64 });
        }
        Ok(QemuTests { pairs, without_boot })
    }
}

/// Runs a test program of QEMU: how many of its tests passed, and host seconds.
fn run(program: &Path, test: Option<&str>, qemu: &Path) -> Result<(usize, f64), XtaskError> {
    crate::output::note(&format!("bench: {} {}", program.display(), test.unwrap_or_default()));
    let mut command = Command::new(program);
    // its own folder, since it leaves its boot sectors where it is called
    let folder = std::env::temp_dir();
    command.env("QTEST_QEMU_BINARY", qemu).current_dir(folder).args(["--tap", "-k"]);
    if let Some(test) = test {
        command.args(["-p", test]);
    }
    let begun = Instant::now();
    let ran = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let ran = ran.map_err(|error| {
        XtaskError(format!(
            "cannot run {}: {error}\n  wanted: a build tree of QEMU with its tests, as by ninja tests/qtest/pxe-test",
            program.display()
        ))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    match passed(&String::from_utf8_lossy(&ran.stdout)) {
        tests @ 1.. if ran.status.success() => Ok((tests, seconds)),
        tests => Err(XtaskError(format!("{}: {}, {tests} tests passed", program.display(), ran.status))),
    }
}

/// Lines of TAP that tell of a test that ran and passed; a skipped one is no pass.
fn passed(tap: &str) -> usize {
    tap.lines().filter(|line| line.starts_with("ok ") && !line.contains("# SKIP")).count()
}

impl fmt::Display for QemuTests {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for WithoutBoot { name, tests, seconds_a_test } in &self.without_boot {
            writeln!(
                out,
                "{seconds_a_test:6.3}  seconds for each of {tests} tests of QEMU's {name}, which boots nothing"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_or_failed_test_is_no_pass() {
        assert_eq!(passed("1..3\nok 1 /x86_64/pxe/a\nnot ok 2 /b\nok 3 /c # SKIP no slirp\n# ok 4\n"), 1);
    }

    #[test]
    fn a_tree_without_the_test_is_told() {
        let error = run(Path::new("/nonexistent/pxe-test"), None, Path::new("/bin/true")).unwrap_err().to_string();
        assert!(error.starts_with("cannot run /nonexistent/pxe-test: ") && error.contains("build tree"), "{error}");
    }
}
