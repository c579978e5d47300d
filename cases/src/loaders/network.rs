//! Networks whose server offers boot programs that others wrote, and the machine on them.

use bootwright::lan::{BootAnswer, LanSpec};
use bootwright::machine::{Board, Loader, Machine, Network};
use bootwright::trace::Protocol;

use crate::networks::{BIOS_FILE, answering, nic_then_disk};

/// A network whose DHCP server names this file, and that has the BIOS program too.
pub(super) fn answering_with(file: &str) -> Network {
    Network::new(LanSpec::new().dhcp(answering(BootAnswer::file(file)))).bios_program(BIOS_FILE, "served")
}

/// PXELINUX with its configuration at one place. `then` is what the configuration has it do.
pub(super) fn pxelinux(place: &str, then: &str) -> Network {
    let config = format!("DEFAULT one\nPROMPT 0\nLABEL one\n{then}\n");
    answering_with("pxelinux.0")
        .with_lan(|lan| lan.file(format!("pxelinux.cfg/{place}"), config.into_bytes()))
        .loader("pxelinux.0", Loader::Pxelinux)
        .loader("ldlinux.c32", Loader::SyslinuxModule("ldlinux.c32".to_owned()))
}

pub(super) fn machine(network: Network) -> Machine {
    nic_then_disk(Board::Pc, "virtio-net-pci", network)
}

/// The group of cases that load by this protocol.
pub(super) fn group_of(protocol: Protocol) -> &'static str {
    if protocol == Protocol::Http { "http" } else { "pxe" }
}
