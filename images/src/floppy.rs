//! 1.44 MB floppies: a boot program, and for UEFI a FAT12 volume without partitions whose reserved sectors hold it.

use crate::application;
use crate::disk::OTHER_PATH;
use crate::fat::{self, FileIn, Shape};
use crate::payload::{self, Load};
use crate::{After, Boots, Content, FatType, Image, ImageError, MediumSpec, Nonce};

const SECTORS: u32 = 2880;
/// Where the program of [`Content::Distant`] is: cylinder 27, head 1.
const DISTANT: u16 = 1001;

pub(crate) fn build(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    let mut image = Image::zero(u64::from(SECTORS) * 512);
    let (after, signed, path) = match spec.content {
        Content::Blank | Content::VendorReboot => return Ok(image),
        Content::Bootable { boots: Boots::UefiOnly, .. } => {
            return Err(ImageError::impossible(
                "a floppy for UEFI only",
                "no UEFI firmware here has a floppy driver",
                "use MediumKind::Disk",
            ));
        }
        Content::BootMap { .. } => return Err(ImageError::of_boot_map()),
        Content::ElTorito { .. }
        | Content::Emulated { .. }
        | Content::Isohybrid { .. }
        | Content::Iso9660Loader { .. } => {
            return Err(ImageError::impossible(
                "an ISO 9660 image on a floppy",
                "it is for an optical drive, or as an isohybrid image for a hard disk",
                "use MediumKind::Cdrom, or Content::Bootable",
            ));
        }
        Content::Installed { .. } | Content::BadLoader(_) | Content::Uninstalled { .. } => {
            return Err(ImageError::impossible(
                "an installed system or a bad loader on a floppy",
                "it has its loader on an EFI system partition",
                "use MediumKind::Disk",
            ));
        }
        Content::Distant { .. } => return distant(spec, nonce),
        Content::Bootable { boots, after, .. } => {
            (after, true, (boots == Boots::Both).then_some(spec.efi.removable_media_path()))
        }
        Content::NoSignature => (After::Exit, false, Some(OTHER_PATH)),
    };
    let mut program = payload::bios_program(&spec.name, nonce, after, Load::Sectors { lba: 1, sector_bytes: 512 }, 0)?;
    if signed {
        program[510..512].copy_from_slice(&[0x55, 0xaa]);
    }
    let Some(path) = path else {
        image.put(0, program);
        return Ok(image);
    };
    let application = application::of(spec, nonce, after)?;
    let shape = Shape {
        fat: FatType::Fat12,
        sectors: SECTORS,
        sector_bytes: 512,
        hidden: 0,
        extra_reserved: payload::stage_2_sectors() as u16,
        media: 0xf0,
        sectors_per_track: 18,
        heads: 2,
        root_entries: 224,
        serial: nonce.disk_signature(),
    };
    fat::put(&mut image, 0, &shape, &[FileIn { path, bytes: &application }])?;
    image.merge_boot_program(&program);
    Ok(image)
}

/// A program that lies on the other side of a track in the middle.
fn distant(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    let mut image = Image::zero(u64::from(SECTORS) * 512);
    let load = Load::Chs { lba: DISTANT };
    let mut program = payload::bios_program(&spec.name, nonce, After::Exit, load, payload::DISTANT_BYTES)?;
    program[510..512].copy_from_slice(&[0x55, 0xaa]);
    image.put(u64::from(DISTANT) * 512, &program[512..]);
    program.truncate(512);
    image.put(0, program);
    Ok(image)
}
