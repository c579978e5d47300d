//! Builds the payloads from source with the rustc that builds this crate and, for UEFI, its linker. No assembler, no
//! network, no other target's standard library.

mod bios;
mod efi;
mod efi_aa64;
mod linux;
mod pe;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The rustc target that payloads for x86-64 are compiled for; the host's own on the hosts that QEMU for PCs is tested on.
const TARGET: &str = "x86_64-unknown-linux-gnu";

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
    write(&out.join("bootaa64.efi"), &efi_aa64::application(Path::new("payload/efi"), &out)?)?;
    write(&out.join("bootx64.efi"), &efi::application(Path::new("payload/efi/main.rs"), &out)?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Runs rustc on `source`, giving `output`.
fn rustc(source: &Path, output: &Path, arguments: &[&str]) -> Result<(), String> {
    rustc_for(TARGET, source, output, arguments)
}

/// The compiler that builds this crate.
fn compiler() -> std::ffi::OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn rustc_for(target: &str, source: &Path, output: &Path, arguments: &[&str]) -> Result<(), String> {
    let rustc = compiler();
    let mut command = Command::new(&rustc);
    command.args(["--edition", "2024", "--target", target, "-C", "panic=abort", "-C", "debuginfo=0"]);
    command.args(["-C", "codegen-units=1", "--remap-path-prefix"]);
    command.arg(format!("{}=.", std::env::current_dir().map_err(|error| error.to_string())?.display()));
    command.args(arguments).arg("-o").arg(output).arg(source);
    let result = command.output().map_err(|error| format!("cannot run {}: {error}", rustc.display()))?;
    if result.status.success() {
        return Ok(());
    }
    let messages = String::from_utf8_lossy(&result.stderr);
    let advice = if messages.contains("linker") && messages.contains("not found") {
        "fix: install a C linker, for example `apt install gcc`\n"
    } else if messages.contains("can't find crate for `core`") {
        &format!("fix: payloads are compiled for this target; add it with `rustup target add {target}`\n")
    } else {
        ""
    };
    Err(format!("payload {}: {}\n{messages}{advice}ran: {command:?}", source.display(), result.status))
}
