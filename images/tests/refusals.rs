//! Specs that no medium can satisfy, and the words in which the builder says so.

use bootwright_images::{
    After, Boots, Content, Emulation, FatType, Image, ImageError, MediumKind, MediumSpec, Nonce, PartitionTable, build,
    payload,
};
use rstest::rstest;
use std::path::Path;

const NONCE: Nonce = Nonce([3; 16]);

fn refusal(kind: MediumKind, content: Content, sectors: Option<u64>) -> String {
    let spec = MediumSpec { sectors, ..MediumSpec::new("right", kind, content) };
    build(&spec, NONCE).expect_err("this spec is impossible").to_string()
}

fn bootable(boots: Boots, table: PartitionTable, fat: FatType) -> Content {
    Content::Bootable { boots, table, fat, after: After::Exit }
}

fn uninstalled() -> Content {
    Content::Uninstalled { fat: FatType::Fat16, after: After::Exit }
}

fn isohybrid() -> Content {
    Content::Isohybrid { fat: FatType::Fat16, after: After::Exit }
}

fn emulated() -> Content {
    Content::Emulated { emulation: Emulation::Floppy144 }
}

fn el_torito(boots: Boots, load_sectors: u16, decoys: u8) -> Content {
    Content::ElTorito { boots, fat: FatType::Fat12, after: After::Exit, load_sectors, decoys }
}

#[rstest]
#[case("", "is empty")]
#[case("Upper", "not made of the allowed characters")]
#[case("two words", "not made of the allowed characters")]
#[case("dot.img", "not made of the allowed characters")]
#[case("line\nbreak", "not made of the allowed characters")]
#[case("grün", "not made of the allowed characters")]
#[case("a234567890123456789012345", "too long")]
fn a_name_that_breaks_the_payload_line_is_refused(#[case] name: &str, #[case] problem: &str) {
    for kind in [MediumKind::Disk, MediumKind::Cdrom, MediumKind::Floppy] {
        let error = build(&MediumSpec::new(name, kind, Content::Blank), NONCE).expect_err("a bad name").to_string();
        assert!(error.contains(problem) && error.contains("a-z, 0-9"), "{error}");
    }
    assert!(payload::bios_network_program(name, NONCE, After::Exit).is_err());
    assert!(payload::efi_application(name, NONCE, After::Exit).is_err());
}

#[rstest]
#[case("a")]
#[case("a23456789012345678901234")]
fn a_name_at_the_limits_is_accepted(#[case] name: &str) {
    assert!(build(&MediumSpec::new(name, MediumKind::Disk, Content::bootable()), NONCE).is_ok());
}

#[rstest]
#[case(MediumKind::Disk, PartitionTable::Mbr, FatType::Fat16, 16_065)]
#[case(MediumKind::Disk, PartitionTable::Gpt, FatType::Fat16, 16_098)]
#[case(MediumKind::Disk, PartitionTable::Gpt, FatType::Fat32, 80_358)]
#[case(MediumKind::Disk4Kn, PartitionTable::Gpt, FatType::Fat16, 51_240)]
fn a_disk_one_sector_too_small_is_refused_with_the_size_that_works(
    #[case] kind: MediumKind,
    #[case] table: PartitionTable,
    #[case] fat: FatType,
    #[case] needed: u64,
) {
    let content = bootable(Boots::Both, table, fat);
    let error = refusal(kind, content.clone(), Some(needed - 1));
    assert!(error.contains(&format!("{} sectors is too small", needed - 1)), "{error}");
    assert!(error.contains(&format!("needs {needed} sectors")), "{error}");
    assert!(build(&MediumSpec::new("right", kind, content).with_sectors(needed), NONCE).is_ok());
}

#[rstest]
#[case(MediumKind::Disk4Kn, Content::Blank, 2049, "4096-byte sectors; ask for a multiple of 8")]
#[case(MediumKind::Cdrom, Content::Blank, 2049, "2048-byte sectors; ask for a multiple of 4")]
#[case(MediumKind::Cdrom, Content::bootable(), 20_002, "2048-byte sectors; ask for a multiple of 4")]
fn a_size_in_part_of_a_sector_is_refused(
    #[case] kind: MediumKind,
    #[case] content: Content,
    #[case] sectors: u64,
    #[case] advice: &str,
) {
    let error = refusal(kind, content, Some(sectors));
    assert!(error.contains(advice), "{error}");
}

#[rstest]
#[case(MediumKind::Disk, bootable(Boots::UefiOnly, PartitionTable::Mbr, FatType::Fat16), "use PartitionTable::Gpt")]
#[case(MediumKind::Disk, el_torito(Boots::Both, 4, 0), "use MediumKind::Cdrom")]
#[case(MediumKind::Floppy, el_torito(Boots::Both, 4, 0), "use MediumKind::Cdrom")]
#[case(MediumKind::Disk, emulated(), "use MediumKind::Cdrom")]
#[case(MediumKind::Floppy, emulated(), "use MediumKind::Cdrom")]
#[case(MediumKind::Floppy, bootable(Boots::UefiOnly, PartitionTable::Gpt, FatType::Fat12), "use MediumKind::Disk")]
#[case(MediumKind::Cdrom, Content::VendorReboot, "use MediumKind::Disk")]
#[case(MediumKind::Floppy, Content::VendorReboot, "use MediumKind::Disk")]
#[case(MediumKind::Floppy, Content::installed("\\a.efi", true), "use MediumKind::Disk")]
#[case(MediumKind::Cdrom, Content::installed("\\a.efi", true), "use MediumKind::Disk")]
#[case(MediumKind::Cdrom, uninstalled(), "use MediumKind::Disk")]
#[case(MediumKind::Floppy, uninstalled(), "use MediumKind::Disk")]
#[case(MediumKind::Disk4Kn, uninstalled(), "use MediumKind::Disk")]
#[case(MediumKind::Disk4Kn, isohybrid(), "use MediumKind::Cdrom")]
#[case(MediumKind::Floppy, isohybrid(), "use MediumKind::Cdrom")]
#[case(MediumKind::Disk, Content::Iso9660Loader { after: After::Exit }, "use MediumKind::Cdrom")]
#[case(MediumKind::Disk, Content::installed("/a.efi", true), "is no path of short names")]
#[case(MediumKind::Cdrom, el_torito(Boots::Both, 0, 0), "use 1 to 64 sectors")]
#[case(MediumKind::Cdrom, el_torito(Boots::Both, 65, 0), "above the format's limit of 64")]
#[case(MediumKind::Cdrom, el_torito(Boots::Both, 4, 9), "above the format's limit of 8")]
#[case(MediumKind::Cdrom, el_torito(Boots::BiosOnly, 4, 1), "no decoys")]
fn a_contradiction_is_refused_with_a_way_out(#[case] kind: MediumKind, #[case] content: Content, #[case] advice: &str) {
    let error = refusal(kind, content, None);
    assert!(error.contains(advice), "{error}");
}

#[rstest]
#[case(MediumKind::Disk, u64::MAX)]
#[case(MediumKind::Cdrom, u64::MAX)]
#[case(MediumKind::Cdrom, (1 << 34) + 4)]
fn a_size_beyond_the_format_is_refused(#[case] kind: MediumKind, #[case] sectors: u64) {
    let error = refusal(kind, Content::bootable(), Some(sectors));
    assert!(error.contains("above the format's limit"), "{error}");
}

#[test]
fn a_program_can_be_neither_shorter_than_itself_nor_longer_than_its_segment() {
    let short = payload::bios_network_program_of("right", NONCE, After::Exit, 512).expect_err("too short");
    assert!(matches!(short, ImageError::TooSmall { sectors: 1, .. }), "{short}");
    let long = payload::bios_network_program_of("right", NONCE, After::Exit, 32_769).expect_err("too long");
    assert!(matches!(long, ImageError::TooLarge { value: 32_769, limit: 32_768, .. }), "{long}");
    assert!(payload::efi_application_of("right", NONCE, After::Exit, 100).is_err());
}

fn disk(sectors: u64) -> Image {
    build(&MediumSpec::new("right", MediumKind::Disk, Content::Blank).with_sectors(sectors), NONCE).expect("no content")
}

#[test]
fn a_medium_too_large_for_memory_is_refused_there() {
    let error = disk(6_000_000_000).to_bytes().expect_err("three terabytes");
    assert!(error.to_string().contains("length in bytes of an image for memory"), "{error}");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let error = disk(1).write_to(Path::new("/nonexistent/medium.img")).expect_err("no such directory");
    assert!(error.to_string().contains("/nonexistent/medium.img"), "{error}");
    assert!(std::error::Error::source(&error).is_some(), "the system's reason is the source");
}
