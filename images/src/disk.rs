//! Hard disks: boot sector, partition table, boot program, ESP.
//!
//! | sectors | MBR | GPT and hybrid |
//! |---|---|---|
//! | 0 | boot code, table | boot code, protective or hybrid table |
//! | 1.. | stage 2 | primary GPT, then stage 2 |
//! | 1 MiB.. | ESP | ESP |
//! | the last | | backup GPT |
//!
//! With 512-byte sectors the ESP ends on a cylinder boundary of 255 heads and 63 sectors: QEMU guesses a disk's geometry
//! from the last head of a partition, and so guesses that one.

use crate::application;
use crate::fat::{self, FileIn};
use crate::file;
use crate::payload::{self, Load};
use crate::{
    After, BadLoader, Boots, Content, FatType, Image, ImageError, MediumKind, MediumSpec, Nonce, PartitionTable, Reads,
    gpt, mbr,
};

const ESP_START_BYTES: u64 = 1 << 20;
const BLANK_SECTORS: u64 = 2048;

/// Where the program of [`Content::Distant`] is: no byte of the first is zero, and what is read by CHS is far within 256 cylinders of 16 heads.
const DISTANT_LBA: u64 = 0x0101_1171;
/// The same of more than the 28 bits that an ATA command had at first.
const DISTANT_LBA_48: u64 = 0x2101_1171;
const DISTANT_CHS: u16 = 61_001;

/// A path where firmware does not look.
pub(crate) const OTHER_PATH: &str = "EFI/OTHER/PAYLOAD.EFI";

pub(crate) fn build(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    let sector_bytes = if spec.kind == MediumKind::Disk4Kn { 4096 } else { 512 };
    let mut paths = vec![spec.efi.removable_media_path().to_owned()];
    let (boots, table, fat, after) = match spec.content {
        Content::Bootable { boots: Boots::UefiOnly, table: PartitionTable::Mbr, .. } => {
            return Err(ImageError::impossible(
                "an MBR disk for UEFI only",
                "without a boot signature UEFI finds no partition table, and with one a BIOS boots the sector",
                "use PartitionTable::Gpt",
            ));
        }
        Content::Bootable { boots, table, fat, after } => (boots, table, fat, after),
        Content::Installed { ref loader, fallback, table, fat, after } => {
            let own = file::path(loader)?;
            paths.retain(|removable| fallback && *removable != own);
            paths.push(own);
            (Boots::Both, table, fat, after)
        }
        Content::BadLoader(_) => (Boots::UefiOnly, PartitionTable::Gpt, FatType::Fat16, After::Exit),
        Content::Uninstalled { .. } if sector_bytes != 512 => {
            return Err(ImageError::impossible(
                "a disk to install with 4096-byte sectors",
                "the installer writes sectors of 512 bytes",
                "use MediumKind::Disk",
            ));
        }
        Content::Uninstalled { fat, after } => (Boots::Both, PartitionTable::Mbr, fat, after),
        Content::NoSignature => {
            paths = vec![OTHER_PATH.to_owned()];
            (Boots::Both, PartitionTable::Mbr, FatType::Fat16, After::Exit)
        }
        Content::Distant { .. } if sector_bytes != 512 => {
            return Err(ImageError::impossible(
                "a distant program on a disk of 4096-byte sectors",
                "it counts its sectors in 512 bytes",
                "use MediumKind::Disk",
            ));
        }
        Content::Distant { .. } => (Boots::BiosOnly, PartitionTable::Mbr, FatType::Fat16, After::Exit),
        Content::Blank | Content::VendorReboot => {
            let sectors = spec.size(spec.sectors.unwrap_or(BLANK_SECTORS), sector_bytes)?;
            return Ok(Image::zero(sectors * sector_bytes));
        }
        Content::BootMap { .. } => return Err(ImageError::of_boot_map()),
        Content::ElTorito { .. } | Content::Emulated { .. } => {
            return Err(ImageError::impossible(
                "an El Torito boot catalogue on a hard disk",
                "only ISO 9660 has one",
                "use MediumKind::Cdrom, Content::Isohybrid or Content::Bootable",
            ));
        }
        Content::Isohybrid { .. } | Content::Iso9660Loader { .. } => {
            return Err(ImageError::impossible(
                "an ISO 9660 volume on such a hard disk",
                "its sectors are not those of an optical drive, and only an isohybrid image is for a hard disk",
                "use MediumKind::Cdrom, or Content::Isohybrid with MediumKind::Disk",
            ));
        }
    };
    let unsigned = matches!(spec.content, Content::NoSignature | Content::Uninstalled { .. });
    let signed = !unsigned && boots != Boots::UefiOnly;
    let bad = match spec.content {
        Content::BadLoader(bad) => Some(bad),
        _ => None,
    };
    let distant = match spec.content {
        Content::Distant { reads } => Some(reads),
        _ => None,
    };
    Plan { boots, table, fat, after, sector_bytes, signed, paths, bad, distant }.build(spec, nonce)
}

struct Plan {
    boots: Boots,
    table: PartitionTable,
    fat: FatType,
    after: After,
    sector_bytes: u64,
    /// With the boot signature.
    signed: bool,
    /// Where the EFI application is.
    paths: Vec<String>,
    /// What is there in its place.
    bad: Option<BadLoader>,
    /// The BIOS program is long and lies far away.
    distant: Option<Reads>,
}

impl Plan {
    fn build(&self, spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
        let sector_bytes = self.sector_bytes;
        let esp_start = ESP_START_BYTES / sector_bytes;
        let esp_end = self.esp_end();
        let esp_count = esp_end - esp_start;
        let is_gpt = self.table != PartitionTable::Mbr;
        let (load, stage_2_at, length) = self.load(is_gpt);
        let needed = if is_gpt { esp_end + gpt::table_sectors(sector_bytes) } else { esp_end };
        let behind = if self.reads_by_lba() { payload::behind_distant() } else { Vec::new() };
        let needed = needed.max(stage_2_at + ((length + behind.len()) as u64).div_ceil(sector_bytes));
        let sectors = spec.size(needed * (sector_bytes / 512), sector_bytes)?;
        let mut image = Image::zero(sectors * sector_bytes);

        let program = match self.boots {
            Boots::UefiOnly => None,
            Boots::Both | Boots::BiosOnly => Some(payload::bios_program(&spec.name, nonce, self.after, load, length)?),
        };
        let entries = self.entries(sectors, esp_start, esp_count);
        image.put(0, mbr::sector(program.as_deref(), nonce.disk_signature(), &entries, self.signed));
        if let Some(program) = &program {
            image.put(stage_2_at * sector_bytes, &program[512..]);
            if !behind.is_empty() {
                image.put(stage_2_at * sector_bytes + program.len() as u64 - 512, behind);
            }
        }
        let has_esp = self.boots != Boots::BiosOnly;
        if is_gpt {
            let (kind, label) = if has_esp { (gpt::TYPE_ESP, "ESP") } else { (gpt::TYPE_LINUX, "data") };
            let spoilt = self.table == PartitionTable::GptBackup;
            let partition = gpt::Partition { kind, start: esp_start, count: esp_count, label, spoilt };
            gpt::put(&mut image, sector_bytes, sectors, nonce, &partition);
        }
        if has_esp {
            let application = match self.bad {
                Some(bad) => payload::bad_loader(bad, spec.efi, &spec.name, nonce)?,
                None => application::of(spec, nonce, self.after)?,
            };
            let shape = fat::Shape {
                sector_bytes: sector_bytes as u16,
                ..fat::Shape::fixed(self.fat, esp_count as u32, esp_start as u32, nonce.disk_signature())
            };
            let files: Vec<FileIn> = self.paths.iter().map(|path| FileIn { path, bytes: &application }).collect();
            fat::put(&mut image, ESP_START_BYTES, &shape, &files)?;
        }
        Ok(image)
    }

    fn reads_by_lba(&self) -> bool {
        matches!(self.distant, Some(Reads::Lba | Reads::Lba48))
    }

    /// How sector 0 reads stage 2, where that lies in the disk's own sectors, and the least length of the program in bytes.
    fn load(&self, is_gpt: bool) -> (Load, u64, usize) {
        let near = if is_gpt { gpt::first_free(self.sector_bytes) } else { 1 };
        let by_lba = |lba| (Load::Sectors { lba, sector_bytes: 512 }, lba, payload::DISTANT_BYTES);
        match self.distant {
            None => (Load::Sectors { lba: near, sector_bytes: self.sector_bytes as u16 }, near, 0),
            Some(Reads::Lba) => by_lba(DISTANT_LBA),
            Some(Reads::Lba48) => by_lba(DISTANT_LBA_48),
            Some(Reads::Unaligned) => {
                let lba = DISTANT_CHS.into();
                (Load::Unaligned { lba }, lba, payload::DISTANT_BYTES)
            }
            Some(Reads::Chs) => (Load::Chs { lba: DISTANT_CHS }, DISTANT_CHS.into(), payload::DISTANT_BYTES),
        }
    }

    /// The first sector after an ESP with room for its FAT type's cluster count, in the disk's own sectors.
    fn esp_end(&self) -> u64 {
        const MIB_IN_4096: u64 = 256;
        match (self.sector_bytes, self.fat) {
            (512, FatType::Fat12 | FatType::Fat16) => mbr::CYLINDER,
            (512, FatType::Fat32) => 5 * mbr::CYLINDER,
            (_, FatType::Fat12) => 9 * MIB_IN_4096,
            (_, FatType::Fat16) => 25 * MIB_IN_4096,
            (_, FatType::Fat32) => 273 * MIB_IN_4096,
        }
    }

    fn entries(&self, sectors: u64, esp_start: u64, esp_count: u64) -> Vec<mbr::Partition> {
        let kind = if self.boots == Boots::BiosOnly { mbr::TYPE_LINUX } else { mbr::TYPE_ESP };
        let active = self.table == PartitionTable::Mbr;
        let partition = mbr::Partition { active, kind, start: esp_start, count: esp_count };
        let protective = |count| mbr::Partition { active: false, kind: mbr::TYPE_PROTECTIVE, start: 1, count };
        match self.table {
            PartitionTable::Mbr => vec![partition],
            PartitionTable::Gpt | PartitionTable::GptBackup => vec![protective(sectors - 1)],
            PartitionTable::Hybrid => vec![protective(esp_start - 1), partition],
        }
    }
}
