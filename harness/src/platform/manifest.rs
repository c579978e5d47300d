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

mod kept;
mod part;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::error::PlatformError;
use super::resolve::{BIOS_IMAGE, Found, IMAGE_LIMIT_BYTES, OvmfFiles, assemble, describe, first_file, option_roms};
use super::surroundings::tidy;
use super::varstore::{self, Mismatch};
use super::{Architecture, FirmwareFile, Options, Platform, PlatformName, Progress, Qemu, version};
pub(super) use kept::{add, kept_names, kept_path};
use part::{OvmfPart, Part, RomsPart};

/// A debug build of QEMU has 300 MB.
const QEMU_LIMIT_BYTES: u64 = 4 << 30;

/// QEMU takes at most 8 MiB as `-bios`.
const BIOS_LIMIT_BYTES: u64 = 8 << 20;

/// A manifest is a page of text; nothing larger is read.
const MANIFEST_LIMIT_BYTES: u64 = 1 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: Spanned<String>,
    qemu: Spanned<PathBuf>,
    #[serde(default)]
    data: Vec<Spanned<PathBuf>>,
    seabios: Option<Spanned<PathBuf>>,
    ovmf: Option<Spanned<OvmfPart>>,
    option_roms: Option<Spanned<RomsPart>>,
    #[serde(default)]
    env: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    versions: Stated,
    base: Option<Spanned<PathBuf>>,
}

/// Versions that the manifest states.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    seabios: Option<String>,
    ovmf: Option<String>,
    ipxe: Option<String>,
}

/// Everything that a manifest names; paths are checked to exist and to be of the right kind.
#[derive(Debug)]
struct Checked {
    name: String,
    qemu: Part,
    qemu_line: Option<usize>,
    data: Vec<PathBuf>,
    seabios: Option<Part>,
    ovmf: Option<CheckedOvmf>,
    option_roms: Option<CheckedRoms>,
    env: Vec<(String, String)>,
    versions: Stated,
}

/// Where OVMF comes from.
#[derive(Debug, PartialEq)]
enum CheckedOvmf {
    /// Code, VARS, whether it is a Secure Boot build, whether keys are enrolled.
    Files(PathBuf, PathBuf, bool, bool),
    Platform(PlatformName),
}

/// Where option ROMs come from.
#[derive(Debug, PartialEq)]
enum CheckedRoms {
    Directory(PathBuf),
    Files(BTreeMap<String, PathBuf>),
    Platform(PlatformName),
}

/// The platforms that a manifest takes parts from, each resolved once.
struct Others<'a> {
    options: &'a Options,
    progress: &'a mut dyn FnMut(&Progress),
    found: BTreeMap<PlatformName, Platform>,
}

impl Others<'_> {
    fn get(&mut self, name: &PlatformName) -> Result<Platform, PlatformError> {
        if let Some(found) = self.found.get(name) {
            return Ok(found.clone());
        }
        let platform = Platform::resolve(name, self.options, self.progress)?;
        self.found.insert(name.clone(), platform.clone());
        Ok(platform)
    }
}

/// The platform that the manifest at `path` describes; `name` is how it was asked for.
pub(super) fn resolve(
    name: &PlatformName,
    path: &Path,
    options: &Options,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Platform, PlatformError> {
    let host = &options.surroundings;
    let checked = check(path)?;
    if options.architecture != Architecture::X86_64 {
        return other_architecture(name, &checked, options, progress);
    }
    let title = checked.name.clone();
    let lacks = |other: &PlatformName, what: &str| PlatformError::Manifest {
        problem: format!("platform {title:?}: {other} has no {what}"),
        manifest: path.to_owned(),
        line: None,
        fix: "take that part from another platform".to_owned(),
    };
    let mut others = Others { options, progress, found: BTreeMap::new() };
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
    options: &Options,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Platform, PlatformError> {
    match &checked.qemu {
        Part::Platform(other) => {
            let found = Platform::resolve(other, options, progress)?;
            Ok(Platform { name: name.to_string(), ..found })
        }
        Part::Path(_) => {
            Err(PlatformError::X86Only { platform: checked.name.clone(), program: options.architecture.qemu() })
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

impl Stated {
    fn apply(&self, platform: &mut Platform) {
        let set = |stated: &Option<String>, files: Vec<&mut FirmwareFile>| {
            if let Some(stated) = stated {
                files.into_iter().for_each(|file| file.version.clone_from(stated));
            }
        };
        set(&self.seabios, platform.seabios.iter_mut().collect());
        let builds = platform.ovmf.iter_mut().chain(&mut platform.ovmf_secure_boot);
        set(&self.ovmf, builds.flat_map(|ovmf| [&mut ovmf.code, &mut ovmf.vars]).collect());
        set(&self.ipxe, platform.option_roms.iter_mut().collect());
    }
}

/// Reads a manifest and looks at everything it names, but starts nothing.
fn check(path: &Path) -> Result<Checked, PlatformError> {
    let wrong = |problem: String, line: Option<usize>, fix: &str| PlatformError::Manifest {
        problem,
        manifest: path.to_owned(),
        line,
        fix: fix.to_owned(),
    };
    let text = read_bounded(path, MANIFEST_LIMIT_BYTES).map_err(|problem| {
        wrong(format!("cannot read the platform manifest: {problem}"), None, "give file:PATH of a TOML file")
    })?;
    let text = String::from_utf8(text)
        .map_err(|_| wrong("the manifest is no UTF-8 text".to_owned(), None, "save it as UTF-8"))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| line_of(&text, span.start));
        wrong(error.message().replace('\n', "; "), line, fix_for(error.message()))
    })?;

    let beside = std::path::absolute(path).map_err(PlatformError::unreadable(path))?;
    let beside = beside.parent().unwrap_or(Path::new("/"));
    let base = manifest.base.as_ref().map_or_else(|| beside.to_owned(), |base| beside.join(base.get_ref()));
    let title = format!("platform {:?}", manifest.name.get_ref());
    let line = |span: std::ops::Range<usize>| Some(line_of(&text, span.start));
    let named = |key: &str, given: &Spanned<PathBuf>, directory: bool| -> Result<PathBuf, PlatformError> {
        let full = base.join(given.get_ref());
        let shown = given.get_ref().display();
        let problem = match full.metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                format!("{title}: {key} \"{shown}\" does not exist (looked for {})", full.display())
            }
            Err(error) => format!("{title}: {key} \"{shown}\" cannot be read: {error}"),
            Ok(meta) if directory && !meta.is_dir() => format!("{title}: {key} \"{shown}\" is not a directory"),
            Ok(meta) if !directory && !meta.is_file() => format!("{title}: {key} \"{shown}\" is not a file"),
            Ok(_) => return Ok(full),
        };
        Err(wrong(problem, line(given.span()), "correct the path; relative paths start at the manifest's directory"))
    };
    if manifest.name.get_ref().trim().is_empty() {
        return Err(wrong("name is empty".to_owned(), line(manifest.name.span()), "give the platform a name"));
    }
    for (key, value) in &manifest.env {
        if !is_variable(key.get_ref()) || value.contains('\0') {
            let problem = format!("{title}: env {:?} is no environment variable", key.get_ref());
            return Err(wrong(problem, line(key.span()), "use letters, digits and _, and no digit in front"));
        }
    }
    let part = |key: &str, given: &Spanned<PathBuf>, limit: u64| -> Result<Part, PlatformError> {
        match Part::of(given.get_ref()) {
            Err(error) => Err(wrong(format!("{title}: {key}: {error}"), line(given.span()), "")),
            Ok(Part::Platform(name)) => Ok(Part::Platform(name)),
            Ok(Part::Path(_)) => {
                let full = named(key, given, false)?;
                let bytes = full.metadata().map_or(0, |meta| meta.len());
                if bytes > limit {
                    let problem = format!(
                        "{title}: {key} \"{}\" is {bytes} bytes, wanted at most {limit}",
                        given.get_ref().display()
                    );
                    return Err(wrong(problem, line(given.span()), "give the right file"));
                }
                Ok(Part::Path(full))
            }
        }
    };
    let ovmf = match manifest.ovmf.as_ref().map(Spanned::get_ref) {
        None => None,
        Some(OvmfPart::Platform(name)) => Some(CheckedOvmf::Platform(name.clone())),
        Some(OvmfPart::Files(table)) => {
            let code = named("ovmf.code", &table.code, false)?;
            let vars = named("ovmf.vars", &table.vars, false)?;
            let read = |key: &str, given: &Spanned<PathBuf>, full: &Path| {
                read_bounded(full, IMAGE_LIMIT_BYTES).map_err(|problem| {
                    let problem = format!("{title}: {key} \"{}\": {problem}", given.get_ref().display());
                    wrong(problem, line(given.span()), "give a flash image that can be read")
                })
            };
            let (code_image, vars_image) =
                (read("ovmf.code", &table.code, &code)?, read("ovmf.vars", &table.vars, &vars)?);
            varstore::check_pair(&code_image, &vars_image).map_err(|mismatch| {
                let (key, given, said, fix) = match mismatch {
                    Mismatch::Code(said) => {
                        ("code", &table.code, said, "use the CODE file of a split OVMF build (2 or 4 MiB layout)")
                    }
                    Mismatch::Vars(said) => ("vars", &table.vars, said, "use the VARS file built with this CODE file"),
                };
                wrong(format!("{title}: ovmf.{key} \"{}\" {said}", given.get_ref().display()), line(given.span()), fix)
            })?;
            Some(CheckedOvmf::Files(code, vars, table.secure_boot, varstore::has_platform_key(&vars_image)))
        }
    };
    let roms = match manifest.option_roms.as_ref().map(Spanned::get_ref) {
        None => None,
        Some(RomsPart::Platform(name)) => Some(CheckedRoms::Platform(name.clone())),
        Some(RomsPart::Directory(dir)) => {
            let span = manifest.option_roms.as_ref().map(Spanned::span).unwrap_or_default();
            Some(CheckedRoms::Directory(named("option_roms", &Spanned::new(span, dir.clone()), true)?))
        }
        Some(RomsPart::Files(files)) => {
            let one = |(name, file): (&Spanned<String>, &Spanned<PathBuf>)| {
                let plain = name.get_ref().ends_with(".rom") && !name.get_ref().contains('/');
                if !plain {
                    let problem = format!("{title}: option_roms {:?} is no name of a ROM", name.get_ref());
                    return Err(wrong(
                        problem,
                        line(name.span()),
                        "use a name that QEMU looks for, such as efi-virtio.rom",
                    ));
                }
                Ok((name.get_ref().clone(), named("option_roms", file, false)?))
            };
            Some(CheckedRoms::Files(files.iter().map(one).collect::<Result<_, _>>()?))
        }
    };
    Ok(Checked {
        qemu: part("qemu", &manifest.qemu, QEMU_LIMIT_BYTES)?,
        qemu_line: line(manifest.qemu.span()),
        data: manifest.data.iter().map(|dir| named("data", dir, true)).collect::<Result<_, _>>()?,
        seabios: manifest.seabios.as_ref().map(|file| part("seabios", file, BIOS_LIMIT_BYTES)).transpose()?,
        ovmf,
        option_roms: roms,
        name: manifest.name.into_inner(),
        env: manifest.env.into_iter().map(|(key, value)| (key.into_inner(), value)).collect(),
        versions: manifest.versions,
    })
}

/// A name that a shell can export: POSIX calls it a name (XBD 3.216).
fn is_variable(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let meta = path.metadata().map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("not a file".to_owned());
    }
    if meta.len() > limit {
        return Err(format!("is {} bytes, wanted at most {limit}", meta.len()));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count()
}

fn fix_for(message: &str) -> &'static str {
    if message.starts_with("unknown field") {
        "remove the key or correct its spelling"
    } else if message.starts_with("missing field") {
        "add the key; name and qemu are required, and so are code and vars of ovmf"
    } else if message.starts_with("invalid type") {
        "give the value the type that is wanted"
    } else {
        "correct the TOML"
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
