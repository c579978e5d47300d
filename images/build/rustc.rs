//! Runs the rustc that builds this crate on the source of a payload.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The rustc target that payloads for x86-64 are compiled for; the host's own on the hosts that QEMU for PCs is tested on.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What a program left behind.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Runs rustc on `source`, giving `output`.
pub fn compile(source: &Path, output: &Path, arguments: &[&str]) -> Result<(), String> {
    compile_for(TARGET, source, output, arguments)
}

/// The compiler that builds this crate.
pub fn compiler() -> std::ffi::OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// Whether rustc has the `core` of a target.
pub fn is_installed(target: &str) -> bool {
    let mut command = Command::new(compiler());
    command.args(["--print", "target-libdir", "--target", target]);
    let Ok(told) = command.output() else { return false };
    let folder = PathBuf::from(String::from_utf8_lossy(&told.stdout).trim());
    // cargo takes a folder that is not there for one that has changed each time
    let watched = folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
    println!("cargo::rerun-if-changed={}", watched.display());
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with("libcore-"))
}

/// The same for another target.
pub fn compile_for(target: &str, source: &Path, output: &Path, arguments: &[&str]) -> Result<(), String> {
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
