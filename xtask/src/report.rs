//! `cargo xtask report`: work on reports that are there.

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
}

/// Does what the subcommand says and returns the exit status of the run that the report is of.
///
/// # Errors
/// If a report cannot be read, merged or written.
pub fn run(args: Args) -> Result<u8, Box<dyn Error>> {
    let Command::Merge { out, dirs, strict } = args.command;
    let report = merge(&out, &dirs)?;
    println!("{}", text::closing(&report));
    println!("{}", out.join("index.html").display());
    Ok(report.exit_code(strict))
}
