//! What a manifest says, held against the files that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::image::{bios_problem, rom_problem};
use super::part::{OvmfPart, Part, RomsPart};
use crate::platform::resolve::{IMAGE_LIMIT_BYTES, option_roms};
use crate::platform::varstore::{self, Mismatch};
use crate::platform::{FirmwareFile, Platform, PlatformError, PlatformName};

/// A debug build of QEMU has 300 MB.
const QEMU_LIMIT_BYTES: u64 = 4 << 30;

/// QEMU takes at most 8 MiB as `-bios`.
const BIOS_LIMIT_BYTES: u64 = 8 << 20;

/// A manifest is a page of text; nothing larger is read.
pub(super) const MANIFEST_LIMIT_BYTES: u64 = 1 << 20;

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
pub(super) struct Stated {
    pub seabios: Option<String>,
    pub ovmf: Option<String>,
    pub ipxe: Option<String>,
}

/// Everything that a manifest names; paths are checked to exist and to be of the right kind.
#[derive(Debug)]
pub(super) struct Checked {
    pub name: String,
    pub qemu: Part,
    pub qemu_line: Option<usize>,
    pub data: Vec<PathBuf>,
    pub seabios: Option<Part>,
    pub ovmf: Option<CheckedOvmf>,
    pub option_roms: Option<CheckedRoms>,
    pub env: Vec<(String, String)>,
    pub versions: Stated,
}

/// Where OVMF comes from.
#[derive(Debug, PartialEq)]
pub(super) enum CheckedOvmf {
    /// Code, VARS, whether it is a Secure Boot build, whether keys are enrolled.
    Files(PathBuf, PathBuf, bool, bool),
    Platform(PlatformName),
}

/// Where option ROMs come from.
#[derive(Debug, PartialEq)]
pub(super) enum CheckedRoms {
    Directory(PathBuf),
    Files(BTreeMap<String, PathBuf>),
    Platform(PlatformName),
}

impl Stated {
    pub fn apply(&self, platform: &mut Platform) {
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
pub(super) fn check(path: &Path) -> Result<Checked, PlatformError> {
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
    let image =
        |key: &str, at: std::ops::Range<usize>, full: &Path, problem: fn(&[u8]) -> Option<String>, fix: &str| {
            let found = read_bounded(full, IMAGE_LIMIT_BYTES).map_or_else(Some, |bytes| problem(&bytes));
            let told = |what| wrong(format!("{title}: {key} \"{}\" {what}", shown(full, &base)), line(at), fix);
            found.map_or(Ok(()), |what| Err(told(what)))
        };
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
    let rom_fix = "give a network boot ROM as iPXE's build makes it (bin/*.rom), and no other file";
    for (file, at) in rom_files(roms.as_ref(), manifest.option_roms.as_ref()) {
        image("option_roms", at, &file, rom_problem, rom_fix)?;
    }
    let seabios = manifest.seabios.as_ref().map(|file| part("seabios", file, BIOS_LIMIT_BYTES)).transpose()?;
    if let (Some(Part::Path(full)), Some(given)) = (&seabios, &manifest.seabios) {
        image("seabios", given.span(), full, bios_problem, "give the bios.bin of a SeaBIOS build")?;
    }
    Ok(Checked {
        qemu: part("qemu", &manifest.qemu, QEMU_LIMIT_BYTES)?,
        qemu_line: line(manifest.qemu.span()),
        data: manifest.data.iter().map(|dir| named("data", dir, true)).collect::<Result<_, _>>()?,
        seabios,
        ovmf,
        option_roms: roms,
        name: manifest.name.into_inner(),
        env: manifest.env.into_iter().map(|(key, value)| (key.into_inner(), value)).collect(),
        versions: manifest.versions,
    })
}

/// The ROMs that are taken, and where the manifest names each.
fn rom_files(
    roms: Option<&CheckedRoms>,
    written: Option<&Spanned<RomsPart>>,
) -> Vec<(PathBuf, std::ops::Range<usize>)> {
    let whole = written.map(Spanned::span).unwrap_or_default();
    match (roms, written.map(Spanned::get_ref)) {
        (Some(CheckedRoms::Directory(dir)), _) => {
            option_roms(std::slice::from_ref(dir)).into_iter().map(|file| (file, whole.clone())).collect()
        }
        (Some(CheckedRoms::Files(files)), Some(RomsPart::Files(given))) => {
            let at = |name: &String| given.iter().find(|(key, _)| key.get_ref() == name).map(|(_, file)| file.span());
            files.iter().map(|(name, file)| (file.clone(), at(name).unwrap_or(whole.clone()))).collect()
        }
        _ => Vec::new(),
    }
}

/// A path as the manifest would have it.
fn shown<'a>(full: &'a Path, base: &Path) -> std::path::Display<'a> {
    full.strip_prefix(base).unwrap_or(full).display()
}

/// A name that a shell can export: POSIX calls it a name (XBD 3.216).
fn is_variable(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

pub(super) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
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
