//! The network itself, without I/O: frames of the guest in, frames to the guest out, time given by the caller.
//!
//! It is a learning switch with one port per NIC and the servers on one more. A frame passes the faults once on its
//! way in and once on its way out.
//!
//! ```
//! use std::time::Instant;
//! use bootwright_lan::{LanLog, LanSpec, engine::Engine};
//!
//! let mut engine = Engine::new(&LanSpec::new(), 1, LanLog::new(1 << 20));
//! engine.receive(0, b"no frame at all", Instant::now());
//! assert_eq!(engine.take(), None);
//! ```

mod serve4;
mod serve6;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smoltcp::wire::IpCidr;

use super::event::{Direction, LanEventKind, LanLog};
use super::faults::{FaultLine, NicState, Outcome, Release};
use super::service::{Datagram, dhcp, dhcpv6, http, tftp};
use super::spec::{Ipv6, LanSpec};
use super::tcp::Stack;
use super::tls;
use super::wire::summary::{Message, Summary, TFTP_TRANSFER_PORTS};
use super::wire::tftp::PORT as TFTP_PORT;
use super::wire::{self, MacAddr, WireError, arp, dhcpv4, dns, ethernet, ipv4, ipv6, udp};

/// Most hardware addresses that the switch learns.
const MAX_STATIONS: usize = 1024;
/// Most frames that faults hold back at a time; beyond it they are dropped.
const MAX_HELD: usize = 1024;
/// Most TCP ports.
const MAX_PORTS: usize = 8;
/// Most frames that wait to be taken.
const MAX_OUT: usize = 16384;

/// A network with its servers.
#[derive(Debug)]
pub struct Engine {
    spec: Arc<LanSpec>,
    log: LanLog,
    nics: Vec<Nic>,
    /// Which NIC a hardware address was last seen on.
    stations: BTreeMap<MacAddr, usize>,
    faults: FaultLine,
    held: Vec<Held>,
    /// Datagrams that wait for their time, in order.
    later: VecDeque<(Instant, Datagram)>,
    dhcp: Vec<dhcp::Server>,
    dhcpv6: Option<dhcpv6::Server>,
    tftp: tftp::Server,
    /// TCP over IPv4 and, where there is any, over IPv6.
    stacks: Vec<Stack>,
    http: http::Server,
    identification: u16,
    /// What the datagram that is being sent breaks on purpose.
    note: Option<String>,
    out: VecDeque<(usize, Vec<u8>)>,
}

#[derive(Clone, Debug, Default)]
struct Nic {
    link_up: Option<Instant>,
    client_secs: u16,
    guest_frames: u32,
    discovers: u32,
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
        let spec = Arc::new(spec.clone());
        Self {
            log,
            nics: vec![Nic::default(); nics],
            stations: BTreeMap::new(),
            faults: FaultLine::new(&spec.faults, spec.seed),
            held: Vec::new(),
            later: VecDeque::new(),
            dhcp: spec.dhcp.iter().enumerate().map(|(index, server)| dhcp::Server::new(&spec, index, server)).collect(),
            dhcpv6: spec
                .ipv6
                .as_ref()
                .and_then(|ipv6| ipv6.dhcp.as_ref())
                .map(|server| dhcpv6::Server::new(server, spec.server_mac())),
            tftp: tftp::Server::new(),
            identification: 0,
            note: None,
            out: VecDeque::new(),
            stacks: stacks(&spec),
            http: http::Server {
                sink: Rc::new(RefCell::new(Vec::new())),
                // Lan::start has refused an identity that does not serve.
                tls: spec.http.tls.as_ref().and_then(|https| tls::acceptor(&https.identity).ok()),
                spec: Arc::clone(&spec),
            },
            spec,
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
        while self.later.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, datagram)) = self.later.pop_front() {
                self.send_datagram(&datagram, now);
            }
        }
        let mut out = tftp::Output::default();
        self.tftp.poll(now, &mut out);
        self.send_output(None, out, now);
        self.pump_tcp(now);
    }

    /// Lets TCP connections go as far as they can and sends what they give.
    fn pump_tcp(&mut self, now: Instant) {
        let http = self.http.clone();
        let mut frames = Vec::new();
        for stack in &mut self.stacks {
            frames.extend(stack.pump(now, &mut |port, peer, stream| http.accept(port, peer, stream)));
        }
        let said = std::mem::take(&mut *self.http.sink.borrow_mut());
        for (peer, kind) in said {
            let mac = self.stacks.iter().find_map(|stack| stack.neighbour(peer.ip()));
            let nic = mac.and_then(|mac| self.stations.get(&mac).copied());
            self.log.event(now, nic, kind);
        }
        for frame in frames {
            self.send_frame(&frame, None, now);
        }
    }

    /// Hands a TCP frame to the stack of its family; the answer comes with the next pump.
    fn serve_tcp(&mut self, from: (IpAddr, MacAddr), frame: &[u8]) {
        let place = if from.0.is_ipv4() { 0 } else { 1 };
        if let Some(stack) = self.stacks.get_mut(place) {
            stack.receive(from, frame);
        }
    }

    /// When [`Engine::poll`] has something to do, if nothing arrives before.
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let tcp: Vec<_> = self.stacks.iter_mut().filter_map(|stack| stack.deadline(now)).collect();
        let held = self.held.iter().filter_map(|held| match held.release {
            Release::AfterTime(time) => Some(held.since + time),
            _ => None,
        });
        held.chain(self.tftp.deadline()).chain(tcp).chain(self.later.front().map(|(due, _)| *due)).min()
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
            discovers: state.discovers,
        }
    }

    /// A client's DHCP message counts from the moment it was sent, whatever a fault does to it afterwards.
    fn note_client_dhcp(&mut self, nic: usize, frame: &[u8], now: Instant) {
        let Some(payload) = udp_payload(frame) else { return };
        let (event, discovers, secs) = match Summary::of(frame).message {
            Some(Message::Dhcp(kind)) => {
                let Some(message) = dhcpv4::Repr::parse(payload).ok().filter(|message| !message.reply) else { return };
                let event = dhcp::event_of(&message, message.client_arch(), None);
                (event, kind == dhcpv4::MessageType::Discover, message.secs)
            }
            Some(Message::Dhcpv6(kind)) => {
                let Ok(message) = wire::dhcpv6::Repr::parse(payload) else { return };
                let event = dhcpv6::event_of(&message, message.client_arch(), None);
                (event, kind == wire::dhcpv6::MessageType::Solicit, 0)
            }
            _ => return,
        };
        if let Some(state) = self.nics.get_mut(nic) {
            state.client_secs = state.client_secs.max(secs);
            state.discovers = state.discovers.saturating_add(u32::from(discovers));
        }
        self.log.event(now, Some(nic), event);
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
            && let Err(error) = self.serve(nic, header, frame, now)
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

    fn serve(&mut self, nic: usize, header: ethernet::Repr, frame: &[u8], now: Instant) -> Result<(), WireError> {
        let payload = frame.get(ethernet::HEADER_LEN..).unwrap_or_default();
        if let Some((ipv4::TCP, src, dst)) = Summary::of(frame).ip {
            if header.dst == self.spec.server_mac() && self.spec.is_server_address(dst) {
                self.serve_tcp((src, header.src), frame);
            }
            return Ok(());
        }
        match header.ethertype {
            ethernet::ARP => self.serve_arp(nic, &arp::Repr::parse(payload)?, now),
            ethernet::IPV4 => self.serve_ipv4(nic, header, &ipv4::Packet::new(payload)?, now)?,
            ethernet::IPV6 => self.serve_ipv6(nic, header, &ipv6::Packet::new(payload)?, now)?,
            _ => {}
        }
        Ok(())
    }

    /// Hands a datagram to the server behind its port.
    fn serve_udp(&mut self, nic: usize, datagram: &Datagram, now: Instant) -> Result<(), WireError> {
        let port = datagram.dst.port();
        if port == dhcpv4::SERVER_PORT || port == dhcpv4::PXE_PORT {
            return self.serve_dhcp(nic, datagram, now);
        }
        if !self.spec.is_server_address(datagram.dst.ip()) {
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
            _ => {}
        }
        self.send_output(Some(nic), out, now);
        Ok(())
    }

    fn serve_dns(&mut self, nic: usize, datagram: &Datagram, now: Instant) -> Result<(), WireError> {
        let query = dns::Query::parse(&datagram.payload)?;
        let addresses = self.spec.names.get(&query.name).map(Vec::as_slice);
        let reply = query.answer(addresses);
        let found = addresses.is_some();
        let kind = LanEventKind::Dns { name: query.name.clone(), record_type: query.record_type, found };
        self.log.event(now, Some(nic), kind);
        self.send_datagram(&datagram.reply(reply), now);
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
        let link = (datagram.src_mac, datagram.dst_mac);
        self.note.clone_from(&datagram.note);
        match (datagram.src.ip(), datagram.dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.send_ipv4(link, (src, dst), ipv4::UDP, &segment, now),
            (IpAddr::V6(src), IpAddr::V6(dst)) => self.send_ipv6(link, (src, dst), ipv4::UDP, &segment, now),
            _ => {}
        }
        self.note = None;
    }

    /// Sends a frame to the NIC behind which its receiver is, or to all but the one it came from.
    fn send_frame(&mut self, frame: &[u8], from: Option<usize>, now: Instant) {
        let Ok(packet) = ethernet::Packet::new(frame) else { return };
        let known = self.stations.get(&packet.repr().dst).copied();
        for nic in 0..self.nics.len() {
            if from == Some(nic) || known.is_some_and(|known| known != nic) {
                continue;
            }
            let mut outcome = self.faults.pass(Direction::ToGuest, nic, self.nic_state(nic, now), frame);
            outcome.notes.splice(0..0, self.note.clone());
            self.record(nic, Direction::ToGuest, &outcome, now);
            self.pass_on(nic, Direction::ToGuest, outcome, now);
        }
    }
}

/// TCP over IPv4 first, then over IPv6 where the lan has it.
fn stacks(spec: &LanSpec) -> Vec<Stack> {
    let tls = spec.http.tls.iter().flat_map(|tls| &tls.ports);
    let ports: Vec<u16> =
        spec.http.ports.iter().chain(tls).copied().filter(|port| *port != 0).take(MAX_PORTS).collect();
    let (mac, now) = (spec.server_mac(), Instant::now());
    let cidr = |address: IpAddr, len: u8| IpCidr::new(address.into(), len);
    let mut stacks = vec![Stack::new(mac, &[cidr(spec.address.into(), spec.prefix_len)], &ports, spec.seed, now)];
    if let Some(ipv6) = &spec.ipv6 {
        let mut addresses = vec![cidr(Ipv6::LINK_LOCAL.into(), 64)];
        addresses.extend(ipv6.address.map(|address| cidr(address.into(), 64)));
        stacks.push(Stack::new(mac, &addresses, &ports, spec.seed, now));
    }
    stacks
}

/// The UDP payload of a whole frame.
fn udp_payload(frame: &[u8]) -> Option<&[u8]> {
    let link = ethernet::Packet::new(frame).ok()?;
    let payload = match link.repr().ethertype {
        ethernet::IPV4 => ipv4::Packet::new(link.payload()).ok()?.payload(),
        ethernet::IPV6 => ipv6::Packet::new(link.payload()).ok()?.payload(),
        _ => return None,
    };
    Some(udp::Packet::new(payload).ok()?.payload())
}
