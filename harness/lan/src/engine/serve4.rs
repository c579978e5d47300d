//! ARP, IPv4, ICMP echo and DHCP: what the servers answer over IPv4.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use super::Engine;
use crate::event::LanEventKind;
use crate::service::{Datagram, dhcp};
use crate::wire::{MacAddr, WireError, arp, dhcpv4, ethernet, icmpv4, ipv4, udp};

impl Engine {
    pub(super) fn serve_arp(&mut self, nic: usize, request: &arp::Repr, now: Instant) {
        if request.operation != arp::Operation::Request {
            return;
        }
        let owner = self.mac_of(request.target_ip);
        let kind =
            LanEventKind::Arp { sender: request.sender_ip, target: request.target_ip, answered: owner.is_some() };
        self.log.event(now, Some(nic), kind);
        let Some(owner) = owner else { return };
        let reply = arp::Repr {
            operation: arp::Operation::Reply,
            sender_mac: owner,
            sender_ip: request.target_ip,
            target_mac: request.sender_mac,
            target_ip: request.sender_ip,
        };
        let header = ethernet::Repr { dst: request.sender_mac, src: owner, ethertype: ethernet::ARP };
        self.send_frame(&header.emit(&reply.emit()), None, now);
    }

    pub(super) fn serve_ipv4(
        &mut self,
        nic: usize,
        link: ethernet::Repr,
        packet: &ipv4::Packet<'_>,
        now: Instant,
    ) -> Result<(), WireError> {
        let header = packet.repr();
        let subnet_broadcast = Ipv4Addr::from(u32::from(self.spec.address) | !u32::from(self.spec.netmask()));
        let broadcast = header.dst == Ipv4Addr::BROADCAST || header.dst == subnet_broadcast;
        if !broadcast && self.mac_of(header.dst).is_none() {
            return Ok(());
        }
        if packet.is_fragment() {
            return Err(WireError::Malformed { layer: "IPv4", what: "fragments are not reassembled here" });
        }
        match header.protocol {
            ipv4::ICMP if !broadcast => {
                let echo = icmpv4::Echo::parse(packet.payload())?;
                if !echo.reply {
                    self.log.event(now, Some(nic), LanEventKind::Echo { target: header.dst.into() });
                    let payload = icmpv4::Echo { reply: true, ..echo }.emit();
                    let way = ((link.dst, link.src), (header.dst, header.src));
                    self.send_ipv4(way.0, way.1, ipv4::ICMP, &payload, now);
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
                    dst_mac: link.dst,
                    src: SocketAddr::new(header.src.into(), ports.src_port),
                    dst: SocketAddr::new(header.dst.into(), ports.dst_port),
                    payload: datagram.payload().to_vec(),
                    note: None,
                };
                self.serve_udp(nic, &datagram, now)?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn serve_dhcp(&mut self, nic: usize, datagram: &Datagram, now: Instant) -> Result<(), WireError> {
        let message = dhcpv4::Repr::parse(&datagram.payload)?;
        let since_link_up = self.nic_state(nic, now).since_link_up;
        for index in 0..self.dhcp.len() {
            let address = self.spec.dhcp[index].address;
            let addressed = datagram.dst_mac.is_group() || datagram.dst.ip() == IpAddr::V4(address);
            if !addressed {
                continue;
            }
            let query = dhcp::Query { message: &message, datagram, since_link_up };
            let mut events = Vec::new();
            let reply = self.dhcp[index].handle(&query, &mut events);
            for event in events {
                self.log.event(now, Some(nic), event);
            }
            if let Some(reply) = reply {
                self.send_datagram(&reply, now);
            }
        }
        Ok(())
    }

    /// Sends an IPv4 packet from one hardware and protocol address to another.
    pub(super) fn send_ipv4(
        &mut self,
        (src_mac, dst_mac): (MacAddr, MacAddr),
        (src, dst): (Ipv4Addr, Ipv4Addr),
        protocol: u8,
        payload: &[u8],
        now: Instant,
    ) {
        self.identification = self.identification.wrapping_add(1);
        let header = ipv4::Repr { src, dst, protocol, identification: self.identification, hop_limit: 64 };
        let link = ethernet::Repr { dst: dst_mac, src: src_mac, ethertype: ethernet::IPV4 };
        self.send_frame(&link.emit(&header.emit(payload)), None, now);
    }
}
