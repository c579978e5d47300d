//! The user-space programs: static executables without a C library, used as they are linked.

use std::path::Path;

use crate::rustc;

/// What all of them are compiled by.
const ALWAYS: [&str; 7] = [
    "--crate-type=bin",
    "--crate-name=bootwright_init",
    "-Copt-level=s",
    "-Crelocation-model=static",
    "-Cforce-unwind-tables=no",
    "-Cembed-bitcode=no",
    "-Cstrip=symbols",
];

const LINK: &str =
    "link-args=-nostdlib -nostartfiles -static -no-pie -Wl,--build-id=none,--gc-sections,-e,_start,-z,norelro";

/// The one for x86-64.
pub fn program(source: &Path, out: &Path) -> Result<Vec<u8>, String> {
    let linked = out.join("init.elf");
    rustc::compile(source, &linked, &[&ALWAYS[..], &["-C", LINK]].concat())?;
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
    rustc::compile_for(AA64, source, &linked, &[&ALWAYS[..], &["-C", LINK_AA64]].concat())?;
    rustc::read(&linked)
}

/// The only target of rustc for this processor in this byte order; nothing of its operating system is used.
const PPC64: &str = "powerpc64le-unknown-linux-gnu";

/// With rustc's own linker, where that target would ask for a C compiler.
const LINK_PPC64: [&str; 4] = ["-Clinker=rust-lld", "-Clinker-flavor=ld.lld", "-Ctarget-feature=+crt-static", "-C"];

/// Pages have 64 KiB in distributions' kernels.
const LINK_ARGS_PPC64: &str = "link-args=--build-id=none --gc-sections -e _start -z norelro -z max-page-size=65536";

/// The same for 64-bit PowerPC, little-endian; empty where rustc lacks the target.
pub fn program_ppc64(source: &Path, out: &Path) -> Result<Vec<u8>, String> {
    if !rustc::is_installed(PPC64) {
        return Ok(Vec::new());
    }
    let linked = out.join("init-ppc64.elf");
    rustc::compile_for(PPC64, source, &linked, &[&ALWAYS[..], &LINK_PPC64, &[LINK_ARGS_PPC64]].concat())?;
    rustc::read(&linked)
}
