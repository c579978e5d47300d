//! `cargo xtask case`: cases as files, see `docs/case-files.md`.

mod minimize;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bootwright::case::file::{Format, schema};
use bootwright::report::folder_name;
use bootwright::suite::LIST_COMMAND;
use clap::Subcommand;

use crate::XtaskError;
use crate::output::print;
use crate::test::boot_binary::BootBinary;
use crate::test::select::list_command;
use crate::test::source::Source;

/// Options of `cargo xtask case`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print a case as a file that cargo xtask test --case-file reads
    Export(Export),
    /// Make a failing case smaller while it fails in the same way, and print the smaller file; the given one stays
    Minimize(minimize::Args),
    /// Print the JSON schema of a case file (docs/case.schema.json)
    Schema,
}

#[derive(clap::Args)]
struct Export {
    /// The case's id; several with --out
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// A folder that gets a file for each case; made if it does not exist
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// JSON instead of TOML
    #[arg(long)]
    json: bool,
    /// A crate of cases outside this repository, by its folder, instead of the project's own
    #[arg(long, value_name = "PATH")]
    cases: Option<PathBuf>,
    /// Where that crate is built [default: where cargo would]
    #[arg(long, value_name = "DIR", requires = "cases")]
    target_dir: Option<PathBuf>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] for a case that there is not, a file that holds none, or one that cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    match &args.action {
        Action::Export(export) => run_export(export)?,
        Action::Minimize(args) => minimize::run(args)?,
        Action::Schema => print(&format!("{:#}\n", schema()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run_export(args: &Export) -> Result<(), XtaskError> {
    if args.ids.len() > 1 && args.out.is_none() {
        return Err(XtaskError("a file has one case: give one id, or a folder for several by --out DIR".to_owned()));
    }
    let (format, end) = if args.json { (Format::Json, "json") } else { (Format::Toml, "toml") };
    let paths = args.out.as_ref().map(|out| free_paths(out, &args.ids, end)).transpose()?;
    let boot = BootBinary::build(&Source::of(args.cases.as_deref(), args.target_dir.as_deref())?)?;
    // all of them before the first file is written
    // the program does not know what it was built from
    let list = list_command(args.cases.as_deref(), &[]);
    let text = |id| boot.case(id, format).map_err(|error| XtaskError(error.0.replace(LIST_COMMAND, &list)));
    let texts = args.ids.iter().map(|id| Ok((id, text(id)?))).collect::<Result<Vec<_>, XtaskError>>()?;
    let Some((out, paths)) = args.out.as_ref().zip(paths) else {
        return texts.iter().try_for_each(|(_, text)| print(text));
    };
    let problem = |path: &Path, error| XtaskError(format!("--out {}: {error}", path.display()));
    std::fs::create_dir_all(out).map_err(|error| problem(out, error))?;
    for ((_, text), path) in texts.iter().zip(paths) {
        std::fs::write(&path, text).map_err(|error| problem(&path, error))?;
    }
    Ok(())
}

/// The files that cases are exported to, none of which there is yet.
fn free_paths(out: &Path, ids: &[String], end: &str) -> Result<Vec<PathBuf>, XtaskError> {
    let paths: Vec<PathBuf> = ids.iter().map(|id| out.join(format!("{}.{end}", folder_name(id)))).collect();
    match paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(taken) => Err(XtaskError(format!(
            "--out {}: the file is there already, and nothing was written; give another directory, or remove it",
            taken.display()
        ))),
        None => Ok(paths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_already_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let ids = ["a::one".to_owned(), "a::two".to_owned()];
        let paths = free_paths(folder.path(), &ids, "toml").unwrap();
        assert!(paths.iter().all(|path| path.starts_with(folder.path())) && paths.len() == 2, "{paths:?}");
        assert!(free_paths(&folder.path().join("new"), &ids, "toml").is_ok());
        std::fs::write(&paths[1], "edited by hand").unwrap();
        let refused = free_paths(folder.path(), &ids, "toml").unwrap_err().0;
        let wanted = format!("--out {}: the file is there already", paths[1].display());
        assert!(refused.starts_with(&wanted), "{refused}");
        assert!(free_paths(folder.path(), &ids, "json").is_ok());
    }
}
