//! OVMF boots over the network by its own stack and by iPXE's EFI ROM; one lan serves three kinds of guest.

use std::net::Ipv4Addr;

use bootwright::case::Case;
use bootwright::lan::faults::{Action, FrameMatch, UdpChecksum};
use bootwright::lan::wire::dhcpv4::MessageType;
use bootwright::lan::wire::summary::Message;
use bootwright::lan::wire::tftp::Opcode;
use bootwright::lan::{
    AnswerAfter, BootAnswer, DhcpServer, Dhcpv6Server, Direction, Fault, Ipv6, LanSpec, Malformed, Match, Overload,
};
use bootwright::machine::{Board, Network};
use bootwright::trace::Outcome;
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Cause, Expectation, Expected, OnLan, booted, failed_entry, tftp, timed_out_entry};

use crate::networks::{
    BIOS_FILE, EFI_FILE, Switched, Uefi, healthy_for, local_boot_menu, nic_then_disk, on_x86, ovmf, without_file,
};

pub fn cases() -> Vec<Case> {
    let (pc, q35) = (on_x86(Board::Pc), on_x86(Board::Q35));
    let mut cases = vec![own_stack(pc), own_stack(q35), ipxe_rom(pc), ipxe_rom(q35)];
    cases.extend([missing_file(pc), no_server(pc), ipv6(pc), late_server(pc), other_boot_server(pc)]);
    cases.extend(unusual_fields(pc));
    cases.push(menu_of_local_boot(pc));
    cases.extend([refused_once(pc), request_lost(pc), other_transaction(pc)]);
    cases.extend(noise(pc));
    cases.extend(three_guests());
    cases.extend(isc_rules());
    cases
}

/// Those that do not depend on the architecture but for its code.
pub fn on(guest: Uefi) -> Vec<Case> {
    let both = [late_server(guest), other_boot_server(guest)];
    [own_stack(guest), missing_file(guest), no_server(guest), ipv6(guest)].into_iter().chain(both).collect()
}

#[track_caller]
fn case(guest: Uefi, rest: &str) -> Case {
    Case::new(format!("pxe::{}::{rest}", guest.id()))
}

/// OVMF's own PXE stack on a NIC without a ROM.
fn own_stack(guest: Uefi) -> Case {
    let machine = guest.machine(healthy_for(guest));
    let expectation = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(guest.pxe))
        .on_lan(OnLan::VendorClass(format!("PXEClient:Arch:{:05}", guest.pxe)))
        .on_lan(OnLan::Fetched(EFI_FILE.into()));
    case(guest, "own-stack").control(without_file(&machine)).machine(machine).expect(expectation)
}

/// iPXE's EFI ROM takes the NIC over, or drives it for OVMF's own stack.
fn ipxe_rom(guest: Uefi) -> Case {
    let machine = guest.machine_with_rom(healthy_for(guest));
    let served = Expectation::boots("served")
        .without_trying("next")
        .on_lan(OnLan::Arch(7))
        .on_lan(OnLan::Fetched(EFI_FILE.into()));
    case(guest, "ipxe-rom")
        .control(without_file(&machine))
        .machine(machine)
        .expect(served.clone().on_lan(OnLan::UserClass("iPXE".into())))
        .expect_where(Behaviour::EfiRomIsDriverOnly, served.on_lan(OnLan::NoUserClass))
}

/// Every option of the NIC is given up, then the disk runs.
pub fn all_fail(ipv6: Switched, pxe: &Expected, http: &Expected) -> Expectation {
    let pxe = std::iter::once(pxe.clone()).chain(ipv6.by_ipv6("PXEv6"));
    let http = std::iter::once(http.clone()).chain(ipv6.by_ipv6("HTTPv6"));
    Expectation::attempts(pxe.chain(http).chain([booted("next")]))
}

/// The boot file in fields that few servers fill so (RFC 2131 section 4.1, RFC 2132 section 9.3).
fn unusual_fields(guest: Uefi) -> [Case; 4] {
    let overloaded = |overload| {
        let answer = BootAnswer { option_67: Some(EFI_FILE.to_owned()), ..BootAnswer::none() };
        BootAnswer { option_66: Some("10.77.0.1".to_owned()), ..answer }.overload(overload)
    };
    let with_zeros = BootAnswer::none().option(67, [EFI_FILE.as_bytes(), &[0, 0]].concat());
    [
        ("overload-file", overloaded(Overload::File)),
        ("overload-sname", overloaded(Overload::ServerName)),
        ("overload-both", overloaded(Overload::Both)),
        ("bootfile-with-zeros-behind-it", with_zeros),
    ]
    .map(|(name, answer)| {
        let lan = LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, answer));
        let machine = guest.machine(guest.offers(lan, EFI_FILE, "served"));
        let served = Expectation::boots("served").without_trying("next").on_lan(OnLan::Fetched(EFI_FILE.into()));
        case(guest, name).control(without_file(&machine)).machine(machine).expect(served)
    })
}

/// Option 43 with a boot menu whose only item is of type 0, which is the local disk's, and a prompt that waits for nobody (PXE 2.1
/// section 2.2.3; `PxeBcDiscoverBootFile` of edk2's `NetworkPkg/UefiPxeBcDxe`).
fn menu_of_local_boot(guest: Uefi) -> Case {
    let discovery = |menu: &[u8]| {
        let answer = BootAnswer { option_43: Some(menu.to_vec()), ..BootAnswer::file(EFI_FILE) };
        let lan = LanSpec::new().dhcp(DhcpServer::new("main").rule(Match::Any, answer.vendor_class(Some("PXEClient"))));
        guest.machine(guest.offers(lan, EFI_FILE, "served")).without_ipv6()
    };
    let refused = Expected { outcome: Outcome::Refused, ..failed_entry("PXEv4") }.because("Remote boot cancelled");
    let http = timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken);
    let case = case(guest, "menu-of-local-boot")
        .machine(discovery(&local_boot_menu(3)))
        .control(discovery(&local_boot_menu(8)));
    guest.switched_off(case, |ipv6| all_fail(ipv6, &refused, &http).on_lan(OnLan::NeverAsked(EFI_FILE.into())))
}

/// The file is not there: PXE says so, HTTP boot ignores a reply that is not for it, the disk runs.
fn missing_file(guest: Uefi) -> Case {
    let machine = guest.machine(healthy_for(guest)).without_ipv6();
    let (pxe, http) = (
        failed_entry("PXEv4").because_of(tftp(EFI_FILE).not_found()),
        timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken),
    );
    let case = case(guest, "file-that-is-not-there").machine(without_file(&machine)).control(machine);
    guest.switched_off(case, |ipv6| all_fail(ipv6, &pxe, &http))
}

/// Nobody answers: every option of the NIC is given up, then the disk runs.
fn no_server(guest: Uefi) -> Case {
    let machine = guest.machine(healthy_for(guest)).without_ipv6();
    let dead = machine.clone().with_network(0, |network| network.with_lan(|lan| lan.fault(Fault::dead_network())));
    let unanswered = |option: &str| timed_out_entry(option).because_of(Cause::NoOffer);
    let (pxe, http) = (unanswered("PXEv4"), unanswered("HTTPv4"));
    guest.switched_off(case(guest, "dead-network").machine(dead).control(machine), |ipv6| all_fail(ipv6, &pxe, &http))
}

/// A server that answers the last of the four discovers, which come at 0, 4, 12 and 28 s (`PXEBC_DHCP_RETRIES` and `mPxeDhcpTimeout` of
/// edk2's `NetworkPkg/UefiPxeBcDxe`).
fn late_server(guest: Uefi) -> Case {
    let after = |discovers| {
        let server = DhcpServer { answer_after: AnswerAfter::Discovers(discovers), ..to_program() };
        guest.machine(guest.offers(LanSpec::new().dhcp(server), EFI_FILE, "served")).without_ipv6()
    };
    case(guest, "server-misses-3-discovers")
        .machine(after(3))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Discovers(4, 4)))
        .control(after(4))
}

/// The file is on another host than the DHCP server, which says so in siaddr (RFC 2131 section 2).
fn other_boot_server(guest: Uefi) -> Case {
    let answer = BootAnswer::file(EFI_FILE).next_server(Ipv4Addr::new(10, 77, 0, 1));
    let lan = LanSpec::new().dhcp(DhcpServer::rogue("elsewhere").rule(Match::Any, answer));
    let machine = guest.machine(guest.offers(lan, EFI_FILE, "served")).without_ipv6();
    case(guest, "next-server-is-another-host").control(without_file(&machine)).machine(machine).expect(
        Expectation::boots("served")
            .without_trying("next")
            .on_lan(OnLan::AcknowledgedBy("elsewhere".into()))
            .on_lan(OnLan::Fetched(EFI_FILE.into())),
    )
}

/// A server that refuses the first request (DHCPNAK): a client begins again (RFC 2131 section 3.1), edk2's PXE does not, and its entry is
/// over (`DhcpHandleRequest` of `NetworkPkg/Dhcp4Dxe/Dhcp4Io.c`).
fn refused_once(guest: Uefi) -> Case {
    let machine = |naks| {
        let server = DhcpServer { naks, ..to_program() };
        guest.machine(guest.offers(LanSpec::new().dhcp(server), EFI_FILE, "served")).without_ipv6()
    };
    let refused = timed_out_entry("PXEv4").because_of(Cause::NotAcknowledged);
    let http = timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken);
    let case = case(guest, "nak-once").machine(machine(1)).control(machine(0));
    guest.switched_off(case, |ipv6| all_fail(ipv6, &refused, &http).on_lan(OnLan::Naks(1)))
}

/// The first read request is lost: the client sends it again (RFC 1350 section 2, `Mtftp4OnTimerTick` of edk2's `NetworkPkg/Mtftp4Dxe`).
fn request_lost(guest: Uefi) -> Case {
    let requests = || FrameMatch::udp_port(69).going(Direction::FromGuest);
    let machine = |fault: Fault| guest.machine(healthy_for(guest).with_lan(|lan| lan.fault(fault))).without_ipv6();
    case(guest, "tftp-request-lost-once")
        .machine(machine(Fault::new("loss", requests(), Action::Drop).times(1)))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Fetched(EFI_FILE.into())))
        .control(machine(Fault::new("loss", requests(), Action::Drop)))
}

/// Frames that are lost once, come twice or damaged: the client says again what nobody answered, and takes nothing that is not whole
/// (`NetworkPkg/Udp4Dxe`, `Ip4Dxe`, `Mtftp4Dxe` of edk2).
fn noise(guest: Uefi) -> [Case; 5] {
    let data = || FrameMatch::message(Message::Tftp(Opcode::Data));
    let offer = || FrameMatch::message(Message::Dhcp(MessageType::Offer));
    let once = |when: FrameMatch, action| Fault::new("noise", when, action).times(1);
    [
        ("offer-with-a-wrong-checksum-once", once(offer(), Action::UdpChecksum(UdpChecksum::Wrong))),
        ("tftp-block-lost", once(data(), Action::Drop).skip(1)),
        ("tftp-block-damaged", once(data(), Action::FlipBit { offset: 500, bit: 5 }).skip(1)),
        ("tftp-block-behind-the-next-frame", once(data(), Action::Behind { frames: 1 }).skip(1)),
        ("every-frame-twice", Fault::new("noise", FrameMatch::to_guest(), Action::Duplicate { copies: 1 })),
    ]
    .map(|(name, fault)| {
        let machine = guest.machine(healthy_for(guest).with_lan(|lan| lan.fault(fault))).without_ipv6();
        let served = Expectation::boots("served").without_trying("next").on_lan(OnLan::Fetched(EFI_FILE.into()));
        case(guest, name)
            .control(without_file(&machine))
            .machine(machine)
            .expect(served.on_lan(OnLan::Struck("noise".into())))
    })
}

/// Offers of another transaction are not for this client (RFC 2131 section 4.4.1, `DhcpInput` of the same file).
fn other_transaction(guest: Uefi) -> Case {
    let machine = |malformed| {
        let server = DhcpServer { malformed, ..to_program() };
        guest.machine(guest.offers(LanSpec::new().dhcp(server), EFI_FILE, "served")).without_ipv6()
    };
    let not_taken = |option: &str| timed_out_entry(option).because_of(Cause::OffersNotTaken(4));
    let case = case(guest, "malformed-wrong-xid").machine(machine(Some(Malformed::WrongXid))).control(machine(None));
    let (pxe, http) = (not_taken("PXEv4"), not_taken("HTTPv4"));
    guest.switched_off(case, |ipv6| all_fail(ipv6, &pxe, &http))
}

fn to_program() -> DhcpServer {
    DhcpServer::new("main").boot_file(EFI_FILE)
}

/// PXE over IPv6, by router advertisement and DHCPv6 boot file URL.
fn ipv6(guest: Uefi) -> Case {
    let server = Dhcpv6Server::new("six").boot_url(Some(guest.pxe), "tftp://[fd77::1]/boot.efi");
    let network = guest.offers(LanSpec::new().ipv6(Ipv6::with_dhcp(server)), EFI_FILE, "served");
    let machine = guest.machine(network).without_ipv4_pxe();
    let expectation = Expectation::boots("served")
        .on_lan(OnLan::Arch(guest.pxe))
        .on_lan(OnLan::AcknowledgedBy("six".into()))
        .on_lan(OnLan::Fetched(EFI_FILE.into()));
    case(guest, "ipv6").control(without_file(&machine)).machine(machine).expect(expectation)
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
        case(on_x86(Board::Pc), "three-guests-arch-7")
            .machine(ovmf(Board::Pc, right()))
            .expect(Expectation::boots("for-pxe").on_lan(OnLan::Arch(7)))
            .control(nic_then_disk(Board::Pc, "virtio-net-pci", right())),
        case(on_x86(Board::Pc), "three-guests-arch-16")
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
        case(on_x86(Board::Pc), "rule-isc-00-10-for-http")
            .machine(machine("00:10"))
            .expect(Expectation::boots("served").on_lan(OnLan::Arch(16)))
            .control(machine("00:16")),
        case(on_x86(Board::Pc), "rule-isc-00-16-for-http")
            .machine(machine("00:16"))
            .expect(
                Expectation::attempts([timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken), booted("next")])
                    .on_lan(OnLan::NoBootFile),
            )
            .control(machine("00:10")),
    ]
}
