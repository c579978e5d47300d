//! Disks and floppies: boot code, partition tables, and the EFI system partition.

use super::source::Source;
use super::{Claim, efi};

/// Partition type of an EFI system partition in an MBR, and of the entry that protects a GPT (UEFI specification, 5.2).
const ESP: u8 = 0xef;
const PROTECTIVE: u8 = 0xee;

/// GPT partition type of an EFI system partition, as it lies on disk.
const ESP_GUID: [u8; 16] =
    [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b];

/// Types of FAT partitions in an MBR.
const FAT: [u8; 6] = [0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e];

/// Whether the first sector ends in 0x55 0xaa.
pub fn has_signature(head: &[u8]) -> bool {
    head.get(510..512) == Some(&[0x55, 0xaa])
}

/// Type and first byte of each partition in an MBR.
pub fn partitions(head: &[u8]) -> impl Iterator<Item = (u8, u64)> + '_ {
    let entries = head.get(446..510).unwrap_or_default().chunks_exact(16);
    entries.filter_map(|entry| {
        let first = u32::from_le_bytes(entry.get(8..12)?.try_into().ok()?);
        (entry[4] != 0 && first != 0).then_some((entry[4], u64::from(first) * 512))
    })
}

/// What BIOS and UEFI have to boot.
pub fn claims(source: &mut Source, head: &[u8]) -> (Claim, Claim) {
    (bios(head), uefi(source, head))
}

fn bios(head: &[u8]) -> Claim {
    if !has_signature(head) {
        return Claim::no("no boot signature (0x55 0xaa) at the end of its first sector");
    }
    match head.get(..440).is_some_and(|code| code.iter().any(|byte| *byte != 0)) {
        true => Claim::yes("boot code with a signature in its first sector"),
        false => Claim { empty: true, ..Claim::no("its first sector has a signature and no boot code") },
    }
}

fn uefi(source: &mut Source, head: &[u8]) -> Claim {
    let mut starts: Vec<u64> = gpt_partitions(source);
    starts.extend(partitions(head).filter(|(kind, _)| *kind == ESP || FAT.contains(kind)).map(|(_, at)| at));
    let table = partitions(head).any(|(kind, _)| kind == PROTECTIVE) || !starts.is_empty();
    // a file system without a partition table
    starts.push(0);
    let claims: Vec<Claim> = starts.into_iter().filter_map(|start| efi::claim_in_fat(source, start)).collect();
    let best = claims.iter().find(|claim| claim.boots).or_else(|| claims.first()).cloned();
    best.unwrap_or_else(|| {
        Claim::no(if table {
            "no EFI loader: no FAT file system in its partitions"
        } else {
            "no EFI loader: no EFI system partition"
        })
    })
}

/// First byte of each EFI system partition in a GPT.
fn gpt_partitions(source: &mut Source) -> Vec<u64> {
    const SECTORS: [u64; 2] = [512, 4096];
    for sector in SECTORS {
        let Ok(header) = source.bytes(sector, 92) else { continue };
        if !header.starts_with(b"EFI PART") {
            continue;
        }
        let eight = |at: usize| header[at..at + 8].try_into().map(u64::from_le_bytes).unwrap_or_default();
        let four = |at: usize| header[at..at + 4].try_into().map(u32::from_le_bytes).unwrap_or_default();
        let (table, count, size) = (eight(72), four(80).min(1024) as usize, four(84).clamp(128, 4096) as usize);
        let Ok(entries) = source.bytes(table.saturating_mul(sector), count * size) else { continue };
        let is_esp = |entry: &&[u8]| entry[..16] == ESP_GUID;
        let first = |entry: &[u8]| entry[32..40].try_into().map(u64::from_le_bytes).unwrap_or_default();
        return entries.chunks_exact(size).filter(is_esp).map(|entry| first(entry).saturating_mul(sector)).collect();
    }
    Vec::new()
}
