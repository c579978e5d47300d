//! The header of a PE32+ file for UEFI with one section, which is read and executed and needs no relocation (PE format, sections
//! "COFF File Header", "Optional Header" and "Section Table").

/// `IMAGE_FILE_MACHINE_LOONGARCH64`.
pub(crate) const LOONGARCH64: u16 = 0x6264;

const PAGE: u32 = 0x1000;
const FILE_ALIGNMENT: u32 = 0x200;
/// Where the header that a loader reads begins, behind that of MS-DOS.
const NEW_HEADER: u32 = 0x40;
const DATA_DIRECTORIES: u32 = 16;
const OPTIONAL_HEADER: u16 = 112 + 8 * DATA_DIRECTORIES as u16;

/// `IMAGE_FILE_EXECUTABLE_IMAGE`, `IMAGE_FILE_LINE_NUMS_STRIPPED`, `IMAGE_FILE_LOCAL_SYMS_STRIPPED` and
/// `IMAGE_FILE_LARGE_ADDRESS_AWARE`.
const CHARACTERISTICS: u16 = 0x2e;
/// `IMAGE_SUBSYSTEM_EFI_APPLICATION`.
const SUBSYSTEM: u16 = 10;
/// `IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE` and `IMAGE_DLLCHARACTERISTICS_NX_COMPAT`.
const DLL_CHARACTERISTICS: u16 = 0x140;
/// `IMAGE_SCN_CNT_CODE`, `IMAGE_SCN_MEM_EXECUTE` and `IMAGE_SCN_MEM_READ`.
const TEXT: u32 = 0x6000_0020;

/// A UEFI application whose first instruction is entered, wherever it is loaded.
pub(crate) fn application(machine: u16, code: &[u8]) -> Vec<u8> {
    let length = code.len() as u32;
    let raw = length.next_multiple_of(FILE_ALIGNMENT);
    let mut file = b"MZ".to_vec();
    file.resize(NEW_HEADER as usize - 4, 0);
    let mut put = |bytes: &[u8]| file.extend_from_slice(bytes);
    put(&NEW_HEADER.to_le_bytes());
    put(b"PE\0\0");
    // one section, no time, no symbols
    put(&[machine, 1, 0, 0, 0, 0, 0, 0, OPTIONAL_HEADER, CHARACTERISTICS].map(u16::to_le_bytes).concat());
    // PE32+ by a linker without a version
    put(&[0x20b_u16, 0].map(u16::to_le_bytes).concat());
    // sizes of code and data, entry, beginning of the code
    put(&[raw, 0, 0, PAGE, PAGE].map(u32::to_le_bytes).concat());
    put(&0_u64.to_le_bytes());
    put(&[PAGE, FILE_ALIGNMENT, 0, 0, 0, 0].map(u32::to_le_bytes).concat());
    put(&[PAGE + length.next_multiple_of(PAGE), FILE_ALIGNMENT, 0].map(u32::to_le_bytes).concat());
    put(&[SUBSYSTEM, DLL_CHARACTERISTICS].map(u16::to_le_bytes).concat());
    // stack and heap are the firmware's
    put(&[0; 4 * 8 + 4]);
    put(&DATA_DIRECTORIES.to_le_bytes());
    put(&[0; 8 * DATA_DIRECTORIES as usize]);
    put(b".text\0\0\0");
    put(&[length, PAGE, raw, FILE_ALIGNMENT, 0, 0, 0, TEXT].map(u32::to_le_bytes).concat());
    file.resize(FILE_ALIGNMENT as usize, 0);
    file.extend_from_slice(code);
    file.resize((FILE_ALIGNMENT + raw) as usize, 0);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::pe::IMAGE_SUBSYSTEM_EFI_APPLICATION;
    use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, PeFile64};
    use object::{LittleEndian as LE, Object, ObjectSection};

    #[test]
    fn another_reader_finds_the_code_where_it_is_entered() {
        let code = [7; 700];
        let bytes = application(LOONGARCH64, &code);
        let file = PeFile64::parse(&*bytes).unwrap();
        let header = file.nt_headers();
        assert_eq!(header.file_header().machine.get(LE).0, LOONGARCH64);
        assert_eq!(header.optional_header().subsystem(), IMAGE_SUBSYSTEM_EFI_APPLICATION);
        assert_eq!(header.optional_header().address_of_entry_point(), PAGE);
        assert_eq!(header.optional_header().size_of_image(), 2 * PAGE);
        let text = file.section_by_name(".text").unwrap();
        assert_eq!((text.address(), text.size(), text.data().unwrap()[..700] == code), (0x1000, 700, true));
        assert_eq!(bytes.len(), 0x200 + 1024);
    }
}
