//! ISO 9660 with El Torito boot entries (ECMA-119; El Torito 1.0; UEFI 2.10 section 13.3.2).
//!
//! Blocks of 2048 bytes: 16 primary volume descriptor, 17 boot record, 18 terminator, 19 and 20 path tables, 21 root
//! directory, 22 boot catalogue, then the BIOS program and the FAT image with the EFI application, or that application in the
//! folders of the volume. An isohybrid image has an MBR and its program in blocks 0 to 15, which ISO 9660 leaves to the system.

use std::borrow::Cow;

use crate::application;
use crate::disk::OTHER_PATH;
use crate::emulated_drive;
use crate::fat::{self, FileIn};
use crate::payload::{self, Load};
use crate::{After, Boots, Content, Emulation, FatType, Image, ImageError, MediumSpec, Nonce, mbr};

const BLOCK: u64 = 2048;
const PATH_TABLE_LITTLE: u32 = 19;
const PATH_TABLE_BIG: u32 = 20;
const ROOT: u32 = 21;
const CATALOGUE: u32 = 22;
const FIRST_FILE: u64 = Emulation::BLOCK as u64;
/// Where the program of an isohybrid image's MBR goes on.
const AFTER_MBR: Load = Load::Sectors { lba: 1, sector_bytes: 512 };
const BLANK_SECTORS: u64 = 2048;
/// What BIOSes expect whatever the program's length: four 512-byte sectors.
const LOAD_SECTORS: u16 = 4;
const PLATFORM_BIOS: u8 = 0;
const PLATFORM_UEFI: u8 = 0xef;

/// The most that the BIOS program can be, and what firmware can be told to load: 32 KiB.
const LOAD_LIMIT: u16 = 64;

/// Blocks behind the last file: drives and libburn read more than they are asked for, and fail at a medium's end.
const READ_AHEAD: u64 = 16;

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
        Content::Emulated { emulation } => return emulated(spec, nonce, emulation),
        Content::Installed { .. } | Content::BadLoader(_) | Content::Uninstalled { .. } => {
            return Err(ImageError::impossible(
                "an installed system, one to install or a bad loader on an optical medium",
                "it has its loader on an EFI system partition",
                "use MediumKind::Disk",
            ));
        }
        Content::BootMap { .. } => return Err(ImageError::of_boot_map()),
        Content::Distant { .. } => {
            return Err(ImageError::impossible(
                "a distant program on an optical medium",
                "firmware itself loads what the boot catalogue names",
                "use MediumKind::Disk, or Content::ElTorito with load_sectors",
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
            entries.push(Entry::plain(PLATFORM_BIOS, block, self.load_sectors));
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
            entries.push(Entry::plain(PLATFORM_UEFI, *block, sectors));
        }

        let mut folders = vec![Folder { name: "".into(), block: ROOT.into(), parent: 0, records: Vec::new() }];
        let mut loose = None;
        if self.has_loose_loader {
            let loader = files.reserve(application.len() as u64);
            let [efi, boot] = [files.reserve(BLOCK), files.reserve(BLOCK)];
            files.list.push(Record::folder("EFI", efi));
            let records = vec![Record::file(spec.efi.loader_record(), loader, application.len() as u64)];
            folders.push(Folder {
                name: "EFI".into(),
                block: efi,
                parent: 0,
                records: vec![Record::folder("BOOT", boot)],
            });
            folders.push(Folder { name: "BOOT".into(), block: boot, parent: 1, records });
            loose = Some(loader);
        }
        let hybrid = match self.is_hybrid {
            true => Some(payload::bios_program(&spec.name, nonce, self.after, AFTER_MBR, 0)?),
            false => None,
        };

        let blocks = spec.size((files.next + READ_AHEAD) * (BLOCK / 512), BLOCK)?;
        let volume_size = volume_size(blocks)?;
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
        put_volume(&mut image, volume_size, &folders, catalogue(&entries, self.whole));
        let mut put = |block: u64, bytes: Vec<u8>| image.put(block * BLOCK, bytes);
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

fn volume_size(blocks: u64) -> Result<u32, ImageError> {
    let what = "ISO 9660 volume size in 2048-byte blocks";
    u32::try_from(blocks).map_err(|_| ImageError::TooLarge { what, value: blocks, limit: u32::MAX.into() })
}

/// A volume with one entry, for BIOS, whose image is emulated.
fn emulated(spec: &MediumSpec, nonce: Nonce, emulation: Emulation) -> Result<Image, ImageError> {
    let mut files = Files { list: vec![Record::file("BOOT.CAT;1", CATALOGUE.into(), BLOCK)], next: FIRST_FILE };
    let block = files.add("DRIVE.IMG;1", emulated_drive::sectors(emulation) * 512);
    let entry = Entry { emulation: Some(emulation), ..Entry::plain(PLATFORM_BIOS, block, LOAD_SECTORS) };
    let blocks = spec.size((files.next + READ_AHEAD) * (BLOCK / 512), BLOCK)?;
    let mut image = Image::zero(blocks * BLOCK);
    let root = Folder { name: "".into(), block: ROOT.into(), parent: 0, records: files.list };
    put_volume(&mut image, volume_size(blocks)?, &[root], catalogue(&[entry], true));
    emulated_drive::put(&mut image, block * BLOCK, emulation, &spec.name, nonce)?;
    Ok(image)
}

/// Descriptors, path tables, folders and boot catalogue of a volume.
fn put_volume(image: &mut Image, volume_size: u32, folders: &[Folder], catalogue: Vec<u8>) {
    let mut put = |block: u64, bytes: Vec<u8>| image.put(block * BLOCK, bytes);
    let tables = [path_table(folders, Endian::Little), path_table(folders, Endian::Big)];
    put(16, primary_descriptor(volume_size, tables[0].len() as u32));
    put(17, boot_record());
    put(18, descriptor(255));
    for (block, table) in [PATH_TABLE_LITTLE, PATH_TABLE_BIG].into_iter().zip(tables) {
        put(block.into(), table);
    }
    for folder in folders {
        put(folder.block, folder.encode(folders[usize::from(folder.parent)].block));
    }
    put(CATALOGUE.into(), catalogue);
}

/// What a volume of files has for firmware.
#[derive(Default)]
pub(crate) struct BootEntries<'a> {
    /// A BIOS program, no emulation, four sectors of it loaded; it is given its boot information table.
    pub(crate) bios: Option<&'a [u8]>,
    /// A FAT volume for UEFI.
    pub(crate) uefi: Option<&'a [u8]>,
    /// An image for z/Architecture, loaded to address 0; it begins with a PSW.
    pub(crate) ipl: Option<&'a [u8]>,
    /// The boot catalogue lacks its key bytes, without which firmware takes it for none.
    pub(crate) unkeyed: bool,
    /// Code of an MBR that reads the BIOS program from a hard disk, as Syslinux' isohdpfx.bin does.
    pub(crate) mbr: Option<&'a [u8]>,
}

/// A volume of files, whose paths have `/` between names of up to 30 characters in upper case.
///
/// # Errors
///
/// [`ImageError::TooLarge`] for a folder with more in it than fits into one block, or a volume too long.
pub(crate) fn of_files(list: &[(String, &[u8])], boot: &BootEntries<'_>, nonce: Nonce) -> Result<Image, ImageError> {
    let mut files = Files { list: vec![Record::file("BOOT.CAT;1", CATALOGUE.into(), BLOCK)], next: FIRST_FILE };
    let mut entries = Vec::new();
    let mut parts: Vec<(u64, Cow<'_, [u8]>)> = Vec::new();
    let mut hybrid = None;
    if let Some(program) = boot.bios {
        let block = files.add("BIOS.BIN;1", program.len() as u64);
        entries.push(Entry::plain(PLATFORM_BIOS, block, LOAD_SECTORS));
        parts.push((block, with_boot_information(program, block as u32).into()));
        hybrid = boot.mbr.map(|code| (code, block));
    }
    if let Some(program) = boot.ipl {
        let block = files.add("IPL.IMG;1", program.len() as u64);
        // whole blocks: firmware counts them in sectors of 512 bytes
        let sectors = (program.len() as u64).div_ceil(BLOCK) as u16 * 4;
        entries.push(Entry::plain(PLATFORM_BIOS, block, sectors));
        parts.push((block, program.into()));
    }
    if let Some(volume) = boot.uefi {
        let block = files.add("EFI.IMG;1", volume.len() as u64);
        // a count that does not fit is written as 0, which firmware takes as "to the end of the medium"
        let sectors = u16::try_from(volume.len() / 512).unwrap_or(0);
        entries.push(Entry::plain(PLATFORM_UEFI, block, sectors));
        parts.push((block, volume.into()));
    }
    let mut folders = vec![Folder { name: "".into(), block: ROOT.into(), parent: 0, records: Vec::new() }];
    for (path, bytes) in list {
        let mut names: Vec<&str> = path.split('/').collect();
        let name = names.pop().unwrap_or_default();
        let within = names.into_iter().fold(0, |parent, name| folder_in(&mut folders, &mut files, parent, name));
        let block = files.reserve(bytes.len() as u64);
        let dot = if name.contains('.') { "" } else { "." };
        folders[within].records.push(Record::file(format!("{name}{dot};1"), block, bytes.len() as u64));
        parts.push((block, (*bytes).into()));
    }
    folders[0].records.append(&mut files.list);
    // parents come first in a path table, and those of one level by their parents
    let order = by_level(&folders);
    let folders = in_order(folders, &order);
    // an optical drive may read on past a file's end
    let blocks = files.next + READ_AHEAD;
    let mut image = Image::zero(blocks * BLOCK);
    if let Some((code, block)) = hybrid {
        let volume = mbr::Partition { active: true, kind: mbr::TYPE_HIDDEN, start: 0, count: blocks * (BLOCK / 512) };
        let mut sector = mbr::sector(None, nonce.disk_signature(), &[volume], true);
        let length = code.len().min(HYBRID_PROGRAM_AT);
        sector[..length].copy_from_slice(&code[..length]);
        sector[HYBRID_PROGRAM_AT..HYBRID_PROGRAM_AT + 8].copy_from_slice(&(block * (BLOCK / 512)).to_le_bytes());
        image.put(0, sector);
    }
    for folder in &folders {
        let length = folder.encode(ROOT.into()).len() as u64;
        if length > BLOCK {
            let what = "length in bytes of a folder of an ISO 9660 volume";
            return Err(ImageError::TooLarge { what, value: length, limit: BLOCK });
        }
    }
    put_volume(&mut image, volume_size(blocks)?, &folders, catalogue(&entries, !boot.unkeyed));
    for (block, bytes) in parts {
        image.put(block * BLOCK, bytes);
    }
    Ok(image)
}

/// The folder of this name in another one, made where it is not there.
fn folder_in(folders: &mut Vec<Folder>, files: &mut Files, parent: usize, name: &str) -> usize {
    if let Some(known) =
        (1..folders.len()).find(|&index| usize::from(folders[index].parent) == parent && folders[index].name == name)
    {
        return known;
    }
    let block = files.reserve(BLOCK);
    folders[parent].records.push(Record::folder(name.to_owned(), block));
    folders.push(Folder { name: name.to_owned().into(), block, parent: parent as u16, records: Vec::new() });
    folders.len() - 1
}

/// The places of folders in the order of ECMA-119 section 6.9.1: by level, then by parent, then by name.
fn by_level(folders: &[Folder]) -> Vec<usize> {
    let mut order = vec![0];
    let mut at = 0;
    while at < order.len() {
        let parent = order[at];
        let mut children: Vec<usize> =
            (1..folders.len()).filter(|&index| usize::from(folders[index].parent) == parent).collect();
        children.sort_by(|&a, &b| folders[a].name.cmp(&folders[b].name));
        order.extend(children);
        at += 1;
    }
    order
}

fn in_order(folders: Vec<Folder>, order: &[usize]) -> Vec<Folder> {
    let place = |old: u16| order.iter().position(|&index| index == usize::from(old)).unwrap_or_default() as u16;
    let mut folders: Vec<Option<Folder>> = folders.into_iter().map(Some).collect();
    let moved = order.iter().filter_map(|&index| folders[index].take());
    moved.map(|folder| Folder { parent: place(folder.parent), ..folder }).collect()
}

/// Where Syslinux' MBR code for isohybrid images finds the number of its program's first sector of 512 bytes, 64 bits.
const HYBRID_PROGRAM_AT: usize = 432;

/// A BIOS program with its boot information table at byte 8, little-endian words: the primary descriptor's block, the program's
/// own, its length in bytes, the sum of its words from byte 64 on (`-boot-info-table` of genisoimage and xorriso).
fn with_boot_information(program: &[u8], block: u32) -> Vec<u8> {
    const TABLE: std::ops::Range<usize> = 8..24;
    const SUMMED_FROM: usize = 64;
    let mut program = program.to_vec();
    let length = program.len() as u32;
    program.resize(program.len().next_multiple_of(4).max(SUMMED_FROM), 0);
    let words =
        program[SUMMED_FROM..].chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let sum = words.fold(0, u32::wrapping_add);
    let table: Vec<u8> = [16, block, length, sum].into_iter().flat_map(u32::to_le_bytes).collect();
    program[TABLE].copy_from_slice(&table);
    program
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
    name: Cow<'static, str>,
    block: u64,
    bytes: u64,
    is_folder: bool,
}

impl Record {
    fn file(name: impl Into<Cow<'static, str>>, block: u64, bytes: u64) -> Self {
        Self { name: name.into(), block, bytes, is_folder: false }
    }

    /// A folder of one block.
    fn folder(name: impl Into<Cow<'static, str>>, block: u64) -> Self {
        Self { name: name.into(), block, bytes: BLOCK, is_folder: true }
    }
}

/// What stands in the root so far, and the first block that is free.
struct Files {
    list: Vec<Record>,
    next: u64,
}

impl Files {
    /// Places a file of `bytes` in the root and returns its first block.
    fn add(&mut self, name: impl Into<Cow<'static, str>>, bytes: u64) -> u64 {
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
    name: Cow<'static, str>,
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
        records.sort_by(|a, b| a.name.cmp(&b.name));
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
    emulation: Option<Emulation>,
}

impl Entry {
    /// Without emulation.
    fn plain(platform: u8, block: u64, sectors: u16) -> Self {
        Self { platform, block: block as u32, sectors, emulation: None }
    }

    /// Bootable, the segment left to the firmware.
    fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = 0x88;
        bytes[1] = self.emulation.map_or(0, Emulation::media_type);
        bytes[4] = self.emulation.map_or(0, emulated_drive::system_type);
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
