//! The EFI application for aarch64: compiled by rustc's UEFI target where it is installed, else the copy that is kept beside the
//! sources (`docs/adr/0012-aarch64-payload.md`).
//!
//! A copy that is older than the sources is refused, so that nobody boots a payload whose sources they do not see.

use std::path::Path;

use crate::rustc;

/// rustc's own linker makes PE files; no C linker is needed.
const TARGET: &str = "aarch64-unknown-uefi";

/// The kept copy and the digest of the sources that it was made from, beside them.
const KEPT: &str = "bootaa64.efi";
const DIGEST: &str = "bootaa64.sources";

/// Sources that aarch64 is not compiled from.
const OTHERS: [&str; 3] = ["pc.rs", "riscv64.rs", "arm.rs"];

/// No path of the building host and no time gets into the file.
const ARGUMENTS: [&str; 12] = [
    "--crate-type=bin",
    "--crate-name=bootwright_efi",
    "-Copt-level=s",
    "-Cforce-unwind-tables=no",
    "-Cembed-bitcode=no",
    "-Cstrip=symbols",
    "-C",
    "link-arg=/DEBUG:NONE",
    "-C",
    "link-arg=/Brepro",
    "-C",
    "link-arg=/nxcompat",
];

/// The finished program; `folder` has the sources.
pub fn application(folder: &Path, out: &Path) -> Result<Vec<u8>, String> {
    let digest = digest(folder)?;
    println!("cargo::rustc-env=BOOTWRIGHT_EFI_SOURCES={digest}");
    if rustc::is_installed(TARGET) {
        println!("cargo::rustc-env=BOOTWRIGHT_AA64_FROM=sources");
        let linked = out.join("linked-aa64.efi");
        rustc::compile_for(TARGET, &folder.join("main.rs"), &linked, &ARGUMENTS)?;
        return rustc::read(&linked);
    }
    println!("cargo::rustc-env=BOOTWRIGHT_AA64_FROM=copy");
    let path = folder.join(DIGEST);
    let of_copy = String::from_utf8_lossy(&rustc::read(&path)?).trim().to_owned();
    if of_copy == digest {
        return rustc::read(&folder.join(KEPT));
    }
    Err(format!(
        "{}: the kept aarch64 payload was made from sources with digest {of_copy}, and these have {digest}\n\
         fix: build it from these, after `rustup target add {TARGET}`",
        path.display()
    ))
}

/// FNV-1a with 64 bits over the names and bytes of the sources that aarch64 is compiled from, as 16 hex digits.
fn digest(folder: &Path) -> Result<String, String> {
    let mut sources = Vec::new();
    for folder in [folder.to_owned(), folder.join("arch")] {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let paths = entries.flatten().map(|entry| entry.path());
        sources.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "rs")));
    }
    sources.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for source in sources.iter().filter(|source| !OTHERS.iter().any(|other| source.ends_with(other))) {
        let bytes = [source.to_string_lossy().as_bytes(), &rustc::read(source)?].concat();
        hash = bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    }
    Ok(format!("{hash:016x}"))
}
