//! GUID partition table with its backup (UEFI 2.10 section 5.3). GUIDs are stored mixed-endian, as in memory.

use crate::{Image, Nonce};

const ENTRY_COUNT: usize = 128;
const ENTRY_BYTES: usize = 128;
const HEADER_BYTES: usize = 92;

/// C12A7328-F81F-11D2-BA4B-00A0C93EC93B
pub(crate) const TYPE_ESP: [u8; 16] =
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];
/// 0FC63DAF-8483-4772-8E79-3D69D8477DE4, Linux file system data.
pub(crate) const TYPE_LINUX: [u8; 16] =
    [0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4];

/// Sectors that 128 entries of 128 bytes take.
const fn entry_sectors(sector_bytes: u64) -> u64 {
    (ENTRY_COUNT * ENTRY_BYTES) as u64 / sector_bytes
}

/// Sectors of one table, header and entries; the backup has as many at the end of the disk.
pub(crate) const fn table_sectors(sector_bytes: u64) -> u64 {
    1 + entry_sectors(sector_bytes)
}

/// First sector after the protective MBR and the primary table.
pub(crate) const fn first_free(sector_bytes: u64) -> u64 {
    1 + table_sectors(sector_bytes)
}

/// The one partition of a disk.
pub(crate) struct Partition {
    pub(crate) kind: [u8; 16],
    pub(crate) start: u64,
    pub(crate) count: u64,
    pub(crate) label: &'static str,
    /// The primary header does not give its own CRC; the backup is whole.
    pub(crate) spoilt: bool,
}

/// Puts primary and backup table on a disk of `sectors`. Partitions may lie from the partition's start on; what is
/// below belongs to the boot program.
pub(crate) fn put(image: &mut Image, sector_bytes: u64, sectors: u64, nonce: Nonce, partition: &Partition) {
    let last = sectors - 1;
    let mut entries = vec![0_u8; ENTRY_COUNT * ENTRY_BYTES];
    entries[..16].copy_from_slice(&partition.kind);
    entries[16..32].copy_from_slice(&nonce.partition_guid());
    entries[32..40].copy_from_slice(&partition.start.to_le_bytes());
    entries[40..48].copy_from_slice(&(partition.start + partition.count - 1).to_le_bytes());
    for (place, unit) in entries[56..ENTRY_BYTES].chunks_exact_mut(2).zip(partition.label.encode_utf16()) {
        place.copy_from_slice(&unit.to_le_bytes());
    }

    let header = |own: u64, other: u64, entries_at: u64| {
        let mut header = vec![0_u8; HEADER_BYTES];
        header[..8].copy_from_slice(b"EFI PART");
        header[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
        header[12..16].copy_from_slice(&(HEADER_BYTES as u32).to_le_bytes());
        header[24..32].copy_from_slice(&own.to_le_bytes());
        header[32..40].copy_from_slice(&other.to_le_bytes());
        header[40..48].copy_from_slice(&partition.start.to_le_bytes());
        header[48..56].copy_from_slice(&(last - table_sectors(sector_bytes)).to_le_bytes());
        header[56..72].copy_from_slice(&nonce.disk_guid());
        header[72..80].copy_from_slice(&entries_at.to_le_bytes());
        header[80..84].copy_from_slice(&(ENTRY_COUNT as u32).to_le_bytes());
        header[84..88].copy_from_slice(&(ENTRY_BYTES as u32).to_le_bytes());
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        let crc = crc32fast::hash(&header[..HEADER_BYTES]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header
    };
    let backup_entries = last - entry_sectors(sector_bytes);
    let mut primary = header(1, last, 2);
    primary[16] ^= u8::from(partition.spoilt);
    image.put(sector_bytes, primary);
    image.put(2 * sector_bytes, entries.clone());
    image.put(backup_entries * sector_bytes, entries.clone());
    image.put(last * sector_bytes, header(last, 1, backup_entries));
}
