//! What a lan offers, as plain data: who serves what to whom. Faults are in [`faults`](super::faults).

pub mod dhcp;
pub mod dhcp_rules;
pub mod dhcpv6;
pub mod http;
pub mod tftp;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::http::Http;
use super::faults::Fault;
use super::text_form;
use super::wire::MacAddr;

pub use dhcp::{AnswerAfter, DhcpRole, DhcpServer, Malformed};
pub use dhcpv6::{Dhcpv6Rule, Dhcpv6Server, Ipv6, Prefix, RouterAdvertisement};
pub use tftp::{Tftp, TftpFault, TftpFaultKind};

/// A network and everything on it but the guest.
///
/// Time comes in two kinds. The guest's clock usually runs far ahead of the host's (`docs/adr/0003-clock.md`), so whatever
/// is to happen after guest time is said by what the guest does ([`AnswerAfter::Discovers`],
/// [`AnswerAfter::ClientSecs`]); a `Duration` is always the host's.
///
/// ```
/// use bootwright_lan::{DhcpServer, LanSpec};
///
/// let spec = LanSpec::new().file("boot.0", vec![0x90; 512]).dhcp(DhcpServer::new("main").boot_file("boot.0"));
/// assert_eq!(spec.files["boot.0"].len(), 512);
/// assert_eq!(spec, spec.clone());
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct LanSpec {
    /// The main server: TFTP, HTTP, DNS and ICMP echo answer here.
    pub address: Ipv4Addr,
    /// Further hosts of this network that serve what the main server serves over IPv4, each with a hardware address of
    /// its own; where a DHCP server has the address too, both are one host.
    pub more_addresses: Vec<Ipv4Addr>,
    /// Hosts of other networks that serve over UDP what the main server serves, by way of the main server: ARP does not know them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind_router: Vec<Ipv4Addr>,
    /// Bits of the network prefix.
    pub prefix_len: u8,
    /// DHCP servers; several may answer the same guest.
    pub dhcp: Vec<DhcpServer>,
    /// Everything that can be had by TFTP, and by HTTP at `/name`. There is no other file.
    #[serde(with = "text_form::files")]
    #[schemars(with = "BTreeMap<String, text_form::Bytes>")]
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// How the TFTP server behaves.
    pub tftp: Tftp,
    /// How the HTTP server behaves.
    pub http: Http,
    /// IPv6 on this network; `None`: silence.
    pub ipv6: Option<Ipv6>,
    /// Names that the DNS server knows, in lower case. It has no other.
    pub names: BTreeMap<String, Vec<IpAddr>>,
    /// The 802.1Q VLAN that this network is, as behind a trunk port: every frame to the guest bears its tag, and a frame of
    /// the guest is heard with this tag only. 0 is a priority tag, which says no VLAN: frames without one are heard too.
    /// `None`: no tags.
    pub vlan: Option<u16>,
    /// What goes wrong on the wire, in the order in which it is applied.
    pub faults: Vec<Fault>,
    /// Start of every random sequence (loss).
    pub seed: u64,
    /// Most bytes that the record holds, frames and events together. Once half of them are used, frames keep their first 96
    /// bytes only; [`Overflow`](super::Overflow) has what follows.
    pub record_budget: usize,
}

impl LanSpec {
    /// A network 10.77.0.0/24 whose main server 10.77.0.1 offers nothing yet.
    pub fn new() -> Self {
        Self {
            address: Ipv4Addr::new(10, 77, 0, 1),
            more_addresses: Vec::new(),
            behind_router: Vec::new(),
            prefix_len: 24,
            dhcp: Vec::new(),
            files: BTreeMap::new(),
            tftp: Tftp::default(),
            http: Http::default(),
            ipv6: Some(Ipv6::quiet()),
            names: BTreeMap::new(),
            vlan: None,
            faults: Vec::new(),
            seed: 0,
            record_budget: 56 << 20,
        }
    }

    /// Adds a DHCP server.
    #[must_use]
    pub fn dhcp(mut self, server: DhcpServer) -> Self {
        self.dhcp.push(server);
        self
    }

    /// TFTP, HTTP, DNS and ICMP echo answer at this address as well, as on a host that is DHCP or proxyDHCP server and
    /// boot server in one.
    #[must_use]
    pub fn serve_at(mut self, address: Ipv4Addr) -> Self {
        self.more_addresses.push(address);
        self
    }

    /// TFTP answers at this address of another network, too, which is reached by way of the main server alone.
    #[must_use]
    pub fn serve_behind_router(mut self, address: Ipv4Addr) -> Self {
        self.behind_router.push(address);
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

    /// Makes the network a VLAN behind a trunk port; see [`LanSpec::vlan`].
    #[must_use]
    pub fn vlan(mut self, vlan: u16) -> Self {
        self.vlan = Some(vlan);
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

    /// The main server has this address, or another host that serves what it serves.
    pub fn is_server_address(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => {
                let others = [&self.more_addresses, &self.behind_router];
                address == self.address || others.iter().any(|others| others.contains(&address))
            }
            IpAddr::V6(address) => {
                self.ipv6.as_ref().is_some_and(|ipv6| address == Ipv6::LINK_LOCAL || ipv6.address == Some(address))
            }
        }
    }

    /// Hardware address of the main server.
    pub fn server_mac(&self) -> MacAddr {
        MacAddr([0x02, 0, 0, 0x77, 0, 0])
    }

    /// Hardware address of the DHCP server at `index` of [`LanSpec::dhcp`]: that of the host with its address.
    pub fn dhcp_mac(&self, index: usize) -> MacAddr {
        let host = self.dhcp.get(index).and_then(|server| self.host_mac(server.address));
        host.unwrap_or_else(|| self.server_mac())
    }

    /// Hardware address of the host that has this address over IPv4.
    pub fn host_mac(&self, address: Ipv4Addr) -> Option<MacAddr> {
        if address == self.address {
            return Some(self.server_mac());
        }
        if let Some(index) = self.dhcp.iter().position(|server| server.address == address) {
            return Some(MacAddr([0x02, 0, 0, 0x77, 1, index as u8]));
        }
        let index = self.more_addresses.iter().position(|known| *known == address)?;
        Some(MacAddr([0x02, 0, 0, 0x77, 2, index as u8]))
    }

    /// Hardware address of the host that has this address.
    pub(crate) fn mac_of(&self, address: IpAddr) -> Option<MacAddr> {
        match address {
            IpAddr::V4(address) => self.host_mac(address),
            IpAddr::V6(_) => self.is_server_address(address).then(|| self.server_mac()),
        }
    }

    /// A host of this network has this hardware address.
    pub(crate) fn is_host_mac(&self, mac: MacAddr) -> bool {
        let more = self.more_addresses.iter().filter_map(|address| self.host_mac(*address));
        let dhcp = (0..self.dhcp.len()).map(|index| self.dhcp_mac(index));
        mac == self.server_mac() || dhcp.chain(more).any(|known| known == mac)
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
