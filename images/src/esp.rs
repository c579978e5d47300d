//! Where the EFI system partition of a finished disk lies, read back from its partition table (UEFI 2.10 sections 5.2 and 5.3).

use crate::{Image, MediumKind, gpt, mbr};

/// What a device path says of a partition (`HARDDRIVE_DEVICE_PATH`, UEFI 2.10 section 10.3.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EspPlace {
    /// Its place in the table, from 1.
    pub number: u32,
    /// Its first sector, in sectors of the disk.
    pub start: u64,
    /// Its size, in sectors of the disk.
    pub count: u64,
    /// By what it is known.
    pub signature: PartitionSignature,
}

/// By what a device path knows a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionSignature {
    /// The signature of the disk's MBR.
    Mbr(u32),
    /// The partition's own GUID, as it lies on disk.
    Gpt([u8; 16]),
}

impl Image {
    /// The EFI system partition of a hard disk; `None` where its table has none.
    #[must_use]
    pub fn esp(&self, kind: MediumKind) -> Option<EspPlace> {
        let sector_bytes = if kind == MediumKind::Disk4Kn { 4096 } else { 512 };
        let first: [u8; 512] = self.read(0)?;
        let entries = || first[446..510].chunks_exact(16).enumerate();
        if entries().any(|(_, entry)| entry[4] == mbr::TYPE_PROTECTIVE) {
            let header: [u8; 92] = self.read(sector_bytes)?;
            let entry: [u8; 128] = self.read(u64_at(&header, 72) * sector_bytes)?;
            let is_esp = header[..8] == *b"EFI PART" && entry[..16] == gpt::TYPE_ESP;
            let (start, last) = (u64_at(&entry, 32), u64_at(&entry, 40));
            let mut guid = [0; 16];
            guid.copy_from_slice(&entry[16..32]);
            let count = (last + 1).checked_sub(start)?;
            return is_esp.then_some(EspPlace { number: 1, start, count, signature: PartitionSignature::Gpt(guid) });
        }
        let (index, entry) = entries().find(|(_, entry)| entry[4] == mbr::TYPE_ESP)?;
        let signature = PartitionSignature::Mbr(u32_at(&first, 440));
        let [start, count] = [8, 12].map(|at| u32_at(entry, at).into());
        (first[510..] == [0x55, 0xaa]).then_some(EspPlace { number: index as u32 + 1, start, count, signature })
    }

    /// So many bytes from this offset on, all of one extent.
    fn read<const N: usize>(&self, offset: u64) -> Option<[u8; N]> {
        let extent = self.extents().iter().rev().find(|extent| extent.offset <= offset)?;
        extent.bytes.get(usize::try_from(offset - extent.offset).ok()?..)?.first_chunk().copied()
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map(u32::from_le_bytes).unwrap_or_default()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().map(u64::from_le_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{After, Boots, Content, FatType, MediumSpec, Nonce, PartitionTable, build};

    const NONCE: Nonce = Nonce([0x5a; 16]);

    fn esp(kind: MediumKind, boots: Boots, table: PartitionTable) -> Option<EspPlace> {
        let content = Content::Bootable { boots, table, fat: FatType::Fat16, after: After::Exit };
        build(&MediumSpec::new("disk", kind, content), NONCE).expect("possible").esp(kind)
    }

    #[test]
    fn the_partition_is_known_by_what_the_nonce_says_of_it() {
        let signature = PartitionSignature::Mbr(NONCE.disk_signature());
        let wanted = Some(EspPlace { number: 1, start: 2048, count: mbr::CYLINDER - 2048, signature });
        assert_eq!(esp(MediumKind::Disk, Boots::Both, PartitionTable::Mbr), wanted);
        let signature = PartitionSignature::Gpt(NONCE.partition_guid());
        let wanted = wanted.map(|place| EspPlace { signature, ..place });
        assert_eq!(esp(MediumKind::Disk, Boots::UefiOnly, PartitionTable::Gpt), wanted);
        assert_eq!(esp(MediumKind::Disk, Boots::Both, PartitionTable::Hybrid), wanted);
        let wanted = wanted.map(|place| EspPlace { start: 256, count: 24 * 256, ..place });
        assert_eq!(esp(MediumKind::Disk4Kn, Boots::Both, PartitionTable::Gpt), wanted);
    }

    #[test]
    fn a_disk_without_such_a_partition_or_without_a_table_has_none() {
        assert_eq!(esp(MediumKind::Disk, Boots::BiosOnly, PartitionTable::Gpt), None);
        assert_eq!(esp(MediumKind::Disk, Boots::BiosOnly, PartitionTable::Mbr), None);
        for content in [Content::Blank, Content::NoSignature, Content::VendorReboot] {
            let image = build(&MediumSpec::new("disk", MediumKind::Disk, content), NONCE).expect("possible");
            assert_eq!(image.esp(MediumKind::Disk), None);
        }
    }
}
