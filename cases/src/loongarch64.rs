//! edk2 on `virt` of LoongArch: a choice of the matrices of the other groups.

use bootwright::case::Case;
use bootwright::machine::{DiskClass, Machine, Medium, UsbController};
use bootwright::verdict::Expectation;
use bootwright::verdict::behaviour::Behaviour;

use crate::networks::ON_LOONGARCH;
use crate::stored_option::Guest;
use crate::virt::Group;

const GROUP: Group = Group {
    guest: Guest { uefi: ON_LOONGARCH, group: "loongarch64", isc: ["00:27", "00:39"] },
    // that a program halts, which this processor's registers do not tell; that one which idles was reset, whose control hangs and so ends
    // at a deadline, which refutes nothing; and what its payload does not do, which is to write to a disk
    unseen: &["::halted", "::idling", "::installs", "::installs-left-in"],
    not_in_bookworm: "Debian 12 packages no edk2 for LoongArch, and a boot takes 10 s",
};

/// What stands beside an AHCI disk.
const OTHERS: [DiskClass; 4] =
    [DiskClass::VirtioBlk, DiskClass::VirtioScsi, DiskClass::Nvme, DiskClass::Usb(UsbController::Xhci)];

pub fn cases() -> Vec<Case> {
    let disks = OTHERS.into_iter().flat_map(|other| [before(DiskClass::Ahci, other), behind(DiskClass::Ahci, other)]);
    let cd = DiskClass::AhciCd;
    let cds = [before(cd, DiskClass::VirtioBlk), behind(cd, DiskClass::VirtioBlk)];
    GROUP.cases(disks.chain(cds).chain([alone(DiskClass::Ahci), alone(cd)]).collect())
}

fn bare() -> Machine {
    Machine::new(ON_LOONGARCH.firmware, ON_LOONGARCH.board)
}

/// Nothing else is listed; older builds have no driver. The control's other disk is listed behind a blank one.
fn alone(class: DiskClass) -> Case {
    let machine = |medium| bare().drive(class, 0, medium).bootindex(1);
    Case::new(format!("loongarch64::alone::{}", class.name()))
        .axis("class", class.name())
        .machine(machine(Medium::bootable("only")))
        .control(machine(Medium::blank("only")).virtio_blk(Medium::bootable("other")).bootindex(2))
        .expect(Expectation::nothing_boots([]).without_trying("only"))
        .expect_where(Behaviour::DrivesAhci, Expectation::boots("only"))
}

fn pair(right: DiskClass, wrong: DiskClass) -> Case {
    let machine = bare().drive(wrong, 0, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.drive(right, 1, Medium::bootable("right")).bootindex(1);
    Case::new(format!("loongarch64::order::{}-before-{}", right.name(), wrong.name()))
        .axis("right", right.name())
        .axis("wrong", wrong.name())
        .machine(machine)
}

/// The drive on AHCI boots, or where it is not driven, the other. In the control the other comes first and is blank.
fn before(class: DiskClass, other: DiskClass) -> Case {
    let case = pair(class, other);
    let swapped = case.machine.clone().swapping_bootindex("right", "wrong").with_blank("wrong");
    case.control(swapped)
        .expect(Expectation::boots("wrong").without_trying("right"))
        .expect_where(Behaviour::DrivesAhci, Expectation::boots("right").without_trying("wrong"))
}

/// The other boots, whether or not the drive on AHCI is driven.
fn behind(class: DiskClass, other: DiskClass) -> Case {
    pair(other, class).expect(Expectation::boots("right").without_trying("wrong")).control_blank("right")
}
