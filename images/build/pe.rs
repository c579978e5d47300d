//! PE32+ and PE32 for UEFI: one section per kind of access, page aligned, relocatable, never both writable and executable.

use object::pe::{
    IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, IMAGE_DLLCHARACTERISTICS_NX_COMPAT, IMAGE_FILE_32BIT_MACHINE,
    IMAGE_FILE_EXECUTABLE_IMAGE, IMAGE_FILE_LARGE_ADDRESS_AWARE, IMAGE_FILE_LINE_NUMS_STRIPPED,
    IMAGE_FILE_LOCAL_SYMS_STRIPPED, IMAGE_REL_BASED_ABSOLUTE, IMAGE_REL_BASED_DIR64, IMAGE_SCN_CNT_CODE,
    IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_READ, IMAGE_SCN_MEM_WRITE,
    IMAGE_SUBSYSTEM_EFI_APPLICATION, Machine, SectionFlags,
};
use object::write::pe::{NtHeaders, Writer};

const PAGE: u64 = 0x1000;
const FILE_ALIGNMENT: u32 = 0x200;
const DATA_DIRECTORIES: usize = 16;

/// How far everything moves up, since a PE's headers take the first page that an ELF's first segment starts in.
const SHIFT: u64 = PAGE;

/// What may be done with the memory of a section.
#[derive(Clone, Copy)]
pub enum Access {
    Read,
    Execute,
    Write,
}

pub struct Section {
    pub access: Access,
    pub address: u64,
    pub size: u64,
    pub bytes: Vec<u8>,
}

/// A 64-bit pointer in memory and the address that it points at.
pub struct Pointer {
    pub address: u64,
    pub target: u64,
}

/// A file for this machine (`IMAGE_FILE_MACHINE_…`), with 64 bits or with 32.
pub fn write(
    (machine, is_64): (Machine, bool),
    mut sections: Vec<Section>,
    mut pointers: Vec<Pointer>,
    entry: u64,
) -> Result<Vec<u8>, String> {
    sections.sort_by_key(|section| section.address);
    pointers.sort_by_key(|pointer| pointer.address);
    sections.iter_mut().for_each(start_on_page);
    for pointer in &pointers {
        fill(&mut sections, pointer)?;
    }

    let mut file = Vec::new();
    let mut writer = Writer::new(is_64, u32::try_from(PAGE).map_err(text)?, FILE_ALIGNMENT, &mut file);
    writer.reserve_dos_header_and_stub();
    writer.reserve_nt_headers(DATA_DIRECTORIES);
    writer.reserve_section_headers(u16::try_from(sections.len() + 1).map_err(text)?);
    let mut offsets = Vec::new();
    for section in &sections {
        let address = u32::try_from(section.address + SHIFT).map_err(text)?;
        if writer.virtual_len() > address {
            return Err(format!("two segments share the page at {:#x}", section.address));
        }
        writer.reserve_virtual_until(address);
        let (name, flags) = name_and_flags(section.access);
        let length = u32::try_from(section.bytes.len()).map_err(text)?;
        let size = u32::try_from(section.size).map_err(text)?;
        offsets.push(writer.reserve_section(name, flags, size, length).file_offset);
    }
    if pointers.is_empty() {
        // a loader may refuse an image without relocations, so there is always a padding entry
        writer.add_reloc(u32::try_from(SHIFT).map_err(text)?, IMAGE_REL_BASED_ABSOLUTE);
    }
    for pointer in &pointers {
        writer.add_reloc(u32::try_from(pointer.address + SHIFT).map_err(text)?, IMAGE_REL_BASED_DIR64);
    }
    writer.reserve_reloc_section();

    writer.write_dos_header_and_stub().map_err(text)?;
    writer.write_nt_headers(headers((machine, is_64), u32::try_from(entry + SHIFT).map_err(text)?));
    writer.write_section_headers();
    for (section, offset) in sections.iter().zip(offsets) {
        writer.write_section(offset, &section.bytes);
    }
    writer.write_reloc_section();
    Ok(file)
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

fn start_on_page(section: &mut Section) {
    let before = section.address % PAGE;
    section.address -= before;
    section.size += before;
    section.bytes.splice(0..0, (0..before).map(|_| 0));
}

/// An ELF relocation carries its value itself; a PE relocation adjusts what is already in memory.
fn fill(sections: &mut [Section], pointer: &Pointer) -> Result<(), String> {
    let section = sections
        .iter_mut()
        .rfind(|section| section.address <= pointer.address)
        .ok_or_else(|| format!("relocation at {:#x} is in no segment", pointer.address))?;
    let offset = usize::try_from(pointer.address - section.address).map_err(text)?;
    let place = section.bytes.get_mut(offset..offset + 8);
    let place = place.ok_or_else(|| format!("relocation at {:#x} is in no segment's data", pointer.address))?;
    place.copy_from_slice(&(pointer.target + SHIFT).to_le_bytes());
    Ok(())
}

fn name_and_flags(access: Access) -> ([u8; 8], SectionFlags) {
    match access {
        Access::Read => (*b".rdata\0\0", IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ),
        Access::Execute => (*b".text\0\0\0", IMAGE_SCN_CNT_CODE | IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_EXECUTE),
        Access::Write => (*b".data\0\0\0", IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ | IMAGE_SCN_MEM_WRITE),
    }
}

/// The checksum stays zero, as edk2's own tools leave it; a signing tool fills it in.
fn headers((machine, is_64): (Machine, bool), entry: u32) -> NtHeaders {
    let word = if is_64 { IMAGE_FILE_LARGE_ADDRESS_AWARE } else { IMAGE_FILE_32BIT_MACHINE };
    NtHeaders {
        machine,
        time_date_stamp: 0,
        characteristics: IMAGE_FILE_EXECUTABLE_IMAGE
            | IMAGE_FILE_LINE_NUMS_STRIPPED
            | IMAGE_FILE_LOCAL_SYMS_STRIPPED
            | word,
        major_linker_version: 0,
        minor_linker_version: 0,
        address_of_entry_point: entry,
        image_base: 0,
        major_operating_system_version: 0,
        minor_operating_system_version: 0,
        major_image_version: 0,
        minor_image_version: 0,
        major_subsystem_version: 0,
        minor_subsystem_version: 0,
        subsystem: IMAGE_SUBSYSTEM_EFI_APPLICATION,
        dll_characteristics: IMAGE_DLLCHARACTERISTICS_NX_COMPAT | IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
        size_of_stack_reserve: 0,
        size_of_stack_commit: 0,
        size_of_heap_reserve: 0,
        size_of_heap_commit: 0,
    }
}
