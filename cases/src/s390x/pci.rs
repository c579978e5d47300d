//! virtio-blk on z/Architecture's PCI, which newer firmware loads from.

use bootwright::case::Case;
use bootwright::machine::{Machine, Medium, Place};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, booted};

use super::words::{case, machine};

pub fn cases() -> Vec<Case> {
    vec![alone(), behind_a_disk()]
}

fn on_pci(machine: Machine, medium: Medium) -> Machine {
    machine.virtio_blk(medium).place(Place::Zpci)
}

fn pci_case(name: &str) -> Case {
    case("pci", name).axis("pci", name)
}

/// Older firmware finds nothing. In the control there is a disk that it finds.
fn alone() -> Case {
    let machine = on_pci(machine(), Medium::bootable("pci")).bootindex(1);
    pci_case("alone")
        .control(machine.clone().virtio_blk(Medium::bootable("other")).bootindex(0))
        .machine(machine)
        .expect(Expectation::nothing_boots([]))
        .expect_where(Behaviour::LoadsFromPci, Expectation::boots("pci"))
}

/// A function of PCI behind a disk is not tried.
fn behind_a_disk() -> Case {
    let machine = on_pci(machine(), Medium::bootable("pci")).bootindex(2);
    let machine = machine.virtio_blk(Medium::bootable("disk")).bootindex(1);
    pci_case("behind-a-disk")
        .control(machine.clone().with_blank("disk"))
        .machine(machine)
        .expect(Expectation::attempts([booted("disk")]).without_trying("pci"))
}
