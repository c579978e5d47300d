//! `apt` and `debian:SUITE`: packages of a release, unpacked under the user's cache and started through that release's
//! own dynamic loader.
//!
//! Needs apt-get and dpkg-deb, no root, and touches nothing of the host's package state. Every package is verified by
//! apt against the signed package lists; there is no way around that. In the cache, one directory per release:
//!
//! ```text
//! releases/debian-trixie/lock          held while something is fetched
//! releases/debian-trixie/trees/<id>/   one unpacked set of packages: root/, its digests and release.json
//! releases/debian-trixie/current       link to the tree in use, replaced in one step
//! releases/debian-trixie/work-<pid>/   an unfinished fetch; removed by the next one
//! releases/debian-trixie-aarch64/      the same for the QEMU and firmware of another architecture
//! releases/debian-trixie-aarch64-loaders/    boot programs and a kernel for it (`loader_tree`)
//! ```
//!
//! A tree appears under its name only when it is complete, so an interrupted fetch leaves nothing that looks usable. Before it
//! is used every file is held against its digest ([`digests`]).

mod apt;
mod digests;
mod lock;
mod package;
mod sources;
mod tree;

use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::PlatformError;
use super::surroundings::{Surroundings, inside};
use super::{Architecture, Options, Ovmf, Platform, PlatformName, Progress, QemuVersion, distribution, version};
use apt::PrivateApt;
use lock::{Archive, Lock, Locked};
use package::Package;
use sources::Source;

/// What the folder of a release's boot programs ends in.
pub(super) const LOADERS: &str = "-loaders";

/// A release that can be fetched: where it comes from and where it is kept.
#[derive(Clone, Debug)]
pub(super) struct Release {
    /// The platform's name, `apt` or `debian:SUITE`, and the architecture where it is not the first one.
    name: String,
    /// Whose machines its QEMU emulates.
    architecture: Architecture,
    /// The cache directory of the release.
    home: PathBuf,
    /// Boot programs for the architecture, rather than its QEMU and firmware.
    of_loaders: bool,
}

impl Release {
    /// The release that `name` stands for on this host.
    pub(super) fn of(name: &PlatformName, options: &Options) -> Result<Self, PlatformError> {
        let (host, architecture) = (&options.surroundings, options.architecture);
        let title = format!("{name}{}", architecture.suffix());
        let refuse = |problem: &str, fix: &str| PlatformError::Fetch {
            platform: title.clone(),
            problem: problem.to_owned(),
            stderr: String::new(),
            fix: fix.to_owned(),
        };
        let cache = host.cache.as_ref().ok_or_else(|| {
            refuse("there is no cache directory to keep it in", "set HOME, or XDG_CACHE_HOME to an absolute path")
        })?;
        let slug = match name {
            PlatformName::Debian(suite) => format!("debian-{suite}"),
            _ => {
                let (id, codename) = own_release(host);
                if id.is_empty() {
                    return Err(refuse(
                        "the host's os-release does not say which distribution it runs",
                        "use debian:SUITE",
                    ));
                }
                format!("apt-{id}-{codename}").trim_end_matches('-').to_owned()
            }
        };
        let home = cache.join("releases").join(slug + architecture.suffix());
        Ok(Self { name: title, architecture, home, of_loaders: false })
    }

    /// The boot programs of the release that `name` stands for on this host.
    fn of_loaders(name: &PlatformName, options: &Options) -> Result<Self, PlatformError> {
        let release = Release::of(name, options)?;
        let mut home = release.home.into_os_string();
        home.push(LOADERS);
        Ok(Self { name: release.name + LOADERS, home: home.into(), of_loaders: true, ..release })
    }

    /// The complete tree in the cache; `None` where nothing was fetched yet.
    pub(super) fn fetched(&self) -> Option<PathBuf> {
        let tree = self.home.join("current").canonicalize().ok()?;
        tree.join(tree::RECORD).is_file().then_some(tree)
    }

    /// The tree in the cache, fetched first where it is missing, and replaced by a newer one if `refresh` is asked for.
    /// `reason` goes before the line that announces a download.
    pub(super) fn ensure(
        &self,
        name: &PlatformName,
        options: &Options,
        refresh: bool,
        reason: Option<&str>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<PathBuf, PlatformError> {
        if let (Some(tree), false) = (self.fetched(), refresh) {
            if let Some(reason) = reason {
                progress(&Progress::Note(format!("{reason}: using platform {} from the cache", self.name)));
            }
            return Ok(tree);
        }
        self.alone(progress, |work, progress| match (self.fetched(), refresh) {
            (Some(tree), false) => Ok(tree),
            _ => self.fetch(name, options, work, reason, None, progress),
        })
    }

    /// The tree of exactly these package files, from the cache or the mirror.
    fn ensure_locked(
        &self,
        name: &PlatformName,
        options: &Options,
        wanted: &[Archive],
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<PathBuf, PlatformError> {
        self.alone(progress, |work, progress| {
            let packages: Vec<Package> = wanted.iter().map(Archive::package).collect();
            let id = tree::id_of(&packages);
            let place = self.home.join("trees").join(&id);
            let same = tree::made_of(&self.name, &place).is_ok_and(|(_, archives)| archives == wanted);
            if same && tree::verify(&self.name, &place).is_ok() {
                progress(&Progress::Note(format!("{}: the locked packages are in the cache", self.name)));
                self.switch_to(&id)?;
                return Ok(place);
            }
            self.fetch(name, options, work, None, Some(wanted), progress)
        })
    }

    /// Calls `fetch` with a directory to work in, while no other process fetches this release.
    fn alone(
        &self,
        progress: &mut dyn FnMut(&Progress),
        fetch: impl FnOnce(&Path, &mut dyn FnMut(&Progress)) -> Result<PathBuf, PlatformError>,
    ) -> Result<PathBuf, PlatformError> {
        std::fs::create_dir_all(self.home.join("trees"))
            .map_err(PlatformError::cache("create", &self.home.join("trees")))?;
        let _lock = self.lock(progress)?;
        self.remove_leftovers();
        let work = self.home.join(format!("work-{}", std::process::id()));
        let fetched = fetch(&work, progress);
        let _ = std::fs::remove_dir_all(&work);
        fetched
    }

    /// The packages by their names in this release.
    fn packages(&self, apt: &PrivateApt) -> Result<Vec<String>, PlatformError> {
        let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let Some((names, kernel)) = self.architecture.loader_packages().filter(|_| self.of_loaders) else {
            return Ok(named(self.architecture.packages()));
        };
        let mut names: Vec<String> = named(names);
        names.extend(apt.depends(kernel)?);
        Ok(names)
    }

    /// What is to be downloaded: the newest of everything, or exactly what a lock names.
    fn plan(&self, apt: &PrivateApt, wanted: Option<&[Archive]>) -> Result<(Vec<String>, Vec<Package>), PlatformError> {
        let Some(wanted) = wanted else {
            let names = self.packages(apt)?;
            let packages = apt.resolve(&names)?;
            return Ok((names, packages));
        };
        let gone = lock::gone(wanted, &apt.offered(wanted)?);
        if !gone.is_empty() {
            return Err(PlatformError::Fetch {
                platform: self.name.clone(),
                problem: format!(
                    "{} of the {} locked packages cannot be had any more:\n    {}",
                    gone.len(),
                    wanted.len(),
                    gone.join("\n    ")
                ),
                stderr: String::new(),
                fix: "give a mirror that keeps them by --mirror URL (an archive of snapshots also wants --accept-expired), \
                      or fetch without the lock"
                    .to_owned(),
            });
        }
        let exact: Vec<String> = wanted.iter().map(|archive| format!("{}={}", archive.name, archive.version)).collect();
        let packages = apt.resolve(&exact)?;
        Ok((exact, packages))
    }

    /// The digests of the downloaded package files, which must be those of the lock.
    fn digest_packages(
        &self,
        archives: &Path,
        packages: &[Package],
        wanted: Option<&[Archive]>,
    ) -> Result<Vec<Archive>, PlatformError> {
        let digest = |package: &Package| {
            let Package { name, version, file, bytes } = package.clone();
            let sha256 = version::sha256(&archives.join(&file))?;
            Ok(Archive { name, version, file, bytes, sha256 })
        };
        let found: Vec<Archive> = packages.iter().map(digest).collect::<Result<_, PlatformError>>()?;
        let stranger = |archive: &&Archive| wanted.is_some_and(|wanted| !wanted.contains(archive));
        match found.iter().find(stranger) {
            None => Ok(found),
            Some(archive) => Err(PlatformError::Fetch {
                platform: self.name.clone(),
                problem: format!("{} has SHA-256 {}, which is not what the lock names", archive.file, archive.sha256),
                stderr: String::new(),
                fix: "the mirror has another file under this version: use another mirror, or fetch without the lock"
                    .to_owned(),
            }),
        }
    }

    fn fetch(
        &self,
        name: &PlatformName,
        options: &Options,
        work: &Path,
        reason: Option<&str>,
        wanted: Option<&[Archive]>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<PathBuf, PlatformError> {
        let sources = sources_for(name, options)?;
        progress(&Progress::Lists { platform: self.name.clone() });
        let foreign = self.architecture.debian().filter(|_| self.of_loaders);
        let apt = PrivateApt::create((&self.name, foreign), work, &sources, options)?;
        apt.update()?;
        let (names, packages) = self.plan(&apt, wanted)?;
        let id = tree::id_of(&packages);
        let place = self.home.join("trees").join(&id);
        if tree::verify(&self.name, &place).is_err() || !place.join(tree::RECORD).is_file() {
            let total_bytes = packages.iter().map(|package| package.bytes).sum();
            progress(&Progress::Plan {
                platform: self.name.clone(),
                reason: reason.map(str::to_owned),
                packages: packages.len(),
                total_bytes,
                into: self.home.clone(),
            });
            apt.download(&names, total_bytes, progress)?;
            let built = work.join("tree");
            let archived = self.digest_packages(&apt.archives(), &packages, wanted)?;
            tree::build(
                (&self.name, Some(self.architecture).filter(|_| !self.of_loaders)),
                &built,
                &apt.archives(),
                &packages,
                &archived,
                &sources,
                progress,
            )?;
            // a tree of this name is the rest of a removal, or not what was unpacked any more
            let _ = std::fs::remove_dir_all(&place);
            std::fs::rename(&built, &place).map_err(PlatformError::cache("move the unpacked release to", &place))?;
            progress(&Progress::Done { platform: self.name.clone(), total_bytes });
        } else {
            progress(&Progress::Note(format!("{}: up to date", self.name)));
        }
        self.switch_to(&id)?;
        self.fetched().ok_or_else(|| PlatformError::Changed {
            platform: self.name.clone(),
            problem: format!("{} is gone again: another process empties the cache", place.display()),
        })
    }

    /// Points `current` at a tree in one step, and removes trees older than the one before.
    fn switch_to(&self, id: &str) -> Result<(), PlatformError> {
        let before = self.fetched();
        let link = self.home.join("current");
        let fresh = self.home.join(format!("current-{}", std::process::id()));
        let _ = std::fs::remove_file(&fresh);
        std::os::unix::fs::symlink(Path::new("trees").join(id), &fresh)
            .and_then(|()| std::fs::rename(&fresh, &link))
            .map_err(PlatformError::cache("replace the link", &link))?;
        // machines of another run may still use the tree that was current until now
        let keep = [self.fetched(), before];
        for entry in std::fs::read_dir(self.home.join("trees")).into_iter().flatten().flatten() {
            if !keep.iter().flatten().any(|kept| kept.file_name() == Some(&entry.file_name())) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }

    /// Waits until no other process fetches this release. Released when the file is closed, also by a crash.
    fn lock(&self, progress: &mut dyn FnMut(&Progress)) -> Result<File, PlatformError> {
        let path = self.home.join("lock");
        let file = File::create(&path).map_err(PlatformError::cache("create", &path))?;
        if file.try_lock().is_err() {
            progress(&Progress::Note(format!("{}: waiting for another process that fetches it", self.name)));
            file.lock().map_err(PlatformError::cache("lock", &path))?;
        }
        Ok(file)
    }

    /// Removes what an interrupted fetch left behind. Only called with the lock held, so nobody works there.
    fn remove_leftovers(&self) {
        for entry in std::fs::read_dir(&self.home).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("work-") {
                let _ = std::fs::remove_dir_all(entry.path());
            } else if name.starts_with("current-") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// The platform `name`, fetched where necessary.
pub(super) fn resolve(
    name: &PlatformName,
    options: &Options,
    refresh: bool,
    reason: Option<&str>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Platform, PlatformError> {
    let release = Release::of(name, options)?;
    let tree = release.ensure(name, options, refresh, reason, progress)?;
    tree::verify(&release.name, &tree)?;
    platform(name, &release, &tree)
}

/// Fetches the boot programs of the release `name`; the folder that keeps them.
pub(super) fn fetch_loaders(
    name: &PlatformName,
    options: &Options,
    progress: &mut dyn FnMut(&Progress),
) -> Result<PathBuf, PlatformError> {
    let release = Release::of_loaders(name, options)?;
    release.ensure(name, options, true, None, progress)?;
    Ok(release.home)
}

/// Where the boot programs' file system begins and the packages with their versions; `None` where the tree is not whole, or not what
/// was unpacked.
pub(super) fn loaders_in(home: &Path) -> Option<(PathBuf, Vec<(String, String)>)> {
    let place = home.join("current").canonicalize().ok()?;
    let name = home.file_name()?.to_string_lossy().into_owned();
    tree::verify(&name, &place).ok()?;
    let (_, archives) = tree::made_of(&name, &place).ok()?;
    Some((place.join("root"), archives.into_iter().map(|archive| (archive.name, archive.version)).collect()))
}

/// The platform in a complete tree, under the name by which it is asked for.
fn platform(name: &PlatformName, release: &Release, tree: &Path) -> Result<Platform, PlatformError> {
    let found = tree::platform(&release.name, tree, release.architecture)?;
    Ok(Platform { name: name.to_string(), ..found })
}

/// The platform `name` of exactly the package files that the lock file names; where the file does not name it, its newest
/// state, which is added to the file.
pub(super) fn resolve_locked(
    name: &PlatformName,
    options: &Options,
    path: &Path,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Platform, PlatformError> {
    let release = Release::of(name, options)?;
    let mut lock = Lock::read(path)?;
    let tree = match lock.of(&release.name) {
        Some(wanted) => release.ensure_locked(name, options, wanted, progress)?,
        None => release.ensure(name, options, true, None, progress)?,
    };
    tree::verify(&release.name, &tree)?;
    if lock.of(&release.name).is_none() {
        let (suites, packages) = tree::made_of(&release.name, &tree)?;
        lock.add(Locked { name: release.name.clone(), suites, packages });
        lock.write(path)?;
    }
    platform(name, &release, &tree)
}

/// The plain OVMF or AAVMF build of a release that is in the cache.
pub(super) fn ovmf(name: &PlatformName, qemu: QemuVersion, options: &Options) -> Result<Option<Ovmf>, PlatformError> {
    let refuse = |problem: &str, fix: String| PlatformError::Fetch {
        platform: name.to_string(),
        problem: problem.to_owned(),
        stderr: String::new(),
        fix,
    };
    if !matches!(name, PlatformName::Apt | PlatformName::Debian(_)) {
        return Err(refuse("is no release that is fetched", "say apt or debian:SUITE".to_owned()));
    }
    let release = Release::of(name, options)?;
    let not_there = || refuse("it is not in the cache", format!("cargo xtask platform fetch {name}"));
    let tree = release.fetched().ok_or_else(not_there)?;
    tree::verify(&release.name, &tree)?;
    tree::ovmf(&release.name, &tree, (release.architecture, qemu))
}

/// `ID` and `VERSION_CODENAME` of the host.
fn own_release(host: &Surroundings) -> (String, String) {
    let text = distribution::os_release(host).unwrap_or_default();
    let field = |key: &str| {
        let value = distribution::field(&text, key).unwrap_or_default();
        value.chars().filter(|letter| letter.is_ascii_alphanumeric() || "._-".contains(*letter)).collect::<String>()
    };
    (field("ID"), field("VERSION_CODENAME"))
}

/// Where the packages come from, each bound to the archive's own keyring.
fn sources_for(name: &PlatformName, options: &Options) -> Result<Vec<Source>, PlatformError> {
    let host = &options.surroundings;
    let refuse = |problem: String, fix: String| PlatformError::Fetch {
        platform: name.to_string(),
        problem,
        stderr: String::new(),
        fix,
    };
    for tool in ["apt-get", "dpkg-deb", "dpkg"] {
        if host.program(tool).is_none() {
            let fix = format!(
                "{}; apt and debian:SUITE need apt and dpkg",
                distribution::install_hint(host, options.architecture)
            );
            return Err(refuse(format!("{tool} is not on PATH"), fix));
        }
    }
    let (id, codename) = own_release(host);
    let (archive, suite) = match name {
        PlatformName::Debian(suite) => ("debian".to_owned(), suite.clone()),
        _ => (id.clone(), codename.clone()),
    };
    let configured = sources::of_release(&sources::read(host), &codename);
    let of_this_archive = archive == id;
    let chosen: Vec<Source> = match (&options.mirror, name) {
        (Some(mirror), _) => {
            if !is_mirror(mirror) {
                let problem = format!("{mirror:?} is no mirror, wanted http://, https:// or file:/ and a path");
                return Err(refuse(problem, "give --mirror the address that a sources.list would have".to_owned()));
            }
            if suite.is_empty() {
                return Err(refuse("the host's release has no codename".to_owned(), "use debian:SUITE".to_owned()));
            }
            vec![Source { uri: mirror.clone(), suite, components: vec!["main".to_owned()], keyring: None }]
        }
        (None, PlatformName::Debian(_)) if of_this_archive => {
            // suites are looked for in the archive that serves the host's own release, not in its security archive
            let base = configured.iter().find(|source| !source.suite.contains('-'));
            let main = |source: &Source| Source {
                suite: suite.clone(),
                components: vec!["main".to_owned()],
                ..source.clone()
            };
            base.map(main).into_iter().collect()
        }
        (None, PlatformName::Debian(_)) => Vec::new(),
        (None, _) => configured,
    };
    if chosen.is_empty() {
        let problem = format!("the host's apt is configured with no mirror of {archive}");
        return Err(refuse(problem, "give one by --mirror URL".to_owned()));
    }
    let keyring = keyring_of(&archive, host);
    chosen
        .into_iter()
        .map(|source| {
            let named = source.keyring.clone().filter(|_| !matches!(name, PlatformName::Debian(_)));
            let Some(keyring) = named.or_else(|| keyring.clone()) else {
                let problem =
                    format!("the keys of the {archive} archive are not on this host, so nothing can be verified");
                return Err(refuse(problem, format!("apt-get install {archive}-archive-keyring (as root)")));
            };
            Ok(Source { keyring: Some(keyring), ..source })
        })
        .collect()
}

/// The keyring file that a distribution's `*-archive-keyring` package installs; `.pgp` is its newer name.
fn keyring_of(archive: &str, host: &Surroundings) -> Option<PathBuf> {
    ["pgp", "gpg"]
        .iter()
        .find_map(|end| inside(&host.root, Path::new(&format!("/usr/share/keyrings/{archive}-archive-keyring.{end}"))))
}

/// Whether `text` may be the address of a mirror: `http://`, `https://` or `file:/` and no blank.
pub fn is_mirror(text: &str) -> bool {
    ["http://", "https://", "file:/"].iter().any(|start| text.starts_with(start)) && !text.contains(char::is_whitespace)
}

/// Reads a lock file for a fuzz target, which has no other way to it.
#[cfg(fuzzing)]
pub(super) fn read_lock(file: &Path) {
    let Ok(lock) = lock::Lock::read(file) else { return };
    for archive in lock.of("debian:sid").unwrap_or_default() {
        let _ = archive.package();
    }
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
