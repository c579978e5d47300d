//! ISO 9660 with El Torito boot entries (ECMA-119; El Torito 1.0; UEFI 2.10 section 13.3.2).
//!
//! Blocks of 2048 bytes: 16 primary volume descriptor, 17 boot record, 18 terminator, 19 and 20 path tables, 21 root
//! directory, 22 boot catalogue, then the BIOS program and the FAT image with the EFI application, or that application in the
//! folders of the volume. An isohybrid image has an MBR and its program in blocks 0 to 15, which ISO 9660 leaves to the system.

use crate::application;
use crate::disk::OTHER_PATH;
use crate::fat::{self, FileIn};
use crate::payload::{self, Load};
use crate::{After, Boots, Content, FatType, Image, ImageError, MediumSpec, Nonce, mbr};

const BLOCK: u64 = 2048;
const PATH_TABLE_LITTLE: u32 = 19;
const PATH_TABLE_BIG: u32 = 20;
const ROOT: u32 = 21;
const CATALOGUE: u32 = 22;
const FIRST_FILE: u64 = 23;
/// Where the program of an isohybrid image's MBR goes on.
const AFTER_MBR: Load = Load::Sectors { lba: 1, sector_bytes: 512 };
const BLANK_SECTORS: u64 = 2048;
/// What BIOSes expect whatever the program's length: four 512-byte sectors.
const LOAD_SECTORS: u16 = 4;
const PLATFORM_BIOS: u8 = 0;
const PLATFORM_UEFI: u8 = 0xef;

/// The most that the BIOS program can be, and what firmware can be told to load: 32 KiB.
const LOAD_LIMIT: u16 = 64;
const DECOY_LIMIT: u8 = 8;

pub(crate) fn build(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    let whole = |boots, fat, after, load_sectors, decoys| {
        let (is_hybrid, has_loose_loader) = (false, false);
        Plan { boots, fat, after, load_sectors, decoys, whole: true, is_hybrid, has_loose_loader }
    };
    let plan = match spec.content {
        Content::Blank | Content::VendorReboot => {
            let blocks = spec.size(spec.sectors.unwrap_or(BLANK_SECTORS), BLOCK)?;
            return Ok(Image::zero(blocks * BLOCK));
        }
        Content::Bootable { boots, fat, after, .. } => whole(boots, fat, after, LOAD_SECTORS, 0),
        Content::ElTorito { boots, fat, after, load_sectors, decoys } => whole(boots, fat, after, load_sectors, decoys),
        Content::Isohybrid { fat, after } => {
            Plan { is_hybrid: true, ..whole(Boots::Both, fat, after, LOAD_SECTORS, 0) }
        }
        Content::Iso9660Loader { after } => {
            Plan { has_loose_loader: true, ..whole(Boots::BiosOnly, FatType::Fat16, after, LOAD_SECTORS, 0) }
        }
        Content::Installed { .. } | Content::BadLoader(_) | Content::Uninstalled { .. } => {
            return Err(ImageError::impossible(
                "an installed system, one to install or a bad loader on an optical medium",
                "it has its loader on an EFI system partition",
                "use MediumKind::Disk",
            ));
        }
        Content::NoSignature => {
            Plan { whole: false, ..whole(Boots::Both, FatType::Fat16, After::Exit, LOAD_SECTORS, 0) }
        }
    };
    plan.check()?;
    plan.build(spec, nonce)
}

struct Plan {
    boots: Boots,
    fat: FatType,
    after: After,
    load_sectors: u16,
    decoys: u8,
    /// With the catalogue's key bytes and the removable media path.
    whole: bool,
    /// With an MBR, as a hard disk has it.
    is_hybrid: bool,
    /// With the EFI application in the folders of the volume.
    has_loose_loader: bool,
}

impl Plan {
    fn check(&self) -> Result<(), ImageError> {
        let too_large = |what, value, limit| Err(ImageError::TooLarge { what, value, limit });
        match (self.load_sectors, self.decoys) {
            (0, _) => Err(ImageError::impossible(
                "an El Torito load size of 0",
                "it would load nothing",
                "use 1 to 64 sectors of 512 bytes",
            )),
            (sectors, _) if sectors > LOAD_LIMIT => {
                too_large("El Torito load size in 512-byte sectors", sectors.into(), LOAD_LIMIT.into())
            }
            (_, decoys) if decoys > DECOY_LIMIT => {
                too_large("number of El Torito decoys", decoys.into(), DECOY_LIMIT.into())
            }
            (_, decoys) if decoys > 0 && self.boots == Boots::BiosOnly => Err(ImageError::impossible(
                "UEFI decoys on an ISO for BIOS only",
                "they are UEFI entries",
                "use Boots::Both or no decoys",
            )),
            _ => Ok(()),
        }
    }

    fn build(&self, spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
        let mut files = Files { list: vec![Record::file("BOOT.CAT;1", CATALOGUE.into(), BLOCK)], next: FIRST_FILE };
        let application = application::of(spec, nonce, self.after)?;
        let mut entries = Vec::new();
        let mut program = None;
        if self.boots != Boots::UefiOnly {
            let loaded = u64::from(self.load_sectors) * 512;
            let load = if loaded < payload::bios_program_bytes() { Load::Cd(files.next) } else { Load::Whole };
            // four sectors are customary whatever the program's length, so only another size lengthens it
            let length = if self.load_sectors == LOAD_SECTORS { 0 } else { loaded as usize };
            let bytes = payload::bios_program(&spec.name, nonce, self.after, load, length)?;
            let block = files.add("BIOS.BIN;1", bytes.len() as u64);
            entries.push(Entry { platform: PLATFORM_BIOS, block: block as u32, sectors: self.load_sectors });
            program = Some((block, bytes));
        }
        let mut volumes = Vec::new();
        if self.boots != Boots::BiosOnly {
            for name in DECOY_NAMES.into_iter().take(self.decoys.into()) {
                volumes.push((
                    files.add(name, u64::from(volume_sectors(FatType::Fat12)) * 512),
                    FatType::Fat12,
                    OTHER_PATH,
                ));
            }
            let path = if self.whole { spec.efi.removable_media_path() } else { OTHER_PATH };
            volumes.push((files.add("EFI.IMG;1", u64::from(volume_sectors(self.fat)) * 512), self.fat, path));
        }
        for (block, fat, _) in &volumes {
            // a count that does not fit is written as 0, which firmware takes as "to the end of the medium"
            let sectors = u16::try_from(volume_sectors(*fat)).unwrap_or(0);
            entries.push(Entry { platform: PLATFORM_UEFI, block: *block as u32, sectors });
        }

        let mut folders = vec![Folder { name: "", block: ROOT.into(), parent: 0, records: Vec::new() }];
        let mut loose = None;
        if self.has_loose_loader {
            let loader = files.reserve(application.len() as u64);
            let [efi, boot] = [files.reserve(BLOCK), files.reserve(BLOCK)];
            files.list.push(Record::folder("EFI", efi));
            let records = vec![Record::file(spec.efi.loader_record(), loader, application.len() as u64)];
            folders.push(Folder { name: "EFI", block: efi, parent: 0, records: vec![Record::folder("BOOT", boot)] });
            folders.push(Folder { name: "BOOT", block: boot, parent: 1, records });
            loose = Some(loader);
        }
        let hybrid = match self.is_hybrid {
            true => Some(payload::bios_program(&spec.name, nonce, self.after, AFTER_MBR, 0)?),
            false => None,
        };

        let blocks = spec.size(files.next * (BLOCK / 512), BLOCK)?;
        let volume_size = u32::try_from(blocks).map_err(|_| ImageError::TooLarge {
            what: "ISO 9660 volume size in 2048-byte blocks",
            value: blocks,
            limit: u32::MAX.into(),
        })?;
        folders[0].records = files.list;
        let mut image = Image::zero(blocks * BLOCK);
        if let Some(program) = hybrid {
            let partition = |active, kind, start, count| mbr::Partition { active, kind, start, count };
            let mut partitions = vec![partition(true, mbr::TYPE_HIDDEN, 0, blocks * (BLOCK / 512))];
            let esp = |(block, fat, _): &(u64, FatType, &str)| {
                partition(false, mbr::TYPE_ESP, block * (BLOCK / 512), volume_sectors(*fat).into())
            };
            partitions.extend(volumes.iter().map(esp));
            image.put(0, mbr::sector(Some(&program), nonce.disk_signature(), &partitions, true));
            image.put(512, &program[512..]);
        }
        let mut put = |block: u64, bytes: Vec<u8>| image.put(block * BLOCK, bytes);
        let tables = [path_table(&folders, Endian::Little), path_table(&folders, Endian::Big)];
        put(16, primary_descriptor(volume_size, tables[0].len() as u32));
        put(17, boot_record());
        put(18, descriptor(255));
        for (block, table) in [PATH_TABLE_LITTLE, PATH_TABLE_BIG].into_iter().zip(tables) {
            put(block.into(), table);
        }
        for folder in &folders {
            put(folder.block, folder.encode(folders[usize::from(folder.parent)].block));
        }
        put(CATALOGUE.into(), catalogue(&entries, self.whole));
        if let Some((block, bytes)) = program {
            put(block, bytes);
        }
        if let Some(block) = loose {
            put(block, application.clone());
        }
        for (block, fat, path) in volumes {
            let shape = fat::Shape::fixed(fat, volume_sectors(fat), 0, nonce.disk_signature());
            fat::put(&mut image, block * BLOCK, &shape, &[FileIn { path, bytes: &application }])?;
        }
        Ok(image)
    }
}

const DECOY_NAMES: [&str; DECOY_LIMIT as usize] = [
    "DECOY1.IMG;1",
    "DECOY2.IMG;1",
    "DECOY3.IMG;1",
    "DECOY4.IMG;1",
    "DECOY5.IMG;1",
    "DECOY6.IMG;1",
    "DECOY7.IMG;1",
    "DECOY8.IMG;1",
];

/// Size in 512-byte sectors of the smallest customary volume of a type.
fn volume_sectors(fat: FatType) -> u32 {
    match fat {
        FatType::Fat12 => 2880,
        FatType::Fat16 => 8192,
        FatType::Fat32 => 67_584,
    }
}

/// What stands in a folder.
struct Record {
    name: &'static str,
    block: u64,
    bytes: u64,
    is_folder: bool,
}

impl Record {
    fn file(name: &'static str, block: u64, bytes: u64) -> Self {
        Self { name, block, bytes, is_folder: false }
    }

    /// A folder of one block.
    fn folder(name: &'static str, block: u64) -> Self {
        Self { name, block, bytes: BLOCK, is_folder: true }
    }
}

/// What stands in the root so far, and the first block that is free.
struct Files {
    list: Vec<Record>,
    next: u64,
}

impl Files {
    /// Places a file of `bytes` in the root and returns its first block.
    fn add(&mut self, name: &'static str, bytes: u64) -> u64 {
        let block = self.reserve(bytes);
        self.list.push(Record::file(name, block, bytes));
        block
    }

    /// The first of the blocks for `bytes`.
    fn reserve(&mut self, bytes: u64) -> u64 {
        let block = self.next;
        self.next += bytes.div_ceil(BLOCK);
        block
    }
}

/// A folder of one block; `parent` counts folders from the root, which is its own.
struct Folder {
    name: &'static str,
    block: u64,
    parent: u16,
    records: Vec<Record>,
}

impl Folder {
    /// Itself, its parent, then what stands in it by name.
    fn encode(&self, parent: u64) -> Vec<u8> {
        let mut bytes = directory_record(&[0], self.block as u32, BLOCK as u32, true);
        bytes.extend(directory_record(&[1], parent as u32, BLOCK as u32, true));
        let mut records: Vec<&Record> = self.records.iter().collect();
        records.sort_by_key(|record| record.name);
        for record in records {
            let (block, length) = (record.block as u32, record.bytes as u32);
            bytes.extend(directory_record(record.name.as_bytes(), block, length, record.is_folder));
        }
        bytes
    }
}

struct Entry {
    platform: u8,
    block: u32,
    sectors: u16,
}

impl Entry {
    /// Bootable, no emulation, segment and system type left to the firmware.
    fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = 0x88;
        bytes[6..8].copy_from_slice(&self.sectors.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.block.to_le_bytes());
        bytes
    }
}

/// Validation entry, initial entry, then one section with all further entries, which are UEFI's.
fn catalogue(entries: &[Entry], valid: bool) -> Vec<u8> {
    let mut validation = [0_u8; 32];
    validation[0] = 1;
    validation[1] = entries.first().map_or(PLATFORM_BIOS, |entry| entry.platform);
    validation[4..14].copy_from_slice(b"BOOTWRIGHT");
    if valid {
        validation[30..].copy_from_slice(&[0x55, 0xaa]);
    }
    let words = validation.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    let sum = words.fold(0, u16::wrapping_add);
    validation[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());

    let mut bytes = validation.to_vec();
    for (index, entry) in entries.iter().enumerate() {
        if index == 1 {
            let mut header = [0_u8; 32];
            header[0] = 0x91; // the last section
            header[1] = entry.platform;
            header[2] = (entries.len() - 1) as u8;
            bytes.extend(header);
        }
        bytes.extend(entry.encode());
    }
    bytes
}

fn descriptor(kind: u8) -> Vec<u8> {
    let mut bytes = vec![0_u8; BLOCK as usize];
    bytes[0] = kind;
    bytes[1..6].copy_from_slice(b"CD001");
    bytes[6] = 1;
    bytes
}

fn boot_record() -> Vec<u8> {
    let mut bytes = descriptor(0);
    bytes[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
    bytes[71..75].copy_from_slice(&CATALOGUE.to_le_bytes());
    bytes
}

fn primary_descriptor(blocks: u32, path_table_bytes: u32) -> Vec<u8> {
    const DATE: &[u8; 16] = b"2020010100000000";
    const NO_DATE: &[u8; 16] = b"0000000000000000";
    let mut bytes = descriptor(1);
    bytes[8..72].fill(b' ');
    bytes[40..50].copy_from_slice(b"BOOTWRIGHT");
    bytes[80..88].copy_from_slice(&both_32(blocks));
    bytes[120..124].copy_from_slice(&both_16(1));
    bytes[124..128].copy_from_slice(&both_16(1));
    bytes[128..132].copy_from_slice(&both_16(BLOCK as u16));
    bytes[132..140].copy_from_slice(&both_32(path_table_bytes));
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Endian {
    Little,
    Big,
}

/// An entry for each folder, parents first (ECMA-119 section 9.4).
fn path_table(folders: &[Folder], endian: Endian) -> Vec<u8> {
    let mut bytes = Vec::new();
    for folder in folders {
        let name: &[u8] = if folder.name.is_empty() { &[0] } else { folder.name.as_bytes() };
        let (block, parent) = (folder.block as u32, folder.parent + 1);
        bytes.extend([name.len() as u8, 0]);
        match endian {
            Endian::Little => bytes.extend([&block.to_le_bytes()[..], &parent.to_le_bytes()].concat()),
            Endian::Big => bytes.extend([&block.to_be_bytes()[..], &parent.to_be_bytes()].concat()),
        }
        bytes.extend(name);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
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
