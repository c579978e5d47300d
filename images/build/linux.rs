//! The user-space programs: static executables without a C library, used as they are linked.

use std::path::Path;

use crate::rustc;

const LINK: &str =
    "link-args=-nostdlib -nostartfiles -static -no-pie -Wl,--build-id=none,--gc-sections,-e,_start,-z,norelro";

pub fn program(source: &Path, out: &Path) -> Result<Vec<u8>, String> {
    let linked = out.join("init.elf");
    rustc::compile(
        source,
        &linked,
        &[
            "--crate-type=bin",
            "--crate-name=bootwright_init",
            "-Copt-level=s",
            "-Crelocation-model=static",
            "-Cforce-unwind-tables=no",
            "-Cembed-bitcode=no",
            "-Cstrip=symbols",
            "-C",
            LINK,
        ],
    )?;
    rustc::read(&linked)
}

/// rustc's target for a program without an operating system: it makes its system calls itself.
const AA64: &str = "aarch64-unknown-none";

/// In the words of rustc's own linker.
const LINK_AA64: &str = "link-args=--build-id=none --gc-sections -e _start -z norelro -z max-page-size=4096";

/// The same for aarch64; empty where rustc lacks the target.
pub fn program_aa64(source: &Path, out: &Path) -> Result<Vec<u8>, String> {
    if !rustc::is_installed(AA64) {
        return Ok(Vec::new());
    }
    let linked = out.join("init-aa64.elf");
    let arguments = [
        "--crate-type=bin",
        "--crate-name=bootwright_init",
        "-Copt-level=s",
        "-Crelocation-model=static",
        "-Cforce-unwind-tables=no",
        "-Cembed-bitcode=no",
        "-Cstrip=symbols",
        "-C",
        LINK_AA64,
    ];
    rustc::compile_for(AA64, source, &linked, &arguments)?;
    rustc::read(&linked)
}
