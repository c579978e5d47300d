//! Manifests that are kept under a name, and directories of links to option ROMs.
//!
//! A kept manifest is `bootwright/platforms/NAME.toml` in the user's configuration directory: the text as it was given, with the
//! directory that its relative paths start from in front.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::error::PlatformError;
use super::super::surroundings::Surroundings;
use super::super::{PlatformName, version};
use super::check::{MANIFEST_LIMIT_BYTES, check, read_bounded};

/// Where the manifest of this name is kept; `None` without a home.
pub(in super::super) fn kept_path(name: &str, host: &Surroundings) -> Option<PathBuf> {
    Some(directory(host)?.join(format!("{name}.toml")))
}

fn directory(host: &Surroundings) -> Option<PathBuf> {
    Some(host.config_home.as_ref()?.join("bootwright").join("platforms"))
}

/// The names under which manifests are kept, in order.
pub(in super::super) fn kept_names(host: &Surroundings) -> Vec<String> {
    let entries = directory(host).and_then(|dir| std::fs::read_dir(dir).ok()).into_iter().flatten().flatten();
    let name = |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned);
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names
}

/// Keeps the manifest at `file` under `name`, in place of an older one; gives the path at which it is kept.
pub(in super::super) fn add(name: &str, file: &Path, host: &Surroundings) -> Result<PathBuf, PlatformError> {
    let refuse = |problem: String, fix: &str| PlatformError::Manifest {
        problem,
        manifest: file.to_owned(),
        line: None,
        fix: fix.to_owned(),
    };
    if !matches!(name.parse(), Ok(PlatformName::Kept(_))) {
        let problem = format!("{name:?} is no name to keep a platform under");
        return Err(refuse(problem, "use lower-case letters, digits, '-', '_' and '.'; host and apt are taken"));
    }
    check(file)?;
    let text = read_bounded(file, MANIFEST_LIMIT_BYTES)
        .and_then(|text| String::from_utf8(text).map_err(|error| error.to_string()))
        .map_err(|problem| refuse(problem, "give a TOML file"))?;
    let path = kept_path(name, host).ok_or_else(|| {
        refuse("there is no configuration directory to keep it in".to_owned(), "set HOME or XDG_CONFIG_HOME")
    })?;
    let beside = std::path::absolute(file).map_err(PlatformError::unreadable(file))?;
    let beside = beside.parent().unwrap_or(Path::new("/")).display().to_string();
    let has_base = text.lines().any(|line| line.trim_start().starts_with("base") && line.contains('='));
    let base = if has_base { String::new() } else { format!("base = {}\n", toml::Value::String(beside)) };
    let written = std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))
        .and_then(|()| std::fs::write(&path, format!("{base}{text}")));
    written.map_err(|error| {
        refuse(format!("cannot keep it at {}: {error}", path.display()), "make that place writable")
    })?;
    Ok(path)
}

/// A directory in the cache with these names linked to these files, and nothing else.
pub(super) fn linked(files: &BTreeMap<String, PathBuf>, host: &Surroundings) -> Result<PathBuf, PlatformError> {
    let Some(cache) = &host.cache else {
        return Err(PlatformError::NoCache { action: "link option ROMs in" });
    };
    let text: String = files.iter().map(|(name, file)| format!("{name} {}\n", file.display())).collect();
    let dir = cache.join("roms").join(&version::sha256_of(text.as_bytes())[..16]);
    let complete =
        files.iter().all(|(name, file)| std::fs::read_link(dir.join(name)).is_ok_and(|target| target == *file));
    if complete {
        return Ok(dir);
    }
    std::fs::create_dir_all(&dir).map_err(PlatformError::cache("create", &dir))?;
    for (name, file) in files {
        // another process may make the same links
        match std::os::unix::fs::symlink(file, dir.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(PlatformError::cache("link an option ROM in", &dir)(error));
            }
            _ => {}
        }
    }
    Ok(dir)
}
