//! Variable stores that are not what OVMF made them: carried to another version of it, damaged, full, read-only, missing.
//!
//! Who owns what: `nvram` says what OVMF does with a sound store of its own.

use bootwright::case::Case;
use bootwright::case::story::{Milestone, Story, WhileOff};
use bootwright::machine::{
    Access, Board, BootVariables, Damage, DeviceClass, Firmware, Machine, Medium, OptionTarget, VariableStore,
};
use bootwright::verdict::behaviour::Behaviour;
use bootwright::verdict::{Expectation, OnStore, booted};
use bootwright_images::After;

use crate::SEVERAL_OVMF;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for release in RELEASES {
        cases.extend(carried(release));
    }
    cases.extend(on(Firmware::Ovmf, Board::Q35));
    let class =
        |case: &Case| if case.machine.devices.iter().any(|device| device.optical) { "ahci-cd" } else { "virtio-blk" };
    let classed = |case: Case| {
        let class = class(&case);
        case.axis("class", class).long(SEVERAL_OVMF)
    };
    cases.into_iter().map(classed).collect()
}

/// Those of UEFI firmware on one board that need no other release.
pub fn on(firmware: Firmware, board: Board) -> Vec<Case> {
    let bare = &Machine::new(firmware, board);
    let mut cases = if firmware == Firmware::Aavmf { mended(bare) } else { wrecked(bare) };
    cases.extend(holed(bare));
    cases.extend(filled(bare));
    cases.extend(accessed(bare));
    if firmware == Firmware::Aavmf {
        cases.push(no_store(bare));
    }
    cases
}

/// Of those the ones of stores that were damaged, under firmware that makes a store anew which it cannot read.
pub fn mended_on(firmware: Firmware, board: Board) -> Vec<Case> {
    let bare = &Machine::new(firmware, board);
    mended(bare).into_iter().chain(holed(bare)).collect()
}

fn id(machine: &Machine, rest: &str) -> String {
    format!("vars::{}::{}::{rest}", machine.firmware.name(), machine.board.name())
}

/// Releases whose OVMF_CODE takes over a variable store, by suite. Which of them are older than the platform's own depends
/// on the platform.
const RELEASES: [&str; 3] = ["bullseye", "trixie", "sid"];

/// Two disks, the nearer one first; without a bootindex that is OVMF's own order.
fn machine(bare: &Machine, first: After, listed: bool) -> Machine {
    let machine = bare.clone().virtio_blk(Medium::then("first", first)).slot(4);
    let machine = if listed { machine.bootindex(2) } else { machine };
    let machine = machine.virtio_blk(Medium::bootable("second")).slot(6);
    if listed { machine.bootindex(1) } else { machine }
}

/// The same from optical media under OVMF, which keeps variables in a file of the first disk that it can write to where it has no
/// flash for them and was built without Secure Boot (`NvVarsFileLib`).
fn unwritable(bare: &Machine, first: After, listed: bool) -> Machine {
    if bare.firmware != Firmware::Ovmf {
        return machine(bare, first, listed);
    }
    let machine = bare.clone().cdrom(DeviceClass::Ahci { port: 0 }, Medium::then("first", first));
    let machine = if listed { machine.bootindex(2) } else { machine };
    let machine = machine.cdrom(DeviceClass::Ahci { port: 1 }, Medium::bootable("second"));
    if listed { machine.bootindex(1) } else { machine }
}

fn ended() -> Story {
    Story::new().wait(Milestone::Ended)
}

fn laps(names: &[&str]) -> Expectation {
    Expectation::attempts(names.iter().copied().map(booted))
}

fn carried(release: &str) -> Vec<Case> {
    let bare = &Machine::q35(Firmware::Ovmf);
    let of = format!("debian:{release}");
    let there = || WhileOff::new().code_of(&of);
    let case = |what: &str, machine: Machine, control: Machine, story: Story, expectation: Expectation| {
        Case::new(id(bare, &format!("carried-{release}::{what}")))
            .axis("release", release)
            .axis("carried", what)
            .machine(machine)
            .story(story)
            .expect(expectation)
            .control(control)
    };
    let writing = machine(bare, After::WriteBootOrder, false);
    let silent = machine(bare, After::Exit, false);
    let listed = machine(bare, After::Exit, true);
    let back = || WhileOff::new().own_code();
    vec![
        case(
            "to",
            writing.clone(),
            silent.clone(),
            ended().power_cycle_with(there()),
            laps(&["first", "second", "second"]).on_store(OnStore::Keeps),
        ),
        case(
            "there-and-back",
            writing.clone(),
            silent.clone(),
            ended().power_cycle_with(there()).wait(Milestone::Ended).power_cycle_with(back()),
            laps(&["first", "second", "second", "second"]).on_store(OnStore::Keeps),
        ),
        case(
            "from",
            writing.clone().paused(),
            silent.clone().paused(),
            Story::new().power_cycle_with(there()).cont().wait(Milestone::Ended).power_cycle_with(back()).cont(),
            laps(&["first", "second", "second"]).on_store(OnStore::Keeps),
        ),
        case(
            "bootindex",
            listed.clone(),
            listed.without_bootindex(),
            ended().power_cycle_with(there()),
            laps(&["second", "second"]).on_store(OnStore::Keeps),
        ),
        case(
            "fresh",
            writing,
            silent,
            ended().power_cycle_with(there().fresh_store()),
            laps(&["first", "second", "first", "second"]),
        ),
    ]
}

/// What leaves no store behind that could be read. AAVMF formats the flash anew (`VirtNorFlashDxe` in edk2's `OvmfPkg`): the order is
/// its own again, and the next one that is written stays.
fn mended(bare: &Machine) -> Vec<Case> {
    let (writing, silent) = (machine(bare, After::WriteBootOrder, false), machine(bare, After::Exit, false));
    let mut cases = Vec::new();
    for damage in WRECKS {
        let name = damage.name();
        let case = |when: &str| Case::new(id(bare, &format!("{name}::{when}"))).axis("damage", name).axis("when", when);
        let damaged = |machine: &Machine| machine.clone().variable_store(VariableStore::damaged(damage.clone()));
        cases.extend([
            case("at-first")
                .machine(damaged(&writing))
                .expect(laps(&["first", "second"]).on_store(OnStore::Sound))
                .control(damaged(&silent)),
            case("later")
                .machine(writing.clone())
                .story(ended().power_cycle_with(WhileOff::new().damage(damage.clone())))
                .expect(laps(&["first", "second", "first", "second"]).on_store(OnStore::Sound))
                .control(silent.clone()),
        ]);
    }
    cases
}

/// Damages that leave no store behind.
const WRECKS: [Damage; 4] = [Damage::ErasedVolumeHeader, Damage::ErasedStoreHeader, Damage::Garbage, Damage::Erased];

/// What leaves no store behind that OVMF could read. It writes a volume header where that is bad, no store header behind it, and
/// runs into a processor exception, at the next power-on again.
fn wrecked(bare: &Machine) -> Vec<Case> {
    let (writing, silent) = (machine(bare, After::WriteBootOrder, false), machine(bare, After::Exit, false));
    let mut cases = Vec::new();
    for damage in WRECKS {
        let name = damage.name();
        let case = |when: &str| Case::new(id(bare, &format!("{name}::{when}"))).axis("damage", name).axis("when", when);
        let wreck = writing.clone().variable_store(VariableStore::damaged(damage.clone()));
        let crashed = || Story::new().wait(Milestone::Crashed);
        // all of it is erased before a header is written
        let left = if damage == Damage::Garbage { OnStore::Erased } else { OnStore::Gone };
        cases.extend([
            // once wrecked, always wrecked
            case("at-first")
                .machine(wreck.clone())
                .story(crashed().power_cycle_with(WhileOff::new()))
                .expect(Expectation::crashes([]).on_store(OnStore::Gone))
                .control(writing.clone()),
            // the order was in force until then
            case("later")
                .machine(writing.clone())
                .story(ended().power_cycle_with(WhileOff::new().damage(damage)))
                .expect(Expectation::crashes(["first", "second"].map(booted)).on_store(left).without_views())
                .control(silent.clone()),
            // a fresh copy of the template is what helps; the order is gone with the old one
            case("rescued")
                .machine(wreck)
                .story(crashed().power_cycle_with(WhileOff::new().fresh_store()))
                .expect(laps(&["first", "second"]).on_store(OnStore::Sound))
                .control(writing.clone()),
        ]);
    }
    cases
}

/// One variable's header is bad: OVMF gives up what lies behind it and writes the rest anew.
fn holed(bare: &Machine) -> Vec<Case> {
    let damage = || Damage::BadVariable { name: "BootOrder".to_owned() };
    let case = |when: &str, machine: Machine, control: Machine, expected: &[&str]| {
        Case::new(id(bare, &format!("bad-variable::{when}")))
            .axis("damage", "bad-variable")
            .axis("when", when)
            .machine(machine)
            .story(ended().power_cycle_with(WhileOff::new().damage(damage())))
            .expect(laps(expected).on_store(OnStore::Sound))
            .control(control)
    };
    let (writing, silent, listed) = (
        machine(bare, After::WriteBootOrder, false),
        machine(bare, After::Exit, false),
        machine(bare, After::Exit, true),
    );
    vec![
        // the guest's own mark is gone too, so it writes again
        case("later", writing, silent, &["first", "second", "first", "second"]),
        case("later-bootindex", listed.clone(), listed.without_bootindex(), &["second", "second"]),
    ]
}

/// No byte is free. Behind a life of its own OVMF makes room by clearing out deleted variables; where all others are live it
/// has no consoles and no boot options, and runs a disk in silence, that with the best bootindex if there is one. From edk2 2024.02 on
/// the store is then written anew as it was, at each power-on.
fn filled(bare: &Machine) -> Vec<Case> {
    let damage = || Damage::Full { left: 0 };
    let case = |when: &str, machine: Machine, control: Machine, expected: &[&str]| {
        Case::new(id(bare, &format!("full::{when}")))
            .axis("damage", "full")
            .axis("when", when)
            .machine(machine)
            .expect(laps(expected).on_store(OnStore::Sound))
            .control(control)
    };
    let full = |machine: Machine| machine.variable_store(VariableStore::damaged(damage()));
    let later = || ended().power_cycle_with(WhileOff::new().damage(damage()));
    let again = || ended().power_cycle_with(WhileOff::new());
    let nothing_written = |mut case: Case| {
        let lacks = case.expectation.on_store(OnStore::Lacks("BootOrder".to_owned()));
        case.expectation = lacks.clone().on_store(OnStore::Untouched);
        case.expect_where(Behaviour::RecoverySignalsReadyToBoot, lacks.on_store(OnStore::WrittenAnew))
    };
    let (writing, silent, listed) = (
        machine(bare, After::WriteBootOrder, false),
        machine(bare, After::Exit, false),
        machine(bare, After::Exit, true),
    );
    let unlisted = listed.clone().without_bootindex();
    vec![
        case("later", writing.clone(), silent, &["first", "second", "second"]).story(later()),
        case("later-bootindex", listed.clone(), unlisted.clone(), &["second", "second"]).story(later()),
        nothing_written(case("at-first", full(writing.clone()), writing, &["first", "first"]).story(again())),
        nothing_written(case("at-first-bootindex", full(listed), full(unlisted), &["second", "second"]).story(again())),
    ]
}

/// What a store holds beforehand, so that there is one in flash that is read-only: not every template of AAVMF has one.
fn left_behind(access: Access) -> BootVariables {
    match access {
        Access::ReadOnly => {
            BootVariables::new().option(7, "elsewhere", OptionTarget::file("elsewhere", r"\EFI\other.efi"))
        }
        Access::ReadWrite | Access::Absent => BootVariables::default(),
    }
}

/// No store, and flash in which none can be made: AAVMF crashes before it has a console.
fn no_store(bare: &Machine) -> Case {
    let machine = |access| {
        let store = VariableStore { access, ..VariableStore::damaged(Damage::Erased) };
        machine(bare, After::Exit, false).variable_store(store)
    };
    Case::new(id(bare, "read-only::no-store"))
        .axis("access", Access::ReadOnly.name())
        .axis("order", "no-store")
        .machine(machine(Access::ReadOnly))
        .story(Story::new().wait(Milestone::Crashed))
        .expect(Expectation::crashes([]).on_store(OnStore::Untouched))
        .control(machine(Access::ReadWrite))
}

/// Flash that is read-only counts as none: variables are kept in memory, over a reset and not over a power cycle.
const IN_MEMORY: Behaviour = Behaviour::ReadOnlyFlashIsNoStore;

/// A guest that changes BootOrder on flash that is read-only, then resets. OVMF takes what it writes without an error and has lost it
/// after the reset, so it writes and resets for ever. AAVMF has told its own boot manager that nothing can be written: there is no
/// BootOrder that a guest could change.
fn in_vain(firmware: Firmware) -> Expectation {
    match firmware {
        Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt => laps(&["first"]),
        _ => Expectation::laps(4, [booted("first")]),
    }
}

/// Read-only flash, and none.
fn accessed(bare: &Machine) -> Vec<Case> {
    let case = |access: Access, order: &str| {
        Case::new(id(bare, &format!("{}::{order}", access.name()))).axis("access", access.name()).axis("order", order)
    };
    let with = |access, machine: Machine| {
        let boot = if bare.firmware == Firmware::Aavmf { left_behind(access) } else { BootVariables::default() };
        machine.variable_store(VariableStore { boot, ..VariableStore::with_access(access) })
    };
    let (writing, silent, listed) = (
        unwritable(bare, After::WriteBootOrder, false),
        unwritable(bare, After::Exit, false),
        unwritable(bare, After::Exit, true),
    );
    let in_force = laps(&["first", "second", "second"]).on_store(OnStore::Untouched);
    let vain = case(Access::ReadOnly, "written")
        .machine(with(Access::ReadOnly, writing.clone()))
        .expect(in_vain(bare.firmware).on_store(OnStore::Untouched))
        .expect_where(IN_MEMORY, laps(&["first", "second"]).on_store(OnStore::Untouched))
        .control(writing.clone());
    let mut cases = vec![
        // a program that wrote and reset would be seen a second time
        if bare.firmware == Firmware::Aavmf { vain.story(ended()) } else { vain },
        // kept in memory: over a reset, but not over a power cycle
        case(Access::Absent, "written")
            .machine(with(Access::Absent, writing.clone()))
            .story(ended().power_cycle(&[]))
            .expect(laps(&["first", "second", "first", "second"]))
            .control(writing.clone()),
        // what was written when it was writable is in force when it no longer is
        case(Access::ReadOnly, "written-before")
            .machine(writing.clone())
            .story(ended().power_cycle_with(WhileOff::new().access(Access::ReadOnly)))
            .expect(in_force.clone())
            .expect_where(Behaviour::ReadOnlyStoreIsRead, in_force)
            .expect_where(IN_MEMORY, laps(&["first", "second", "first", "second"]).on_store(OnStore::Untouched))
            .control(silent.clone()),
        case(Access::Absent, "written-before")
            .machine(writing)
            .story(ended().power_cycle_with(WhileOff::new().access(Access::Absent)))
            .expect(laps(&["first", "second", "first", "second"]))
            .control(silent),
    ];
    for access in [Access::ReadOnly, Access::Absent] {
        let expectation = laps(&["second", "second"]).without_trying("first");
        cases.push(
            case(access, "bootindex")
                .machine(with(access, listed.clone()))
                .story(ended().power_cycle(&[]))
                .expect(if access == Access::ReadOnly { expectation.on_store(OnStore::Untouched) } else { expectation })
                .control(with(access, listed.clone().without_bootindex())),
        );
    }
    cases
}
