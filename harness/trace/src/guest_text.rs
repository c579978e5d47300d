//! What a guest of somebody else's medium prints, and how far it has come by that: on the serial port, where firmware's text
//! console is mirrored, and on the VGA text screen.
//!
//! Such a medium has no nonce. So only words count that its programs print and no firmware does, each from the program's own
//! source, and never that something was silent.

use std::num::NonZero;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

use super::sighting::{Sighting, Stage};
use super::{Finding, Outcome, Trace};
use bootwright_machine::evidence::Source;

struct Known {
    stage: Stage,
    program: &'static str,
    pattern: &'static str,
}

const fn known(stage: Stage, program: &'static str, pattern: &'static str) -> Known {
    Known { stage, program, pattern }
}

/// Programs and the words that are theirs alone.
const KNOWN: [Known; 38] = [
    known(Stage::Started, "the medium's boot code", r"^Booting from 0000:7c00"),
    known(Stage::Started, "the medium's EFI program", r#"BdsDxe: starting Boot[0-9A-F]{4} ".*" from "#),
    known(Stage::Loader, "GRUB", r"GNU GRUB\s+version \d[\w.+~-]*|Welcome to GRUB!|GRUB loading|^grub(?: rescue)?> ?$"),
    known(Stage::Loader, "ISOLINUX", r"ISOLINUX \d+\.\d+"),
    known(Stage::Loader, "SYSLINUX", r"(?:SYS|EXT)LINUX \d+\.\d+"),
    known(Stage::Loader, "PXELINUX", r"PXELINUX \d+\.\d+"),
    known(Stage::Loader, "systemd-boot", r"systemd-boot \d+|Boot in \d+ s\."),
    known(Stage::Loader, IPXE, r"iPXE \d\S* -- Open Source Network Boot Firmware"),
    known(Stage::Loader, "shim", r"Booting in insecure mode|UEFI shim version"),
    known(Stage::Loader, "rEFInd", r"rEFInd (?:Boot Manager|- )"),
    known(Stage::Loader, "FreeBSD's loader", r"BTX loader|FreeBSD/\S+ (?:bootstrap|EFI) loader"),
    known(Stage::Loader, "Windows Boot Manager", r"Windows Boot Manager"),
    known(Stage::Kernel, "Linux", r"Linux version \d+\.\d+\S*"),
    known(Stage::Kernel, "Linux", r"^\[ {0,6}\d+\.\d{6}\] \S.*"),
    known(Stage::Kernel, "Linux' EFI stub", r"EFI stub: \S.*"),
    known(Stage::Kernel, "Linux' decompressor", r"Decompressing Linux\.\.\."),
    known(Stage::Kernel, "Memtest86+", r"Memtest86\+ ?v?\d+\.\d+\S*"),
    known(Stage::Kernel, "Xen", r"Xen version \d+\.\d+"),
    known(Stage::Kernel, "FreeBSD", r"FreeBSD \d+\.\d+-(?:RELEASE|STABLE|CURRENT)"),
    known(Stage::Kernel, "OpenBSD", r"OpenBSD \d+\.\d+ \("),
    known(Stage::Kernel, "NetBSD", r"NetBSD \d+\.\d+ \("),
    known(Stage::Kernel, "FreeDOS", r"FreeDOS kernel"),
    known(Stage::Userspace, "a login prompt", r"(?:^|\S+ )login: ?$"),
    known(Stage::Userspace, "systemd", r"systemd\[1\]: \S.*|systemd \d+\S* running in system mode"),
    known(Stage::Userspace, "BusyBox", r"BusyBox v\d+\.\d+\S*"),
    known(Stage::Userspace, "an initramfs shell", r"^\(initramfs\) ?$"),
    known(Stage::Userspace, "dracut", r"dracut(?:-\S+)?\[\d+\]: \S.*"),
    known(Stage::Userspace, "cloud-init", r"Cloud-init v\. ?\d"),
    known(
        Stage::Userspace,
        "Debian's installer",
        r"\[!{1,2}\] (?:Select a language|Configure the keyboard|Choose language)",
    ),
    known(
        Stage::Userspace,
        "Debian's installer",
        r"Debian installer main menu|Choose the language to be used for the installation",
    ),
    known(Stage::Userspace, "Anaconda", r"Starting installer, one moment|anaconda \d+\.\d+"),
    known(Stage::Userspace, "Ubuntu's installer", r"Welcome to Ubuntu!|Willkommen! Bienvenue! Welcome!"),
    known(Stage::Userspace, "OpenRC", r"OpenRC \d+\.\d+"),
    known(Stage::Userspace, "SysV init", r"INIT: version \d\S* booting"),
    known(Stage::Userspace, "Alpine's init", r"Alpine Init \d"),
    known(Stage::Userspace, "Debian's init", r"Welcome to .{0,40}Debian GNU/Linux"),
    known(Stage::Userspace, OWN, r"BOOTWRIGHT/1 nonce=[0-9a-f]+ medium=\S+ via=linux"),
    known(Stage::Loader, OWN, r"BOOTWRIGHT/1 nonce=[0-9a-f]+ medium=\S+"),
];

/// Words with which a program says that it does not go on.
const STOPS: [Known; 12] = [
    known(Stage::Kernel, "Linux", r"Kernel panic - not syncing: .*"),
    known(Stage::Firmware, "Secure Boot", r"BdsDxe: failed to load Boot[0-9A-F]{4} .*: Access Denied"),
    known(Stage::Loader, "shim", r"Verification failed: .*Security Violation|Security Policy Violation"),
    known(
        Stage::Loader,
        "GRUB",
        r"error: .*(?:bad shim signature|verification failed|prohibited by secure boot policy).*",
    ),
    known(Stage::Loader, "GRUB", r"^Entering rescue mode"),
    known(
        Stage::Started,
        "the medium's boot code",
        r"Missing operating system|Operating system not found|No active partition",
    ),
    known(Stage::Started, "the medium's boot code", r"This is not a bootable disk|Non-System disk|Invalid system disk"),
    known(Stage::Started, "Windows' boot code", r"(?:BOOTMGR|NTLDR) is (?:missing|compressed)"),
    known(Stage::Started, "ISOLINUX", r"isolinux\.bin missing or corrupt|Image checksum error"),
    known(
        Stage::Loader,
        "SYSLINUX",
        r"Failed to load (?:ldlinux\.c32|COM32 file \S+)|No DEFAULT or UI configuration directive found!",
    ),
    // a BIOS' iPXE runs what begins like a program for UEFI, and it goes astray (`src/arch/x86/image/pxe_image.c`)
    known(Stage::Started, IPXE, r"\S+ : \d+ bytes \[PXE-NBP \(may be EFI\?\)\]"),
    known(Stage::Userspace, "an initramfs", r"ALERT!  ?\S+ does not exist\.  ?Dropping to a shell!"),
];

const IPXE: &str = "iPXE";
const OWN: &str = "a program of bootwright";

/// OVMF's own programs, which are not the medium's.
const OWN_PROGRAMS: [&str; 5] =
    ["EFI Internal Shell", "UiApp", "BootManagerMenuApp", "EFI Firmware Setup", "Enter Setup"];

/// The text screen that programs draw on the serial port: larger than any of theirs.
const ROWS: NonZero<u16> = NonZero::new(50).expect("not zero");
const COLUMNS: NonZero<u16> = NonZero::new(160).expect("not zero");

/// Longest line that is looked at, and text that is kept of it, characters.
const LINE_LIMIT: usize = 400;

type Compiled = Vec<(&'static Known, Regex)>;

fn compiled(known: &'static [Known]) -> Compiled {
    known.iter().filter_map(|known| Some((known, Regex::new(known.pattern).ok()?))).collect()
}

/// Programs, and what stops them.
fn all() -> &'static (Compiled, Compiled) {
    static ALL: OnceLock<(Compiled, Compiled)> = OnceLock::new();
    ALL.get_or_init(|| (compiled(&KNOWN), compiled(&STOPS)))
}

/// A pattern of a user's, as every reader of text compiles it: `^` and `$` are a line's, and its memory is bounded.
///
/// # Errors
///
/// What is wrong with it, in several lines.
pub fn pattern(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).multi_line(true).size_limit(1 << 20).build()
}

/// Reads a guest's text.
pub struct Watcher {
    /// A NIC's iPXE prints its banner too: only that of a program which was fetched counts.
    has_rom: bool,
    fetched: bool,
    wanted: Vec<(String, Regex)>,
    line: Vec<u8>,
    /// The debug console's line that has no end yet: it comes in pieces too.
    log_line: Vec<u8>,
    screen: vt100::Parser,
    /// Rows of the screen as they were looked at last.
    rows: Vec<String>,
}

impl Watcher {
    /// Watches for known programs and for these patterns; one that does not compile is never found.
    pub fn new(patterns: &[String], has_rom: bool) -> Watcher {
        let wanted = patterns.iter().filter_map(|text| Some((text.clone(), pattern(text).ok()?))).collect();
        let screen = vt100::Parser::new(ROWS, COLUMNS, 0);
        Watcher { has_rom, fetched: false, wanted, line: Vec::new(), log_line: Vec::new(), screen, rows: Vec::new() }
    }

    /// Takes bytes of a stream.
    pub fn push(&mut self, source: Source, bytes: &[u8], trace: &mut Trace) {
        match source {
            Source::Serial => self.serial(bytes, trace),
            Source::DebugConsole => self.log(bytes, trace),
            Source::Screen => {
                String::from_utf8_lossy(bytes).lines().for_each(|line| self.see(line.trim_end(), false, trace));
            }
            _ => {}
        }
    }

    /// The debug console's whole lines.
    fn log(&mut self, bytes: &[u8], trace: &mut Trace) {
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.log_line);
                self.see(String::from_utf8_lossy(&line).trim_end(), false, trace);
            } else if self.log_line.len() < 16 * LINE_LIMIT {
                self.log_line.push(byte);
            }
        }
    }

    fn serial(&mut self, bytes: &[u8], trace: &mut Trace) {
        for &byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                let line = plain(&std::mem::take(&mut self.line));
                self.see(&line, true, trace);
            } else if self.line.len() < 16 * LINE_LIMIT {
                self.line.push(byte);
            }
        }
        // a prompt has no end of line
        let tail = &self.line[self.line.len().saturating_sub(2 * LINE_LIMIT)..];
        let rest = plain(tail);
        self.see(&rest, true, trace);
        self.screen.process(bytes);
        if bytes.contains(&0x1b) || !self.rows.is_empty() {
            let rows: Vec<String> = self.screen.screen().rows(0, 160).collect();
            for (at, row) in rows.iter().enumerate() {
                if self.rows.get(at) != Some(row) {
                    self.see(row.trim_end(), false, trace);
                }
            }
            self.rows = rows;
        }
    }

    /// `fresh`: the line was printed now, and is not one that a screen shows again where it has scrolled.
    fn see(&mut self, line: &str, fresh: bool, trace: &mut Trace) {
        if line.trim().is_empty() {
            return;
        }
        let line: String = line.chars().take(LINE_LIMIT).collect();
        self.fetched |= line.contains("... ok") || line.contains("[PXE-NBP]");
        let (known, stops) = all();
        for (known, regex) in known {
            let Some(found) = regex.find(&line) else { continue };
            let own = known.stage == Stage::Started && OWN_PROGRAMS.iter().any(|name| line.contains(name));
            if own || (known.program == IPXE && self.has_rom && !(self.fetched && fresh)) {
                continue;
            }
            let text = if known.stage == Stage::Started { line.as_str() } else { found.as_str() };
            trace.saw(known.stage, known.program, text.trim());
        }
        for (known, regex) in stops {
            if trace.guest.stopped.is_none()
                && let Some(found) = regex.find(&line)
            {
                // its own words: a box that a program draws is one line
                let (program, text) = (known.program.to_owned(), found.as_str().trim().to_owned());
                trace.guest.stopped = Some(Sighting { stage: known.stage, program, text });
            }
        }
        for (text, regex) in &self.wanted {
            if regex.is_match(&line) && !trace.guest.found.iter().any(|(found, _)| found == text) {
                trace.guest.found.push((text.clone(), line.trim().to_owned()));
            }
        }
    }
}

impl Trace {
    /// How far the boot has come.
    pub fn stage(&self) -> Stage {
        let life = if self.shows_life() { Stage::Firmware } else { Stage::Nothing };
        self.guest.furthest().map_or(life, |sighting| sighting.stage.max(life))
    }

    /// A program was recognised; it says so once, with all of the line once that is there.
    fn saw(&mut self, stage: Stage, program: &str, text: &str) {
        if stage >= Stage::Started {
            self.guest.started_in = self.attempts.len();
        }
        let mut known = self.guest.sightings.iter_mut();
        if let Some(known) = known.find(|sighting| sighting.program == program && sighting.stage == stage) {
            let numbered = |text: &str| text.contains(|c: char| c.is_ascii_digit());
            if text.starts_with(&known.text) || (!numbered(&known.text) && numbered(text)) {
                known.text = text.to_owned();
            }
            return;
        }
        let (program, text) = (program.to_owned(), text.to_owned());
        // one of ours names itself, which ends its attempt
        if stage >= Stage::Loader && program != OWN {
            self.end(Outcome::Booted, Finding::Printed(text.clone()));
        }
        self.guest.sightings.push(Sighting { stage, program, text });
    }
}

/// A line without the escape sequences of a terminal.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.peek() == Some(&'[') {
                chars.next();
                while chars.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
            } else if matches!(chars.next(), Some('(' | ')')) {
                // a character set has one letter more
                chars.next();
            }
        } else if !c.is_control() {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn seen(source: Source, text: &str, has_rom: bool) -> Trace {
        let mut trace = Trace::default();
        let mut watcher = Watcher::new(&["needle .*".to_owned()], has_rom);
        // a serial port gives pieces, the screen whole lines
        let length = if source == Source::Serial { 7 } else { text.len().max(1) };
        for piece in text.as_bytes().chunks(length) {
            watcher.push(source, piece, &mut trace);
        }
        trace
    }

    #[rstest]
    #[case::grub("\u{1b}[01;01HGNU GRUB  version 2.06-13+deb12u2\r\n", Stage::Loader, "GRUB")]
    #[case::prompt("grub rescue> ", Stage::Loader, "GRUB")]
    #[case::isolinux("ISOLINUX 6.04 20200816  Copyright (C)\r\n", Stage::Loader, "ISOLINUX")]
    #[case::kernel("[    0.000000] Linux version 6.1.0-56-cloud-amd64 (x)\r\n", Stage::Kernel, "Linux")]
    #[case::stub(
        "EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path\n",
        Stage::Kernel,
        "Linux' EFI stub"
    )]
    #[case::login("Debian GNU/Linux 12 debian ttyS0\r\n\r\ndebian login: ", Stage::Userspace, "a login prompt")]
    #[case::installer("\u{1b}[2;3H[!!] Select a language\u{1b}[0m", Stage::Userspace, "Debian's installer")]
    #[case::started(
        "BdsDxe: starting Boot0001 \"UEFI QEMU DVD-ROM\" from PciRoot(0x0)\r\n",
        Stage::Started,
        "the medium's EFI program"
    )]
    fn a_program_is_recognised_by_its_own_words(#[case] text: &str, #[case] stage: Stage, #[case] program: &str) {
        let trace = seen(Source::Serial, text, false);
        assert_eq!((trace.stage(), trace.guest.furthest().map(|one| one.program.as_str())), (stage, Some(program)));
    }

    #[rstest]
    #[case::shell("BdsDxe: starting Boot0004 \"EFI Internal Shell\" from Fv(7CB8BDC9)/FvFile(7C04A583)\r\n")]
    #[case::loading("BdsDxe: loading Boot0001 \"UEFI QEMU DVD-ROM\" from PciRoot(0x0)\r\n")]
    #[case::talk_of_linux("this Linux version of the tool\r\n")]
    #[case::not_a_prompt("the login: field\r\nnext")]
    #[case::rom("iPXE 1.0.0+git-20190125 -- Open Source Network Boot Firmware -- http://ipxe.org\r\n")]
    fn words_that_firmware_or_others_print_are_no_program(#[case] text: &str) {
        assert_eq!(seen(Source::Serial, text, true).guest.sightings, []);
    }

    #[test]
    fn a_fetched_ipxe_counts_beside_a_nics_own() {
        let banner = "iPXE 1.0.0 -- Open Source Network Boot Firmware -- http://ipxe.org\r\n";
        let text = format!("{banner}tftp://10.77.0.1/undionly.kpxe... ok\r\n{banner}");
        assert_eq!(seen(Source::Serial, &text, true).stage(), Stage::Loader);
        // the NIC's own, which the screen shows again where it has scrolled
        let again = format!("{banner}tftp://10.77.0.1/a.efi... ok\r\nCould not boot image\r\n\u{1b}[1;1H{banner}");
        let once = again.trim_end_matches(banner);
        assert_eq!(seen(Source::Serial, once, true).guest.sightings, []);
        assert_eq!(seen(Source::Screen, &again, true).guest.sightings, []);
        assert_eq!(seen(Source::Serial, banner, false).stage(), Stage::Loader);
    }

    #[rstest]
    #[case::panic("[  1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n", "Linux")]
    #[case::secure_boot("BdsDxe: failed to load Boot0001 \"UEFI X\" from Y: Access Denied\r\n", "Secure Boot")]
    #[case::shim("Verification failed: (0x1A) Security Violation\r\n", "shim")]
    #[case::efi_on_bios("snponly.efi : 173792 bytes [PXE-NBP (may be EFI?)]\r\n", "iPXE")]
    #[case::fat("This is not a bootable disk.  Please insert\r\n", "the medium's boot code")]
    fn what_stops_a_boot_is_told(#[case] text: &str, #[case] program: &str) {
        let stopped = seen(Source::Serial, text, false).guest.stopped.unwrap();
        assert_eq!(stopped.program, program);
    }

    #[test]
    fn a_program_that_is_one_for_bios_stops_nothing() {
        assert_eq!(seen(Source::Serial, "pxelinux.0 : 42430 bytes [PXE-NBP]\r\n", false).guest.stopped, None);
    }

    #[test]
    fn the_words_that_stop_a_boot_stand_without_the_box_around_them() {
        let boxed = format!(
            "{} ERROR {}Verification failed: (0x1A) Security Violation {}\r\n",
            "─".repeat(99),
            "│ ".repeat(9),
            "│".repeat(9)
        );
        let stopped = seen(Source::Serial, &boxed, false).guest.stopped.unwrap();
        assert_eq!(stopped.text, "Verification failed: (0x1A) Security Violation");
    }

    #[test]
    fn a_line_of_the_debug_console_may_come_in_two_pieces() {
        let mut trace = Trace::default();
        let mut watcher = Watcher::new(&[], false);
        for piece in ["Booting from Hard Disk...\nBooting from 00", "00:7c00\n"] {
            assert_eq!(trace.stage(), Stage::Nothing);
            watcher.push(Source::DebugConsole, piece.as_bytes(), &mut trace);
        }
        assert_eq!(trace.stage(), Stage::Started);
    }

    #[test]
    fn patterns_of_the_user_are_found_on_every_console() {
        for source in [Source::Serial, Source::Screen] {
            assert_eq!(seen(source, "a needle in it\n", false).guest.found[0].1, "a needle in it");
            assert!(seen(source, "a pin\n", false).guest.found.is_empty());
        }
        assert!(pattern("(").is_err());
    }

    #[test]
    fn every_pattern_of_ours_compiles() {
        let (known, stops) = all();
        assert_eq!((known.len(), stops.len()), (KNOWN.len(), STOPS.len()));
    }
}
