//! Reads the log of `s390-ccw.img` on the SCLP console (`pc-bios/s390-ccw/main.c`, `bootmap.c` and `netmain.c` of QEMU; 7.2 to 11.1).
//!
//! Each device of the boot order begins with `LOADPARM=[` and what the firmware was set up with, then says what kind it is. What was
//! printed until the next such line is why the attempt failed. The end is no sentence, for each release and each way to fail has its own:
//! the firmware stops the processor in a disabled wait, which the monitor tells ([`Parser::stopped`]).

use super::finding::{Interruption, Moment};
use super::ipl_names::IplKind;
use super::lines::beginning;
use super::{Finding, Names, Outcome, Terminal, Trace};

/// How a turn begins; what the firmware was set up with follows, eight characters.
const TURN: &str = "LOADPARM=[";

/// What the network's part prints of itself, behind two spaces.
const OWN_MAC: &str = "Using MAC address: ";

/// What it prints when no server has answered.
const NO_ANSWER: &str = "Giving up after";

/// Lines in which nothing goes wrong, as they begin.
const PROGRESS: [&str; 12] = [
    "Using ",
    "Requesting information via DHCP",
    "Receiving data",
    "Bootfile name: ",
    "TFTP: Received",
    "Trying pxelinux.cfg",
    "Network boot starting",
    "Network loading done",
    "Repeating TFTP",
    "VOLSER=",
    "SCSI CD-ROM detected",
    "ERROR: No suitable device for IPL",
];

/// Lines of a reason that are kept.
const REASON_LIMIT: usize = 8;

/// Where the log is.
#[derive(Clone, Default)]
pub struct Parser {
    /// Devices for which the firmware was set up on this lap.
    turn: usize,
    /// Attempts since then.
    within: usize,
    /// What was said of the attempt under way.
    said: Vec<String>,
    /// No server has answered it.
    unanswered: bool,
    /// Something was said of a device before any attempt.
    spoke: bool,
    /// This lap began with its first line, and the monitor has not told of the reset yet.
    ahead: bool,
    /// It began in the middle of an attempt, which is a reset only if the monitor tells of one.
    unconfirmed: bool,
}

impl Parser {
    pub fn line(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        // a reset may have cut one line, and another follows in it
        if let Some(at) = line.rfind(TURN) {
            if !is_turn(&line[at..]) {
                trace.hole(format!("half a line of the firmware: {}", beginning(line)));
            }
            self.begin_lap(trace);
            self.end(trace);
            (self.turn, self.within, self.spoke) = (self.turn + 1, 0, false);
        } else if let Some(kind) = IplKind::of_line(line) {
            self.end(trace);
            self.within += 1;
            self.begin(kind, names, trace);
        } else if under_way(trace) {
            self.tell(line, names, trace);
        } else {
            self.spoke |= !line.trim().is_empty();
        }
    }

    /// The firmware has stopped the processor. `rest` is what it printed last, without a line feed.
    pub fn stopped(&mut self, rest: &str, names: &Names, trace: &mut Trace) {
        if under_way(trace) {
            self.tell(rest, names, trace);
        }
        self.end(trace);
        trace.terminal = Some(Terminal::DisabledWait);
    }

    /// Nothing more comes.
    pub fn finish(&self, rest: &str, over: bool, trace: &mut Trace) {
        let rest = rest.trim();
        if self.unconfirmed {
            trace.hole(
                "the firmware was set up anew before it said how an attempt ended, and the monitor told of no reset",
            );
        }
        if !over && !rest.is_empty() && !is_progress(rest) {
            trace.hole(format!("the log ends in the middle of a sentence: {}", beginning(rest)));
        }
    }

    /// A program has reset the machine: it was started, and so was announced.
    pub fn reset_by_guest(&self, trace: &mut Trace) {
        if !self.ahead && trace.last_of_lap().is_none() && trace.terminal.is_none() && !trace.is_cut() {
            trace.hole("the guest has reset the machine, and the log has no attempt before");
        }
    }

    /// The monitor tells of a reset; whether its lap has begun already.
    pub fn is_ahead(&mut self) -> bool {
        self.unconfirmed = false;
        std::mem::take(&mut self.ahead)
    }

    /// The machine left this lap from outside.
    pub fn cut(&mut self, trace: &mut Trace, by: Interruption) {
        trace.end(Outcome::Failed, Finding::Interrupted { by, at: Moment::BeforeStart });
        *self = Parser::default();
    }

    /// No program comes back to the firmware, which is set up anew after a reset alone, and it goes on with another device only once it has
    /// said what is wrong with this one. Within a few milliseconds: the monitor may be later to tell of the reset.
    fn begin_lap(&mut self, trace: &mut Trace) {
        let booted = trace.last_of_lap().is_some_and(|last| last.outcome == Some(Outcome::Booted));
        let cut = match under_way(trace) {
            true => self.said.is_empty() && !self.unanswered,
            false => self.turn > 0 && self.within == 0 && !self.spoke,
        };
        if cut {
            self.cut(trace, Interruption::Reset);
        }
        if booted || cut {
            *self = Parser { ahead: true, unconfirmed: cut, ..Parser::default() };
            trace.laps = trace.laps.max(1) + 1;
        }
    }

    fn begin(&mut self, kind: IplKind, names: &Names, trace: &mut Trace) {
        if self.turn == 0 {
            trace.hole("the firmware tries a device, and the line before it is missing");
        }
        trace.begin(kind.word().to_owned(), None);
        let Some(device) = names.ipl.at(self.turn, self.within, kind).filter(|_| names.fixed) else { return };
        let Some(name) = device.name.clone() else { return };
        if kind == IplKind::Network {
            trace.over(Some(name.clone()));
        }
        trace.enter(name, device.medium.clone());
    }

    /// What the firmware says of the attempt under way.
    fn tell(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        // each block that is read prints a dot
        let line = line.trim_start_matches('.').trim();
        if let Some(nic) = line.strip_prefix(OWN_MAC).and_then(|mac| names.ipl.nic(mac)) {
            trace.over(Some(nic.clone()));
            trace.enter(nic.clone(), None);
        }
        self.unanswered |= line.starts_with(NO_ANSWER);
        if !line.is_empty() && !is_progress(line) && self.said.len() < REASON_LIMIT {
            self.said.push(line.to_owned());
        }
    }

    /// The firmware goes on: the attempt under way has failed.
    fn end(&mut self, trace: &mut Trace) {
        let said = std::mem::take(&mut self.said).join("; ");
        let outcome = if std::mem::take(&mut self.unanswered) { Outcome::TimedOut } else { Outcome::Failed };
        trace.end(outcome, if said.is_empty() { Finding::NoReason } else { Finding::Printed(said) });
    }
}

fn under_way(trace: &Trace) -> bool {
    trace.last_of_lap().is_some_and(|last| last.outcome.is_none())
}

/// `LOADPARM=[        ]`.
fn is_turn(line: &str) -> bool {
    let word = line.strip_prefix(TURN).and_then(|rest| rest.trim_end().strip_suffix(']'));
    word.is_some_and(|word| word.len() == 8)
}

fn is_progress(line: &str) -> bool {
    PROGRESS.iter().any(|begin| line.starts_with(begin))
}
