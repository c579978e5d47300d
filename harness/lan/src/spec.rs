//! What a lan offers, as plain data: who serves what to whom. Faults are in [`faults`](super::faults).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::dhcp_rules::{BootAnswer, DhcpRule, Match};
use super::faults::Fault;
use super::routes::Http;
use super::wire::MacAddr;

/// A network and everything on it but the guest.
///
/// Time comes in two kinds. The guest's clock usually runs far ahead of the host's (FACTS: virtual clock), so whatever
/// is to happen after guest time is said by what the guest does ([`AnswerAfter::Discovers`],
/// [`AnswerAfter::ClientSecs`]); a [`Duration`] is always the host's.
///
/// ```
/// use bootwright_lan::{DhcpServer, LanSpec};
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
    /// How the HTTP server behaves.
    pub http: Http,
    /// IPv6 on this network; `None`: silence.
    pub ipv6: Option<Ipv6>,
    /// Names that the DNS server knows, in lower case. It has no other.
    pub names: BTreeMap<String, Vec<IpAddr>>,
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
            http: Http::default(),
            ipv6: Some(Ipv6::quiet()),
            names: BTreeMap::new(),
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

    /// Sets the HTTP server up.
    #[must_use]
    pub fn http(mut self, http: Http) -> Self {
        self.http = http;
        self
    }

    /// Gives a name to an address.
    #[must_use]
    pub fn name(mut self, name: &str, address: impl Into<IpAddr>) -> Self {
        self.names.entry(name.to_ascii_lowercase()).or_default().push(address.into());
        self
    }

    /// Sets IPv6 up.
    #[must_use]
    pub fn ipv6(mut self, ipv6: Ipv6) -> Self {
        self.ipv6 = Some(ipv6);
        self
    }

    /// The main server has this address.
    pub fn is_server_address(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address == self.address,
            IpAddr::V6(address) => {
                self.ipv6.as_ref().is_some_and(|ipv6| address == Ipv6::LINK_LOCAL || ipv6.address == Some(address))
            }
        }
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

/// IPv6 on a lan. The main server is the router and always has [`Ipv6::LINK_LOCAL`].
#[derive(Clone, Debug, PartialEq)]
pub struct Ipv6 {
    /// The main server's global address.
    pub address: Option<Ipv6Addr>,
    /// What answers a router solicitation; `None`: nothing, so that clients wait for a router.
    pub advert: Option<RouterAdvertisement>,
    /// The DHCPv6 server.
    pub dhcp: Option<Dhcpv6Server>,
}

impl Ipv6 {
    /// The main server's link-local address.
    pub const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0x77, 1);
    /// The main server's address in [`Ipv6::with_dhcp`].
    pub const GLOBAL: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 1);

    /// A router that says that there is nothing: no prefix, lifetime 0, no DHCPv6. It spares iPXE a long wait.
    pub fn quiet() -> Self {
        Self { address: None, advert: Some(RouterAdvertisement::default()), dhcp: None }
    }

    /// A network fd77::/64 with addresses and boot information by DHCPv6.
    pub fn with_dhcp(server: Dhcpv6Server) -> Self {
        let advert = RouterAdvertisement {
            managed: true,
            other: true,
            lifetime: 1800,
            prefix: Some((Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0), 64, false)),
        };
        Self { address: Some(Self::GLOBAL), advert: Some(advert), dhcp: Some(server) }
    }
}

/// What a router advertisement says (RFC 4861 section 4.2).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct RouterAdvertisement {
    /// M: addresses come by DHCPv6.
    pub managed: bool,
    /// O: other configuration comes by DHCPv6.
    pub other: bool,
    /// Seconds for which the main server is a default router.
    pub lifetime: u16,
    /// On-link prefix, its length, and whether hosts make addresses of it.
    pub prefix: Option<(Ipv6Addr, u8, bool)>,
}

/// The DHCPv6 server of a lan.
#[derive(Clone, Debug, PartialEq)]
pub struct Dhcpv6Server {
    /// Name in events.
    pub name: String,
    /// First address it gives.
    pub pool_start: Ipv6Addr,
    /// Lifetime of addresses.
    pub lifetime: Duration,
    /// Option 7.
    pub preference: Option<u8>,
    /// Option 23.
    pub dns: Option<Ipv6Addr>,
    /// So many solicits of each client are ignored first.
    pub ignored_solicits: u32,
    /// It answers that it has no address (status 2).
    pub no_addresses: bool,
    /// The first rule that matches gives the boot information.
    pub rules: Vec<Dhcpv6Rule>,
}

impl Dhcpv6Server {
    /// A server that gives fd77::1:0 and up for an hour and no boot information.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            pool_start: Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 1, 0),
            lifetime: Duration::from_secs(3600),
            preference: None,
            dns: Some(Ipv6::GLOBAL),
            ignored_solicits: 0,
            no_addresses: false,
            rules: Vec::new(),
        }
    }

    /// Adds a rule for one architecture (or for every one) with a boot file URL.
    #[must_use]
    pub fn boot_url(mut self, arch: Option<u16>, url: impl Into<String>) -> Self {
        self.rules.push(Dhcpv6Rule { arch, vendor_class: None, url: url.into(), reply_vendor_class: None });
        self
    }

    /// Adds a rule for the HTTP clients of one architecture, with the vendor class that they insist on.
    #[must_use]
    pub fn http_url(mut self, arch: u16, url: impl Into<String>) -> Self {
        self.rules.push(Dhcpv6Rule {
            arch: Some(arch),
            vendor_class: None,
            url: url.into(),
            reply_vendor_class: Some("HTTPClient".to_owned()),
        });
        self
    }
}

/// Boot information for the DHCPv6 clients that match.
#[derive(Clone, Debug, PartialEq)]
pub struct Dhcpv6Rule {
    /// First architecture of option 61.
    pub arch: Option<u16>,
    /// Beginning of option 16's text.
    pub vendor_class: Option<String>,
    /// Option 59.
    pub url: String,
    /// Option 16 of the reply, under the client's enterprise number.
    pub reply_vendor_class: Option<String>,
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
    /// When a client's own `secs` field has reached this. edk2 counts seconds in it; iPXE writes 4, 8, 12 and 16 into
    /// its four discovers, whatever the time.
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
    /// Host time by which the first reply to a request over IPv6 is held back.
    ///
    /// edk2 (2022.11) loses a reply that comes before it has turned from sending to receiving, and takes a repetition;
    /// under a virtual clock its patience is over before the server repeats. Any real network is slower than this.
    pub ipv6_reply_delay: Duration,
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
            ipv6_reply_delay: Duration::from_millis(5),
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
