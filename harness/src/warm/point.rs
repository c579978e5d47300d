//! Where a machine could be stopped: entry points of OVMF's phases, found in the memory of a guest that has passed them all.
//!
//! Structures and GUIDs are edk2's and the PI specification's: `PROTOCOL_ENTRY` and `PROTOCOL_INTERFACE`
//! (`MdeModulePkg/Core/Dxe/Hand/Handle.h`), FFS file and section headers (PI volume 3), TE images (PI volume 1), PE32+.

/// `gEfiBdsArchProtocolGuid`, as it lies in memory.
const BDS_PROTOCOL: [u8; 16] =
    [0xf6, 0x3f, 0x5e, 0x66, 0xcc, 0x46, 0xd4, 0x11, 0x9a, 0x38, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d];

/// File name of the DXE core.
const DXE_CORE: [u8; 16] =
    [0x7f, 0xcb, 0xa2, 0xd6, 0x18, 0x6a, 0x2f, 0x4e, 0xb4, 0x3b, 0x99, 0x20, 0xa7, 0x33, 0x70, 0x0a];

/// File name of the PEI core.
const PEI_CORE: [u8; 16] =
    [0x14, 0x5b, 0xc0, 0x52, 0x98, 0x0b, 0x6c, 0x49, 0xbc, 0x3b, 0x04, 0xb5, 0x02, 0x11, 0xd6, 0x80];

/// Files of these types in a firmware volume, PI volume 3, table 3.
const FILE_PEI_CORE: u8 = 4;
const FILE_DXE_CORE: u8 = 5;

/// Sections of these types in a file, PI volume 3, table 4.
const SECTION_PE32: u8 = 0x10;
const SECTION_TE: u8 = 0x12;

/// Where `ImageBase` lies behind the PE signature of a PE32+ image, and where the headers that are compared end.
const IMAGE_BASE: usize = 24 + 24;
const COMPARED: usize = 24 + 60;

/// A point at which a machine could be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// What it is called in reports.
    pub name: &'static str,
    /// Address of the instruction that is next.
    pub address: u64,
}

/// The points in this memory, the latest first. What is not found is left out.
pub fn points(ram: &[u8]) -> Vec<Point> {
    let found = [("BDS entry", bds_entry(ram)), ("DXE core", dxe_core(ram)), ("PEI core", pei_core(ram))];
    found.into_iter().filter_map(|(name, address)| Some(Point { name, address: address? })).collect()
}

/// `BdsEntry` of the BDS architectural protocol, by the DXE core's list of protocols.
fn bds_entry(ram: &[u8]) -> Option<u64> {
    places(ram, &BDS_PROTOCOL).find_map(|guid| {
        let is_entry = ram.get(guid.checked_sub(24)?..)?.starts_with(b"prte");
        let link = usize::try_from(u64_at(ram, guid + 16)?).ok()?;
        let is_interface = ram.get(link.checked_sub(32)?..)?.starts_with(b"pifc");
        let interface = usize::try_from(u64_at(ram, link.checked_add(24)?)?).ok()?;
        (is_entry && is_interface).then(|| u64_at(ram, interface)).flatten()
    })
}

/// Entry point of the DXE core where it was loaded: a copy of its file's headers that says that it lies where it does.
fn dxe_core(ram: &[u8]) -> Option<u64> {
    let (kind, file) = executable(ram, &DXE_CORE, FILE_DXE_CORE)?;
    let signature = pe_signature(ram, file).filter(|_| kind == SECTION_PE32)?;
    let entry = u64::from(u32_at(ram, signature + 24 + 16)?);
    let header = signature - file;
    let compared = |base: usize| {
        let (before, behind) =
            (base..base + header + IMAGE_BASE, base + header + IMAGE_BASE + 8..base + header + COMPARED);
        Some((ram.get(before)?, ram.get(behind)?))
    };
    let own = compared(file)?;
    let loaded = (0..ram.len()).step_by(4096).find(|&base| {
        ram[base..].starts_with(b"MZ")
            && u64_at(ram, base + header + IMAGE_BASE) == Some(base as u64)
            && compared(base) == Some(own)
    })?;
    Some(loaded as u64 + entry)
}

/// Entry point of the PEI core, which runs where its file lies.
fn pei_core(ram: &[u8]) -> Option<u64> {
    let (kind, image) = executable(ram, &PEI_CORE, FILE_PEI_CORE)?;
    if kind == SECTION_PE32 {
        let signature = pe_signature(ram, image)?;
        return Some(image as u64 + u64::from(u32_at(ram, signature + 24 + 16)?));
    }
    // a TE image: the PE headers are stripped, addresses still count from where they began
    let stripped = u64::from(u16_at(ram, image + 6)?);
    let entry = u64::from(u32_at(ram, image + 8)?);
    (image as u64 + entry + 40).checked_sub(stripped)
}

/// The executable section of the first file with this name and type: its type and where its content begins.
fn executable(ram: &[u8], name: &[u8], file_type: u8) -> Option<(u8, usize)> {
    places(ram, name).find_map(|file| {
        let header = ram.get(file..file + 24)?;
        // state and the content's checksum do not count in the header's own
        let sum = header[..23].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_sub(header[17]);
        let end = file.checked_add(u24_at(ram, file + 20)?)?;
        if sum != 0 || header[18] != file_type || end > ram.len() {
            return None;
        }
        let mut section = file + 24;
        while section + 4 <= end {
            let (length, kind) = (u24_at(ram, section)?, *ram.get(section + 3)?);
            if matches!(kind, SECTION_PE32 | SECTION_TE) {
                return Some((kind, section + 4));
            }
            section = (section + length.max(4)).next_multiple_of(4);
        }
        None
    })
}

fn pe_signature(ram: &[u8], image: usize) -> Option<usize> {
    let signature = image.checked_add(usize::try_from(u32_at(ram, image + 0x3c)?).ok()?)?;
    let is_image = ram.get(image..)?.starts_with(b"MZ") && ram.get(signature..)?.starts_with(b"PE\0\0");
    is_image.then_some(signature)
}

fn places<'a>(ram: &'a [u8], what: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    // what is looked for is aligned to 8 bytes wherever it lies
    (0..ram.len().saturating_sub(what.len())).step_by(8).filter(move |&place| ram[place..].starts_with(what))
}

fn bytes_at<const N: usize>(ram: &[u8], at: usize) -> Option<[u8; N]> {
    ram.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u64_at(ram: &[u8], at: usize) -> Option<u64> {
    bytes_at(ram, at).map(u64::from_le_bytes)
}

fn u32_at(ram: &[u8], at: usize) -> Option<u32> {
    bytes_at(ram, at).map(u32::from_le_bytes)
}

fn u16_at(ram: &[u8], at: usize) -> Option<u16> {
    bytes_at(ram, at).map(u16::from_le_bytes)
}

fn u24_at(ram: &[u8], at: usize) -> Option<usize> {
    let [a, b, c] = bytes_at(ram, at)?;
    Some(usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(ram: &mut [u8], at: usize, bytes: &[u8]) {
        ram[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Memory in which the DXE core has one protocol.
    fn with_protocol() -> Vec<u8> {
        let mut ram = vec![0; 0x4000];
        put(&mut ram, 0x1000, b"prte");
        put(&mut ram, 0x1018, &BDS_PROTOCOL);
        put(&mut ram, 0x1028, &0x2020_u64.to_le_bytes());
        put(&mut ram, 0x2000, b"pifc");
        put(&mut ram, 0x2038, &0x3000_u64.to_le_bytes());
        put(&mut ram, 0x3000, &0x6c0_bb00_u64.to_le_bytes());
        ram
    }

    fn file(ram: &mut [u8], at: usize, name: &[u8], kind: u8, section: u8) {
        put(ram, at, name);
        put(ram, at + 18, &[kind, 0, 0x00, 0x02, 0]);
        let sum = ram[at..at + 23].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        put(ram, at + 16, &[0_u8.wrapping_sub(sum), 0xaa]);
        put(ram, at + 24, &[0x80, 0, 0, section]);
    }

    fn pe(ram: &mut [u8], at: usize, base: u64) {
        put(ram, at, b"MZ");
        put(ram, at + 0x3c, &0x40_u32.to_le_bytes());
        put(ram, at + 0x40, b"PE\0\0");
        put(ram, at + 0x40 + 24 + 16, &0x123_u32.to_le_bytes());
        put(ram, at + 0x40 + IMAGE_BASE, &base.to_le_bytes());
    }

    #[test]
    fn the_entry_of_bds_is_what_its_protocol_points_to() {
        assert_eq!(points(&with_protocol()), [Point { name: "BDS entry", address: 0x6c0_bb00 }]);
    }

    #[test]
    fn a_guid_without_the_lists_around_it_is_nothing() {
        for at in [0x1000, 0x2000] {
            let mut ram = with_protocol();
            ram[at] = b'x';
            assert_eq!(points(&ram), []);
        }
    }

    #[test]
    fn pointers_out_of_memory_are_followed_nowhere() {
        for at in [0x1028, 0x2038] {
            let mut ram = with_protocol();
            put(&mut ram, at, &u64::MAX.to_le_bytes());
            assert_eq!(points(&ram), []);
        }
        assert_eq!(points(&[]), []);
        let mut torn = vec![0; 64];
        put(&mut torn, 40, &PEI_CORE);
        assert_eq!(points(&torn), []);
    }

    #[test]
    fn the_pei_core_runs_where_its_file_lies() {
        let mut ram = vec![0; 0x4000];
        file(&mut ram, 0x1000, &PEI_CORE, FILE_PEI_CORE, SECTION_TE);
        put(&mut ram, 0x1000 + 28, b"VZ\x64\x86\x03\x0b\xc8\x01\x40\x07\x00\x00");
        let entry = 0x1000 + 28 + 0x740 + 40 - 0x1c8;
        assert_eq!(points(&ram), [Point { name: "PEI core", address: entry }]);
        // a header that does not add up is no file
        ram[0x1000 + 16] ^= 1;
        assert_eq!(points(&ram), []);
    }

    #[test]
    fn the_dxe_core_is_where_it_says_that_it_was_loaded() {
        let mut ram = vec![0; 0x8000];
        file(&mut ram, 0x1000, &DXE_CORE, FILE_DXE_CORE, SECTION_PE32);
        pe(&mut ram, 0x1000 + 28, 0);
        assert_eq!(points(&ram), []);
        pe(&mut ram, 0x4000, 0x9999);
        pe(&mut ram, 0x5000, 0x5000);
        assert_eq!(points(&ram), [Point { name: "DXE core", address: 0x5123 }]);
    }
}
