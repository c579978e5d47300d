//! Disks of one size, disks larger than a number, sectors of 4096 bytes, and ISO images that are given as disks.

use bootwright::case::Case;
use bootwright::machine::{Board, DeviceClass, DiskClass, Firmware, Machine, Medium, ScsiAdapter, UsbController};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, failed, failed_entry, recovered};
use bootwright_images::After;

use super::id::{BOARDS, case};
use crate::classes;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in BOARDS {
        cases.extend(classes::disks(board).into_iter().map(|class| same_size(board, class)));
        // of a SCSI target QEMU reports the LUN that was added last first; which NVMe drive SeaBIOS finds first is a race
        let ordered = |class: &DiskClass| !matches!(class, DiskClass::VirtioScsi | DiskClass::Nvme);
        let other = classes::disks(board).into_iter().filter(ordered);
        cases.extend(other.map(|class| same_size_unlisted(board, class)));
        cases.extend([same_size_of_two_classes(board), modulo(board), iso_as_disk(board), sectors_of_4096(board)]);
        cases.extend([iso_as_usb_disk(board), of_3000_gib(board)]);
    }
    cases.extend([same_size_of_ovmf(), iso_as_disk_of_ovmf(), unlisted_that_reboots(), listed_without_driver()]);
    cases
}

const SECTORS: u64 = 40_960;

fn of_size(medium: Medium, sectors: u64) -> Medium {
    Medium { sectors: Some(sectors), ..medium }
}

/// A blank volume before the system's of the same size: SeaBIOS tries the blank one and no other.
///
/// <https://github.com/deckhouse/virtualization/pull/250>
fn same_size(board: Board, class: DiskClass) -> Case {
    let machine = |data: Medium| {
        let machine = Machine::new(Firmware::SeaBios, board).drive(class, 0, of_size(data, SECTORS)).bootindex(1);
        machine.drive(class, 1, of_size(Medium::bootable("root"), SECTORS)).bootindex(2).strict(true)
    };
    case(Firmware::SeaBios, board, &format!("same-size-{}", class.name()))
        .axis("class", class.name())
        .machine(machine(Medium::blank("data")))
        .expect(Expectation::nothing_boots([failed("data").because("not a bootable disk")]).without_trying("root"))
        .control(machine(Medium::bootable("data")))
}

/// The same with nothing listed: the blank one is in the place that the firmware reaches first.
///
/// <https://github.com/lima-vm/lima/pull/4944>
fn same_size_unlisted(board: Board, class: DiskClass) -> Case {
    let machine = |data: Medium| {
        let machine = Machine::new(Firmware::SeaBios, board).drive(class, 0, of_size(data, SECTORS));
        machine.drive(class, 1, of_size(Medium::bootable("root"), SECTORS))
    };
    let attempts = [failed("data").because("not a bootable disk"), failed_entry("Floppy")];
    case(Firmware::SeaBios, board, &format!("same-size-unlisted-{}", class.name()))
        .axis("class", class.name())
        .machine(machine(Medium::blank("data")))
        .expect(Expectation::nothing_boots(attempts).without_trying("root"))
        .control(machine(Medium::bootable("data")))
}

/// Two disks of one size on different controllers, the second on the command line listed first.
///
/// <https://github.com/deckhouse/virtualization/pull/250>
fn same_size_of_two_classes(board: Board) -> Case {
    let machine = |data: Medium| {
        Machine::new(Firmware::SeaBios, board)
            .nvme(of_size(Medium::bootable("root"), SECTORS))
            .bootindex(2)
            .virtio_blk(of_size(data, SECTORS))
            .bootindex(1)
            .strict(true)
    };
    case(Firmware::SeaBios, board, "same-size-of-two-classes")
        .machine(machine(Medium::blank("data")))
        .expect(Expectation::nothing_boots([failed("data").because("not a bootable disk")]).without_trying("root"))
        .control(machine(Medium::bootable("data")))
}

/// SeaBIOS prints sizes modulo 2^32 sectors: a disk of 2 TiB and some has the size of the small one beside it.
///
/// No report of the size was found; that a blank disk in front is the end, is in
/// <https://github.com/deckhouse/virtualization/pull/250>.
fn modulo(board: Board) -> Case {
    huge(board, "size-beyond-32-bits", (1 << 32) + SECTORS)
}

/// A blank disk of 3,000 GiB, whose size SeaBIOS prints as 1,996,488,704 sectors: it is tried by its own name.
///
/// No report of the size was found; that a blank disk in front is the end, is in
/// <https://github.com/deckhouse/virtualization/pull/250>.
fn of_3000_gib(board: Board) -> Case {
    huge(board, "blank-disk-of-3000-gib", 3000 << 21)
}

#[track_caller]
fn huge(board: Board, name: &str, sectors: u64) -> Case {
    let machine = |huge: i64, small: i64| {
        Machine::new(Firmware::SeaBios, board)
            .virtio_blk(of_size(Medium::blank("huge"), sectors))
            .bootindex(huge)
            .virtio_blk(of_size(Medium::bootable("small"), SECTORS))
            .bootindex(small)
            .strict(true)
    };
    case(Firmware::SeaBios, board, name)
        .machine(machine(1, 2))
        .expect(Expectation::nothing_boots([failed("huge").because("not a bootable disk")]).without_trying("small"))
        .control(machine(2, 1))
}

/// An ISO image without a boot sector of its own in a disk: SeaBIOS takes it for a disk that does not boot.
///
/// <https://github.com/dmacvicar/terraform-provider-libvirt/issues/713>
fn iso_as_disk(board: Board) -> Case {
    let machine = |iso: Machine| iso.bootindex(1).strict(true);
    let new = || Machine::new(Firmware::SeaBios, board);
    case(Firmware::SeaBios, board, "iso-in-a-disk")
        .machine(machine(new().cdrom(DeviceClass::VirtioBlk, Medium::bootable("iso"))))
        .expect(Expectation::nothing_boots([failed("iso").because("not a bootable disk")]))
        .control(machine(new().virtio_blk(Medium::bootable("iso"))))
}

/// The same in a USB stick: QEMU's mass storage calls itself a disk whatever is in it.
///
/// <https://github.com/dmacvicar/terraform-provider-libvirt/issues/713>
fn iso_as_usb_disk(board: Board) -> Case {
    let stick = DeviceClass::UsbStorage { controller: UsbController::Xhci, port: 1 };
    let new = || Machine::new(Firmware::SeaBios, board);
    case(Firmware::SeaBios, board, "iso-in-a-usb-disk")
        .machine(new().cdrom(stick.clone(), Medium::bootable("iso")).bootindex(1).strict(true))
        .expect(Expectation::nothing_boots([failed("iso").because("not a bootable disk")]))
        .control(new().disk(stick, Medium::bootable("iso")).bootindex(1).strict(true))
}

/// SeaBIOS has no use for a disk with sectors of 4096 bytes.
///
/// <https://github.com/pop-os/distinst/pull/181>
fn sectors_of_4096(board: Board) -> Case {
    let machine = |disk: Medium| Machine::new(Firmware::SeaBios, board).virtio_blk(disk).bootindex(1);
    case(Firmware::SeaBios, board, "sectors-of-4096-bytes")
        .machine(machine(Medium::bootable("disk")).block_size(4096))
        .expect(Expectation::nothing_boots([failed_entry("Hard Disk"), failed_entry("Floppy")]).without_trying("disk"))
        .control(machine(Medium::bootable("disk")))
}

/// OVMF goes on to the second disk of the same size.
///
/// <https://github.com/lima-vm/lima/pull/4944>
fn same_size_of_ovmf() -> Case {
    let machine = |data: Medium| {
        Machine::q35(Firmware::Ovmf)
            .virtio_blk(of_size(data, SECTORS))
            .bootindex(1)
            .virtio_blk(of_size(Medium::bootable("root"), SECTORS))
            .bootindex(2)
    };
    case(Firmware::Ovmf, Board::Q35, "same-size-virtio-blk")
        .machine(machine(Medium::blank("data")))
        .expect(Expectation::boots("root").after_failing("data"))
        .control(machine(Medium::bootable("data")))
}

/// A listed disk is blank, and one that nothing lists reboots: it must not run, unless OVMF recovers the platform by it, each time
/// anew.
///
/// <https://github.com/tianocore/edk2/commit/896907b53b94822a838653e5fbc69f5a16567a8d>
fn unlisted_that_reboots() -> Case {
    let machine = |listed: Medium| {
        let machine = Machine::q35(Firmware::Ovmf).strict(true).virtio_blk(listed).bootindex(1);
        machine.virtio_blk(Medium::then("unlisted", After::ResetSystem))
    };
    let again = Expectation::laps(3, [failed("listed"), recovered("unlisted")]).without_views();
    case(Firmware::Ovmf, Board::Q35, "unlisted-that-reboots")
        .machine(machine(Medium::blank("listed")))
        .expect(Expectation::nothing_boots([failed("listed")]).without_trying("unlisted"))
        .expect_where(Behaviour::RecoversUnlistedDisks, again)
        .control(machine(Medium::bootable("listed")))
}

/// The one disk that is listed hangs off an LSI adapter, which libvirt gives to `bus='scsi'` where no controller is named, and for which
/// OVMF has no driver: its line matches nothing, and a disk that nobody listed runs, whatever strict says.
///
/// <https://github.com/vagrant-libvirt/vagrant-libvirt/issues/1723>
fn listed_without_driver() -> Case {
    let machine = |other: Medium| {
        let lsi = DeviceClass::Scsi { adapter: ScsiAdapter::Lsi53c895a, hba: 0, target: 0, lun: 0 };
        let machine = Machine::q35(Firmware::Ovmf).strict(true).disk(lsi, Medium::bootable("listed")).bootindex(1);
        machine.virtio_blk(other)
    };
    case(Firmware::Ovmf, Board::Q35, "listed-without-a-driver")
        .machine(machine(Medium::bootable("unlisted")))
        .expect(Expectation::boots("unlisted").without_trying("listed").without_views())
        .control(machine(Medium::blank("unlisted")))
}

/// OVMF finds the loader in an ISO image that is given as a disk.
///
/// <https://github.com/dmacvicar/terraform-provider-libvirt/issues/709>
fn iso_as_disk_of_ovmf() -> Case {
    let machine = |medium: Medium| Machine::q35(Firmware::Ovmf).cdrom(DeviceClass::VirtioBlk, medium).bootindex(1);
    case(Firmware::Ovmf, Board::Q35, "iso-in-a-disk")
        .machine(machine(Medium::bootable("iso")))
        .expect(Expectation::boots("iso"))
        .control(machine(Medium::blank("iso")))
}
