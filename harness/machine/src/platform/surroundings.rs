//! What of the host a resolution may look at, as data, so that tests can show it another host.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use super::Architecture;

/// The host as a resolution sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Surroundings {
    /// Where the host's file system begins: `/`, or a directory that a test laid out.
    pub root: PathBuf,
    /// The search path for programs (`PATH`).
    pub path: OsString,
    /// The user's configuration directory (`$XDG_CONFIG_HOME` or `~/.config`); `None` without a home.
    pub config_home: Option<PathBuf>,
    /// Where fetched releases are kept (`$XDG_CACHE_HOME/bootwright` or `~/.cache/bootwright`); `None` without a home.
    pub cache: Option<PathBuf>,
}

impl Surroundings {
    /// The host that this process runs on. Relative `XDG_*` values are ignored, as the XDG base directory
    /// specification asks.
    pub fn of_this_process() -> Self {
        let absolute = |key: &str| std::env::var_os(key).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let under_home = |name: &str| home.as_ref().map(|home| home.join(name));
        Self {
            root: PathBuf::from("/"),
            path: std::env::var_os("PATH").unwrap_or_default(),
            config_home: absolute("XDG_CONFIG_HOME").or_else(|| under_home(".config")),
            cache: absolute("XDG_CACHE_HOME").or_else(|| under_home(".cache")).map(|cache| cache.join("bootwright")),
        }
    }

    /// The first executable file called `name` on the search path.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let mut dirs = std::env::split_paths(&self.path).filter(|dir| dir.is_absolute());
        dirs.find_map(|dir| Some(dir.join(name)).filter(|candidate| is_program(candidate)))
    }

    /// QEMU for an architecture: on the search path, or RHEL's own for the host's architecture, which is off it.
    pub fn qemu(&self, architecture: Architecture) -> Option<PathBuf> {
        let of_rhel = || {
            let path = inside(&self.root, Path::new(QEMU_OF_RHEL)).filter(|path| is_program(path));
            path.filter(|_| architecture.name() == std::env::consts::ARCH)
        };
        self.program(architecture.qemu()).or_else(of_rhel)
    }
}

/// Where RHEL and its rebuilds have the only QEMU that they have.
const QEMU_OF_RHEL: &str = "/usr/libexec/qemu-kvm";

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The file that `path` names for somebody whose file system begins at `root`.
///
/// Symbolic links are followed inside `root`, absolute ones included, so an unpacked release never reaches the host's
/// files. `None` where it does not exist there or where links run in circles. With `/` as the root the path itself is
/// returned, links kept.
pub(super) fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    if root == Path::new("/") {
        return path.exists().then(|| path.to_owned());
    }
    let mut pending: Vec<OsString> = parts(path).into_iter().rev().collect();
    let mut at: Vec<OsString> = Vec::new();
    let mut links = 0;
    while let Some(part) = pending.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        at.push(part);
        let here = at.iter().fold(root.to_owned(), |all, part| all.join(part));
        let meta = here.symlink_metadata().ok()?;
        if meta.is_symlink() {
            links += 1;
            if links > 40 {
                return None;
            }
            let target = std::fs::read_link(&here).ok()?;
            at.pop();
            if target.is_absolute() {
                at.clear();
            }
            pending.extend(parts(&target).into_iter().rev());
        }
    }
    Some(at.iter().fold(root.to_owned(), |all, part| all.join(part)))
}

fn parts(path: &Path) -> Vec<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(part) => Some(part.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

/// `path` with `.` and `..` removed by name alone; QEMU prints its data directories as `/usr/bin/../share/qemu`.
pub(super) fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::from("/");
    for part in parts(path) {
        if part == ".." {
            tidied.pop();
        } else {
            tidied.push(part);
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn an_absolute_link_in_a_tree_stays_in_the_tree() {
        let tree = tempfile::tempdir().unwrap();
        let real = tree.path().join("usr/share/OVMF/code.fd");
        std::fs::create_dir_all(real.parent().unwrap()).unwrap();
        std::fs::create_dir_all(tree.path().join("etc")).unwrap();
        std::fs::write(&real, b"x").unwrap();
        symlink("/usr/share/OVMF/code.fd", tree.path().join("etc/absolute")).unwrap();
        symlink("../usr/share/OVMF", tree.path().join("etc/relative")).unwrap();
        symlink("../../../../etc/passwd", tree.path().join("etc/escape")).unwrap();
        symlink("circle", tree.path().join("etc/circle")).unwrap();
        let seen = |path: &str| inside(tree.path(), Path::new(path));
        assert_eq!(seen("/etc/absolute"), Some(real.clone()));
        assert_eq!(seen("/etc/relative/code.fd"), Some(real));
        assert_eq!(seen("/etc/escape"), None);
        assert_eq!(seen("/etc/circle"), None);
        assert_eq!(seen("/etc/passwd"), None);
    }

    #[test]
    fn a_path_is_tidied_by_name() {
        assert_eq!(tidy(Path::new("/usr/bin/../share/./qemu")), Path::new("/usr/share/qemu"));
        assert_eq!(tidy(Path::new("/../..")), Path::new("/"));
    }

    #[test]
    fn a_qemu_off_the_path_is_taken_where_rhel_has_it() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("usr/libexec/qemu-kvm");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, b"").unwrap();
        let path = root.path().join("bin").into();
        let host = Surroundings { root: root.path().to_owned(), path, config_home: None, cache: None };
        let own = Architecture::ALL.into_iter().find(|one| one.name() == std::env::consts::ARCH).unwrap();
        assert_eq!(host.qemu(own), None, "not executable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(host.qemu(own), Some(file));
        let other = Architecture::ALL.into_iter().find(|one| *one != own).unwrap();
        assert_eq!(host.qemu(other), None);
    }

    #[test]
    fn a_program_is_the_first_executable_file_on_the_path() {
        let dirs = tempfile::tempdir().unwrap();
        for (dir, mode) in [("a", 0o644), ("b", 0o755)] {
            let file = dirs.path().join(dir).join("qemu");
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, b"").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = std::env::join_paths([dirs.path().join("a"), dirs.path().join("b")]).unwrap();
        let host = Surroundings { root: "/".into(), path, config_home: None, cache: None };
        assert_eq!(host.program("qemu"), Some(dirs.path().join("b/qemu")));
        assert_eq!(host.program("absent"), None);
    }
}
