//! What the log of a firmware must have lost, by what other witnesses tell: the boot order that the payload read, BootOrder
//! and the boot options in the store.
//!
//! Only where nobody but firmware changes devices and order ([`Names::fixed`]): else a difference is a finding.

use crate::evidence::nvram::{BootOptions, LoadOption};
use crate::machine::layout::Layout;
use crate::machine::{Access, Firmware, Machine, paths};
use crate::trace::damage::is_left_of;
use crate::trace::{Attempt, Names, Outcome, Terminal, Trace, option_number};

/// `LOAD_OPTION_CATEGORY` (UEFI specification, section 3.1.3): applications are not booted in turn.
const CATEGORY: u32 = 0x1f00;

/// A line end in a payload's line.
const LINE_END: &str = "%0a";

/// What is missing although the run may have ended as it should.
pub fn hole(machine: &Machine, layout: &Layout, names: &Names, trace: &Trace, options: &BootOptions) -> Option<String> {
    if !names.fixed || trace.is_cut() {
        return None;
    }
    let asked = paths::bootorder_file(machine, layout);
    let asked = lines(asked.as_bytes());
    let read = trace.payloads.last().and_then(|payload| payload.bootorder.as_deref()).map(lines);
    if let Some(read) = read.as_ref().filter(|read| is_damaged_list(read, &asked)) {
        return Some(format!("the payload's line is not whole: bootorder={}", read.join(LINE_END)));
    }
    if let Some(entry) = misread(trace, options) {
        return Some(format!("a boot menu's entry is not whole: {entry}"));
    }
    match machine.firmware {
        Firmware::SeaBios => unlisted(trace, &asked, read.as_deref()),
        Firmware::Ovmf | Firmware::Aavmf if is_kept(machine) => renamed(names, trace, options)
            .or_else(|| untried(machine, trace, options))
            .or_else(|| shortened(trace, options)),
        Firmware::Ovmf | Firmware::Aavmf => None,
    }
}

/// What is missing if firmware is silent and was given up: when the last option has failed, the boot manager always says how
/// it goes on.
pub fn silent(machine: &Machine, names: &Names, trace: &Trace, options: &BootOptions) -> Option<String> {
    let over =
        trace.terminal.is_some() || trace.last_of_lap().is_some_and(|last| last.outcome == Some(Outcome::Booted));
    let order = options.order.as_ref().filter(|_| !over && names.fixed && is_kept(machine))?;
    let mut left = order.iter().filter(|number| is_due(options, **number) && !is_tried(trace, **number));
    let what = "every option of BootOrder has failed, and what the boot manager did then is missing";
    left.next().is_none().then(|| what.to_owned())
}

fn is_kept(machine: &Machine) -> bool {
    let store = &machine.variable_store;
    machine.firmware.is_uefi() && store.access == Access::ReadWrite && store.damage.is_none()
}

/// Lines of a fw_cfg file; the final NUL and line end are QEMU's framing.
fn lines(file: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(file);
    let text = text.trim_end_matches(['\0', '\n']);
    text.split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Whether a list is what is left of the one that was asked for, as a payload prints it, and has a line that was not.
fn is_damaged_list(read: &[String], asked: &[String]) -> bool {
    let foreign = read.iter().any(|line| !asked.contains(line));
    foreign && is_left_of(&read.join(LINE_END), &asked.join(LINE_END))
}

/// An entry of setup's page that holds an option's name and more: two rows of the page in one.
fn misread<'a>(trace: &'a Trace, options: &BootOptions) -> Option<&'a str> {
    let lap = trace.laps.max(1);
    let names: Vec<&str> = options.by_number.values().map(|option| option.description.trim()).collect();
    let entries = trace.menus.iter().filter(|menu| menu.lap == lap).flat_map(|menu| &menu.entries);
    let two = |name: &&str| !names.contains(&name.trim()) && names.iter().any(|known| name.contains(known));
    entries.filter(|entry| entry.key.is_none()).map(|entry| entry.name.as_str()).find(two)
}

/// Whether a line is none that was asked for, but what is left of one.
fn is_damaged(line: &str, asked: &[String]) -> bool {
    !asked.iter().any(|whole| whole == line) && asked.iter().any(|whole| is_left_of(line, whole))
}

/// SeaBIOS lists what it read in fw_cfg, and so did the payload; where none ran, a list that lacks lines is no whole one.
fn unlisted(trace: &Trace, asked: &[String], read: Option<&[String]>) -> Option<String> {
    trace.last_of_lap()?;
    let listed = &trace.boot_order;
    let lacks = || listed.len() < asked.len() && listed.iter().all(|line| asked.contains(line));
    let differs = match read.filter(|_| trace.booted().is_some() || trace.laps <= 1) {
        Some(read) => listed != read,
        // no firmware path has a space in it
        None => lacks() || listed.iter().any(|line| line.contains(' ') || is_damaged(line, asked)),
    };
    let listed = listed.join(" | ");
    differs.then(|| format!("SeaBIOS lists the boot order [{listed}], fw_cfg has another one"))
}

fn tried(trace: &Trace) -> impl Iterator<Item = (u16, &Attempt)> {
    let lap = trace.laps.max(1);
    let of_lap = trace.attempts.iter().filter(move |attempt| attempt.lap == lap);
    of_lap.filter_map(|attempt| Some((option_number(&attempt.target)?, attempt)))
}

fn is_tried(trace: &Trace, number: u16) -> bool {
    tried(trace).any(|(other, _)| other == number)
}

/// Whether the boot manager tries an option by itself and says so.
fn is_due(options: &BootOptions, number: u16) -> bool {
    options.by_number.get(&number).is_some_and(|option| {
        option.is_active() && option.attributes & CATEGORY == 0 && !option.device_path.starts_with("Fv(")
    })
}

/// An attempt whose name or device is not that of its option in the store.
fn renamed(names: &Names, trace: &Trace, options: &BootOptions) -> Option<String> {
    let differs = |attempt: &Attempt, option: &LoadOption, number: u16| {
        let named = attempt.target.ends_with('"');
        let name = format!("Boot{number:04X} \"{}\"", option.description);
        let device = names.device_at(&option.device_path);
        named && (attempt.target != name || device.is_some_and(|device| attempt.entry.as_ref() != Some(&device)))
    };
    let (_, attempt) = tried(trace).find(|(number, attempt)| {
        options.by_number.get(number).is_some_and(|option| differs(attempt, option, *number))
    })?;
    Some(format!("{} is not what the store calls it, or on another device", attempt.target))
}

/// The payload's line lacks options of BootOrder that the store has, in the order of the store: no guest reads less than it
/// has written.
fn shortened(trace: &Trace, options: &BootOptions) -> Option<String> {
    let read = trace.payloads.last().filter(|_| trace.booted().is_some())?.boot_order.as_ref()?;
    let kept = options.order.as_ref().filter(|kept| kept.len() > read.len())?;
    let mut rest = kept.iter();
    let all = read.iter().all(|number| rest.any(|other| other == number));
    all.then(|| "the payload's line is not whole: its BootOrder lacks options of the store".to_owned())
}

/// An option that stands in BootOrder before the one that ran, or anywhere where nothing ran, and was not tried.
fn untried(machine: &Machine, trace: &Trace, options: &BootOptions) -> Option<String> {
    let lap = trace.laps.max(1);
    if trace.menus.iter().any(|menu| menu.lap == lap) {
        return None;
    }
    let read = trace.payloads.last().filter(|_| trace.booted().is_some());
    let order = match read {
        Some(payload) => {
            let (order, current) = (payload.boot_order.as_ref()?, payload.boot_current?);
            if lap == 1 && machine.variable_store.boot.next == Some(current) {
                return None; // it went before the order
            }
            let last = trace.last_of_lap().and_then(|last| option_number(&last.target));
            &order[..order.iter().position(|number| last == Some(current) && *number == current)?]
        }
        None if trace.terminal == Some(Terminal::NoBootableOption) => options.order.as_deref()?,
        None if trace.terminal == Some(Terminal::UefiShell) => {
            let order = options.order.as_deref()?;
            let shell = |number: &u16| {
                let option = options.by_number.get(number);
                option
                    .is_some_and(|option| option.description.contains("Shell") && option.device_path.starts_with("Fv("))
            };
            &order[..order.iter().position(shell)?]
        }
        None => return None,
    };
    let number = order.iter().find(|number| is_due(options, **number) && !is_tried(trace, **number))?;
    Some(format!("Boot{number:04X} stands in BootOrder before, and there is no attempt on it"))
}
