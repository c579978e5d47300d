//! s390-ccw on `s390-ccw-virtio`: which disk or network it loads from, and what it does after one that does not load.

pub mod networks;
pub mod words;

use bootwright::case::{Case, Tier};
use bootwright::machine::{DiskClass, Machine, Medium};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::{After, BadLoader};

use words::{case, goes_on, machine};

/// Why most of its cases are in the full suite only.
const OTHERS_SHOW_IT: &str = "a case of its kind is in the default suite";

/// One of each kind, in the default suite.
const EVERYDAY: [&str; 6] = [
    "s390x::alone::virtio-blk",
    "s390x::order::virtio-blk-before-virtio-blk",
    "s390x::order::virtio-scsi-before-virtio-blk",
    "s390x::first_entry::blank-virtio-blk",
    "s390x::first_entry::no-drive",
    "s390x::network::arch-in-the-request-alone",
];

/// The kinds of drive that the firmware knows and media are made for.
const CLASSES: [DiskClass; 2] = [DiskClass::VirtioBlk, DiskClass::VirtioScsi];

/// How many devices QEMU names to its firmware.
const CHAIN: u8 = 8;

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = CLASSES.map(alone).into();
    cases.extend(CLASSES.into_iter().flat_map(|right| CLASSES.map(|wrong| order(right, wrong))));
    cases.extend(CLASSES.into_iter().flat_map(unbootable));
    cases.extend([all_fail(), no_drive(), without_bootindex(), unlisted(), ninth(), reboots()]);
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

/// The disk with the lower bootindex is loaded, although the other one comes first on the command line.
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

/// A first disk that cannot be loaded, in each way in which a boot record leads nowhere.
fn unbootable(class: DiskClass) -> Vec<Case> {
    let bad = |bad| Medium::with_bad_loader("first", bad);
    let media = [
        ("blank", Medium::blank("first"), "No zIPL section in IPL2 record"),
        ("no-record", Medium::without_signature("first"), "No zIPL section in IPL2 record"),
        ("text", bad(BadLoader::Text), "No zIPL magic in header"),
        ("no-component", bad(BadLoader::Headers), "No EXEC entry"),
        ("truncated", bad(BadLoader::Truncated), ""),
        ("no-program", bad(BadLoader::Empty), ""),
    ];
    let case = |(name, medium, words): (&str, Medium, &'static str)| {
        let first = move || if words.is_empty() { failed("first") } else { failed("first").because(words) };
        let machine = machine().drive(class, 0, medium).bootindex(1);
        let machine = machine.drive(class, 1, Medium::bootable("second")).bootindex(2);
        let case = case("first_entry", &format!("{name}-{}", class.name()))
            .axis("first", name)
            .axis("class", class.name())
            .control(machine.clone().with_medium(Medium::bootable("first")))
            .machine(machine);
        let ends = Behaviour::EmptyProgramTableEndsBoot;
        match name {
            "no-program" => {
                goes_on(case.expect_where(ends, Expectation::nothing_boots([first()])), first, [booted("second")])
            }
            _ => goes_on(case, first, [booted("second")]),
        }
    };
    media.into_iter().map(case).collect()
}

fn all_fail() -> Case {
    let machine = machine()
        .virtio_blk(Medium::blank("first"))
        .bootindex(1)
        .virtio_blk(Medium::with_bad_loader("second", BadLoader::Text))
        .bootindex(2);
    let case = case("first_entry", "all-fail")
        .axis("first", "all-fail")
        .control(machine.clone().with_medium(Medium::bootable("first")))
        .machine(machine);
    goes_on(case, || failed("first"), [failed("second").because("No zIPL magic in header")])
}

fn no_drive() -> Case {
    case("first_entry", "no-drive")
        .axis("first", "none")
        .machine(machine())
        .expect(Expectation::nothing_boots([]))
        .control(machine().virtio_blk(Medium::bootable("there")))
}

/// Nothing has a bootindex: each drive is tried in the order of the command line, on every release.
fn without_bootindex() -> Case {
    let machine = machine().virtio_blk(Medium::blank("first")).virtio_blk(Medium::bootable("second"));
    case("first_entry", "without-bootindex")
        .axis("first", "blank-without-bootindex")
        .control(machine.clone().with_medium(Medium::bootable("first")))
        .machine(machine)
        .expect(Expectation::attempts([failed("first"), booted("second")]))
}

/// A disk without a bootindex is not tried where another one has one.
fn unlisted() -> Case {
    let machine = machine().virtio_blk(Medium::bootable("unlisted")).virtio_blk(Medium::blank("listed")).bootindex(1);
    case("first_entry", "unlisted")
        .axis("first", "blank-before-unlisted")
        .control(machine.clone().without_bootindex())
        .machine(machine)
        .expect(Expectation::nothing_boots([failed("listed")]).without_trying("unlisted"))
}

/// The ninth device of an order is one too many.
fn ninth() -> Case {
    let name = |number: u8| format!("disk-{number}");
    let disks = |machine: Machine, bootable: u8| {
        (1..=CHAIN + 1).fold(machine, |machine, number| {
            let name = name(number);
            let medium = if number == bootable { Medium::bootable(&name) } else { Medium::blank(&name) };
            machine.virtio_blk(medium).bootindex(number.into())
        })
    };
    let case = case("order", "ninth-device")
        .axis("devices", "9")
        .machine(disks(machine(), CHAIN + 1))
        .control(disks(machine(), 1));
    goes_on(case, || failed("disk-1"), (2..=CHAIN).map(|number| failed(&name(number))))
}

/// A program that loads the machine anew is run again from the same disk.
fn reboots() -> Case {
    case("resets", "load-clear")
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
