//! Whether a directory can be had, found out by making it and a file in it; what was made is taken away again.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

/// So much is enough for a run, or for some releases.
const ENOUGH_BYTES: u64 = 2 << 30;

/// The room on a directory's disk.
#[derive(Debug)]
pub struct Room {
    at: PathBuf,
    free_bytes: u64,
}

impl Room {
    /// Whether a run fits.
    pub fn is_enough(&self) -> bool {
        self.free_bytes >= ENOUGH_BYTES
    }
}

impl fmt::Display for Room {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.1} GiB free at {}", self.free_bytes as f64 / f64::from(1 << 30), self.at.display())
    }
}

/// Makes the directory and writes to it.
///
/// # Errors
///
/// What could not be done, and why.
pub fn tried(path: &Path) -> Result<Room, String> {
    let absent: Vec<&Path> = path.ancestors().take_while(|at| fs::symlink_metadata(at).is_err()).collect();
    let made = fs::create_dir_all(path).map_err(|error| format!("cannot make {}: {error}", path.display()));
    let room = made.and_then(|()| room(path));
    // the deepest first; one that somebody else has used meanwhile is not empty and stays
    absent.into_iter().for_each(|dir| drop(fs::remove_dir(dir)));
    room
}

fn room(path: &Path) -> Result<Room, String> {
    let probe = path.join(format!(".doctor-{}", std::process::id()));
    let written = fs::write(&probe, "x");
    fs::remove_file(&probe).ok();
    written.map_err(|error| format!("cannot write to {}: {error}", path.display()))?;
    let stat = statvfs(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let free_bytes = stat.blocks_available().saturating_mul(stat.fragment_size());
    Ok(Room { at: path.to_owned(), free_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_taken_away_again() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        assert!(tried(&deep).unwrap().to_string().contains(&format!("GiB free at {}", deep.display())));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::create_dir(dir.path().join("a")).unwrap();
        tried(&deep).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 0);
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(tried(&dir.path().join("file")).unwrap_err().starts_with("cannot make "));
        assert!(tried(Path::new("/proc/nothing/here")).unwrap_err().starts_with("cannot make /proc/nothing/here: "));
    }
}
