//! Guests of other architectures, made into machines and read back from the command lines of those: nothing is lost on the way.

use std::path::PathBuf;

use rstest::rstest;

use super::compare::differences;
use super::{libvirt, qemu};
use crate::machine::argv::{Files, Wiring, argv};
use crate::machine::layout::Layout;

#[rstest]
#[case("riscv64.xml", "qemu-system-riscv64")]
#[case("s390x.xml", "qemu-system-s390x")]
#[case("ppc64.xml", "qemu-system-ppc64")]
fn our_own_command_line_says_the_same(#[case] name: &str, #[case] program: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/libvirt").join(name);
    let guest = libvirt::read(name, &std::fs::read_to_string(path).unwrap(), &[]).unwrap();
    let machine = guest.machine().unwrap();
    let layout = Layout::of(&machine).unwrap();
    let media = layout.devices.iter().map(|placed| placed.kind.map(|_| PathBuf::from("medium"))).collect();
    let flash = guest.firmware.uefi().map(|_| PathBuf::from("RISCV_VIRT_CODE.fd"));
    let files = Files { media, code: flash.clone(), vars: flash, ..Files::default() };
    let words = argv(&machine, &layout, &files, &Wiring::ByHand { debugcon: "log".into(), tpm: None });
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("{program} {}", quoted.join(" "));
    let own = qemu::read_text("own", &line, &qemu::Reading::default()).unwrap();
    assert_eq!(differences(&guest, &own), [""; 0], "{line}");
}
