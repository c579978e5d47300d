//! Virtio devices on the transports of `virt` rather than on PCI: the boot order leads to them as to others.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{DiskClass, Machine, Medium, Network, Place};
use bootwright::trace::Protocol;
use bootwright::verdict::{Cause, Expectation, OnLan, booted, failed, failed_entry, tftp, timed_out_entry};

use crate::networks::{EFI_FILE, ON_ARM, Switched, healthy_for};
use crate::pxe::uefi::all_fail;

/// The transport that QEMU gives to the first device without a place, which is the last one.
const LAST: Place = Place::VirtioMmio { transport: 31 };
/// Lower addresses.
const LOW: Place = Place::VirtioMmio { transport: 3 };
const MIDDLE: Place = Place::VirtioMmio { transport: 16 };

pub fn on_arm() -> Vec<Case> {
    let mut cases: Vec<Case> = [("first", Place::VirtioMmio { transport: 0 }), ("last", LAST)].map(alone).into();
    cases.extend([("lower-before-higher", LOW, LAST), ("higher-before-lower", LAST, LOW)].map(among_themselves));
    let others = [DiskClass::VirtioBlk, DiskClass::VirtioScsi, DiskClass::Nvme];
    cases.extend(others.into_iter().flat_map(|class| [before(class), behind(class)]));
    cases.extend([blank_first(), served(), not_there(), by_http()]);
    cases
}

#[track_caller]
fn case(name: &str) -> Case {
    Case::new(format!("virtio_mmio::{}::{name}", ON_ARM.id())).axis("place", "virtio-mmio")
}

fn bare() -> Machine {
    Machine::new(ON_ARM.firmware, ON_ARM.board)
}

fn alone((name, place): (&str, Place)) -> Case {
    case(&format!("alone-{name}"))
        .machine(bare().virtio_blk(Medium::bootable("only")).place(place).bootindex(1))
        .expect(Expectation::boots("only"))
        .control(bare().virtio_blk(Medium::blank("only")).place(place).bootindex(1))
}

/// The right one boots whichever transport has the lower address.
fn among_themselves((name, right, wrong): (&str, Place, Place)) -> Case {
    let machine = bare().virtio_blk(Medium::bootable("wrong")).place(wrong).bootindex(2);
    ordered(name, machine.virtio_blk(Medium::bootable("right")).place(right).bootindex(1))
}

fn before(class: DiskClass) -> Case {
    let machine = bare().drive(class, 0, Medium::bootable("wrong")).bootindex(2);
    ordered(&format!("before-{}", class.name()), machine.virtio_blk(Medium::bootable("right")).place(LAST).bootindex(1))
}

fn behind(class: DiskClass) -> Case {
    let machine = bare().virtio_blk(Medium::bootable("wrong")).place(LAST).bootindex(2);
    ordered(&format!("behind-{}", class.name()), machine.drive(class, 1, Medium::bootable("right")).bootindex(1))
}

fn ordered(name: &str, machine: Machine) -> Case {
    case(name)
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// A blank disk is tried in its turn, and the one behind it on PCI boots.
fn blank_first() -> Case {
    let machine = |first: Medium| {
        let machine = bare().virtio_blk(Medium::bootable("next")).bootindex(2);
        machine.virtio_blk(first).place(MIDDLE).bootindex(1)
    };
    case("blank-first")
        .machine(machine(Medium::blank("first")))
        .expect(Expectation::attempts([failed("first"), booted("next")]))
        .control(machine(Medium::bootable("first")))
}

/// A card on one transport first, and a disk on another.
fn network(network: Network) -> Machine {
    let machine = bare()
        .network(network)
        .nic("virtio-net-pci", Some(0))
        .place(MIDDLE)
        .bootindex(1)
        .virtio_blk(Medium::bootable("next"))
        .place(LAST)
        .bootindex(2)
        .without_ipv6();
    ON_ARM.with_random_source(machine)
}

fn served() -> Case {
    case("pxe")
        .machine(network(healthy_for(ON_ARM)))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Arch(ON_ARM.pxe)))
        .control(network(healthy_for(ON_ARM).without_program(EFI_FILE)))
}

/// The file is not there: every option of the card is given up, and the disk boots.
fn not_there() -> Case {
    let pxe = failed_entry("PXEv4").because_of(tftp(EFI_FILE).not_found());
    let http = timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken);
    let case = case("pxe-file-that-is-not-there")
        .machine(network(healthy_for(ON_ARM).without_program(EFI_FILE)))
        .control(network(healthy_for(ON_ARM)));
    ON_ARM.switched_off(case, |ipv6: Switched| all_fail(ipv6, &pxe, &http))
}

fn by_http() -> Case {
    let answer = BootAnswer::http(format!("http://10.77.0.1/{EFI_FILE}"));
    let lan = LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, answer));
    let machine = |network_: Network| network(network_).without_pxe();
    let offered = ON_ARM.offers(lan, EFI_FILE, "served");
    case("http").control(machine(offered.clone().without_program(EFI_FILE))).machine(machine(offered)).expect(
        Expectation::boots("served").without_trying("next").on_lan(OnLan::AskedBy(Protocol::Http, EFI_FILE.into())),
    )
}
