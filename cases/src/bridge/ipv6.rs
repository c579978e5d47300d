//! A UEFI guest that boots by IPv6 from a real dnsmasq: router advertisement, DHCPv6 with a boot file URL (RFC 5970), TFTP.

use bootwright::case::Case;
use bootwright::machine::{Board, Bridge, Machine, Network};
use bootwright::trace::Protocol;
use bootwright::verdict::{Expectation, OnLan};

use super::dnsmasq::DNSMASQ;
use crate::networks::{EFI_FILE, ovmf};

/// The prefix of the bridge, without addresses of DHCPv6 and with them.
const ADVERTISED: &str = "dhcp-range=fd77:122::,ra-only";
const ASSIGNED: &str = "dhcp-range=fd77:122::10,fd77:122::99,64";

pub fn cases() -> Vec<Case> {
    vec![by_tftp()]
}

/// A network on which this boot file URL is all that a guest is given.
fn network(file: &str) -> Network {
    let url = format!("dhcp-option=option6:bootfile-url,tftp://[fd77:122::1]/{file}\n");
    let configuration = DNSMASQ.replace(ADVERTISED, ASSIGNED) + &url;
    Network::on_bridge(Bridge::new().dnsmasq(configuration)).efi_program(EFI_FILE, "served")
}

/// PXE over IPv6. The negative control has the file at another name.
fn by_tftp() -> Case {
    let machine = |file: &str| -> Machine { ovmf(Board::Pc, network(file)).without_ipv4_pxe() };
    let served = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(7))
        .on_lan(OnLan::AskedBy(Protocol::Tftp, EFI_FILE.into()))
        .on_lan(OnLan::Fetched(EFI_FILE.into()));
    Case::new("pxe::ovmf::pc::bridge-dnsmasq-ipv6")
        .axis("bridge", "dnsmasq-ipv6")
        .machine(machine(EFI_FILE))
        .expect(served)
        .control(machine("other.efi"))
}
