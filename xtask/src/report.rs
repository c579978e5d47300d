//! `cargo xtask report`: work on reports that are there.

mod browser;
mod look;

use std::error::Error;
use std::path::{Path, PathBuf};

use bootwright::report::merge::{merge_named_by, unfinished};
use bootwright::report::text;

use crate::XtaskError;
use crate::output::{print, tell};
use crate::test::{is_ci, out_dir};

/// Work on the reports of earlier runs.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Make one report, with its evidence, out of those of several shards.
    Merge {
        /// Where the whole goes: a new or empty directory.
        out: PathBuf,
        /// The shards' output directories, or numbers of runs.
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// A skip is a failure; always so in a strict part, and where the environment has CI.
        #[arg(long)]
        strict: bool,
    },
    /// Open the pages of a run in headless Chromium, use the filter, and take pictures; exit status 1 for an error on the
    /// console, a request outside, an overflow, or a filter that shows what it should not.
    Look {
        /// The run's output directory, or its number.
        dir: PathBuf,
        /// Where the pictures go [default: pictures in the run's directory].
        #[arg(long, value_name = "DIR")]
        pictures: Option<PathBuf>,
    },
}

/// Does what the subcommand says and returns the exit status of the run that the report is of.
///
/// # Errors
/// If a report cannot be read, merged or written.
pub fn run(args: Args) -> Result<u8, Box<dyn Error>> {
    match args.command {
        Command::Merge { out, dirs, strict } => {
            let dirs = dirs.iter().map(|dir| found(dir)).collect::<Result<Vec<_>, _>>()?;
            crate::interrupt::remove_at_signal(&unfinished(&out));
            crate::interrupt::end_before_it_is_merged();
            let name = |from: &Path, to: &Path| crate::interrupt::last_step(|| std::fs::rename(from, to));
            let report = merge_named_by(&out, &dirs, strict || is_ci(), &name);
            // what went wrong because the signal has taken its folder is no error of the merge
            crate::interrupt::while_ending();
            let report = report?;
            tell(&format!("{}\n{}\n", text::closing(&report), out.join("index.html").display()));
            crate::github::tell(&report)?;
            Ok(report.exit_code())
        }
        Command::Look { dir, pictures } => {
            let dir = found(&dir)?;
            let pictures = pictures.unwrap_or_else(|| dir.join("pictures"));
            let looks = look::look(&dir, &pictures)?;
            looks.iter().try_for_each(|look| print(&format!("{look}\n")))?;
            print(&format!("pictures: {}\n", pictures.display()))?;
            Ok(u8::from(!looks.iter().all(look::Look::is_clean)))
        }
    }
}

/// The directory of a run; what there is not is named by whoever reads it.
fn found(run: &Path) -> Result<PathBuf, XtaskError> {
    if run.is_dir() { Ok(run.to_owned()) } else { out_dir::find_run(&run.to_string_lossy()) }
}
