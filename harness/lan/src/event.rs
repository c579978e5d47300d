//! What happened on a lan: typed events in order, and every frame.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::spec::http::BodyFault;
use super::wire::MacAddr;
use super::wire::dhcpv4::MessageType;
use super::wire::dhcpv6;

/// Most events that are kept; later ones are counted only.
const MAX_EVENTS: usize = 100_000;
/// Most frames that are kept; later ones are counted only.
const MAX_RECORDS: usize = 500_000;
/// Bytes kept of a frame once the capture limit is reached.
const SNAP_LEN: usize = 96;

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
    pub uuid: Option<[u8; 16]>,
    /// Option 61, as sent.
    pub client_id: Option<Vec<u8>>,
    /// Address offered or acknowledged (yiaddr).
    pub your_ip: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// The siaddr field.
    pub next_server: Ipv4Addr,
    /// Option 67, else the file field.
    pub boot_file: Option<String>,
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
    /// A frame of the guest made no sense to the lan and was left unanswered.
    Refused {
        /// Why.
        reason: String,
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
    kept_bytes: usize,
    capture_limit: usize,
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
    /// An empty record that keeps `capture_limit` bytes of frames whole.
    pub fn new(capture_limit: usize) -> Self {
        let entries = Entries {
            started: (Instant::now(), SystemTime::now()),
            events: Vec::new(),
            records: Vec::new(),
            kept_bytes: 0,
            capture_limit,
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

    pub(super) fn event(&self, at: Instant, port: Option<usize>, kind: LanEventKind) {
        let mut entries = self.lock();
        if entries.events.len() < MAX_EVENTS {
            let event = LanEvent { at, port, kind };
            if let Some(observer) = &mut entries.observer {
                (observer.0)(&event);
            }
            entries.events.push(event);
        } else {
            entries.events_lost += 1;
        }
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
        if entries.records.len() >= MAX_RECORDS {
            entries.records_lost += 1;
            return;
        }
        let mut kept = frame;
        if entries.kept_bytes + frame.len() > entries.capture_limit {
            kept = &frame[..frame.len().min(SNAP_LEN)];
            entries.records_cut += 1;
        }
        entries.kept_bytes += kept.len();
        let (frame, original_len) = (kept.into(), frame.len());
        entries.records.push(LanRecord { at, port, direction, frame, original_len, dropped, notes });
    }
}

/// What a [`LanLog`] could not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lost {
    /// Events beyond 100,000.
    pub events: u64,
    /// Frames beyond 500,000.
    pub frames: u64,
    /// Frames of which the first 96 bytes were kept because the capture limit was reached.
    pub frames_cut: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_beyond_the_capture_limit_are_cut_and_counted() {
        let log = LanLog::new(1000);
        for _ in 0..3 {
            log.record(Instant::now(), 0, Direction::FromGuest, &[7; 600], Vec::new(), false);
        }
        let lengths: Vec<_> = log.records().iter().map(|record| (record.frame.len(), record.original_len)).collect();
        assert_eq!(lengths, [(600, 600), (96, 600), (96, 600)]);
        assert_eq!(log.lost().frames_cut, 2);
    }
}
