//! QEMU's own tests of booting (`tests/qtest`), from a build tree of QEMU, beside cases of ours that boot the same.
//!
//! Both boot with the QEMU of the host's platform, by turns, one machine at a time.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
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

/// What every test but `pxe-test` asks QEMU's devices by; distributions leave it out.
const ACCELERATOR: &str = "qtest";

/// What was measured.
#[derive(Debug, Serialize)]
pub struct QemuTests {
    /// A case of ours over QEMU's test that boots the same.
    pub pairs: Vec<Ratio>,
    /// QEMU's tests without a boot.
    without_boot: Vec<WithoutBoot>,
    /// Tests that this QEMU cannot be given.
    not_run: Vec<&'static str>,
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
        let (mut pairs, mut not_run) = (Vec::new(), Vec::new());
        let qemu = scratch.test(&["--exact", LEAST_BOOT], "which-qemu")?;
        let qemu = Path::new(&qemu.report.platforms[0].qemu.path);
        let place = Place::new(scratch.folder("qtest")?, qemu)?;
        let whole = has_accelerator(qemu, ACCELERATOR);
        for (program, test, cases) in PAIRS {
            if !whole && program != "pxe-test" {
                not_run.push(program);
                continue;
            }
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for round in 1..=rounds {
                let name = format!("{program}-{}-{round}", pairs.len());
                let measured = scratch.test(&[&["--exact", "--jobs", "1"], cases].concat(), &name)?;
                ours.push(measured.report.wall_seconds / cases.len() as f64);
                let (tests, seconds) = place.run(&build.join("tests/qtest").join(program), test)?;
                theirs.push(seconds / tests as f64);
            }
            let what = format!("a case over QEMU's {program} {}", test.unwrap_or("as a whole"));
            pairs.push(Ratio::of(what, &cases.join(" "), ("case", ours), ("test of QEMU", theirs))?);
        }
        let mut without_boot = Vec::new();
        for name in WITHOUT_BOOT {
            if !whole {
                not_run.push(name);
                continue;
            }
            let (tests, seconds) = place.run(&build.join("tests/qtest").join(name), None)?;
            without_boot.push(WithoutBoot { name, tests, seconds_a_test: seconds / tests as f64 });
        }
        not_run.dedup();
        Ok(QemuTests { pairs, without_boot, not_run })
    }
}

/// Whether a QEMU has an accelerator, by its own list.
fn has_accelerator(qemu: &Path, name: &str) -> bool {
    let said = Command::new(qemu).args(["-accel", "help"]).stdin(Stdio::null()).output();
    said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).lines().any(|line| line.trim() == name))
}

/// A QEMU without `-accel kvm`, which QEMU's tests ask for first: cases are run by its own translator, and so are these.
const BY_TCG: &str = r#"#!/bin/sh
left=$#
while [ "$left" -gt 0 ]; do
    if [ "$1 $2" = "-accel kvm" ]; then
        shift 2
        left=$((left - 2))
    else
        set -- "$@" "$1"
        shift
        left=$((left - 1))
    fi
done
exec "${0%/*}/real/${0##*/}" "$@"
"#;

/// Where QEMU's tests are called.
struct Place {
    folder: PathBuf,
    /// The QEMU that they get.
    qemu: PathBuf,
}

impl Place {
    /// In this folder, which is empty.
    fn new(folder: PathBuf, qemu: &Path) -> Result<Place, XtaskError> {
        let name = qemu.file_name().unwrap_or_default();
        let place = Place { qemu: folder.join(name), folder };
        let made = || {
            // they leave their boot sectors in the one
            fs::create_dir(place.folder.join("tests"))?;
            fs::create_dir(place.folder.join("real"))?;
            std::os::unix::fs::symlink(qemu, place.folder.join("real").join(name))?;
            fs::write(&place.qemu, BY_TCG)?;
            fs::set_permissions(&place.qemu, fs::Permissions::from_mode(0o755))
        };
        let failed = |error| XtaskError(format!("cannot write in {}: {error}", place.folder.display()));
        made().map_err(failed)?;
        Ok(place)
    }

    /// Runs a test program of QEMU: how many of its tests passed, and host seconds.
    fn run(&self, program: &Path, test: Option<&str>) -> Result<(usize, f64), XtaskError> {
        crate::output::note(&format!("bench: {} {}", program.display(), test.unwrap_or_default()));
        let mut command = Command::new(program);
        command.env("QTEST_QEMU_BINARY", &self.qemu).current_dir(&self.folder).args(["--tap", "-k"]);
        if let Some(test) = test {
            command.args(["-p", test]);
        }
        let begun = Instant::now();
        let ran = command.stdin(Stdio::null()).output();
        let ran = ran.map_err(|error| {
            XtaskError(format!(
                "cannot run {}: {error}\n  wanted: a build tree of QEMU with its tests, as by ninja tests/qtest/pxe-test",
                program.display()
            ))
        })?;
        let seconds = begun.elapsed().as_secs_f64();
        match passed(&String::from_utf8_lossy(&ran.stdout)) {
            tests @ 1.. if ran.status.success() => Ok((tests, seconds)),
            tests => {
                let said = String::from_utf8_lossy(&ran.stderr);
                let skipped = "it skips what it lacks (cdrom-test wants genisoimage, pxe-test a QEMU with slirp)";
                let last = said.trim_end().lines().next_back().unwrap_or(skipped);
                Err(XtaskError(format!("{}: {}, {tests} tests passed: {last}", program.display(), ran.status)))
            }
        }
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
        if !self.not_run.is_empty() {
            let names = self.not_run.join(", ");
            writeln!(out, "        not run: {names}: the host's QEMU has no accelerator {ACCELERATOR}")?;
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
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path().to_owned(), Path::new("/bin/true")).unwrap();
        let error = place.run(Path::new("/nonexistent/pxe-test"), None).unwrap_err().to_string();
        assert!(error.starts_with("cannot run /nonexistent/pxe-test: ") && error.contains("build tree"), "{error}");
    }

    #[test]
    fn the_translator_is_asked_for_and_all_else_is_handed_on() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::new(dir.path().to_owned(), Path::new("/bin/echo")).unwrap();
        let args = ["-m", "1  2", "-accel", "kvm", "-accel", "tcg", "-name", "kvm"];
        let said = Command::new(place.qemu).args(args).output().unwrap().stdout;
        assert_eq!(String::from_utf8(said).unwrap(), "-m 1  2 -accel tcg -name kvm\n");
    }
}
