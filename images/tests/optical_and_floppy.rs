//! ISO 9660, El Torito and floppies as other people's tools read them.

mod media;

use bootwright_images::{
    After, Boots, Content, Emulation, FatType, MediumKind, MediumSpec, PartitionTable, build, payload,
};
use media::{NONCE, OnDisk, bootable, copy_out, fsck, medium, run, tool, volume};
use rstest::rstest;

const BLOCK: usize = 2048;

fn el_torito(boots: Boots, load_sectors: u16, decoys: u8) -> Content {
    Content::ElTorito { boots, fat: FatType::Fat12, after: After::Exit, load_sectors, decoys }
}

fn iso(content: Content) -> Vec<u8> {
    medium(MediumKind::Cdrom, content).to_bytes().expect("small")
}

/// The entries that xorriso lists, as (platform, bootable, emulation, load size).
fn entries_by_xorriso(bytes: &[u8]) -> Option<Vec<(String, String, String, String)>> {
    let file = OnDisk::bytes(bytes);
    let (_, text) = run(tool("xorriso")?.arg("-indev").arg(file.path()).args(["-report_el_torito", "plain"]));
    let lines = text.lines().filter_map(|line| line.strip_prefix("El Torito boot img :"));
    Some(
        lines
            .map(|line| {
                let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                (words[1].clone(), words[2].clone(), words[3].clone(), words[6].clone())
            })
            .collect(),
    )
}

#[rstest]
#[case::both(bootable(Boots::Both, PartitionTable::Mbr, FatType::Fat16), &[("BIOS", "4"), ("UEFI", "8192")])]
#[case::bios(bootable(Boots::BiosOnly, PartitionTable::Mbr, FatType::Fat16), &[("BIOS", "4")])]
#[case::uefi(bootable(Boots::UefiOnly, PartitionTable::Mbr, FatType::Fat16), &[("UEFI", "8192")])]
#[case::fat32_reaches_to_the_end(bootable(Boots::Both, PartitionTable::Mbr, FatType::Fat32), &[("BIOS", "4"), ("UEFI", "0")])]
#[case::load_1(el_torito(Boots::Both, 1, 0), &[("BIOS", "1"), ("UEFI", "2880")])]
#[case::load_64(el_torito(Boots::BiosOnly, 64, 0), &[("BIOS", "64")])]
#[case::isohybrid(Content::Isohybrid { fat: FatType::Fat12, after: After::Exit }, &[("BIOS", "4"), ("UEFI", "2880")])]
#[case::iso9660_loader(Content::Iso9660Loader { after: After::Exit }, &[("BIOS", "4")])]
#[case::decoys(el_torito(Boots::Both, 4, 2), &[("BIOS", "4"), ("UEFI", "2880"), ("UEFI", "2880"), ("UEFI", "2880")])]
#[case::decoys_first(el_torito(Boots::UefiOnly, 4, 1), &[("UEFI", "2880"), ("UEFI", "2880")])]
fn xorriso_lists_the_boot_entries(#[case] content: Content, #[case] wanted: &[(&str, &str)]) {
    let Some(entries) = entries_by_xorriso(&iso(content)) else { return };
    let seen: Vec<_> = entries.iter().map(|(platform, .., size)| (platform.as_str(), size.as_str())).collect();
    assert_eq!(seen, wanted);
    assert!(entries.iter().all(|(_, bootable, emulation, _)| bootable == "y" && emulation == "none"));
}

#[rstest]
#[case(Emulation::Floppy12, "fd1.2")]
#[case(Emulation::Floppy144, "fd1.4")]
#[case(Emulation::Floppy288, "fd2.8")]
#[case(Emulation::HardDisk, "hd")]
fn xorriso_lists_the_emulation_of_an_entry(#[case] emulation: Emulation, #[case] wanted: &str) {
    let bytes = iso(Content::Emulated { emulation });
    assert_eq!(bytes[22 * BLOCK + 33], emulation.media_type());
    let Some(entries) = entries_by_xorriso(&bytes) else { return };
    let seen: Vec<_> =
        entries.iter().map(|(_, bootable, emulation, _)| (bootable.as_str(), emulation.as_str())).collect();
    assert_eq!(seen, [("y", wanted)]);
}

#[test]
fn sfdisk_reads_the_geometry_of_an_emulated_hard_disk_and_its_partition() {
    let bytes = iso(Content::Emulated { emulation: Emulation::HardDisk });
    let drive = &bytes[Emulation::BLOCK as usize * BLOCK..][..300 * 5 * 17 * 512];
    // the last sector by head, sector and cylinder: 4, 17, 299
    assert_eq!(drive[446 + 5..446 + 8], [4, 17 | 0x40, 43]);
    let file = OnDisk::bytes(drive);
    let Some(mut sfdisk) = tool("sfdisk") else { return };
    let (ok, text) = run(sfdisk.arg("--dump").arg(file.path()));
    assert!(ok && text.contains("start=          17, size=       25483, type=83, bootable"), "{text}");
}

#[test]
fn the_program_of_an_emulated_drive_is_far_from_its_boot_sector() {
    for emulation in Emulation::ALL {
        let bytes = iso(Content::Emulated { emulation });
        let drive = &bytes[Emulation::BLOCK as usize * BLOCK..];
        assert_eq!(drive[510..512], [0x55, 0xaa], "{emulation:?}");
        let at = usize::from(u16::from_le_bytes([drive[432], drive[433]]));
        assert_eq!((drive[420], &drive[at * 512..at * 512 + 8]), (3, &b"BWSTAGE2"[..]), "{emulation:?}");
        assert!(drive[512..at * 512].iter().all(|byte| *byte == 0), "{emulation:?}");
    }
}

#[test]
fn xorriso_lists_no_entry_without_the_key_bytes() {
    let Some(entries) = entries_by_xorriso(&iso(Content::NoSignature)) else { return };
    assert_eq!(entries, []);
}

#[test]
fn the_validation_entry_adds_up_to_zero() {
    for content in [Content::bootable(), Content::NoSignature, el_torito(Boots::UefiOnly, 4, 0)] {
        let bytes = iso(content);
        let words = bytes[22 * BLOCK..22 * BLOCK + 32].chunks_exact(2);
        assert_eq!(words.fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]]))), 0);
    }
}

#[test]
fn xorriso_reads_the_boot_files_out_of_the_file_system() {
    let bytes = iso(Content::bootable());
    let file = OnDisk::bytes(&bytes);
    let Some(mut xorriso) = tool("xorriso") else { return };
    let copy = file.beside("copy");
    let (ok, text) =
        run(xorriso.args(["-osirrox", "on", "-indev"]).arg(file.path()).args(["-extract", "/EFI.IMG"]).arg(&copy));
    assert!(ok, "{text}");
    assert_eq!(std::fs::read(copy).expect("extracted"), bytes[24 * BLOCK..24 * BLOCK + 8192 * 512]);
}

#[test]
fn xorriso_reads_a_loader_that_no_boot_entry_leads_to_out_of_its_folders() {
    let bytes = iso(Content::Iso9660Loader { after: After::Exit });
    let file = OnDisk::bytes(&bytes);
    let Some(mut xorriso) = tool("xorriso") else { return };
    let copy = file.beside("copy");
    let extract = ["-extract", "/EFI/BOOT/BOOTX64.EFI"];
    let (ok, text) = run(xorriso.args(["-osirrox", "on", "-indev"]).arg(file.path()).args(extract).arg(&copy));
    assert!(ok, "{text}");
    let program = payload::efi_application("right", NONCE, After::Exit).expect("a good name");
    assert_eq!(std::fs::read(copy).expect("extracted"), program);
}

#[test]
fn an_isohybrid_image_is_the_same_in_both_kinds_of_drive_and_has_a_table_before_its_volume() {
    let content = || Content::Isohybrid { fat: FatType::Fat16, after: After::Exit };
    let bytes = iso(content());
    assert_eq!(bytes, medium(MediumKind::Disk, content()).to_bytes().expect("small"));
    let disk = medium(MediumKind::Disk, Content::bootable()).to_bytes().expect("small");
    assert_eq!(bytes[90..416], disk[90..416], "the boot code of a disk");
    assert_eq!(bytes[510..512], [0x55, 0xaa]);
    let file = OnDisk::bytes(&bytes);
    let Some(mut sfdisk) = tool("sfdisk") else { return };
    let (ok, text) = run(sfdisk.arg("--dump").arg(file.path()));
    assert!(ok, "{text}");
    let whole = format!("start=           0, size=    {:>8}, type=17, bootable", bytes.len() / 512);
    assert!(text.contains(&whole), "{text}");
    // the El Torito UEFI image is at block 24
    assert!(text.contains("start=          96, size=        8192, type=ef"), "{text}");
}

#[rstest]
#[case(FatType::Fat12, 2880, "12 bit")]
#[case(FatType::Fat16, 8192, "16 bit")]
#[case(FatType::Fat32, 67_584, "32 bit")]
fn the_uefi_image_is_a_clean_volume_with_the_application(
    #[case] fat: FatType,
    #[case] sectors: usize,
    #[case] bits: &str,
) {
    let image = medium(MediumKind::Cdrom, bootable(Boots::Both, PartitionTable::Mbr, fat));
    let start = 24 * BLOCK;
    let Some((ok, text)) = fsck(&volume(&image, start, sectors * 512)) else { return };
    assert!(ok && text.contains(bits), "{text}");
    let file = OnDisk::image(&image);
    let copied = copy_out(&file.path(), start as u64, "/EFI/BOOT/BOOTX64.EFI", &file.beside("copy"));
    let Some(copied) = copied else { return };
    assert_eq!(copied, Ok(payload::efi_application("right", NONCE, After::Exit).expect("a good name")));
}

#[test]
fn the_volume_says_its_size_in_both_byte_orders() {
    let spec = MediumSpec::new("right", MediumKind::Cdrom, Content::bootable()).with_sectors(20_000);
    let bytes = build(&spec, NONCE).expect("large enough").to_bytes().expect("small");
    assert_eq!(bytes.len(), 20_000 * 512);
    assert_eq!(bytes[16 * BLOCK + 80..16 * BLOCK + 88], [0x88, 0x13, 0, 0, 0, 0, 0x13, 0x88]);
}

#[test]
fn a_load_size_above_four_lengthens_the_program_that_firmware_must_load() {
    let bytes = iso(el_torito(Boots::BiosOnly, 64, 0));
    let program = &bytes[23 * BLOCK..23 * BLOCK + 32 * 1024];
    // and what drives read ahead
    assert_eq!(bytes.len(), 23 * BLOCK + program.len() + 16 * BLOCK);
    assert_eq!(program[420], 0, "nothing is left to read");
    let words = program[512..].chunks_exact(2).map(|word| u32::from(u16::from_le_bytes([word[0], word[1]])));
    let sum = words.fold(0_u32, |sum, word| sum.wrapping_mul(5).wrapping_add(word));
    assert_eq!(program[412..416], sum.to_le_bytes());
    assert_eq!(iso(el_torito(Boots::BiosOnly, 1, 0))[23 * BLOCK + 420], 2, "the rest is read from the CD");
}

#[test]
fn a_floppy_is_a_clean_fat12_volume_round_its_boot_program() {
    let image = medium(MediumKind::Floppy, Content::bootable());
    let bytes = image.to_bytes().expect("small");
    assert_eq!(bytes.len(), 1_474_560);
    let Some((ok, text)) = fsck(&bytes) else { return };
    assert!(ok && text.contains("12 bit"), "{text}");
    let raw = medium(MediumKind::Floppy, bootable(Boots::BiosOnly, PartitionTable::Mbr, FatType::Fat12));
    let raw = raw.to_bytes().expect("small");
    assert_eq!(bytes[90..512], raw[90..512], "the same boot code");
    assert_eq!(bytes[512..2048], raw[512..2048], "the same stage 2, in reserved sectors");
    assert_eq!(raw[510..512], [0x55, 0xaa]);
}

#[test]
fn a_floppy_without_signature_keeps_its_boot_code() {
    let bytes = medium(MediumKind::Floppy, Content::NoSignature).to_bytes().expect("small");
    let signed = medium(MediumKind::Floppy, Content::bootable()).to_bytes().expect("small");
    assert_eq!(bytes[..510], signed[..510]);
    assert_eq!(bytes[510..512], [0, 0]);
}
