//! SLOF on `pseries`: which device of its list it loads from, and what it does after one that does not load.

mod menu;
pub mod networks;
mod optical;
pub mod pseries;

use bootwright::case::Case;
use bootwright::machine::{DiskClass, Medium, ScsiAdapter, UsbController};
use bootwright::verdict::{Expectation, booted, failed};
use bootwright_images::{After, BadLoader};

use crate::own_firmware::in_tier;
use crate::systems;
use pseries::{GUEST, case, machine};

/// One of each kind, in the default suite.
const EVERYDAY: [&str; 5] = [
    "ppc64::alone::virtio-blk",
    "ppc64::order::virtio-scsi-before-virtio-blk",
    "ppc64::first_entry::blank-virtio-blk",
    "ppc64::first_entry::no-drive",
    "ppc64::network::arch-in-the-request-alone",
];

/// The kinds of disk that the firmware knows and media are made for.
const CLASSES: [DiskClass; 4] = [
    DiskClass::VirtioBlk,
    DiskClass::VirtioScsi,
    DiskClass::Usb(UsbController::Xhci),
    DiskClass::Scsi(ScsiAdapter::SpaprVscsi),
];

pub fn cases() -> Vec<Case> {
    let drives = || CLASSES.into_iter().chain([DiskClass::ScsiCd]);
    let mut cases: Vec<Case> = drives().map(|class| GUEST.alone(class)).collect();
    cases.extend(drives().flat_map(|right| drives().map(move |wrong| GUEST.order(right, wrong))));
    cases.extend(CLASSES.into_iter().flat_map(unbootable));
    cases.extend([all_fail(), GUEST.no_drive(), GUEST.without_bootindex(), unlisted(), strict(), returns()]);
    cases.push(GUEST.reboots("reset-all"));
    cases.extend(GUEST.hotplugged(DiskClass::VirtioScsi));
    cases.extend(optical::cases());
    cases.extend(menu::cases());
    cases.extend(networks::cases());
    let cases = cases.into_iter().map(|case| in_tier(case, &EVERYDAY));
    cases.chain(systems::on_pseries()).collect()
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
