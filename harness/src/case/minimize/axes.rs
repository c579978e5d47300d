//! A case without a step, and without each thing that differs from what goes without saying.

use bootwright_images::{After, Boots, Content, FatType, PartitionTable};

use super::Smaller;
use crate::case::Case;
use crate::case::story::{Step, Story};
use crate::machine::{Board, BootOptions, Device, DeviceClass, Machine, Nic, OptionRom, Place, VariableStore};
use crate::verdict::{Expectation, Target};

/// The case without each step of its story.
pub(super) fn without_each_step(case: &Case) -> Vec<Smaller> {
    let steps = &case.story.steps;
    let each = steps.iter().enumerate().map(|(index, step)| {
        let mut smaller = case.clone();
        smaller.story.steps.remove(index);
        // two steps may be alike
        let before = steps[..index].iter().filter(|other| *other == step).count();
        let which = if before == 0 { String::new() } else { format!(" ({})", before + 1) };
        Smaller { case: smaller, without: format!("step: {step}{which}") }
    });
    each.collect()
}

/// The case without each axis of its machine and each demand of its expectation.
pub(super) fn without_each_axis(case: &Case) -> Vec<Smaller> {
    let mut offered = Vec::new();
    let mut offer = |without: String, case: Case| offered.push(Smaller { case, without });
    for (without, change) in CASE {
        let mut smaller = case.clone();
        change(&mut smaller);
        offer((*without).to_owned(), smaller);
    }
    for (without, change) in EXPECTATION {
        let mut smaller = case.clone();
        change(&mut smaller.expectation);
        offer((*without).to_owned(), smaller);
    }
    for index in 0..case.machine.networks.len() {
        offer(format!("network {index}"), on_machines(case, &|machine| without_network(machine, index)));
    }
    // what a story does to a paused machine it does not do to a running one
    let only_goes_on = case.story.steps.iter().all(|step| *step == Step::Cont);
    if case.machine.paused && only_goes_on {
        let mut smaller = on_machines(case, &|machine| machine.paused = false);
        smaller.story = Story::new();
        offer("pause at power-on".to_owned(), smaller);
    }
    for (without, change) in MACHINE {
        offer((*without).to_owned(), on_machines(case, change));
    }
    for index in 0..case.machine.devices.len() {
        let name = case.machine.name_of(index).map(|name| name.to_string()).unwrap_or_default();
        // the rank of what is expected is what the case is about
        let expected = case.expectation.attempts.iter().any(|attempt| match &attempt.target {
            Target::Medium(medium) | Target::Recovered(medium) => *medium == name,
            Target::Named(_) => false,
        });
        for (without, change) in DEVICE.iter().filter(|(without, _)| !expected || *without != "bootindex") {
            let change = |machine: &mut Machine| machine.devices.get_mut(index).map_or((), change);
            offer(format!("{without} of \"{name}\""), on_machines(case, &change));
        }
    }
    offered
}

/// The same change to the machine and its negative control; a control that it makes equal to the machine goes.
fn on_machines(case: &Case, change: &dyn Fn(&mut Machine)) -> Case {
    let mut machine = case.machine.clone();
    change(&mut machine);
    let mut smaller = case.clone();
    if let Some(control) = &mut smaller.control {
        change(control);
    }
    if smaller.control.as_ref() == Some(&machine) {
        smaller.control = None;
    }
    smaller.machine(machine)
}

type Change<T> = (&'static str, fn(&mut T));

const CASE: &[Change<Case>] = &[
    ("other expectations for other firmware", |case| case.otherwise.clear()),
    ("other stories for other firmware", |case| case.stories.clear()),
    ("the machine beside it", |case| case.beside = None),
    ("axes", |case| {
        case.axes.retain(|name, _| name == "firmware" || name == "machine");
    }),
];

const EXPECTATION: &[Change<Expectation>] = &[
    ("media that must never be tried", |expected| expected.never.clear()),
    ("demands on the network", |expected| expected.network.clear()),
    ("menus", |expected| expected.menus.clear()),
    ("demands on the variable store", |expected| expected.store.clear()),
    ("guest time", |expected| expected.guest_seconds = None),
    ("wait", |expected| expected.wait = None),
];

const MACHINE: &[Change<Machine>] = &[
    ("board", |machine| machine.board = Board::Pc),
    ("memory size", |machine| machine.ram_mib = None),
    ("CPU model", |machine| machine.cpu = None),
    ("clock", |machine| machine.clock = None),
    ("virtio-rng", |machine| machine.rng = false),
    ("serial ports", |machine| machine.extra_serial_ports = 0),
    ("VGA", |machine| machine.vga = false),
    ("serial console", |machine| machine.serial_console = false),
    ("boot options", |machine| machine.boot = BootOptions::default()),
    ("strict", |machine| machine.boot.strict = None),
    ("reboot-timeout", |machine| machine.boot.reboot_timeout = None),
    ("boot order letters", |machine| {
        machine.boot.order = None;
        machine.boot.once = None;
    }),
    ("boot menu", |machine| {
        machine.boot.menu = None;
        machine.boot.splash_time = None;
        machine.boot.menu_key = None;
    }),
    ("fw_cfg strings", |machine| machine.fw_cfg.clear()),
    ("variable store", |machine| machine.variable_store = VariableStore::default()),
];

const DEVICE: &[Change<Device>] = &[
    ("place", |device| {
        device.place = Place::Root;
        device.slot = None;
        device.function = 0;
        device.multifunction = false;
    }),
    ("slot", |device| device.slot = None),
    ("function", |device| {
        device.function = 0;
        device.multifunction = false;
    }),
    ("geometry", |device| device.logical_geometry = None),
    ("block size", |device| device.block_size = None),
    ("properties", |device| device.properties.clear()),
    ("adapter properties", |device| device.adapter_properties.clear()),
    ("bootindex", |device| device.bootindex = None),
    ("option ROM", |device| {
        if let DeviceClass::Nic(Nic { rom, .. }) = &mut device.class {
            *rom = OptionRom::Default;
        }
    }),
    ("network", |device| {
        if let DeviceClass::Nic(Nic { lan, .. }) = &mut device.class {
            *lan = None;
        }
    }),
    ("size", |device| device.medium.iter_mut().for_each(|medium| medium.sectors = None)),
    ("partition table and file system", |device| {
        if let Some(Content::Bootable { table, fat, .. }) = device.medium.as_mut().map(|medium| &mut medium.content) {
            (*table, *fat) = (PartitionTable::default(), FatType::default());
        }
    }),
    ("firmware kind", |device| {
        if let Some(Content::Bootable { boots, .. }) = device.medium.as_mut().map(|medium| &mut medium.content) {
            *boots = Boots::default();
        }
    }),
    ("what follows the payload's line", |device| {
        if let Some(Content::Bootable { after, .. }) = device.medium.as_mut().map(|medium| &mut medium.content) {
            *after = After::default();
        }
    }),
];

/// Takes a network away that no NIC is plugged into; otherwise nothing.
fn without_network(machine: &mut Machine, index: usize) {
    if index >= machine.networks.len() || machine.plugged_nics().any(|(_, nic)| nic.lan == Some(index)) {
        return;
    }
    drop(machine.networks.remove(index));
    for device in &mut machine.devices {
        if let DeviceClass::Nic(Nic { lan: Some(lan), .. }) = &mut device.class
            && *lan > index
        {
            *lan -= 1;
        }
    }
}
