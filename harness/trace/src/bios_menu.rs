//! Reads SeaBIOS' boot menu, which it prints on the debug console as well as on the screen (`interactive_bootmenu` in
//! `src/boot.c`, 1.16 to 1.17).

use super::damage::is_left_of;
use super::lines::beginning;
use super::menu::{ENTRY_LIMIT, MENU_LIMIT, Menu, MenuEntry};
use super::{Names, Trace};
use bootwright_machine::machine::DeviceName;

/// Keys in the order of the entries; `t` is for the TPM.
const KEYS: &str = "123456789abcdefghijklmnopqrsuvwxyz";

/// What SeaBIOS calls an option ROM of which it knows no name (`src/boot.c`).
const NAMELESS_ROM: &str = "Legacy option rom";

/// Where the reader is within a menu.
#[derive(Clone, Default)]
pub struct Parser {
    listing: bool,
}

impl Parser {
    /// Takes a line; whether it belongs to a menu.
    pub fn line(&mut self, line: &str, names: &Names, trace: &mut Trace) -> bool {
        if line.starts_with("Press ") && line.ends_with(" for boot menu.") {
            if trace.menus.len() < MENU_LIMIT {
                trace.menus.push(Menu { lap: trace.laps.max(1), offer: line.to_owned(), entries: Vec::new() });
            }
            return true;
        }
        if line == "Select boot device:" {
            self.listing = true;
            let lap = trace.laps.max(1);
            if trace.menus.last().is_none_or(|menu| menu.lap != lap || !menu.entries.is_empty()) {
                trace.hole("a boot menu is listed that was not offered");
            }
            return true;
        }
        if !self.listing || line.is_empty() {
            let known = |name: &str| names.menu.iter().any(|(known, _)| known == name);
            if entry(line).is_some_and(|(_, name)| known(name)) {
                trace.hole(format!("a boot menu's entry stands without its list: {line}"));
            }
            return false;
        }
        match (entry(line), trace.menus.last_mut()) {
            (Some((key, name)), Some(menu)) => {
                let in_order = KEYS.chars().nth(menu.entries.len()) == Some(key);
                let known = names.menu.iter().any(|(known, _)| name.starts_with(known.as_str()));
                let left = names
                    .menu
                    .iter()
                    .any(|(known, _)| is_left_of(name, known) || name.len() > known.len() && is_left_of(known, name));
                if menu.entries.len() < ENTRY_LIMIT {
                    let device = names.device_in_menu(name).cloned();
                    menu.entries.push(MenuEntry { key: Some(key), name: name.to_owned(), device });
                    let rom = name != NAMELESS_ROM && is_left_of(name, NAMELESS_ROM);
                    if !in_order || (left && !known) || inside(name) || rom {
                        trace.hole(format!("a boot menu's entry is missing or not whole: {key}. {name}"));
                    }
                }
                true
            }
            _ => {
                self.listing = false;
                let lap = trace.laps.max(1);
                let listed = trace.menus.last().filter(|menu| menu.lap == lap).map(|menu| menu.entries.as_slice());
                let lacks = |device: &DeviceName| {
                    !listed.unwrap_or_default().iter().any(|entry| entry.device.as_ref() == Some(device))
                };
                let known = |(name, device): &(String, DeviceName)| names.device_in_menu(name) == Some(device);
                let strict = trace.boot_order.last().is_some_and(|last| last == "HALT");
                let short = names.fixed && !strict && names.menu.iter().any(|one| known(one) && lacks(&one.1));
                if !line.starts_with("Searching bootorder for: ") || listed.is_none_or(<[_]>::is_empty) || short {
                    trace.hole(format!("a boot menu's entry is missing or not whole: {}", beginning(line)));
                }
                false
            }
        }
    }
}

/// Whether another entry stands in a name.
fn inside(name: &str) -> bool {
    let places = name.char_indices().filter(|(_, char)| char.is_ascii_digit());
    places.filter_map(|(at, _)| name.get(at + 1..)).any(|rest| rest.starts_with(". "))
}

/// `1. Virtio disk PCI:00:04.0`; behind 9 come letters.
fn entry(line: &str) -> Option<(char, &str)> {
    let (key, name) = line.split_once(". ")?;
    let mut characters = key.chars();
    let only = characters.next().filter(char::is_ascii_alphanumeric)?;
    characters.next().is_none().then_some((only, name))
}
