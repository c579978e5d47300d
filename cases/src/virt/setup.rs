//! Setup by keys on the serial port: its front page, its Boot Manager page, and what is chosen there.
//!
//! By the real clock, since an idle guest's virtual time would pass before a key arrives. What a step waits for is what a page says of the
//! entry that is marked, wherever the console's size puts it.

use bootwright::case::Case;
use bootwright::case::story::{Milestone, Story};
use bootwright::machine::{Board, Clock, Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, booted};

/// The longest wait for a key, in milliseconds.
const LONGEST: u32 = 65_535;

/// Keys as a terminal sends them.
const ESC: &str = "\x1b";
const DOWN: &str = "\x1b[B";
const UP: &str = "\x1b[A";
const ENTER: &str = "\r";

/// Of the front page's first entry, and of its next two (`FrontPageStrings.uni` of edk2's `MdeModulePkg/Application/UiApp`).
const LANGUAGE: &str = "This is the option";
const LEADS: &str = "This selection will";
/// Of an entry of the Boot Manager page (`BootManagerUiLib`).
const PATH: &str = "Device Path :";
/// What runs of whatever is chosen: the boot manager announces nothing that setup boots.
const PAYLOAD: &str = "BOOTWRIGHT/1 ";
const SHELL: &str = "EFI Internal Shell";

/// Those of one firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> [Case; 3] {
    [listed(firmware, board), chosen(firmware, board), for_once(firmware, board)]
}

#[track_caller]
fn case(firmware: Firmware, board: Board, rest: &str) -> Case {
    Case::new(format!("setup::{}::{}::{rest}", firmware.name(), board.name())).axis("setup", rest)
}

/// The first in the order sits in the higher slot.
fn two_disks(firmware: Firmware, board: Board) -> Machine {
    let machine = Machine::new(firmware, board).virtio_blk(Medium::bootable("second")).slot(4).bootindex(2);
    let machine = machine.virtio_blk(Medium::bootable("first")).slot(6).bootindex(1);
    machine.boot_menu(Some(LONGEST)).with_clock(Clock::Real)
}

/// Opens the Boot Manager page: on RISC-V once a key is asked for, on LoongArch, where nobody asks, once there is a console, which is
/// wiped twice.
fn opened(firmware: Firmware) -> Story {
    let console = match firmware {
        Firmware::RiscVVirt => Milestone::Says { text: "Press ESCAPE".to_owned(), times: 1 },
        _ => Milestone::Says { text: "\x1b[2J".to_owned(), times: 2 },
    };
    Story::new().wait(console).enter(ESC, LANGUAGE).enter(DOWN, LEADS).enter(DOWN, LEADS).enter(ENTER, PATH)
}

/// Both disks in their order, then the shell; the first is chosen.
fn listed(firmware: Firmware, board: Board) -> Case {
    let machine = two_disks(firmware, board);
    case(firmware, board, "boot-manager-lists-the-order")
        .control(machine.clone().swapping_bootindex("first", "second"))
        .machine(machine)
        .story(
            opened(firmware).enter(DOWN, PATH).enter(DOWN, PATH).enter(UP, PATH).enter(UP, PATH).enter(ENTER, PAYLOAD),
        )
        .expect(Expectation::boots("first").without_trying("second").menu(&["first", "second", SHELL]))
}

/// The second option runs although nothing is wrong with the first.
fn chosen(firmware: Firmware, board: Board) -> Case {
    let machine = two_disks(firmware, board);
    case(firmware, board, "boot-manager-choice")
        .control(machine.clone().swapping_bootindex("first", "second"))
        .machine(machine)
        .story(opened(firmware).enter(DOWN, PATH).enter(DOWN, PATH).enter(UP, PATH).enter(ENTER, PAYLOAD))
        .expect(Expectation::boots("second").without_trying("first").menu(&["first", "second", SHELL]))
}

/// A choice is for once: after the next power-on the first entry runs.
fn for_once(firmware: Firmware, board: Board) -> Case {
    let mut machine = two_disks(firmware, board);
    machine.boot.splash_time = Some(5000);
    let choice = opened(firmware).enter(DOWN, PATH).enter(DOWN, PATH).enter(UP, PATH).enter(ENTER, PAYLOAD);
    case(firmware, board, "first-again-after-a-choice")
        .control(machine.clone().swapping_bootindex("first", "second"))
        .machine(machine)
        .story(choice.wait(Milestone::Ended).power_cycle(&[]))
        .expect(Expectation::attempts([booted("second"), booted("first")]).menu(&["first", "second", SHELL]))
}
