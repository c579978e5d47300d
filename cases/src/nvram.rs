//! What OVMF keeps in its variable store from one power-on to the next.

use bootwright::case::Case;
use bootwright::case::story::{Milestone, Story};
use bootwright::machine::{Board, DiskClass, Firmware, Machine, Medium};
use bootwright::verdict::{Expectation, booted};
use bootwright_images::After;

use crate::SEVERAL_OVMF;

pub fn cases() -> Vec<Case> {
    on(Firmware::Ovmf, Board::Q35)
}

/// Those of UEFI firmware on one board.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let bare = Machine::new(firmware, board);
    let mut cases =
        vec![kept_over_power_cycle(&bare), restored_after_removal(&bare), restored_last_without_bootindex(&bare)];
    cases.extend(written_by_the_guest(&bare));
    cases.push(asks_for_setup(&bare));
    for case in &mut cases {
        case.axes.insert("class".to_owned(), "virtio-blk".to_owned());
    }
    cases
}

fn id(machine: &Machine, rest: &str) -> String {
    format!("nvram::{}::{}::{rest}", machine.firmware.name(), machine.board.name())
}

/// The farther disk is first in the order.
fn machine(bare: &Machine) -> Machine {
    let machine = bare.clone().virtio_blk(Medium::bootable("wrong")).slot(4).bootindex(2);
    machine.virtio_blk(Medium::bootable("right")).slot(6).bootindex(1)
}

/// A second power-on with the variables of the first one boots the same disk.
fn kept_over_power_cycle(bare: &Machine) -> Case {
    Case::new(id(bare, "power-cycle"))
        .machine(machine(bare))
        .story(Story::new().wait(Milestone::Ended).power_cycle(&[]))
        .expect(Expectation::attempts([booted("right"), booted("right")]).without_trying("wrong"))
        .control_blank("right")
        .long(SEVERAL_OVMF)
}

/// A disk that is missing at one power-on loses its boot option, and has it back, in its place, when it is there again.
fn restored_after_removal(bare: &Machine) -> Case {
    let story = Story::new().wait(Milestone::Ended).power_cycle(&["right"]);
    let story = story.wait(Milestone::Ended).power_cycle(&[]);
    Case::new(id(bare, "removed-and-restored"))
        .machine(machine(bare))
        .story(story)
        .expect(Expectation::attempts([booted("right"), booted("wrong"), booted("right")]))
        .control_blank("right")
        .long(SEVERAL_OVMF)
}

/// The same without a bootindex: an option that the firmware made itself goes with its disk, so that nobody waits for what is not
/// there, and comes back behind those that stayed.
fn restored_last_without_bootindex(bare: &Machine) -> Case {
    let unlisted = bare.clone().virtio_blk(Medium::bootable("first"));
    // of another class: of two with one name the one that is left changes its own, and its option is a new one
    let unlisted = unlisted.drive(DiskClass::Nvme, 0, Medium::bootable("second"));
    let story = Story::new().wait(Milestone::Ended).power_cycle(&["first"]);
    Case::new(id(bare, "removed-and-restored::without-bootindex"))
        .control(unlisted.clone().with_bootindex_of("first", 1))
        .machine(unlisted)
        .story(story.wait(Milestone::Ended).power_cycle(&[]))
        .expect(Expectation::attempts([booted("first"), booted("second"), booted("second")]))
        .long(SEVERAL_OVMF)
}

/// Two disks, without a bootindex unless `listed`: then the order of their slots is OVMF's own.
fn writing(bare: &Machine, first: After, second: After, listed: bool) -> Machine {
    let mut machine = bare.clone().virtio_blk(Medium::then("first", first)).slot(4);
    machine = if listed { machine.bootindex(1) } else { machine };
    machine = machine.virtio_blk(Medium::then("second", second)).slot(6);
    if listed { machine.bootindex(2) } else { machine }
}

/// What the guest writes with SetVariable before it resets the machine. The control is a guest that writes nothing; where a
/// bootindex wins over what it wrote, the machine without one.
fn written_by_the_guest(bare: &Machine) -> Vec<Case> {
    let case = |what: &str, listed: bool, machine: Machine, story: Story, laps: &[&str]| {
        let listed = if listed { "with-bootindex" } else { "without-bootindex" };
        let control = match laps {
            ["first", "first", ..] => machine.clone().without_bootindex(),
            _ => writing_nothing(machine.clone(), if story.is_empty() { After::ResetSystem } else { After::Exit }),
        };
        Case::new(id(bare, &format!("{what}::{listed}")))
            .axis("written", what)
            .axis("order", listed)
            .machine(machine)
            .story(story)
            .expect(Expectation::attempts(laps.iter().copied().map(booted)))
            .control(control)
            .long_if(laps.len() > 2, SEVERAL_OVMF)
    };
    let next = |listed| writing(bare, After::WriteBootNext, After::ResetSystem, listed);
    let order = |listed| writing(bare, After::WriteBootOrder, After::Exit, listed);
    let cycle = || Story::new().wait(Milestone::Ended).power_cycle(&[]);
    vec![
        // BootNext is honoured once and above any bootindex; then the order is what it was
        case("boot-next", false, next(false), Story::new(), &["first", "second", "first"]),
        case("boot-next", true, next(true), Story::new(), &["first", "second", "first"]),
        // BootOrder stays, over the reset and over a power cycle
        case("boot-order", false, order(false), Story::new(), &["first", "second"]),
        case("boot-order-power-cycle", false, order(false), cycle(), &["first", "second", "second"]),
        // a bootindex makes OVMF write it anew at each boot
        case("boot-order", true, order(true), Story::new(), &["first", "first"]),
        case("boot-order-power-cycle", true, order(true), cycle(), &["first", "first", "first"]),
    ]
}

/// The guest asks for the firmware's setup at the next boot, as `systemctl reboot --firmware-setup` does (UEFI 2.10 section 8.5.4,
/// `BdsEntry` of edk2's `MdeModulePkg/Universal/BdsDxe/BdsEntry.c`).
fn asks_for_setup(bare: &Machine) -> Case {
    let machine = |after| bare.clone().virtio_blk(Medium::then("first", after)).bootindex(1);
    Case::new(id(bare, "os-indications-boot-to-setup"))
        .axis("written", "os-indications")
        .machine(machine(After::WriteOsIndications))
        .expect(Expectation::opens_setup([booted("first")]))
        .control(machine(After::ResetSystem))
        .long_if(bare.firmware == Firmware::Aavmf, SEVERAL_OVMF)
}

fn writing_nothing(machine: Machine, after: After) -> Machine {
    machine.with_medium(Medium::then("first", after))
}
