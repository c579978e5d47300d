//! Reads OVMF's console on the serial port (`MdeModulePkg/Universal/BdsDxe/BdsEntry.c` and
//! `UefiBootManagerLib/BmBoot.c` of edk2; release builds, 202211 to 202608).

use super::boot_manager::{self, is_setup};
use super::efi_status;
use super::finding::{Caller, Interruption, Moment};
use super::lines::beginning;
use super::shim::{self, Refusal};
use super::{Finding, Names, Outcome, Payload, Start, Terminal, Trace, damage};

/// Prompt of builds that end without a shell.
const NO_OPTION: &str = "No bootable option or device was found";

/// No sentence is as long, in bytes.
const WRAPPED_LIMIT: usize = 600;

/// Most looks at a line that is not complete.
const BOX_LOOKS: u16 = 500;

/// The same whole.
const NO_OPTION_LINE: &str = "BdsDxe: No bootable option or device was found.";

/// What follows it.
const ANY_KEY: &str = "Press any key to enter the Boot Manager Menu.";

/// How lines begin that OpenSBI prints of its processor before edk2 runs (`sbi_boot_print_hart` in its `lib/sbi/sbi_init.c`), with
/// the letters of an option's name.
const SBI: &str = "Boot HART ";

/// How the shell begins (`UefiShellApplication` in edk2's `ShellPkg/Application/Shell/Shell.c`).
const SHELL: &str = "UEFI Interactive Shell v";

/// Stands on setup's front page alone (`STR_LANGUAGE_SELECT` in edk2's `MdeModulePkg/Application/UiApp/FrontPageStrings.uni`).
const FRONT_PAGE: &str = "Select Language";

/// How the boot manager's sentences begin.
const PROMPT: &str = "BdsDxe: ";

/// How AAVMF begins (`PrintFirmwareVersion` in edk2's `ArmPlatformPkg/Sec/Sec.c`).
const BANNER: &str = "UEFI firmware (version ";

/// First line of a crash (`UefiCpuPkg/Library/CpuExceptionHandlerLib`), behind the processor; what follows are registers.
const EXCEPTION: &str = " Exception Type - ";

/// The processors. OVMF for x86-64 may have early phases for IA32.
const PROCESSORS: [&str; 4] = ["!!!! X64", "!!!! IA32", "!!!! RISCV64", "!!!! LoongArch64"];

/// The same on aarch64 behind the kind (`ArmPkg/Library/DefaultExceptionHandlerLib`); an address follows.
const EXCEPTION_ON_ARM: &str = " Exception at 0x";

/// The kinds.
const KINDS_ON_ARM: [&str; 4] = ["Synchronous", "IRQ", "FIQ", "SError"];

/// The same with 32 bits; an address and a register follow.
const EXCEPTION_ON_ARM32: &str = " Exception PC at 0x";

/// The kinds.
const KINDS_ON_ARM32: [&str; 8] =
    ["Reset", "Undefined OpCode", "SVC", "Prefetch Abort", "Data Abort", "Undefined", "IRQ", "FIQ"];

/// What the console said about the attempt under way.
#[derive(Clone, Default)]
pub struct Parser {
    /// A sentence that is not whole: a hole, unless a reset cut it.
    cut_short: Option<String>,
    /// The network stack's own words about it: `PXE-E18: Server response timeout.`
    own_words: Option<String>,
    /// It was read, and its code not entered yet.
    loaded: bool,
    /// Its code was entered.
    started: bool,
    /// Setup's pages.
    setup: boot_manager::Parser,
    /// Setup was started, and the boot manager has said nothing since.
    in_setup: bool,
    /// This lap began at a snapshot, in the middle of what was tried.
    put_back: bool,
    /// The build announces nothing that it loads or starts: it speaks of failures, and its shell and setup speak themselves.
    failures_alone: bool,
    /// The console may end a line after 80 columns, whatever it says.
    narrow: bool,
    /// A sentence that its console has broken off at the screen's edge.
    wrapped: Option<String>,
    /// The program that was started has refused what it was to start, and what the boot manager says of it is that alone.
    refused: bool,
    /// How often a line that is not complete was looked at for a box.
    looks: u16,
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
    /// For edk2 on RISC-V, whose builds print no status codes but errors (`PcdReportStatusCodePropertyMask`).
    pub fn of_failures_alone() -> Parser {
        Parser { failures_alone: true, ..Parser::default() }
    }

    /// For edk2 on LoongArch: builds since 202608 break their lines off, older ones do not.
    pub fn of_narrow_console() -> Parser {
        Parser { narrow: true, ..Parser::default() }
    }

    pub fn line(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        let mut part = self.wrapped.take();
        if let Some(whole) = part.take_if(|_| self.narrow && begins(line)) {
            self.whole_line(&whole, names, trace);
        }
        let joined = part.map(|part| part + line);
        let line = joined.as_deref().unwrap_or(line);
        if self.failures_alone && is_open(line) || self.narrow && may_go_on(line) {
            self.wrapped = Some(line.to_owned());
            return;
        }
        self.whole_line(line, names, trace);
    }

    fn whole_line(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        let head = line.split(PROMPT).next().unwrap_or_default();
        if line.contains(NO_OPTION) {
            self.flush(trace);
            trace.end(Outcome::Failed, Finding::NoReason);
            trace.terminal = Some(Terminal::NoBootableOption);
        }
        if self.failures_alone && line.contains(SHELL) {
            self.flush(trace);
            self.next_option(trace);
            trace.terminal = Some(Terminal::UefiShell);
        }
        if self.failures_alone && !self.in_setup && line.contains(FRONT_PAGE) {
            self.flush(trace);
            self.open_setup(FRONT_PAGE, trace);
        }
        if let Some(what) = exception(line) {
            trace.end(Outcome::Failed, Finding::Exception(what));
            trace.terminal = Some(Terminal::CpuException);
        }
        let prompt = !line.contains(NO_OPTION) && damage::of_prompt(head, NO_OPTION_LINE);
        let before = self.failures_alone && line.starts_with(SBI);
        let elsewhere = before || self.started || self.in_program_of_its_own(trace);
        if !elsewhere && (damage::of_boot_manager(head) || prompt) {
            trace.hole(format!("half a sentence of the boot manager: {}", beginning(head.trim())));
        }
        self.program(line, trace);
        if let Some(own) = own_words(line) {
            self.own_words = Some(own.to_owned());
        }
        for piece in parse(line) {
            self.flush(trace);
            match piece {
                Ok(bds) => self.boot_manager(&bds, names, trace),
                Err(fragment) => {
                    self.cut_short = Some(format!("half a sentence of the boot manager: {}", beginning(fragment)))
                }
            }
        }
    }

    /// A program that was started speaks: shim, which has gone on where it waited for a key.
    fn program(&mut self, line: &str, trace: &mut Trace) {
        if !self.started {
            return;
        }
        if trace.terminal == Some(Terminal::ShimWaits) {
            trace.terminal = None;
        }
        if let Some(words) = shim::unreadable(line) {
            self.own_words = Some(words);
        }
        self.refusal(line, trace);
    }

    fn refusal(&mut self, text: &str, trace: &mut Trace) {
        let Some(refusal) = shim::refusal(text).filter(|_| self.started && !self.refused) else { return };
        let own = self.own_words.take().map(|own| format!("{own}; ")).unwrap_or_default();
        let words = match refusal {
            Refusal::Started(words) => words,
            Refusal::Itself(words) => {
                trace.terminal = Some(Terminal::ShimPowersOff);
                words
            }
        };
        trace.end(Outcome::Refused, Finding::Printed(format!("shim: {own}{words}")));
        self.refused = true;
    }

    /// Whether a program runs that may draw a box. A hostile one draws them for ever.
    pub fn awaits_box(&self) -> bool {
        self.started && !self.refused && self.looks < BOX_LOOKS
    }

    /// A box that shim draws has no line end; `text` is all of the line that is not complete.
    pub fn in_box(&mut self, text: &str, trace: &mut Trace) {
        self.looks += 1;
        if shim::refusal(text).is_some() {
            self.refusal(text, trace);
            trace.terminal.get_or_insert(Terminal::ShimWaits);
        }
    }

    /// The shell or setup is on the screen, which print device paths too; or a crash, which prints registers and addresses.
    fn in_program_of_its_own(&self, trace: &Trace) -> bool {
        let others = [Terminal::UefiShell, Terminal::CpuException].map(Some);
        self.in_setup || others.contains(&trace.terminal)
    }

    /// Half a sentence that no reset has cut.
    fn flush(&mut self, trace: &mut Trace) {
        if let Some(what) = self.cut_short.take() {
            trace.hole(what);
        }
        if let Some(part) = self.wrapped.take() {
            trace.hole(format!("half a sentence of the boot manager: {}", beginning(part.trim())));
        }
    }

    /// Nothing more comes.
    pub fn finish(&mut self, rest: &str, over: bool, trace: &mut Trace) {
        self.flush(trace);
        if std::mem::take(&mut self.loaded) && trace.terminal.is_some() {
            trace.hole("an option was read, and what became of it is missing");
        }
        let elsewhere = self.in_program_of_its_own(trace);
        if !over && (rest.contains(PROMPT) || !elsewhere && damage::of_boot_manager(rest)) {
            trace.hole(format!("the log ends in the middle of a sentence: {}", beginning(rest.trim())));
        }
    }

    /// Takes bytes as they come: setup's pages have no lines.
    pub fn screen(&mut self, bytes: &[u8], names: &Names, trace: &mut Trace) {
        self.setup.push(bytes, names, trace);
    }

    fn boot_manager(&mut self, bds: &Bds<'_>, names: &Names, trace: &mut Trace) {
        if is_setup(bds.path) {
            self.in_setup = false;
            if bds.verb == "starting" {
                self.open_setup(bds.target, trace);
            }
            return;
        }
        self.leave_setup(trace);
        if bds.target.contains("EFI Internal Shell") || bds.target.contains("UEFI Shell") {
            if bds.verb == "starting" {
                self.next_option(trace);
                trace.terminal = Some(Terminal::UefiShell);
            }
            return;
        }
        let under_way = trace.attempts.last().is_some_and(|last| last.outcome.is_none() && last.target == bds.target);
        match bds.verb {
            "loading" | "starting" => {
                if !under_way {
                    self.next_option(trace);
                    begin(bds, names, trace);
                }
                (self.loaded, self.started) = (bds.verb == "loading", bds.verb == "starting");
                self.refused = false;
            }
            _ => {
                let last = trace.last_of_lap();
                let refused = std::mem::take(&mut self.refused);
                if refused && last.is_some_and(|last| self.is_option(&last.target, bds.target)) {
                    (self.loaded, self.started) = (false, false);
                    return;
                }
                // a program's own status: what it said before it returned is missing
                let silent = under_way && bds.verb == "failed to start" && bds.status == "Not Found";
                if silent && last.and_then(|last| last.medium.as_ref()).is_some_and(|medium| names.reports(medium)) {
                    trace.hole("a program has run and returned, and its line is missing");
                }
                // of a program that ran; an option that had failed fails once more where it is tried once more
                let ran = trace.last_of_lap().filter(|last| last.outcome == Some(Outcome::Booted));
                if !under_way && ran.is_some_and(|last| self.is_option(&last.target, bds.target)) {
                    return trace.came_back(Caller::BootManagerWith(bds.status.to_owned()));
                }
                if !under_way {
                    self.next_option(trace);
                    begin(bds, names, trace);
                }
                self.loaded = false;
                let outcome = efi_status::outcome(bds.status, self.own_words.as_deref());
                let own = self.own_words.take().map(|own| format!(": {own}")).unwrap_or_default();
                trace.end(outcome, Finding::Printed(format!("{} ({}){own}", bds.verb, bds.status)));
                self.started = false;
            }
        }
    }

    /// Whether an attempt's option is the one that a sentence speaks of; of one that was not announced the number alone is known.
    fn is_option(&self, known: &str, told: &str) -> bool {
        known == told || self.failures_alone && number(known) == number(told)
    }

    /// The boot manager goes on: what it had tried before is over, and code that ran has returned without an error.
    fn next_option(&mut self, trace: &mut Trace) {
        if std::mem::take(&mut self.loaded) {
            trace.hole("an option was read, and what became of it is missing");
        }
        trace.end(Outcome::Failed, Finding::Returned { to: Caller::BootManager, reported: false });
        trace.came_back(Caller::BootManager);
    }

    fn open_setup(&mut self, by: &str, trace: &mut Trace) {
        self.in_setup = true;
        self.next_option(trace);
        self.setup.begin(by, trace);
        trace.terminal = Some(Terminal::Setup);
    }

    /// The boot manager speaks again.
    fn leave_setup(&mut self, trace: &mut Trace) {
        self.in_setup = false;
        self.setup.end();
        if trace.terminal == Some(Terminal::Setup) {
            trace.terminal = None;
        }
    }

    /// A payload that no line announced. iPXE's EFI ROM runs what it has loaded within the call in which the boot manager
    /// asks it to load, and the boot manager prints its line only after that call; of what setup boots it prints none
    /// (`PlatformBmPrintScLib` hears BDS alone), nor of what it runs to recover the platform, nor of a kernel that QEMU
    /// hands over. BootCurrent names the entry.
    pub fn unannounced(&mut self, payload: &Payload, names: &Names, trace: &mut Trace) {
        self.flush(trace);
        let Some(medium) = &payload.medium_of_nonce else { return };
        self.setup.chosen(trace);
        if trace.terminal == Some(Terminal::Setup) {
            trace.terminal = None;
        }
        let Some(current) = payload.boot_current else {
            if names.given.as_ref() == Some(medium) {
                trace.begin_unspoken(Start::HandedOver, Some(medium.clone()));
            } else if payload.via == "uefi" {
                trace.begin_unspoken(Start::NoOption, Some(medium.clone()));
            }
            return;
        };
        let over = names.nics.iter().find(|nic| nic.served.contains(medium));
        let last = trace.last_of_lap().cloned();
        let of_last = last.filter(|last| number(&last.target) == Some(current));
        match of_last {
            Some(last) if over.is_none() && !self.in_setup && last.outcome == Some(Outcome::Booted) => {
                // its code has run another medium
                trace.begin(last.target, None);
                trace.over(last.nic);
                last.entry.into_iter().for_each(|entry| trace.enter(entry, None));
                return;
            }
            Some(_) if over.is_none() && !self.in_setup => {
                trace.begin_unspoken(Start::Recovery, Some(medium.clone()));
                return;
            }
            _ => {}
        }
        if over.is_none() && !self.in_setup && !self.failures_alone {
            trace.hole(format!("the payload of \"{medium}\" ran by Boot{current:04X} without an attempt"));
        }
        trace.begin(format!("Boot{current:04X}"), Some(medium.clone()));
        if let Some(nic) = over {
            trace.enter(nic.name.clone(), None);
            trace.over(Some(nic.name.clone()));
        }
    }

    /// A program has reset the machine: it was started, and so was announced.
    pub fn reset_by_guest(&mut self, trace: &mut Trace) {
        let lap = trace.laps.max(1);
        let none =
            trace.last_of_lap().is_none() && trace.terminal.is_none() && !trace.menus.iter().any(|m| m.lap == lap);
        if none && !self.put_back && !trace.is_cut() && !self.failures_alone {
            trace.hole("the guest has reset the machine, and the log has no attempt before");
        } else if self.loaded {
            trace.hole("an option was read, and what became of it is missing");
        }
    }

    /// The machine left this lap from outside: code that had been started was still running, and a sentence may have been cut.
    pub fn cut(&mut self, trace: &mut Trace, by: Interruption) {
        let (outcome, at) = match self.started {
            true => (Outcome::Booted, Moment::AfterStart),
            false => (Outcome::Failed, Moment::BeforeStart),
        };
        trace.end(outcome, Finding::Interrupted { by, at });
        (self.cut_short, self.wrapped) = (None, None);
        (self.loaded, self.started, self.in_setup, self.put_back) = (false, false, false, false);
        self.refused = false;
        if by == Interruption::Reset {
            // what a console is told at power-on is no page
            self.setup.end();
        }
    }

    /// The machine goes on where it was when a snapshot was taken.
    pub fn goes_on(&mut self) {
        self.put_back = true;
    }

    /// The prompt of a firmware that found nothing may stay on an unfinished line.
    pub fn unfinished_line(&mut self, rest: &str, trace: &mut Trace) {
        if rest.contains(NO_OPTION) && trace.terminal.is_none() {
            trace.end(Outcome::Failed, Finding::NoReason);
            trace.terminal = Some(Terminal::NoBootableOption);
        }
    }
}

/// Whether a line has a sentence of the boot manager that the next may go on with. Where the console's line ends is not known: its driver
/// counts columns, and knows nothing of the status codes in between.
fn may_go_on(line: &str) -> bool {
    let Some(said) = line.rsplit(PROMPT).next().filter(|_| line.contains(PROMPT)) else { return false };
    let announces = said.starts_with("loading ") || said.starts_with("starting ");
    line.len() < WRAPPED_LIMIT && (announces || is_open(line))
}

/// Whether a line goes on with no sentence of the boot manager: a status code (`SerialStatusCodeReportWorker` in
/// `MdeModulePkg/Universal/StatusCodeHandler`), the boot manager's next sentence, the shell, a screen that is cleared, or none.
fn begins(line: &str) -> bool {
    let words = ["PROGRESS CODE: ", "ERROR: ", PROMPT, SHELL];
    line.trim().is_empty() || line.starts_with('\u{1b}') || words.iter().any(|word| line.contains(word))
}

/// Whether a line ends in a failure's sentence that may go on in the next: a console without a terminal's size ends lines after 80
/// columns by itself (`TerminalConOutOutputString` in edk2's `TerminalDxe`), in mid word.
fn is_open(line: &str) -> bool {
    let Some(said) = line.rsplit(PROMPT).next().filter(|_| line.contains(PROMPT)) else { return false };
    line.len() < WRAPPED_LIMIT && said.starts_with("failed to ") && sentence(said).is_none()
}

/// Of a line in whose middle AAVMF begins anew: what was cut, and its banner. A reset cuts a line wherever it is, and AAVMF says
/// so before it wipes the screen, which is the first that OVMF does.
pub fn begins_anew(line: &str) -> Option<(&str, &str)> {
    line.rfind(BANNER).filter(|&at| at > 0).map(|at| line.split_at(at))
}

/// Whether it begins with a line of its own.
pub fn is_banner(line: &str) -> bool {
    line.starts_with(BANNER)
}

/// Whether it is of the boot manager.
pub fn is_telling(cut: &str) -> bool {
    cut.contains(PROMPT) || damage::of_boot_manager(cut)
}

/// What a crash is, in the firmware's words: `0D(#GP - General Protection)`, `Synchronous at 0x0000000047743270`.
fn exception(line: &str) -> Option<String> {
    if let Some((begin, what)) = line.split_once(EXCEPTION) {
        let what = what.split("  CPU").next().unwrap_or_default().trim_end_matches('!');
        return PROCESSORS.iter().any(|processor| begin.ends_with(processor)).then(|| what.trim().to_owned());
    }
    if let Some((kind, rest)) = line.split_once(EXCEPTION_ON_ARM32) {
        let address = rest.split("  CPSR 0x").next().unwrap_or_default();
        let whole = address.len() == 8 && address.bytes().all(|at| at.is_ascii_hexdigit());
        return (KINDS_ON_ARM32.contains(&kind) && whole).then(|| format!("{kind} at 0x{address}"));
    }
    let (kind, address) = line.split_once(EXCEPTION_ON_ARM)?;
    let whole = KINDS_ON_ARM.contains(&kind) && address.len() == 16 && address.bytes().all(|at| at.is_ascii_hexdigit());
    whole.then(|| format!("{kind} at 0x{address}"))
}

/// `PXE-E23: Client received TFTP error from server.` (`NetworkPkg/UefiPxeBcDxe`) or `Error: Could not retrieve NBP file
/// size from HTTP server.` (`NetworkPkg/HttpBootDxe`).
fn own_words(line: &str) -> Option<&str> {
    let at = ["PXE-E", "Error: "].iter().find_map(|mark| line.find(mark))?;
    line.get(at..).map(str::trim)
}

/// An attempt on a boot option begins.
fn begin(bds: &Bds<'_>, names: &Names, trace: &mut Trace) {
    trace.begin(bds.target.to_owned(), None);
    if let Some(device) = names.device_at(bds.path) {
        trace.enter(device, names.medium_at(bds.path).map(str::to_owned));
    } else if let Some(drive) = names.empty_at(bds.path) {
        trace.enter(drive.clone(), None);
    }
    trace.over(names.nic_at(bds.path).map(|nic| nic.name.clone()));
}

/// `BdsDxe: failed to load Boot0002 "UEFI QEMU HARDDISK" from PciRoot(0x0)/...: Not Found`.
///
/// More than one may stand in a line: a serial port that is read too late loses the line's end. A sentence without one is
/// whole where it ends in a known status; else it is given back as it is.
fn parse(line: &str) -> impl Iterator<Item = Result<Bds<'_>, &str>> {
    let mut said = line.split(PROMPT).skip(1).peekable();
    std::iter::from_fn(move || said.next().map(|said_now| (said_now, said.peek().is_none())))
        .filter(|(said, _)| !said.starts_with(NO_OPTION) && said.trim_end() != ANY_KEY)
        .map(|(said, last)| sentence(said).filter(|bds| last || efi_status::is_status(bds.status)).ok_or(said))
}

fn sentence(said: &str) -> Option<Bds<'_>> {
    let verbs = ["loading", "starting", "failed to load", "failed to start"];
    let verb = verbs.into_iter().find(|verb| said.starts_with(verb))?;
    let rest = said[verb.len()..].strip_prefix(' ')?;
    let (target, place) = rest.rsplit_once(" from ")?;
    let (path, status) = if verb.starts_with("failed") { place.rsplit_once(": ")? } else { (place, "") };
    let (path, status) = (path.trim(), status.trim());
    let named = number(target).is_some() && target.ends_with('"');
    let ended = if verb.starts_with("failed") { efi_status::is_status(status) } else { is_whole_path(path) };
    (named && ended).then_some(Bds { verb, target, path, status })
}

/// Whether a device path ends with a node or with the file that an option names: `HD(...)/\EFI\debian\grubx64.efi`.
fn is_whole_path(path: &str) -> bool {
    let nodes = path.split_once("/\\").map_or(path, |(nodes, _)| nodes);
    let is_file = |node: &str| {
        let guid = node.strip_prefix("Fv(").or_else(|| node.strip_prefix("FvFile("));
        guid.is_some_and(|guid| guid.len() == "00000000-0000-0000-0000-000000000000)".len())
    };
    let in_volume = !nodes.starts_with("Fv") || nodes.split('/').all(is_file);
    (nodes.ends_with(')') && in_volume) || path.starts_with('\\')
}

/// `Boot0001 "UEFI Misc Device"` has the number 1.
pub fn number(target: &str) -> Option<u16> {
    let digits = target.strip_prefix("Boot")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verb and status of whole sentences; nothing for the others.
    fn verbs(line: &str) -> Vec<(&str, &str)> {
        parse(line).map(|piece| piece.map_or(("", ""), |bds| (bds.verb, bds.status))).collect()
    }

    const LOADING: &str = "BdsDxe: loading Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x4,0x0)";
    const FAILED: &str = "BdsDxe: failed to load Boot0002 \"UEFI HTTPv4\" from PciRoot(0x0)/Uri(): Not Found";

    #[test]
    fn a_sentence_about_a_file_is_whole_with_its_partition_and_not_without_the_end_of_it() {
        let said =
            |path: &str| sentence(&format!("loading Boot0001 \"debian\" from {path}")).map(|bds| bds.path.to_owned());
        for path in
            [r"HD(1,GPT,01020304,0x800,0x36C1)/\EFI\debian\grubx64.efi", r"PciRoot(0x0)/HD(1,MBR)/\a.efi", r"\a.efi"]
        {
            assert_eq!(said(path).as_deref(), Some(path));
        }
        for cut in [r"HD(1,GPT,01020304,0x800,0x36C1/\EFI\debian\grubx64.efi", "HD(1,GPT,01020304", "HD(1,GPT)/EFI"] {
            assert_eq!(said(cut), None, "{cut}");
        }
        assert!(damage::of_boot_manager("Boot0001 \"debian\" from HD(1"));
    }

    #[test]
    fn a_sentence_that_lost_its_end_is_whole_where_it_ends_in_a_status() {
        assert_eq!(verbs(&[FAILED, LOADING].concat()), [("failed to load", "Not Found"), ("loading", "")]);
        assert_eq!(
            verbs(&[LOADING, FAILED].concat()),
            [("", ""), ("failed to load", "Not Found")],
            "its path may go on"
        );
    }

    #[test]
    fn half_a_sentence_says_nothing_and_is_not_passed_over() {
        for cut in 9..FAILED.len() {
            assert_eq!(verbs(&[&FAILED[..cut], LOADING].concat()), [("", ""), ("loading", "")], "{cut}");
            assert_eq!(verbs(&FAILED[..cut]), [("", "")], "{cut}");
        }
        assert_eq!(verbs("BdsDxe: loadBdsDxe: frobnicating Boot0001"), [("", ""), ("", "")]);
        assert_eq!(verbs("no boot manager here"), []);
        assert_eq!(verbs("BdsDxe: No bootable option or device was found."), []);
    }
}
