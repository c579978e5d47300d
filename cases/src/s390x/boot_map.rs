//! Boot maps: DASD volumes, the entry that the machine's `loadparm` names, and the firmware's menu of entries.
//!
//! A disk has its program at one number, and each number below it leads to a text. Nothing is typed at the menu: a key that comes between the
//! line "Please choose:" and the event mask behind it wakes nobody until the next one (`get_index` and `read_prompt` in QEMU's
//! `pc-bios/s390-ccw/menu.c`; seen of every second start).

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Clock, DiskClass, Machine, Medium};
use bootwright::verdict::{Expectation, failed};
use bootwright_images::BootMapLayout::{self, DasdCdl, DasdLdl, Scsi};

use super::words::{case, machine};

/// The number of the program.
const ENTRY: u8 = 2;

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = [("dasd-cdl", DasdCdl), ("dasd-ldl", DasdLdl)].map(dasd_alone).into();
    cases.extend([("scsi", Scsi), ("dasd-cdl", DasdCdl), ("dasd-ldl", DasdLdl)].map(by_loadparm));
    cases.extend([by_loadparm_of_scsi(), no_such_entry()]);
    cases.push(default_after_a_while());
    cases
}

fn disk(layout: BootMapLayout) -> Machine {
    machine().virtio_blk(Medium::boot_map("only", layout, ENTRY)).bootindex(1)
}

fn dasd_alone((name, layout): (&str, BootMapLayout)) -> Case {
    case("alone", name)
        .axis("class", name)
        .machine(machine().virtio_blk(Medium::boot_map("only", layout, 0)).bootindex(1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// The entry that is named is loaded and not the first one.
fn by_loadparm((name, layout): (&str, BootMapLayout)) -> Case {
    case("loadparm", &format!("{name}-{ENTRY}"))
        .axis("loadparm", name)
        .machine(disk(layout).loadparm(&ENTRY.to_string()))
        .control(disk(layout).loadparm("1"))
        .expect(Expectation::boots("only"))
}

fn by_loadparm_of_scsi() -> Case {
    let machine = machine().drive(DiskClass::VirtioScsi, 0, Medium::boot_map("only", Scsi, ENTRY)).bootindex(1);
    case("loadparm", &format!("virtio-scsi-{ENTRY}"))
        .axis("loadparm", "virtio-scsi")
        .machine(machine.clone().loadparm(&ENTRY.to_string()))
        .control(machine.loadparm("0"))
        .expect(Expectation::boots("only"))
}

/// A number that the map does not have ends it all, on releases that go on with the next device too.
fn no_such_entry() -> Case {
    let machine = disk(Scsi).virtio_blk(Medium::bootable("next")).bootindex(2);
    case("loadparm", "no-such-entry")
        .axis("loadparm", "no-such-entry")
        .machine(machine.clone().loadparm("7"))
        .control(machine.loadparm(&ENTRY.to_string()))
        .expect(Expectation::nothing_boots([failed("only")]).without_trying("next"))
}

/// With a time the first entry follows.
fn default_after_a_while() -> Case {
    let offered = |entry| {
        let machine = machine().virtio_blk(Medium::boot_map("only", Scsi, entry)).bootindex(1);
        machine.boot_menu(Some(2000)).with_clock(Clock::Virtual { shift: 7 })
    };
    case("menu", "default-after-2-s")
        .axis("menu", "default-after-2-s")
        .machine(offered(0))
        .control(offered(ENTRY))
        .story(Story::new().wait_for_text("default will boot in 2 seconds").wait_for_text("Booting entry #0"))
        .expect(Expectation::boots("only"))
}
