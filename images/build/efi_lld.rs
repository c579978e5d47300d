//! EFI applications by targets of rustc that are none for UEFI: compiled position-independent, linked by rustc's own linker and rewritten
//! as PE files like the one for x86-64. No copies are kept: where a target is not there, so is no program, and the cases say what they lack.

use std::path::Path;

use object::elf::{R_386_RELATIVE, R_ARM_RELATIVE, R_RISCV_RELATIVE, RelocationType};
use object::pe::{IMAGE_FILE_MACHINE_I386, IMAGE_FILE_MACHINE_RISCV64, IMAGE_FILE_MACHINE_THUMB, Machine};

use crate::{efi, rustc};

/// As for x86-64, in the words of the linker itself.
const LINK: &str = "link-args=-pie --no-dynamic-linker --build-id=none --gc-sections \
                    -z norelro -z separate-code -z max-page-size=4096";

const ARGUMENTS: [&str; 11] = [
    "--crate-type=bin",
    "--crate-name=bootwright_efi",
    "-Copt-level=s",
    "-Crelocation-model=pie",
    "-Cforce-unwind-tables=no",
    "-Cembed-bitcode=no",
    "-Cstrip=symbols",
    // a target for Linux would take a C compiler for that processor
    "-Clinker=rust-lld",
    "-Clinker-flavor=ld.lld",
    "-C",
    LINK,
];

const RISCV64: Target = Target {
    name: "riscv64gc-unknown-none-elf",
    machine: IMAGE_FILE_MACHINE_RISCV64,
    relative: R_RISCV_RELATIVE,
    entry: "efi_main",
};

/// That for Linux, since `core` of the one for UEFI is not to be had everywhere.
const IA32: Target = Target {
    name: "i686-unknown-linux-gnu",
    machine: IMAGE_FILE_MACHINE_I386,
    relative: R_386_RELATIVE,
    entry: "efi_entry",
};

/// UEFI's name for this value is `EFI_IMAGE_MACHINE_ARMTHUMB_MIXED` (UEFI 2.10 section 2.1.1).
const ARM: Target =
    Target { name: "armv7a-none-eabi", machine: IMAGE_FILE_MACHINE_THUMB, relative: R_ARM_RELATIVE, entry: "efi_main" };

struct Target {
    name: &'static str,
    machine: Machine,
    relative: RelocationType,
    /// Where the firmware enters it.
    entry: &'static str,
}

/// The finished program for 64-bit RISC-V; empty where rustc lacks the target. `folder` has the sources.
pub fn riscv64(folder: &Path, out: &Path) -> Result<Vec<u8>, String> {
    RISCV64.program(folder, out)
}

/// The same for IA32.
pub fn ia32(folder: &Path, out: &Path) -> Result<Vec<u8>, String> {
    IA32.program(folder, out)
}

/// The same for 32-bit Arm.
pub fn arm(folder: &Path, out: &Path) -> Result<Vec<u8>, String> {
    ARM.program(folder, out)
}

impl Target {
    fn program(&self, folder: &Path, out: &Path) -> Result<Vec<u8>, String> {
        if rustc::is_installed(self.name) { self.compile(folder, out) } else { Ok(Vec::new()) }
    }

    fn compile(&self, folder: &Path, out: &Path) -> Result<Vec<u8>, String> {
        let linked = out.join(format!("efi-{}.elf", self.name));
        let entry = format!("link-arg=--entry={}", self.entry);
        rustc::compile_for(self.name, &folder.join("main.rs"), &linked, &[&ARGUMENTS[..], &["-C", &entry]].concat())?;
        let kind = (self.machine, self.relative);
        efi::convert(&rustc::read(&linked)?, kind).map_err(|error| format!("{}: {error}", linked.display()))
    }
}
