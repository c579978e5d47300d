//! Variable stores that are not what OVMF made them: carried to another version of it, damaged, full, read-only, missing.
//!
//! Who owns what: `nvram` says what OVMF does with a sound store of its own.

use bootwright::case::Case;
use bootwright::case::story::{Milestone, Story, WhileOff};
use bootwright::machine::{Access, Damage, Firmware, Machine, Medium, VariableStore};
use bootwright::verdict::{Expectation, OnStore, booted};
use bootwright_images::After;

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for release in RELEASES {
        cases.extend(carried(release));
    }
    cases.extend(damaged());
    cases.extend(accessed());
    cases.into_iter().map(|case| case.axis("class", "virtio-blk").long()).collect()
}

/// Releases whose OVMF_CODE takes over a variable store, by suite. Which of them are older than the platform's own depends
/// on the platform.
const RELEASES: [&str; 3] = ["bullseye", "trixie", "sid"];

/// Two disks, the nearer one first; without a bootindex that is OVMF's own order.
fn machine(first: After, listed: bool) -> Machine {
    let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::then("first", first)).slot(4);
    let machine = if listed { machine.bootindex(2) } else { machine };
    let machine = machine.virtio_blk(Medium::bootable("second")).slot(6);
    if listed { machine.bootindex(1) } else { machine }
}

fn ended() -> Story {
    Story::new().wait(Milestone::Ended)
}

fn laps(names: &[&str]) -> Expectation {
    Expectation::attempts(names.iter().copied().map(booted))
}

fn carried(release: &str) -> Vec<Case> {
    let of = format!("debian:{release}");
    let there = || WhileOff::new().code_of(&of);
    let case = |what: &str, machine: Machine, control: Machine, story: Story, expectation: Expectation| {
        Case::new(format!("vars::ovmf::q35::carried-{release}::{what}"))
            .axis("release", release)
            .axis("carried", what)
            .machine(machine)
            .story(story)
            .expect(expectation)
            .control(control)
    };
    let writing = machine(After::WriteBootOrder, false);
    let silent = machine(After::Exit, false);
    let listed = machine(After::Exit, true);
    let keeps = || OnStore::Keeps { but: vec![] };
    let back = || WhileOff::new().own_code();
    vec![
        case(
            "to",
            writing.clone(),
            silent.clone(),
            ended().power_cycle_with(there()),
            laps(&["first", "second", "second"]).on_store(keeps()),
        ),
        case(
            "there-and-back",
            writing.clone(),
            silent.clone(),
            ended().power_cycle_with(there()).wait(Milestone::Ended).power_cycle_with(back()),
            laps(&["first", "second", "second", "second"]).on_store(keeps()),
        ),
        case(
            "from",
            writing.clone().paused(),
            silent.clone().paused(),
            Story::new().power_cycle_with(there()).cont().wait(Milestone::Ended).power_cycle_with(back()).cont(),
            laps(&["first", "second", "second"]),
        ),
        case(
            "bootindex",
            listed.clone(),
            listed.without_bootindex(),
            ended().power_cycle_with(there()),
            laps(&["second", "second"]).on_store(keeps()),
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

fn damages() -> Vec<Damage> {
    vec![
        Damage::ErasedVolumeHeader,
        Damage::ErasedStoreHeader,
        Damage::BadVariable { name: "BootOrder".to_owned() },
        Damage::Garbage,
        Damage::Erased,
        Damage::Full { left: 0 },
    ]
}

fn damaged() -> Vec<Case> {
    let mut cases = Vec::new();
    for damage in damages() {
        let name = damage.name();
        let written = Case::new(format!("vars::ovmf::q35::{name}::after-boot-order"))
            .axis("damage", name)
            .axis("when", "after-boot-order")
            .machine(machine(After::WriteBootOrder, false))
            .story(ended().power_cycle_with(WhileOff::new().damage(damage.clone())))
            .expect(laps(&["first", "second", "MEASURE"]))
            .control(machine(After::Exit, false));
        let listed = Case::new(format!("vars::ovmf::q35::{name}::after-bootindex"))
            .axis("damage", name)
            .axis("when", "after-bootindex")
            .machine(machine(After::Exit, true))
            .story(ended().power_cycle_with(WhileOff::new().damage(damage.clone())))
            .expect(laps(&["second", "MEASURE"]))
            .control(machine(After::Exit, false));
        cases.extend([written, listed]);
        if matches!(damage, Damage::BadVariable { .. }) {
            continue;
        }
        let store = VariableStore::damaged(damage);
        for (when, listed) in [("at-power-on", false), ("at-power-on-bootindex", true)] {
            cases.push(
                Case::new(format!("vars::ovmf::q35::{name}::{when}"))
                    .axis("damage", name)
                    .axis("when", when)
                    .machine(machine(After::WriteBootOrder, listed).variable_store(store.clone()))
                    .story(ended().power_cycle(&[]))
                    .expect(laps(&["MEASURE"]))
                    .control(machine(After::Exit, false)),
            );
        }
    }
    cases
}

fn accessed() -> Vec<Case> {
    let mut cases = Vec::new();
    for access in [Access::ReadOnly, Access::Absent] {
        for (order, listed) in [("without-bootindex", false), ("with-bootindex", true)] {
            cases.push(
                Case::new(format!("vars::ovmf::q35::{}::{order}", access.name()))
                    .axis("access", access.name())
                    .axis("order", order)
                    .machine(machine(After::WriteBootOrder, listed).variable_store(VariableStore::with_access(access)))
                    .story(ended().power_cycle(&[]))
                    .expect(laps(&["MEASURE"]))
                    .control(machine(After::Exit, false)),
            );
        }
        cases.push(
            Case::new(format!("vars::ovmf::q35::{}::after-boot-order", access.name()))
                .axis("access", access.name())
                .axis("order", "after-boot-order")
                .machine(machine(After::WriteBootOrder, false))
                .story(ended().power_cycle_with(WhileOff::new().access(access)))
                .expect(laps(&["MEASURE"]))
                .control(machine(After::Exit, false)),
        );
    }
    cases
}
