//! Files that are made here, and what is seen in them.

use std::io::Write;

use rstest::rstest;

use super::*;

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    (folder, path)
}

fn boot_sector() -> Vec<u8> {
    let mut bytes = vec![0; 4 << 20];
    bytes[0] = 0xeb;
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    bytes
}

#[test]
fn a_boot_sector_is_for_bios_only() {
    let (_folder, path) = file("a.img", &boot_sector());
    let looked = look(&path, None).unwrap();
    assert_eq!((looked.kind, looked.format, looked.bytes), (Kind::Disk, Format::Raw, 4 << 20));
    assert!(looked.bios.boots && !looked.uefi.boots);
    assert_eq!(looked.uefi.why, "no EFI loader: no EFI system partition");
}

#[test]
fn media_that_the_image_builder_makes_are_seen_as_what_they_are() {
    use bootwright_images::{After, Boots, Content, FatType, MediumKind, MediumSpec, Nonce, PartitionTable, build};
    let folder = tempfile::tempdir().unwrap();
    let all = [(MediumKind::Disk, Kind::Disk), (MediumKind::Cdrom, Kind::Optical), (MediumKind::Floppy, Kind::Floppy)];
    for (kind, wanted) in all {
        for (boots, bios, uefi) in
            [(Boots::Both, true, true), (Boots::BiosOnly, true, false), (Boots::UefiOnly, false, true)]
        {
            if kind == MediumKind::Floppy && boots != Boots::Both {
                continue;
            }
            // an MBR disk for UEFI only cannot be made
            let table = if boots == Boots::UefiOnly { PartitionTable::Gpt } else { PartitionTable::Mbr };
            let fat = FatType::Fat16;
            let content = Content::Bootable { boots, table, fat, after: After::Exit };
            let sectors = (kind == MediumKind::Disk).then_some(65_536);
            let spec = MediumSpec { sectors, ..MediumSpec::new("m", kind, content) };
            let path = folder.path().join(format!("{kind:?}-{boots:?}"));
            build(&spec, Nonce([1; 16])).unwrap().write_to(&path).unwrap();
            let looked = look(&path, None).unwrap();
            assert_eq!((looked.kind, looked.bios.boots), (wanted, bios), "{kind:?} {boots:?} {looked:?}");
            assert!(kind == MediumKind::Floppy || looked.uefi.boots == uefi, "{kind:?} {boots:?} {looked:?}");
        }
    }
}

#[test]
fn an_overlay_is_a_qcow2_of_the_mediums_size_in_which_nothing_lies() {
    let (_folder, path) = file("o.qcow2", &overlay::empty(3 << 30));
    let source = Source::open(&path).unwrap();
    let mut source = source.into_qcow2().unwrap();
    assert_eq!(source.length(), 3 << 30);
    assert!(source.bytes((3 << 30) - 512, 512).unwrap().iter().all(|byte| *byte == 0));
}

fn qcow2(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = overlay::empty(1 << 20);
    change(&mut bytes);
    bytes
}

#[rstest]
#[case::empty(b"".to_vec(), "the file is empty")]
#[case::short(b"x".to_vec(), "1 bytes; wanted a medium of at least one sector")]
#[case::zeros(vec![0; 4 << 20], "all zero in its first 1024 KiB")]
#[case::zero_qcow2(qcow2(|_| ()), "all zero in its first 1024 KiB")]
#[case::backing(
    qcow2(|bytes| {
        bytes[8..16].copy_from_slice(&200_u64.to_be_bytes());
        bytes[16..20].copy_from_slice(&11_u32.to_be_bytes());
        bytes[200..211].copy_from_slice(b"/etc/passwd");
    }),
    "a qcow2 with a backing file, /etc/passwd; a guest reads one file only"
)]
#[case::external(qcow2(|bytes| bytes[79] = 4), "a qcow2 with an external data file")]
#[case::corrupt(qcow2(|bytes| bytes[79] = 2), "a qcow2 that is marked as corrupt")]
#[case::encrypted(qcow2(|bytes| bytes[35] = 2), "an encrypted qcow2")]
#[case::version(qcow2(|bytes| bytes[7] = 9), "qcow2 version 9")]
#[case::cut(qcow2(|bytes| bytes.truncate(90)), "a qcow2 of 90 bytes: its header is cut short")]
#[case::tables(qcow2(|bytes| bytes.truncate(3 << 16)), "a qcow2 whose tables are cut short")]
#[case::contradicts(qcow2(|bytes| bytes[23] = 60), "a qcow2 whose header contradicts itself")]
#[case::vmdk(b"KDMV............".to_vec(), "a VMDK image")]
#[case::gzip(b"\x1f\x8b............".to_vec(), "a gzip file; unpack it first")]
#[case::xz(b"\xfd7zXZ\0............".to_vec(), "an xz file")]
#[case::page(b"<!DOCTYPE html><title>404".to_vec(), "a web page; the download went wrong")]
#[case::elf(b"\x7fELF............".to_vec(), "an ELF program")]
fn what_is_no_medium_is_refused(#[case] bytes: Vec<u8>, #[case] wanted: &str) {
    let (_folder, path) = file("a.iso", &bytes);
    let error = look(&path, None).unwrap_err().to_string();
    assert!(error.contains(wanted), "{error}");
    assert!(error.contains("a.iso: "), "{error}");
}

#[rstest]
#[case::nothing("/nonexistent/a.iso", "there is no such file")]
#[case::folder("/", "a folder")]
#[case::device("/dev/zero", "a device node; a host's device is never given to a guest")]
fn what_is_no_file_is_refused(#[case] path: &str, #[case] wanted: &str) {
    let error = look(path.as_ref(), None).unwrap_err().to_string();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn a_disk_is_no_iso_and_no_floppy() {
    let (_folder, path) = file("a.img", &boot_sector());
    assert!(look(&path, Some(Kind::Optical)).unwrap_err().to_string().contains("no ISO 9660 file system"));
    assert!(look(&path, Some(Kind::Floppy)).unwrap_err().to_string().contains("at most 2.88 MB"));
}

#[test]
fn what_is_broken_inside_is_no_panic() {
    let mut bytes = boot_sector();
    for (at, byte) in bytes.iter_mut().enumerate().skip(446).take(64) {
        *byte = 0xff ^ (at as u8);
    }
    bytes[512..520].copy_from_slice(b"EFI PART");
    bytes[584..600].fill(0xff);
    bytes[0x8001..0x8006].copy_from_slice(b"CD001");
    bytes[17 * 2048 + 1..17 * 2048 + 6].copy_from_slice(b"CD001");
    bytes[17 * 2048 + 7..17 * 2048 + 30].copy_from_slice(b"EL TORITO SPECIFICATION");
    bytes[17 * 2048 + 71..17 * 2048 + 75].fill(0xff);
    let (_folder, path) = file("a.img", &bytes);
    for kind in [None, Some(Kind::Disk), Some(Kind::Optical)] {
        assert!(!look(&path, kind).unwrap().uefi.boots);
    }
}
