//! What a lan saw of an attempt that did not boot, as values.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::bridge_port::BridgePort;
use bootwright_lan::routes::BodyFault;
use bootwright_lan::{Request, Struck};
use bootwright_machine::wording;

/// One thing that a lan saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum LanFinding {
    /// The NIC sent nothing that begins a conversation.
    NothingSent,
    /// Nobody offered an address.
    NoOffer {
        /// DHCPv6 rather than DHCP.
        ipv6: bool,
        /// Discovers or solicits.
        discovers: u32,
    },
    /// The guest took none of the offers.
    OfferNotTaken {
        /// DHCPv6 rather than DHCP.
        ipv6: bool,
        /// Discovers or solicits.
        discovers: u32,
        /// Offers or advertisements.
        offers: usize,
    },
    /// Nobody acknowledged what the guest requested.
    NotAcknowledged {
        /// DHCPv6 rather than DHCP.
        ipv6: bool,
        /// Requests.
        requests: u32,
        /// Refusals of a request.
        naks: u32,
    },
    /// A TLS handshake failed: why.
    TlsRefused(String),
    /// No answer named a boot file.
    NoBootFile {
        /// DHCPv6 rather than DHCP.
        ipv6: bool,
    },
    /// The boot file that was named was never asked for.
    NeverAskedFor(String),
    /// A file was asked for, and this became of it.
    Transfer {
        /// By which protocol.
        protocol: Protocol,
        /// Name or path as the guest wrote it.
        name: String,
        /// How it ended.
        end: TransferEnd,
        /// How often all of it was sent.
        times: usize,
    },
    /// The guest asked where nobody answers.
    Nobody(Nobody),
    /// The port of a real bridge did not forward.
    PortBlocked(BridgePort),
    /// A fault struck.
    Fault(Struck),
}

/// The protocol by which a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Protocol {
    /// TFTP.
    Tftp,
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// What became of a file that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum TransferEnd {
    /// An error ended it.
    Error(TransferError),
    /// All of it was sent.
    Whole {
        /// How much that is.
        bytes: u64,
    },
    /// Another HTTP status than success.
    Status(u16),
    /// An HTTP request that was left unanswered: its method.
    Unanswered(String),
    /// It is not offered.
    NotFound,
    /// It stopped in the middle.
    Stalled {
        /// Bytes that the guest is known to have.
        bytes: u64,
    },
}

/// What ends a transfer with an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
#[non_exhaustive]
pub enum TransferError {
    /// An ERROR packet of TFTP.
    Tftp {
        /// Its code (RFC 1350).
        code: u16,
        /// Its message, as it stood in the packet.
        message: String,
        /// The guest sent it, not the server.
        from_guest: bool,
    },
    /// Nobody serves it.
    Nobody(Nobody),
    /// A fault of the body.
    Body(BodyFault),
}

/// Where a guest asked and nobody answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Nobody {
    /// No server of this kind listens at the address.
    Serves {
        /// What was asked for.
        service: Service,
        /// Where.
        at: IpAddr,
    },
    /// No host has the address.
    HasAddress(Ipv4Addr),
    /// No host has the name.
    HasName(String),
}

/// What a request that nobody answered was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Service {
    /// A file by TFTP.
    Tftp,
    /// The address of a name.
    Dns,
    /// A boot server's answer, on port 4011.
    BootServer,
    /// Something on this TCP port.
    Tcp(u16),
    /// Something on this UDP port.
    Udp(u16),
}

impl Service {
    /// What a request was for.
    pub(super) fn of(request: &Request, to: &SocketAddr) -> Service {
        match request {
            Request::Tftp { .. } => Service::Tftp,
            Request::Dns { .. } => Service::Dns,
            Request::BootServer => Service::BootServer,
            Request::Tcp => Service::Tcp(to.port()),
            _ => Service::Udp(to.port()),
        }
    }
}

impl Protocol {
    /// As a URL has it.
    pub fn scheme(self) -> &'static str {
        match self {
            Protocol::Tftp => "tftp",
            Protocol::Http => "http",
            Protocol::Https => "https",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        out.write_str(match self {
            Protocol::Tftp => "TFTP",
            Protocol::Http => "HTTP",
            Protocol::Https => "HTTPS",
        })
    }
}

impl fmt::Display for LanFinding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        let protocol = |ipv6: &bool| if *ipv6 { "DHCPv6" } else { "DHCP" };
        let discover = |ipv6: &bool| if *ipv6 { "solicit" } else { "discover" };
        let offer = |ipv6: &bool| if *ipv6 { "advertisement" } else { "offer" };
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        match self {
            LanFinding::NothingSent => out.write_str("nothing was sent"),
            LanFinding::NoOffer { ipv6, discovers } => {
                let discovers = plural(*discovers as usize, discover(ipv6));
                write!(out, "no {} {}: {discovers} unanswered", protocol(ipv6), offer(ipv6))
            }
            LanFinding::OfferNotTaken { ipv6, discovers, offers } => {
                let (discovers, offers) = (plural(*discovers as usize, discover(ipv6)), plural(*offers, offer(ipv6)));
                write!(out, "no {} {} was taken: {discovers}, {offers}", protocol(ipv6), offer(ipv6))
            }
            LanFinding::NotAcknowledged { ipv6, requests, naks } => {
                let naks = if *naks > 0 { format!(", {naks} refused") } else { String::new() };
                write!(out, "no {} acknowledgment: {}{naks}", protocol(ipv6), plural(*requests as usize, "request"))
            }
            LanFinding::TlsRefused(why) => write!(out, "TLS refused: {why}"),
            LanFinding::NoBootFile { ipv6 } => write!(out, "no boot file in the {} {}", protocol(ipv6), offer(ipv6)),
            LanFinding::NeverAskedFor(file) => write!(out, "{file} was never asked for"),
            LanFinding::Transfer { protocol, name, end, times } => {
                write!(out, "{protocol} {name}: {end}")?;
                if *times > 1 { write!(out, ", {times} times") } else { Ok(()) }
            }
            LanFinding::Nobody(nobody) => nobody.fmt(out),
            LanFinding::PortBlocked(port) => out.write_str(&port.why().unwrap_or_default()),
            LanFinding::Fault(struck) => struck.fmt(out),
        }
    }
}

impl fmt::Display for TransferEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            TransferEnd::Error(error) => error.fmt(out),
            TransferEnd::Whole { bytes } => write!(out, "all {bytes} bytes sent"),
            TransferEnd::Status(status) => write!(out, "status {status}"),
            TransferEnd::Unanswered(method) => write!(out, "{method} left unanswered"),
            TransferEnd::NotFound => out.write_str("file not found"),
            TransferEnd::Stalled { bytes } => write!(out, "nothing more after {bytes} bytes"),
        }
    }
}

impl fmt::Display for TransferError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            TransferError::Tftp { code, message, from_guest } => {
                let who = if *from_guest { "the guest" } else { "the server" };
                write!(out, "error {code} \"{message}\" from {who}")
            }
            TransferError::Nobody(nobody) => nobody.fmt(out),
            TransferError::Body(fault) => fault.fmt(out),
        }
    }
}

impl fmt::Display for Nobody {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            Nobody::Serves { service, at } => write!(out, "nobody serves {service} at {at}"),
            Nobody::HasAddress(address) => write!(out, "no host has address {address}"),
            Nobody::HasName(name) => write!(out, "no host has name {name}"),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            Service::Tftp => out.write_str("TFTP"),
            Service::Dns => out.write_str("DNS"),
            Service::BootServer => out.write_str("port 4011"),
            Service::Tcp(port) => write!(out, "TCP port {port}"),
            Service::Udp(port) => write!(out, "UDP port {port}"),
        }
    }
}
