//! Reads SeaBIOS' log on port 0x402 (`src/boot.c`, `src/post.c` of SeaBIOS; level 1 messages, 1.16 to 1.17).

use super::bios_names::Kind;
use super::effort::spend;
use super::entries::Entries;
use super::finding::{Caller, Interruption, Moment, Reason};
use super::lines::beginning;
use super::{Finding, Names, Outcome, Payload, Start, Terminal, Trace, damage, drives};

/// What the log said about this lap's devices.
#[derive(Clone, Default)]
pub struct Parser {
    entries: Entries,
    /// Reading the numbered lines under `boot order:`.
    in_boot_order: bool,
    /// A boot sector was entered and has not come back.
    entered: bool,
    /// What was entered has said that it is not whole.
    damaged: bool,
    /// The BIOS was asked to boot, or to boot the next, and has not said what it boots.
    asked: bool,
    /// The BIOS was asked to boot on this lap: by int 19h, before it is ever asked for the next entry.
    boots: bool,
    /// Banners since the last `BUILD:`.
    banners: u32,
    menu: super::bios_menu::Parser,
    /// Ways through POST so far.
    posts: u32,
    /// It was reset without going through POST, and is about to reboot the machine.
    resumes: bool,
    /// The boot order of this lap was listed.
    listed: bool,
    /// The first line was read.
    begun: bool,
    /// The last thing said was why an entry failed.
    failed: bool,
    /// Which of [`ONCE`] were printed on this lap.
    once: [bool; ONCE.len()],
}

/// Lines that POST prints once. How often it waits for its threads depends on which were still running (`wait_threads` in
/// `src/stacks.c`).
const ONCE: [&str; 3] = ["Found QEMU fw_cfg", "=== PCI bus & bridge init ===", "=== PCI device probing ==="];

/// How it says that a device did not answer in time (`warn_timeout` in `src/output.h`).
const TIMED_OUT: &str = "WARNING - Timeout at ";
/// How it says that something happened which its source takes for impossible (`warn_internalerror` there).
const GONE_WRONG: &str = "WARNING - internal error detected at ";

/// What a BIOS program of ours prints that does not add up (`images/payload/bios/sector0.s`).
const DAMAGED: &str = "bootwright: stage 2 damaged";

impl Parser {
    pub fn line(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        if (line.starts_with("Booting from ") && trace.is_full()) || self.is_list_or_cut(line, trace) {
            return;
        }
        if ONCE.iter().position(|once| *once == line).is_some_and(|at| std::mem::replace(&mut self.once[at], true)) {
            trace.hole("POST begins again, and the line that begins a lap is missing");
        }
        let menu = self.menu.line(line, names, trace);
        if !menu && self.boots && !self.entered && line.len() < damage::SHORTEST {
            trace.hole(format!("a line is not whole: {line}"));
        }
        if !menu && (damage::of_seabios(line) || numbered(line).is_some_and(|(_, path)| is_path(path))) {
            trace.hole(format!("a line is not whole: {}", beginning(line)));
        }
        self.register(line, names, trace);
        if menu {
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
            if std::mem::replace(&mut self.listed, true) {
                trace.hole("the boot order is listed again, and the line that begins a lap is missing");
            }
        } else if let Some(target) = line.strip_prefix("Booting from ") {
            self.booting(target, names, trace);
        } else if let Some(reason) = line.strip_prefix("Boot failed: ") {
            if trace.last_of_lap().is_none_or(|last| last.outcome.is_some()) {
                trace.hole("a failure without an attempt");
            }
            trace.end(Outcome::Failed, Finding::Printed(reason.to_owned()));
            self.failed = true;
        } else if line.starts_with(TIMED_OUT) || line.starts_with(GONE_WRONG) {
            trace.warn(line, line.starts_with(TIMED_OUT));
        } else if line == DAMAGED {
            self.damaged = self.entered;
        } else if line.starts_with("enter handle_19") {
            (self.asked, self.boots) = (true, true);
        } else if line.starts_with("enter handle_18") {
            self.next_entry(trace);
        } else if let Some(rest) = line.strip_prefix("No bootable device.") {
            self.gives_up(rest, trace);
        }
    }

    /// Whether a line is of the boot order's list, says nothing, or was cut short by a reset.
    fn is_list_or_cut(&mut self, line: &str, trace: &mut Trace) -> bool {
        if line.is_empty() && self.begun && !self.in_boot_order {
            return true;
        }
        if was_cut_by_reset(line) {
            (self.in_boot_order, self.menu) = (false, super::bios_menu::Parser::default());
            self.resumes = true;
            return true;
        }
        if !std::mem::replace(&mut self.begun, true) && !line.starts_with("SeaBIOS (version") {
            trace.hole("the log does not begin with SeaBIOS' banner");
        }
        let listed = numbered(line).filter(|_| self.in_boot_order);
        self.in_boot_order = listed.is_some();
        if let Some((number, path)) = listed {
            if number != trace.boot_order.len() + 1 && !trace.is_cut() {
                trace.hole(format!("line {} of the boot order is missing", trace.boot_order.len() + 1));
            }
            trace.listed(path);
        }
        listed.is_some()
    }

    /// int 18h: an entry has failed, or a program gives up.
    fn next_entry(&mut self, trace: &mut Trace) {
        self.failed = false;
        if !self.boots {
            trace.hole("the BIOS goes on to the next entry, and nothing says that it was asked to boot");
        }
        if std::mem::replace(&mut self.asked, true) {
            trace.hole("the BIOS goes on to the next entry before it has tried one");
        }
        let silent = trace.last_of_lap().is_some_and(|last| last.outcome.is_none() && last.target != "ROM");
        if silent && !self.entered {
            trace.hole("an attempt without an end");
        }
        let returned = Reason::from(Finding::Returned { to: Caller::Bios, reported: false });
        let damaged = std::mem::take(&mut self.damaged).then_some(Finding::Damaged);
        let reason = if self.entered { returned.behind(damaged) } else { Finding::NothingToBoot.into() };
        trace.end(Outcome::Failed, reason);
        trace.came_back(Caller::Bios);
        self.entered = false;
    }

    /// No entry is left: `rest` says whether it will try again.
    fn gives_up(&mut self, rest: &str, trace: &mut Trace) {
        if !std::mem::take(&mut self.asked) {
            trace.hole("the BIOS gives up without having been asked for the next entry");
        }
        trace.end(Outcome::Failed, Finding::NothingToBoot);
        match rest.trim().strip_prefix("Retrying in ").and_then(|rest| rest.split(' ').next()?.parse().ok()) {
            Some(seconds) => trace.retries.push(seconds),
            None => trace.terminal = Some(Terminal::NoBootableDevice),
        }
    }

    /// Takes a line that may be about a device that SeaBIOS registers or maps.
    fn register(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        if names.fixed && super::entries::is_of_no_disk(line, names) {
            trace.hole(format!("a drive is mapped with the size of no disk of this machine: {}", beginning(line)));
        }
        if let Some(drive) = drives::mapped(line) {
            trace.mapped(drive);
        }
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
        (trace.terminal, trace.standstill) = (None, None);
        trace.boot_order.clear();
        trace.drives.clear();
        *self = Parser {
            posts: self.posts,
            banners: 1,
            begun: true,
            entries: self.entries.next_lap(),
            ..Parser::default()
        };
    }

    /// Nothing more comes of a log that has not come to its end. The BIOS tries the next entry or gives up as soon as it is
    /// asked to, and is asked as soon as one has failed: nothing in between can hang.
    pub fn finish(&self, rest: &str, trace: &mut Trace) {
        if !rest.is_empty() {
            trace.hole(format!("the log ends in the middle of a line: {}", beginning(rest)));
        } else if self.asked {
            trace.hole("the BIOS was asked for the next entry, and what it did is missing");
        } else if self.banners > 2 {
            trace.hole("a lap begins, and the line that says so is missing");
        } else if self.resumes {
            trace.hole("the BIOS was reset and reboots the machine, and the banner of the next lap is missing");
        } else if self.failed {
            trace.hole("an entry has failed, and what the BIOS did then is missing");
        }
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
            (self.entered, self.damaged) = (false, false);
            trace.begin(name.to_owned(), None);
            self.entry(name, names, trace);
        } else {
            if trace.last_of_lap().is_none_or(|last| last.outcome.is_some()) {
                trace.hole("code is entered without an attempt");
            }
            // "Booting from 0000:7c00": the boot sector was valid and is entered; a ROM is entered in the same words
            self.entered = trace.attempts.last().is_none_or(|last| last.target != "ROM");
            // boot sectors are loaded there, ROMs never are
            if target == "0000:7c00" && !self.entered {
                trace.hole("a boot sector is entered without an attempt");
            }
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
        let Some(kind) = Kind::of_attempt(target) else { return };
        let lap = trace.laps.max(1);
        spend(trace.menus.len());
        let opened = trace.menus.iter().any(|menu| menu.lap == lap && !menu.entries.is_empty());
        let which = self.entries.next(kind, names, &trace.boot_order, names.letters_on(lap), opened);
        let name = |device: usize| names.bios.get(device);
        if let Some(known) = which.device.and_then(name) {
            trace.enter(known.name.clone(), known.medium.clone());
        }
        trace.could_be(which.could_be.into_iter().filter_map(name).map(|name| name.name.clone()).collect());
        if kind == Kind::Disk && self.entries.maps_none(names) {
            trace.unmapped();
        }
        if kind == Kind::Rom {
            trace.over(trace.attempts.last().and_then(|last| last.entry.clone()));
        }
    }
}

/// Whether a reset came in the middle of this line: SeaBIOS says that it has run already (`handle_resume` in `src/resume.c`).
pub fn was_cut_by_reset(line: &str) -> bool {
    line.contains("In resume (status=")
}

/// `1: /pci@i0cf8/...`
fn numbered(line: &str) -> Option<(usize, &str)> {
    let (number, path) = line.split_once(": ")?;
    number.trim().parse().ok().map(|number| (number, path))
}

/// Whether it is what a boot order lists.
fn is_path(text: &str) -> bool {
    text.starts_with("/pci@") || text.starts_with("/rom@") || text == "HALT"
}
