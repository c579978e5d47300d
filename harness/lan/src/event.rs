//! What happens on a lan: typed events and frames.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::spec::http::BodyFault;
use super::text_form;
use super::wire::MacAddr;
use super::wire::dhcpv4::MessageType;
use super::wire::dhcpv6;

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// In a transfer that came to its end the guest acknowledged blocks more often than it was sent them.
    TftpAcknowledgedAgain {
        /// File as asked for.
        name: String,
        /// How many blocks; the option acknowledgment counts as one.
        blocks: u64,
        /// Of how many. The last one is not among them: its acknowledgment ends the transfer.
        of: u64,
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
    Fault(Struck),
}

/// A fault that struck, and what it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Struck {
    /// Which; what is decided is decided by this.
    pub fault: FaultOrigin,
    /// What it did, for people.
    pub note: String,
}

impl fmt::Display for Struck {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.note)
    }
}

/// Where a fault comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum FaultOrigin {
    /// A fault of the wire, by its name in the spec.
    Wire(String),
    /// A DHCP server whose spec has its answers malformed, by its name.
    Dhcp(String),
    /// A fault of TFTP, by the file as asked for.
    Tftp(String),
    /// A fault of HTTP, by the path of the request.
    Http(String),
    /// A rule of a real firewall.
    Firewall {
        /// Family, table and chain.
        chain: String,
        /// The rule in nft's own words.
        rule: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_stands_in_the_timeline_with_its_origin_and_its_sentence() {
        let struck = Struck { fault: FaultOrigin::Wire("loss".into()), note: "loss: dropped".into() };
        let value = serde_json::to_value(LanEventKind::Fault(struck)).unwrap();
        let wanted = serde_json::json!({ "what": "fault", "fault": { "wire": "loss" }, "note": "loss: dropped" });
        assert_eq!(value, wanted);
    }
}
