//! Resets at named moments of a boot and at random ones: what follows is an ordinary boot by the same order.

use bootwright::case::Case;
use bootwright::case::story::{LanMoment, Milestone, Story};
use bootwright::machine::{Board, Clock, Firmware, Machine, Medium};
use bootwright::verdict::Expectation;

use super::id::{id, on_board};
use crate::networks::{self, Uefi, on_x86};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![twenty(Firmware::SeaBios, Board::Pc, 9000), twenty(Firmware::Ovmf, Board::Pc, 400), in_menu()];
    let posts = [
        ("pci-probing", "=== PCI device probing"),
        ("drives-found", "found virtio-blk at"),
        ("threads-complete", "All threads complete."),
        ("int-19h", "enter handle_19"),
    ];
    cases.extend(posts.map(|(name, text)| in_post(name, text)));
    for firmware in [Firmware::SeaBios, Firmware::Ovmf] {
        cases.extend(MOMENTS.map(|(name, moment)| in_network_boot(firmware, name, moment)));
    }
    cases
}

/// Those of a UEFI guest, and of this machine, which boots over its network.
pub fn on(guest: Uefi, machine: &Machine) -> Vec<Case> {
    let mut cases = vec![twenty(guest.firmware, guest.board, 400)];
    cases.extend(MOMENTS.map(|(name, moment)| cut_short(machine.clone(), networks::EFI_FILE, name, moment)));
    cases
}

const MOMENTS: [(&str, LanMoment); 4] = [
    ("discover", LanMoment::Discover),
    ("ack", LanMoment::Ack),
    ("tftp-request", LanMoment::TftpRequest),
    ("tftp-quarter", LanMoment::TftpQuarter),
];

fn two_disks(firmware: Firmware, board: Board) -> Machine {
    let machine = Machine::new(firmware, board).virtio_blk(Medium::hanging("wrong")).bootindex(2);
    machine.virtio_blk(Medium::hanging("right")).bootindex(1)
}

/// Twenty resets at moments drawn from the seed, in POST, in the boot manager, or once the payload runs; the boot that
/// follows is by the same order, and so is every boot that got as far as an attempt.
pub fn twenty(firmware: Firmware, board: Board, within: u32) -> Case {
    Case::new(on_board(firmware, board, "twenty-at-random"))
        .axis("moment", "random")
        .machine(two_disks(firmware, board))
        .story(Story::new().random_resets(20, within))
        .expect(Expectation::boots("right").without_trying("wrong").after_cut_laps(20))
        .control(two_disks(firmware, board).without_bootindex_of("right"))
}

/// A reset when SeaBIOS' POST has come to a point.
fn in_post(name: &str, text: &str) -> Case {
    Case::new(id(Firmware::SeaBios, &format!("in-post-{name}")))
        .axis("moment", format!("post-{name}"))
        .machine(two_disks(Firmware::SeaBios, Board::Pc))
        .story(Story::new().wait_for_text(text).reset())
        .expect(Expectation::boots("right").without_trying("wrong").after_cut_laps(1))
        .control_blank("right")
}

/// A reset while the boot menu waits for a choice: it is offered again, and the first entry boots.
fn in_menu() -> Case {
    let machine = two_disks(Firmware::SeaBios, Board::Pc).boot_menu(Some(65_535)).with_clock(Clock::Real);
    let again = Milestone::Says { text: "for boot menu.\n".to_owned(), times: 2 };
    let story = Story::new().wait_for_text("for boot menu.\n").press(&["esc"], "3. Legacy option rom\n").reset();
    Case::new(id(Firmware::SeaBios, "in-menu"))
        .axis("moment", "menu")
        .machine(machine)
        .story(story.wait(again).press(&["spc"], "Booting from"))
        .expect(
            Expectation::boots("right")
                .without_trying("wrong")
                .after_cut_laps(1)
                .menu(&["right", "wrong", "Legacy option rom"])
                .menu(&[]),
        )
        .control_blank("right")
}

/// A reset in the middle of a network boot: the next lap asks again from the start, and is served.
fn in_network_boot(firmware: Firmware, name: &str, moment: LanMoment) -> Case {
    if firmware.is_uefi() {
        let guest = on_x86(Board::Pc);
        return cut_short(guest.machine(networks::healthy_for(guest)), networks::EFI_FILE, name, moment);
    }
    let machine = networks::nic_then_disk(Board::Pc, "virtio-net-pci", networks::healthy().of_length(30_000));
    cut_short(machine, networks::BIOS_FILE, name, moment)
}

fn cut_short(machine: Machine, file: &str, name: &str, moment: LanMoment) -> Case {
    let control = machine.clone().with_network(0, |network| network.without_program(file));
    Case::new(on_board(machine.firmware, machine.board, &format!("in-pxe-{name}")))
        .axis("moment", format!("pxe-{name}"))
        .machine(machine)
        .story(Story::new().wait_on_lan(moment).reset())
        .expect(Expectation::boots("served").without_trying("next").after_cut_laps(1))
        .control(control)
}
