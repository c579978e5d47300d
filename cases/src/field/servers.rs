//! Servers and paths that are otherwise than their users thought: block sizes, packets that do not fit, names, and a server that comes
//! late.

use bootwright::case::Case;
use bootwright::lan::faults::{Action, FrameMatch};
use bootwright::lan::{AnswerAfter, BootAnswer, DhcpServer, Direction, Fault, LanSpec, Match, Tftp};
use bootwright::machine::{Board, Firmware, Machine, Network};
use bootwright::verdict::{Cause, Expectation, OnLan, booted, failed_entry, tftp, timed_out_entry};

use super::id::{BOARDS, case};
use crate::networks::{BIOS_FILE, EFI_FILE, answering, healthy, network, nic_then_disk, on_x86, server};

pub fn cases() -> Vec<Case> {
    let on_both = |board| [comes_up_later(board), wide_path(board), narrow_path(board), unknown_name(board)];
    let mut cases: Vec<Case> = BOARDS.into_iter().flat_map(on_both).collect();
    cases.extend([url_by_pxe(), without_options(), block_size(1024), block_size(512), proxy()]);
    cases
}

/// The server is not up yet when the machine is powered on, and is when SeaBIOS starts over.
///
/// <https://github.com/virt-manager/virt-manager/issues/36>
fn comes_up_later(board: Board) -> Case {
    // iPXE discovers four times, then gives up
    let machine = |misses| {
        let late = DhcpServer { answer_after: AnswerAfter::Discovers(misses), ..server() };
        let machine = Machine::new(Firmware::SeaBios, board).network(network(late));
        machine.nic("virtio-net-pci", Some(0)).bootindex(1).reboot_timeout(1000).strict(true)
    };
    let unanswered = timed_out_entry("ROM").because_of(Cause::NoOffer);
    case(Firmware::SeaBios, board, "server-comes-up-on-the-second-lap")
        .machine(machine(4))
        .expect(Expectation::attempts([unanswered, booted("served")]))
        .control(machine(0))
}

/// A path that takes IP packets of 1450 bytes, as behind a tunnel, and a server that agrees to blocks of this size.
fn behind_a_tunnel(largest_block: u16) -> Network {
    const PATH: usize = 1450;
    const HEADERS: usize = 20 + 8;
    let too_long = FrameMatch { min_payload: PATH - HEADERS + 1, ..FrameMatch::udp_port(69) };
    let too_long = FrameMatch { port: None, ..too_long.going(Direction::ToGuest) };
    healthy().with_lan(|mut lan| {
        lan.tftp = Tftp { max_blksize: largest_block, ..lan.tftp };
        lan.fault(Fault::new("path of 1450 bytes", too_long, Action::Drop))
    })
}

/// iPXE asks for blocks of 1432 bytes, which the path does not take.
///
/// <https://github.com/osism/testbed/issues/2623>
fn narrow_path(board: Board) -> Case {
    let stalled = timed_out_entry("ROM").because_of(tftp(BIOS_FILE).stalled_after(0));
    case(Firmware::SeaBios, board, "path-of-1450-bytes-blocks-of-1432")
        .machine(nic_then_disk(board, "virtio-net-pci", behind_a_tunnel(1468)))
        .expect(Expectation::attempts([stalled, booted("next")]))
        .control(nic_then_disk(board, "virtio-net-pci", behind_a_tunnel(1024)))
}

/// Blocks of 1024 bytes pass.
///
/// <https://github.com/osism/testbed/issues/2623>
fn wide_path(board: Board) -> Case {
    case(Firmware::SeaBios, board, "path-of-1450-bytes-blocks-of-1024")
        .machine(nic_then_disk(board, "virtio-net-pci", behind_a_tunnel(1024)))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Fetched(BIOS_FILE.into())))
        .control(nic_then_disk(board, "virtio-net-pci", behind_a_tunnel(1468)))
}

/// A URL whose host nobody knows: the next device is tried.
///
/// <https://github.com/ipxe/ipxe/issues/1316>
fn unknown_name(board: Board) -> Case {
    let by_url = |url: &str| nic_then_disk(board, "virtio-net-pci", network(answering(BootAnswer::file(url))));
    let unknown = failed_entry("ROM").because_of(Cause::NeverAskedFor("http://nowhere.example/boot.0".to_owned()));
    case(Firmware::SeaBios, board, "url-with-an-unknown-name")
        .machine(by_url("http://nowhere.example/boot.0"))
        .expect(Expectation::attempts([unknown, booted("next")]))
        .control(by_url("http://10.77.0.1/boot.0"))
}

/// OVMF with a NIC that its own stack drives and a disk behind it, without IPv6.
fn ovmf_on(lan: LanSpec) -> Machine {
    let guest = on_x86(Board::Q35);
    guest.machine(guest.offers(lan, EFI_FILE, "served")).without_ipv6()
}

fn healthy_lan() -> LanSpec {
    LanSpec::new().dhcp(DhcpServer::new("main").boot_file(EFI_FILE))
}

fn with_tftp(change: impl FnOnce(&mut Tftp)) -> Machine {
    let mut lan = healthy_lan();
    change(&mut lan.tftp);
    ovmf_on(lan)
}

/// PXE takes a URL for the name of a file, and HTTP boot does not take an answer that is not for it.
///
/// <https://github.com/DeterminateSystems/nix-netboot-serve/issues/2>
fn url_by_pxe() -> Case {
    const URL: &str = "http://10.77.0.1/boot.efi";
    let answer = DhcpServer::new("main").rule(Match::Any, BootAnswer::file(URL));
    let attempts = [
        failed_entry("PXEv4").because_of(tftp(URL).not_found()),
        timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken),
        booted("next"),
    ];
    case(Firmware::Ovmf, Board::Q35, "pxe-client-is-given-a-url")
        .machine(ovmf_on(LanSpec::new().dhcp(answer)))
        .expect(Expectation::attempts(attempts))
        .control(ovmf_on(healthy_lan()))
}

/// A server without options does not tell the size of a file, without which OVMF has no room for it.
///
/// <https://github.com/psychomario/py3tftp/issues/10>
fn without_options() -> Case {
    let aborted = failed_entry("PXEv4").because_of(tftp(EFI_FILE)).because("PXE-E99");
    let attempts = [aborted, timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken), booted("next")];
    case(Firmware::Ovmf, Board::Q35, "tftp-without-options")
        .machine(with_tftp(|tftp| tftp.options = false))
        .expect(Expectation::attempts(attempts))
        .control(ovmf_on(healthy_lan()))
}

/// Smaller blocks than OVMF asks for are fine.
///
/// <https://github.com/crowbar/crowbar-core/pull/1078>
fn block_size(largest: u16) -> Case {
    case(Firmware::Ovmf, Board::Q35, &format!("tftp-block-size-{largest}"))
        .machine(with_tftp(|tftp| tftp.max_blksize = largest))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Fetched(EFI_FILE.into())))
        .control(with_tftp(|tftp| tftp.enabled = false))
}

/// One server gives addresses, and a proxy gives the file and serves it.
///
/// <https://github.com/tianocore/edk2/issues/6944>
fn proxy() -> Case {
    let proxy = || DhcpServer::proxy("proxy").boot_file(EFI_FILE);
    let lan = || LanSpec::new().dhcp(DhcpServer::new("addresses")).dhcp(proxy());
    case(Firmware::Ovmf, Board::Q35, "proxy-dhcp-is-the-boot-server")
        .machine(ovmf_on(lan().serve_at(proxy().address)))
        .expect(Expectation::boots("served").without_trying("next").on_lan(OnLan::Fetched(EFI_FILE.into())))
        .control(ovmf_on(lan()))
}
