//! Media whose boot programs, kernels and configurations somebody else made: files in a file system, and what a BIOS starts them by.

use crate::fat::{self, FileIn};
use crate::iso::{self, BootEntries};
use crate::{FatType, Image, ImageError, MediumKind, Nonce, mbr, spec};

/// A file of such a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFile {
    /// Its path, `/` between names, none before the first.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// What a BIOS starts of such a medium.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootCode {
    /// A boot sector, whose partition entries are made, and what lies in the sectors behind it, up to the first partition at 1 MiB:
    /// GRUB's boot.img and core.img.
    Sectors {
        /// 512 bytes.
        first: Vec<u8>,
        /// As much as there is room for.
        following: Vec<u8>,
    },
    /// A program of an El Torito entry without emulation, of which four sectors are loaded and which reads the rest by its boot
    /// information table: isolinux.bin, GRUB's cdboot.img and core.img.
    ElTorito(Vec<u8>),
    /// The same, and a hard disk's boot sector that starts it: isohdpfx.bin, 432 bytes.
    Isohybrid {
        /// Code of the boot sector.
        first: Vec<u8>,
        /// Program of the El Torito entry.
        program: Vec<u8>,
    },
}

/// Where the partition of a hard disk starts, in sectors of 512 bytes.
const PARTITION_START: u64 = 2048;

/// A medium of these files.
///
/// A hard disk has them in one FAT16 partition, an EFI system partition. An ISO image has them by names in upper case; where one of
/// them is below `EFI/BOOT`, it has an El Torito entry for UEFI too, which is a FAT volume of all of them.
///
/// # Errors
///
/// [`ImageError`] for a name that cannot be, boot code that is not for this kind, or files that do not fit.
pub fn build(
    kind: MediumKind,
    files: &[SystemFile],
    boot_code: Option<&BootCode>,
    sectors: u64,
    nonce: Nonce,
) -> Result<Image, ImageError> {
    check(files)?;
    match (kind, boot_code) {
        (MediumKind::Disk, None | Some(BootCode::Sectors { .. })) => disk(files, boot_code, sectors, nonce),
        (MediumKind::Disk, Some(BootCode::Isohybrid { .. }))
        | (MediumKind::Cdrom, None | Some(BootCode::ElTorito(_) | BootCode::Isohybrid { .. })) => {
            optical(files, boot_code, nonce)
        }
        _ => Err(ImageError::impossible(
            format!("a system's files on {kind:?} with such boot code"),
            "boot sectors are for hard disks, El Torito programs for optical media",
            "use MediumKind::Disk or MediumKind::Cdrom with its own",
        )),
    }
}

/// Holds the paths against what a FAT volume and an ISO image can have.
///
/// # Errors
///
/// [`ImageError::Impossible`] with the first path that cannot be.
pub fn check(files: &[SystemFile]) -> Result<(), ImageError> {
    let is_name = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !name.is_empty() && name.len() <= spec::FILE_NAME_LIMIT && name.bytes().all(letter) && !name.starts_with('.')
    };
    let wrong = files.iter().find(|file| !file.path.split('/').all(is_name));
    let twice = files
        .iter()
        .enumerate()
        .find(|(index, file)| files[..*index].iter().any(|other| other.path.eq_ignore_ascii_case(&file.path)));
    match (wrong, twice) {
        (Some(file), _) => Err(ImageError::impossible(
            format!("a file at {:?}", file.path),
            "it is no path",
            "use names of letters, digits, \"-\", \"_\" and \".\" with \"/\" between",
        )),
        (None, Some((_, file))) => Err(ImageError::impossible(
            format!("two files at {:?}", file.path),
            "case makes no difference on such a volume",
            "give each its own path",
        )),
        (None, None) => Ok(()),
    }
}

fn disk(files: &[SystemFile], code: Option<&BootCode>, sectors: u64, nonce: Nonce) -> Result<Image, ImageError> {
    let count = sectors.saturating_sub(PARTITION_START);
    let volume_sectors = u32::try_from(count).map_err(|_| ImageError::TooLarge {
        what: "size of a system's disk in 512-byte sectors",
        value: sectors,
        limit: u32::MAX.into(),
    })?;
    let mut image = Image::zero(sectors * 512);
    let partition = mbr::Partition { active: true, kind: mbr::TYPE_ESP, start: PARTITION_START, count };
    let mut first = mbr::sector(None, nonce.disk_signature(), &[partition], true);
    if let Some(BootCode::Sectors { first: code, following }) = code {
        let limit = (PARTITION_START - 1) * 512;
        if following.len() as u64 > limit {
            let what = "bytes of boot code behind the boot sector";
            return Err(ImageError::TooLarge { what, value: following.len() as u64, limit });
        }
        // up to the disk's signature: what follows is the partition table's
        let length = code.len().min(440);
        first[..length].copy_from_slice(&code[..length]);
        image.put(512, following.clone());
    }
    image.put(0, first);
    let shape = fat::Shape::fixed(FatType::Fat16, volume_sectors, PARTITION_START as u32, nonce.disk_signature());
    fat::put(&mut image, PARTITION_START * 512, &shape, &listed(files))?;
    Ok(image)
}

fn optical(files: &[SystemFile], code: Option<&BootCode>, nonce: Nonce) -> Result<Image, ImageError> {
    let (program, mbr) = match code {
        Some(BootCode::ElTorito(program)) => (Some(program), None),
        Some(BootCode::Isohybrid { first, program }) => (Some(program), Some(first)),
        _ => (None, None),
    };
    let is_efi = |file: &SystemFile| file.path.to_ascii_uppercase().starts_with("EFI/BOOT/");
    let volume = if files.iter().any(is_efi) { Some(volume(files, nonce)?) } else { None };
    let names: Vec<(String, &[u8])> =
        files.iter().map(|file| (file.path.to_ascii_uppercase(), &file.bytes[..])).collect();
    let entries = BootEntries {
        bios: program.map(Vec::as_slice),
        uefi: volume.as_deref(),
        mbr: mbr.map(Vec::as_slice),
        ..BootEntries::default()
    };
    iso::of_files(&names, &entries, nonce)
}

/// A FAT16 volume of all files.
fn volume(files: &[SystemFile], nonce: Nonce) -> Result<Vec<u8>, ImageError> {
    const SMALLEST: usize = 16_384;
    let content: usize = files.iter().map(|file| file.bytes.len().div_ceil(512)).sum();
    // clusters are up to 16 KiB: half a cluster is lost with each file, and the tables take their part
    let sectors = (content + content / 32 + files.len() * 32 + SMALLEST).next_multiple_of(4);
    let mut image = Image::zero(sectors as u64 * 512);
    let shape = fat::Shape::fixed(FatType::Fat16, sectors as u32, 0, nonce.disk_signature());
    fat::put(&mut image, 0, &shape, &listed(files))?;
    image.to_bytes()
}

fn listed(files: &[SystemFile]) -> Vec<FileIn<'_>> {
    files.iter().map(|file| FileIn { path: &file.path, bytes: &file.bytes }).collect()
}
