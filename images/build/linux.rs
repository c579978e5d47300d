//! The user-space program: a static executable without a C library, used as it is linked.

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
