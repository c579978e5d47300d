//! IPv6 on a lan: its router and its DHCPv6 server.

use std::net::Ipv6Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text_form;

/// IPv6 on a lan. The main server is the router and always has [`Ipv6::LINK_LOCAL`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
            prefix: Some(Prefix { address: Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0), len: 64, autonomous: false }),
        };
        Self { address: Some(Self::GLOBAL), advert: Some(advert), dhcp: Some(server) }
    }
}

/// What a router advertisement says (RFC 4861 section 4.2).
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct RouterAdvertisement {
    /// M: addresses come by DHCPv6.
    pub managed: bool,
    /// O: other configuration comes by DHCPv6.
    pub other: bool,
    /// Seconds for which the main server is a default router.
    pub lifetime: u16,
    /// On-link prefix.
    pub prefix: Option<Prefix>,
}

/// A prefix in a router advertisement (RFC 4861 section 4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Prefix {
    /// The prefix.
    pub address: Ipv6Addr,
    /// Number of its bits.
    pub len: u8,
    /// A: hosts make addresses of it.
    pub autonomous: bool,
}

/// The DHCPv6 server of a lan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default = "Dhcpv6Server::unnamed", deny_unknown_fields)]
pub struct Dhcpv6Server {
    /// Name in events.
    pub name: String,
    /// First address it gives.
    pub pool_start: Ipv6Addr,
    /// Lifetime of addresses.
    #[serde(with = "text_form::duration")]
    #[schemars(with = "text_form::DurationText")]
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

    /// What a server that is read has where nothing is said.
    fn unnamed() -> Self {
        Self::new("dhcpv6")
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
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
