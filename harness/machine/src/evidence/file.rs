//! Files that are there whole or not at all.
//!
//! A reader at the same time, and whoever looks after a kill or on a full disk, sees the old file or the new one, never a
//! part.
//!
//! ```
//! # let dir = std::env::temp_dir().join(format!("bootwright-doc-file-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir)?;
//! let path = dir.join("verdict.json");
//! bootwright_machine::evidence::file::write(&path, b"{}")?;
//! assert_eq!(std::fs::read(&path)?, b"{}");
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes `bytes` to a file beside `path`, which then takes its place.
///
/// # Errors
///
/// The first error of the system; nothing is left beside `path` then, and what was at `path` is still there.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, |out| out.write_all(bytes))
}

/// The same for what is written piece by piece.
///
/// # Errors
///
/// As [`write()`], or the error of `fill`.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    replace(path, |file| {
        let mut out = BufWriter::new(file);
        fill(&mut out)?;
        out.flush()
    })
}

/// The same for `bytes` with zeros behind them up to `length`, which take no room where the file system has holes.
///
/// # Errors
///
/// As [`write()`].
pub fn write_sparse(path: &Path, bytes: &[u8], length: u64) -> io::Result<()> {
    replace(path, |mut file| file.write_all(bytes).and_then(|()| file.set_len(length)))
}

/// Fills a new file beside `path`, which then takes its place.
fn replace(path: &Path, fill: impl FnOnce(File) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let attempt = File::create(&beside).and_then(|file| {
        fill(file)?;
        fs::rename(&beside, path)
    });
    attempt.inspect_err(|_| {
        fs::remove_file(&beside).ok();
    })
}

/// Removes a file that need not be there.
///
/// # Errors
///
/// The system's, for any other reason.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.json");
        write(&path, b"old").unwrap();
        let full = write_with(&path, |out| {
            out.write_all(&[b'x'; 100_000])?;
            Err(io::Error::from_raw_os_error(28))
        });
        assert_eq!(full.unwrap_err().to_string(), "No space left on device (os error 28)");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.html");
        fs::create_dir(&path).unwrap();
        assert!(write(&path, b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
