//! Takes what was recorded, piece by piece, and keeps the trace.

use std::borrow::Borrow;

use super::finding::Interruption;
use super::lines::beginning;
use super::{
    Names, Outcome, Payload, Standstill, Start, Trace, exchange, guest_text, ipxe, lines, measured, ovmf, owners,
    s390_ccw, seabios, shim, slof,
};
use bootwright_lan::LanEvent;
use bootwright_machine::evidence::Source;
use bootwright_machine::machine::Firmware;

/// Why a line that a reset cut is missing: a payload resets the machine itself only behind its line.
const CUT_BY_GUEST: &str = "a line is not whole, and nobody but the guest reset the machine";

/// Why lines about a TPM are not whole: their sums and the length of the log say so.
const HALF_A_LOG: &str = "a program's lines about its TPM are not whole";

/// What one firmware's log has said so far.
#[derive(Clone)]
pub(super) enum Parser {
    SeaBios(seabios::Parser),
    Ovmf(ovmf::Parser),
    S390Ccw(s390_ccw::Parser),
    Slof(slof::Parser),
}

/// Keeps a [`Trace`] of one virtual machine.
pub struct Reader {
    pub(super) parser: Parser,
    names: Names,
    /// The names at power-on, once a drive has another medium.
    given: Option<Box<Names>>,
    pub(super) main: lines::Splitter,
    /// Lines in whose middle firmware said that it was reset: a payload's, or the boot manager's.
    lines_cut: usize,
    /// Resets from outside, which may come in the middle of anything.
    resets_from_outside: usize,
    /// The last reset was one.
    reset_last_from_outside: bool,
    /// A reset was told since firmware began anew.
    reset_since_banner: bool,
    /// Firmware began anew in the middle of a line, and the reset that did it is yet to be told.
    cut_ahead_of_reset: bool,
    /// What the program that runs has said of its TPM.
    measured: measured::Collector,
    /// Reads the text of media that somebody else made.
    watcher: Option<guest_text::Watcher>,
    pub(super) trace: Trace,
}

impl Reader {
    /// Begins a trace for firmware that speaks of devices by `names`.
    pub fn new(firmware: Firmware, names: Names) -> Reader {
        let parser = match firmware {
            Firmware::SeaBios => Parser::SeaBios(seabios::Parser::default()),
            Firmware::Ovmf | Firmware::Aavmf => Parser::Ovmf(ovmf::Parser::default()),
            Firmware::RiscVVirt => Parser::Ovmf(ovmf::Parser::of_failures_alone()),
            Firmware::LoongArchVirt => Parser::Ovmf(ovmf::Parser::of_narrow_console()),
            Firmware::S390Ccw => Parser::S390Ccw(s390_ccw::Parser::default()),
            Firmware::Slof => Parser::Slof(slof::Parser::default()),
        };
        let systems = names.systems.clone();
        Reader {
            parser,
            names,
            given: None,
            main: lines::Splitter::default(),
            lines_cut: 0,
            resets_from_outside: 0,
            reset_last_from_outside: false,
            reset_since_banner: false,
            cut_ahead_of_reset: false,
            measured: measured::Collector::default(),
            watcher: None,
            trace: Trace { laps: 1, systems, ..Trace::default() },
        }
    }

    /// The same reader, which also reads what the guest's own programs print.
    #[must_use]
    pub fn watching(mut self, watcher: guest_text::Watcher) -> Reader {
        self.watcher = Some(watcher);
        self
    }

    /// Takes bytes of a stream. SeaBIOS is read from the debug console, where the BIOS payload prints too; OVMF is read
    /// from the serial port, which its console and the payload share. So order within a trace never depends on how two
    /// streams were interleaved by the host.
    pub fn push(&mut self, source: Source, bytes: &[u8]) {
        self.firmware(source, bytes);
        if let Some(watcher) = &mut self.watcher {
            watcher.push(source, bytes, &mut self.trace);
        }
    }

    fn firmware(&mut self, source: Source, bytes: &[u8]) {
        let wanted = match self.parser {
            Parser::SeaBios(_) => Source::DebugConsole,
            Parser::Ovmf(_) | Parser::S390Ccw(_) | Parser::Slof(_) => Source::Serial,
        };
        if source != wanted {
            return;
        }
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if let Parser::Ovmf(parser) = &mut self.parser {
                parser.screen(piece, &self.names, &mut self.trace);
            }
            for line in self.main.push(piece) {
                self.line(&line);
            }
        }
        // SeaBIOS, OVMF and SLOF end some telling words without a line feed
        let rest = self.main.rest();
        match &mut self.parser {
            Parser::Ovmf(parser) => {
                parser.unfinished_line(&rest, &mut self.trace);
                if parser.awaits_box() && shim::may_be_box(&rest) {
                    parser.in_box(&self.main.whole_rest(), &mut self.trace);
                }
            }
            Parser::Slof(parser) => parser.unfinished_line(&rest, &mut self.trace),
            Parser::SeaBios(_) | Parser::S390Ccw(_) => {}
        }
    }

    fn line(&mut self, line: &str) {
        let line = match (&self.parser, ovmf::begins_anew(line)) {
            (Parser::Ovmf(_), Some((cut, banner))) => {
                if ovmf::is_telling(cut) || Payload::is_part(cut) {
                    self.cut_by_banner();
                }
                banner
            }
            _ => line,
        };
        if ovmf::is_banner(line) {
            self.reset_since_banner = false;
        }
        if line.is_empty() {
            return self.said(line);
        }
        match self.measured.line(line) {
            measured::Line::Foreign => {}
            measured::Line::Taken => return,
            measured::Line::Damaged => return self.trace.hole(HALF_A_LOG),
        }
        if let Some(payload) = Payload::parse(line) {
            return self.payload(payload.identify(&self.names));
        }
        if Payload::is_part(line) {
            match matches!(self.parser, Parser::SeaBios(_)) && seabios::was_cut_by_reset(line) {
                true => self.lines_cut += 1,
                false => return self.trace.hole(format!("a payload's line is not whole: {}", beginning(line))),
            }
        }
        self.said(line);
    }

    /// A line ends where firmware begins anew. The reset is told on another channel, where it may be read a moment later.
    fn cut_by_banner(&mut self) {
        match self.reset_since_banner {
            true if self.reset_last_from_outside => {}
            true => self.trace.hole(CUT_BY_GUEST),
            false => self.cut_ahead_of_reset = true,
        }
    }

    /// The firmware has printed a line.
    fn said(&mut self, line: &str) {
        match &mut self.parser {
            Parser::SeaBios(parser) => parser.line(line, &self.names, &mut self.trace),
            Parser::Ovmf(parser) => parser.line(line, &self.names, &mut self.trace),
            Parser::S390Ccw(parser) => parser.line(line, &self.names, &mut self.trace),
            Parser::Slof(parser) => parser.line(line, &self.names, &mut self.trace),
        }
    }

    /// A payload that reports where no attempt is under way has one of its own, unless it says more than one line.
    fn payload(&mut self, payload: Payload) {
        if payload.is_damaged(&self.names) {
            return self.trace.hole(format!("a payload's line is not whole: medium={}", payload.medium));
        }
        let Ok(measured) = self.measured.finish(&payload.nonce) else { return self.trace.hole(HALF_A_LOG) };
        let payload = Payload { measured, ..payload };
        let last = self.trace.last_of_lap();
        let under_way = last.is_some_and(|last| last.outcome.is_none());
        let again = last.is_some_and(|last| {
            last.outcome == Some(Outcome::Booted) && last.medium.is_some() && last.medium == payload.medium_of_nonce
        });
        if !under_way && !again && payload.medium_of_nonce.is_some() {
            match &mut self.parser {
                Parser::SeaBios(parser) => parser.unannounced(&payload, &mut self.trace),
                Parser::Ovmf(parser) => parser.unannounced(&payload, &self.names, &mut self.trace),
                Parser::Slof(_) if self.names.given == payload.medium_of_nonce => {
                    self.trace.begin_unspoken(Start::HandedOver, payload.medium_of_nonce.clone());
                }
                Parser::S390Ccw(_) | Parser::Slof(_) => {
                    self.trace.hole(format!("the payload of \"{}\" ran without an attempt", payload.medium));
                }
            }
        }
        self.trace.payload(payload, &self.names);
    }

    /// Something is missing from what this reader was given.
    pub fn hole(&mut self, what: &str) {
        self.trace.hole(what);
    }

    /// The guest does nothing any more, which is seen from outside.
    pub fn stands_still(&mut self, standstill: Standstill) {
        self.trace.stands_still(standstill);
    }

    /// Whether a new lap begins with the monitor's event and not with a line of the log.
    pub fn laps_by_reset(&self) -> bool {
        matches!(self.parser, Parser::Ovmf(_))
    }

    /// Nothing more comes: what was begun and not ended is missing. `over` says that the run had come to its end by what was
    /// read, and not by a deadline or the end of QEMU.
    pub fn finish(&mut self, over: bool) {
        let rest = self.main.rest();
        if self.lines_cut > self.resets_from_outside || self.cut_ahead_of_reset {
            self.trace.hole(CUT_BY_GUEST);
        }
        match &mut self.parser {
            Parser::SeaBios(parser) if !over => parser.finish(&rest, &mut self.trace),
            Parser::SeaBios(_) => {}
            Parser::Ovmf(parser) => parser.finish(&rest, over, &mut self.trace),
            Parser::S390Ccw(parser) => parser.finish(&rest, over, &mut self.trace),
            Parser::Slof(parser) => parser.finish(&rest, over, &mut self.trace),
        }
    }

    /// The machine was reset: a new lap begins. Under SeaBIOS the log's own banner says so; for the others the QMP event does, and under
    /// s390-ccw and SLOF whichever comes first.
    pub fn reset(&mut self) {
        let by_log = match &mut self.parser {
            Parser::SeaBios(_) => true,
            Parser::Ovmf(_) => false,
            Parser::S390Ccw(parser) => parser.is_ahead(),
            Parser::Slof(parser) => parser.is_ahead(),
        };
        // a reset between a line's last two bytes leaves it to the lap that it was said in
        let whole = if by_log { None } else { self.main.cut() };
        if let Some(line) = whole {
            self.line(&line);
        }
        if std::mem::take(&mut self.cut_ahead_of_reset) {
            self.trace.hole(CUT_BY_GUEST);
        } else {
            self.reset_since_banner = true;
        }
        self.reset_last_from_outside = false;
        self.measured = measured::Collector::default();
        self.trace.standstill = None;
        match &mut self.parser {
            _ if by_log => return,
            Parser::SeaBios(_) => {}
            Parser::Ovmf(parser) => parser.cut(&mut self.trace, Interruption::Reset),
            Parser::S390Ccw(parser) => parser.cut(&mut self.trace, Interruption::Reset),
            Parser::Slof(parser) => parser.cut(&mut self.trace, Interruption::Reset),
        }
        self.trace.laps += 1;
        self.trace.terminal = None;
    }

    /// QEMU says that the guest panicked: s390-ccw ends so where it has nothing left to load.
    pub fn guest_panicked(&mut self) {
        let rest = self.main.rest();
        if let Parser::S390Ccw(parser) = &mut self.parser {
            parser.stopped(&rest, &self.names, &mut self.trace);
        }
    }

    /// The same, and the guest did it: under OVMF a program that an option led to, since the boot manager has no other reason.
    pub fn reset_by_guest(&mut self) {
        match &mut self.parser {
            Parser::SeaBios(_) => {}
            Parser::Ovmf(parser) => parser.reset_by_guest(&mut self.trace),
            Parser::S390Ccw(parser) => parser.reset_by_guest(&mut self.trace),
            Parser::Slof(parser) => parser.reset_by_guest(&mut self.trace),
        }
        self.reset();
    }

    /// The same, and somebody outside did it, who does not wait for the end of a line.
    pub fn reset_from_outside(&mut self) {
        self.resets_from_outside += 1;
        let explained = std::mem::take(&mut self.cut_ahead_of_reset);
        self.reset();
        self.reset_since_banner = !explained;
        self.reset_last_from_outside = true;
    }

    /// The names by which firmware speaks of what the machine has now.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// A medium is in the drive now that had another one.
    pub fn medium_changed(&mut self, was: &str, is: &str) {
        self.given.get_or_insert_with(|| Box::new(self.names.clone()));
        self.names.exchange(was, is);
    }

    /// Every drive has the medium again that it had at power-on.
    pub fn media_as_at_power_on(&mut self) {
        if let Some(given) = self.given.take() {
            self.names = *given;
        }
    }

    /// Takes what the lans saw, once all of it has arrived, and the serial port's text: each attempt over a NIC is given
    /// its reason. The port of each event is the NIC's device index.
    pub fn network(&mut self, events: impl IntoIterator<Item = impl Borrow<LanEvent>>, serial: &[u8]) {
        let seen = exchange::conversations(events, |device| self.names.nic_of_device(device).cloned());
        self.conversations(seen, serial);
    }

    /// The same where the events are grouped already.
    pub fn conversations(&mut self, conversations: Vec<exchange::Conversation>, serial: &[u8]) {
        self.trace.network = conversations;
        let starts = match self.parser {
            Parser::SeaBios(_) => ipxe::starts(serial),
            Parser::Ovmf(_) | Parser::S390Ccw(_) | Parser::Slof(_) => Vec::new(),
        };
        ipxe::name_nics(&starts, &self.names, &mut self.trace.attempts);
        let by_roms = starts.iter().filter(|start| start.address.is_some()).count();
        let codes: Vec<Option<String>> = starts.into_iter().map(|start| start.code).collect();
        owners::check(&mut self.trace, matches!(self.parser, Parser::SeaBios(_)), by_roms);
        exchange::explain(&mut self.trace.attempts, &self.trace.network, &codes);
    }

    /// The trace so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}
