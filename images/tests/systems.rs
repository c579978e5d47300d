//! Media of files that somebody else made, as other people's tools read them.

mod media;

use bootwright_images::system::{BootCode, SystemFile, build};
use bootwright_images::{Image, MediumKind};
use media::{NONCE, OnDisk, copy_out, fsck, run, tool, volume};
use rstest::rstest;

const MIB: usize = 1 << 20;
const SECTORS: u64 = 64 * 2048;

fn files() -> Vec<SystemFile> {
    let file = |path: &str, bytes: Vec<u8>| SystemFile { path: path.to_owned(), bytes };
    vec![
        file("EFI/BOOT/BOOTX64.EFI", vec![1; 70_000]),
        file("EFI/Linux/one.efi", vec![2; 3]),
        file("loader/loader.conf", b"timeout 0\n".to_vec()),
        file("loader/entries/a-name-of-twentysix.conf", b"title one\n".to_vec()),
        file("loader/entries/a-name-of-twenty-seven.conf", b"title two\n".to_vec()),
        file("linux.krn", vec![3; 2_000_000]),
    ]
}

fn made(kind: MediumKind, code: Option<&BootCode>) -> Image {
    build(kind, &files(), code, SECTORS, NONCE).expect("the files fit")
}

#[test]
fn fsck_accepts_the_partition_of_a_disk_and_mtools_reads_its_long_names() {
    let image = made(MediumKind::Disk, None);
    let Some((ok, text)) = fsck(&volume(&image, MIB, (SECTORS as usize - 2048) * 512)) else { return };
    assert!(ok && text.contains("16 bit") && !text.contains("Wrong") && !text.contains("Orphaned"), "{text}");
    let disk = OnDisk::image(&image);
    for file in files() {
        let read = copy_out(&disk.path(), MIB as u64, &file.path, &disk.beside("copy"));
        assert!(read.is_none_or(|read| read.expect("it is there") == file.bytes), "{}", file.path);
    }
}

#[test]
fn the_boot_code_of_a_disk_lies_round_its_table_and_behind_it() {
    let code = BootCode::Sectors { first: vec![0xaa; 512], following: vec![0xbb; 40_000] };
    let bytes = made(MediumKind::Disk, Some(&code)).to_bytes().expect("small");
    assert_eq!(bytes[..440], [0xaa; 440]);
    assert_eq!(bytes[440..444], NONCE.disk_signature().to_le_bytes());
    assert_eq!((bytes[450], &bytes[510..512]), (0xef, &[0x55, 0xaa][..]));
    assert_eq!(bytes[512..40_512], [0xbb; 40_000]);
}

#[test]
fn xorriso_reads_files_and_boot_entries_of_an_optical_medium() {
    let program = vec![0x90; 5001];
    let image = made(MediumKind::Cdrom, Some(&BootCode::ElTorito(program)));
    let disk = OnDisk::image(&image);
    let Some(mut xorriso) = tool("xorriso") else { return };
    let copy = disk.beside("copy");
    let extract = ["-report_el_torito", "plain", "-extract", "/LOADER/ENTRIES/A-NAME-OF-TWENTYSIX.CONF"];
    let (ok, text) = run(xorriso.args(["-osirrox", "on", "-indev"]).arg(disk.path()).args(extract).arg(&copy));
    assert!(ok, "{text}");
    assert_eq!(std::fs::read(copy).expect("extracted"), b"title one\n");
    assert!(text.contains("El Torito boot img :   1  BIOS  y   none"), "{text}");
    assert!(text.contains("El Torito boot img :   2  UEFI  y   none"), "{text}");
    // "boot-info-table" is what xorriso calls one whose place, length and sum are right
    assert!(text.contains("boot-info-table") || text.contains("El Torito img opts :   1  boot-info-table"), "{text}");
}

#[test]
fn a_hybrid_image_says_in_its_boot_sector_where_its_program_is() {
    let code = BootCode::Isohybrid { first: vec![0xcc; 432], program: vec![0x90; 3000] };
    let bytes = made(MediumKind::Disk, Some(&code)).to_bytes().expect("small");
    assert_eq!(bytes[..432], [0xcc; 432]);
    let sector = u64::from_le_bytes(bytes[432..440].try_into().expect("eight bytes")) as usize;
    assert_eq!(bytes[sector * 512..sector * 512 + 8], [0x90; 8]);
    assert_eq!(bytes[sector * 512 + 12..sector * 512 + 16], (sector as u32 / 4).to_le_bytes(), "its block");
    assert_eq!(bytes[sector * 512 + 16..sector * 512 + 20], 3000_u32.to_le_bytes(), "its length");
}

#[rstest]
#[case::no_path("EFI//a", "it is no path")]
#[case::backslash(r"\EFI\a", "it is no path")]
#[case::dots("../a", "it is no path")]
#[case::case_alone("LINUX.krn", "case makes no difference")]
fn a_path_that_cannot_be_is_refused(#[case] path: &str, #[case] problem: &str) {
    let mut files = files();
    files.push(SystemFile { path: path.to_owned(), bytes: Vec::new() });
    let error = build(MediumKind::Disk, &files, None, SECTORS, NONCE).expect_err(path).to_string();
    assert!(error.contains(problem), "{error}");
}

#[test]
fn boot_code_of_another_kind_and_files_that_do_not_fit_are_refused() {
    let error = build(MediumKind::Floppy, &files(), None, SECTORS, NONCE).expect_err("no floppy").to_string();
    assert!(error.contains("boot sectors are for hard disks"), "{error}");
    let long = BootCode::Sectors { first: vec![0; 512], following: vec![0; MIB] };
    let error = build(MediumKind::Disk, &files(), Some(&long), SECTORS, NONCE).expect_err("too long").to_string();
    assert!(error.contains("bytes of boot code behind the boot sector is 1048576"), "{error}");
    let error = build(MediumKind::Disk, &files(), None, 6200, NONCE).expect_err("too small").to_string();
    assert!(error.contains("FAT") || error.contains("Fat16"), "{error}");
}
