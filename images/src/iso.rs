//! ISO 9660 with El Torito boot entries (ECMA-119; El Torito 1.0; UEFI 2.10 section 13.3.2).
//!
//! Blocks of 2048 bytes: 16 primary volume descriptor, 17 boot record, 18 terminator, 19 and 20 path tables, 21 root
//! directory, 22 boot catalogue, then the BIOS program and the FAT image with the EFI application.

use crate::disk::{OTHER_PATH, REMOVABLE_MEDIA_PATH, disk_signature};
use crate::fat::{self, FileIn};
use crate::payload::{self, Load};
use crate::{After, Boots, Content, FatType, Image, ImageError, MediumSpec, Nonce};

const BLOCK: u64 = 2048;
const SECTORS_PER_BLOCK: u64 = 4;
const PATH_TABLE_LITTLE: u32 = 19;
const PATH_TABLE_BIG: u32 = 20;
const ROOT: u32 = 21;
const CATALOGUE: u32 = 22;
const FIRST_FILE: u64 = 23;
const PATH_TABLE_BYTES: u32 = 10;
const BLANK_SECTORS: u64 = 2048;
/// What BIOSes expect whatever the program's length: four 512-byte sectors.
const LOAD_SECTORS: u16 = 4;
const PLATFORM_BIOS: u8 = 0;
const PLATFORM_UEFI: u8 = 0xef;

pub(crate) fn build(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    let (boots, fat, after, valid, path) = match spec.content {
        Content::Blank | Content::VendorReboot => {
            let sectors = aligned(spec, spec.size(spec.sectors.unwrap_or(BLANK_SECTORS))?)?;
            return Ok(Image::zero(sectors * 512));
        }
        Content::Bootable { boots, fat, after, .. } => (boots, fat, after, true, REMOVABLE_MEDIA_PATH),
        Content::NoSignature => (Boots::Both, FatType::Fat16, After::Exit, false, OTHER_PATH),
    };
    let mut files = vec![File { name: "BOOT.CAT;1", block: CATALOGUE.into(), bytes: BLOCK }];
    let mut next = FIRST_FILE;
    let mut entries = Vec::new();
    let mut program = None;
    if boots != Boots::UefiOnly {
        let bytes = payload::bios_program(&spec.name, nonce, after, Load::Whole)?;
        let load = if bytes.len() as u64 > u64::from(LOAD_SECTORS) * 512 { Load::Cd(next) } else { Load::Whole };
        let bytes = payload::bios_program(&spec.name, nonce, after, load)?;
        files.push(File { name: "BIOS.BIN;1", block: next, bytes: bytes.len() as u64 });
        entries.push(Entry { platform: PLATFORM_BIOS, block: next as u32, sectors: LOAD_SECTORS });
        program = Some((next, bytes));
        next += files_blocks(&files);
    }
    let mut volume = None;
    if boots != Boots::BiosOnly {
        let sectors: u32 = match fat {
            FatType::Fat12 => 2880,
            FatType::Fat16 => 8192,
            FatType::Fat32 => 67_584,
        };
        files.push(File { name: "EFI.IMG;1", block: next, bytes: u64::from(sectors) * 512 });
        // a count that does not fit is written as 0, which firmware takes as "to the end of the medium"
        entries.push(Entry {
            platform: PLATFORM_UEFI,
            block: next as u32,
            sectors: u16::try_from(sectors).unwrap_or(0),
        });
        volume = Some((next, fat::Shape::fixed(fat, sectors, 0, disk_signature(nonce))));
        next += files_blocks(&files);
    }
    files.sort_by_key(|file| file.name);

    let sectors = aligned(spec, spec.size(next * SECTORS_PER_BLOCK)?)?;
    let blocks = sectors / SECTORS_PER_BLOCK;
    let blocks = u32::try_from(blocks).map_err(|_| ImageError::TooLarge {
        what: "ISO 9660 volume size in 2048-byte blocks",
        value: blocks,
        limit: u32::MAX.into(),
    })?;
    let mut image = Image::zero(sectors * 512);
    let mut put = |block: u64, bytes: Vec<u8>| image.put(block * BLOCK, bytes);
    put(16, primary_descriptor(blocks));
    put(17, boot_record());
    put(18, descriptor(255, b"CD001"));
    put(PATH_TABLE_LITTLE.into(), path_table(ROOT.to_le_bytes(), 1_u16.to_le_bytes()));
    put(PATH_TABLE_BIG.into(), path_table(ROOT.to_be_bytes(), 1_u16.to_be_bytes()));
    put(ROOT.into(), root_directory(&files));
    put(CATALOGUE.into(), catalogue(&entries, valid));
    if let Some((block, bytes)) = program {
        put(block, bytes);
    }
    if let Some((block, shape)) = volume {
        let application = payload::efi_application(&spec.name, nonce, after)?;
        fat::put(&mut image, block * BLOCK, &shape, &[FileIn { path, bytes: &application }])?;
    }
    Ok(image)
}

fn aligned(spec: &MediumSpec, sectors: u64) -> Result<u64, ImageError> {
    if sectors.is_multiple_of(SECTORS_PER_BLOCK) {
        return Ok(sectors);
    }
    Err(ImageError::Unaligned { name: spec.name.clone(), sectors, sector_bytes: BLOCK as u32 })
}

struct File {
    name: &'static str,
    block: u64,
    bytes: u64,
}

fn files_blocks(files: &[File]) -> u64 {
    files.last().map_or(0, |file| file.bytes.div_ceil(BLOCK))
}

struct Entry {
    platform: u8,
    block: u32,
    sectors: u16,
}

/// Validation entry, initial entry, then one section of one entry for every further platform.
fn catalogue(entries: &[Entry], valid: bool) -> Vec<u8> {
    let mut bytes = vec![0_u8; BLOCK as usize];
    bytes[0] = 1;
    bytes[1] = entries.first().map_or(PLATFORM_BIOS, |entry| entry.platform);
    bytes[4..14].copy_from_slice(b"BOOTWRIGHT");
    if valid {
        bytes[30..32].copy_from_slice(&[0x55, 0xaa]);
    }
    let sum =
        bytes[..32].chunks_exact(2).fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    bytes[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());

    let mut at = 32;
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            bytes[at] = if index + 1 == entries.len() { 0x91 } else { 0x90 };
            bytes[at + 1] = entry.platform;
            bytes[at + 2] = 1;
            at += 32;
        }
        bytes[at] = 0x88;
        bytes[at + 6..at + 8].copy_from_slice(&entry.sectors.to_le_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&entry.block.to_le_bytes());
        at += 32;
    }
    bytes
}

fn descriptor(kind: u8, identifier: &[u8; 5]) -> Vec<u8> {
    let mut bytes = vec![0_u8; BLOCK as usize];
    bytes[0] = kind;
    bytes[1..6].copy_from_slice(identifier);
    bytes[6] = 1;
    bytes
}

fn boot_record() -> Vec<u8> {
    let mut bytes = descriptor(0, b"CD001");
    bytes[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
    bytes[71..75].copy_from_slice(&CATALOGUE.to_le_bytes());
    bytes
}

fn primary_descriptor(blocks: u32) -> Vec<u8> {
    const DATE: &[u8; 16] = b"2020010100000000";
    const NO_DATE: &[u8; 16] = b"0000000000000000";
    let mut bytes = descriptor(1, b"CD001");
    bytes[8..72].fill(b' ');
    bytes[40..50].copy_from_slice(b"BOOTWRIGHT");
    bytes[80..88].copy_from_slice(&both_32(blocks));
    bytes[120..124].copy_from_slice(&both_16(1));
    bytes[124..128].copy_from_slice(&both_16(1));
    bytes[128..132].copy_from_slice(&both_16(BLOCK as u16));
    bytes[132..140].copy_from_slice(&both_32(PATH_TABLE_BYTES));
    bytes[140..144].copy_from_slice(&PATH_TABLE_LITTLE.to_le_bytes());
    bytes[148..152].copy_from_slice(&PATH_TABLE_BIG.to_be_bytes());
    bytes[156..190].copy_from_slice(&directory_record(&[0], ROOT, BLOCK as u32, true));
    bytes[190..813].fill(b' ');
    for (at, date) in [(813, DATE), (830, DATE), (847, NO_DATE), (864, NO_DATE)] {
        bytes[at..at + 16].copy_from_slice(date);
    }
    bytes[881] = 1;
    bytes
}

/// The root directory's entry, the only one.
fn path_table(root: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend(root);
    bytes.extend(parent);
    bytes.extend([0, 0]);
    bytes
}

fn root_directory(files: &[File]) -> Vec<u8> {
    let mut bytes = directory_record(&[0], ROOT, BLOCK as u32, true);
    bytes.extend(directory_record(&[1], ROOT, BLOCK as u32, true));
    for file in files {
        bytes.extend(directory_record(file.name.as_bytes(), file.block as u32, file.bytes as u32, false));
    }
    bytes
}

fn directory_record(name: &[u8], block: u32, length: u32, directory: bool) -> Vec<u8> {
    let mut bytes = vec![0_u8; 33];
    bytes[2..10].copy_from_slice(&both_32(block));
    bytes[10..18].copy_from_slice(&both_32(length));
    // 2020-01-01: years since 1900, month, day, hour, minute, second, offset from GMT
    bytes[18..25].copy_from_slice(&[120, 1, 1, 0, 0, 0, 0]);
    bytes[25] = if directory { 2 } else { 0 };
    bytes[28..32].copy_from_slice(&both_16(1));
    bytes[32] = name.len() as u8;
    bytes.extend(name);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes[0] = bytes.len() as u8;
    bytes
}

fn both_16(value: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (value.to_le_bytes(), value.to_be_bytes());
    [a, b, c, d]
}

fn both_32(value: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (value.to_le_bytes(), value.to_be_bytes());
    [a, b, c, d, e, f, g, h]
}
