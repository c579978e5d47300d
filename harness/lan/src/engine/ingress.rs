//! The way in: the switch, and which server a frame is for.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use super::{Engine, Frame, MAX_STATIONS};
use crate::event::LanEventKind;
use crate::route::Route;
use crate::service::{Datagram, dhcp, dhcpv6};
use crate::spec::Ipv6;
use crate::wire::summary::Content;
use crate::wire::{WireError, arp, dhcpv4, ethernet, ipv4, ipv6};

/// What a frame brings to the servers.
#[derive(Debug)]
pub(super) enum Inbound {
    Arp(arp::Repr),
    Tcp(Route),
    Icmp(Route, Vec<u8>),
    Icmpv6(Route, Vec<u8>),
    Udp(Datagram),
}

impl Engine {
    /// A client's DHCP message counts from the moment it was sent, whatever a fault does to it afterwards.
    pub(super) fn note_client_dhcp(&mut self, nic: usize, frame: &Frame, now: Instant) {
        let (event, discovers, secs) = match &frame.content {
            Content::Dhcp(message) if !message.reply && message.message_type().is_some() => {
                let discovers = message.message_type() == Some(dhcpv4::MessageType::Discover);
                (dhcp::event_of(message, message.client_arch(), None), discovers, message.secs)
            }
            Content::Dhcpv6(message) => {
                let discovers = message.message == crate::wire::dhcpv6::MessageType::Solicit;
                (dhcpv6::event_of(message, message.client_arch(), None), discovers, 0)
            }
            _ => return,
        };
        if let Some(state) = self.nics.get_mut(nic) {
            state.client_secs = state.client_secs.max(secs);
            state.discovers = state.discovers.saturating_add(u32::from(discovers));
        }
        self.log.event(now, Some(nic), event);
    }

    /// Learns where the sender is, then hands the frame to the other NICs and to the servers as its address says.
    pub(super) fn switch(&mut self, nic: usize, frame: &Frame, now: Instant) {
        let Some(untagged) = self.untagged(nic, frame, now) else { return };
        let Ok(packet) = ethernet::Packet::new(&untagged) else {
            self.log.event(now, Some(nic), LanEventKind::Refused { reason: "frame without a header".to_owned() });
            return;
        };
        let link = packet.repr();
        let known = self.stations.contains_key(&link.src) || self.stations.len() < MAX_STATIONS;
        if !link.src.is_group() && known {
            self.stations.insert(link.src, nic);
        }
        let ours = self.spec.is_host_mac(link.dst);
        if !ours && self.nics.len() > 1 {
            self.transmit(frame, None, Some(nic), now);
        }
        if ours || link.dst.is_group() {
            let served = self.demultiplex(link, packet.payload()).and_then(|inbound| match inbound {
                Some(inbound) => self.serve(nic, inbound, (frame, &untagged), now),
                None => Ok(()),
            });
            if let Err(error) = served {
                self.log.event(now, Some(nic), LanEventKind::Refused { reason: error.to_string() });
            }
        }
    }

    /// The frame without its tag; `None` if it is not of this network.
    fn untagged<'f>(&self, nic: usize, frame: &'f Frame, now: Instant) -> Option<Cow<'f, [u8]>> {
        let bytes = match (self.spec.vlan, frame.summary.vlan) {
            (None | Some(0), None) => Some(Cow::Borrowed(&frame.bytes[..])),
            (Some(vlan), Some(seen)) if vlan == seen => {
                ethernet::without_tag(&frame.bytes).map(|(_, bytes)| Cow::Owned(bytes))
            }
            _ => None,
        };
        if bytes.is_none() {
            let seen = frame.summary.vlan.map_or("no tag".to_owned(), |vlan| format!("the tag of VLAN {vlan}"));
            let wanted = self.spec.vlan.map_or("no tags".to_owned(), |vlan| format!("VLAN {vlan}"));
            let reason = format!("frame with {seen} on a network with {wanted}");
            self.log.event(now, Some(nic), LanEventKind::Refused { reason });
        }
        bytes
    }

    /// What a frame brings; `None` for what no server listens to.
    fn demultiplex(&self, link: ethernet::Repr, payload: &[u8]) -> Result<Option<Inbound>, WireError> {
        let (route, protocol, segment) = match link.ethertype {
            ethernet::ARP => return Ok(Some(Inbound::Arp(arp::Repr::parse(payload)?))),
            ethernet::IPV4 => {
                let packet = ipv4::Packet::new(payload)?;
                let header = packet.repr();
                if link.dst.is_group() && !self.is_for_us_v4(header.dst) {
                    return Ok(None);
                }
                if packet.is_fragment() {
                    return Err(WireError::Malformed { layer: "IPv4", what: "fragments are not reassembled here" });
                }
                (Route { link, src: header.src.into(), dst: header.dst.into() }, header.protocol, packet.payload())
            }
            ethernet::IPV6 => {
                let packet = ipv6::Packet::new(payload)?;
                let header = packet.repr();
                if self.spec.ipv6.is_none() || (link.dst.is_group() && !self.is_for_us_v6(header.dst)) {
                    return Ok(None);
                }
                (Route { link, src: header.src.into(), dst: header.dst.into() }, header.next_header, packet.payload())
            }
            _ => return Ok(None),
        };
        Ok(match protocol {
            ipv4::TCP => Some(Inbound::Tcp(route)),
            ipv4::UDP => {
                let mut datagram = Datagram::received(&route, segment)?;
                // The answer comes from the host's own hardware address, whatever the question was sent to.
                datagram.dst_mac = self.spec.mac_of(route.dst).unwrap_or(route.link.dst);
                Some(Inbound::Udp(datagram))
            }
            ipv4::ICMP if route.dst.is_ipv4() => Some(Inbound::Icmp(route, segment.to_vec())),
            ipv6::ICMPV6 if route.dst.is_ipv6() => Some(Inbound::Icmpv6(route, segment.to_vec())),
            _ => None,
        })
    }

    fn is_for_us_v4(&self, address: Ipv4Addr) -> bool {
        let subnet_broadcast = Ipv4Addr::from(u32::from(self.spec.address) | !u32::from(self.spec.netmask()));
        address == Ipv4Addr::BROADCAST || address == subnet_broadcast || self.spec.host_mac(address).is_some()
    }

    fn is_for_us_v6(&self, address: Ipv6Addr) -> bool {
        let ours = |address: Ipv6Addr| self.spec.is_server_address(IpAddr::V6(address));
        let dhcp = crate::wire::dhcpv6::ALL_SERVERS;
        let groups = [ipv6::ALL_NODES, ipv6::ALL_ROUTERS, dhcp, ipv6::solicited_node(Ipv6::LINK_LOCAL)];
        let global = self.spec.ipv6.as_ref().and_then(|ipv6| ipv6.address);
        ours(address)
            || groups.contains(&address)
            || global.is_some_and(|global| address == ipv6::solicited_node(global))
    }
}
