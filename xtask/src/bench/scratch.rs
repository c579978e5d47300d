//! Runs of `cargo xtask test` that are measured, in a directory that goes with them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use bootwright::report::Report;

use super::tree;
use crate::XtaskError;
use crate::test::boot_binary::BootBinary;
use crate::test::out_dir;
use crate::test::source::Source;

/// As little as a boot can be: SeaBIOS runs one disk.
pub const LEAST_BOOT: &str = "alone::seabios::pc::virtio-blk";

/// A directory below `target/bootwright` for the runs that are measured; goes when the measuring ends.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes it.
    pub fn new() -> Result<Scratch, XtaskError> {
        let dir = out_dir::runs().join(format!("bench-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|error| XtaskError(format!("{}: {error}", dir.display())))?;
        crate::interrupt::remove_at_signal(&dir);
        Ok(Scratch(dir))
    }

    /// A folder of this name in it.
    pub fn folder(&self, name: &str) -> Result<PathBuf, XtaskError> {
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| XtaskError(format!("{}: {error}", folder.display())))?;
        Ok(folder)
    }

    /// Runs `cargo xtask test` with these arguments into a directory of this name, which must not exist. Every case must be as
    /// expected.
    pub fn test(&self, args: &[&str], name: &str) -> Result<Measured, XtaskError> {
        let measured = self.test_whatever(args, name)?;
        if let Some(case) = measured.report.cases.iter().find(|case| !case.verdict.is_as_expected()) {
            let reason = case.reason.as_deref().unwrap_or("no reason");
            let verdict = case.verdict.word();
            return Err(XtaskError(format!(
                "{} is {verdict}, so its time means nothing: {reason}\n  see: cargo xtask test --exact {}",
                case.id, case.id
            )));
        }
        Ok(measured)
    }

    /// The same, whatever the verdicts are.
    pub fn test_whatever(&self, args: &[&str], name: &str) -> Result<Measured, XtaskError> {
        crate::output::note(&format!("bench: {name}: test {}", args.join(" ")));
        let out = self.0.join(name);
        let mut command = Self::xtask_test()?;
        command.args(args).arg("--out").arg(&out);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let begun = Instant::now();
        let usage = tree::run(&mut command).map_err(|error| XtaskError(format!("cannot run a test: {error}")))?;
        let wall_seconds = begun.elapsed().as_secs_f64();
        let report = Report::load(&out.join("report.json")).map_err(XtaskError::from)?;
        Ok(Measured { out, report, usage, wall_seconds })
    }

    /// The ids of the default suite that contain one of these words.
    pub fn list(&self, words: &[&str]) -> Result<Vec<String>, XtaskError> {
        let mut command = Self::xtask_test()?;
        let listed = command.args(words).arg("--list").stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let listed = listed.map_err(|error| XtaskError(format!("cannot list the cases: {error}")))?;
        Ok(String::from_utf8_lossy(&listed.stdout).lines().map(|line| line.trim().to_owned()).collect())
    }

    /// The program of the project's cases, built where something changed.
    pub fn program(&self) -> Result<PathBuf, XtaskError> {
        BootBinary::build(&Source::own()).map(BootBinary::into_path)
    }

    fn xtask_test() -> Result<Command, XtaskError> {
        let mut command = Command::new(std::env::current_exe().map_err(XtaskError::from)?);
        command.arg("test");
        Ok(command)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// One run of `cargo xtask test`.
pub struct Measured {
    /// Its directory.
    pub out: PathBuf,
    /// What it came to.
    pub report: Report,
    /// What it used.
    pub usage: tree::Usage,
    /// From its start to its end, seconds.
    pub wall_seconds: f64,
}

impl Measured {
    /// Host seconds from power-on to the end of the only case.
    pub fn seconds(&self) -> Result<f64, XtaskError> {
        match self.report.cases.as_slice() {
            [case] => Ok(case.wall_seconds),
            cases => Err(XtaskError(format!("wanted a report of one case, it has {}", cases.len()))),
        }
    }
}
