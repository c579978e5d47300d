//! Loading over a network: the firmware's DHCP client names its architecture in the request and not in the discover.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{Machine, Medium, Network};
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, failed_entry, timed_out_entry};

use super::pseries::{case, machine};

/// Option 93 of PowerPC with Open Firmware (IANA, "Processor Architecture Types").
const ARCH: u16 = 12;

const FILE: &str = "boot.fs";

/// The firmware's name for the NIC, which is in the first free slot.
pub const NIC: &str = "/ethernet@3";

pub fn cases() -> Vec<Case> {
    vec![alone(), arch_in_request(), not_found(), no_file(), no_server(), disk_first()]
}

pub fn nic_then_disk(network: Network) -> Machine {
    let machine = machine().network(network).nic("virtio-net-pci", Some(0)).bootindex(1);
    machine.virtio_blk(Medium::bootable("next")).bootindex(2)
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
    case("network", name).axis("network", name)
}

fn alone() -> Case {
    let machine = |network| machine().network(network).nic("virtio-net-pci", Some(0)).bootindex(1);
    network_case("alone").machine(machine(healthy())).expect(served()).control(machine(healthy().without_program(FILE)))
}

/// A server that has one file for its architecture and another for everybody: the offer, for which the client has not named itself yet,
/// names the other, and the acknowledgement is what counts. The control asks for the same digits in another base.
fn arch_in_request() -> Case {
    let network = |value: &str| {
        let server = DhcpServer::new("main")
            .rule(Match::dnsmasq_client_arch(value), BootAnswer::file(FILE))
            .rule(Match::Any, BootAnswer::file("any.fs"));
        offers(server).forth_script("any.fs", "for-anybody")
    };
    network_case("arch-in-the-request-alone")
        .machine(nic_then_disk(network("12")))
        .expect(served().on_lan(OnLan::Fetched(FILE.into())).without_trying("next"))
        .control(nic_then_disk(network("18")))
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
