//! Reads SeaBIOS' log on port 0x402 (`src/boot.c`, `src/post.c` of SeaBIOS; level 1 messages, 1.16 to 1.17).

use super::{Names, Outcome, Terminal, Trace};

/// What the log said about this lap's devices.
#[derive(Clone, Default)]
pub struct Parser {
    /// Sizes in sectors of the mapped hard disks, in the order of their BIOS drive numbers from 0x80.
    mapped: Vec<u64>,
    /// Reading the numbered lines under `boot order:`.
    in_boot_order: bool,
    /// Attempts on optical drives and ROMs so far.
    opticals: usize,
    roms: usize,
    /// A boot sector was entered and has not come back.
    entered: bool,
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
        if self.menu.line(line, names, trace) {
            return;
        }
        if line.starts_with("SeaBIOS (version") {
            trace.banner = Some(line.to_owned());
        } else if line.starts_with("BUILD: ") {
            self.post_begins(trace);
        } else if line == "boot order:" {
            trace.boot_order.clear();
            self.in_boot_order = true;
        } else if let Some(sectors) = mapped_drive(line) {
            self.mapped.push(sectors);
        } else if let Some(target) = line.strip_prefix("Booting from ") {
            self.booting(target, names, trace);
        } else if let Some(reason) = line.strip_prefix("Boot failed: ") {
            trace.end(Outcome::Failed, reason);
        } else if line.starts_with("enter handle_18") {
            let reason = if self.entered { "returned to the BIOS (int 18h)" } else { "nothing to boot" };
            trace.end(Outcome::Failed, reason);
            trace.came_back("ran, then returned to the BIOS (int 18h)");
            self.entered = false;
        } else if let Some(rest) = line.strip_prefix("No bootable device.") {
            trace.end(Outcome::Failed, "nothing to boot");
            match rest.trim().strip_prefix("Retrying in ").and_then(|rest| rest.split(' ').next()?.parse().ok()) {
                Some(seconds) => trace.retries.push(seconds),
                None => trace.terminal = Some(Terminal::NoBootableDevice),
            }
        }
    }

    /// `BUILD:` is printed once on each way through POST, behind the first of two banners (`src/output.c`).
    fn post_begins(&mut self, trace: &mut Trace) {
        self.posts += 1;
        if self.posts == 1 {
            return;
        }
        self.cut(trace, "the machine was reset");
        trace.laps += 1;
        trace.terminal = None;
        trace.boot_order.clear();
        *self = Parser { posts: self.posts, ..Parser::default() };
    }

    /// The machine left this lap from outside: code that had been entered was still running.
    pub fn cut(&self, trace: &mut Trace, how: &str) {
        if self.entered {
            trace.end(Outcome::Booted, &format!("its boot sector ran, then {how}"));
        } else {
            trace.end(Outcome::Failed, how);
        }
    }

    fn booting(&mut self, target: &str, names: &Names, trace: &mut Trace) {
        if let Some(name) = target.strip_suffix("...") {
            trace.end(Outcome::Failed, "gave no reason");
            trace.came_back("ran, then asked the BIOS to boot again");
            self.entered = false;
            let medium = self.medium(name, names, trace);
            trace.begin(name.to_owned(), medium);
            if name == "ROM" {
                self.roms += 1;
                trace.over(names.nic_of_rom(self.roms, &trace.boot_order).map(|nic| nic.name.clone()));
            }
        } else {
            // "Booting from 0000:7c00": the boot sector was valid and is entered; a ROM is entered in the same words
            self.entered = trace.attempts.last().is_none_or(|last| last.target != "ROM");
        }
    }

    /// SeaBIOS has one hard-disk entry, drive 0x80; optical drives and ROMs get one attempt each, in boot order.
    fn medium(&mut self, target: &str, names: &Names, trace: &Trace) -> Option<String> {
        match target {
            "Hard Disk" => self.mapped.first().and_then(|sectors| names.disks.get(sectors)).cloned(),
            "DVD/CD" => {
                self.opticals += 1;
                let listed = trace.boot_order.iter();
                let listed = listed.filter_map(|line| names.opticals.iter().find(|(known, _)| known == line));
                let mut order: Vec<&str> = listed.map(|(_, medium)| medium.as_str()).collect();
                let unlisted = names.opticals.iter().filter(|(line, _)| !trace.boot_order.contains(line));
                order.extend(unlisted.map(|(_, medium)| medium.as_str()));
                order.get(self.opticals - 1).map(|medium| (*medium).to_owned())
            }
            "Floppy" => names.floppies.first().cloned(),
            _ => None,
        }
    }
}

/// `1: /pci@i0cf8/...`
fn numbered(line: &str) -> Option<&str> {
    let (number, path) = line.split_once(": ")?;
    number.trim().parse::<u32>().ok().map(|_| path)
}

/// `drive 0x000f5960: PCHS=4/16/63 translation=none LCHS=4/16/63 s=4096`, printed when a hard disk gets its number.
fn mapped_drive(line: &str) -> Option<u64> {
    line.strip_prefix("drive 0x").filter(|rest| rest.contains("PCHS="))?.rsplit_once(" s=")?.1.parse().ok()
}
