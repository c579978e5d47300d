//! Reads SeaBIOS' log on port 0x402 (`src/boot.c`, `src/post.c` of SeaBIOS; level 1 messages, 1.16 to 1.17).

use super::bios_names::Kind;
use super::entries::Entries;
use super::finding::{Caller, Interruption, Moment};
use super::{Finding, Names, Outcome, Payload, Start, Terminal, Trace};

/// What the log said about this lap's devices.
#[derive(Clone, Default)]
pub struct Parser {
    entries: Entries,
    /// Reading the numbered lines under `boot order:`.
    in_boot_order: bool,
    /// A boot sector was entered and has not come back.
    entered: bool,
    /// The BIOS was asked to boot, or to boot the next, and has not said what it boots.
    asked: bool,
    /// Banners since the last `BUILD:`.
    banners: u32,
    menu: super::menu::Parser,
    /// Ways through POST so far.
    posts: u32,
}

impl Parser {
    pub fn line(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        if line.starts_with("Booting from ") && trace.is_full() {
            return;
        }
        if self.in_boot_order {
            match numbered(line) {
                Some(path) => return trace.listed(path),
                None => self.in_boot_order = false,
            }
        }
        self.register(line, names, trace);
        if self.menu.line(line, names, trace) {
            return;
        }
        if line.starts_with("SeaBIOS (version") {
            trace.banner = Some(line.to_owned());
            self.banners += 1;
            // one before `BUILD:`, one on the screen, one at the beginning of the next lap
            if self.banners > 3 {
                trace.hole("a banner of SeaBIOS without the line behind it that begins a lap");
            }
        } else if line.starts_with("BUILD: ") {
            self.post_begins(trace);
        } else if line == "boot order:" {
            trace.boot_order.clear();
            self.in_boot_order = true;
        } else if let Some(target) = line.strip_prefix("Booting from ") {
            self.booting(target, names, trace);
        } else if let Some(reason) = line.strip_prefix("Boot failed: ") {
            if trace.last_of_lap().is_none_or(|last| last.outcome.is_some()) {
                trace.hole("a failure without an attempt");
            }
            trace.end(Outcome::Failed, Finding::Printed(reason.to_owned()));
        } else if line.starts_with("enter handle_19") {
            self.asked = true;
        } else if line.starts_with("enter handle_18") {
            if std::mem::replace(&mut self.asked, true) {
                trace.hole("the BIOS goes on to the next entry before it has tried one");
            }
            let silent = trace.last_of_lap().is_some_and(|last| last.outcome.is_none() && last.target != "ROM");
            if silent && !self.entered {
                trace.hole("an attempt without an end");
            }
            let returned = Finding::Returned { to: Caller::Bios, reported: false };
            trace.end(Outcome::Failed, if self.entered { returned } else { Finding::NothingToBoot });
            trace.came_back(Caller::Bios);
            self.entered = false;
        } else if let Some(rest) = line.strip_prefix("No bootable device.") {
            if !std::mem::take(&mut self.asked) {
                trace.hole("the BIOS gives up without having been asked for the next entry");
            }
            trace.end(Outcome::Failed, Finding::NothingToBoot);
            match rest.trim().strip_prefix("Retrying in ").and_then(|rest| rest.split(' ').next()?.parse().ok()) {
                Some(seconds) => trace.retries.push(seconds),
                None => trace.terminal = Some(Terminal::NoBootableDevice),
            }
        }
    }

    /// Takes a line that may be about a device that SeaBIOS registers or maps.
    fn register(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        let gave_up = self.entries.has_given_up();
        self.entries.line(line, names, &trace.boot_order);
        if self.entries.has_given_up() && !gave_up {
            trace.hole(
                "the BIOS searches its boot order again and again: which device is which is not looked up any more",
            );
        }
    }

    /// `BUILD:` is printed once on each way through POST, behind the first of two banners (`src/output.c`).
    fn post_begins(&mut self, trace: &mut Trace) {
        self.posts += 1;
        if self.posts == 1 {
            return;
        }
        self.cut(trace, Interruption::Reset);
        trace.laps += 1;
        trace.terminal = None;
        trace.boot_order.clear();
        *self = Parser { posts: self.posts, banners: 1, entries: self.entries.next_lap(), ..Parser::default() };
    }

    /// The machine left this lap from outside: code that had been entered was still running.
    pub fn cut(&self, trace: &mut Trace, by: Interruption) {
        let (outcome, at) = match self.entered {
            true => (Outcome::Booted, Moment::InBootSector),
            false => (Outcome::Failed, Moment::UnderBios),
        };
        trace.end(outcome, Finding::Interrupted { by, at });
    }

    fn booting(&mut self, target: &str, names: &Names, trace: &mut Trace) {
        if let Some(name) = target.strip_suffix("...") {
            if !std::mem::take(&mut self.asked) {
                trace.hole(format!("the BIOS boots from {name} without having been asked to"));
            }
            if trace.last_of_lap().is_some_and(|last| last.outcome.is_none() && !self.entered) {
                trace.hole("an attempt without an end");
            }
            trace.end(Outcome::Failed, Finding::NoReason);
            trace.came_back(Caller::BiosAgain);
            self.entered = false;
            trace.begin(name.to_owned(), None);
            self.entry(name, names, trace);
        } else {
            if trace.last_of_lap().is_none_or(|last| last.outcome.is_some()) {
                trace.hole("code is entered without an attempt");
            }
            // "Booting from 0000:7c00": the boot sector was valid and is entered; a ROM is entered in the same words
            self.entered = trace.attempts.last().is_none_or(|last| last.target != "ROM");
        }
    }

    /// A payload that no line announced. iPXE goes on where what it booted has come back; all else SeaBIOS announces.
    pub fn unannounced(&mut self, payload: &Payload, trace: &mut Trace) {
        let last = trace.last_of_lap().filter(|last| last.nic.is_some()).cloned();
        match last {
            Some(last) => {
                trace.came_back(Caller::Ipxe);
                trace.begin(last.target, None);
                trace.over(last.nic.clone());
                last.entry.into_iter().for_each(|entry| trace.enter(entry, None));
            }
            None => {
                trace.hole(format!("the payload of \"{}\" ran without an attempt", payload.medium));
                trace.begin_unspoken(Start::Unannounced, None);
            }
        }
    }

    /// Says which device the attempt that has just begun is on.
    fn entry(&mut self, target: &str, names: &Names, trace: &mut Trace) {
        let kind = match target {
            "Floppy" => Kind::Floppy,
            "Hard Disk" => Kind::Disk,
            "DVD/CD" => Kind::Optical,
            "ROM" => Kind::Rom,
            _ => return,
        };
        let lap = trace.laps.max(1);
        let opened = trace.menus.iter().any(|menu| menu.lap == lap && !menu.entries.is_empty());
        let which = self.entries.next(kind, names, names.letters_on(lap), opened);
        let name = |device: usize| names.bios.get(device);
        if let Some(known) = which.device.and_then(name) {
            trace.enter(known.name.clone(), known.medium.clone());
        }
        trace.could_be(which.could_be.into_iter().filter_map(name).map(|name| name.name.clone()).collect());
        if kind == Kind::Rom {
            trace.over(trace.attempts.last().and_then(|last| last.entry.clone()));
        }
    }
}

/// `1: /pci@i0cf8/...`
fn numbered(line: &str) -> Option<&str> {
    let (number, path) = line.split_once(": ")?;
    number.trim().parse::<u32>().ok().map(|_| path)
}
