//! Master boot record: boot code, four partition entries, signature (UEFI 2.10 section 5.2).

use crate::payload;

/// EFI system partition.
pub(crate) const TYPE_ESP: u8 = 0xef;
/// Protective entry of a GPT disk.
pub(crate) const TYPE_PROTECTIVE: u8 = 0xee;
/// A hidden partition that no system mounts: what an isohybrid image says of its own volume.
pub(crate) const TYPE_HIDDEN: u8 = 0x17;
/// Some other system's data: what a disk without an ESP carries.
pub(crate) const TYPE_LINUX: u8 = 0x83;

/// Sectors of a cylinder in the geometry that partition entries are written for: 255 heads, 63 sectors.
pub(crate) const CYLINDER: u64 = 255 * 63;

/// One partition entry; sectors have the disk's own size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    pub(crate) active: bool,
    pub(crate) kind: u8,
    pub(crate) start: u64,
    pub(crate) count: u64,
}

/// A boot sector with `partitions`; `code` is a BIOS program whose first sector gives the boot code.
pub(crate) fn sector(code: Option<&[u8]>, disk_signature: u32, partitions: &[Partition], signed: bool) -> [u8; 512] {
    let mut sector = [0; 512];
    if let Some(code) = code {
        for range in [0..3, payload::SECTOR_0_CODE] {
            sector[range.clone()].copy_from_slice(&code[range]);
        }
    }
    sector[440..444].copy_from_slice(&disk_signature.to_le_bytes());
    for (entry, partition) in sector[446..510].chunks_exact_mut(16).zip(partitions) {
        entry[0] = if partition.active { 0x80 } else { 0 };
        entry[1..4].copy_from_slice(&chs(partition.start));
        entry[4] = partition.kind;
        entry[5..8].copy_from_slice(&chs(partition.start + partition.count - 1));
        entry[8..12].copy_from_slice(&saturated(partition.start).to_le_bytes());
        entry[12..16].copy_from_slice(&saturated(partition.count).to_le_bytes());
    }
    if signed {
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
    }
    sector
}

/// Head, sector and cylinder bits 8-9, cylinder bits 0-7; `ff ff ff` for what CHS cannot reach.
fn chs(lba: u64) -> [u8; 3] {
    let (cylinder, rest) = (lba / CYLINDER, lba % CYLINDER);
    match u16::try_from(cylinder) {
        Ok(cylinder @ 0..=1023) => {
            [(rest / 63) as u8, (rest % 63 + 1) as u8 | ((cylinder >> 2) & 0xc0) as u8, cylinder as u8]
        }
        _ => [0xff; 3],
    }
}

fn saturated(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
