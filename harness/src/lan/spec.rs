//! What a lan offers, as plain data: who serves what to whom. Faults are in [`faults`](super::faults).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::dhcp_rules::{BootAnswer, DhcpRule, Match};
use super::faults::Fault;
use super::wire::MacAddr;

/// A network and everything on it but the guest.
///
/// Time comes in two kinds. The guest's clock usually runs far ahead of the host's (FACTS: virtual clock), so whatever
/// is to happen after guest time is said by what the guest does ([`AnswerAfter::Discovers`],
/// [`AnswerAfter::ClientSecs`]); a [`Duration`] is always the host's.
///
/// ```
/// use bootwright::lan::{DhcpServer, LanSpec};
///
/// let spec = LanSpec::new().file("boot.0", vec![0x90; 512]).dhcp(DhcpServer::new("main").boot_file("boot.0"));
/// assert_eq!(spec.files["boot.0"].len(), 512);
/// assert_eq!(spec, spec.clone());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LanSpec {
    /// The main server: TFTP, HTTP, DNS and ICMP echo answer here.
    pub address: Ipv4Addr,
    /// Bits of the network prefix.
    pub prefix_len: u8,
    /// DHCP servers; several may answer the same guest.
    pub dhcp: Vec<DhcpServer>,
    /// Everything that can be had by TFTP, and by HTTP at `/name`. There is no other file.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// How the TFTP server behaves.
    pub tftp: Tftp,
    /// What goes wrong on the wire, in the order in which it is applied.
    pub faults: Vec<Fault>,
    /// Start of every random sequence (loss).
    pub seed: u64,
    /// Most bytes of frames that the capture keeps; later frames keep their first 96 bytes only.
    pub capture_limit: usize,
}

impl LanSpec {
    /// A network 10.77.0.0/24 whose main server 10.77.0.1 offers nothing yet.
    pub fn new() -> Self {
        Self {
            address: Ipv4Addr::new(10, 77, 0, 1),
            prefix_len: 24,
            dhcp: Vec::new(),
            files: BTreeMap::new(),
            tftp: Tftp::default(),
            faults: Vec::new(),
            seed: 0,
            capture_limit: 64 << 20,
        }
    }

    /// Adds a DHCP server.
    #[must_use]
    pub fn dhcp(mut self, server: DhcpServer) -> Self {
        self.dhcp.push(server);
        self
    }

    /// Offers a file.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.files.insert(name.into(), bytes.into());
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Hardware address of the main server.
    pub fn server_mac(&self) -> MacAddr {
        MacAddr([0x02, 0, 0, 0x77, 0, 0])
    }

    /// Hardware address of the DHCP server at `index` of [`LanSpec::dhcp`]; the main server's if it runs there.
    pub fn dhcp_mac(&self, index: usize) -> MacAddr {
        match self.dhcp.get(index) {
            Some(server) if server.address != self.address => MacAddr([0x02, 0, 0, 0x77, 1, index as u8]),
            _ => self.server_mac(),
        }
    }

    /// The network mask.
    pub fn netmask(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(self.prefix_len.clamp(1, 32))).unwrap_or(u32::MAX))
    }

    /// The file that a name stands for; one leading slash is taken as part of the path, nothing else is interpreted.
    pub fn offered(&self, name: &str) -> Option<&Arc<[u8]>> {
        self.files.get(name).or_else(|| self.files.get(name.strip_prefix('/')?))
    }
}

impl Default for LanSpec {
    fn default() -> Self {
        Self::new()
    }
}

/// What a DHCP server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpRole {
    /// Gives addresses and boot information.
    Full,
    /// Gives boot information only, to PXE clients, on ports 67 and 4011 (PXE specification 2.1, section 2.2).
    Proxy,
}

/// When a server begins to answer a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerAfter {
    /// At once.
    Start,
    /// When it has ignored so many discovers of this client.
    Discovers(u32),
    /// When a client's own `secs` field has reached this; guest time. iPXE and edk2 count it from their first discover.
    ClientSecs(u16),
    /// After so much host time from the first frame of the client's NIC.
    HostTime(Duration),
    /// Never.
    Never,
}

/// A DHCP server.
#[derive(Clone, Debug, PartialEq)]
pub struct DhcpServer {
    /// Name in events.
    pub name: String,
    /// Its own address; a host of its own where it differs from [`LanSpec::address`].
    pub address: Ipv4Addr,
    /// Full server or proxyDHCP.
    pub role: DhcpRole,
    /// First address it gives; the n-th client gets the n-th from here.
    pub pool_start: Ipv4Addr,
    /// Number of addresses it gives.
    pub pool_len: u8,
    /// Lease time.
    pub lease: Duration,
    /// Option 3.
    pub router: Option<Ipv4Addr>,
    /// Option 6.
    pub dns: Option<Ipv4Addr>,
    /// The first rule that matches gives the boot information; none: none.
    pub rules: Vec<DhcpRule>,
    /// When it begins to answer.
    pub answer_after: AnswerAfter,
    /// So many requests of each client are answered with a NAK before one is acknowledged.
    pub naks: u32,
    /// Every reply is damaged so.
    pub malformed: Option<Malformed>,
}

impl DhcpServer {
    /// A full server at 10.77.0.1 that gives 10.77.0.100 to 10.77.0.163 for an hour and no boot information.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            address: Ipv4Addr::new(10, 77, 0, 1),
            role: DhcpRole::Full,
            pool_start: Ipv4Addr::new(10, 77, 0, 100),
            pool_len: 64,
            lease: Duration::from_secs(3600),
            router: Some(Ipv4Addr::new(10, 77, 0, 1)),
            dns: Some(Ipv4Addr::new(10, 77, 0, 1)),
            rules: Vec::new(),
            answer_after: AnswerAfter::Start,
            naks: 0,
            malformed: None,
        }
    }

    /// A proxyDHCP server at 10.77.0.2.
    pub fn proxy(name: impl Into<String>) -> Self {
        Self { address: Ipv4Addr::new(10, 77, 0, 2), role: DhcpRole::Proxy, ..Self::new(name) }
    }

    /// A second full server at 10.77.0.3 that gives 10.77.0.200 and up: one that nobody asked for.
    pub fn rogue(name: impl Into<String>) -> Self {
        Self {
            address: Ipv4Addr::new(10, 77, 0, 3),
            pool_start: Ipv4Addr::new(10, 77, 0, 200),
            pool_len: 32,
            ..Self::new(name)
        }
    }

    /// Adds a rule.
    #[must_use]
    pub fn rule(mut self, when: Match, answer: BootAnswer) -> Self {
        self.rules.push(DhcpRule { when, answer });
        self
    }

    /// Adds a rule for everyone: that file from this server's own address by TFTP, or a URL.
    #[must_use]
    pub fn boot_file(self, file: impl Into<String>) -> Self {
        self.rule(Match::Any, BootAnswer::file(file))
    }
}

/// A way in which a DHCP reply breaks the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The last option says that it is longer than the message.
    OptionPastEnd,
    /// No end option and nothing after the last option.
    MissingEnd,
    /// Option 54 has two bytes.
    ShortServerId,
    /// No option 53.
    NoMessageType,
    /// The magic cookie is wrong.
    BadCookie,
    /// Option 67 has no bytes.
    EmptyBootfile,
    /// The file field has no terminating zero.
    UnterminatedFile,
    /// The transaction id is another one.
    WrongXid,
}

/// How the TFTP server behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Tftp {
    /// There is a server at all; without one the port is closed (ICMP is not sent).
    pub enabled: bool,
    /// Takes options (RFC 2347); otherwise they are ignored as by a server of 1992.
    pub options: bool,
    /// Largest block size it agrees to; 1468 fits an Ethernet frame.
    pub max_blksize: u16,
    /// Largest window it agrees to (RFC 7440).
    pub max_windowsize: u16,
    /// Block number after 65535: 0 or 1, servers differ.
    pub wrap_to: u16,
    /// Host time after which an unacknowledged window is sent again, at most five times.
    pub retransmit: Duration,
    /// What goes wrong in transfers; the first whose file matches counts.
    pub faults: Vec<TftpFault>,
}

impl Default for Tftp {
    fn default() -> Self {
        Self {
            enabled: true,
            options: true,
            max_blksize: 1468,
            max_windowsize: 64,
            wrap_to: 0,
            retransmit: Duration::from_secs(1),
            faults: Vec::new(),
        }
    }
}

/// Something that goes wrong in a TFTP transfer.
#[derive(Clone, Debug, PartialEq)]
pub struct TftpFault {
    /// The file as offered; `None` for every file.
    pub file: Option<String>,
    /// What happens.
    pub kind: TftpFaultKind,
}

/// What goes wrong in a TFTP transfer.
#[derive(Clone, Debug, PartialEq)]
pub enum TftpFaultKind {
    /// The request is not answered.
    Silent,
    /// The request is answered with this error.
    Refuse {
        /// RFC 1350 error code.
        code: u16,
        /// For people.
        message: String,
    },
    /// This error comes instead of a block.
    ErrorAtBlock {
        /// Number of the block, from 1.
        block: u64,
        /// RFC 1350 error code.
        code: u16,
        /// For people.
        message: String,
    },
    /// Nothing is sent after so many bytes of the file.
    StallAfter {
        /// Bytes.
        bytes: u64,
    },
    /// The size option says this instead of the truth.
    ClaimSize {
        /// Bytes.
        bytes: u64,
    },
    /// The file ends after so many bytes with a short block.
    Truncate {
        /// Bytes.
        bytes: u64,
    },
}
