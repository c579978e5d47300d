//! Loading over a network: the firmware's DHCP client names its architecture in the request and not in the discover.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{Machine, Medium, Network};
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, failed_entry, timed_out_entry};

use super::pseries::{GUEST, machine};

/// Option 93 of PowerPC with Open Firmware (IANA, "Processor Architecture Types").
const ARCH: u16 = 12;

const FILE: &str = "boot.fs";

/// The firmware's name for the NIC, which is in the first free slot.
pub const NIC: &str = "/ethernet@3";

/// That for a card on the hypervisor's own bus.
const VLAN: &str = "/vdevice/l-lan@71000003";

pub fn cases() -> Vec<Case> {
    vec![alone(), arch_in_request(), not_found(), no_file(), no_server(), disk_first(), vlan(), vlan_not_found()]
}

pub fn nic_then_disk(network: Network) -> Machine {
    GUEST.nic_then_disk("virtio-net-pci", network)
}

fn offers(server: DhcpServer) -> Network {
    Network::new(LanSpec::new().dhcp(server)).forth_script(FILE, "served")
}

fn healthy() -> Network {
    offers(DhcpServer::new("main").boot_file(FILE))
}

fn served() -> Expectation {
    Expectation::boots("served").on_lan(OnLan::Arch(ARCH))
}

pub fn network_case(name: &str) -> Case {
    GUEST.network_case(name)
}

fn alone() -> Case {
    let machine = |network| machine().network(network).nic("virtio-net-pci", Some(0)).bootindex(1);
    network_case("alone").machine(machine(healthy())).expect(served()).control(machine(healthy().without_program(FILE)))
}

fn arch_in_request() -> Case {
    GUEST.arch_in_request([FILE, "any.fs"], ["12", "18"], ARCH, |server| {
        nic_then_disk(offers(server).forth_script("any.fs", "for-anybody"))
    })
}

/// The NIC's turn ends so, and the disk behind it is loaded.
fn falls(name: &str, network: Network, first: Expected) -> Case {
    network_case(name)
        .machine(nic_then_disk(network))
        .control(nic_then_disk(healthy()))
        .expect(Expectation::attempts([first.over_nic(0), booted("next")]))
}

fn not_found() -> Case {
    let network = offers(DhcpServer::new("main").boot_file("gone.fs"));
    falls("not-found", network, failed_entry(NIC).because("file not found: gone.fs"))
}

fn no_file() -> Case {
    let network = offers(DhcpServer::new("main").rule(Match::Any, BootAnswer::default()));
    falls("no-boot-file", network, failed_entry(NIC))
}

fn no_server() -> Case {
    falls("no-server", Network::new(LanSpec::new()), timed_out_entry(NIC).because_of(Cause::NoOffer))
}

/// A disk before the NIC: nothing is asked of the network.
fn disk_first() -> Case {
    let machine = machine().network(healthy()).nic("virtio-net-pci", Some(0)).bootindex(2);
    let machine = machine.virtio_blk(Medium::bootable("disk")).bootindex(1);
    network_case("disk-first")
        .control(machine.clone().with_blank("disk"))
        .machine(machine)
        .expect(Expectation::boots("disk").without_trying("served"))
}

/// The hypervisor's own network card.
fn vlan() -> Case {
    let machine = |network| GUEST.nic_then_disk("spapr-vlan", network);
    network_case("spapr-vlan")
        .machine(machine(healthy()))
        .expect(served().without_trying("next"))
        .control(machine(healthy().without_program(FILE)))
}

fn vlan_not_found() -> Case {
    let machine = |network| GUEST.nic_then_disk("spapr-vlan", network);
    let network = offers(DhcpServer::new("main").boot_file("gone.fs"));
    let first = failed_entry(VLAN).because("file not found: gone.fs").over_nic(0);
    network_case("spapr-vlan-not-found")
        .machine(machine(network))
        .control(machine(healthy()))
        .expect(Expectation::attempts([first, booted("next")]))
}
