//! Loading over a network: the firmware's DHCP client names its architecture in the request and not in the discover.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, LanSpec, Match};
use bootwright::machine::{Machine, Network};
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, failed_entry, tftp, timed_out_entry};

use super::words::{GUEST, goes_on, machine};

/// Option 93 of z/Architecture (IANA, "Processor Architecture Types").
const ARCH: u16 = 31;

const FILE: &str = "boot.bin";

pub fn cases() -> Vec<Case> {
    vec![alone(), arch_in_request(), by_configuration(), not_found(), no_file(), no_server()]
}

pub fn nic_then_disk(network: Network) -> Machine {
    GUEST.nic_then_disk("virtio-net-ccw", network)
}

fn offers(server: DhcpServer) -> Network {
    Network::new(LanSpec::new().dhcp(server)).ipl_program(FILE, "served")
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
    let machine = |network| machine().network(network).nic("virtio-net-ccw", Some(0)).bootindex(1);
    network_case("alone").machine(machine(healthy())).expect(served()).control(machine(healthy().without_program(FILE)))
}

fn arch_in_request() -> Case {
    GUEST.arch_in_request([FILE, "any.bin"], ["31", "49"], ARCH, |server| {
        nic_then_disk(offers(server).ipl_program("any.bin", "for-anybody"))
    })
}

/// Without a boot file the client looks for a configuration in the manner of pxelinux, last of all `pxelinux.cfg/default`. It names an
/// initial RAM disk, without which QEMU 7.2 asks for a file without a name.
fn by_configuration() -> Case {
    let network = |kernel: &str| {
        let text = format!("default linux\nlabel linux\n kernel {kernel}\n initrd initrd.bin\n");
        offers(DhcpServer::new("main").rule(Match::Any, BootAnswer::default()))
            .with_lan(|lan| lan.file("pxelinux.cfg/default", text.into_bytes()).file("initrd.bin", vec![0; 512]))
    };
    network_case("by-pxelinux-configuration")
        .machine(nic_then_disk(network(FILE)))
        .expect(served().on_lan(OnLan::Fetched("pxelinux.cfg/default".into())).without_trying("next"))
        .control(nic_then_disk(network("gone.bin")))
}

/// The NIC's turn ends so, and the disk behind it is loaded where firmware goes on.
fn falls(name: &str, network: Network, first: impl Fn() -> Expected) -> Case {
    let case = network_case(name).machine(nic_then_disk(network)).control(nic_then_disk(healthy()));
    goes_on(case, first, [booted("next")])
}

fn not_found() -> Case {
    let network = offers(DhcpServer::new("main").boot_file("gone.bin"));
    falls("not-found", network, || failed_entry("network").because("file not found: gone.bin").over_nic(0))
}

fn no_file() -> Case {
    let network = offers(DhcpServer::new("main").rule(Match::Any, BootAnswer::default()));
    falls("no-boot-file", network, || {
        failed_entry("network").because_of(tftp("pxelinux.cfg/default").not_found()).over_nic(0)
    })
}

fn no_server() -> Case {
    falls("no-server", Network::new(LanSpec::new()), || {
        timed_out_entry("network").because_of(Cause::NoOffer).over_nic(0)
    })
}
