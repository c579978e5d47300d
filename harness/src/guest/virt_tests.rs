//! Guests on `virt` of RISC-V and LoongArch.

use super::compare::differences;
use super::qemu::{self, Reading};
use super::read_tests::{data, line, warned};
use super::{Guest, Plug, libvirt, warnings};
use crate::machine::layout::Layout;
use crate::machine::{Board, DeviceClass, Firmware, Place};

fn domain(xml: &str) -> Guest {
    libvirt::read("a.xml", xml, &[]).unwrap()
}

const OF_RISCV: &str = "qemu-system-riscv64 -M virt -nodefaults";
const FLASH: &str = "-drive if=pflash,unit=0,file=RISCV_VIRT_CODE.fd,readonly=on -drive if=pflash,unit=1,file=v.fd";
const DISK: &str = "-drive if=none,id=d,file=a.img -device virtio-blk-pci,drive=d";

/// The line is written by hand in libvirt's form.
#[test]
fn a_domain_of_riscv_is_the_machine_of_the_line_that_is_written_for_it() {
    let guest = domain(&data("riscv64.xml"));
    assert_eq!(differences(&guest, &line(&data("riscv64.argv.txt"))), [""; 0]);
    let names: Vec<_> = guest.devices.iter().map(|device| (device.name.as_str(), device.device.bootindex)).collect();
    assert_eq!(names, [("vda", Some(2)), ("sda", Some(1)), ("nic0", None)]);
    assert_eq!(guest.devices[1].device.class, DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 0 });
    assert!(guest.devices[1].device.optical && guest.rng);
    assert_eq!(guest.devices[0].device.place, Place::Port { slot: 1, function: 3 });
}

#[rstest::rstest]
#[case("riscv64", Board::VirtRiscv64, Firmware::RiscVVirt, "RISCV_VIRT", ("SCSI (LSI 53c895a) disk", Place::PciBridge))]
#[case(
    "loongarch64",
    Board::VirtLoongarch64,
    Firmware::LoongArchVirt,
    "LoongArchVirt",
    ("virtio-scsi disk", Place::Port { slot: 1, function: 1 })
)]
fn each_has_its_board_and_the_platforms_firmware(
    #[case] architecture: &str,
    #[case] board: Board,
    #[case] firmware: Firmware,
    #[case] name: &str,
    #[case] (kind, place): (&str, Place),
) {
    let xml = format!(
        "<domain type='qemu'><os firmware='efi'><type arch='{architecture}' machine='virt'>hvm</type></os><devices>\
         <disk><source file='a'/><target dev='sda' bus='scsi'/></disk>\
         <interface type='user'/></devices></domain>"
    );
    // libvirt adds no USB controller
    let guest = domain(&xml);
    let machine = guest.machine().unwrap();
    assert_eq!((machine.board, machine.firmware, guest.firmware_kind()), (board, firmware, "UEFI"));
    let kinds: Vec<_> = guest.devices.iter().map(|device| device.kind.as_str()).collect();
    assert_eq!(kinds, [kind, "virtio-net NIC"]);
    assert_eq!(guest.devices[0].device.place, place);
    assert!(guest.notes.0.iter().any(|note| note.words.contains(&format!("the platform's {name}"))));
    Layout::of(&machine).unwrap();
    // and without a word of machine or firmware
    let bare = domain(&xml.replace(" machine='virt'", "").replace(" firmware='efi'", ""));
    assert_eq!((bare.board, bare.firmware_kind()), (Some(board), "no firmware"));
    let other = domain(&xml.replace("machine='virt'", "machine='other'"));
    assert!(other.board.is_none());
    assert!(other.machine().unwrap_err().what.contains(architecture));
}

#[test]
fn flash_is_firmware_on_riscv_and_what_is_behind_bios_runs_before_it() {
    let guest = line(&format!("{OF_RISCV} {FLASH} -bios /usr/share/opensbi/fw_jump.bin {DISK}"));
    assert_eq!(guest.firmware.uefi().unwrap().code.as_ref().unwrap().0, "RISCV_VIRT_CODE.fd");
    assert!(!warned(&guest).contains(&"no-firmware"));
    let bare = line(&format!("{OF_RISCV} -bios fw_jump.bin {DISK}"));
    assert_eq!(bare.firmware_kind(), "no firmware");
    assert!(bare.notes.0.iter().any(|note| note.words.ends_with("the OpenSBI that the platform's QEMU brings")));
    let words = warnings::of_guest(&bare).into_iter().find(|warning| warning.word == "no-firmware").unwrap().words;
    assert!(!words.contains("-bios FILE") && words.contains("RISCV_VIRT"), "{words}");
    let loongarch = line(&format!("qemu-system-loongarch64 -nodefaults -bios QEMU_EFI.fd {DISK}"));
    assert_eq!((loongarch.board, loongarch.firmware_kind()), (Some(Board::VirtLoongarch64), "UEFI"));
    let loader = "<domain type='qemu'><os><type arch='riscv64' machine='virt'>hvm</type>\
                  <loader type='rom'>/usr/share/opensbi/fw_jump.bin</loader><kernel>/boot/u-boot.elf</kernel></os></domain>";
    assert_eq!(domain(loader).firmware_kind(), "no firmware");
}

#[test]
fn riscv_makes_no_card_of_its_own_and_loongarch_one() {
    let riscv = line(&format!("qemu-system-riscv64 -M virt {FLASH} -nic user -hda a.img"));
    let kinds = |guest: &Guest| guest.devices.iter().map(|device| device.kind.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(&riscv), ["virtio disk"]);
    assert!(riscv.notes.0.iter().any(|note| note.words.contains("makes no card of -nic")), "{:?}", riscv.notes);
    assert_eq!(kinds(&line("qemu-system-riscv64 -M virt -hda a.img")), ["virtio disk"]);
    let loongarch = line("qemu-system-loongarch64 -M virt -bios QEMU_EFI.fd -hda a.img");
    assert_eq!(kinds(&loongarch), ["virtio-net NIC", "virtio disk"]);
    assert_eq!(loongarch.devices[0].network, Some(Plug::User(None)));
    // QEMU's default on RISC-V is another board
    assert!(line("qemu-system-riscv64 -hda a.img").board.is_none());
}

#[rstest::rstest]
#[case::once("-boot once=d", "no order by classes")]
#[case::usb("-usb -drive if=none,id=u,file=a -device usb-storage,drive=u", "has no USB controller")]
fn what_qemu_refuses_on_virt_is_refused_for_riscv(#[case] more: &str, #[case] wanted: &str) {
    let error = qemu::read_text("line", &format!("{OF_RISCV} {FLASH} {more}"), &Reading::default()).unwrap_err();
    assert!(error.what.contains(wanted), "{error}");
}

#[test]
fn a_card_with_a_rank_is_never_tried_and_one_without_is() {
    let card = "-netdev user,id=n -device virtio-net-pci,netdev=n";
    let ranked = line(&format!("{OF_RISCV} {FLASH} {card},bootindex=1 -device virtio-rng-pci"));
    assert!(warned(&ranked).contains(&"no-network-option") && !warned(&ranked).contains(&"no-rng"));
    let plain = line(&format!("{OF_RISCV} {FLASH} {card}"));
    assert!(!warned(&plain).contains(&"no-network-option") && warned(&plain).contains(&"no-rng"));
    let arm = line(&format!("qemu-system-aarch64 -M virt -nodefaults -bios QEMU_EFI.fd {card},bootindex=1"));
    assert!(!warned(&arm).contains(&"no-network-option"));
}

#[test]
fn files_of_firmware_are_called_as_distributions_call_them() {
    let guest = line(&format!("qemu-system-loongarch64 -nodefaults -bios QEMU_EFI.fd {DISK}"));
    let warning = warnings::of_guest(&guest).into_iter().find(|warning| warning.word == "no-variables").unwrap();
    let wanted = ["BOOTLOONGARCH64.EFI", "replace -bios", "with QEMU_EFI.fd and", "a copy of QEMU_VARS.fd"];
    assert!(wanted.iter().all(|wanted| warning.words.contains(wanted)), "{warning}");
    let riscv = line(&format!("{OF_RISCV} -drive if=pflash,unit=0,file=RISCV_VIRT_CODE.fd {DISK}"));
    let warning = warnings::of_guest(&riscv).into_iter().find(|warning| warning.word == "no-variables").unwrap();
    assert!(
        warning.words.contains("add -drive if=pflash,unit=1") && warning.words.contains("a copy of RISCV_VIRT_VARS")
    );
}
