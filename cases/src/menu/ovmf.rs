//! OVMF's boot menu, and AAVMF's: how long a key is waited for, what setup's Boot Manager page lists, and what is chosen there.
//!
//! Cases that press a key run by the real clock, since an idle guest's virtual time would pass before the key arrives. Cases
//! without keys run by a virtual one, at which one build's own work takes the same time to a tenth of a second.

use bootwright::case::Case;
use bootwright::case::story::{Milestone, Story, WhileOff};
use bootwright::machine::{Board, Clock, Firmware, Machine, Medium, OptionRom};
use bootwright::verdict::{Expectation, booted};

use super::offer::{LONGEST, optical};
use crate::SEVERAL_OVMF;
use crate::setup::{ENTER, ESC, F2, LISTS, MARKED, READY, RETURN, SETUP, UP, down, has_keyboard, key, marked, typed};

/// What the boot manager says before it boots anything.
const LOADING: &str = "BdsDxe: loading";

/// What runs first of whatever is chosen in setup: the boot manager announces nothing that setup boots.
const PAYLOAD: &str = "BOOTWRIGHT/1 ";

const SHELL: &str = "EFI Internal Shell";

/// What the boot manager menu of the two disks lists.
const LISTED: [&str; 4] = ["first", "second", SETUP, SHELL];

pub fn cases() -> Vec<Case> {
    [Board::Pc, Board::Q35].into_iter().flat_map(on_x86).collect()
}

/// Those of OVMF on one board.
pub fn on_x86(board: Board) -> Vec<Case> {
    let mut cases: Vec<Case> = WAITS.map(|(asked, seconds)| waited_for(board, asked, seconds)).into();
    cases.extend([everything_listed(board), ended_by_enter(board), continued(board), kept_after_a_choice(board)]);
    cases.extend([("esc", ESC), ("f2", F2)].map(|(name, key)| choice(board, name, key)));
    cases
}

/// Those of AAVMF, whose terminal knows ESC and the arrow keys and sends nothing for F2 that OVMF's does.
pub fn on_arm(board: Board) -> Vec<Case> {
    let mut cases: Vec<Case> = WAITS_ARM.map(|(asked, seconds)| waited_for_on_arm(board, asked, seconds)).into();
    cases.extend([ended_by_enter(board), continued(board), kept_after_a_choice(board), choice(board, "esc", ESC)]);
    cases
}

fn firmware(board: Board) -> Firmware {
    if has_keyboard(board) { Firmware::Ovmf } else { Firmware::Aavmf }
}

#[track_caller]
fn case(board: Board, rest: &str) -> Case {
    Case::new(format!("menu::{}::{}::{rest}", firmware(board).name(), board.name()))
}

/// `splash-time` in milliseconds, and the whole seconds that OVMF makes of it.
const WAITS: [(Option<u32>, u64); 7] =
    [(Some(0), 0), (Some(1), 1), (Some(1000), 1), (Some(1001), 2), (Some(5000), 5), (Some(LONGEST), 66), (None, 3)];

/// Instructions of 8 ns. The faster ones of other cases would make OVMF's own work take half a minute of guest time.
const CLOCK: Clock = Clock::Virtual { shift: 3 };

/// The first in the order sits in the higher slot.
fn two_disks(board: Board) -> Machine {
    let machine = Machine::new(firmware(board), board).virtio_blk(Medium::bootable("second")).slot(4).bootindex(2);
    machine.virtio_blk(Medium::bootable("first")).slot(6).bootindex(1)
}

/// The two disks in the other order.
fn swapped(mut machine: Machine) -> Machine {
    for device in &mut machine.devices {
        device.bootindex = device.bootindex.map(|rank| 3 - rank);
    }
    machine
}

/// Offered for longer than any step takes.
fn offered(board: Board) -> Machine {
    two_disks(board).boot_menu(Some(LONGEST)).with_clock(Clock::Real)
}

/// Without a key the first entry boots once the wait is over: `splash-time` rounded up to whole seconds, 3 s where it is not
/// given. By so much later it boots than the same machine without a menu, whatever OVMF's own work takes.
fn waited_for(board: Board, asked: Option<u32>, seconds: u64) -> Case {
    let machine = || two_disks(board).with_clock(CLOCK);
    let name = asked.map_or("default".to_owned(), |milliseconds| milliseconds.to_string());
    let other = if seconds == 0 { machine().boot_menu(Some(1001)) } else { machine() };
    case(board, &format!("splash-time-{name}"))
        .axis("wait", name)
        .machine(machine().boot_menu(asked))
        .story(Story::new().wait(Milestone::Ended).power_cycle_with(WhileOff::new().fresh_store().menu_off()))
        .expect(Expectation::attempts([booted("first"), booted("first")]).without_trying("second").waiting(seconds))
        .control(other)
        .long(SEVERAL_OVMF)
}

/// `splash-time` in milliseconds, and the whole seconds that AAVMF makes of it: without one, or without a menu, it waits its own
/// five.
const WAITS_ARM: [(Option<u32>, u64); 7] =
    [(Some(0), 0), (Some(1), 1), (Some(1000), 1), (Some(1001), 2), (Some(5000), 5), (Some(LONGEST), 66), (None, 5)];

/// What AAVMF waits without a menu, in seconds.
const OWN_WAIT_ARM: u64 = 5;

/// By so much later than without a menu it boots, or where that is sooner, so soon: its own work takes between two seconds and four.
fn waited_for_on_arm(board: Board, asked: Option<u32>, seconds: u64) -> Case {
    let machine = || two_disks(board).with_clock(CLOCK);
    let name = asked.map_or("default".to_owned(), |milliseconds| milliseconds.to_string());
    let other = if seconds == OWN_WAIT_ARM { machine().boot_menu(Some(1001)) } else { machine() };
    let case = case(board, &format!("splash-time-{name}"))
        .axis("wait", name)
        .machine(machine().boot_menu(asked))
        .control(other);
    match seconds.checked_sub(OWN_WAIT_ARM) {
        None => case.expect(Expectation::boots("first").without_trying("second").lasting(seconds + 2, seconds + 4)),
        Some(more) => case
            .story(Story::new().wait(Milestone::Ended).power_cycle_with(WhileOff::new().fresh_store().menu_off()))
            .expect(Expectation::attempts([booted("first"), booted("first")]).without_trying("second").waiting(more)),
    }
}

/// Opens the Boot Manager page, which is the third of the front page.
fn opened(board: Board, opens: &str) -> Story {
    key(down(typed(opens, READY), board, 2), board, RETURN, READY)
}

/// A key opens setup; the option that is chosen in its Boot Manager boots, and nothing else is tried.
fn choice(board: Board, name: &str, opens: &str) -> Case {
    let chosen = |story, answer| key(key(story, board, UP, answer), board, RETURN, PAYLOAD);
    // a function key is read at once, before any wait, so that one does not need the menu to be on
    let mut off = offered(board);
    off.boot.menu = Some(false);
    let control = if opens == ESC && has_keyboard(board) { off } else { swapped(offered(board)) };
    case(board, &format!("choice-by-{name}"))
        .axis("front-page-key", name)
        .machine(offered(board))
        .story(chosen(down(opened(board, opens), board, 2), READY))
        .story_where(LISTS, chosen(marked(board, opens, 2), MARKED))
        .expect(Expectation::boots("second").without_trying("first").menu(&["first", "second", SHELL]))
        .expect_where(LISTS, Expectation::boots("second").without_trying("first").menu(&LISTED))
        .control(control)
}

/// What opens setup on this board's terminal.
fn setup_key(board: Board) -> &'static str {
    if has_keyboard(board) { F2 } else { ESC }
}

/// ENTER ends the wait at once, and opens nothing.
fn ended_by_enter(board: Board) -> Case {
    case(board, "ended-by-enter")
        .machine(offered(board))
        .story(typed(ENTER, LOADING))
        .expect(Expectation::boots("first").without_trying("second").lasting(0, 60))
        .control(offered(board).without_bootindex())
}

/// Setup's front page is left by Continue, its fifth, and the first entry boots.
fn continued(board: Board) -> Case {
    let setup = setup_key(board);
    case(board, "continued")
        .machine(offered(board))
        .story(key(down(typed(setup, READY), board, 4), board, RETURN, LOADING))
        .story_where(LISTS, key(typed(setup, MARKED), board, ("esc", ESC), LOADING))
        .expect(Expectation::boots("first").without_trying("second").menu(&[]).lasting(0, 60))
        .expect_where(LISTS, Expectation::boots("first").without_trying("second").menu(&LISTED).lasting(0, 60))
        .control(offered(board).without_bootindex())
}

/// A choice is for once: at the next power-on the first entry boots again.
fn kept_after_a_choice(board: Board) -> Case {
    let machine = two_disks(board).boot_menu(Some(5000)).with_clock(Clock::Real);
    let setup = setup_key(board);
    let chosen = |story: Story| key(story, board, RETURN, PAYLOAD).wait(Milestone::Ended).power_cycle(&[]);
    let laps = || Expectation::attempts([booted("second"), booted("first")]);
    case(board, "first-again-after-a-choice")
        .machine(machine.clone())
        .story(chosen(down(opened(board, setup), board, 1)))
        .story_where(LISTS, chosen(marked(board, setup, 1)))
        .expect(laps().menu(&["first", "second", SHELL]))
        .expect_where(LISTS, laps().menu(&LISTED))
        .control(swapped(machine))
        .long(SEVERAL_OVMF)
}

/// Every option by its device path: those with a bootindex in its order, then setup, where it is an option, and the shell, then
/// what the order has left out.
/// Setup makes options of that again, although OVMF has deleted them; so it can be chosen.
fn everything_listed(board: Board) -> Case {
    let machine = Machine::new(Firmware::Ovmf, board)
        .virtio_blk(Medium::bootable("virtio-blk"))
        .bootindex(3)
        .virtio_blk(Medium::bootable("left-out"))
        .virtio_scsi(0, 1, Medium::bootable("scsi"))
        .bootindex(1)
        .nvme(Medium::bootable("nvme"))
        .bootindex(2)
        .usb_storage(1, Medium::bootable("usb"))
        .bootindex(4)
        .cdrom(optical(board), Medium::bootable("disc"))
        .bootindex(6)
        .ahci(0, Medium::bootable("ahci"))
        .bootindex(5)
        .nic("virtio-net-pci", None)
        .rom(OptionRom::Empty)
        .bootindex(7)
        // without random numbers newer builds have no network boot
        .rng()
        .boot_menu(Some(LONGEST))
        .with_clock(Clock::Real);
    let listed =
        ["scsi", "nvme", "virtio-blk", "usb", "ahci", "disc", "nic0", "nic0", "nic0", "nic0", SHELL, "left-out"];
    let mut with_setup = listed.to_vec();
    with_setup.insert(listed.len() - 2, SETUP);
    let other = machine.clone().swapping_bootindex("scsi", "nvme");
    case(board, "everything-listed")
        .machine(machine)
        .story(down(opened(board, F2), board, listed.len() - 1).press(&["ret"], PAYLOAD))
        .story_where(LISTS, marked(board, F2, with_setup.len() - 1).press(&["ret"], PAYLOAD))
        .expect(Expectation::boots("left-out").without_trying("scsi").menu(&listed))
        .expect_where(LISTS, Expectation::boots("left-out").without_trying("scsi").menu(&with_setup))
        .control(other)
        .long("its NVMe controller keeps it from a warm start, and its list takes many keys")
}
