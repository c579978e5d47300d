//! A NIC's iPXE script that boots a disk, or that ends.

use bootwright::case::Case;
use bootwright::machine::{Board, Firmware, Machine, Medium, Network};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{
    Cause, Expectation, Expected, OnLan, booted, failed, failed_entry, http, hung_entry, tftp, timed_out_entry,
};

use super::id::{BOARDS, case};
use crate::networks::{answering, network, nic_then_disk, on_x86};
use bootwright::lan::{BootAnswer, LanSpec};

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for board in BOARDS {
        cases.extend([listed(board), unlisted(board), unlisted_strict(board), second_drive(board), blank(board)]);
        cases.extend([exits(board, 0), exits(board, 1), chains_nothing(board)]);
        cases.extend([chains_itself(board), waits_for_a_key(board)]);
    }
    cases.push(exits_under_ovmf());
    cases
}

const SANBOOT: &str = "sanboot --no-describe --drive 0x80";

/// A network whose boot file is an iPXE script.
fn script(text: &str) -> Network {
    let text = format!("#!ipxe\n{text}\n").into_bytes();
    network(answering(BootAnswer::file("http://10.77.0.1/boot.ipxe"))).with_lan(|lan| lan.file("boot.ipxe", text))
}

/// The NIC first, then the disk, which the script boots: the NIC's entry ran it, and not the disk's own.
///
/// <https://github.com/ipxe/ipxe/issues/1033>
fn listed(board: Board) -> Case {
    let machine = |text: &str| nic_then_disk(board, "virtio-net-pci", script(text));
    case(Firmware::SeaBios, board, "sanboot-of-the-next-disk")
        .machine(machine(SANBOOT))
        .expect(Expectation::attempts([booted("next").by_entry_of("nic0")]).on_lan(OnLan::Asked("boot.ipxe".into())))
        .control(machine("exit 1"))
}

/// The first NIC's entry loads the script, which boots nothing.
fn script_ran(entry: &str) -> Expected {
    failed_entry(entry).over_nic(0).because_of(http("boot.ipxe").whole())
}

/// Only the NIC has a bootindex; the disk is there all the same, and the script finds it.
///
/// <https://github.com/ipxe/ipxe/issues/1334>
/// <https://github.com/ipxe/ipxe/pull/1341>
fn unlisted(board: Board) -> Case {
    case(Firmware::SeaBios, board, "sanboot-of-an-unlisted-disk")
        .machine(nic_alone(board, SANBOOT))
        .expect(Expectation::attempts([booted("disk").by_entry_of("nic0")]))
        .control(nic_alone(board, SANBOOT).strict(true))
}

/// With a strict order SeaBIOS does not touch a disk that nothing lists, and the script finds none.
///
/// <https://github.com/ipxe/ipxe/issues/1033>
fn unlisted_strict(board: Board) -> Case {
    case(Firmware::SeaBios, board, "sanboot-of-an-unlisted-disk-strict")
        .machine(nic_alone(board, SANBOOT).strict(true))
        .expect(Expectation::nothing_boots([script_ran("ROM")]).without_trying("disk"))
        .control(nic_alone(board, SANBOOT))
}

fn nic_alone(board: Board, text: &str) -> Machine {
    Machine::new(Firmware::SeaBios, board)
        .network(script(text))
        .nic("virtio-net-pci", Some(0))
        .bootindex(1)
        .virtio_blk(Medium::bootable("disk"))
}

/// Drive 0x81 is the disk that is listed behind the first.
///
/// <https://github.com/ipxe/ipxe/issues/1186>
fn second_drive(board: Board) -> Case {
    let machine = |drive: &str| {
        nic_then_disk(board, "virtio-net-pci", script(&format!("sanboot --no-describe --drive {drive}")))
            .virtio_blk(Medium::bootable("second"))
            .bootindex(3)
    };
    case(Firmware::SeaBios, board, "sanboot-of-drive-0x81")
        .machine(machine("0x81"))
        .expect(Expectation::attempts([booted("second").by_entry_of("nic0")]).without_trying("next"))
        .control(machine("0x80"))
}

/// The disk that the script boots is blank: the NIC's entry fails, and the disk's own fails by itself.
///
/// <https://github.com/ipxe/ipxe/issues/776>
fn blank(board: Board) -> Case {
    let machine = nic_then_disk(board, "virtio-net-pci", script(SANBOOT));
    let attempts = [script_ran("ROM"), failed("next").because("not a bootable disk"), failed_entry("Floppy")];
    case(Firmware::SeaBios, board, "sanboot-of-a-blank-disk")
        .machine(machine.clone().with_blank("next"))
        .expect(Expectation::nothing_boots(attempts))
        .control(machine)
}

/// A script that ends, whatever its status, leads SeaBIOS to the next entry.
///
/// <https://github.com/netbootxyz/netboot.xyz/issues/1276>
fn exits(board: Board, status: u8) -> Case {
    let machine = |text: &str| nic_then_disk(board, "virtio-net-pci", script(text));
    case(Firmware::SeaBios, board, &format!("script-exits-with-{status}"))
        .machine(machine(&format!("exit {status}")))
        .expect(Expectation::attempts([script_ran("ROM"), booted("next")]))
        .control(machine(SANBOOT))
}

/// A script that chains a file that is not there says so, and the disk runs.
///
/// <https://github.com/tinkerbell/tinkerbell/pull/984>
fn chains_nothing(board: Board) -> Case {
    let machine = |text: &str| nic_then_disk(board, "virtio-net-pci", script(text));
    case(Firmware::SeaBios, board, "script-chains-what-is-not-there")
        .machine(machine("chain http://10.77.0.1/missing"))
        .expect(
            Expectation::attempts([failed_entry("ROM").because_of(http("missing").status(404)), booted("next")])
                .on_lan(OnLan::Asked("missing".into())),
        )
        .control(machine("chain http://10.77.0.1/boot.0"))
}

/// A script that chains itself is loaded for ever, and nothing behind the NIC is tried.
///
/// <https://github.com/ipxe/ipxe/issues/922>
fn chains_itself(board: Board) -> Case {
    let machine = |text: &str| nic_then_disk(board, "virtio-net-pci", script(text));
    case(Firmware::SeaBios, board, "script-chains-itself")
        .machine(machine("chain http://10.77.0.1/boot.ipxe"))
        .expect(
            Expectation::hangs([hung_entry("ROM").over_nic(0).because_of(http("boot.ipxe").whole())])
                .without_trying("next"),
        )
        .control(machine("chain http://10.77.0.1/missing"))
}

/// A script that waits for a key that nobody presses waits for ever.
///
/// <https://github.com/ipxe/ipxe/issues/288>
fn waits_for_a_key(board: Board) -> Case {
    let machine = |text: &str| nic_then_disk(board, "virtio-net-pci", script(text));
    case(Firmware::SeaBios, board, "script-waits-for-a-key")
        .machine(machine("prompt"))
        .expect(
            Expectation::hangs([hung_entry("ROM").over_nic(0).because_of(http("boot.ipxe").whole())])
                .without_trying("next"),
        )
        .control(machine("prompt --timeout 2000"))
}

/// iPXE as option ROM under OVMF goes on to the next entry whatever a script's status: to OVMF's own entries of the NIC, which
/// take the URL for a file's name or have no use for it, then to the disk. Where the ROM is a driver only, these are all there are.
///
/// In the control the script fails in another way, and there is a file of the URL's name.
///
/// <https://github.com/tianocore/edk2/issues/10357>
/// <https://github.com/ipxe/ipxe/issues/601>
fn exits_under_ovmf() -> Case {
    let machine = |network: Network| on_x86(Board::Q35).machine_with_rom(network).without_ipv6();
    let own = [
        failed_entry("PXEv4").because_of(tftp("http://10.77.0.1/boot.ipxe").not_found()),
        timed_out_entry("HTTPv4").because_of(Cause::OfferNotTaken),
        booted("next"),
    ];
    let there = |lan: LanSpec| lan.file("http://10.77.0.1/boot.ipxe", b"no program".to_vec());
    case(Firmware::Ovmf, Board::Q35, "script-exits-with-0")
        .machine(machine(script("exit 0")))
        .expect(Expectation::attempts([script_ran("PXEv4")].into_iter().chain(own.clone())))
        .expect_where(Behaviour::EfiRomIsDriverOnly, Expectation::attempts(own))
        .control(machine(script("chain http://10.77.0.1/missing").with_lan(there)))
}
