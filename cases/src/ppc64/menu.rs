//! The boot menu, which F12 opens where `-boot menu=on` says so: it lists what the firmware's aliases stand for, whatever has a bootindex.
//!
//! The key is a sequence of five bytes on the console, which has to be there when the firmware comes to its end (`start-it` in SLOF's
//! `slof/fs/start-up.fs`; `lib/libbootmenu/bootmenu.c`): there is no wait for it. Keys that come while it lists are thrown away, and nothing says
//! when it has come to listen, so the choice is typed again until it is answered.

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Clock, Machine, Medium};
use bootwright::verdict::Expectation;

use super::pseries::{case, machine};

/// F12 of a terminal (VT220).
const F12: &str = "\u{1b}[24~";

const OFFER: &str = "Press F12 for boot menu.";
const LISTING: &str = "Select boot device (or press '0' to abort):";

pub fn cases() -> Vec<Case> {
    vec![chosen("2", "second", "first"), chosen("1", "first", "second")]
}

/// Two disks, of which the one in the higher slot has a bootindex.
fn two_disks() -> Machine {
    let machine = machine().virtio_blk(Medium::bootable("first")).slot(4);
    // an idle guest's virtual time would pass before a key arrives
    machine.virtio_blk(Medium::bootable("second")).slot(5).bootindex(1).with_clock(Clock::Real)
}

/// Disks are listed by slot: `disk`, then `disk1`.
fn chosen(key: &str, right: &str, wrong: &str) -> Case {
    let machine = two_disks().boot_menu(None);
    let story = Story::new().wait_for_text(OFFER).enter(F12, LISTING).wait_for_text("/scsi@5");
    case("menu", &format!("choice-{key}"))
        .axis("menu", key)
        .control(machine.clone().with_blank(right))
        .machine(machine)
        .story(story.enter_waking(key, key, "Trying to load:"))
        .expect(Expectation::boots(right).without_trying(wrong))
}
