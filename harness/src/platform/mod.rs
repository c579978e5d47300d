//! One QEMU with one set of firmware: read-only facts, with versions and digests.
//!
//! A [`Platform`] is resolved from a [`PlatformName`] (`host`, `apt`, `debian:trixie`, `file:acme.toml`, `dir:build`)
//! and never changes afterwards. Nothing here starts a guest, writes to a firmware file or writes outside the cache
//! directory.
//!
//! ```no_run
//! use bootwright::platform::{Options, Platform, PlatformName};
//!
//! let host = Platform::resolve(&PlatformName::Host, &Options::default(), &mut |progress| eprintln!("{progress}"))?;
//! println!("QEMU {} at {}", host.qemu.version, host.qemu.path.display());
//! # Ok::<(), bootwright::platform::PlatformError>(())
//! ```

mod architecture;
mod build_tree;
mod descriptor;
mod distribution;
mod error;
mod manifest;
mod name;
mod probe;
mod progress;
mod release;
mod resolve;
#[cfg(test)]
pub(crate) mod sample;
mod surroundings;
mod varstore;
mod version;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use architecture::Architecture;
pub use distribution::{Family, Part, family};
pub use error::PlatformError;
pub use name::PlatformName;
pub use probe::Capabilities;
pub use progress::Progress;
pub use release::is_mirror;
pub use surroundings::Surroundings;

/// What a resolution may look at and where it may fetch from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The mirror for `apt` and `debian:SUITE`, for example `http://mirror.example/debian`; `None` means the one that
    /// the host's apt is configured with.
    pub mirror: Option<String>,
    /// Take package lists that are older than they say they may be. Signatures are verified all the same.
    pub accept_expired: bool,
    /// The host to look at.
    pub surroundings: Surroundings,
    /// Whose QEMU and firmware are wanted. Each architecture is looked for, and fetched, on its own.
    pub architecture: Architecture,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mirror: None,
            accept_expired: false,
            surroundings: Surroundings::of_this_process(),
            architecture: Architecture::default(),
        }
    }
}

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
            PlatformName::File(path) => manifest::resolve(name, path, options, progress),
            PlatformName::Kept(kept) => {
                let path = manifest::kept_path(kept, &options.surroundings).filter(|path| path.is_file());
                let path = path.ok_or_else(|| PlatformError::UnknownName {
                    given: kept.clone(),
                    hint: "keep a manifest under that name: cargo xtask platform add NAME FILE".to_owned(),
                })?;
                manifest::resolve(name, &path, options, progress)
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
    pub(crate) fn ovmf_of_release(
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
            PlatformName::Host => options.surroundings.program(options.architecture.qemu()).is_some(),
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

/// Everything that a virtual machine needs from the host to start, and nothing that it may change.
#[derive(Clone, Debug, PartialEq)]
pub struct Platform {
    /// The name that selected it, for example `host` or `debian:trixie`.
    pub name: String,
    /// Whose machines its QEMU emulates.
    pub architecture: Architecture,
    /// The emulator.
    pub qemu: Qemu,
    /// SeaBIOS (or another BIOS image given in a manifest); `None` where the platform has none.
    pub seabios: Option<FirmwareFile>,
    /// The plain OVMF build (no Secure Boot, no SMM) for x86_64 and its VARS template.
    pub ovmf: Option<Ovmf>,
    /// The Secure Boot build of OVMF (SMM, q35 only), with or without enrolled keys.
    pub ovmf_secure_boot: Option<Ovmf>,
    /// The plain AAVMF build (edk2 for `virt`) and its VARS template, where the architecture is aarch64.
    pub aavmf: Option<Ovmf>,
    /// Option ROMs by file name (for example `efi-virtio.rom`) as QEMU will find them.
    pub option_roms: Vec<FirmwareFile>,
}

/// A QEMU system emulator and how to start it.
#[derive(Clone, Debug, PartialEq)]
pub struct Qemu {
    /// Program and leading arguments: one element on the host; `ld-linux --library-path DIRS qemu-system-x86_64` for
    /// an unpacked release.
    pub command: Vec<OsString>,
    /// The emulator's own file, for display and digest.
    pub path: PathBuf,
    /// Version as QEMU reports it over QMP.
    pub version: QemuVersion,
    /// Package suffix as QEMU reports it, for example `Debian 1:7.2+dfsg-7+deb12u18`; empty where it has none.
    pub package: String,
    /// The build takes `-sandbox on`: it was made with seccomp.
    pub sandbox: bool,
    /// SHA-256 of `path`, lower-case hexadecimal.
    pub sha256: String,
    /// Data directories for `-L`, in search order; empty means QEMU's built-in ones.
    pub data_dirs: Vec<PathBuf>,
    /// Additional environment (for example `QEMU_MODULE_DIR`).
    pub env: Vec<(String, String)>,
}

/// QEMU's release number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct QemuVersion {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Micro (patch) number.
    pub micro: u32,
}

impl std::fmt::Display for QemuVersion {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// One firmware image or option ROM on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct FirmwareFile {
    /// Absolute path.
    pub path: PathBuf,
    /// Version from the file's own banner or its package; `unknown` where neither says.
    pub version: String,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// An OVMF build: executable code and the variable store template made with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ovmf {
    /// OVMF_CODE, mapped read-only.
    pub code: FirmwareFile,
    /// OVMF_VARS, a template that is copied for every machine and never written.
    pub vars: FirmwareFile,
    /// The build needs SMM (`-machine q35,smm=on` and a secure pflash).
    pub requires_smm: bool,
    /// The template has Secure Boot keys enrolled.
    pub enrolled_keys: bool,
}
