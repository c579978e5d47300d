//! The EFI application for aarch64: compiled by rustc's UEFI target where it is installed (`docs/adr/0012-aarch64-payload.md`).

use std::path::Path;

use crate::kept::Kept;
use crate::{kept, rustc};

/// rustc's own linker makes PE files; no C linker is needed.
const TARGET: &str = "aarch64-unknown-uefi";

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
    let kept = Kept { name: "aa64", target: TARGET, arch: "aarch64.rs" };
    kept::application(&kept, folder, || {
        let linked = out.join("linked-aa64.efi");
        rustc::compile_for(TARGET, &folder.join("main.rs"), &linked, &ARGUMENTS)?;
        rustc::read(&linked)
    })
}
