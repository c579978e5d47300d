//! The EFI application: compiles a position-independent ELF executable and reads out what `pe` needs.

use crate::{pe, rustc};
use object::elf::{PF_R, PF_W, PF_X, R_X86_64_RELATIVE, RelocationType};
use object::pe::{IMAGE_FILE_MACHINE_AMD64, Machine};
use object::{File, Object, ObjectSegment, RelocationFlags, SegmentFlags};
use std::path::Path;

/// Sections of different access never share a page, so that the firmware can map code read-only and data without execute.
const LINK: &str = "link-args=-nostdlib -nostartfiles -Wl,--no-dynamic-linker,--build-id=none,--gc-sections,-e,efi_main,\
                    -z,norelro,-z,separate-code,-z,max-page-size=4096";

pub fn application(source: &Path, out: &Path) -> Result<Vec<u8>, String> {
    let linked = out.join("efi.elf");
    rustc::compile(
        source,
        &linked,
        &[
            "--crate-type=bin",
            "--crate-name=bootwright_efi",
            "-Copt-level=s",
            "-Crelocation-model=pie",
            "-Cno-redzone=y",
            "-Cforce-unwind-tables=no",
            "-Cembed-bitcode=no",
            "-Cstrip=symbols",
            "-C",
            LINK,
        ],
    )?;
    let kind = (IMAGE_FILE_MACHINE_AMD64, R_X86_64_RELATIVE);
    convert(&rustc::read(&linked)?, kind).map_err(|error| format!("{}: {error}", linked.display()))
}

/// A PE file for a machine out of an ELF file that has no other relocations than this one, and with 32 bits none at all.
pub fn convert(linked: &[u8], (machine, relative): (Machine, RelocationType)) -> Result<Vec<u8>, String> {
    let elf = File::parse(linked).map_err(|error| error.to_string())?;
    let mut sections = Vec::new();
    for segment in elf.segments() {
        let SegmentFlags::Elf { p_flags, .. } = segment.flags() else { return Err("not an ELF segment".into()) };
        let access = match p_flags {
            flags if flags == PF_R => pe::Access::Read,
            flags if flags == PF_R | PF_X => pe::Access::Execute,
            flags if flags == PF_R | PF_W => pe::Access::Write,
            flags => return Err(format!("segment at {:#x} has access {flags:?}", segment.address())),
        };
        sections.push(pe::Section {
            access,
            address: segment.address(),
            size: segment.size(),
            bytes: segment.data().map_err(|error| error.to_string())?.to_vec(),
        });
    }
    let is_64 = elf.is_64();
    let mut pointers = Vec::new();
    for (address, relocation) in elf.dynamic_relocations().into_iter().flatten() {
        if !matches!(relocation.flags(), RelocationFlags::Elf { r_type } if r_type == relative) {
            return Err(format!("relocation at {address:#x} is {:?}, wanted {relative:?}", relocation.flags()));
        }
        if !is_64 {
            return Err(format!("relocation at {address:#x}: of a program with 32 bits none is carried over"));
        }
        pointers.push(pe::Pointer { address, target: relocation.addend().cast_unsigned() });
    }
    pe::write((machine, is_64), sections, pointers, elf.entry())
}
