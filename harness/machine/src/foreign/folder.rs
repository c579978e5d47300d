//! A folder that is served: which files are in it, and nothing outside of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::ForeignError;

/// Most files, and most bytes of them all.
const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 2 << 30;

/// Every file below a folder: its name with slashes, and where it is. Symbolic links are followed inside the folder.
///
/// # Errors
///
/// [`ForeignError`]: it is no folder, a link leads out of it, something in it is no file, or there is too much.
pub fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>, ForeignError> {
    let error = |path: &Path, problem: String, fix: &str| ForeignError::new(path, problem, fix);
    let root = folder.canonicalize().map_err(|cause| error(folder, cause.to_string(), "wanted a folder to serve"))?;
    if !root.is_dir() {
        return Err(error(folder, "no folder".to_owned(), "wanted a folder to serve"));
    }
    let (mut files, mut bytes) = (Vec::new(), 0);
    let mut waiting = vec![(String::new(), root.clone(), 0)];
    while let Some((name, path, depth)) = waiting.pop() {
        let entries =
            fs::read_dir(&path).map_err(|cause| error(&path, cause.to_string(), "wanted a folder that can be read"))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let Some(own) = entry.file_name().to_str().map(str::to_owned) else {
                return Err(error(&path, "its name is not UTF-8".to_owned(), "rename it"));
            };
            let name = if name.is_empty() { own } else { format!("{name}/{own}") };
            let target =
                path.canonicalize().map_err(|cause| error(&path, cause.to_string(), "take the dead link away"))?;
            if !target.starts_with(&root) {
                let problem = format!("a link out of the folder, to {}", target.display());
                return Err(error(&path, problem, "copy what is to be served into the folder"));
            }
            if target.is_dir() {
                if depth >= 32 {
                    return Err(error(&path, "more than 32 folders deep".to_owned(), "take the circle of links away"));
                }
                waiting.push((name, target, depth + 1));
                continue;
            }
            super::regular(&target, "files and folders only").or_else(|found| match found.problem.as_str() {
                "the file is empty" => Ok(target.clone()),
                _ => Err(found),
            })?;
            bytes += fs::metadata(&target).map_or(0, |metadata| metadata.len());
            files.push((name, target));
            if files.len() > MOST_FILES || bytes > MOST_BYTES {
                let fix = "serve a folder of at most 20 000 files and 2 GiB";
                return Err(error(folder, "too much in it".to_owned(), fix));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_inside_are_followed_and_links_out_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/boot.0"), "x").unwrap();
        std::os::unix::fs::symlink("a/boot.0", folder.path().join("boot.0")).unwrap();
        let names: Vec<String> = files(folder.path()).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a/boot.0", "boot.0"]);
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("out")).unwrap();
        assert!(files(folder.path()).unwrap_err().to_string().contains("a link out of the folder"));
        assert!(files(Path::new("/nonexistent")).is_err());
    }

    #[test]
    fn a_circle_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(".", folder.path().join("again")).unwrap();
        assert!(files(folder.path()).unwrap_err().to_string().contains("32 folders deep"));
    }
}
