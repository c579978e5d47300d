//! IPv6, neighbour discovery, router advertisements and DHCPv6: what the main server answers over IPv6.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use super::Engine;
use crate::event::LanEventKind;
use crate::service::Datagram;
use crate::spec::Ipv6;
use crate::wire::icmpv6::{self, RouterAdvert};
use crate::wire::{MacAddr, WireError, dhcpv6, ethernet, ipv4, ipv6, udp};

impl Engine {
    pub(super) fn serve_ipv6(
        &mut self,
        nic: usize,
        link: ethernet::Repr,
        packet: &ipv6::Packet<'_>,
        now: Instant,
    ) -> Result<(), WireError> {
        let header = packet.repr();
        if self.spec.ipv6.is_none() || !self.is_for_server(header.dst) {
            return Ok(());
        }
        match header.next_header {
            ipv6::ICMPV6 => {
                // Multicast listener reports and the like need no answer.
                if matches!(packet.payload().first(), Some(128 | 133 | 135)) {
                    let message = icmpv6::Repr::parse(header.src, header.dst, packet.payload())?;
                    self.serve_icmpv6(nic, link, header, message, now);
                }
            }
            ipv4::UDP => {
                let datagram = udp::Packet::new(packet.payload())?;
                if !datagram.checksum_ok(header.src.into(), header.dst.into()) {
                    return Err(WireError::Checksum { layer: "UDP" });
                }
                let ports = datagram.repr();
                let datagram = Datagram {
                    src_mac: link.src,
                    dst_mac: self.spec.server_mac(),
                    src: SocketAddr::new(header.src.into(), ports.src_port),
                    dst: SocketAddr::new(header.dst.into(), ports.dst_port),
                    payload: datagram.payload().to_vec(),
                    note: None,
                };
                if ports.dst_port == dhcpv6::SERVER_PORT {
                    self.serve_dhcpv6(nic, datagram, now)?;
                } else {
                    self.serve_udp(nic, &datagram, now)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn is_for_server(&self, address: Ipv6Addr) -> bool {
        let ours = |address: Ipv6Addr| self.spec.is_server_address(IpAddr::V6(address));
        let groups = [ipv6::ALL_NODES, ipv6::ALL_ROUTERS, dhcpv6::ALL_SERVERS, ipv6::solicited_node(Ipv6::LINK_LOCAL)];
        let global = self.spec.ipv6.as_ref().and_then(|ipv6| ipv6.address);
        ours(address)
            || groups.contains(&address)
            || global.is_some_and(|global| address == ipv6::solicited_node(global))
    }

    fn serve_icmpv6(
        &mut self,
        nic: usize,
        link: ethernet::Repr,
        header: ipv6::Repr,
        message: icmpv6::Repr,
        now: Instant,
    ) {
        let mac = self.spec.server_mac();
        // A sender that has no address yet is answered where every node listens.
        let (dst_mac, dst) = if header.src.is_unspecified() {
            (MacAddr::of_ipv6_multicast(ipv6::ALL_NODES), ipv6::ALL_NODES)
        } else {
            (link.src, header.src)
        };
        let (src, reply) = match message {
            icmpv6::Repr::RouterSolicit => {
                let advert = self.spec.ipv6.as_ref().and_then(|ipv6| ipv6.advert.clone());
                self.log.event(now, Some(nic), LanEventKind::RouterSolicit { answered: advert.is_some() });
                let Some(advert) = advert else { return };
                let reply = icmpv6::Repr::RouterAdvert(RouterAdvert {
                    managed: advert.managed,
                    other: advert.other,
                    lifetime: advert.lifetime,
                    source_mac: mac,
                    prefix: advert.prefix.map(|prefix| (prefix.address, prefix.len, prefix.autonomous)),
                });
                (Ipv6::LINK_LOCAL, reply)
            }
            icmpv6::Repr::NeighborSolicit { target, .. } if self.spec.is_server_address(IpAddr::V6(target)) => {
                let solicited = !header.src.is_unspecified();
                (target, icmpv6::Repr::NeighborAdvert { target, target_mac: mac, solicited })
            }
            icmpv6::Repr::Echo { reply: false, body } if self.spec.is_server_address(IpAddr::V6(header.dst)) => {
                self.log.event(now, Some(nic), LanEventKind::Echo { target: header.dst.into() });
                (header.dst, icmpv6::Repr::Echo { reply: true, body })
            }
            _ => return,
        };
        self.send_ipv6((mac, dst_mac), (src, dst), ipv6::ICMPV6, &reply.emit(src, dst), now);
    }

    fn serve_dhcpv6(&mut self, nic: usize, mut datagram: Datagram, now: Instant) -> Result<(), WireError> {
        let message = dhcpv6::Repr::parse(&datagram.payload)?;
        let Some(server) = &mut self.dhcpv6 else { return Ok(()) };
        let mut events = Vec::new();
        let reply = server.handle(&message, &mut events);
        for event in events {
            self.log.event(now, Some(nic), event);
        }
        if let Some(reply) = reply {
            if datagram.dst.ip().is_multicast() {
                datagram.dst.set_ip(IpAddr::V6(Ipv6::LINK_LOCAL));
            }
            self.send_datagram(&datagram.reply(reply.emit()), now);
        }
        Ok(())
    }

    /// Sends an IPv6 packet from one hardware and protocol address to another.
    pub(super) fn send_ipv6(
        &mut self,
        (src_mac, dst_mac): (MacAddr, MacAddr),
        (src, dst): (Ipv6Addr, Ipv6Addr),
        next_header: u8,
        payload: &[u8],
        now: Instant,
    ) {
        // Neighbour discovery is refused by receivers unless it cannot have passed a router (RFC 4861).
        let hop_limit = if next_header == ipv6::ICMPV6 { 255 } else { 64 };
        let header = ipv6::Repr { src, dst, next_header, hop_limit };
        let link = ethernet::Repr { dst: dst_mac, src: src_mac, ethertype: ethernet::IPV6 };
        self.send_frame(&link.emit(&header.emit(payload)), None, now);
    }
}
