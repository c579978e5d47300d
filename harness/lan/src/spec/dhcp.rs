//! A DHCP or proxyDHCP server: what it gives, when it answers, and how its replies are wrong.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dhcp_rules::{BootAnswer, DhcpRule, Match};
use crate::text_form;

/// What a DHCP server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DhcpRole {
    /// Gives addresses and boot information.
    Full,
    /// Gives boot information only, to PXE clients, on ports 67 and 4011 (PXE specification 2.1, section 2.2).
    Proxy,
}

/// When a server begins to answer a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerAfter {
    /// At once.
    Start,
    /// When it has ignored so many discovers of this client.
    Discovers(u32),
    /// When a client's own `secs` field has reached this. edk2 counts seconds in it; iPXE writes 4, 8, 12 and 16 into
    /// its four discovers, whatever the time.
    ClientSecs(u16),
    /// After so much host time from the first frame of the client's NIC.
    HostTime(
        #[serde(with = "text_form::duration")]
        #[schemars(with = "text_form::DurationText")]
        Duration,
    ),
    /// Never.
    Never,
}

/// A DHCP server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default = "DhcpServer::unnamed", deny_unknown_fields)]
pub struct DhcpServer {
    /// Name in events.
    pub name: String,
    /// Its own address; a host of its own where it differs from [`LanSpec::address`](super::LanSpec::address).
    pub address: Ipv4Addr,
    /// Full server or proxyDHCP.
    pub role: DhcpRole,
    /// First address it gives; the n-th client gets the n-th from here.
    pub pool_start: Ipv4Addr,
    /// Number of addresses it gives.
    pub pool_len: u8,
    /// Lease time.
    #[serde(with = "text_form::duration")]
    #[schemars(with = "text_form::DurationText")]
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

    /// What a server that is read has where nothing is said.
    fn unnamed() -> Self {
        Self::new("dhcp")
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
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
    /// The client's hardware address is another one.
    WrongHardwareAddress,
    /// An acknowledgement, and no offer, has another server in option 54.
    OtherServerAcknowledges,
    /// An offer says that it is a refusal.
    OfferRefuses,
    /// An acknowledgement gives another address than the offer.
    OtherAddressAcknowledged,
}
