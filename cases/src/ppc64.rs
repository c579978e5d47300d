//! SLOF on `pseries`: which device of its list it loads from, and what it does after one that does not load.

pub mod networks;
pub mod pseries;

use bootwright::case::{Case, Tier};
use bootwright::machine::{DiskClass, Medium, UsbController};
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::{After, BadLoader};

use pseries::{case, machine};

/// Why most of its cases are in the full suite only.
const OTHERS_SHOW_IT: &str = "a case of its kind is in the default suite";

/// One of each kind, in the default suite.
const EVERYDAY: [&str; 5] = [
    "ppc64::alone::virtio-blk",
    "ppc64::order::virtio-scsi-before-virtio-blk",
    "ppc64::first_entry::blank-virtio-blk",
    "ppc64::first_entry::no-drive",
    "ppc64::network::arch-in-the-request-alone",
];

/// The kinds of drive that the firmware knows and media are made for.
const CLASSES: [DiskClass; 3] = [DiskClass::VirtioBlk, DiskClass::VirtioScsi, DiskClass::Usb(UsbController::Xhci)];

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = CLASSES.map(alone).into();
    cases.extend(CLASSES.into_iter().flat_map(|right| CLASSES.map(|wrong| order(right, wrong))));
    cases.extend(CLASSES.into_iter().flat_map(unbootable));
    cases.extend([all_fail(), no_drive(), without_bootindex(), unlisted(), strict(), returns(), reboots()]);
    cases.extend(networks::cases());
    cases.into_iter().map(in_tier).collect()
}

fn in_tier(mut case: Case) -> Case {
    case.tier = match EVERYDAY.contains(&case.id.as_str()) {
        true => Tier::Default,
        false => Tier::Long(OTHERS_SHOW_IT.to_owned()),
    };
    case
}

fn alone(class: DiskClass) -> Case {
    case("alone", class.name())
        .axis("class", class.name())
        .machine(machine().drive(class, 0, Medium::bootable("only")).bootindex(1))
        .expect(Expectation::boots("only"))
        .control_blank("only")
}

/// The disk with the lower bootindex is loaded, although the other one sits in the lower slot, which the firmware's own default is.
fn order(right: DiskClass, wrong: DiskClass) -> Case {
    let machine = machine().drive(wrong, 0, Medium::bootable("wrong")).bootindex(2);
    let machine = machine.drive(right, 1, Medium::bootable("right")).bootindex(1);
    case("order", &format!("{}-before-{}", right.name(), wrong.name()))
        .axis("right", right.name())
        .axis("wrong", wrong.name())
        .control(machine.clone().swapping_bootindex("right", "wrong"))
        .machine(machine)
        .expect(Expectation::boots("right").without_trying("wrong"))
}

/// A first disk that cannot be loaded, in each way.
fn unbootable(class: DiskClass) -> Vec<Case> {
    let bad = |bad| Medium::with_bad_loader("first", bad);
    let media = [
        ("blank", Medium::blank("first"), "E3404"),
        ("no-signature", Medium::without_signature("first"), "E3404"),
        ("no-sectors", bad(BadLoader::Empty), "E3404"),
        ("truncated", bad(BadLoader::Truncated), "E3404"),
        ("text", bad(BadLoader::Text), "E3403"),
        ("headers", bad(BadLoader::Headers), "E3403"),
        ("other-machine", bad(BadLoader::OtherMachine), "E3403"),
    ];
    let case = |(name, medium, code): (&str, Medium, &'static str)| {
        let machine = machine().drive(class, 0, medium).bootindex(1);
        let machine = machine.drive(class, 1, Medium::bootable("second")).bootindex(2);
        case("first_entry", &format!("{name}-{}", class.name()))
            .axis("first", name)
            .axis("class", class.name())
            .control(machine.clone().with_medium(Medium::bootable("first")))
            .machine(machine)
            .expect(Expectation::attempts([failed("first").because(code), booted("second")]))
    };
    media.into_iter().map(case).collect()
}

/// Behind the list come the firmware's own defaults, which are the same disks once more.
fn all_fail() -> Case {
    let machine = machine()
        .virtio_blk(Medium::blank("first"))
        .bootindex(2)
        .virtio_blk(Medium::without_signature("second"))
        .bootindex(1);
    case("first_entry", "all-fail")
        .axis("first", "all-fail")
        .control(machine.clone().with_medium(Medium::bootable("first")))
        .machine(machine)
        .expect(Expectation::nothing_boots([failed("second"), failed("first"), failed("first"), failed("second")]))
}

fn no_drive() -> Case {
    case("first_entry", "no-drive")
        .axis("first", "none")
        .machine(machine())
        .expect(Expectation::nothing_boots([]))
        .control(machine().virtio_blk(Medium::bootable("there")))
}

/// Nothing has a bootindex: each disk is tried in the order of the slots.
fn without_bootindex() -> Case {
    let machine = machine().virtio_blk(Medium::blank("first")).virtio_blk(Medium::bootable("second"));
    case("first_entry", "without-bootindex")
        .axis("first", "blank-without-bootindex")
        .control(machine.clone().with_medium(Medium::bootable("first")))
        .machine(machine)
        .expect(Expectation::attempts([failed("first"), booted("second")]))
}

/// A disk without a bootindex is tried when the list has come to nothing.
fn unlisted() -> Case {
    let machine = machine().virtio_blk(Medium::bootable("unlisted")).virtio_blk(Medium::blank("listed")).bootindex(1);
    case("first_entry", "unlisted")
        .axis("first", "blank-before-unlisted")
        .control(machine.clone().without_bootindex())
        .machine(machine)
        .expect(Expectation::attempts([failed("listed"), booted("unlisted")]))
}

/// With strict it is not.
fn strict() -> Case {
    let machine = machine().virtio_blk(Medium::bootable("unlisted")).virtio_blk(Medium::blank("listed")).bootindex(1);
    case("strict", "on-virtio-blk")
        .axis("strict", "on")
        .control(machine.clone())
        .machine(machine.strict(true))
        .expect(Expectation::nothing_boots([failed("listed")]).without_trying("unlisted"))
}

/// A program that returns to the firmware makes place for the next device.
fn returns() -> Case {
    let machine = machine()
        .virtio_blk(Medium::then("first", After::ReturnToFirmware))
        .bootindex(1)
        .virtio_blk(Medium::bootable("second"))
        .bootindex(2);
    case("first_entry", "returning-virtio-blk")
        .axis("first", "returning")
        .control(machine.clone().with_medium(Medium::bootable("first")))
        .machine(machine)
        .expect(Expectation::attempts([failed("first"), booted("second")]))
}

/// A program that resets the machine is run again from the same disk.
fn reboots() -> Case {
    case("resets", "reset-all")
        .axis("after", "reset-system")
        .machine(
            machine()
                .virtio_blk(Medium::bootable("second"))
                .bootindex(2)
                .virtio_blk(Medium::then("first", After::ResetSystem))
                .bootindex(1),
        )
        .expect(Expectation::laps(3, [booted("first")]).without_trying("second"))
        .control_blank("first")
}
