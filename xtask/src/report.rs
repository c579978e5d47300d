//! `cargo xtask report`: work on reports that are there.

mod browser;
mod look;

use std::error::Error;
use std::path::PathBuf;

use bootwright::report::{merge::merge, text};

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
        /// The shards' output directories.
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// A skip is a failure.
        #[arg(long)]
        strict: bool,
    },
    /// Open the pages of a run in headless Chromium, use the filter, and take pictures; exit status 1 for an error on the
    /// console, a request outside, an overflow, or a filter that shows what it should not.
    Look {
        /// The run's output directory.
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
            let report = merge(&out, &dirs)?;
            println!("{}", text::closing(&report));
            println!("{}", out.join("index.html").display());
            crate::github::tell(&report)?;
            Ok(report.exit_code(strict))
        }
        Command::Look { dir, pictures } => {
            let pictures = pictures.unwrap_or_else(|| dir.join("pictures"));
            let looks = look::look(&dir, &pictures)?;
            looks.iter().for_each(|look| println!("{look}"));
            println!("pictures: {}", pictures.display());
            Ok(u8::from(!looks.iter().all(look::Look::is_clean)))
        }
    }
}
