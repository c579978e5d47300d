//! PXE and HTTP over IPv6: by an option in the store, and by the firmware's own where no device has a bootindex.

use bootwright::case::Case;
use bootwright::lan::{Dhcpv6Server, Fault, Ipv6, LanSpec};
use bootwright::machine::{Machine, Medium, Network, OptionTarget};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{
    Cause, Expectation, OnLan, booted, failed, failed_entry, http, refused_entry, tftp, timed_out_entry,
};

use super::{Guest, HTTP_IPV6, PXE_IPV6, next_runs, without_file};
use crate::networks::EFI_FILE;

const TFTP_URL: &str = "tftp://[fd77::1]/boot.efi";
const HTTP_URL: &str = "http://[fd77::1]/boot.efi";

/// Every case.
pub fn cases(guest: Guest) -> Vec<Case> {
    let pxe = [own_stack(guest), dead_network(guest), missing_file(guest), other_architecture(guest)];
    pxe.into_iter().chain([without_bootindex(guest), over_http(guest), http_not_found(guest)]).collect()
}

/// A network without a DHCP server for IPv4, whose server for IPv6 is this one.
fn network(guest: Guest, server: Dhcpv6Server) -> Network {
    guest.uefi.offers(LanSpec::new().ipv6(Ipv6::with_dhcp(server)), EFI_FILE, "served")
}

fn server(arch: u16) -> Dhcpv6Server {
    Dhcpv6Server::new("six").boot_url(Some(arch), TFTP_URL)
}

fn by_pxe(guest: Guest, network: Network) -> Machine {
    guest.machine(network, PXE_IPV6, OptionTarget::pxe_ipv6("nic0"))
}

fn healthy(guest: Guest) -> Machine {
    by_pxe(guest, network(guest, server(guest.uefi.pxe)))
}

/// A router advertisement, then the boot file's URL by DHCPv6 (RFC 5970). The same machine with an option for IPv4 finds nobody.
fn own_stack(guest: Guest) -> Case {
    let by_ipv4 = guest.by_pxe(network(guest, server(guest.uefi.pxe)));
    guest.case("pxe-ipv6-by-a-stored-option").machine(healthy(guest)).control(by_ipv4).expect(
        Expectation::boots("served")
            .without_trying("next")
            .on_lan(OnLan::Arch(guest.uefi.pxe))
            .on_lan(OnLan::AcknowledgedBy("six".into()))
            .on_lan(OnLan::Fetched(EFI_FILE.into())),
    )
}

fn dead_network(guest: Guest) -> Case {
    let machine = healthy(guest);
    let dead = machine.clone().with_network(0, |network| network.with_lan(|lan| lan.fault(Fault::dead_network())));
    let entry = timed_out_entry(PXE_IPV6).because_of(Cause::NoAdvertisement);
    guest.case("pxe-ipv6-dead-network").machine(dead).control(machine).expect(next_runs(entry))
}

fn missing_file(guest: Guest) -> Case {
    let machine = healthy(guest);
    let entry = failed_entry(PXE_IPV6).because_of(tftp(EFI_FILE).not_found());
    guest
        .case("pxe-ipv6-file-that-is-not-there")
        .machine(without_file(&machine))
        .control(machine)
        .expect(next_runs(entry))
}

/// The URL is for clients of HTTP, by their number in option 61.
fn other_architecture(guest: Guest) -> Case {
    let other = by_pxe(guest, network(guest, server(guest.uefi.http)));
    guest.case("pxe-ipv6-url-for-another-architecture").machine(other).control(healthy(guest)).expect(
        next_runs(refused_entry(PXE_IPV6).because("Remote boot cancelled")).on_lan(OnLan::NeverAsked(EFI_FILE.into())),
    )
}

/// fw_cfg `opt/org.tianocore/IPv4PXESupport` takes the option for IPv4 away, and that for IPv6 is the first behind the disk's.
fn without_bootindex(guest: Guest) -> Case {
    let machine = |disk| {
        let machine = Machine::new(guest.uefi.firmware, guest.uefi.board).virtio_blk(disk);
        let network = network(guest, server(guest.uefi.pxe));
        machine.network(network).nic("virtio-net-pci", Some(0)).rng().without_ipv4_pxe()
    };
    guest
        .case("ipv6-without-bootindex-behind-a-blank-disk")
        .machine(machine(Medium::blank("first")))
        .control(machine(Medium::bootable("first")))
        .expect(Expectation::attempts([failed("first"), booted("served")]).on_lan(OnLan::Arch(guest.uefi.pxe)))
}

fn by_http(guest: Guest, url: &str) -> Machine {
    let server = Dhcpv6Server::new("six").http_url(guest.uefi.http, url);
    guest.machine(network(guest, server), HTTP_IPV6, OptionTarget::http_ipv6("nic0"))
}

/// What comes of it with a build that has no such stack.
fn refused() -> Expectation {
    next_runs(failed_entry(HTTP_IPV6).because("Not Found"))
}

fn over_http(guest: Guest) -> Case {
    let machine = by_http(guest, HTTP_URL);
    let served = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(guest.uefi.http))
        .on_lan(OnLan::AcknowledgedBy("six".into()));
    guest
        .case("http-ipv6-by-a-stored-option")
        .control(without_file(&machine).with_blank("next"))
        .machine(machine)
        .expect(refused())
        .expect_where(Behaviour::BootsOverHttp, served)
}

fn http_not_found(guest: Guest) -> Case {
    let entry = failed_entry(HTTP_IPV6).because_of(http("missing.efi").status(404));
    guest
        .case("http-ipv6-status-404")
        .machine(by_http(guest, "http://[fd77::1]/missing.efi"))
        .control(by_http(guest, HTTP_URL).with_blank("next"))
        .expect(refused())
        .expect_where(Behaviour::BootsOverHttp, next_runs(entry))
}
