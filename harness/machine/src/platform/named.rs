//! What each name of a platform stands for, and what brings it here.

use std::path::{Path, PathBuf};

use super::error::PlatformError;
use super::facts::{Ovmf, Platform, QemuVersion};
use super::name::PlatformName;
use super::options::Options;
use super::progress::Progress;
use super::{build_tree, manifest, release, resolve};

impl Platform {
    /// Finds everything that `name` stands for. Fetches `apt` and `debian:SUITE` only if they are not in the cache;
    /// `progress` hears what is being done.
    ///
    /// # Errors
    ///
    /// [`PlatformError`]: QEMU is missing or does not answer, a manifest is wrong, a release cannot be fetched. A missing
    /// firmware is no error; the part is `None`.
    pub fn resolve(
        name: &PlatformName,
        options: &Options,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Self, PlatformError> {
        match name {
            PlatformName::Host => resolve::host(&options.surroundings, options.architecture),
            PlatformName::Apt | PlatformName::Debian(_) => release::resolve(name, options, false, None, progress),
            PlatformName::File(path) => manifest::resolve(name, path, options, Self::resolve, progress),
            PlatformName::Kept(kept) => {
                let path = manifest::kept_path(kept, &options.surroundings).filter(|path| path.is_file());
                let path = path.ok_or_else(|| PlatformError::UnknownName {
                    given: kept.clone(),
                    hint: "keep a manifest under that name: cargo xtask platform add NAME FILE".to_owned(),
                })?;
                manifest::resolve(name, &path, options, Self::resolve, progress)
            }
            PlatformName::Dir(tree) => build_tree::resolve(tree, &options.surroundings, options.architecture),
        }
    }

    /// The platform for somebody who named none: `host`, or `apt` where the host has no QEMU but has apt and dpkg.
    /// The first `progress` then says so in one line.
    ///
    /// # Errors
    ///
    /// As [`Platform::resolve`]; [`PlatformError::NoQemu`] with the distribution's install command where neither works.
    pub fn resolve_default(options: &Options, progress: &mut dyn FnMut(&Progress)) -> Result<Self, PlatformError> {
        match PlatformName::default_on(&options.surroundings) {
            name @ PlatformName::Apt => {
                let reason = "qemu-system-x86_64 is not on PATH";
                release::resolve(&name, options, false, Some(reason), progress)
            }
            name => Self::resolve(&name, options, progress),
        }
    }

    /// Fetches `apt` or `debian:SUITE` into the cache, replacing an older state of the release, and resolves it.
    /// Other names are only resolved.
    ///
    /// # Errors
    ///
    /// As [`Platform::resolve`]. After an error the state from before is still there.
    pub fn fetch(
        name: &PlatformName,
        options: &Options,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Self, PlatformError> {
        match name {
            PlatformName::Apt | PlatformName::Debian(_) => release::resolve(name, options, true, None, progress),
            other => Self::resolve(other, options, progress),
        }
    }

    /// Fetches `apt` or `debian:SUITE` as the lock file at `lock` names it; where the file does not name it or is not there,
    /// fetches the newest state and adds it.
    ///
    /// # Errors
    ///
    /// As [`Platform::fetch`]; also that some of the package files cannot be had any more, and which; that the name is no
    /// release; that the lock file cannot be read or written.
    pub fn fetch_locked(
        name: &PlatformName,
        options: &Options,
        lock: &Path,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<Self, PlatformError> {
        if !matches!(name, PlatformName::Apt | PlatformName::Debian(_)) {
            return Err(PlatformError::Lock {
                path: lock.to_owned(),
                problem: format!("{name} is not fetched, so there is nothing to lock"),
                fix: "say apt or debian:SUITE".to_owned(),
            });
        }
        release::resolve_locked(name, options, lock, progress)
    }

    /// The plain OVMF build that a release in the cache has for a QEMU of this version; `None` where it has none. Fetches
    /// nothing and starts nothing.
    ///
    /// # Errors
    ///
    /// [`PlatformError`]: `name` is no release, it is not in the cache, or its tree is broken.
    pub fn ovmf_of_release(
        name: &PlatformName,
        qemu: QemuVersion,
        options: &Options,
    ) -> Result<Option<Ovmf>, PlatformError> {
        release::ovmf(name, qemu, options)
    }

    /// Whether `name` can be resolved without a download: QEMU on PATH, a release in the cache, a file or directory
    /// that exists. Starts nothing.
    pub fn is_present(name: &PlatformName, options: &Options) -> bool {
        match name {
            PlatformName::Host => options.surroundings.qemu(options.architecture).is_some(),
            PlatformName::Apt | PlatformName::Debian(_) => {
                release::Release::of(name, options).is_ok_and(|release| release.fetched().is_some())
            }
            PlatformName::File(path) | PlatformName::Dir(path) => path.exists(),
            PlatformName::Kept(name) => {
                manifest::kept_path(name, &options.surroundings).is_some_and(|path| path.is_file())
            }
        }
    }

    /// Keeps the manifest at `file` under `name`, so that `name` alone is a platform from then on; gives the place where it is
    /// kept. Relative paths in it go on starting where they do now.
    ///
    /// # Errors
    ///
    /// The manifest is wrong, the name is none that can be used, or the configuration directory cannot be written.
    pub fn add(name: &str, file: &Path, options: &Options) -> Result<PathBuf, PlatformError> {
        manifest::add(name, file, &options.surroundings)
    }

    /// The names under which manifests are kept, in order.
    pub fn kept(options: &Options) -> Vec<String> {
        manifest::kept_names(&options.surroundings)
    }
}
