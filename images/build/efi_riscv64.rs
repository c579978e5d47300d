//! The EFI application for 64-bit RISC-V: compiled by rustc's bare-metal target where it is installed, linked by rustc's own linker
//! and rewritten as a PE file like the one for x86-64, since rustc has no UEFI target for RISC-V.
//!
//! Where the target is not there, so is no program: no copy is kept, and the cases say what they lack.

use std::path::Path;

use object::elf::R_RISCV_RELATIVE;
use object::pe::IMAGE_FILE_MACHINE_RISCV64;

use crate::{efi, rustc};

const TARGET: &str = "riscv64gc-unknown-none-elf";

/// As for x86-64, in the words of the linker itself.
const LINK: &str = "link-args=-pie --no-dynamic-linker --build-id=none --gc-sections -e efi_main \
                    -z norelro -z separate-code -z max-page-size=4096";

/// The finished program; empty where rustc lacks the target.
pub fn application(source: &Path, out: &Path) -> Result<Vec<u8>, String> {
    if !rustc::is_installed(TARGET) {
        return Ok(Vec::new());
    }
    let linked = out.join("efi-riscv64.elf");
    let arguments = [
        "--crate-type=bin",
        "--crate-name=bootwright_efi",
        "-Copt-level=s",
        "-Crelocation-model=pie",
        "-Cforce-unwind-tables=no",
        "-Cembed-bitcode=no",
        "-Cstrip=symbols",
        "-C",
        LINK,
    ];
    rustc::compile_for(TARGET, source, &linked, &arguments)?;
    let kind = (IMAGE_FILE_MACHINE_RISCV64, R_RISCV_RELATIVE);
    efi::convert(&rustc::read(&linked)?, kind).map_err(|error| format!("{}: {error}", linked.display()))
}
