//! Optical drives and floppies, of which a machine may have several.

use bootwright::case::Case;
use bootwright::machine::{Board, DeviceClass, Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::Boots;

use super::id::{BOARDS, case};
use crate::classes;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in BOARDS {
        cases.extend([two_listed(board), for_uefi_only(board), floppy_b_first(board), two_unlisted(board)]);
    }
    cases.extend([for_bios_only_of_ovmf(), dvd_first_of_ovmf(), beside_a_disk_of_ovmf()]);
    cases
}

/// Two optical drives that nothing lists: SeaBIOS tries the board's own before the SCSI one, which was named first.
///
/// <https://github.com/Tech-FZ/EmuGUI/issues/103>
fn two_unlisted(board: Board) -> Case {
    let machine = |drivers: Medium| {
        let machine = Machine::new(Firmware::SeaBios, board)
            .cdrom(DeviceClass::VirtioScsi { hba: 0, target: 0, lun: 0 }, Medium::bootable("installer"));
        machine.drive(classes::native_optical(board), 0, drivers).boot_order("d")
    };
    let blank = failed("drivers").because("Could not read from CDROM");
    case(Firmware::SeaBios, board, "two-opticals-none-listed")
        .machine(machine(Medium::blank("drivers")))
        .expect(Expectation::attempts([blank, booted("installer")]))
        .control(machine(Medium::bootable("drivers")))
}

/// The one that is listed first fails, and the other is tried.
///
/// <https://github.com/Tech-FZ/EmuGUI/issues/103>
fn two_listed(board: Board) -> Case {
    let machine = |drivers: Medium| {
        let optical = classes::native_optical(board);
        let machine =
            Machine::new(Firmware::SeaBios, board).drive(optical, 0, Medium::bootable("installer")).bootindex(2);
        machine.drive(optical, 1, drivers).bootindex(1)
    };
    let blank = failed("drivers").because("Could not read from CDROM");
    case(Firmware::SeaBios, board, "two-opticals-second-listed-first")
        .machine(machine(Medium::blank("drivers")))
        .expect(Expectation::attempts([blank, booted("installer")]))
        .control(machine(Medium::bootable("drivers")))
}

/// A blank disk and a CD on one virtio-scsi adapter, neither listed, so that QEMU puts them at targets 0 and 1: both have options, and the
/// removable one is tried first.
///
/// <https://github.com/autotest/tp-qemu/pull/3655>
fn beside_a_disk_of_ovmf() -> Case {
    let at = |target: u8| DeviceClass::VirtioScsi { hba: 0, target, lun: 0 };
    let machine = |cd: Medium| Machine::q35(Firmware::Ovmf).disk(at(0), Medium::blank("disk")).cdrom(at(1), cd);
    case(Firmware::Ovmf, Board::Q35, "disk-and-cd-on-one-adapter")
        .machine(machine(Medium::bootable("cd")))
        .expect(Expectation::boots("cd").without_trying("disk"))
        .control(machine(Medium::blank("cd")))
}

/// An ISO image for UEFI alone is refused by its boot catalogue, and the disk runs.
///
/// <https://github.com/phil-opp/blog_os/issues/309>
fn for_uefi_only(board: Board) -> Case {
    let machine = |iso: Medium| {
        let machine = Machine::new(Firmware::SeaBios, board).drive(classes::native_optical(board), 0, iso).bootindex(1);
        machine.virtio_blk(Medium::bootable("disk")).bootindex(2)
    };
    let refused = failed("iso").because("Could not read from CDROM (code 0009)");
    case(Firmware::SeaBios, board, "iso-for-uefi-only")
        .machine(machine(Medium::bootable("iso").boots(Boots::UefiOnly)))
        .expect(Expectation::attempts([refused, booted("disk")]))
        .control(machine(Medium::bootable("iso")))
}

/// Floppy B: is listed first, and drive 0 is what it becomes.
///
/// <https://github.com/ganeti/ganeti/pull/1573>
fn floppy_b_first(board: Board) -> Case {
    let machine = |b: Medium| {
        Machine::new(Firmware::SeaBios, board)
            .floppy(Medium::bootable("a"))
            .bootindex(2)
            .disk(DeviceClass::Floppy { unit: 1 }, b)
            .bootindex(1)
            .strict(true)
    };
    case(Firmware::SeaBios, board, "floppy-b-first")
        .machine(machine(Medium::blank("b")))
        .expect(Expectation::nothing_boots([failed("b").because("not a bootable disk")]).without_trying("a"))
        .control(machine(Medium::bootable("b")))
}

/// An ISO image for BIOS alone has nothing for OVMF, and the disk runs.
///
/// <https://github.com/netbootxyz/netboot.xyz/issues/268>
fn for_bios_only_of_ovmf() -> Case {
    let machine = |iso: Medium| {
        let machine = Machine::q35(Firmware::Ovmf).drive(classes::native_optical(Board::Q35), 0, iso).bootindex(1);
        machine.virtio_blk(Medium::bootable("disk")).bootindex(2)
    };
    case(Firmware::Ovmf, Board::Q35, "iso-for-bios-only")
        .machine(machine(Medium::bootable("iso").boots(Boots::BiosOnly)))
        .expect(Expectation::attempts([failed("iso").because("Not Found"), booted("disk")]))
        .control(machine(Medium::bootable("iso")))
}

/// Nothing is listed: OVMF takes the DVD before the disk.
///
/// <https://github.com/os-autoinst/os-autoinst/issues/640>
/// <https://github.com/hashicorp/packer-plugin-qemu/pull/118>
fn dvd_first_of_ovmf() -> Case {
    let machine = |dvd: Medium| {
        let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("disk"));
        machine.drive(classes::native_optical(Board::Q35), 0, dvd)
    };
    case(Firmware::Ovmf, Board::Q35, "dvd-and-disk-none-listed")
        .machine(machine(Medium::bootable("dvd")))
        .expect(Expectation::boots("dvd").without_trying("disk"))
        .control(machine(Medium::blank("dvd")))
}
