//! Builds the merged directory beside its target and gives it its name at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::MergeError;
use crate::report::{Report, ReportError, html, junit};

/// Gives a folder its name: from, to.
pub type Naming<'a> = &'a dyn Fn(&Path, &Path) -> io::Result<()>;

/// A folder of evidence and its place in the whole.
pub(super) type Move = (PathBuf, String);

/// Holds the target to be new or empty, and apart from every shard.
pub(super) fn check_target(out: &Path, shards: &[PathBuf]) -> Result<(), MergeError> {
    match fs::read_dir(out) {
        Ok(entries) => {
            if entries.count() > 0 {
                return Err(MergeError::TargetTaken { out: out.to_path_buf() });
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(ReportError::read(out, error).into()),
    }
    let target = real(out);
    for shard in shards {
        let part = real(shard);
        if target.starts_with(&part) || part.starts_with(&target) {
            return Err(MergeError::TargetInShard { out: out.to_path_buf(), shard: shard.clone() });
        }
    }
    Ok(())
}

/// The path without symbolic links, as far down as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let exists = absolute.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match exists {
        Some((above, real)) => real.join(absolute.strip_prefix(above).unwrap_or(Path::new(""))),
        None => absolute,
    }
}

/// Writes everything beside `out` and has it named; takes it away again where that fails.
pub(super) fn store(out: &Path, report: &Report, moves: &[Move], name: Naming<'_>) -> Result<(), ReportError> {
    let target = real(out);
    let above = target.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(above).map_err(|source| ReportError::write(above, source))?;
    let beside = beside(&target);
    fs::create_dir(&beside).map_err(|source| ReportError::write(&beside, source))?;
    let stored = fill(&beside, out, report, moves).and_then(|()| {
        // onto nothing or an empty directory; anything else is refused by the system
        name(&beside, &target).map_err(|source| ReportError::write(out, source))
    });
    if stored.is_err() {
        fs::remove_dir_all(&beside).ok();
    }
    stored
}

/// Where it is written first.
pub(super) fn beside(target: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    target.parent().unwrap_or(Path::new("/")).join(name)
}

/// What a run is called whose output directory this is.
pub(super) fn name_of(out: &Path) -> String {
    real(out).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn fill(beside: &Path, out: &Path, report: &Report, moves: &[Move]) -> Result<(), ReportError> {
    for (from, to) in moves {
        copy(from, &beside.join(to))?;
    }
    junit::store(report, &beside.join("junit.xml"), &out.display().to_string())?;
    html::store_of(report, &beside.join("index.html"), html::Place { now: beside, then: out })?;
    report.store(&beside.join("report.json"))
}

/// Copies the files below `from`; that there is no such folder is no error, since a case may leave none. Never a link to
/// the same file: what is done to the whole later must not be done to the part.
fn copy(from: &Path, to: &Path) -> Result<(), ReportError> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| ReportError::read(from, source))?,
    };
    fs::create_dir_all(to).map_err(|source| ReportError::write(to, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| ReportError::read(from, source))?;
        let kind = entry.file_type().map_err(|source| ReportError::read(&entry.path(), source))?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).map_err(|source| ReportError::write(&target, source))?;
        }
    }
    Ok(())
}
