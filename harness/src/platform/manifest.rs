//! `file:` platforms: a TOML manifest that gives every path of a vendor's build.
//!
//! ```toml
//! name = "acme"
//! qemu = "bin/qemu-system-x86_64"
//! data = ["share/qemu"]                  # optional, for -L
//! seabios = "bios-256k.bin"              # optional; without it, what QEMU finds
//! ovmf = { code = "OVMF_CODE.fd", vars = "OVMF_VARS.fd", secure_boot = false }   # optional
//! option_roms = "roms"                   # optional, a directory with efi-virtio.rom and others
//! env = { KEY = "value" }                # optional
//! ```
//!
//! Relative paths start at the manifest. Every mistake is one error that names the line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::error::PlatformError;
use super::resolve::{Found, OvmfFiles, assemble, describe, first_file, option_roms};
use super::surroundings::{Surroundings, tidy};
use super::varstore::{self, Mismatch};
use super::{Platform, version};

/// A manifest is a page of text; nothing larger is read.
const MANIFEST_LIMIT_BYTES: u64 = 1 << 20;

/// A flash image is 4 MiB at most; nothing much larger is read.
const IMAGE_LIMIT_BYTES: u64 = 64 << 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: Spanned<String>,
    qemu: Spanned<PathBuf>,
    #[serde(default)]
    data: Vec<Spanned<PathBuf>>,
    seabios: Option<Spanned<PathBuf>>,
    ovmf: Option<OvmfTable>,
    option_roms: Option<Spanned<PathBuf>>,
    #[serde(default)]
    env: BTreeMap<Spanned<String>, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OvmfTable {
    code: Spanned<PathBuf>,
    vars: Spanned<PathBuf>,
    #[serde(default)]
    secure_boot: bool,
}

/// Every path of a manifest, checked to exist and to be of the right kind.
#[derive(Debug)]
struct Checked {
    name: String,
    qemu: PathBuf,
    qemu_line: Option<usize>,
    data: Vec<PathBuf>,
    seabios: Option<PathBuf>,
    ovmf: Option<(PathBuf, PathBuf, bool, bool)>,
    option_roms: Option<PathBuf>,
    env: Vec<(String, String)>,
}

/// The platform that the manifest at `path` describes.
pub(super) fn resolve(path: &Path, host: &Surroundings) -> Result<Platform, PlatformError> {
    let Checked { name, qemu, qemu_line, data, seabios, ovmf, option_roms: roms, env } = check(path)?;
    let data_dirs: Vec<PathBuf> = roms.into_iter().chain(data).collect();
    let qemu = describe(vec![qemu.clone().into()], qemu.clone(), data_dirs, env).map_err(|error| {
        let first = error.to_string();
        PlatformError::Manifest {
            problem: format!("platform {name:?}: qemu \"{}\" does not answer: {first}", qemu.display()),
            manifest: path.to_owned(),
            line: qemu_line,
            fix: "give a qemu-system-x86_64 that runs on this host".to_owned(),
        }
    })?;
    let search_dirs: Vec<PathBuf> = qemu.search_dirs()?.iter().map(|dir| tidy(dir)).collect();
    let mut found = Found {
        seabios: seabios.or_else(|| first_file(&search_dirs, super::resolve::BIOS_IMAGE)),
        ovmf: None,
        ovmf_secure_boot: None,
        option_roms: option_roms(&search_dirs),
    };
    if let Some((code, vars, secure_boot, enrolled_keys)) = ovmf {
        let files = OvmfFiles { code, vars, requires_smm: secure_boot, enrolled_keys };
        let slot = if secure_boot { &mut found.ovmf_secure_boot } else { &mut found.ovmf };
        *slot = Some(files);
    }
    assemble(format!("file:{}", path.display()), qemu, found, &|files| version::packaged(host, files))
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

    let base = std::path::absolute(path).map_err(PlatformError::unreadable(path))?;
    let base = base.parent().unwrap_or(Path::new("/"));
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
        if key.get_ref().is_empty() || key.get_ref().contains(['=', '\0']) || value.contains('\0') {
            let problem = format!("{title}: env {:?} is no environment variable", key.get_ref());
            return Err(wrong(problem, line(key.span()), "use a name without '=' and NUL"));
        }
    }
    let ovmf = match &manifest.ovmf {
        None => None,
        Some(table) => {
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
            Some((code, vars, table.secure_boot, varstore::has_platform_key(&vars_image)))
        }
    };
    Ok(Checked {
        qemu: named("qemu", &manifest.qemu, false)?,
        qemu_line: line(manifest.qemu.span()),
        data: manifest.data.iter().map(|dir| named("data", dir, true)).collect::<Result<_, _>>()?,
        seabios: manifest.seabios.as_ref().map(|file| named("seabios", file, false)).transpose()?,
        ovmf,
        option_roms: manifest.option_roms.as_ref().map(|dir| named("option_roms", dir, true)).transpose()?,
        name: manifest.name.into_inner(),
        env: manifest.env.into_iter().map(|(key, value)| (key.into_inner(), value)).collect(),
    })
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
