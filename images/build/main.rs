//! Builds the payloads from source with the rustc that builds this crate and, for UEFI, its linker. No assembler, no
//! network, no other target's standard library.

mod bios;
mod efi;
mod efi_aa64;
mod efi_lld;
mod linux;
mod pe;
mod rustc;

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=payload");
    println!("cargo::rerun-if-changed=build");
    if let Err(error) = build() {
        for line in error.lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: run this through cargo")?);
    write(&out.join("bios.bin"), &bios::program(Path::new("payload/bios/mod.rs"), &out)?)?;
    write(&out.join("init"), &linux::program(Path::new("payload/linux/main.rs"), &out)?)?;
    write(&out.join("init-aa64"), &linux::program_aa64(Path::new("payload/linux/main.rs"), &out)?)?;
    write(&out.join("init-ppc64"), &linux::program_ppc64(Path::new("payload/linux/main.rs"), &out)?)?;
    let folder = Path::new("payload/efi");
    write(&out.join("bootaa64.efi"), &efi_aa64::application(folder, &out)?)?;
    write(&out.join("bootriscv64.efi"), &efi_lld::riscv64(folder, &out)?)?;
    write(&out.join("bootia32.efi"), &efi_lld::ia32(folder, &out)?)?;
    write(&out.join("bootarm.efi"), &efi_lld::arm(folder, &out)?)?;
    write(&out.join("bootx64.efi"), &efi::application(Path::new("payload/efi/main.rs"), &out)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
