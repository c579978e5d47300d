//! What the log of a firmware must have lost, by what other witnesses tell: the boot order that the payload read, BootOrder
//! and the boot options in the store.
//!
//! Only where nobody but firmware changes devices and order ([`Names::fixed`]): else a difference is a finding.

use crate::evidence::nvram::{BootOptions, LoadOption};
use crate::machine::layout::Layout;
use crate::machine::{Access, Firmware, Machine, paths};
use crate::trace::damage::is_left_of;
use crate::trace::menu::MenuEntry;
use crate::trace::{Attempt, Names, Outcome, Terminal, Trace, option_number};

/// `LOAD_OPTION_CATEGORY` (UEFI specification, section 3.1.3): applications are not booted in turn.
const CATEGORY: u32 = 0x1f00;

/// Options that setup's page shows without being scrolled.
const MOST_OF_A_PAGE: usize = 20;

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
    if let Some(entry) = misread(names, trace, options) {
        return Some(format!("a boot menu's entry is missing or not whole: {entry}"));
    }
    match machine.firmware {
        Firmware::SeaBios if lacks_menu(machine, trace) => Some("the offer of a boot menu is missing".to_owned()),
        Firmware::SeaBios => unlisted(trace, &asked, read.as_deref()),
        Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt if is_kept(machine) => {
            renamed(names, trace, options)
                .or_else(|| untried(machine, trace, options))
                .or_else(|| shortened(trace, options))
        }
        Firmware::Ovmf
        | Firmware::Aavmf
        | Firmware::RiscVVirt
        | Firmware::LoongArchVirt
        | Firmware::S390Ccw
        | Firmware::Slof => None,
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

/// An entry of setup's page that is no option of the store, stands for another device, or is missing.
fn misread<'a>(known: &Names, trace: &'a Trace, options: &'a BootOptions) -> Option<&'a str> {
    let lap = trace.laps.max(1);
    let entries = trace.menus.iter().filter(|menu| menu.lap == lap).flat_map(|menu| &menu.entries);
    let of_setup = entries.filter(|entry| entry.key.is_none());
    let is_no_option = |entry: &&MenuEntry| {
        let mut options = options.by_number.values().filter(|option| option.description.trim() == entry.name.trim());
        let is_its = |option: &LoadOption| known.device_at(&option.device_path) == entry.device;
        !options.any(|option| entry.device.is_none() || is_its(option))
    };
    let wrong = of_setup.clone().filter(|_| !options.by_number.is_empty()).find(is_no_option);
    wrong.map(|entry| entry.name.as_str()).or_else(|| {
        of_setup.clone().next()?;
        let is_listed =
            |option: &LoadOption| of_setup.clone().any(|entry| entry.name.trim() == option.description.trim());
        let mut due = options.order.iter().flatten().filter(|number| is_due(options, **number));
        let lacks = due.find_map(|number| options.by_number.get(number).filter(|option| !is_listed(option)))?;
        (options.by_number.len() <= MOST_OF_A_PAGE).then_some(lacks.description.as_str())
    })
}

/// Whether SeaBIOS boots without having offered the menu that the machine asks for, which it does on each way through POST
/// (`interactive_bootmenu` in its `src/boot.c`).
fn lacks_menu(machine: &Machine, trace: &Trace) -> bool {
    let lap = trace.laps.max(1);
    let asked = machine.boot.menu == Some(true) && trace.last_of_lap().is_some();
    asked && !trace.menus.iter().any(|menu| menu.lap == lap)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::DeviceName;
    use crate::trace::menu::Menu;

    #[test]
    fn a_bios_that_boots_without_the_menu_that_was_asked_for_has_lost_its_offer() {
        let boots =
            Trace { attempts: vec![Attempt { lap: 1, ..Attempt::on("Hard Disk") }], laps: 1, ..Trace::default() };
        let mut machine = Machine::pc(Firmware::SeaBios);
        assert!(!lacks_menu(&machine, &boots));
        machine.boot.menu = Some(true);
        assert!(lacks_menu(&machine, &boots) && !lacks_menu(&machine, &Trace::default()));
        let offered = Menu { lap: 1, offer: "Press ESC for boot menu.".to_owned(), entries: Vec::new() };
        assert!(!lacks_menu(&machine, &Trace { menus: vec![offered], ..boots }));
    }

    #[test]
    fn an_entry_of_setup_is_an_option_of_the_store_and_stands_for_its_device() {
        let path = |slot: u8| format!("PciRoot(0x0)/Pci(0x{slot:X},0x0)");
        let names = Names { uefi: vec![(path(3), "a".to_owned()), (path(4), "b".to_owned())], ..Names::default() };
        let option = |description: &str, slot| LoadOption {
            attributes: 1,
            description: description.to_owned(),
            device_path: path(slot),
            device_path_bytes: Vec::new(),
            optional_data: Vec::new(),
        };
        let options = BootOptions {
            order: Some(vec![1, 2]),
            by_number: [(1, option("Disk", 3)), (2, option("Disk 2", 4))].into(),
        };
        let misread = |listed: &[(&str, Option<&str>)]| {
            let entry = |&(name, device): &(&str, Option<&str>)| MenuEntry {
                key: None,
                name: name.to_owned(),
                device: device.map(DeviceName::medium),
            };
            let menu = Menu { lap: 1, offer: String::new(), entries: listed.iter().map(entry).collect() };
            let trace = Trace { menus: vec![menu], laps: 1, ..Trace::default() };
            super::misread(&names, &trace, &options).map(str::to_owned)
        };
        assert_eq!(misread(&[("Disk", Some("a")), ("Disk 2", Some("b"))]), None);
        assert_eq!(misread(&[("Disk", Some("a")), ("Disk 2", None)]), None, "the highlight was never on it");
        assert_eq!(misread(&[]), None, "the page was never opened");
        assert_eq!(misread(&[("Dik", Some("a")), ("Disk 2", None)]).as_deref(), Some("Dik"));
        assert_eq!(misread(&[("Disk", Some("b")), ("Disk 2", None)]).as_deref(), Some("Disk"));
        assert_eq!(misread(&[("Disk", Some("a"))]).as_deref(), Some("Disk 2"));
    }
}
