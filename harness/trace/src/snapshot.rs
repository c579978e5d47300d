//! A machine that is put back to a snapshot: it goes on in the middle of what its firmware had said by then.
//!
//! Nothing is taken back. What was printed stays in the trace, and the return begins a new lap, on which only that is shown
//! again which was not over when the snapshot was taken: an attempt under way, a boot menu from which nothing was chosen.

use super::drives::MappedDrive;
use super::finding::Interruption;
use super::menu::Menu;
use super::reader::Parser;
use super::trace::ATTEMPT_LIMIT;
use super::{Attempt, Reader, Terminal, lines};

/// What a reader knew when a snapshot was taken.
#[derive(Clone)]
pub struct Snapshot {
    parser: Parser,
    main: lines::Splitter,
    under_way: Option<Attempt>,
    menu: Option<Menu>,
    terminal: Option<Terminal>,
    boot_order: Vec<String>,
    drives: Vec<MappedDrive>,
}

impl Reader {
    /// What is known now. Everything that the guest printed before its snapshot must have been taken.
    pub fn snapshot(&self) -> Snapshot {
        let (trace, lap) = (&self.trace, self.trace.laps.max(1));
        let tried = trace.attempts.iter().any(|attempt| attempt.lap == lap);
        Snapshot {
            parser: self.parser.clone(),
            main: self.main.clone(),
            under_way: trace.attempts.last().filter(|last| last.outcome.is_none()).cloned(),
            menu: trace.menus.last().filter(|menu| menu.lap == lap && !tried).cloned(),
            terminal: trace.terminal.clone(),
            boot_order: trace.boot_order.clone(),
            drives: trace.drives.clone(),
        }
    }

    /// The machine was put back to this snapshot: a new lap begins in the middle.
    pub fn put_back(&mut self, to: &Snapshot) {
        match &mut self.parser {
            Parser::SeaBios(parser) => parser.cut(&mut self.trace, Interruption::PutBack),
            Parser::Ovmf(parser) => parser.cut(&mut self.trace, Interruption::PutBack),
            Parser::Slof(parser) => parser.cut(&mut self.trace, Interruption::PutBack),
            Parser::S390Ccw(parser) => parser.cut(&mut self.trace, Interruption::PutBack),
        }
        (self.parser, self.main) = (to.parser.clone(), to.main.clone());
        if let Parser::Ovmf(parser) = &mut self.parser {
            parser.goes_on();
        }
        let trace = &mut self.trace;
        trace.laps += 1;
        (trace.terminal, trace.standstill) = (to.terminal.clone(), None);
        trace.boot_order = to.boot_order.clone();
        trace.drives = to.drives.clone();
        let lap = trace.laps;
        if let Some(attempt) = to.under_way.clone().filter(|_| trace.attempts.len() < ATTEMPT_LIMIT) {
            trace.attempts.push(Attempt { lap, ..attempt });
        }
        if let Some(menu) = to.menu.clone().filter(|_| trace.menus.len() < ATTEMPT_LIMIT) {
            trace.menus.push(Menu { lap, ..menu });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Names, Outcome};
    use super::*;
    use bootwright_machine::evidence::Source;
    use bootwright_machine::machine::Firmware;

    const NONCES: [(&str, &str); 2] =
        [("00112233445566778899aabbccddeeff", "first"), ("ffeeddccbbaa99887766554433221100", "second")];

    fn reader(firmware: Firmware) -> Reader {
        let own = |(text, medium): (&str, &str)| (text.to_owned(), medium.to_owned());
        let uefi = [("PciRoot(0x0)/Pci(0x3,0x0)", "first"), ("PciRoot(0x0)/Pci(0x4,0x0)", "second")];
        let names = Names {
            nonces: NONCES.map(own).into(),
            bios: crate::bios_names::disks(&[("first", 3, 32768), ("second", 4, 34816)]),
            uefi: uefi.map(own).into(),
            ..Names::default()
        };
        Reader::new(firmware, names)
    }

    fn report(number: usize) -> String {
        let (nonce, medium) = NONCES[number];
        crate::payload::summed(&format!(
            "BOOTWRIGHT/1 nonce={nonce} medium={medium} via=bios dl=80 bootorder=- bios-geometry=- tsc=10 end\n"
        ))
    }

    fn says(reader: &mut Reader, text: &str) {
        reader.push(Source::DebugConsole, text.as_bytes());
        reader.push(Source::Serial, text.as_bytes());
    }

    fn attempts(reader: &Reader) -> Vec<(u32, Option<&str>, Option<Outcome>)> {
        let attempts = reader.trace().attempts.iter();
        attempts.map(|attempt| (attempt.lap, attempt.medium.as_deref(), attempt.outcome)).collect()
    }

    const POST: &str = "SeaBIOS (version 1)\nBUILD: gcc\n";
    const FIRST: &str = "drive 0x1: PCHS=4/16/63 s=32768\n";
    const SECOND: &str = "drive 0x2: PCHS=4/16/63 s=34816\n";
    const BOOTING: &str = "Booting from Hard Disk...\nBooting from 0000:7c00\n";

    #[test]
    fn a_payload_that_had_reported_is_not_counted_again() {
        let mut reader = reader(Firmware::SeaBios);
        says(&mut reader, &[POST, FIRST, BOOTING, &report(0)].concat());
        let snapshot = reader.snapshot();
        says(&mut reader, &[POST, SECOND, BOOTING, &report(1)].concat());
        reader.put_back(&snapshot);
        assert_eq!(reader.trace().payloads.len(), 2);
        assert_eq!(attempts(&reader).len(), 2);
        says(&mut reader, &[POST, FIRST, BOOTING, &report(0)].concat());
        let booted = |lap, medium| (lap, Some(medium), Some(Outcome::Booted));
        assert_eq!(attempts(&reader), [booted(1, "first"), booted(2, "second"), booted(4, "first")]);
        assert_eq!(reader.trace().contradictions, Vec::<String>::new());
    }

    #[test]
    fn the_drives_of_the_snapshot_are_those_that_it_goes_on_with() {
        let mut reader = reader(Firmware::SeaBios);
        says(&mut reader, &[POST, FIRST, "Booting fr"].concat());
        let snapshot = reader.snapshot();
        says(&mut reader, &["om nowhere\n", POST, SECOND, BOOTING, &report(1)].concat());
        reader.put_back(&snapshot);
        // half a line was printed before the snapshot, and the drive's size, too
        says(&mut reader, &["om Hard Disk...\n", &report(0)].concat());
        let booted = |lap, medium| (lap, Some(medium), Some(Outcome::Booted));
        assert_eq!(attempts(&reader), [booted(2, "second"), booted(3, "first")]);
        assert_eq!(reader.trace().contradictions, Vec::<String>::new());
    }

    #[test]
    fn a_machine_that_was_put_back_before_its_power_on_self_test_has_one_lap_for_it() {
        let mut reader = reader(Firmware::SeaBios);
        let snapshot = reader.snapshot();
        says(&mut reader, &[POST, FIRST, BOOTING].concat());
        reader.put_back(&snapshot);
        says(&mut reader, &[POST, FIRST, BOOTING, &report(0)].concat());
        let booted = |lap| (lap, Some("first"), Some(Outcome::Booted));
        assert_eq!((reader.trace().laps, attempts(&reader)), (2, vec![booted(1), booted(2)]));
        assert!(reader.trace().attempts[0].reason.to_string().contains("put back to a snapshot"));
    }

    #[test]
    fn an_attempt_under_way_goes_on_and_may_end_otherwise() {
        let mut reader = reader(Firmware::Ovmf);
        let path = "Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0)";
        says(&mut reader, &format!("BdsDxe: loading {path}\r\n"));
        let snapshot = reader.snapshot();
        says(&mut reader, &format!("BdsDxe: starting {path}\r\n{}", report(0)));
        reader.put_back(&snapshot);
        says(&mut reader, &format!("BdsDxe: failed to load {path}: Not Found\r\n"));
        let of_first = |lap, outcome| (lap, Some("first"), Some(outcome));
        assert_eq!(attempts(&reader), [of_first(1, Outcome::Booted), of_first(2, Outcome::Failed)]);
        assert_eq!(reader.trace().payloads.len(), 1);
    }

    #[test]
    fn a_menu_stays_open_and_a_firmware_that_had_stopped_has_stopped_again() {
        let mut reader = reader(Firmware::SeaBios);
        says(&mut reader, &[POST, "Press ESC for boot menu.\nSelect boot device:\n1. One\n"].concat());
        let open = reader.snapshot();
        says(&mut reader, &["2. Two\n\n", FIRST, "Booting from Hard Disk...\nNo bootable device.\n"].concat());
        let stopped = reader.snapshot();
        reader.put_back(&open);
        assert_eq!(reader.trace().terminal, None);
        says(&mut reader, "2. Two\n");
        let listed: Vec<(u32, usize)> =
            reader.trace().menus.iter().map(|menu| (menu.lap, menu.entries.len())).collect();
        assert_eq!(listed, [(1, 2), (2, 2)]);
        reader.put_back(&stopped);
        assert_eq!(reader.trace().terminal, Some(Terminal::NoBootableDevice));
        assert_eq!(reader.trace().menus.len(), 2);
    }
}
