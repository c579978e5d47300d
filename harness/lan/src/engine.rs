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

mod egress;
pub(crate) mod frame;
mod ingress;
mod servers;
mod together;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smoltcp::wire::IpCidr;

use super::event::{Direction, LanEventKind};
use super::faults::{FaultInjector, NicState, Release};
use super::log::LanLog;
use super::service::{Datagram, dhcp, dhcpv6, http, tftp};
use super::spec::{Ipv6, LanSpec};
use super::tcp::Stack;
use super::tls;
use super::wire::MacAddr;
pub(crate) use frame::Frame;
use together::Together;

/// Most hardware addresses that the switch learns.
const MAX_STATIONS: usize = 1024;
/// Most frames that faults hold back at a time; beyond it they are dropped.
const MAX_HELD: usize = 1024;
/// Most TCP ports.
const MAX_PORTS: usize = 8;
/// Most bytes of frames that faults hold back at a time.
const MAX_HELD_BYTES: usize = 8 << 20;
/// Most frames that wait to be taken.
const MAX_OUT: usize = 16384;
/// Most bytes of frames that wait to be taken.
const MAX_OUT_BYTES: usize = 16 << 20;

/// A network with its servers.
#[derive(Debug)]
pub struct Engine {
    spec: Arc<LanSpec>,
    log: LanLog,
    nics: Vec<Nic>,
    /// Which NIC a hardware address was last seen on.
    stations: BTreeMap<MacAddr, usize>,
    faults: FaultInjector,
    held: Vec<Held>,
    /// Datagrams that wait for their time, in order.
    later: VecDeque<(Instant, Datagram)>,
    dhcp: Vec<dhcp::Server>,
    dhcpv6: Option<dhcpv6::Server>,
    tftp: tftp::Server,
    tcp: Vec<TcpHost>,
    http: http::Server,
    identification: u16,
    out: VecDeque<(usize, Vec<u8>)>,
    out_bytes: usize,
    together: Together,
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
    frame: Frame,
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
            faults: FaultInjector::new(&spec.faults, spec.seed),
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
            out: VecDeque::new(),
            out_bytes: 0,
            together: Together::default(),
            tcp: tcp_hosts(&spec),
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
        let frame = Frame::read(frame.to_vec());
        self.together.add(&frame);
        self.note_client_dhcp(nic, &frame, now);
        let outcome = self.faults.pass(Direction::FromGuest, nic, self.nic_state(nic, now), frame);
        self.record(nic, Direction::FromGuest, &outcome, now);
        self.pass_on(nic, Direction::FromGuest, outcome, now);
    }

    /// The frames of a NIC since the last call were there all at once: what was asked twice in them, nobody could have answered between.
    pub fn arrived_together(&mut self) {
        self.log.said_again(self.together.end());
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
                self.send_datagram(datagram, now);
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
        for host in &mut self.tcp {
            frames.extend(host.stack.pump(now, &mut |port, peer, stream| http.accept(port, peer, stream)));
        }
        let said = std::mem::take(&mut *self.http.sink.borrow_mut());
        for (peer, kind) in said {
            let mac = self.tcp.iter().find_map(|host| host.stack.neighbour(peer.ip()));
            let nic = mac.and_then(|mac| self.stations.get(&mac).copied());
            self.log.event(now, nic, kind);
        }
        for frame in frames {
            self.send_frame(frame, None, now);
        }
    }

    /// When [`Engine::poll`] has something to do, if nothing arrives before.
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let tcp: Vec<_> = self.tcp.iter_mut().filter_map(|host| host.stack.deadline(now)).collect();
        let held = self.held.iter().filter_map(|held| match held.release {
            Release::AfterTime(time) => Some(held.since + time),
            _ => None,
        });
        held.chain(self.tftp.deadline()).chain(tcp).chain(self.later.front().map(|(due, _)| *due)).min()
    }

    /// The next frame to the guest and its NIC.
    pub fn take(&mut self) -> Option<(usize, Vec<u8>)> {
        let taken = self.out.pop_front();
        self.out_bytes -= taken.as_ref().map_or(0, |(_, frame)| frame.len());
        taken
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
}

/// A host that speaks TCP, in one IP family.
#[derive(Debug)]
struct TcpHost {
    mac: MacAddr,
    addresses: Vec<IpAddr>,
    ports: Vec<u16>,
    stack: Stack,
}

/// Every host that serves HTTP: the main server over IPv4 and, where there is any, over IPv6, then its other addresses.
fn tcp_hosts(spec: &LanSpec) -> Vec<TcpHost> {
    let tls = spec.http.tls.iter().flat_map(|tls| &tls.ports);
    let ports: Vec<u16> =
        spec.http.ports.iter().chain(tls).copied().filter(|port| *port != 0).take(MAX_PORTS).collect();
    let now = Instant::now();
    let host = |mac: MacAddr, addresses: Vec<IpAddr>, prefix_len: u8| {
        let cidrs: Vec<_> = addresses.iter().map(|address| IpCidr::new((*address).into(), prefix_len)).collect();
        let stack = Stack::new(mac, &cidrs, &ports, spec.seed, now);
        TcpHost { mac, addresses, ports: ports.clone(), stack }
    };
    let mut hosts = vec![host(spec.server_mac(), vec![spec.address.into()], spec.prefix_len)];
    if let Some(ipv6) = &spec.ipv6 {
        let addresses = [Some(Ipv6::LINK_LOCAL), ipv6.address].into_iter().flatten().map(IpAddr::V6).collect();
        hosts.push(host(spec.server_mac(), addresses, 64));
    }
    for address in &spec.more_addresses {
        hosts.extend(spec.host_mac(*address).map(|mac| host(mac, vec![(*address).into()], spec.prefix_len)));
    }
    hosts
}
