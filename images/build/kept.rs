//! EFI applications for which not everybody has rustc's target: compiled where it is installed, else the copy that is kept beside the
//! sources (`docs/adr/0012-aarch64-payload.md`, `docs/adr/0017-payloads-of-32-bits.md`).
//!
//! A copy that is older than the sources is refused, so that nobody boots a payload whose sources they do not see.

use std::path::{Path, PathBuf};

use crate::rustc;

/// A program of which a copy is kept.
pub struct Kept {
    /// What its file has behind `boot`: UEFI's short name of the processor.
    pub name: &'static str,
    /// The target that compiles it.
    pub target: &'static str,
    /// The one source in `arch`, apart from `mod.rs`, that it is compiled from.
    pub arch: &'static str,
}

/// The finished program; `folder` has the sources, `compile` is what the target makes of them.
pub fn application(
    kept: &Kept,
    folder: &Path,
    compile: impl FnOnce() -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let digest = digest(folder, kept.arch)?;
    let variable = format!("cargo::rustc-env=BOOTWRIGHT_{}", kept.name.to_uppercase());
    println!("{variable}_SOURCES={digest}");
    if rustc::is_installed(kept.target) {
        println!("{variable}_FROM=sources");
        return compile();
    }
    println!("{variable}_FROM=copy");
    let path = folder.join(format!("boot{}.sources", kept.name));
    let of_copy = String::from_utf8_lossy(&rustc::read(&path)?).trim().to_owned();
    if of_copy == digest {
        return rustc::read(&folder.join(format!("boot{}.efi", kept.name)));
    }
    Err(format!(
        "{}: the kept {} payload was made from sources with digest {of_copy}, and these have {digest}\n\
         fix: build it from these, after `rustup target add {}`",
        path.display(),
        kept.name,
        kept.target
    ))
}

/// FNV-1a with 64 bits over the names and bytes of the sources of one program, as 16 hex digits.
fn digest(folder: &Path, arch: &str) -> Result<String, String> {
    let mut sources = sources(folder)?;
    let own = [folder.join("arch/mod.rs"), folder.join("arch").join(arch)];
    sources.extend(own);
    sources.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for source in sources {
        let bytes = [source.to_string_lossy().as_bytes(), &rustc::read(&source)?].concat();
        hash = bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    }
    Ok(format!("{hash:016x}"))
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect())
}
