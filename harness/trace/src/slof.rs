//! Reads SLOF's log on its console (`slof/fs/boot.fs`, `slof/fs/exception.fs` and `lib/libnet` of SLOF; 20220719 to 20260627).
//!
//! Each attempt begins with `Trying to load:  from: PATH ...`, where PATH is the device's path in the device tree, so that it names its device
//! by itself. What is printed until the next such line is why it failed. After the devices that have a bootindex come those that the
//! firmware's aliases `disk`, `cdrom` and `net` stand for, so that a device may be tried again (`qemu-read-bootlist` in
//! `board-qemu/slof/qemu-bootlist.fs`). Where nothing is left there is the prompt `0 > `.

use super::finding::{Caller, Interruption, Moment};
use super::lines::beginning;
use super::{Finding, Names, Outcome, Terminal, Trace};

/// How an attempt begins: what it is given as arguments, then the device.
const TRYING: &str = "Trying to load:";
const FROM: &str = " from: ";
const DOTS: &str = " ...";

/// What the firmware prints of itself once it is powered on or reset.
const BANNER: &str = "FW Version = ";

/// The prompt, with the depth of an empty stack.
const PROMPT: &str = "0 > ";

/// Nothing in the list could be loaded.
const NOTHING_LOADED: &str = "E3407";

/// What it prints when no server has answered.
const NO_ANSWER: [&str; 2] = ["Giving up after", "E3001"];

/// Lines in which nothing goes wrong, as they begin.
const PROGRESS: [&str; 11] = [
    "Initializing NIC",
    "Reading MAC address",
    "Requesting information via DHCP",
    "Using IPv4 address",
    "Using IPv6 address",
    "Requesting file",
    "Receiving data",
    "TFTP: Received",
    "Successfully loaded",
    "Ready!",
    NOTHING_LOADED,
];

/// Lines of a reason that are kept.
const REASON_LIMIT: usize = 8;

/// Where the log is.
#[derive(Clone, Default)]
pub struct Parser {
    /// What was said of the attempt under way.
    said: Vec<String>,
    /// No server has answered it.
    unanswered: bool,
    /// The banner of this lap was read.
    banner: bool,
    /// This lap began with the banner, and the monitor has not told of the reset yet.
    ahead: bool,
}

impl Parser {
    pub fn line(&mut self, line: &str, names: &Names, trace: &mut Trace) {
        if let Some(at) = line.find(BANNER) {
            self.begin_lap(trace);
            trace.banner = Some(line[at..].trim_end().to_owned());
        } else if let Some(at) = line.find(TRYING) {
            self.end(trace);
            trace.came_back(Caller::OpenFirmware);
            self.begin(&line[at + TRYING.len()..], names, trace);
        } else if under_way(trace) {
            self.tell(line);
        }
    }

    /// A line that may go on: the prompt is none that ends.
    pub fn unfinished_line(&mut self, rest: &str, trace: &mut Trace) {
        if rest.trim_start() == PROMPT && trace.terminal.is_none() && self.banner {
            self.end(trace);
            trace.came_back(Caller::OpenFirmware);
            trace.terminal = Some(Terminal::OpenFirmwarePrompt);
        }
    }

    /// Nothing more comes.
    pub fn finish(&self, rest: &str, over: bool, trace: &mut Trace) {
        if !over && rest.contains(TRYING) && !rest.contains(DOTS) {
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
        std::mem::take(&mut self.ahead)
    }

    /// The machine left this lap from outside.
    pub fn cut(&mut self, trace: &mut Trace, by: Interruption) {
        trace.end(Outcome::Failed, Finding::Interrupted { by, at: Moment::BeforeStart });
        *self = Parser::default();
    }

    /// The monitor may be later to tell of the reset that a second banner shows.
    fn begin_lap(&mut self, trace: &mut Trace) {
        let again = self.banner;
        if again {
            self.end(trace);
            trace.laps = trace.laps.max(1) + 1;
            trace.terminal = None;
        }
        *self = Parser { banner: true, ahead: again, ..Parser::default() };
    }

    /// `sentence` is what stands behind the first words.
    fn begin(&mut self, sentence: &str, names: &Names, trace: &mut Trace) {
        let device = sentence.split_once(FROM).and_then(|(_, rest)| rest.split_once(DOTS));
        let Some((path, rest)) = device else {
            return trace.hole(format!("half a line of the firmware: {}", beginning(sentence)));
        };
        // an alias that stands for no device: nothing is tried
        if !path.starts_with('/') {
            return;
        }
        trace.begin(path.trim().to_owned(), None);
        // a driver that fails at once says so on the same line
        self.tell(rest);
        let Some((name, medium)) = names.at_openfirmware(path.trim()) else { return };
        let name = name.clone();
        if names.nics.iter().any(|nic| nic.name == name) {
            trace.over(Some(name.clone()));
        }
        trace.enter(name, medium.map(str::to_owned));
    }

    /// What the firmware says of the attempt under way.
    fn tell(&mut self, line: &str) {
        let line = line.trim();
        self.unanswered |= NO_ANSWER.iter().any(|word| line.starts_with(word));
        let progress = PROGRESS.iter().any(|begin| line.starts_with(begin));
        // a driver says the same of each read
        let known = self.said.iter().any(|said| said == line);
        if !line.is_empty() && !progress && !known && self.said.len() < REASON_LIMIT {
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
