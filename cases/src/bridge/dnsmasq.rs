//! What libvirt's dnsmasq serves on a bridge, the machine on it, and what comes of it.

use bootwright::case::Case;
use bootwright::machine::{Board, Bridge, Machine, Network};
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, timed_out_entry};

use crate::networks::{BIOS_FILE, nic_then_disk};

/// What libvirt writes for a network with IPv6. Without `no-ping` dnsmasq looks for 3 s whether somebody has the address
/// that it is about to offer; without router advertisements iPXE waits 17 s for one.
pub(super) const DNSMASQ: &str = "\
strict-order
interface=br0
bind-dynamic
port=0
dhcp-range=192.168.122.2,192.168.122.254,255.255.255.0
dhcp-no-override
dhcp-authoritative
dhcp-lease-max=253
dhcp-leasefile=/srv/dnsmasq.leases
no-ping
enable-ra
dhcp-range=fd77:122::,ra-only
enable-tftp
tftp-root=/srv/tftp
";

#[track_caller]
pub(super) fn case(name: &str) -> Case {
    Case::new(format!("pxe::seabios::pc::bridge-{name}")).axis("bridge", name)
}

/// A bridge whose dnsmasq sends everybody to the BIOS program.
pub(super) fn serving(bridge: Bridge) -> Network {
    let configuration = format!("{DNSMASQ}dhcp-boot={BIOS_FILE}\n");
    Network::on_bridge(bridge.dnsmasq(configuration)).bios_program(BIOS_FILE, "served")
}

pub(super) fn machine(network: Network) -> Machine {
    nic_then_disk(Board::Pc, "virtio-net-pci", network)
}

pub(super) fn times_out(causes: impl IntoIterator<Item = Cause>) -> Expectation {
    let rom = causes.into_iter().fold(timed_out_entry("ROM"), Expected::because_of);
    Expectation::attempts([rom, booted("next")])
}

pub(super) fn served() -> Expectation {
    Expectation::boots("served").without_trying("next").on_lan(OnLan::Fetched(BIOS_FILE.into()))
}
