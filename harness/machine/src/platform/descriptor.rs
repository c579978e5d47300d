//! QEMU's firmware descriptors: which UEFI images a host has, where they lie and what they are for.
//!
//! The format and the directories are QEMU's interop document `docs/interop/firmware.json`. A descriptor in a later
//! directory replaces one of the same file name in an earlier directory; an empty file, or a link to `/dev/null`, hides
//! it. What remains is sorted by file name, and the first that fits wins. Features, interface types and fields that this
//! code does not know are no reason to refuse a descriptor.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::PlatformError;
use super::surroundings::inside;
use super::{Architecture, QemuVersion};

/// One firmware descriptor, as far as a choice depends on it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Descriptor {
    /// The JSON file.
    pub file: PathBuf,
    /// Executable image (CODE), as the descriptor names it.
    pub code: PathBuf,
    /// Variable store template (VARS), as the descriptor names it.
    pub vars: PathBuf,
    /// Features by name, unknown ones included.
    pub features: Vec<String>,
    /// Machine type globs for the architecture that was asked for.
    machines: Vec<String>,
}

impl Descriptor {
    pub(super) fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|name| name == feature)
    }

    /// The firmware is meant for this concrete machine type, for example `pc-q35-7.2`.
    fn fits(&self, machine: &str) -> bool {
        self.machines.iter().any(|glob| glob_matches(glob.as_bytes(), machine.as_bytes()))
    }
}

/// What the descriptor directories of a host hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Descriptors {
    /// For which architecture.
    pub architecture: Architecture,
    /// Those for UEFI on it by two flash images in raw format, highest priority first.
    pub usable: Vec<Descriptor>,
    /// The others, and why each was passed over. For `doctor`.
    pub passed_over: Vec<(PathBuf, String)>,
}

impl Descriptors {
    /// Reads the `*.json` files of `dirs`, lowest precedence first. A directory that this user cannot have holds nothing.
    pub(super) fn read(dirs: &[PathBuf], architecture: Architecture) -> Result<Self, PlatformError> {
        let mut files: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        let mut found = Self { architecture, ..Self::default() };
        for dir in dirs {
            let entries = match std::fs::read_dir(dir) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) if is_out_of_reach(&error) => {
                    found.passed_over.push((dir.clone(), error.to_string()));
                    continue;
                }
                Err(error) => return Err(PlatformError::unreadable(dir)(error)),
            };
            for entry in entries {
                let path = entry.map_err(PlatformError::unreadable(dir))?.path();
                if let (Some(name), Some("json")) = (path.file_name(), path.extension().and_then(|end| end.to_str())) {
                    files.insert(name.to_owned(), path);
                }
            }
        }
        for file in files.into_values().filter(|file| !is_mask(file)) {
            match std::fs::read(&file)
                .map_err(|error| error.to_string())
                .and_then(|text| parse(&file, &text, architecture))
            {
                Ok(descriptor) => found.usable.push(descriptor),
                Err(reason) => found.passed_over.push((file, reason)),
            }
        }
        Ok(found)
    }

    /// The build without Secure Boot and SMM. On x86-64 one that serves both pc and q35 goes before one that serves q35 only.
    /// On `virt` one build may serve both ways: what tells them apart is whether its store has keys enrolled.
    pub(super) fn plain(&self, qemu: QemuVersion) -> Option<&Descriptor> {
        if !self.architecture.is_x86() {
            let virt = virt(qemu);
            let keyless = |entry: &&Descriptor| !entry.has("enrolled-keys") && entry.fits(&virt);
            let mut without = self.usable.iter().filter(keyless).filter(|entry| !entry.has("secure-boot"));
            return without.next().or_else(|| self.usable.iter().find(keyless));
        }
        let plain =
            |entry: &&Descriptor| !entry.has("secure-boot") && !entry.has("requires-smm") && entry.fits(&q35(qemu));
        let pc = format!("pc-i440fx-{}.{}", qemu.major, qemu.minor);
        let mut both = self.usable.iter().filter(plain).filter(|entry| entry.fits(&pc));
        both.next().or_else(|| self.usable.iter().find(plain))
    }

    /// The Secure Boot build; one whose template has keys enrolled goes before one in setup mode.
    pub(super) fn secure_boot(&self, qemu: QemuVersion) -> Option<&Descriptor> {
        let board = if self.architecture.is_x86() { q35(qemu) } else { virt(qemu) };
        let secure = |entry: &&Descriptor| entry.has("secure-boot") && entry.fits(&board);
        let mut enrolled = self.usable.iter().filter(secure).filter(|entry| entry.has("enrolled-keys"));
        enrolled.next().or_else(|| self.usable.iter().find(secure))
    }
}

fn virt(qemu: QemuVersion) -> String {
    format!("virt-{}.{}", qemu.major, qemu.minor)
}

fn q35(qemu: QemuVersion) -> String {
    format!("pc-q35-{}.{}", qemu.major, qemu.minor)
}

/// The descriptor directories of the host at `root`, lowest precedence first: the system's, those of QEMU's own data
/// directories where it was installed elsewhere, the administrator's, the user's.
pub(super) fn directories(root: &Path, data_dirs: &[PathBuf], config_home: Option<&Path>) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = inside(root, Path::new("/usr/share/qemu/firmware")).into_iter().collect();
    for dir in data_dirs.iter().map(|dir| dir.join("firmware")).filter(|dir| dir.is_dir()) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs.extend(inside(root, Path::new("/etc/qemu/firmware")));
    dirs.extend(config_home.map(|home| home.join("qemu/firmware")));
    dirs
}

/// A home of another user, of nobody, or none at all: containers and daemons have such.
fn is_out_of_reach(error: &std::io::Error) -> bool {
    use nix::errno::Errno;
    let told = error.raw_os_error().map(Errno::from_raw);
    matches!(
        told,
        Some(Errno::EACCES | Errno::EPERM | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG | Errno::ESTALE)
    )
}

fn is_mask(file: &Path) -> bool {
    std::fs::read_link(file).is_ok_and(|target| target == Path::new("/dev/null"))
        || file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == 0)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    interface_types: Vec<String>,
    mapping: serde_json::Value,
    targets: Vec<Target>,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Target {
    architecture: String,
    #[serde(default)]
    machines: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Flash {
    #[serde(default = "split")]
    mode: String,
    executable: Image,
    nvram_template: Option<Image>,
}

#[derive(Deserialize)]
struct Image {
    filename: PathBuf,
    #[serde(default = "raw")]
    format: String,
}

fn split() -> String {
    "split".to_owned()
}

fn raw() -> String {
    "raw".to_owned()
}

/// Reads one descriptor; the error says why it cannot serve.
fn parse(file: &Path, text: &[u8], architecture: Architecture) -> Result<Descriptor, String> {
    let document: Document =
        serde_json::from_slice(text).map_err(|error| format!("no firmware descriptor: {error}"))?;
    if !document.interface_types.iter().any(|kind| kind == "uefi") {
        return Err("not for UEFI".to_owned());
    }
    let targets = document.targets.into_iter().filter(|target| target.architecture == architecture.name());
    let machines: Vec<String> = targets.flat_map(|target| target.machines).collect();
    if machines.is_empty() {
        return Err(format!("not for {architecture}"));
    }
    let device = document.mapping.get("device").and_then(|device| device.as_str()).unwrap_or_default();
    if device != "flash" {
        return Err(format!("maps its firmware as {device:?}, wanted \"flash\""));
    }
    let flash: Flash = serde_json::from_value(document.mapping).map_err(|error| format!("flash mapping: {error}"))?;
    if flash.mode != "split" {
        return Err(format!("flash mode is {:?}, wanted \"split\"", flash.mode));
    }
    let vars = flash.nvram_template.ok_or("no nvram-template")?;
    if let Some(format) = [&flash.executable.format, &vars.format].into_iter().find(|format| *format != "raw") {
        return Err(format!("image format is {format:?}, wanted \"raw\""));
    }
    Ok(Descriptor {
        file: file.to_owned(),
        code: flash.executable.filename,
        vars: vars.filename,
        features: document.features,
        machines,
    })
}

/// Shell-style match with `*` and `?`, in time linear in both lengths times the stars.
fn glob_matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut g, mut n, mut retry) = (0, 0, None);
    while n < name.len() {
        match glob.get(g) {
            Some(b'*') => {
                retry = Some((g + 1, n));
                g += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == name[n] => (g, n) = (g + 1, n + 1),
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    (g, n) = (after_star, from + 1);
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|&letter| letter == b'*')
}

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;
