//! What an author waits for: the list of all cases, and a build after a case was changed.

use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

use serde::Serialize;

use super::sample::Sample;
use super::scratch::Scratch;
use crate::XtaskError;
use crate::test::out_dir::workspace;

/// The source file that is made newer, below the workspace: one group of cases.
const TOUCHED: &str = "cases/src/alone.rs";

/// How long it takes to list every case, with nothing to build.
#[derive(Debug, Serialize)]
pub struct ListFigures {
    /// Lines of the list: cases and controls of the full suite.
    listed: usize,
    /// Host seconds from the start of the cases' own program to its end.
    seconds: Sample,
    /// Likewise of `cargo xtask test --list`, in which cargo looks for what is to be built.
    by_xtask: Sample,
}

impl ListFigures {
    /// Lists `rounds` times.
    ///
    /// # Errors
    ///
    /// Where there is no list.
    pub fn measure(scratch: &Scratch, rounds: u32) -> Result<ListFigures, XtaskError> {
        let program = scratch.program()?;
        let (mut own, mut by_xtask, mut listed) = (Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            let begun = Instant::now();
            listed = names(&program)?;
            own.push(begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            scratch.list(&["--suite", "full"])?;
            by_xtask.push(begun.elapsed().as_secs_f64());
        }
        let sample = |times| Sample::of(times).ok_or_else(|| XtaskError("nothing was listed".to_owned()));
        Ok(ListFigures { listed, seconds: sample(own)?, by_xtask: sample(by_xtask)? })
    }

    /// Host seconds for 5,000 cases, from the median.
    pub fn seconds_for_5000(&self) -> f64 {
        self.seconds.median * 5000.0 / self.listed.max(1) as f64
    }
}

/// How many cases the program of the cases knows, with libtest's `--list`.
fn names(program: &PathBuf) -> Result<usize, XtaskError> {
    let listed = Command::new(program).args(["--list", "--include-ignored"]).stdin(Stdio::null()).output();
    let listed = listed.map_err(|error| XtaskError(format!("{}: {error}", program.display())))?;
    let lines = listed.stdout.split(|byte| *byte == b'\n').filter(|line| line.ends_with(b": test")).count();
    match (listed.status.success(), lines) {
        (true, 1..) => Ok(lines),
        _ => Err(XtaskError(format!("{} --list: {}, {lines} cases", program.display(), listed.status))),
    }
}

impl fmt::Display for ListFigures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_5000 = self.seconds_for_5000();
        writeln!(out, "{per_5000:6.3}  seconds to list 5,000 cases")?;
        writeln!(
            out,
            "        {} listed in {}, by cargo xtask test --list {}",
            self.listed, self.seconds, self.by_xtask
        )
    }
}

/// Host seconds from a changed case to a program that holds it.
#[derive(Debug, Serialize)]
pub struct RebuildFigures {
    /// The file whose time of change was set, below the workspace.
    touched: &'static str,
    seconds: Sample,
}

impl RebuildFigures {
    /// Builds `rounds` times after the file's time of change was set; what it holds stays.
    ///
    /// # Errors
    ///
    /// Where the file cannot be touched or the cases do not build.
    pub fn measure(scratch: &Scratch, rounds: u32) -> Result<RebuildFigures, XtaskError> {
        let file = workspace().join(TOUCHED);
        let mut times = Vec::new();
        for round in 1..=rounds {
            crate::output::note(&format!("bench: rebuild-{round}: {TOUCHED}"));
            let opened = std::fs::File::options().append(true).open(&file);
            let touched = opened.and_then(|opened| opened.set_modified(SystemTime::now()));
            touched.map_err(|error| XtaskError(format!("cannot touch {}: {error}", file.display())))?;
            let begun = Instant::now();
            scratch.program()?;
            times.push(begun.elapsed().as_secs_f64());
        }
        let seconds = Sample::of(times).ok_or_else(|| XtaskError("nothing was built".to_owned()))?;
        Ok(RebuildFigures { touched: TOUCHED, seconds })
    }
}

impl fmt::Display for RebuildFigures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:6.1}  seconds to build the cases after one group was touched", self.seconds.median)?;
        writeln!(out, "        {}; {}", self.seconds, self.touched)
    }
}
