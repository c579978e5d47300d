//! `cargo xtask tidy`: the repository's own rules.
//!
//! Each rule is a function from the text of all files to findings; [`rules`] lists them. This file finds the files and prints.

mod circles;
mod dependencies;
mod finding;
mod functions;
mod issues;
mod modules;
mod pages;
mod processes;
mod rules;
mod sentences;
mod source;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use crate::output::print;
use source::Source;

/// Check the repository's own rules: direction of modules, reachable files, sizes, names, reasons.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The repository to check.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Prints one line per finding and returns the exit status: 1 if there is any, else 0.
///
/// # Errors
/// If the repository cannot be read.
pub fn run(args: Args) -> Result<u8, Box<dyn Error>> {
    let root = args.root.or_else(root_of_this_crate).ok_or("no repository here; name it with --root DIR")?;
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources).map_err(|error| format!("cannot read {}: {error}", root.display()))?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    if !sources.iter().any(|source| source.path == "Cargo.toml") {
        return Err(format!("{} has no Cargo.toml; name the repository with --root DIR", root.display()).into());
    }
    let mut findings: Vec<finding::Finding> = rules::ALL.iter().flat_map(|rule| rule(&sources)).collect();
    let (idle, overdue) = issues::look(&sources)?;
    findings.extend(idle);
    findings.sort();
    let mut text: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    text.extend(overdue.iter().map(|note| format!("note: {note}\n")));
    print(&format!("{text}tidy: {} files, {} findings\n", sources.len(), findings.len()))?;
    Ok(u8::from(!findings.is_empty()))
}

/// Where cargo says this crate is, or the current directory.
fn root_of_this_crate() -> Option<PathBuf> {
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    crate_dir.and_then(|path| path.parent().map(Path::to_path_buf)).or_else(|| std::env::current_dir().ok())
}

/// Text files below `dir`, without build output and version control.
fn collect(root: &Path, dir: &Path, sources: &mut Vec<Source>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if name != ".git" && !name.starts_with("target") && name != "node_modules" {
                collect(root, &entry.path(), sources)?;
            }
        } else if kind.is_file() && name != "Cargo.lock" && name != ".git" {
            // what is not UTF-8 is no source
            if let Ok(text) = String::from_utf8(fs::read(entry.path())?) {
                let path = entry.path();
                let relative = path.strip_prefix(root).unwrap_or(&path);
                let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
                sources.push(Source::new(&parts.join("/"), &text));
            }
        }
    }
    Ok(())
}
