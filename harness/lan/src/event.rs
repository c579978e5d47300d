//! What happened on a lan: typed events in order, and every frame.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::event_size::{shorten, weight, weight_of_record};
use super::spec::http::BodyFault;
use super::text_form;
use super::wire::MacAddr;
use super::wire::dhcpv4::MessageType;
use super::wire::dhcpv6;

/// Most events that are kept; later ones are counted only.
const MAX_EVENTS: usize = 100_000;
/// Most frames that are kept; later ones are counted only.
const MAX_RECORDS: usize = 500_000;
/// Bytes kept of a frame once half of the budget is used.
const SNAP_LEN: usize = 96;
/// Bytes beyond the budget for the event that says that it is used up.
const RESERVE: usize = 1024;

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Sent by the guest.
    FromGuest,
    /// Sent to the guest.
    ToGuest,
}

/// A frame as it passed a port, or failed to.
#[derive(Clone, Debug, PartialEq)]
pub struct LanRecord {
    /// Host time.
    pub at: Instant,
    /// NIC, by its place in the ports given to [`Lan::start`](super::Lan::start).
    pub port: usize,
    /// Which way.
    pub direction: Direction,
    /// The frame's bytes, or their beginning.
    pub frame: Arc<[u8]>,
    /// The frame's length on the wire.
    pub original_len: usize,
    /// The frame did not arrive.
    pub dropped: bool,
    /// What a fault did to it.
    pub notes: Vec<String>,
}

/// Something that happened, at a time, on a port.
#[derive(Clone, Debug, PartialEq)]
pub struct LanEvent {
    /// Host time.
    pub at: Instant,
    /// NIC, by its place in the ports given to [`Lan::start`](super::Lan::start); `None` where it is not known.
    pub port: Option<usize>,
    /// What.
    pub kind: LanEventKind,
}

/// What a DHCP message said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DhcpEvent {
    /// Message type.
    pub message: MessageType,
    /// Name of the server that sent it; `None` from a client.
    pub server: Option<String>,
    /// Transaction id.
    pub xid: u32,
    /// The client's own count of seconds.
    pub secs: u16,
    /// Client's hardware address.
    pub mac: MacAddr,
    /// Option 93, first entry.
    pub arch: Option<u16>,
    /// Option 60, the client's or the server's.
    pub vendor_class: Option<String>,
    /// Option 77.
    pub user_class: Option<String>,
    /// Option 97 without its type byte, as sent.
    #[serde(serialize_with = "text_form::optional_bytes::serialize")]
    pub uuid: Option<[u8; 16]>,
    /// Option 61, as sent; its first 133 bytes.
    #[serde(serialize_with = "text_form::optional_bytes::serialize")]
    pub client_id: Option<Vec<u8>>,
    /// Address offered or acknowledged (yiaddr).
    pub your_ip: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// The siaddr field.
    pub next_server: Ipv4Addr,
    /// Option 67, else the file field.
    pub boot_file: Option<String>,
    /// Something here was longer than an event keeps: a text than 512 bytes, or option 61. The capture has it whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// What a DHCPv6 message said.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dhcpv6Event {
    /// Message type.
    pub message: dhcpv6::MessageType,
    /// Name of the server that sent it; `None` from a client.
    pub server: Option<String>,
    /// Transaction id, 24 bits.
    pub xid: u32,
    /// The client's own count of hundredths of a second (option 8).
    pub elapsed: Option<u16>,
    /// Option 61, first entry.
    pub arch: Option<u16>,
    /// Option 16, first text.
    pub vendor_class: Option<String>,
    /// Option 15, first text.
    pub user_class: Option<String>,
    /// First address given or wanted.
    pub address: Option<Ipv6Addr>,
    /// Option 59.
    pub boot_file_url: Option<String>,
    /// A text here was longer than the 512 bytes that an event keeps. The capture has it whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum LanEventKind {
    /// The first frame of a NIC.
    LinkUp,
    /// QEMU closed its end, or the connection failed.
    PortClosed {
        /// Why.
        reason: String,
    },
    /// The guest asked for a hardware address.
    Arp {
        /// Who asked.
        sender: Ipv4Addr,
        /// For whom.
        target: Ipv4Addr,
        /// Somebody on this lan has it.
        answered: bool,
    },
    /// The guest pinged a server.
    Echo {
        /// Who was pinged.
        target: IpAddr,
    },
    /// A DHCP message of a client or of a server.
    Dhcp(Box<DhcpEvent>),
    /// A server had a reason not to answer.
    DhcpIgnored {
        /// Server's name.
        server: String,
        /// Transaction id.
        xid: u32,
        /// Why.
        reason: &'static str,
    },
    /// A DHCPv6 message of a client or of the server.
    Dhcpv6(Box<Dhcpv6Event>),
    /// The guest asked for routers.
    RouterSolicit {
        /// It was answered with an advertisement.
        answered: bool,
    },
    /// A DNS query.
    Dns {
        /// Name in lower case.
        name: String,
        /// Record type: 1 A, 28 AAAA.
        record_type: u16,
        /// There is such a name.
        found: bool,
    },
    /// A read request.
    TftpRequest {
        /// File as asked for.
        name: String,
        /// Options in order.
        options: Vec<(String, String)>,
        /// It is offered.
        found: bool,
    },
    /// Another quarter of a file was acknowledged.
    TftpProgress {
        /// File as asked for.
        name: String,
        /// Bytes acknowledged.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The last block was acknowledged.
    TftpComplete {
        /// File as asked for.
        name: String,
        /// Bytes in all.
        bytes: u64,
    },
    /// A transfer ended with an error.
    TftpError {
        /// File as asked for; empty where there was no transfer.
        name: String,
        /// RFC 1350 error code.
        code: u16,
        /// Message.
        message: String,
        /// The guest sent it, not the server.
        from_guest: bool,
    },
    /// An HTTP request.
    HttpRequest {
        /// Method.
        method: String,
        /// Path without the query, at most 512 characters.
        path: String,
        /// Host header.
        host: Option<String>,
        /// User-Agent header.
        user_agent: Option<String>,
        /// Range header.
        range: Option<String>,
        /// Status of the answer; `None`: a fault leaves it unanswered.
        status: Option<u16>,
        /// Over TLS.
        secure: bool,
    },
    /// The last byte of a body is on its way.
    ///
    /// iPXE starts what it has fetched without acknowledging its last byte: for it this is the end.
    HttpSent {
        /// Path of the request.
        path: String,
        /// Bytes of the body.
        bytes: u64,
    },
    /// The guest has acknowledged the last byte of a body.
    HttpComplete {
        /// Path of the request.
        path: String,
        /// Bytes of the body.
        bytes: u64,
    },
    /// A fault of the spec ended or stopped a body.
    HttpBodyFault {
        /// Path of the request.
        path: String,
        /// Which.
        fault: BodyFault,
        /// Bytes of the body before it.
        sent: u64,
    },
    /// An HTTP connection ended against the rules.
    HttpBroken {
        /// Why.
        reason: String,
    },
    /// A TLS handshake failed.
    TlsRefused {
        /// Why, with the guest's alert where it sent one.
        reason: String,
    },
    /// The guest asked something of a host or port of this network where nobody answers.
    Unserved {
        /// What it wanted.
        #[serde(flatten)]
        request: Request,
        /// Where it asked.
        to: SocketAddr,
    },
    /// The lan's own thread panicked: nothing is answered from here on.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// A frame of the guest made no sense to the lan and was left unanswered.
    Refused {
        /// Why.
        reason: String,
    },
    /// The record's byte budget is used up so far that from here on something is missing.
    BudgetReached {
        /// What.
        then: Overflow,
    },
    /// The port of a real bridge went into another state.
    PortState {
        /// The tap device.
        name: String,
        /// `disabled`, `listening`, `learning`, `forwarding` or `blocking`.
        state: String,
        /// The bridge's spanning tree protocol is on.
        stp: bool,
        /// The bridge's forward delay in hundredths of a second.
        forward_delay_cs: u32,
    },
    /// A part of a real network logged this.
    Said {
        /// Which part.
        part: String,
        /// Its words.
        line: String,
    },
    /// A fault changed, held back or dropped a frame, or ended a transfer; or a real firewall's rule did.
    Fault {
        /// The fault's name and what it did.
        note: String,
    },
}

/// What a record does without once its budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Overflow {
    /// Half of it is used: of later frames the first 96 bytes are kept.
    FramesCut,
    /// Seven eighths are used, or 500,000 frames were kept: later frames are counted.
    FramesLost,
    /// All of it is used, or 100,000 events were kept: later events are counted.
    EventsLost,
}

/// What a guest wants of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "request", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// A file by TFTP.
    Tftp {
        /// Name as asked for.
        name: String,
    },
    /// The address of a name.
    Dns {
        /// Name in lower case.
        name: String,
    },
    /// A boot server's answer on port 4011 (PXE specification 2.1, section 2.2).
    BootServer,
    /// A TCP connection.
    Tcp,
    /// Something else by UDP.
    Udp,
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tftp { name } => write!(out, "TFTP {name}"),
            Self::Dns { name } => write!(out, "DNS {name}"),
            Self::BootServer => out.write_str("boot server"),
            Self::Tcp => out.write_str("TCP"),
            Self::Udp => out.write_str("UDP"),
        }
    }
}

/// The record of a lan, shared between its thread and whoever reads it. Clones are the same record.
#[derive(Clone, Debug)]
pub struct LanLog {
    shared: Arc<Mutex<Entries>>,
}

#[derive(Debug)]
struct Entries {
    started: (Instant, SystemTime),
    events: Vec<LanEvent>,
    records: Vec<LanRecord>,
    held_bytes: usize,
    budget: usize,
    overflows: Vec<Overflow>,
    events_lost: u64,
    records_lost: u64,
    records_cut: u64,
    observer: Option<Observer>,
}

/// Told of every event as it is recorded.
struct Observer(Box<dyn FnMut(&LanEvent) + Send>);

impl std::fmt::Debug for Observer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Observer")
    }
}

impl LanLog {
    /// An empty record that holds `budget` bytes of frames and events together, and 1 KiB more.
    pub fn new(budget: usize) -> Self {
        let entries = Entries {
            started: (Instant::now(), SystemTime::now()),
            events: Vec::new(),
            records: Vec::new(),
            held_bytes: 0,
            budget,
            overflows: Vec::new(),
            events_lost: 0,
            records_lost: 0,
            records_cut: 0,
            observer: None,
        };
        Self { shared: Arc::new(Mutex::new(entries)) }
    }

    /// Has `observer` told of every event from now on, in order, on the lan's own thread. It must not wait for the lan.
    pub fn observe(&self, observer: impl FnMut(&LanEvent) + Send + 'static) {
        self.lock().observer = Some(Observer(Box::new(observer)));
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // A panic while the lock was held leaves whole entries: each is pushed in one step.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the record began, on the monotonic clock and on the calendar.
    pub fn started(&self) -> (Instant, SystemTime) {
        self.lock().started
    }

    /// The events so far, in order.
    pub fn events(&self) -> Vec<LanEvent> {
        self.lock().events.clone()
    }

    /// The events from the `skip`-th on, for a reader that follows along.
    pub fn events_from(&self, skip: usize) -> Vec<LanEvent> {
        self.lock().events.get(skip..).unwrap_or_default().to_vec()
    }

    /// The frames so far, in order.
    pub fn records(&self) -> Vec<LanRecord> {
        self.lock().records.clone()
    }

    /// Events and frames that were not kept because there were too many, and frames that were cut.
    pub fn lost(&self) -> Lost {
        let entries = self.lock();
        Lost { events: entries.events_lost, frames: entries.records_lost, frames_cut: entries.records_cut }
    }

    /// Bytes that the events and frames take in memory.
    pub fn held_bytes(&self) -> usize {
        self.lock().held_bytes
    }

    pub(super) fn event(&self, at: Instant, port: Option<usize>, mut kind: LanEventKind) {
        shorten(&mut kind);
        self.lock().event(LanEvent { at, port, kind });
    }

    pub(super) fn record(
        &self,
        at: Instant,
        port: usize,
        direction: Direction,
        frame: &[u8],
        notes: Vec<String>,
        dropped: bool,
    ) {
        let mut entries = self.lock();
        let snap = &frame[..frame.len().min(SNAP_LEN)];
        let (kept, limit) = if entries.has_room(weight_of_record(frame.len(), &notes), entries.budget / 2) {
            (frame, entries.budget / 2)
        } else {
            (snap, entries.budget / 8 * 7)
        };
        let weight = weight_of_record(kept.len(), &notes);
        if entries.records.len() >= MAX_RECORDS || !entries.has_room(weight, limit) {
            entries.records_lost += 1;
            return entries.overflow(at, Overflow::FramesLost);
        }
        if kept.len() < frame.len() {
            entries.records_cut += 1;
            entries.overflow(at, Overflow::FramesCut);
        }
        entries.held_bytes += weight;
        let (frame, original_len) = (kept.into(), frame.len());
        entries.records.push(LanRecord { at, port, direction, frame, original_len, dropped, notes });
    }
}

impl Entries {
    fn has_room(&self, weight: usize, limit: usize) -> bool {
        self.held_bytes.saturating_add(weight) <= limit
    }

    fn event(&mut self, mut event: LanEvent) {
        let weight = weight(&mut event.kind);
        if self.events.len() < MAX_EVENTS && self.has_room(weight, self.budget) {
            self.push(event, weight);
        } else {
            self.events_lost += 1;
            self.overflow(event.at, Overflow::EventsLost);
        }
    }

    fn push(&mut self, event: LanEvent, weight: usize) {
        self.held_bytes += weight;
        if let Some(observer) = &mut self.observer {
            (observer.0)(&event);
        }
        self.events.push(event);
    }

    /// Says once that something is missing from here on.
    fn overflow(&mut self, at: Instant, then: Overflow) {
        if self.overflows.contains(&then) {
            return;
        }
        self.overflows.push(then);
        let mut kind = LanEventKind::BudgetReached { then };
        let weight = weight(&mut kind);
        if self.has_room(weight, self.budget + RESERVE) {
            self.push(LanEvent { at, port: None, kind }, weight);
        }
    }
}

/// What a [`LanLog`] could not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lost {
    /// Events beyond 100,000 or beyond the budget.
    pub events: u64,
    /// Frames beyond 500,000 or beyond seven eighths of the budget.
    pub frames: u64,
    /// Frames of which the first 96 bytes were kept because half of the budget was used.
    pub frames_cut: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(log: &LanLog, len: usize) {
        log.record(Instant::now(), 0, Direction::FromGuest, &vec![7; len], Vec::new(), false);
    }

    fn overflows(log: &LanLog) -> Vec<Overflow> {
        let kinds = log.events().into_iter().map(|event| event.kind);
        kinds
            .filter_map(|kind| if let LanEventKind::BudgetReached { then } = kind { Some(then) } else { None })
            .collect()
    }

    #[test]
    fn frames_beyond_half_of_the_budget_are_cut_counted_and_said_once() {
        let log = LanLog::new(2200);
        for _ in 0..3 {
            frame(&log, 600);
        }
        let lengths: Vec<_> = log.records().iter().map(|record| (record.frame.len(), record.original_len)).collect();
        assert_eq!(lengths, [(600, 600), (96, 600), (96, 600)]);
        assert_eq!(log.lost().frames_cut, 2);
        assert_eq!(overflows(&log), [Overflow::FramesCut]);
    }

    #[test]
    fn a_full_record_counts_what_it_does_not_keep_and_says_so() {
        let log = LanLog::new(20_000);
        for _ in 0..1000 {
            frame(&log, 600);
            let name = "n".repeat(100_000);
            log.event(Instant::now(), None, LanEventKind::Dns { name, record_type: 1, found: false });
        }
        let lost = log.lost();
        assert!(lost.events > 900 && lost.frames > 900, "{lost:?}");
        assert!(log.held_bytes() <= 20_000 + RESERVE);
        assert_eq!(overflows(&log), [Overflow::FramesCut, Overflow::FramesLost, Overflow::EventsLost]);
    }
}
