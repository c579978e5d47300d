//! Boot maps: DASD volumes, the entry that the machine's `loadparm` names, and the firmware's menu of entries.
//!
//! A disk has its program at one number, and each number below it leads to a text. A key that comes between the line "Please choose:" and
//! the event mask behind it wakes nobody until the next one (`get_index` and `read_prompt` in QEMU's `pc-bios/s390-ccw/menu.c`; seen of every
//! second start), so that the menu is woken by a key that it ignores, and the next key is typed once it has shown the first.

use bootwright::case::Case;
use bootwright::case::story::Story;
use bootwright::machine::{Clock, DiskClass, Machine, Medium};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::BootMapLayout::{self, DasdCdl, DasdLdl, Scsi};

use super::words::{case, machine};

/// The number of the program.
const ENTRY: u8 = 2;

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = [("dasd-cdl", DasdCdl), ("dasd-ldl", DasdLdl)].map(dasd_alone).into();
    cases.extend(LAYOUTS.map(by_loadparm));
    cases.extend([by_loadparm_of_scsi(), no_such_entry()]);
    cases.push(default_after_a_while());
    cases.extend(LAYOUTS.map(chosen));
    cases.extend([chosen_again(), by_loadparm_of_device(), of_the_second()]);
    cases
}

const LAYOUTS: [(&str, BootMapLayout); 3] = [("scsi", Scsi), ("dasd-cdl", DasdCdl), ("dasd-ldl", DasdLdl)];

/// Keys: one that the menu ignores, and the one that ends a number.
const ESC: &str = "\x1b";
const ENTER: &str = "\r";

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

/// A menu that waits for an answer, for a minute at least.
fn menu_of(layout: BootMapLayout, entry: u8) -> Machine {
    let machine = machine().virtio_blk(Medium::boot_map("only", layout, entry)).bootindex(1);
    machine.boot_menu(Some(65_535)).with_clock(Clock::Real)
}

/// Types a number, which the menu shows, and then ENTER.
fn typed(story: Story, number: u8, answer: &str) -> Story {
    let number = number.to_string();
    story.enter_waking(&number, ESC, &number).enter(ENTER, answer)
}

/// The number that is typed is loaded. In the control another one leads to the program.
fn chosen((name, layout): (&str, BootMapLayout)) -> Case {
    let story = Story::new().wait_for_text("Please choose");
    case("menu", &format!("choice-on-{name}"))
        .axis("menu", format!("choice-on-{name}"))
        .machine(menu_of(layout, ENTRY))
        .control(menu_of(layout, ENTRY + 1))
        .story(typed(story, ENTRY, &format!("Booting entry #{ENTRY}")))
        .expect(Expectation::boots("only"))
}

/// A number that the menu does not list is refused, and asked for again.
fn chosen_again() -> Case {
    let refused = typed(Story::new().wait_for_text("Please choose"), ENTRY + 5, "undefined configuration");
    case("menu", "choice-after-an-unknown-number")
        .axis("menu", "choice-after-an-unknown-number")
        .machine(menu_of(Scsi, ENTRY))
        .control(menu_of(Scsi, ENTRY + 1))
        .story(typed(refused, ENTRY, &format!("Booting entry #{ENTRY}")))
        .expect(Expectation::boots("only"))
}

/// What older QEMU says of a device's `loadparm`.
const NO_LOADPARM: &str = ".loadparm' not found";

/// A disk with a boot map and its own number, or with none.
fn numbered(machine: Machine, name: &str, number: Option<u8>) -> Machine {
    let machine = machine.virtio_blk(Medium::boot_map(name, Scsi, ENTRY));
    number.into_iter().fold(machine, |machine, number| machine.property("loadparm", number.to_string()))
}

/// The device's number counts and not the machine's.
fn by_loadparm_of_device() -> Case {
    let machine = |number| numbered(machine(), "only", number).bootindex(1).loadparm("1");
    case("loadparm", "of-the-device")
        .axis("loadparm", "of-the-device")
        .machine(machine(Some(ENTRY)))
        .control(machine(None))
        .expect(Expectation::qemu_refuses(NO_LOADPARM))
        .expect_where(Behaviour::LoadparmOfDevice, Expectation::boots("only"))
}

/// The second device of the order is loaded by its own number, after one without.
fn of_the_second() -> Case {
    let machine = |number| {
        let machine = machine().virtio_blk(Medium::blank("first")).bootindex(1);
        numbered(machine, "second", number).bootindex(2)
    };
    case("loadparm", "of-the-second-device")
        .axis("loadparm", "of-the-second-device")
        .machine(machine(Some(ENTRY)))
        .control(machine(None))
        .expect(Expectation::qemu_refuses(NO_LOADPARM))
        .expect_where(Behaviour::LoadparmOfDevice, Expectation::attempts([failed("first"), booted("second")]))
}
