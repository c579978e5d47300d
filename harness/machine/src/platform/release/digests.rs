//! What a tree held when it was unpacked, and whether it still does.
//!
//! `digests.json` beside the tree's root has the SHA-256 of every file, and where every link leads; it is written once. `verified.json` has the size,
//! inode, times of change and digest with which each file was last found right: a file whose state is the same is not read
//! again, so that looking at 2,000 files takes milliseconds. The time of the inode's change counts too, since that cannot be
//! set back as the time of the content can.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::error::PlatformError;
use super::super::version::sha256;

/// The digests of a tree.
const DIGESTS: &str = "digests.json";

/// The states in which files were last found right.
const VERIFIED: &str = "verified.json";

/// How a file looks without being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    bytes: u64,
    inode: u64,
    /// Nanoseconds since the epoch.
    modified: i128,
    /// Nanoseconds since the epoch.
    changed: i128,
}

impl State {
    fn of(path: &Path) -> std::io::Result<Option<State>> {
        let meta = path.symlink_metadata()?;
        let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Ok(meta.is_file().then(|| State {
            bytes: meta.len(),
            inode: meta.ino(),
            modified: time(meta.mtime(), meta.mtime_nsec()),
            changed: time(meta.ctime(), meta.ctime_nsec()),
        }))
    }
}

/// A file that is not what was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// The file.
    pub path: PathBuf,
    /// What is otherwise.
    pub how: String,
}

/// Writes down what `tree/root` holds.
pub(super) fn record(tree: &Path) -> Result<(), PlatformError> {
    let root = tree.join("root");
    let (mut digests, mut verified) = (BTreeMap::new(), BTreeMap::new());
    for path in files(&root)? {
        let state = State::of(&path).map_err(PlatformError::unreadable(&path))?;
        let inside = path.strip_prefix(&root).unwrap_or(&path).to_owned();
        digests.insert(inside.clone(), digest_of(&path, state.is_none())?);
        verified.extend(state.map(|state| (inside, state)));
    }
    write(&tree.join(VERIFIED), &verified)?;
    write(&tree.join(DIGESTS), &digests)
}

/// Looks at every file of `tree/root`: `None` where nothing was written down, else the first that is otherwise.
pub(super) fn changed(tree: &Path) -> Result<Option<Option<Changed>>, PlatformError> {
    let root = tree.join("root");
    let Some(digests) = read::<BTreeMap<PathBuf, String>>(&tree.join(DIGESTS)) else { return Ok(None) };
    let mut verified: BTreeMap<PathBuf, State> = read(&tree.join(VERIFIED)).unwrap_or_default();
    let mut fresh = false;
    for (inside, digest) in &digests {
        let path = root.join(inside);
        let found = match State::of(&path) {
            Ok(state) => state,
            Err(error) => return Ok(Some(Some(Changed { path, how: error.to_string() }))),
        };
        if found.is_some() && verified.get(inside) == found.as_ref() {
            continue;
        }
        let seen = digest_of(&path, found.is_none())?;
        if seen != *digest {
            let how = format!("is {seen}, wanted {digest} as it was unpacked");
            return Ok(Some(Some(Changed { path, how })));
        }
        if let Some(state) = found {
            verified.insert(inside.clone(), state);
            fresh = true;
        }
    }
    if fresh {
        // a cache that cannot be written is only slower
        let _ = write(&tree.join(VERIFIED), &verified);
    }
    Ok(Some(None))
}

/// The digest of a file's content; of a link where it leads.
fn digest_of(path: &Path, link: bool) -> Result<String, PlatformError> {
    if !link {
        return Ok(format!("sha256:{}", sha256(path)?));
    }
    let target = std::fs::read_link(path).map_err(PlatformError::unreadable(path))?;
    Ok(format!("link:{}", target.display()))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// In one step, since several processes may look at a tree at once.
fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), PlatformError> {
    let text = serde_json::to_vec(value).map_err(|error| PlatformError::Cache {
        action: "describe",
        path: path.to_owned(),
        source: error.into(),
    })?;
    let fresh = path.with_extension(format!("{}.{:?}", std::process::id(), std::thread::current().id()));
    std::fs::write(&fresh, text)
        .and_then(|()| std::fs::rename(&fresh, path))
        .map_err(PlatformError::cache("write", path))
}

/// Every file and link below `dir`; links are not followed.
fn files(dir: &Path) -> Result<Vec<PathBuf>, PlatformError> {
    let mut found = Vec::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(&dir).map_err(PlatformError::unreadable(&dir))? {
            let entry = entry.map_err(PlatformError::unreadable(&dir))?;
            let kind = entry.file_type().map_err(PlatformError::unreadable(&entry.path()))?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() || kind.is_symlink() {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        let share = tree.path().join("root/usr/share");
        std::fs::create_dir_all(&share).unwrap();
        std::fs::write(share.join("CODE.fd"), b"the code").unwrap();
        std::fs::write(share.join("efi-virtio.rom"), b"the rom").unwrap();
        std::os::unix::fs::symlink("CODE.fd", share.join("link.fd")).unwrap();
        record(tree.path()).unwrap();
        tree
    }

    #[test]
    fn a_tree_that_nobody_touched_is_right() {
        let tree = tree();
        assert_eq!(changed(tree.path()).unwrap(), Some(None));
    }

    #[test]
    fn a_flipped_byte_is_noticed_though_size_and_time_of_the_content_are_the_same() {
        let tree = tree();
        let path = tree.path().join("root/usr/share/CODE.fd");
        let before = path.metadata().unwrap().modified().unwrap();
        std::fs::write(&path, b"tHe code").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(before).unwrap();
        let Some(Some(found)) = changed(tree.path()).unwrap() else { panic!("not noticed") };
        assert_eq!(found.path, path);
        assert!(found.how.contains("as it was unpacked"), "{}", found.how);
        // and the next look says so again
        assert!(changed(tree.path()).unwrap().unwrap().is_some());
    }

    #[test]
    fn a_file_that_is_gone_or_replaced_by_a_link_is_noticed() {
        for (name, replace) in [("efi-virtio.rom", false), ("efi-virtio.rom", true), ("link.fd", false)] {
            let tree = tree();
            let path = tree.path().join("root/usr/share").join(name);
            std::fs::remove_file(&path).unwrap();
            if replace {
                std::os::unix::fs::symlink("CODE.fd", &path).unwrap();
            }
            assert_eq!(changed(tree.path()).unwrap().unwrap().unwrap().path, path);
        }
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_noticed() {
        let tree = tree();
        let path = tree.path().join("root/usr/share/link.fd");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("efi-virtio.rom", &path).unwrap();
        assert!(changed(tree.path()).unwrap().unwrap().unwrap().how.contains("link:efi-virtio.rom"));
    }

    #[test]
    fn a_copy_with_other_inodes_is_read_once_and_then_right() {
        let tree = tree();
        let path = tree.path().join("root/usr/share/CODE.fd");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"the code").unwrap();
        let before = std::fs::read(tree.path().join(VERIFIED)).unwrap();
        assert_eq!(changed(tree.path()).unwrap(), Some(None));
        assert_ne!(std::fs::read(tree.path().join(VERIFIED)).unwrap(), before);
    }

    #[test]
    fn a_tree_without_digests_is_not_called_right() {
        let tree = tree();
        std::fs::remove_file(tree.path().join(DIGESTS)).unwrap();
        assert_eq!(changed(tree.path()).unwrap(), None);
    }
}
