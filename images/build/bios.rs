//! The flat 16-bit program: assembles it into an object file and places its one section at 0x7c00.

use object::{Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, elf};
use std::path::Path;

use crate::rustc;

/// Where a BIOS and a PXE ROM load a boot program, as a linear address.
const LOAD_ADDRESS: i64 = 0x7c00;

pub fn program(source: &Path, out: &Path) -> Result<Vec<u8>, String> {
    let object = out.join("bios.o");
    rustc::compile(source, &object, &["--crate-type", "lib", "--crate-name", "bootwright_bios", "--emit", "obj"])?;
    place(&rustc::read(&object)?).map_err(|error| format!("{}: {error}", object.display()))
}

fn place(object: &[u8]) -> Result<Vec<u8>, String> {
    let file = object::File::parse(object).map_err(|error| error.to_string())?;
    let section = file.section_by_name(".bios").ok_or("no section .bios")?;
    let mut program = section.data().map_err(|error| error.to_string())?.to_vec();
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(index) = relocation.target() else {
            return Err(format!("relocation at {offset:#x} has no symbol"));
        };
        let symbol = file.symbol_by_index(index).map_err(|error| error.to_string())?;
        if symbol.section_index() != Some(section.index()) {
            return Err(format!("relocation at {offset:#x} names {:?}, which is not in .bios", symbol.name()));
        }
        if !matches!(relocation.flags(), RelocationFlags::Elf { r_type } if r_type == elf::R_X86_64_16) {
            return Err(format!("relocation at {offset:#x} is {:?}, wanted R_X86_64_16", relocation.flags()));
        }
        let value = LOAD_ADDRESS + symbol.address().cast_signed() + relocation.addend();
        let value = u16::try_from(value).map_err(|_| format!("address {value:#x} does not fit in 16 bits"))?;
        let place = usize::try_from(offset).ok().and_then(|offset| program.get_mut(offset..offset + 2));
        place.ok_or("relocation outside .bios")?.copy_from_slice(&value.to_le_bytes());
    }
    Ok(program)
}
