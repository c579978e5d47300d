//! Hard disks: partition tables and ESPs as other people's tools read them.

mod media;

use bootwright_images::{
    After, BadLoader, Boots, Content, FatType, Image, MediumKind, MediumSpec, PartitionTable, build, payload,
};
use media::{NONCE, OnDisk, bootable, copy_out, fsck, medium, run, tool, volume};
use rstest::rstest;

const MIB: usize = 1 << 20;
const ESP_IN_SECTORS: [(FatType, usize); 3] =
    [(FatType::Fat12, 16_065 - 2048), (FatType::Fat16, 16_065 - 2048), (FatType::Fat32, 5 * 16_065 - 2048)];

fn esp(image: &Image, fat: FatType) -> Vec<u8> {
    let (_, sectors) = ESP_IN_SECTORS.into_iter().find(|(type_, _)| *type_ == fat).expect("all three are listed");
    volume(image, MIB, sectors * 512)
}

/// Whether sgdisk has no complaint, and its words; it can find no problem and still have found a damaged copy.
fn sgdisk(file: &OnDisk) -> Option<(bool, String)> {
    let (_, text) = run(tool("sgdisk")?.arg("-v").arg(file.path()));
    let content = text.contains("No problems found") && !text.contains("corrupt") && !text.contains("ERROR");
    Some((content, text))
}

#[rstest]
fn fsck_finds_nothing_wrong_and_the_type_asked_for(
    #[values((FatType::Fat12, "12 bit"), (FatType::Fat16, "16 bit"), (FatType::Fat32, "32 bit"))] (fat, bits): (
        FatType,
        &str,
    ),
    #[values(PartitionTable::Mbr, PartitionTable::Gpt, PartitionTable::Hybrid)] table: PartitionTable,
) {
    let image = medium(MediumKind::Disk, bootable(Boots::Both, table, fat));
    let Some((ok, text)) = fsck(&esp(&image, fat)) else { return };
    assert!(ok && text.contains(bits) && text.contains("4 files"), "{text}");
}

#[rstest]
#[case(FatType::Fat12, 9, "12 bit")]
#[case(FatType::Fat16, 25, "16 bit")]
#[case(FatType::Fat32, 273, "32 bit")]
fn fsck_accepts_volumes_of_4096_byte_sectors(#[case] fat: FatType, #[case] end_mib: usize, #[case] bits: &str) {
    let image = medium(MediumKind::Disk4Kn, bootable(Boots::Both, PartitionTable::Mbr, fat));
    let Some((ok, text)) = fsck(&volume(&image, MIB, (end_mib - 1) * MIB)) else { return };
    assert!(ok && text.contains(bits) && text.contains("4096 bytes per logical sector"), "{text}");
}

#[test]
fn fsck_says_no_when_the_two_fats_differ() {
    let image = medium(MediumKind::Disk, Content::bootable());
    let mut volume = esp(&image, FatType::Fat16);
    volume[512 + 8] ^= 0xff;
    let Some((ok, text)) = fsck(&volume) else { return };
    assert!(!ok, "{text}");
}

#[rstest]
fn the_removable_media_path_holds_the_application(
    #[values(FatType::Fat12, FatType::Fat16, FatType::Fat32)] fat: FatType,
    #[values(MediumKind::Disk, MediumKind::Disk4Kn)] kind: MediumKind,
) {
    let file = OnDisk::image(&medium(kind, bootable(Boots::Both, PartitionTable::Gpt, fat)));
    let copied = copy_out(&file.path(), MIB as u64, "/EFI/BOOT/BOOTX64.EFI", &file.beside("copy"));
    let Some(copied) = copied else { return };
    assert_eq!(copied, Ok(payload::efi_application("right", NONCE, After::Exit).expect("a good name")));
}

#[test]
fn a_disk_without_signature_has_its_code_but_neither_signature_nor_path() {
    let image = medium(MediumKind::Disk, Content::NoSignature);
    let signed = medium(MediumKind::Disk, Content::bootable()).to_bytes().expect("small");
    let bytes = image.to_bytes().expect("small");
    assert_eq!(bytes[..510], signed[..510]);
    assert_eq!(bytes[510..512], [0, 0]);
    assert_eq!(signed[510..512], [0x55, 0xaa]);
    assert_eq!(bytes[512..MIB], signed[512..MIB], "stage 2 is the same");

    let file = OnDisk::image(&image);
    let copy = file.beside("copy");
    let Some(at_path) = copy_out(&file.path(), MIB as u64, "/EFI/BOOT/BOOTX64.EFI", &copy) else { return };
    assert!(at_path.is_err());
    let elsewhere = copy_out(&file.path(), MIB as u64, "/EFI/OTHER/PAYLOAD.EFI", &copy);
    assert!(elsewhere.is_some_and(|result| result.is_ok()));
}

#[test]
fn a_disk_to_install_lacks_its_signature_and_nothing_else() {
    let bytes = medium(MediumKind::Disk, Content::Uninstalled { fat: FatType::Fat16, after: After::Exit });
    let mut bytes = bytes.to_bytes().expect("small");
    assert_eq!(bytes[510..512], [0, 0]);
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(bytes, medium(MediumKind::Disk, Content::bootable()).to_bytes().expect("small"));
}

#[rstest]
fn an_installed_system_has_its_loader_at_its_own_path(#[values(false, true)] fallback: bool) {
    let file = OnDisk::image(&medium(MediumKind::Disk, Content::installed("\\EFI\\debian\\grubx64.efi", fallback)));
    let copy = |path: &str| copy_out(&file.path(), MIB as u64, path, &file.beside(&path.replace('/', "_")));
    let Some(own) = copy("/EFI/DEBIAN/GRUBX64.EFI") else { return };
    let program = payload::efi_application("right", NONCE, After::Exit).expect("a good name");
    assert_eq!(own.as_ref(), Ok(&program));
    let removable = copy("/EFI/BOOT/BOOTX64.EFI");
    assert_eq!(removable.and_then(Result::ok), fallback.then_some(program));
    let image = medium(MediumKind::Disk, Content::installed("\\EFI\\debian\\grubx64.efi", fallback));
    let Some((ok, text)) = fsck(&esp(&image, FatType::Fat16)) else { return };
    assert!(ok, "{text}");
}

#[rstest]
fn sgdisk_finds_no_problem_in_a_gpt(
    #[values(PartitionTable::Gpt, PartitionTable::Hybrid)] table: PartitionTable,
    #[values(None, Some(16_098), Some(16_099), Some(1_000_003), Some(6_000_000_000))] sectors: Option<u64>,
) {
    let content = bootable(Boots::Both, table, FatType::Fat16);
    let spec = MediumSpec { sectors, ..MediumSpec::new("right", MediumKind::Disk, content) };
    let file = OnDisk::image(&build(&spec, NONCE).expect("large enough"));
    let Some((content, text)) = sgdisk(&file) else { return };
    assert!(content, "{text}");
}

#[rstest]
#[case::primary_header(512 + 40, "corrupt")]
#[case::primary_entries(1024 + 33, "CRC")]
#[case::backup_header(16_097 * 512 + 40, "backup")]
fn sgdisk_says_no_to_a_damaged_gpt(#[case] byte: usize, #[case] complaint: &str) {
    let image = medium(MediumKind::Disk, bootable(Boots::Both, PartitionTable::Gpt, FatType::Fat16));
    let mut bytes = image.to_bytes().expect("small");
    bytes[byte] ^= 1;
    let file = OnDisk::bytes(&bytes);
    let Some((content, text)) = sgdisk(&file) else { return };
    assert!(!content && text.contains(complaint), "{text}");
}

#[rstest]
#[case(bootable(Boots::Both, PartitionTable::Mbr, FatType::Fat16), "dos")]
#[case(bootable(Boots::BiosOnly, PartitionTable::Mbr, FatType::Fat16), "dos")]
#[case(bootable(Boots::Both, PartitionTable::Gpt, FatType::Fat16), "gpt")]
fn sfdisk_verifies_the_table_and_knows_its_kind(#[case] content: Content, #[case] kind: &str) {
    let file = OnDisk::image(&medium(MediumKind::Disk, content));
    let Some(mut sfdisk) = tool("sfdisk") else { return };
    let (ok, text) = run(sfdisk.arg("--verify").arg(file.path()));
    assert!(ok && text.contains("No errors detected"), "{text}");
    let Some(mut sfdisk) = tool("sfdisk") else { return };
    let (_, text) = run(sfdisk.arg("--dump").arg(file.path()));
    assert!(text.contains(&format!("label: {kind}")), "{text}");
    assert!(text.contains("start=        2048, size=       14017"), "{text}");
}

#[test]
fn fdisk_reads_a_gpt_of_4096_byte_sectors() {
    let content = bootable(Boots::Both, PartitionTable::Gpt, FatType::Fat16);
    let file = OnDisk::image(&medium(MediumKind::Disk4Kn, content));
    let Some(mut fdisk) = tool("fdisk") else { return };
    let (ok, text) = run(fdisk.args(["-b", "4096", "-l"]).arg(file.path()));
    assert!(ok && text.contains("Disklabel type: gpt") && text.contains("EFI System"), "{text}");
    assert!(!text.contains("corrupt"), "{text}");
}

#[test]
fn identifiers_follow_from_the_nonce() {
    let bytes =
        |table| medium(MediumKind::Disk, bootable(Boots::Both, table, FatType::Fat16)).to_bytes().expect("small");
    let (mbr, gpt) = (bytes(PartitionTable::Mbr), bytes(PartitionTable::Gpt));
    assert_eq!(mbr[440..444], NONCE.disk_signature().to_le_bytes());
    assert_eq!(mbr[MIB + 39..MIB + 43], NONCE.disk_signature().to_le_bytes(), "the volume's serial number");
    assert_eq!(gpt[512 + 56..512 + 72], NONCE.disk_guid());
    assert_eq!(gpt[1024 + 16..1024 + 32], NONCE.partition_guid());
    assert_eq!((NONCE.disk_guid()[7] >> 4, NONCE.disk_guid()[8] >> 6), (4, 2), "a random GUID");
}

#[test]
fn a_partition_entry_has_matching_chs_and_lba() {
    let bytes = medium(MediumKind::Disk, Content::bootable()).to_bytes().expect("small");
    // LBA 2048 = 0 * 16065 + 32 * 63 + 32, sectors count from 1; LBA 16064 is the last sector of cylinder 0
    assert_eq!(bytes[446..454], [0x80, 32, 33, 0, 0xef, 254, 63, 0]);
    assert_eq!(bytes[454..462], [0, 8, 0, 0, 0xc1, 0x36, 0, 0]);
}

#[test]
fn a_disk_above_2_tib_is_sparse_and_has_its_backup_gpt_at_the_end() {
    const SECTORS: u64 = 6_000_000_000;
    let content = bootable(Boots::Both, PartitionTable::Gpt, FatType::Fat32);
    let spec = MediumSpec::new("large", MediumKind::Disk, content).with_sectors(SECTORS);
    let image = build(&spec, NONCE).expect("sparse");
    assert_eq!(image.length(), SECTORS * 512);
    let held: usize = image.extents().iter().map(|extent| extent.bytes.len()).sum();
    assert!(held < MIB, "{held} bytes held for a sparse disk");
    let last = image.extents().last().expect("not blank");
    assert_eq!((last.offset, &last.bytes[..8]), ((SECTORS - 1) * 512, &b"EFI PART"[..]));
    let protective = &image.extents()[0].bytes[446..462];
    assert_eq!(protective[12..16], [0xff; 4], "the protective entry's count saturates");
}

#[rstest]
fn a_size_is_kept_to_the_sector(#[values(16_098, 16_099, 20_001, 123_457)] sectors: u64) {
    for table in [PartitionTable::Mbr, PartitionTable::Gpt, PartitionTable::Hybrid] {
        let content = bootable(Boots::Both, table, FatType::Fat16);
        let spec = MediumSpec::new("right", MediumKind::Disk, content).with_sectors(sectors);
        assert_eq!(build(&spec, NONCE).expect("large enough").length(), sectors * 512);
    }
}

#[test]
fn a_blank_disk_is_zero_and_of_any_size() {
    let spec = MediumSpec::new("blank", MediumKind::Disk, Content::Blank).with_sectors(1);
    assert_eq!(build(&spec, NONCE).expect("no content").to_bytes().expect("small"), [0; 512]);
}

#[test]
fn the_vendor_disk_is_the_listing_byte_for_byte() {
    let bytes = medium(MediumKind::Disk, Content::VendorReboot).to_bytes().expect("small");
    assert_eq!(bytes.len(), 0x7fffc + 4);
    let set: Vec<_> = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, byte)| (at, *byte)).collect();
    assert_eq!(set, [(0, 0xb0), (1, 0xfe), (2, 0xe6), (3, 0x64), (510, 0x55), (511, 0xaa)]);
}

#[rstest]
fn a_bad_loader_is_at_the_removable_media_path(
    #[values(BadLoader::OtherMachine, BadLoader::Truncated, BadLoader::Headers, BadLoader::Empty, BadLoader::Text)]
    bad: BadLoader,
) {
    let image = medium(MediumKind::Disk, Content::BadLoader(bad));
    assert_eq!(image.to_bytes().expect("small")[510..512], [0, 0], "no BIOS boots it");
    let file = OnDisk::image(&image);
    let copied = copy_out(&file.path(), MIB as u64, "/EFI/BOOT/BOOTX64.EFI", &file.beside("copy"));
    let Some(copied) = copied.map(|copied| copied.expect("it is there")) else { return };
    let program = payload::efi_application("right", NONCE, After::Exit).expect("a good name");
    assert_ne!(copied, program);
    let begins = matches!(bad, BadLoader::Truncated | BadLoader::Headers | BadLoader::Empty);
    assert_eq!(program.starts_with(&copied), begins);
    let Some((ok, text)) = fsck(&esp(&image, FatType::Fat16)) else { return };
    assert!(ok, "{text}");
}
