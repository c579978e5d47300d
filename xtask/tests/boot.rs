//! `cargo xtask boot` where it must refuse: one clear error, exit status 2, nothing written.

mod refusal;

use std::fs;
use std::path::Path;
use std::process::Output;

use refusal::Refused;

fn boot(folder: &Path, arguments: &[&str]) -> Output {
    refusal::run("boot", folder, arguments)
}

/// What lies around.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
    put("zeros.iso", &vec![0; 1 << 20]);
    put("empty.iso", b"");
    put("note.txt", b"no medium");
    put("page.iso", b"<!DOCTYPE html><title>404 Not Found</title>");
    put("packed.img.xz", b"\xfd7zXZ\0and more");
    put("dos.conf", b"DEVICE=HIGH\n");
    put("script.conf", b"dhcp-range=10.0.0.10,10.0.0.20\ndhcp-script=/bin/sh\n");
    put("laughs.xml", b"<!DOCTYPE n [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>\n<network>&b;</network>");
    put("domain.xml", b"<domain type='kvm'/>");
    put("kernel", &[0; 4096]);
    let mut sector = vec![0; 1 << 20];
    sector[0] = 0xeb;
    sector[510..512].copy_from_slice(&[0x55, 0xaa]);
    put("disk.img", &sector);
    let mut backed = b"QFI\xfb\0\0\0\x03".to_vec();
    backed.resize(4096, 0);
    backed[15] = 200;
    backed[19] = 11;
    backed[200..211].copy_from_slice(b"/etc/passwd");
    put("backed.qcow2", &backed);
    fs::create_dir(folder.path().join("tree")).expect("a folder");
    put("tree/readme", b"nothing to boot");
    fs::create_dir(folder.path().join("links")).expect("a folder");
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("links/out")).expect("a link");
    folder
}

/// Arguments, and what the error must say.
const REFUSED: [Refused; 27] = [
    (&[], "nothing to boot: give a medium"),
    (&["missing.iso"], "there is no such file"),
    (&["zeros.iso"], "all zero in its first 1024 KiB"),
    (&["empty.iso"], "the file is empty"),
    (&["note.txt"], "9 bytes; wanted a medium of at least one sector"),
    (&["page.iso"], "a web page; the download went wrong"),
    (&["packed.img.xz"], "an xz file; unpack it first"),
    (&["backed.qcow2"], "a qcow2 with a backing file, /etc/passwd; a guest reads one file only"),
    (&["/dev/zero"], "a device node; a host's device is never given to a guest"),
    (&["tree"], "a folder; wanted an image"),
    (&["--cdrom", "disk.img"], "no ISO 9660 file system"),
    (&["disk.img", "--disk", "disk.img"], "cannot be used with"),
    (&["--disk", "disk.img", "--bus", "floppy"], "what is booted here cannot be there"),
    (&["--disk", "disk.img", "--bus", "ide", "--machine", "q35"], "--bus ide is on pc only"),
    (&["--disk", "disk.img", "--firmware", "uefi-secure", "--machine", "pc"], "--firmware uefi-secure is on q35 only"),
    (&["--disk", "disk.img", "--firmware", "bios,efi"], "invalid value 'efi'"),
    (&["--disk", "disk.img", "--expect", "("], "unclosed group"),
    (&["--disk", "disk.img", "--send", "\\q"], "wanted \\n, \\t, \\e"),
    (&["--disk", "disk.img", "--file", "a"], "--file goes with --pxe DIR or --http DIR"),
    (&["--disk", "disk.img", "--platform", "nowhere"], "nowhere"),
    (&["--pxe", "tree"], "has a well-known name such as pxelinux.0"),
    (&["--pxe", "tree", "--file", "boot.0"], "there is no such file in the folder"),
    (&["--pxe", "links", "--file", "out"], "a link out of the folder"),
    (&["--kernel", "kernel"], "no Linux kernel for x86"),
    (&["--dhcp", "script.conf"], "script.conf:2: dhcp-script runs programs"),
    (&["--dhcp", "laughs.xml"], "laughs.xml:1: broken XML"),
    (&["--dhcp", "domain.xml"], "the root element is <domain>"),
];

#[test]
fn bad_input_gets_one_clear_error_and_nothing_is_written() {
    refusal::each("boot", folder().path(), &REFUSED);
}

/// The file alone, in the folder where one is.
#[test]
fn a_file_that_a_network_offers_needs_no_folder_before_its_name() {
    let folder = folder();
    let output = boot(&folder.path().join("tree"), &["--pxe", "readme", "--list"]);
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}{complained}");
    assert!(said.contains("readme"), "{said}");
}

#[test]
fn what_was_found_is_told_without_a_boot() {
    let folder = folder();
    let output = boot(folder.path(), &["disk.img", "--list"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("disk.img: a floppy image, 1048576 bytes\n  BIOS: boot code with a signature"), "{said}");
    assert!(said.contains("must not boot: UEFI on this board boots no floppy"), "{said}");
    assert!(!folder.path().join("out").exists());
}
