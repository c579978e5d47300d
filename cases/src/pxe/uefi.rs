//! OVMF boots over the network by its own stack and by iPXE's EFI ROM; one lan serves three kinds of guest.

use bootwright::case::Case;
use bootwright::lan::{BootAnswer, DhcpServer, Dhcpv6Server, Fault, Ipv6, LanSpec, Match};
use bootwright::machine::{Board, Machine, Network};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, OnLan, booted, failed_entry, tftp, timed_out_entry};

use crate::SLOW_OVMF;
use crate::networks::{BIOS_FILE, EFI_FILE, nic_then_disk, ovmf, ovmf_by_ipxe};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![own_stack(Board::Pc), own_stack(Board::Q35), ipxe_rom(Board::Pc), ipxe_rom(Board::Q35)];
    cases.extend([missing_file(), no_server(), ipv6()]);
    cases.extend(three_guests());
    cases.extend(isc_rules());
    cases
        .into_iter()
        .map(|case| {
            let slow = !EVERYDAY.contains(&case.id.as_str());
            case.long_if(slow, SLOW_OVMF)
        })
        .collect()
}

/// One of each kind, in the default suite; SeaBIOS' guest among the three costs nothing.
const EVERYDAY: [&str; 5] = [
    "pxe::ovmf::pc::own-stack",
    "pxe::ovmf::q35::ipxe-rom",
    "pxe::ovmf::pc::ipv6",
    "pxe::ovmf::pc::three-guests-arch-16",
    "pxe::seabios::pc::three-guests-arch-0",
];

#[track_caller]
fn case(board: Board, rest: &str) -> Case {
    Case::new(format!("pxe::ovmf::{}::{rest}", board.name()))
}

fn efi_network() -> Network {
    Network::new(LanSpec::new().dhcp(DhcpServer::new("main").boot_file(EFI_FILE))).efi_program(EFI_FILE, "served")
}

fn without_file(machine: &Machine) -> Machine {
    machine.clone().with_network(0, |network| network.without_program(EFI_FILE))
}

/// OVMF's own PXE stack on a NIC without a ROM.
fn own_stack(board: Board) -> Case {
    let machine = ovmf(board, efi_network());
    let expectation = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(7))
        .on_lan(OnLan::VendorClass("PXEClient:Arch:00007".into()))
        .on_lan(OnLan::Fetched(EFI_FILE.into()));
    case(board, "own-stack").control(without_file(&machine)).machine(machine).expect(expectation)
}

/// iPXE's EFI ROM takes the NIC over, or drives it for OVMF's own stack.
fn ipxe_rom(board: Board) -> Case {
    let machine = ovmf_by_ipxe(board, efi_network());
    let served = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(7))
        .on_lan(OnLan::Fetched(EFI_FILE.into()));
    case(board, "ipxe-rom")
        .control(without_file(&machine))
        .machine(machine)
        .expect(served.clone().on_lan(OnLan::UserClass("iPXE".into())))
        .expect_where(Behaviour::EfiRomIsDriverOnly, served.on_lan(OnLan::NoUserClass))
}

/// The file is not there: PXE says so, HTTP boot ignores a reply that is not for it, the disk runs.
fn missing_file() -> Case {
    let machine = ovmf(Board::Pc, efi_network()).without_ipv6();
    let attempts = [
        failed_entry("PXEv4").because_of(tftp(EFI_FILE).not_found()),
        timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken),
        booted("next"),
    ];
    case(Board::Pc, "file-that-is-not-there")
        .machine(without_file(&machine))
        .expect(Expectation::attempts(attempts))
        .control(machine)
}

/// Nobody answers: every option of the NIC is given up, then the disk runs.
fn no_server() -> Case {
    let machine = ovmf(Board::Pc, efi_network()).without_ipv6();
    let dead = machine.clone().with_network(0, |network| network.with_lan(|lan| lan.fault(Fault::dead_network())));
    let attempts = [
        timed_out_entry("PXEv4").because_of(Cause::NoOffer),
        timed_out_entry("HTTPv4").because_of(Cause::NoOffer),
        booted("next"),
    ];
    case(Board::Pc, "dead-network").machine(dead).expect(Expectation::attempts(attempts)).control(machine)
}

/// PXE over IPv6, by router advertisement and DHCPv6 boot file URL.
fn ipv6() -> Case {
    let server = Dhcpv6Server::new("six").boot_url(Some(7), "tftp://[fd77::1]/boot.efi");
    let network = Network::new(LanSpec::new().ipv6(Ipv6::with_dhcp(server))).efi_program(EFI_FILE, "served");
    let machine = ovmf(Board::Pc, network).without_ipv4_pxe();
    let expectation = Expectation::boots("served")
        .on_lan(OnLan::Arch(7))
        .on_lan(OnLan::AcknowledgedBy("six".into()))
        .on_lan(OnLan::Fetched(EFI_FILE.into()));
    case(Board::Pc, "ipv6").control(without_file(&machine)).machine(machine).expect(expectation)
}

/// One configuration by option 93 serves a BIOS guest, a UEFI PXE guest and a UEFI HTTP guest, each with its own file.
fn three_guests() -> Vec<Case> {
    let rule = |value: &str| Match::dnsmasq_client_arch(value);
    let server = |bios: &str, pxe: &str, http: &str| {
        DhcpServer::new("main")
            .rule(rule(bios), BootAnswer::file(BIOS_FILE))
            .rule(rule(pxe), BootAnswer::file(EFI_FILE))
            .rule(rule(http), BootAnswer::http("http://10.77.0.1/http.efi"))
    };
    let network = |server| {
        Network::new(LanSpec::new().dhcp(server))
            .bios_program(BIOS_FILE, "for-bios")
            .efi_program(EFI_FILE, "for-pxe")
            .efi_program("http.efi", "for-http")
    };
    let right = || network(server("0", "7", "16"));
    let http = |network| ovmf(Board::Pc, network).without_pxe();
    vec![
        Case::new("pxe::seabios::pc::three-guests-arch-0")
            .machine(nic_then_disk(Board::Pc, "virtio-net-pci", right()))
            .expect(Expectation::boots("for-bios").on_lan(OnLan::Arch(0)))
            .control(nic_then_disk(Board::Pc, "virtio-net-pci", network(server("22", "7", "16")))),
        case(Board::Pc, "three-guests-arch-7")
            .machine(ovmf(Board::Pc, right()))
            .expect(Expectation::boots("for-pxe").on_lan(OnLan::Arch(7)))
            .control(nic_then_disk(Board::Pc, "virtio-net-pci", right())),
        case(Board::Pc, "three-guests-arch-16")
            .machine(http(right()))
            .expect(Expectation::boots("for-http").on_lan(OnLan::Arch(16)))
            .control(ovmf(Board::Pc, right())),
    ]
}

/// The article's ISC rule `00:16` is decimal 22 and does not match a UEFI HTTP guest; `00:10` does.
fn isc_rules() -> Vec<Case> {
    let network = |value: &str| {
        let answer = BootAnswer::http("http://10.77.0.1/boot.efi");
        Network::new(LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::isc_arch(value), answer)))
            .efi_program(EFI_FILE, "served")
    };
    let machine = |value: &str| ovmf(Board::Pc, network(value)).without_pxe().without_ipv6();
    vec![
        case(Board::Pc, "rule-isc-00-10-for-http")
            .machine(machine("00:10"))
            .expect(Expectation::boots("served").on_lan(OnLan::Arch(16)))
            .control(machine("00:16")),
        case(Board::Pc, "rule-isc-00-16-for-http")
            .machine(machine("00:16"))
            .expect(
                Expectation::attempts([timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken), booted("next")])
                    .on_lan(OnLan::NoBootFile),
            )
            .control(machine("00:10")),
    ]
}
