//! The servers: what each of them answers to what came in.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::egress::Packet;
use super::ingress::Inbound;
use super::{Engine, Frame, MAX_HELD};
use crate::event::{LanEventKind, Request};
use crate::route::Route;
use crate::service::{Datagram, dhcp, tftp};
use crate::spec::Ipv6;
use crate::wire::icmpv6::{self, RouterAdvert};
use crate::wire::summary::{Content, Message, TFTP_TRANSFER_PORTS};
use crate::wire::tftp::{PORT as TFTP_PORT, Repr as TftpMessage};
use crate::wire::{MacAddr, WireError, arp, dhcpv4, dhcpv6, dns, ethernet, icmpv4, ipv4, ipv6};

impl Engine {
    pub(super) fn serve(
        &mut self,
        nic: usize,
        inbound: Inbound,
        frame: (&Frame, &[u8]),
        now: Instant,
    ) -> Result<(), WireError> {
        match inbound {
            Inbound::Arp(request) => self.serve_arp(nic, &request, now),
            Inbound::Tcp(route) => self.serve_tcp(nic, route, frame, now),
            Inbound::Icmp(route, message) => self.serve_icmp(nic, route, &message, now)?,
            Inbound::Icmpv6(route, message) => self.serve_icmpv6(nic, route, &message, now)?,
            Inbound::Udp(datagram) => self.serve_udp(nic, &datagram, frame.0, now)?,
        }
        Ok(())
    }

    fn serve_arp(&mut self, nic: usize, request: &arp::Repr, now: Instant) {
        if request.operation != arp::Operation::Request {
            return;
        }
        let owner = self.spec.host_mac(request.target_ip);
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
        self.send_frame(header.emit(&reply.emit()), None, now);
    }

    /// Hands a TCP frame to the stack of its receiver; the answer comes with the next pump.
    fn serve_tcp(&mut self, nic: usize, route: Route, (frame, untagged): (&Frame, &[u8]), now: Instant) {
        let host = self.tcp.iter_mut().find(|host| host.mac == route.link.dst && host.addresses.contains(&route.dst));
        let port = frame.summary.ports.map_or(0, |(_, dst)| dst);
        let served = host.as_ref().is_some_and(|host| host.ports.contains(&port));
        if let Some(host) = host {
            host.stack.receive((route.src, route.link.src), untagged);
        }
        if !served && frame.summary.message == Some(Message::TcpSyn) && !route.link.dst.is_group() {
            self.unserved(nic, Request::Tcp, SocketAddr::new(route.dst, port), now);
        }
    }

    fn serve_icmp(&mut self, nic: usize, route: Route, message: &[u8], now: Instant) -> Result<(), WireError> {
        let IpAddr::V4(dst) = route.dst else { return Ok(()) };
        if self.spec.host_mac(dst).is_none() {
            return Ok(());
        }
        let echo = icmpv4::Echo::parse(message)?;
        if !echo.reply {
            self.log.event(now, Some(nic), LanEventKind::Echo { target: route.dst });
            let payload = icmpv4::Echo { reply: true, ..echo }.emit();
            self.send_packet(route.reply(route.link.dst, ipv4::ICMP, payload), now);
        }
        Ok(())
    }

    fn serve_icmpv6(&mut self, nic: usize, route: Route, message: &[u8], now: Instant) -> Result<(), WireError> {
        let (IpAddr::V6(src), IpAddr::V6(dst)) = (route.src, route.dst) else { return Ok(()) };
        // Multicast listener reports and the like need no answer.
        if !matches!(message.first(), Some(128 | 133 | 135)) {
            return Ok(());
        }
        let mac = self.spec.server_mac();
        let (own, reply) = match icmpv6::Repr::parse(src, dst, message)? {
            icmpv6::Repr::RouterSolicit => {
                let advert = self.spec.ipv6.as_ref().and_then(|ipv6| ipv6.advert.clone());
                self.log.event(now, Some(nic), LanEventKind::RouterSolicit { answered: advert.is_some() });
                let Some(advert) = advert else { return Ok(()) };
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
                (target, icmpv6::Repr::NeighborAdvert { target, target_mac: mac, solicited: !src.is_unspecified() })
            }
            icmpv6::Repr::Echo { reply: false, body } if self.spec.is_server_address(route.dst) => {
                self.log.event(now, Some(nic), LanEventKind::Echo { target: route.dst });
                (dst, icmpv6::Repr::Echo { reply: true, body })
            }
            _ => return Ok(()),
        };
        // A sender that has no address yet is answered where every node listens.
        let (peer_mac, peer) = if src.is_unspecified() {
            (MacAddr::of_ipv6_multicast(ipv6::ALL_NODES), ipv6::ALL_NODES)
        } else {
            (route.link.src, src)
        };
        let back = Route { link: ethernet::Repr { src: peer_mac, ..route.link }, src: peer.into(), dst: own.into() };
        self.send_packet(back.reply(mac, ipv6::ICMPV6, reply.emit(own, peer)), now);
        Ok(())
    }

    /// Hands a datagram to the server behind its port.
    fn serve_udp(&mut self, nic: usize, datagram: &Datagram, frame: &Frame, now: Instant) -> Result<(), WireError> {
        let (address, port) = (datagram.dst.ip(), datagram.dst.port());
        match port {
            dhcpv4::SERVER_PORT | dhcpv4::PXE_PORT if address.is_ipv4() => {
                return self.serve_dhcp(nic, datagram, frame, now);
            }
            dhcpv6::SERVER_PORT if address.is_ipv6() => return self.serve_dhcpv6(nic, datagram, frame, now),
            _ => {}
        }
        if !self.spec.is_server_address(address) {
            self.serve_nobody(nic, datagram, now);
            return Ok(());
        }
        let mut out = tftp::Output::default();
        match port {
            dns::PORT => self.serve_dns(nic, datagram, now)?,
            TFTP_PORT if self.spec.tftp.enabled => {
                self.tftp.request(&self.spec, datagram, now, &mut out);
                if datagram.src.is_ipv6() {
                    let due = now + self.spec.tftp.ipv6_reply_delay;
                    let later = std::mem::take(&mut out.datagrams).into_iter().map(|datagram| (due, datagram));
                    self.later.extend(later.take(MAX_HELD.saturating_sub(self.later.len())));
                }
            }
            _ if TFTP_TRANSFER_PORTS.contains(&port) => self.tftp.transfer(datagram, now, &mut out),
            _ => self.serve_nobody(nic, datagram, now),
        }
        self.send_output(Some(nic), out, now);
        Ok(())
    }

    /// A datagram that nobody takes, by name where it asks for something.
    fn serve_nobody(&mut self, nic: usize, datagram: &Datagram, now: Instant) {
        let request = match datagram.dst.port() {
            TFTP_PORT => match TftpMessage::parse(&datagram.payload) {
                Ok(TftpMessage::ReadRequest(request) | TftpMessage::WriteRequest(request)) => {
                    Request::Tftp { name: request.name }
                }
                _ => return,
            },
            dns::PORT => match dns::Query::parse(&datagram.payload) {
                Ok(query) => Request::Dns { name: query.name },
                Err(_) => return,
            },
            dhcpv4::PXE_PORT => Request::BootServer,
            _ => Request::Udp,
        };
        if !datagram.dst_mac.is_group() {
            self.unserved(nic, request, datagram.dst, now);
        }
    }

    fn unserved(&self, nic: usize, request: Request, to: SocketAddr, now: Instant) {
        self.log.event(now, Some(nic), LanEventKind::Unserved { request, to });
    }

    fn serve_dns(&mut self, nic: usize, datagram: &Datagram, now: Instant) -> Result<(), WireError> {
        let query = dns::Query::parse(&datagram.payload)?;
        let addresses = self.spec.names.get(&query.name).map(Vec::as_slice);
        let reply = query.answer(addresses);
        let found = addresses.is_some();
        let kind = LanEventKind::Dns { name: query.name.clone(), record_type: query.record_type, found };
        self.log.event(now, Some(nic), kind);
        self.send_datagram(datagram.reply(reply), now);
        Ok(())
    }

    fn serve_dhcp(&mut self, nic: usize, datagram: &Datagram, frame: &Frame, now: Instant) -> Result<(), WireError> {
        let Content::Dhcp(message) = &frame.content else {
            return dhcpv4::Repr::parse(&datagram.payload).map(|_| ());
        };
        let since_link_up = self.nic_state(nic, now).since_link_up;
        let mut heard = datagram.dst_mac.is_group();
        for index in 0..self.dhcp.len() {
            let addressed =
                datagram.dst_mac.is_group() || datagram.dst.ip() == IpAddr::V4(self.spec.dhcp[index].address);
            if !addressed || !self.dhcp[index].listens_on(datagram.dst.port()) {
                continue;
            }
            heard = true;
            let query = dhcp::Query { message, datagram, since_link_up };
            let mut events = Vec::new();
            let reply = self.dhcp[index].handle(&query, &mut events);
            for event in events {
                self.log.event(now, Some(nic), event);
            }
            if let Some(reply) = reply {
                self.send_datagram(reply, now);
            }
        }
        if !heard {
            self.serve_nobody(nic, datagram, now);
        }
        Ok(())
    }

    fn serve_dhcpv6(&mut self, nic: usize, datagram: &Datagram, frame: &Frame, now: Instant) -> Result<(), WireError> {
        let Content::Dhcpv6(message) = &frame.content else {
            return dhcpv6::Repr::parse(&datagram.payload).map(|_| ());
        };
        let Some(server) = &mut self.dhcpv6 else { return Ok(()) };
        let mut events = Vec::new();
        let reply = server.handle(message, &mut events);
        for event in events {
            self.log.event(now, Some(nic), event);
        }
        if let Some(reply) = reply {
            let mut datagram = datagram.reply(reply.emit());
            datagram.src_mac = self.spec.server_mac();
            if datagram.src.ip().is_multicast() {
                datagram.src.set_ip(IpAddr::V6(Ipv6::LINK_LOCAL));
            }
            self.send_datagram(datagram, now);
        }
        Ok(())
    }
}

impl Route {
    /// A packet back to who sent this one.
    fn reply(&self, own_mac: MacAddr, protocol: u8, payload: Vec<u8>) -> Packet {
        let (src, dst) = (self.dst, self.src);
        Packet { src_mac: own_mac, dst_mac: self.link.src, src, dst, protocol, payload, note: None }
    }
}
