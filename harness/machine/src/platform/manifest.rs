//! `file:` platforms: a TOML manifest that says where every part comes from, a vendor's build or another platform.
//!
//! ```toml
//! name = "acme"
//! qemu = "bin/qemu-system-x86_64"        # or another platform: "debian:sid", "host", "apt", "dir:..."
//! data = ["share/qemu"]                  # optional, for -L
//! seabios = "bios-256k.bin"              # optional, or a platform; without it, what QEMU finds
//! ovmf = { code = "OVMF_CODE.fd", vars = "OVMF_VARS.fd", secure_boot = false }   # optional, or a platform
//! option_roms = "roms"                   # optional: a directory, a platform, or { "efi-virtio.rom" = "my.rom" }
//! env = { KEY = "value" }                # optional
//! versions = { ovmf = "2025.02" }        # optional, also seabios and ipxe: of files that do not say it themselves
//! base = "/abs/dir"                      # optional: where relative paths start, else at the manifest
//! ```
//!
//! Every mistake is one error that names the line.

mod check;
mod image;
mod kept;
mod part;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::PlatformError;
use super::resolve::{BIOS_IMAGE, Found, OvmfFiles, assemble, describe, first_file, option_roms};
use super::surroundings::tidy;
use super::{Architecture, FirmwareFile, Options, Platform, PlatformName, Progress, Qemu, version};
use check::{Checked, CheckedOvmf, CheckedRoms, check};
pub(super) use kept::{add, kept_names, kept_path};
use part::Part;

/// What gives the platform of another name. A manifest may name others, and they manifests again.
type Resolve = fn(&PlatformName, &Options, &mut dyn FnMut(&Progress)) -> Result<Platform, PlatformError>;

/// The platforms that a manifest takes parts from, each resolved once.
struct Others<'a> {
    options: &'a Options,
    resolve: Resolve,
    progress: &'a mut dyn FnMut(&Progress),
    found: BTreeMap<PlatformName, Platform>,
}

impl Others<'_> {
    fn get(&mut self, name: &PlatformName) -> Result<Platform, PlatformError> {
        if let Some(found) = self.found.get(name) {
            return Ok(found.clone());
        }
        let platform = (self.resolve)(name, self.options, self.progress)?;
        self.found.insert(name.clone(), platform.clone());
        Ok(platform)
    }
}

/// The platform that the manifest at `path` describes; `name` is how it was asked for, and
/// `resolve` gives the platforms that it takes parts from.
pub(super) fn resolve(
    name: &PlatformName,
    path: &Path,
    options: &Options,
    resolve: Resolve,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Platform, PlatformError> {
    let host = &options.surroundings;
    let checked = check(path)?;
    let mut others = Others { options, resolve, progress, found: BTreeMap::new() };
    if options.architecture != Architecture::X86_64 {
        return other_architecture(name, &checked, &mut others);
    }
    let title = checked.name.clone();
    let lacks = |other: &PlatformName, what: &str| PlatformError::Manifest {
        problem: format!("platform {title:?}: {other} has no {what}"),
        manifest: path.to_owned(),
        line: None,
        fix: "take that part from another platform".to_owned(),
    };
    let roms = match &checked.option_roms {
        None => Roms::default(),
        Some(CheckedRoms::Directory(dir)) => Roms { dir: Some(dir.clone()), described: Vec::new() },
        Some(CheckedRoms::Files(files)) => Roms { dir: Some(kept::linked(files, host)?), described: Vec::new() },
        Some(CheckedRoms::Platform(other)) => {
            let described = others.get(other)?.option_roms;
            let named =
                described.iter().filter_map(|rom| Some((rom.path.file_name()?.to_str()?.to_owned(), rom.path.clone())));
            let files: BTreeMap<String, PathBuf> = named.collect();
            if files.is_empty() {
                return Err(lacks(other, "option ROMs"));
            }
            Roms { dir: Some(kept::linked(&files, host)?), described }
        }
    };
    let (qemu, own) = emulator(&checked, &roms, path, &mut others)?;
    let search_dirs: Vec<PathBuf> = match own {
        Some(_) => qemu.data_dirs.clone(),
        None => qemu.search_dirs()?.iter().map(|dir| tidy(dir)).collect(),
    };
    let mut found = Found {
        seabios: first_file(&search_dirs, BIOS_IMAGE),
        option_roms: option_roms(&search_dirs),
        ..Found::default()
    };
    if let Some(Part::Path(file)) = &checked.seabios {
        found.seabios = Some(file.clone());
    }
    if let Some(CheckedOvmf::Files(code, vars, secure_boot, enrolled_keys)) = &checked.ovmf {
        let files = OvmfFiles {
            code: code.clone(),
            vars: vars.clone(),
            requires_smm: *secure_boot,
            enrolled_keys: *enrolled_keys,
        };
        let slot = if *secure_boot { &mut found.ovmf_secure_boot } else { &mut found.ovmf };
        *slot = Some(files);
    }
    let mut platform =
        assemble(name.to_string(), options.architecture, qemu, found, &|files| version::packaged(host, files))?;
    if let Some(Part::Platform(other)) = &checked.seabios {
        platform.seabios = Some(others.get(other)?.seabios.ok_or_else(|| lacks(other, "SeaBIOS"))?);
    } else if let (None, Some(own)) = (&checked.seabios, &own) {
        platform.seabios.clone_from(&own.seabios);
    }
    if let Some(CheckedOvmf::Platform(other)) = &checked.ovmf {
        let other_platform = others.get(other)?;
        if other_platform.ovmf.is_none() && other_platform.ovmf_secure_boot.is_none() {
            return Err(lacks(other, "OVMF"));
        }
        (platform.ovmf, platform.ovmf_secure_boot) = (other_platform.ovmf, other_platform.ovmf_secure_boot);
    }
    let known = own.iter().flat_map(|own| &own.option_roms).chain(&roms.described);
    for described in known {
        let name = described.path.file_name();
        // what is known of a ROM comes from its own platform; the path is where QEMU finds it
        let same = |rom: &&mut FirmwareFile| rom.path.file_name() == name && rom.sha256 == described.sha256;
        if let Some(rom) = platform.option_roms.iter_mut().find(same) {
            rom.version.clone_from(&described.version);
        }
    }
    checked.versions.apply(&mut platform);
    Ok(platform)
}

/// A manifest names parts for x86-64. Another architecture is that of the platform which it takes its QEMU from.
fn other_architecture(
    name: &PlatformName,
    checked: &Checked,
    others: &mut Others<'_>,
) -> Result<Platform, PlatformError> {
    match &checked.qemu {
        Part::Platform(other) => {
            let found = others.get(other)?;
            Ok(Platform { name: name.to_string(), ..found })
        }
        Part::Path(_) => {
            Err(PlatformError::X86Only { platform: checked.name.clone(), program: others.options.architecture.qemu() })
        }
    }
}

/// Option ROMs that go before QEMU's own.
#[derive(Default)]
struct Roms {
    /// A directory for `-L`.
    dir: Option<PathBuf>,
    /// What another platform knows of them.
    described: Vec<FirmwareFile>,
}

/// The QEMU of a manifest, and the platform that it was taken from.
fn emulator(
    checked: &Checked,
    roms: &Roms,
    path: &Path,
    others: &mut Others<'_>,
) -> Result<(Qemu, Option<Platform>), PlatformError> {
    let mut data_dirs: Vec<PathBuf> = roms.dir.iter().chain(&checked.data).cloned().collect();
    match &checked.qemu {
        Part::Platform(other) => {
            let own = others.get(other)?;
            data_dirs.extend(if own.qemu.data_dirs.is_empty() {
                own.qemu.search_dirs()?
            } else {
                own.qemu.data_dirs.clone()
            });
            let env = [own.qemu.env.clone(), checked.env.clone()].concat();
            Ok((Qemu { data_dirs, env, ..own.qemu.clone() }, Some(own)))
        }
        Part::Path(qemu) => {
            let described = describe(vec![qemu.clone().into()], qemu.clone(), data_dirs, checked.env.clone());
            let refused = |error: PlatformError| PlatformError::Manifest {
                problem: format!(
                    "platform {:?}: qemu \"{}\" does not answer: {}",
                    checked.name,
                    qemu.display(),
                    crate::error::chain(&error)
                ),
                manifest: path.to_owned(),
                line: checked.qemu_line,
                fix: "give a qemu-system-x86_64 that runs on this host".to_owned(),
            };
            Ok((described.map_err(refused)?, None))
        }
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
