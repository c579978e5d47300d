//! Reads OVMF's console on the serial port (`MdeModulePkg/Universal/BdsDxe/BdsEntry.c` and
//! `UefiBootManagerLib/BmBoot.c` of edk2; release builds, 202211 to 202608).

use super::boot_manager::{self, is_setup};
use super::{Names, Outcome, Payload, Terminal, Trace};

/// Prompt of builds that end without a shell.
const NO_OPTION: &str = "No bootable option or device was found";

/// First line of a crash (`UefiCpuPkg/Library/CpuExceptionHandlerLib`); what follows are registers.
const EXCEPTION: &str = "!!!! X64 Exception Type - ";

/// What ran without a boot option: a store that is full has neither options nor consoles, so nothing was printed either.
const NAMELESS: &str = "no boot option";

/// What the console said about the attempt under way.
#[derive(Clone, Default)]
pub struct Parser {
    /// The network stack's own words about it: `PXE-E18: Server response timeout.`
    own_words: Option<String>,
    /// Its code was entered.
    started: bool,
    /// Setup's pages.
    setup: boot_manager::Parser,
    /// Setup was started, and the boot manager has said nothing since.
    in_setup: bool,
}

/// A `BdsDxe:` line, taken apart.
struct Bds<'a> {
    verb: &'a str,
    /// `Boot0001 "UEFI Misc Device"`.
    target: &'a str,
    /// Device path text.
    path: &'a str,
    /// Status, for failures.
    status: &'a str,
}

impl Parser {
    pub fn line(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        if line.contains(NO_OPTION) {
            trace.end(Outcome::Failed, "gave no reason");
            trace.terminal = Some(Terminal::NoBootableOption);
        }
        if let Some((_, what)) = line.split_once(EXCEPTION) {
            let what = what.split("  CPU").next().unwrap_or_default().trim();
            trace.end(Outcome::Failed, &format!("processor exception {what}"));
            trace.terminal = Some(Terminal::CpuException);
        }
        if let Some(own) = own_words(line) {
            self.own_words = Some(own.to_owned());
        }
        for bds in parse(line) {
            self.boot_manager(&bds, names, trace);
        }
    }

    /// Takes bytes as they come: setup's pages have no lines.
    pub fn screen(&mut self, bytes: &[u8], names: &Names, trace: &mut Trace) {
        self.setup.push(bytes, names, trace);
    }

    fn boot_manager(&mut self, bds: &Bds<'_>, names: &Names, trace: &mut Trace) {
        if is_setup(bds.path) {
            self.in_setup = bds.verb == "starting";
            if self.in_setup {
                next_option(trace);
                self.setup.begin(bds.target, trace);
            }
            return;
        }
        self.in_setup = false;
        if bds.target.contains("EFI Internal Shell") || bds.target.contains("UEFI Shell") {
            if bds.verb == "starting" {
                next_option(trace);
                trace.terminal = Some(Terminal::UefiShell);
            }
            return;
        }
        let under_way = trace.attempts.last().is_some_and(|last| last.outcome.is_none() && last.target == bds.target);
        match bds.verb {
            "loading" | "starting" => {
                if !under_way {
                    next_option(trace);
                    trace.begin(bds.target.to_owned(), names.medium_at(bds.path).map(str::to_owned));
                    trace.over(names.nic_at(bds.path).map(|nic| nic.name.clone()));
                }
                self.started = bds.verb == "starting";
            }
            _ => {
                let last = trace.attempts.last().filter(|last| last.lap == trace.laps.max(1));
                if !under_way && last.is_some_and(|last| last.target == bds.target) {
                    return trace.came_back(&format!("ran, then returned {}", bds.status));
                }
                if !under_way {
                    next_option(trace);
                    trace.begin(bds.target.to_owned(), names.medium_at(bds.path).map(str::to_owned));
                    trace.over(names.nic_at(bds.path).map(|nic| nic.name.clone()));
                }
                let refused = bds.status.contains("Access Denied") || bds.status.contains("Security Violation");
                let timed_out = bds.status.contains("Time out") || bds.status.contains("No Response");
                let outcome = match (refused, timed_out) {
                    (true, _) => Outcome::Refused,
                    (_, true) => Outcome::TimedOut,
                    _ => Outcome::Failed,
                };
                let own = self.own_words.take().map(|own| format!(": {own}")).unwrap_or_default();
                trace.end(outcome, &format!("{} ({}){own}", bds.verb, bds.status));
                self.started = false;
            }
        }
    }

    /// A payload that no line announced. iPXE's EFI ROM runs what it has loaded within the call in which the boot manager
    /// asks it to load, and the boot manager prints its line only after that call; of what setup boots it prints none
    /// (`PlatformBmPrintScLib` hears BDS alone). BootCurrent names the entry.
    pub fn unannounced(&self, payload: &Payload, names: &Names, trace: &mut Trace) {
        let announced = trace.attempts.last().is_some_and(|last| last.outcome.is_none());
        let (false, Some(medium)) = (announced, &payload.medium_of_nonce) else { return };
        let Some(current) = payload.boot_current else {
            if payload.via == "uefi" {
                trace.begin(NAMELESS.to_owned(), Some(medium.clone()));
            }
            return;
        };
        let over = names.nics.iter().find(|nic| nic.served.contains(medium));
        if over.is_some() || self.in_setup {
            trace.begin(format!("Boot{current:04X}"), Some(medium.clone()));
            trace.over(over.map(|nic| nic.name.clone()));
        }
    }

    /// The machine left this lap from outside: code that had been started was still running.
    pub fn cut(&mut self, trace: &mut Trace, how: &str) {
        if self.started {
            trace.end(Outcome::Booted, &format!("{how} while it ran"));
        } else {
            trace.end(Outcome::Failed, &format!("{how} before it ran"));
        }
        (self.started, self.in_setup) = (false, false);
    }

    /// The prompt of a firmware that found nothing may stay on an unfinished line.
    pub fn unfinished_line(&mut self, rest: &str, trace: &mut Trace) {
        if rest.contains(NO_OPTION) && trace.terminal.is_none() {
            trace.end(Outcome::Failed, "gave no reason");
            trace.terminal = Some(Terminal::NoBootableOption);
        }
    }
}

/// `PXE-E23: Client received TFTP error from server.` (`NetworkPkg/UefiPxeBcDxe`) or `Error: Could not retrieve NBP file
/// size from HTTP server.` (`NetworkPkg/HttpBootDxe`).
fn own_words(line: &str) -> Option<&str> {
    let at = ["PXE-E", "Error: "].iter().find_map(|mark| line.find(mark))?;
    line.get(at..).map(str::trim)
}

/// The boot manager goes on: what it had tried before is over, and code that ran has returned without an error.
fn next_option(trace: &mut Trace) {
    trace.end(Outcome::Failed, "returned to the boot manager");
    trace.came_back("ran, then returned to the boot manager");
}

/// `BdsDxe: failed to load Boot0002 "UEFI QEMU HARDDISK" from PciRoot(0x0)/...: Not Found`.
///
/// More than one may stand in a line: a serial port that is read too late loses a line feed, its carriage return stays;
/// and a reset in the middle of a line leaves its beginning, without either, in front of the next one.
fn parse(line: &str) -> impl Iterator<Item = Bds<'_>> {
    let mut said = line.split("BdsDxe: ").skip(1).peekable();
    std::iter::from_fn(move || said.next().map(|said_now| (said_now, said.peek().is_none())))
        .filter(|(said, last)| *last || said.ends_with('\r'))
        .filter_map(|(said, _)| sentence(said))
}

fn sentence(said: &str) -> Option<Bds<'_>> {
    let verbs = ["loading", "starting", "failed to load", "failed to start"];
    let verb = verbs.into_iter().find(|verb| said.starts_with(verb))?;
    let rest = said[verb.len()..].trim_start();
    let (target, place) = rest.rsplit_once(" from ")?;
    let (path, status) = if verb.starts_with("failed") { place.rsplit_once(": ")? } else { (place, "") };
    Some(Bds { verb, target, path: path.trim(), status: status.trim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbs(line: &str) -> Vec<(&str, &str)> {
        parse(line).map(|bds| (bds.verb, bds.status)).collect()
    }

    const LOADING: &str = "BdsDxe: loading Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x4,0x0)\r";

    #[test]
    fn a_lost_line_feed_hides_neither_sentence() {
        let failed = "BdsDxe: failed to load Boot0002 \"UEFI HTTPv4\" from PciRoot(0x0)/Uri(): Not Found\r";
        let both = [failed, LOADING].concat();
        assert_eq!(verbs(&both), [("failed to load", "Not Found"), ("loading", "")]);
    }

    #[test]
    fn a_sentence_that_a_reset_cut_says_nothing() {
        let cut = &LOADING[..LOADING.len() - 8];
        assert_eq!(verbs(&[cut, LOADING].concat()), [("loading", "")]);
        assert_eq!(verbs("BdsDxe: loadBdsDxe: frobnicating Boot0001"), []);
        assert_eq!(verbs("no boot manager here"), []);
    }
}
