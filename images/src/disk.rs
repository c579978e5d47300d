//! Hard disks: boot sector, partition table, boot program, ESP.
//!
//! | sectors | MBR | GPT and hybrid |
//! |---|---|---|
//! | 0 | boot code, table | boot code, protective or hybrid table |
//! | 1.. | stage 2 | primary GPT (1..34), then stage 2 |
//! | 2048.. | ESP | ESP |
//! | the last 33 | | backup GPT |
//!
//! The ESP ends on a cylinder boundary of 255 heads and 63 sectors: QEMU guesses a disk's geometry from the last head
//! of a partition, and so guesses that one.

use crate::fat::{self, FileIn};
use crate::payload::{self, Load};
use crate::{After, Boots, Content, FatType, Image, ImageError, MediumSpec, Nonce, PartitionTable, gpt, mbr};

const SECTOR: u64 = 512;
const ESP_START: u64 = 2048;
const BLANK_SECTORS: u64 = 2048;

/// Where UEFI looks on a medium without a boot option of its own (UEFI 2.10 section 3.5.1.1).
pub(crate) const REMOVABLE_MEDIA_PATH: &str = "EFI/BOOT/BOOTX64.EFI";
/// A path where firmware does not look.
pub(crate) const OTHER_PATH: &str = "EFI/OTHER/PAYLOAD.EFI";

pub(crate) fn build(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    match spec.content {
        Content::Bootable { boots: Boots::UefiOnly, table: PartitionTable::Mbr, .. } => Err(ImageError::impossible(
            "an MBR disk for UEFI only",
            "without a boot signature UEFI finds no partition table, and with one a BIOS boots the sector",
            "use PartitionTable::Gpt",
        )),
        Content::Bootable { boots, table, fat, after } => {
            Plan { boots, table, fat, after, signed: boots != Boots::UefiOnly, path: REMOVABLE_MEDIA_PATH }
                .build(spec, nonce)
        }
        Content::NoSignature => Plan {
            boots: Boots::Both,
            table: PartitionTable::Mbr,
            fat: FatType::Fat16,
            after: After::Exit,
            signed: false,
            path: OTHER_PATH,
        }
        .build(spec, nonce),
        Content::Blank | Content::VendorReboot => {
            Ok(Image::zero(spec.size(spec.sectors.unwrap_or(BLANK_SECTORS))? * SECTOR))
        }
    }
}

struct Plan {
    boots: Boots,
    table: PartitionTable,
    fat: FatType,
    after: After,
    signed: bool,
    path: &'static str,
}

impl Plan {
    fn build(&self, spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
        let esp_end = match self.fat {
            FatType::Fat12 | FatType::Fat16 => mbr::CYLINDER,
            FatType::Fat32 => 5 * mbr::CYLINDER,
        };
        let esp_count = esp_end - ESP_START;
        let is_gpt = self.table != PartitionTable::Mbr;
        let sectors = spec.size(if is_gpt { esp_end + gpt::TABLE_SECTORS } else { esp_end })?;
        let mut image = Image::zero(sectors * SECTOR);

        let stage_2_at = if is_gpt { gpt::FIRST_FREE } else { 1 };
        let program = match self.boots {
            Boots::UefiOnly => None,
            Boots::Both | Boots::BiosOnly => {
                Some(payload::bios_program(&spec.name, nonce, self.after, Load::Sectors(stage_2_at))?)
            }
        };
        let has_esp = self.boots != Boots::BiosOnly;
        image.put(
            0,
            mbr::sector(program.as_deref(), disk_signature(nonce), &self.entries(sectors, esp_count), self.signed),
        );
        if let Some(program) = &program {
            image.put(stage_2_at * SECTOR, &program[512..]);
        }
        if is_gpt {
            let (kind, label) = if has_esp { (gpt::TYPE_ESP, "ESP") } else { (gpt::TYPE_LINUX, "data") };
            gpt::put(&mut image, sectors, nonce, &gpt::Partition { kind, start: ESP_START, count: esp_count, label })?;
        }
        if has_esp {
            let application = payload::efi_application(&spec.name, nonce, self.after)?;
            let shape = fat::Shape::fixed(self.fat, esp_count as u32, ESP_START as u32, disk_signature(nonce));
            fat::put(&mut image, ESP_START * SECTOR, &shape, &[FileIn { path: self.path, bytes: &application }])?;
        }
        Ok(image)
    }

    fn entries(&self, sectors: u64, esp_count: u64) -> Vec<mbr::Partition> {
        let kind = if self.boots == Boots::BiosOnly { mbr::TYPE_LINUX } else { mbr::TYPE_ESP };
        let partition =
            mbr::Partition { active: self.table == PartitionTable::Mbr, kind, start: ESP_START, count: esp_count };
        let protective = |count| mbr::Partition { active: false, kind: mbr::TYPE_PROTECTIVE, start: 1, count };
        match self.table {
            PartitionTable::Mbr => vec![partition],
            PartitionTable::Gpt => vec![protective(sectors - 1)],
            PartitionTable::Hybrid => vec![protective(ESP_START - 1), partition],
        }
    }
}

/// The MBR's disk signature and the FAT volumes' serial number: the nonce's first four bytes, little-endian.
pub(crate) fn disk_signature(nonce: Nonce) -> u32 {
    let [a, b, c, d, ..] = nonce.0;
    u32::from_le_bytes([a, b, c, d])
}
