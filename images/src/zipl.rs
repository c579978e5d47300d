//! Media for z/Architecture: the boot record, program table and component table that `zipl` writes to a SCSI disk, and ISO images.
//!
//! | block | what | |
//! |---|---|---|
//! | 0 | boot record | `zIPL`, version 1, where the program table is |
//! | 1 | program table | `zIPL`, where each program's component table is; the first is the one that is loaded |
//! | 2 | component table | `zIPL`, what is loaded to which address, and the PSW that enters it |
//! | 3 | blocks of the one component | where they are and how many |
//! | 4 | a text | where each entry of the program table leads that is not the program's |
//! | 8.. | the program | |
//!
//! Numbers are big-endian, blocks have 512 bytes (`ScsiMbr`, `BootMapTable`, `ComponentHeader` and `ComponentEntry` in QEMU's
//! `pc-bios/s390-ccw/bootmap.h`; `ipl_scsi` and `zipl_run` in its `bootmap.c`).
//!
//! An ISO image has one El Torito entry, for an image that is loaded to address 0: the PSW, the bytes by which the firmware knows a kernel
//! for this machine (`is_iso_bc_entry_compatible` there), and the program.

use crate::ipl::{MAGIC, NO_PROGRAM};
use crate::iso::{self, BootEntries};
use crate::{After, BadLoader, BootMapLayout, Content, Image, ImageError, MediumKind, MediumSpec, Nonce, eckd, ipl};

const BLOCK_BYTES: u64 = 512;

/// Where each part is, in blocks.
const PROGRAM_TABLE: u64 = 1;
const COMPONENTS: u64 = 2;
const SEGMENTS: u64 = 3;
const OTHERS: u64 = 4;
const PROGRAM: u64 = 8;

/// Entries of a boot map, at most (`MAX_BOOT_ENTRIES` in `pc-bios/s390-ccw/s390-ccw.h`).
const MOST_ENTRIES: u8 = 31;

/// How a kernel for z/Architecture begins, behind a PSW: two channel command words and blanks in EBCDIC.
const KERNEL_BEGINS: [u8; 24] = [
    0x02, 0x00, 0x00, 0x18, 0x60, 0x00, 0x00, 0x50, 0x02, 0x00, 0x00, 0x68, 0x60, 0x00, 0x00, 0x50, 0x40, 0x40, 0x40,
    0x40, 0x40, 0x40, 0x40, 0x40,
];

/// The smallest disk, in blocks.
const LEAST_BLOCKS: u64 = 2048;

/// Types of an entry of the component table.
const EXECUTE: u8 = 1;
const LOAD: u8 = 2;

/// Builds the disk or ISO image that `spec` describes, for machines that load their first program from a channel subsystem.
///
/// * [`Content::NoSignature`] has all of it but the `zIPL` of the boot record.
/// * [`Content::BadLoader`]: `Empty` is a program table without a program, `Text` a component table that is text, `Headers` a component
///   table that loads and executes nothing, `Truncated` a program behind the end of the disk.
/// * [`Content::BootMap`] has its program at another place of the table, or is a DASD.
/// * An ISO image with [`Content::NoSignature`] lacks the key bytes of its boot catalogue, with [`BadLoader::OtherMachine`] the bytes by which
///   firmware knows a kernel.
///
/// ```
/// use bootwright_images::{Content, MediumKind, MediumSpec, Nonce, zipl};
///
/// let disk = zipl::build(&MediumSpec::new("right", MediumKind::Disk, Content::bootable()), Nonce([7; 16]))?;
/// assert_eq!(disk.to_bytes()?[..8], *b"zIPL\0\0\0\x01");
/// # Ok::<(), bootwright_images::ImageError>(())
/// ```
///
/// # Errors
///
/// [`ImageError`] names what cannot be built and what to ask for instead.
pub fn build(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    spec.check_name()?;
    match spec.kind {
        MediumKind::Disk => {}
        MediumKind::Cdrom => return optical(spec, nonce),
        _ => {
            return Err(ImageError::impossible(
                format!("a medium for s390x as {:?}", spec.kind),
                "only hard disks with sectors of 512 bytes and ISO images are made for it",
                "use MediumKind::Disk or Cdrom",
            ));
        }
    }
    let blocks = spec.size(LEAST_BLOCKS, BLOCK_BYTES)?;
    let mut image = Image::zero(blocks * BLOCK_BYTES);
    let (after, bad, signed, entry) = match spec.content {
        Content::Blank => return Ok(image),
        Content::Bootable { after, .. } => (after, None, true, 0),
        Content::NoSignature => (After::Exit, None, false, 0),
        Content::BadLoader(bad) if !matches!(bad, BadLoader::OtherMachine | BadLoader::OtherWidth) => {
            (After::Exit, Some(bad), true, 0)
        }
        Content::BootMap { entry, .. } if entry >= MOST_ENTRIES => {
            let what = "number of an entry of a boot map";
            return Err(ImageError::TooLarge { what, value: entry.into(), limit: u64::from(MOST_ENTRIES) - 1 });
        }
        // the table is one block, and its first 16 bytes are no entry
        Content::BootMap { layout: BootMapLayout::Scsi, entry, after } => (after, None, true, entry),
        Content::BootMap { layout, entry, after } => {
            eckd::put(&mut image, layout, entry, &ipl::program(&spec.name, nonce, after)?);
            return Ok(image);
        }
        ref other => {
            return Err(ImageError::impossible(
                format!("{other:?} for s390x"),
                "it is made of boot code for BIOS or of programs for UEFI",
                "use Content::Bootable, BootMap, Blank, NoSignature or BadLoader of another kind than OtherMachine and OtherWidth",
            ));
        }
    };
    let program = ipl::program(&spec.name, nonce, after)?;
    let program_at = if bad == Some(BadLoader::Truncated) { blocks } else { PROGRAM };
    image.put(0, boot_record(signed));
    image.put(PROGRAM_TABLE * BLOCK_BYTES, program_table(bad != Some(BadLoader::Empty), entry));
    image.put(OTHERS * BLOCK_BYTES, NO_PROGRAM);
    image.put(COMPONENTS * BLOCK_BYTES, component_table(bad));
    image.put(SEGMENTS * BLOCK_BYTES, pointer(program_at, (program.len() as u64).div_ceil(BLOCK_BYTES)));
    image.put(PROGRAM * BLOCK_BYTES, program);
    Ok(image)
}

fn boot_record(signed: bool) -> Vec<u8> {
    let magic = if signed { MAGIC } else { &[0; 4] };
    [&magic[..], &1_u32.to_be_bytes(), &[0; 8], &pointer(PROGRAM_TABLE, 1)].concat()
}

/// `at` is the program's number.
fn program_table(has_program: bool, at: u8) -> Vec<u8> {
    let program = if has_program { pointer(COMPONENTS, 1) } else { vec![0; 16] };
    [&MAGIC[..], &[0; 12], &pointer(OTHERS, 1).repeat(at.into()), &program].concat()
}

fn optical(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    let (after, unkeyed, is_kernel) = match spec.content {
        Content::Blank => return Ok(Image::zero(spec.size(LEAST_BLOCKS, 2048)? * 2048)),
        Content::Bootable { after, .. } => (after, false, true),
        Content::NoSignature => (After::Exit, true, true),
        Content::BadLoader(BadLoader::OtherMachine) => (After::Exit, false, false),
        ref other => {
            return Err(ImageError::impossible(
                format!("{other:?} for s390x on an optical medium"),
                "it is made for BIOS, UEFI or hard disks",
                "use Content::Bootable, Blank, NoSignature or BadLoader::OtherMachine",
            ));
        }
    };
    let mut program = ipl::network_program(&spec.name, nonce, after)?;
    if is_kernel {
        program[8..8 + KERNEL_BEGINS.len()].copy_from_slice(&KERNEL_BEGINS);
    }
    iso::of_files(&[], &BootEntries { ipl: Some(&program), unkeyed, ..BootEntries::default() }, nonce)
}

/// A header of 32 bytes and entries of as many: a pointer, seven bytes, the type, an address or a PSW.
fn component_table(bad: Option<BadLoader>) -> Vec<u8> {
    let header = [&MAGIC[..], &[0; 28]].concat();
    let entry = |at: Vec<u8>, kind: u8, value: u64| [&at[..], &[0; 7], &[kind], &value.to_be_bytes()].concat();
    match bad {
        Some(BadLoader::Text) => NO_PROGRAM.to_vec(),
        Some(BadLoader::Headers) => header,
        _ => {
            let load = entry(pointer(SEGMENTS, 1), LOAD, ipl::LOADED_AT.into());
            [header, load, entry(vec![0; 16], EXECUTE, ipl::PSW)].concat()
        }
    }
}

/// The first block, the bytes of a block, and how many more follow.
fn pointer(block: u64, count: u64) -> Vec<u8> {
    // the program has at most eight blocks
    let more = count.saturating_sub(1) as u16;
    [&block.to_be_bytes()[..], &(BLOCK_BYTES as u16).to_be_bytes(), &more.to_be_bytes(), &[0; 4]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(content: Content) -> Vec<u8> {
        build(&MediumSpec::new("disk", MediumKind::Disk, content), Nonce([3; 16])).unwrap().to_bytes().unwrap()
    }

    /// Follows the pointers as the firmware does, to the program; what it stumbles over else.
    fn load(disk: &[u8]) -> Result<Vec<u8>, &'static str> {
        let number = |at: usize| u64::from_be_bytes(disk[at..at + 8].try_into().unwrap()) as usize;
        let magic = |at: usize| disk[at..at + 4] == *MAGIC;
        if !magic(0) {
            return Err("boot record");
        }
        let table = number(16) * 512;
        let components = number(table + 16) * 512;
        if !magic(table) || components == 0 {
            return Err("program table");
        }
        if !magic(components) || disk[components + 32 + 23] != LOAD {
            return Err("component table");
        }
        let segments = number(components + 32) * 512;
        let (block, more) = (number(segments) * 512, u16::from_be_bytes([disk[segments + 10], disk[segments + 11]]));
        assert_eq!(disk[components + 64 + 23], EXECUTE);
        assert_eq!(disk[components + 88..components + 96], ipl::PSW.to_be_bytes());
        disk.get(block..block + 512 * (usize::from(more) + 1)).map(<[u8]>::to_vec).ok_or("end of the disk")
    }

    #[test]
    fn the_pointers_of_a_bootable_disk_lead_to_the_program() {
        let program = ipl::program("disk", Nonce([3; 16]), After::Exit).unwrap();
        let loaded = load(&bytes(Content::bootable())).unwrap();
        assert!(loaded.starts_with(&program) && loaded.len() < program.len() + 512);
    }

    fn map(entry: u8) -> Content {
        Content::BootMap { layout: BootMapLayout::Scsi, entry, after: After::Exit }
    }

    #[test]
    fn the_program_has_its_number_in_the_table_and_another_number_leads_to_a_text() {
        let disk = bytes(map(30));
        let number = |entry: usize| u64::from_be_bytes(disk[512 + 16 + 16 * entry..][..8].try_into().unwrap());
        assert_eq!([0, 29, 30].map(number), [OTHERS, OTHERS, COMPONENTS]);
        assert!(disk[(OTHERS * 512) as usize..].starts_with(NO_PROGRAM));
        assert_eq!(bytes(map(0))[..2048], bytes(Content::bootable())[..2048]);
    }

    #[test]
    fn an_iso_image_boots_an_image_that_begins_as_a_kernel_does() {
        let disc = |content| build(&MediumSpec::new("disc", MediumKind::Cdrom, content), Nonce([3; 16])).unwrap();
        let disc = |content| disc(content).to_bytes().unwrap();
        // block 17 names the catalogue, whose second entry names the image
        let number = |disc: &[u8], at: usize| u32::from_le_bytes(disc[at..at + 4].try_into().unwrap()) as usize;
        let catalogue = |disc: &[u8]| number(disc, 17 * 2048 + 71) * 2048;
        let whole = disc(Content::bootable());
        let entry = catalogue(&whole) + 32;
        let image = &whole[number(&whole, entry + 8) * 2048..];
        assert_eq!((whole[entry], image[..8].to_vec()), (0x88, ipl::PSW.to_be_bytes().to_vec()));
        assert_eq!(image[8..32], KERNEL_BEGINS);
        let sectors = usize::from(u16::from_le_bytes([whole[entry + 6], whole[entry + 7]]));
        let program = ipl::network_program("disc", Nonce([3; 16]), After::Exit).unwrap();
        assert!(sectors * 512 >= program.len() && image[32..].starts_with(&program[32..]));
        let other = disc(Content::BadLoader(BadLoader::OtherMachine));
        assert_eq!(other[number(&other, entry + 8) * 2048 + 8..][..24], [0; 24]);
        let unkeyed = disc(Content::NoSignature);
        assert_eq!([&whole, &unkeyed].map(|disc| disc[catalogue(disc) + 30]), [0x55, 0]);
    }

    #[test]
    fn each_bad_disk_stops_the_load_where_it_says() {
        assert_eq!(load(&bytes(Content::Blank)), Err("boot record"));
        assert_eq!(load(&bytes(Content::NoSignature)), Err("boot record"));
        let bad = |bad| load(&bytes(Content::BadLoader(bad)));
        assert_eq!(bad(BadLoader::Empty), Err("program table"));
        assert_eq!(bad(BadLoader::Text), Err("component table"));
        assert_eq!(bad(BadLoader::Headers), Err("component table"));
        assert_eq!(bad(BadLoader::Truncated), Err("end of the disk"));
    }

    #[test]
    fn what_is_not_made_for_the_machine_is_refused_with_what_is() {
        let refused = |kind, content| build(&MediumSpec::new("disk", kind, content), Nonce([3; 16])).unwrap_err();
        let floppy = refused(MediumKind::Floppy, Content::bootable()).to_string();
        assert!(floppy.starts_with("a medium for s390x as Floppy cannot be built: only hard disks"), "{floppy}");
        let cdrom = refused(MediumKind::Cdrom, Content::BadLoader(BadLoader::Text)).to_string();
        assert!(cdrom.contains("for s390x on an optical medium cannot be built"), "{cdrom}");
        let far = refused(MediumKind::Disk, map(31)).to_string();
        assert!(far.contains("is 31, above the format's limit of 30"), "{far}");
        for content in [Content::BadLoader(BadLoader::OtherMachine), Content::VendorReboot] {
            let error = refused(MediumKind::Disk, content).to_string();
            assert!(error.contains("for s390x cannot be built: it is made of boot code"), "{error}");
        }
        let small = MediumSpec::new("disk", MediumKind::Disk, Content::bootable()).with_sectors(100);
        assert!(matches!(build(&small, Nonce([0; 16])), Err(ImageError::TooSmall { needed: 2048, .. })));
    }
}
