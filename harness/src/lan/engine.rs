//! The network itself, without I/O: frames of the guest in, frames to the guest out, time given by the caller.
//!
//! It is a learning switch with one port per NIC and the servers on one more. A frame passes the faults once on its
//! way in and once on its way out.
//!
//! ```
//! use std::time::Instant;
//! use bootwright::lan::{LanLog, LanSpec, engine::Engine};
//!
//! let mut engine = Engine::new(&LanSpec::new(), 1, LanLog::new(1 << 20));
//! engine.receive(0, b"no frame at all", Instant::now());
//! assert_eq!(engine.take(), None);
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::event::{Direction, LanEventKind, LanLog};
use super::faults::{FaultLine, NicState, Outcome, Release};
use super::service::{Datagram, dhcp, tftp};
use super::spec::LanSpec;
use super::wire::summary::{Message, Summary, TFTP_TRANSFER_PORTS};
use super::wire::tftp::PORT as TFTP_PORT;
use super::wire::{MacAddr, WireError, arp, dhcpv4, ethernet, icmpv4, ipv4, udp};

/// Most hardware addresses that the switch learns.
const MAX_STATIONS: usize = 1024;
/// Most frames that faults hold back at a time; beyond it they are dropped.
const MAX_HELD: usize = 1024;
/// Most frames that wait to be taken.
const MAX_OUT: usize = 16384;

/// A network with its servers.
#[derive(Debug)]
pub struct Engine {
    spec: LanSpec,
    log: LanLog,
    nics: Vec<Nic>,
    /// Which NIC a hardware address was last seen on.
    stations: BTreeMap<MacAddr, usize>,
    faults: FaultLine,
    held: Vec<Held>,
    dhcp: Vec<dhcp::Server>,
    tftp: tftp::Server,
    identification: u16,
    out: VecDeque<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug, Default)]
struct Nic {
    link_up: Option<Instant>,
    client_secs: u16,
    guest_frames: u32,
}

#[derive(Debug)]
struct Held {
    nic: usize,
    direction: Direction,
    frame: Vec<u8>,
    release: Release,
    since: Instant,
}

impl Engine {
    /// A network with so many NICs that writes what happens to `log`.
    pub fn new(spec: &LanSpec, nics: usize, log: LanLog) -> Self {
        Self {
            log,
            nics: vec![Nic::default(); nics],
            stations: BTreeMap::new(),
            faults: FaultLine::new(&spec.faults, spec.seed),
            held: Vec::new(),
            dhcp: spec.dhcp.iter().enumerate().map(|(index, server)| dhcp::Server::new(spec, index, server)).collect(),
            tftp: tftp::Server::new(),
            identification: 0,
            out: VecDeque::new(),
            spec: spec.clone(),
        }
    }

    /// Takes a frame that the guest sent on a NIC.
    pub fn receive(&mut self, nic: usize, frame: &[u8], now: Instant) {
        let Some(state) = self.nics.get_mut(nic) else { return };
        state.guest_frames = state.guest_frames.saturating_add(1);
        if state.link_up.is_none() {
            state.link_up = Some(now);
            self.log.event(now, Some(nic), LanEventKind::LinkUp);
        }
        self.note_client_dhcp(nic, frame, now);
        let outcome = self.faults.pass(Direction::FromGuest, nic, self.nic_state(nic, now), frame);
        self.record(nic, Direction::FromGuest, &outcome, now);
        self.pass_on(nic, Direction::FromGuest, outcome, now);
    }

    /// Does what is due: frames held back by faults, retransmissions.
    pub fn poll(&mut self, now: Instant) {
        let due = |held: &Held| matches!(held.release, Release::AfterTime(time) if held.since + time <= now);
        let (due, rest) = std::mem::take(&mut self.held).into_iter().partition(due);
        self.held = rest;
        for held in due {
            self.arrive(held.nic, held.direction, held.frame, now);
        }
        let mut out = tftp::Output::default();
        self.tftp.poll(now, &mut out);
        self.send_output(None, out, now);
    }

    /// When [`Engine::poll`] has something to do, if nothing arrives before.
    pub fn deadline(&self) -> Option<Instant> {
        let held = self.held.iter().filter_map(|held| match held.release {
            Release::AfterTime(time) => Some(held.since + time),
            _ => None,
        });
        held.chain(self.tftp.deadline()).min()
    }

    /// The next frame to the guest and its NIC.
    pub fn take(&mut self) -> Option<(usize, Vec<u8>)> {
        self.out.pop_front()
    }

    fn nic_state(&self, nic: usize, now: Instant) -> NicState {
        let Some(state) = self.nics.get(nic) else { return NicState::default() };
        NicState {
            since_link_up: state.link_up.map_or(Duration::ZERO, |up| now.saturating_duration_since(up)),
            client_secs: state.client_secs,
            guest_frames: state.guest_frames,
        }
    }

    /// A client's DHCP message counts from the moment it was sent, whatever a fault does to it afterwards.
    fn note_client_dhcp(&mut self, nic: usize, frame: &[u8], now: Instant) {
        if !matches!(Summary::of(frame).message, Some(Message::Dhcp(_))) {
            return;
        }
        let Some(message) = udp_payload(frame).and_then(|payload| dhcpv4::Repr::parse(payload).ok()) else { return };
        if message.reply {
            return;
        }
        if let Some(state) = self.nics.get_mut(nic) {
            state.client_secs = state.client_secs.max(message.secs);
        }
        self.log.event(now, Some(nic), dhcp::event_of(&message, message.client_arch(), None));
    }

    fn record(&mut self, nic: usize, direction: Direction, outcome: &Outcome, now: Instant) {
        for note in &outcome.notes {
            self.log.event(now, Some(nic), LanEventKind::Fault { note: note.clone() });
        }
        self.log.record(now, nic, direction, &outcome.frame, outcome.notes.clone(), outcome.dropped);
    }

    /// Lets the copies of a frame go on, now or later, and those that it was to overtake.
    fn pass_on(&mut self, nic: usize, direction: Direction, outcome: Outcome, now: Instant) {
        let copies = if outcome.dropped { 0 } else { outcome.copies };
        for _ in 0..copies {
            match outcome.release {
                Release::Now | Release::AfterFrames(0) => self.arrive(nic, direction, outcome.frame.clone(), now),
                release if self.held.len() < MAX_HELD => {
                    let frame = outcome.frame.clone();
                    self.held.push(Held { nic, direction, frame, release, since: now });
                }
                _ => {}
            }
        }
        if copies > 0 && outcome.release == Release::Now {
            self.count_down(nic, direction, now);
        }
    }

    /// A frame has gone by: those behind it come nearer.
    fn count_down(&mut self, nic: usize, direction: Direction, now: Instant) {
        let mut freed = Vec::new();
        self.held.retain_mut(|held| match &mut held.release {
            Release::AfterFrames(left) if held.nic == nic && held.direction == direction => {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    freed.push(std::mem::take(&mut held.frame));
                }
                *left > 0
            }
            _ => true,
        });
        for frame in freed {
            self.arrive(nic, direction, frame, now);
        }
    }

    /// A frame has got past the faults.
    fn arrive(&mut self, nic: usize, direction: Direction, frame: Vec<u8>, now: Instant) {
        match direction {
            Direction::FromGuest => self.switch(nic, &frame, now),
            Direction::ToGuest if self.out.len() < MAX_OUT => self.out.push_back((nic, frame)),
            Direction::ToGuest => {}
        }
    }

    /// Learns where the sender is, then hands the frame to the other NICs and to the servers as its address says.
    fn switch(&mut self, nic: usize, frame: &[u8], now: Instant) {
        let Ok(packet) = ethernet::Packet::new(frame) else {
            self.log.event(now, Some(nic), LanEventKind::Refused { reason: "frame without a header".to_owned() });
            return;
        };
        let header = packet.repr();
        let known = self.stations.contains_key(&header.src) || self.stations.len() < MAX_STATIONS;
        if !header.src.is_group() && known {
            self.stations.insert(header.src, nic);
        }
        let ours = self.is_server(header.dst);
        if !ours && self.nics.len() > 1 {
            self.send_frame(frame, Some(nic), now);
        }
        if (ours || header.dst.is_group())
            && let Err(error) = self.serve(nic, header, packet.payload(), now)
        {
            self.log.event(now, Some(nic), LanEventKind::Refused { reason: error.to_string() });
        }
    }

    fn is_server(&self, mac: MacAddr) -> bool {
        mac == self.spec.server_mac() || (0..self.spec.dhcp.len()).any(|index| self.spec.dhcp_mac(index) == mac)
    }

    /// The hardware address of the server that has this address.
    fn mac_of(&self, address: Ipv4Addr) -> Option<MacAddr> {
        if address == self.spec.address {
            return Some(self.spec.server_mac());
        }
        let index = self.spec.dhcp.iter().position(|server| server.address == address)?;
        Some(self.spec.dhcp_mac(index))
    }

    fn serve(&mut self, nic: usize, header: ethernet::Repr, payload: &[u8], now: Instant) -> Result<(), WireError> {
        match header.ethertype {
            ethernet::ARP => self.serve_arp(nic, &arp::Repr::parse(payload)?, now),
            ethernet::IPV4 => self.serve_ipv4(nic, header, &ipv4::Packet::new(payload)?, now)?,
            _ => {}
        }
        Ok(())
    }

    fn serve_arp(&mut self, nic: usize, request: &arp::Repr, now: Instant) {
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

    fn serve_ipv4(
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
                    self.send_ipv4(link.dst, link.src, header.dst, header.src, ipv4::ICMP, &payload, now);
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
                };
                self.serve_udp(nic, &datagram, now)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn serve_udp(&mut self, nic: usize, datagram: &Datagram, now: Instant) -> Result<(), WireError> {
        let port = datagram.dst.port();
        match port {
            dhcpv4::SERVER_PORT | dhcpv4::PXE_PORT => self.serve_dhcp(nic, datagram, now)?,
            _ if datagram.dst.ip() != IpAddr::V4(self.spec.address) || !self.spec.tftp.enabled => {}
            TFTP_PORT => {
                let mut out = tftp::Output::default();
                self.tftp.request(&self.spec, datagram, now, &mut out);
                self.send_output(Some(nic), out, now);
            }
            _ if TFTP_TRANSFER_PORTS.contains(&port) => {
                let mut out = tftp::Output::default();
                self.tftp.transfer(datagram, now, &mut out);
                self.send_output(Some(nic), out, now);
            }
            _ => {}
        }
        Ok(())
    }

    fn serve_dhcp(&mut self, nic: usize, datagram: &Datagram, now: Instant) -> Result<(), WireError> {
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

    fn send_output(&mut self, nic: Option<usize>, out: tftp::Output, now: Instant) {
        for event in out.events {
            self.log.event(now, nic, event);
        }
        for datagram in out.datagrams {
            self.send_datagram(&datagram, now);
        }
    }

    fn send_datagram(&mut self, datagram: &Datagram, now: Instant) {
        let header = udp::Repr { src_port: datagram.src.port(), dst_port: datagram.dst.port() };
        let segment = header.emit(datagram.src.ip(), datagram.dst.ip(), &datagram.payload);
        if let (IpAddr::V4(src), IpAddr::V4(dst)) = (datagram.src.ip(), datagram.dst.ip()) {
            self.send_ipv4(datagram.src_mac, datagram.dst_mac, src, dst, ipv4::UDP, &segment, now);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the two addresses of each layer, in wire order")]
    fn send_ipv4(
        &mut self,
        src_mac: MacAddr,
        dst_mac: MacAddr,
        src: Ipv4Addr,
        dst: Ipv4Addr,
        protocol: u8,
        payload: &[u8],
        now: Instant,
    ) {
        self.identification = self.identification.wrapping_add(1);
        let header = ipv4::Repr { src, dst, protocol, identification: self.identification, hop_limit: 64 };
        let link = ethernet::Repr { dst: dst_mac, src: src_mac, ethertype: ethernet::IPV4 };
        self.send_frame(&link.emit(&header.emit(payload)), None, now);
    }

    /// Sends a frame to the NIC behind which its receiver is, or to all but the one it came from.
    fn send_frame(&mut self, frame: &[u8], from: Option<usize>, now: Instant) {
        let Ok(packet) = ethernet::Packet::new(frame) else { return };
        let known = self.stations.get(&packet.repr().dst).copied();
        for nic in 0..self.nics.len() {
            if from == Some(nic) || known.is_some_and(|known| known != nic) {
                continue;
            }
            let outcome = self.faults.pass(Direction::ToGuest, nic, self.nic_state(nic, now), frame);
            self.record(nic, Direction::ToGuest, &outcome, now);
            self.pass_on(nic, Direction::ToGuest, outcome, now);
        }
    }
}

/// The UDP payload of a whole IPv4 frame.
fn udp_payload(frame: &[u8]) -> Option<&[u8]> {
    let link = ethernet::Packet::new(frame).ok()?;
    let packet = ipv4::Packet::new(link.payload()).ok()?;
    Some(udp::Packet::new(packet.payload()).ok()?.payload())
}
