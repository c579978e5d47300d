//! ISO images: the El Torito boot catalog (El Torito 1.0, section 2; UEFI specification, 13.3.2).

use super::source::Source;
use super::{Claim, efi};

/// Bytes of a sector.
const SECTOR: u64 = 2048;

/// Platforms of a catalog's sections.
const X86: u8 = 0;
const EFI: u8 = 0xef;

/// One entry that can be booted.
struct Entry {
    platform: u8,
    /// 0 no emulation, 1 to 3 floppy, 4 hard disk.
    emulation: u8,
    /// First byte of its image.
    start: u64,
}

/// What BIOS and UEFI have to boot.
pub fn claims(source: &mut Source) -> (Claim, Claim) {
    let Some(entries) = catalog(source) else {
        let none = "no El Torito boot catalog";
        return (Claim::no(none), Claim::no(format!("no EFI loader: {none}")));
    };
    let bios = match entries.iter().find(|entry| entry.platform == X86) {
        Some(entry) => {
            let emulation =
                ["no emulation", "floppy emulation", "floppy emulation", "floppy emulation", "hard disk emulation"];
            let emulation = emulation.get(usize::from(entry.emulation)).copied().unwrap_or("unknown emulation");
            Claim::yes(format!("an El Torito entry for x86, {emulation}"))
        }
        None => Claim::no("no El Torito entry for x86"),
    };
    let uefi = match entries.iter().find(|entry| entry.platform == EFI) {
        Some(entry) => efi::claim_in_fat(source, entry.start)
            .unwrap_or_else(|| Claim::no("no EFI loader: its El Torito entry for EFI is no FAT file system")),
        None => Claim::no("no EFI loader: no El Torito entry for EFI"),
    };
    (bios, uefi)
}

/// The bootable entries; `None` without a catalog.
fn catalog(source: &mut Source) -> Option<Vec<Entry>> {
    let record = (17..48).find_map(|sector| {
        let bytes = source.bytes(sector * SECTOR, 2048).ok()?;
        (bytes[0] == 0 && bytes[1..6] == *b"CD001" && bytes[7..30] == *b"EL TORITO SPECIFICATION").then_some(bytes)
    })?;
    let at = u64::from(u32::from_le_bytes(record[71..75].try_into().ok()?));
    let catalog = source.bytes(at * SECTOR, 2048).ok()?;
    if catalog[0] != 1 || catalog[30..32] != [0x55, 0xaa] {
        return None;
    }
    let mut platform = catalog[1];
    let mut entries = Vec::new();
    for record in catalog.chunks_exact(32).skip(1) {
        match record[0] {
            0x88 => entries.push(Entry {
                platform,
                emulation: record[1] & 0x0f,
                start: u64::from(u32::from_le_bytes(record[8..12].try_into().ok()?)) * SECTOR,
            }),
            0x90 | 0x91 => platform = record[1],
            _ => {}
        }
    }
    Some(entries)
}
