//! s390-ccw on `s390-ccw-virtio`: which disk or network it loads from, and what it does after one that does not load.

mod boot_map;
pub mod networks;
mod optical;
mod pci;
pub mod words;

use bootwright::case::Case;
use bootwright::machine::{DiskClass, Machine, Medium};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::BadLoader;

use crate::own_firmware::in_tier;
use words::{GUEST, case, goes_on, machine};

/// One of each kind, in the default suite.
const EVERYDAY: [&str; 10] = [
    "s390x::alone::virtio-blk",
    "s390x::order::virtio-blk-before-virtio-blk",
    "s390x::order::virtio-scsi-before-virtio-blk",
    "s390x::first_entry::blank-virtio-blk",
    "s390x::first_entry::no-drive",
    "s390x::network::arch-in-the-request-alone",
    "s390x::alone::scsi-cd",
    "s390x::alone::dasd-cdl",
    "s390x::loadparm::scsi-2",
    "s390x::prelaunch::virtio-blk::boot-disk-beside::other-bootable::strict-off::reset-then-cont",
];

/// The kinds of drive that the firmware knows and media are made for.
const DRIVES: [DiskClass; 3] = [DiskClass::VirtioBlk, DiskClass::VirtioScsi, DiskClass::ScsiCd];

/// The disks among them.
const CLASSES: [DiskClass; 2] = [DiskClass::VirtioBlk, DiskClass::VirtioScsi];

/// How many devices QEMU names to its firmware.
const CHAIN: u8 = 8;

pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = DRIVES.map(|class| GUEST.alone(class)).into();
    cases.extend(DRIVES.into_iter().flat_map(|right| DRIVES.map(|wrong| GUEST.order(right, wrong))));
    cases.extend(CLASSES.into_iter().flat_map(unbootable));
    cases.extend([all_fail(), GUEST.no_drive(), GUEST.without_bootindex(), unlisted(), ninth()]);
    cases.extend([GUEST.reboots("load-clear"), GUEST.twenty_resets(60)]);
    cases.extend(CLASSES.into_iter().flat_map(|class| GUEST.hotplugged(class)));
    cases.extend(boot_map::cases());
    cases.extend(optical::cases());
    cases.extend(pci::cases());
    cases.extend(networks::cases());
    cases.into_iter().map(|case| in_tier(case, &EVERYDAY)).collect()
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
