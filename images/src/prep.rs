//! Hard disks for Open Firmware on PowerPC: an MBR with a PReP boot partition that holds the program; and ISO images.
//!
//! | sector | what |
//! |---|---|
//! | 0 | an MBR with one active entry of type 0x41 |
//! | 2048.. | the partition, which is loaded as a whole |
//!
//! SLOF loads the first partition of that type (`load-from-dos-boot-partition` in its `slof/fs/packages/disk-label.fs`) and runs what it
//! knows: a script that begins with `\ `, or an ELF file.
//!
//! An ISO image has the program as a file that `\ppc\bootinfo.txt` names (CHRP System Binding to IEEE 1275, "bootinfo.txt";
//! `load-chrp-boot-file` there).

use crate::iso::{self, BootEntries};
use crate::{After, BadLoader, Content, Image, ImageError, MediumKind, MediumSpec, Nonce, forth, mbr};

/// A PReP boot partition.
const TYPE_PREP: u8 = 0x41;

const SECTOR_BYTES: u64 = 512;

/// The partition, in sectors.
const START: u64 = 2048;
const COUNT: u64 = 16;

/// The smallest disk, in sectors.
const LEAST_SECTORS: u64 = 4096;

/// What tells an ISO image's program, and where it is.
const BOOT_INFO: &str = "PPC/BOOTINFO.TXT";
const BOOT_SCRIPT: &[u8] = b"<chrp-boot>\n<boot-script>boot &device;:,\\boot.fs</boot-script>\n</chrp-boot>\n";
const PROGRAM: &str = "BOOT.FS";

/// Builds the disk or ISO image that `spec` describes, for machines whose firmware is Open Firmware on PowerPC.
///
/// * [`Content::NoSignature`] has all of it but the MBR's signature.
/// * [`Content::BadLoader`]: `Empty` is a partition of no sectors, `Text` one that holds text, `Headers` one that holds the first 16 bytes
///   of an ELF file, `Truncated` one behind the end of the disk, `OtherMachine` an ELF file for x86-64.
/// * An ISO image with [`Content::NoSignature`] lacks `bootinfo.txt`, one with a bad loader has that file in the program's place.
///
/// ```
/// use bootwright_images::{Content, MediumKind, MediumSpec, Nonce, prep};
///
/// let disk = prep::build(&MediumSpec::new("right", MediumKind::Disk, Content::bootable()), Nonce([7; 16]))?;
/// assert_eq!(disk.to_bytes()?[2048 * 512..][..2], *b"\\ ");
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
                format!("a medium for ppc64 as {:?}", spec.kind),
                "only hard disks with sectors of 512 bytes and ISO images are made for it",
                "use MediumKind::Disk or Cdrom",
            ));
        }
    }
    let sectors = spec.size(LEAST_SECTORS, SECTOR_BYTES)?;
    let mut image = Image::zero(sectors * SECTOR_BYTES);
    let (after, bad, signed) = match spec.content {
        Content::Blank => return Ok(image),
        Content::Bootable { after, .. } => (after, None, true),
        Content::NoSignature => (After::Exit, None, false),
        Content::BadLoader(bad) if bad != BadLoader::OtherWidth => (After::Exit, Some(bad), true),
        ref other => {
            return Err(ImageError::impossible(
                format!("{other:?} for ppc64"),
                "it is made of boot code for BIOS or of programs for UEFI",
                "use Content::Bootable, Blank, NoSignature or BadLoader of another kind than OtherWidth",
            ));
        }
    };
    let (start, count) = match bad {
        Some(BadLoader::Truncated) => (sectors, COUNT),
        Some(BadLoader::Empty) => (START, 0),
        _ => (START, COUNT),
    };
    image.put(0, table(start, count, signed));
    image.put(START * SECTOR_BYTES, partition(spec, nonce, after, bad)?);
    Ok(image)
}

fn optical(spec: &MediumSpec, nonce: Nonce) -> Result<Image, ImageError> {
    let (after, bad, named) = match spec.content {
        Content::Blank => return Ok(Image::zero(spec.size(LEAST_SECTORS, 2048)? * 2048)),
        Content::Bootable { after, .. } => (after, None, true),
        Content::NoSignature => (After::Exit, None, false),
        Content::BadLoader(bad @ (BadLoader::Text | BadLoader::Headers | BadLoader::OtherMachine)) => {
            (After::Exit, Some(bad), true)
        }
        ref other => {
            return Err(ImageError::impossible(
                format!("{other:?} for ppc64 on an optical medium"),
                "it is made for BIOS, UEFI or hard disks",
                "use Content::Bootable, Blank, NoSignature or BadLoader Text, Headers or OtherMachine",
            ));
        }
    };
    let (program, _) = program(spec, nonce, after, bad)?;
    let mut files: Vec<(String, &[u8])> = vec![(PROGRAM.to_owned(), &program[..])];
    if named {
        files.push((BOOT_INFO.to_owned(), BOOT_SCRIPT));
    }
    iso::of_files(&files, &BootEntries::default(), nonce)
}

fn table(start: u64, count: u64, signed: bool) -> [u8; 512] {
    let partition = mbr::Partition { active: true, kind: TYPE_PREP, start, count: count.max(1) };
    let mut sector = mbr::sector(None, 0x7072_6570, &[partition], signed);
    if count == 0 {
        sector[458..462].fill(0);
    }
    sector
}

/// What the partition holds, all of it.
fn partition(spec: &MediumSpec, nonce: Nonce, after: After, bad: Option<BadLoader>) -> Result<Vec<u8>, ImageError> {
    let (mut bytes, filler) = program(spec, nonce, after, bad)?;
    // what follows a script is read as a part of it
    bytes.resize((COUNT * SECTOR_BYTES) as usize, filler);
    Ok(bytes)
}

/// The program, and what fills up a partition behind it.
fn program(spec: &MediumSpec, nonce: Nonce, after: After, bad: Option<BadLoader>) -> Result<(Vec<u8>, u8), ImageError> {
    Ok(match bad {
        None | Some(BadLoader::Truncated | BadLoader::Empty) => (forth::script(&spec.name, nonce, after)?, b' '),
        Some(BadLoader::Text) => (b"this is no program\r\n".to_vec(), 0),
        Some(BadLoader::Headers) => (elf(ElfClass::Big)[..16].to_vec(), 0),
        Some(BadLoader::OtherMachine | BadLoader::OtherWidth) => (elf(ElfClass::X64), 0),
    })
}

/// Whose ELF file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ElfClass {
    /// Big-endian PowerPC, 64 bits.
    Big,
    /// x86-64.
    X64,
}

/// The header of an ELF file without a segment (System V ABI, chapter 4, "ELF Header").
fn elf(class: ElfClass) -> Vec<u8> {
    let big = class == ElfClass::Big;
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = b"\x7fELF".to_vec();
    bytes.extend([2, if big { 2 } else { 1 }, 1]);
    bytes.resize(16, 0);
    // e_type ET_EXEC, e_machine EM_PPC64 or EM_X86_64, e_version
    bytes.extend([half(2), half(if big { 21 } else { 62 })].concat());
    bytes.extend(word(1));
    // e_entry, e_phoff, e_shoff, e_flags
    bytes.extend([0; 28]);
    // e_ehsize, e_phentsize, no segment and no section
    bytes.extend([half(64), half(56), half(0), half(0), half(0), half(0)].concat());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(content: Content) -> Vec<u8> {
        build(&MediumSpec::new("disk", MediumKind::Disk, content), Nonce([3; 16])).unwrap().to_bytes().unwrap()
    }

    /// Finds the partition as the firmware does and gives its bytes; what is in the way else.
    fn load(disk: &[u8]) -> Result<Vec<u8>, &'static str> {
        if disk[510..512] != [0x55, 0xaa] {
            return Err("signature");
        }
        let entry = &disk[446..462];
        assert_eq!((entry[0], entry[4]), (0x80, TYPE_PREP));
        let number = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap()) as usize * 512;
        if number(12) == 0 {
            return Err("no sectors");
        }
        disk.get(number(8)..number(8) + number(12)).map(<[u8]>::to_vec).ok_or("end of the disk")
    }

    #[test]
    fn the_partition_of_a_bootable_disk_is_a_script_and_blanks() {
        let script = forth::script("disk", Nonce([3; 16]), After::Exit).unwrap();
        let loaded = load(&bytes(Content::bootable())).unwrap();
        assert!(loaded.starts_with(&script) && loaded[script.len()..].iter().all(|&byte| byte == b' '));
    }

    #[test]
    fn each_bad_disk_stops_the_load_where_it_says() {
        assert_eq!(load(&bytes(Content::Blank)), Err("signature"));
        assert_eq!(load(&bytes(Content::NoSignature)), Err("signature"));
        let bad = |bad| load(&bytes(Content::BadLoader(bad)));
        assert_eq!(bad(BadLoader::Empty), Err("no sectors"));
        assert_eq!(bad(BadLoader::Truncated), Err("end of the disk"));
        assert!(bad(BadLoader::Text).unwrap().starts_with(b"this is no program"));
        assert_eq!(bad(BadLoader::Headers).unwrap()[..20], *b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(bad(BadLoader::OtherMachine).unwrap()[16..20], [2, 0, 62, 0]);
        assert_eq!(elf(ElfClass::Big).len(), 64);
    }

    fn optical(content: Content) -> Vec<u8> {
        build(&MediumSpec::new("disc", MediumKind::Cdrom, content), Nonce([3; 16])).unwrap().to_bytes().unwrap()
    }

    fn has(image: &[u8], wanted: &[u8]) -> bool {
        image.windows(wanted.len()).any(|window| window == wanted)
    }

    #[test]
    fn an_iso_image_names_its_script_and_one_without_signature_does_not() {
        let script = forth::script("disc", Nonce([3; 16]), After::Exit).unwrap();
        let [whole, unnamed] = [Content::bootable(), Content::NoSignature].map(optical);
        assert_eq!([&whole, &unnamed].map(|image| has(image, &script)), [true, true]);
        assert_eq!([&whole, &unnamed].map(|image| has(image, b"&device;:,\\boot.fs</boot-script>")), [true, false]);
        assert_eq!(whole[16 * 2048 + 1..][..5], *b"CD001");
        let text = optical(Content::BadLoader(BadLoader::Text));
        assert!(has(&text, b"this is no program") && !has(&text, &script) && has(&text, b"BOOTINFO.TXT;1"));
        assert!(optical(Content::Blank).iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_is_not_made_for_the_machine_is_refused_with_what_is() {
        let refused = |kind, content| build(&MediumSpec::new("disk", kind, content), Nonce([3; 16])).unwrap_err();
        let floppy = refused(MediumKind::Floppy, Content::bootable()).to_string();
        assert!(floppy.starts_with("a medium for ppc64 as Floppy cannot be built: only hard disks"), "{floppy}");
        let cdrom = refused(MediumKind::Cdrom, Content::BadLoader(BadLoader::Empty)).to_string();
        assert!(cdrom.contains("on an optical medium cannot be built"), "{cdrom}");
        let error = refused(MediumKind::Disk, Content::VendorReboot).to_string();
        assert!(error.contains("for ppc64 cannot be built: it is made of boot code"), "{error}");
        let small = MediumSpec::new("disk", MediumKind::Disk, Content::bootable()).with_sectors(100);
        assert!(matches!(build(&small, Nonce([0; 16])), Err(ImageError::TooSmall { needed: 4096, .. })));
    }
}
