//! What becomes of the boot order when a machine moves to a second QEMU.
//!
//! The first medium hangs once it has reported; the machine moves, is reset at its destination, and that boot is judged.

use bootwright::case::Case;
use bootwright::case::story::{Destination, Story};
use bootwright::machine::{Board, Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, booted};
use bootwright_images::After;

use crate::{SEVERAL_OVMF, SLOW_OVMF};

use crate::classes::COMBINATIONS;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (firmware, board) in COMBINATIONS {
        cases.extend(on(firmware, board));
    }
    cases.extend(nvram(Firmware::Ovmf, Board::Q35));
    cases
}

/// What every firmware does alike.
pub(crate) fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    PASSAGES.into_iter().flat_map(|passage| moved(firmware, board, passage)).collect()
}

/// What becomes of UEFI's variable store.
pub(crate) fn nvram(firmware: Firmware, board: Board) -> Vec<Case> {
    let each = |passage| [false, true].map(|own| nvram_follows((firmware, board), passage, own));
    PASSAGES.into_iter().flat_map(each).collect()
}

/// How the state gets to the destination: sent to a QEMU that waits, or saved and restored.
const PASSAGES: [&str; 2] = ["sent", "saved"];

fn destination(passage: &str) -> Destination {
    let to = Destination::new();
    if passage == "saved" { to.saved() } else { to }
}

fn moved(firmware: Firmware, board: Board, passage: &'static str) -> Vec<Case> {
    let to = || destination(passage);
    let case = |what: &str, machine: Machine, story: Story, laps: [&str; 2]| {
        let control = match laps {
            // the other disk boots, and ends the machine, on the first lap
            ["first", "first"] => machine.clone().with_bootindex_of("second", 0),
            _ => machine.clone().with_blank("second"),
        };
        Case::new(format!("migration::{}::{}::{passage}::{what}", firmware.name(), board.name()))
            .axis("passage", passage)
            .axis("order", what)
            .axis("class", "virtio-scsi")
            .machine(machine)
            .story(story)
            .expect(Expectation::attempts(laps.map(booted)))
            .control(control)
            .long_if(firmware == Firmware::Ovmf, SLOW_OVMF)
    };
    let two = |second: Medium| {
        let machine = Machine::new(firmware, board).virtio_scsi(0, 2, Medium::hanging("first")).bootindex(1);
        machine.virtio_scsi(0, 1, second).bootindex(2)
    };
    let plain = || two(Medium::bootable("second"));
    let running = || Story::new().wait_for("first");
    let changed = || running().set_bootindex("second", 0);
    vec![
        // the same command line: the same order
        case("unchanged", plain(), running().migrate(to()).reset(), ["first", "first"]),
        // qom-set on the source is no part of the state: a management layer gives it to the destination
        case("changed-and-kept", plain(), changed().migrate(to()).reset(), ["first", "second"]),
        // and where it does not, the change is lost
        case("changed-and-forgotten", plain(), changed().migrate(to().as_powered_on()).reset(), ["first", "first"]),
        // another order on the destination's command line is in force there
        case(
            "of-the-destination",
            plain(),
            running().migrate(to().with_bootindex(&[("second", 0)])).reset(),
            ["first", "second"],
        ),
        // a disk that was plugged in on the source
        case(
            "plugged-on-the-source",
            two(Medium::bootable("second")).bootindex(0).absent(),
            running().plug("second").migrate(to()).reset(),
            ["first", "second"],
        ),
    ]
}

/// The BootOrder that the guest wrote on the source is in force at the destination, also where that has a variable store file
/// of its own: the content of the flash travels with the memory.
///
/// With a bootindex UEFI firmware would write BootOrder anew at each boot, which is the control.
fn nvram_follows((firmware, board): (Firmware, Board), passage: &'static str, own_file: bool) -> Case {
    let machine = Machine::new(firmware, board).virtio_blk(Medium::then("first", After::WriteBootOrder)).slot(4);
    let machine = machine.virtio_blk(Medium::hanging("second")).slot(6);
    let to = destination(passage);
    let (file, to) = if own_file { ("own-file", to.own_nvram()) } else { ("same-file", to) };
    Case::new(format!("migration::{}::{}::{passage}::nvram-in-{file}", firmware.name(), board.name()))
        .axis("passage", passage)
        .axis("nvram", file)
        .control(machine.clone().with_bootindex_of("first", 1))
        .machine(machine)
        .story(Story::new().wait_for("second").migrate(to).reset())
        .expect(Expectation::attempts([booted("first"), booted("second"), booted("second")]))
        .long(SEVERAL_OVMF)
}
