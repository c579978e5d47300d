//! TCP for the servers: smoltcp under a byte stream that async code can read and write.
//!
//! One stack serves one IP family on the main server's hardware address. It sees TCP frames only; what it wants to know
//! of hardware addresses it is told from what the lan has seen, so that nothing but TCP goes out. Futures are polled
//! whenever something has moved, without an executor and without timers, so that the same frames give the same answers.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration as SmolDuration, Instant as SmolInstant};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::ethernet::{self, MIN_FRAME_LEN};
use super::wire::{MacAddr, arp, icmpv6, ipv6};

/// Sockets that wait for a connection, per port.
const LISTENERS: usize = 4;
/// Most sockets per port; the oldest connection gives way.
const MAX_SOCKETS: usize = 24;
/// Bytes of each of a socket's two buffers, and of each of a stream's.
const BUFFER: usize = 65535;
/// Most hardware addresses that are remembered.
const MAX_NEIGHBOURS: usize = 256;
/// Most rounds of one pump; what is left waits for the next frame or timer.
const MAX_ROUNDS: usize = 4096;
/// A connection whose peer acknowledges nothing for so long is given up.
const DEAD_AFTER: SmolDuration = SmolDuration::from_secs(60);

/// What runs on a connection.
pub(super) type Task = Pin<Box<dyn Future<Output = ()>>>;

/// TCP of one IP family.
pub(super) struct Stack {
    interface: Interface,
    device: Wire,
    sockets: SocketSet<'static>,
    slots: Vec<Slot>,
    neighbours: BTreeMap<IpAddr, MacAddr>,
    mac: MacAddr,
    epoch: Instant,
}

struct Slot {
    handle: SocketHandle,
    port: u16,
    connection: Option<Connection>,
}

struct Connection {
    pipe: Rc<RefCell<Pipe>>,
    task: Option<Task>,
}

/// What a connection's task shares with its socket.
#[derive(Default)]
struct Pipe {
    incoming: VecDeque<u8>,
    incoming_ended: bool,
    outgoing: VecDeque<u8>,
    outgoing_ended: bool,
    reset: bool,
    /// The task has more to write than fits.
    blocked: bool,
    /// Said once everything written before is in the socket.
    when_handed: Vec<Box<dyn FnOnce()>>,
    /// Said once everything written before has been acknowledged.
    when_sent: Vec<Box<dyn FnOnce()>>,
}

impl std::fmt::Debug for Pipe {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (incoming, outgoing) = (self.incoming.len(), self.outgoing.len());
        out.debug_struct("Pipe").field("incoming", &incoming).field("outgoing", &outgoing).finish_non_exhaustive()
    }
}

/// What a frame that smoltcp sends asks for.
enum Asked {
    /// Nothing of a neighbour: it goes out.
    Nothing,
    /// A hardware address, which is known: the frame that answers.
    Known(Vec<u8>),
    /// A hardware address that nobody has.
    Unknown,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Stack").field("sockets", &self.slots.len()).finish_non_exhaustive()
    }
}

impl Stack {
    /// A stack that has these addresses (one family, at most two) and listens on these ports.
    pub(super) fn new(mac: MacAddr, addresses: &[IpCidr], ports: &[u16], seed: u64, now: Instant) -> Self {
        let mut device = Wire::default();
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(mac.0)));
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, SmolInstant::ZERO);
        interface.update_ip_addrs(|known| {
            for address in addresses {
                // Two fit by smoltcp's build; a third would be a mistake of the caller and is left out.
                let _ = known.push(*address);
            }
        });
        let mut stack = Self {
            interface,
            device,
            sockets: SocketSet::new(Vec::new()),
            slots: Vec::new(),
            neighbours: BTreeMap::new(),
            mac,
            epoch: now,
        };
        for port in ports {
            for _ in 0..LISTENERS {
                stack.listen(*port);
            }
        }
        stack
    }

    fn listen(&mut self, port: u16) {
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket.set_timeout(Some(DEAD_AFTER));
        if socket.listen(port).is_ok() {
            let handle = self.sockets.add(socket);
            self.slots.push(Slot { handle, port, connection: None });
        }
    }

    /// Takes a TCP frame.
    pub(super) fn receive(&mut self, from: (IpAddr, MacAddr), frame: &[u8]) {
        if self.neighbours.len() < MAX_NEIGHBOURS || self.neighbours.contains_key(&from.0) {
            self.neighbours.insert(from.0, from.1);
        }
        self.device.incoming.push_back(frame.to_vec());
    }

    /// The hardware address behind an address that has sent TCP.
    pub(super) fn neighbour(&self, address: IpAddr) -> Option<MacAddr> {
        self.neighbours.get(&address).copied()
    }

    /// When [`Stack::pump`] has something to do by itself.
    pub(super) fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let delay = self.interface.poll_delay(self.clock(now), &self.sockets)?;
        Some(now + std::time::Duration::from_micros(delay.total_micros()))
    }

    fn clock(&self, now: Instant) -> SmolInstant {
        SmolInstant::from_micros(now.saturating_duration_since(self.epoch).as_micros().min(i64::MAX as u128) as i64)
    }

    /// Moves everything as far as it goes and gives the frames to send. `accept` makes the task of a new connection from
    /// its port, its peer and its stream.
    pub(super) fn pump(
        &mut self,
        now: Instant,
        accept: &mut dyn FnMut(u16, SocketAddr, Stream) -> Task,
    ) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let clock = self.clock(now);
        for _ in 0..MAX_ROUNDS {
            let changed = self.interface.poll(clock, &mut self.device, &mut self.sockets);
            let mut moved = changed == PollResult::SocketStateChanged;
            for frame in std::mem::take(&mut self.device.outgoing) {
                match self.resolve(&frame) {
                    Asked::Known(answer) => {
                        self.device.incoming.push_back(answer);
                        moved = true;
                    }
                    Asked::Unknown => {}
                    Asked::Nothing => out.push(frame),
                }
            }
            for slot in &mut self.slots {
                moved |= slot.pump(&mut self.sockets, accept);
            }
            self.tidy();
            if !moved && self.device.incoming.is_empty() {
                break;
            }
        }
        out
    }

    /// Removes finished connections, keeps listeners ready, and holds the number of sockets.
    fn tidy(&mut self) {
        let sockets = &mut self.sockets;
        let mut renewed = Vec::new();
        self.slots.retain(|slot| {
            let socket = sockets.get::<tcp::Socket<'_>>(slot.handle);
            let over = matches!(socket.state(), tcp::State::Closed | tcp::State::TimeWait);
            // A reset is on its way as long as the closed socket knows its peer.
            if over && socket.remote_endpoint().is_none() || socket.state() == tcp::State::TimeWait {
                sockets.remove(slot.handle);
                renewed.push(slot.port);
                return false;
            }
            true
        });
        let mut ports: Vec<u16> = self.slots.iter().map(|slot| slot.port).chain(renewed).collect();
        ports.sort_unstable();
        ports.dedup();
        for port in ports {
            let sockets = &self.sockets;
            let idle = self.slots.iter().filter(|slot| {
                slot.port == port && sockets.get::<tcp::Socket<'_>>(slot.handle).state() == tcp::State::Listen
            });
            for _ in idle.count()..LISTENERS {
                if self.slots.iter().filter(|slot| slot.port == port).count() >= MAX_SOCKETS {
                    self.drop_oldest(port);
                }
                self.listen(port);
            }
        }
    }

    fn drop_oldest(&mut self, port: u16) {
        let sockets = &self.sockets;
        let oldest = self.slots.iter().position(|slot| {
            slot.port == port && sockets.get::<tcp::Socket<'_>>(slot.handle).state() != tcp::State::Listen
        });
        if let Some(oldest) = oldest {
            let slot = self.slots.remove(oldest);
            self.sockets.remove(slot.handle);
        }
    }

    /// What a frame of smoltcp asks of the neighbours that it believes to have.
    fn resolve(&self, frame: &[u8]) -> Asked {
        let Ok(packet) = ethernet::Packet::new(frame) else { return Asked::Nothing };
        let answer = match packet.repr().ethertype {
            ethernet::ARP => self.answer_arp(packet.payload()),
            ethernet::IPV6 => {
                let Ok(packet) = ipv6::Packet::new(packet.payload()) else { return Asked::Nothing };
                if packet.repr().next_header != ipv6::ICMPV6 {
                    return Asked::Nothing;
                }
                self.answer_neighbour_solicitation(&packet)
            }
            _ => return Asked::Nothing,
        };
        answer.map_or(Asked::Unknown, Asked::Known)
    }

    fn answer_arp(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let request = arp::Repr::parse(payload).ok()?;
        if request.operation != arp::Operation::Request {
            return None;
        }
        let found = *self.neighbours.get(&IpAddr::V4(request.target_ip))?;
        let reply = arp::Repr {
            operation: arp::Operation::Reply,
            sender_mac: found,
            sender_ip: request.target_ip,
            target_mac: self.mac,
            target_ip: request.sender_ip,
        };
        let header = ethernet::Repr { dst: self.mac, src: found, ethertype: ethernet::ARP };
        Some(header.emit(&reply.emit()))
    }

    fn answer_neighbour_solicitation(&self, packet: &ipv6::Packet<'_>) -> Option<Vec<u8>> {
        let header = packet.repr();
        let message = icmpv6::Repr::parse(header.src, header.dst, packet.payload()).ok()?;
        let icmpv6::Repr::NeighborSolicit { target, .. } = message else { return None };
        let found = *self.neighbours.get(&IpAddr::V6(target))?;
        let reply = icmpv6::Repr::NeighborAdvert { target, target_mac: found, solicited: true };
        let body = reply.emit(target, header.src);
        let ip = ipv6::Repr { src: target, dst: header.src, next_header: ipv6::ICMPV6, hop_limit: 255 };
        let link = ethernet::Repr { dst: self.mac, src: found, ethertype: ethernet::IPV6 };
        Some(link.emit(&ip.emit(&body)))
    }
}

impl Slot {
    /// Moves bytes between the socket and the task; true if anything moved.
    fn pump(
        &mut self,
        sockets: &mut SocketSet<'static>,
        accept: &mut dyn FnMut(u16, SocketAddr, Stream) -> Task,
    ) -> bool {
        let socket = sockets.get_mut::<tcp::Socket<'_>>(self.handle);
        if self.connection.is_none() {
            let open = matches!(socket.state(), tcp::State::Established | tcp::State::CloseWait);
            let (true, Some(peer)) = (open, socket.remote_endpoint()) else { return false };
            let pipe = Rc::new(RefCell::new(Pipe::default()));
            let peer = SocketAddr::new(peer.addr.into(), peer.port);
            let task = accept(self.port, peer, Stream(Rc::clone(&pipe)));
            self.connection = Some(Connection { pipe, task: Some(task) });
        }
        let Some(connection) = &mut self.connection else { return false };
        let mut moved = connection.take_in(socket);
        if let Some(task) = &mut connection.task
            && task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        {
            connection.task = None;
            connection.pipe.borrow_mut().outgoing_ended = true;
            moved = true;
        }
        moved | connection.give_out(socket)
    }
}

impl Connection {
    fn take_in(&mut self, socket: &mut tcp::Socket<'_>) -> bool {
        let mut pipe = self.pipe.borrow_mut();
        let mut moved = false;
        if self.task.is_none() {
            // Nobody reads any more; what still comes is dropped so that the connection can end.
            while socket.can_recv() && socket.recv(|bytes| (bytes.len(), ())).is_ok() {}
            return false;
        }
        while socket.can_recv() && pipe.incoming.len() < BUFFER {
            let taken = socket.recv(|bytes| {
                pipe.incoming.extend(&*bytes);
                (bytes.len(), bytes.len())
            });
            match taken {
                Ok(count) if count > 0 => moved = true,
                _ => break,
            }
        }
        if !socket.may_recv() && !socket.can_recv() && !pipe.incoming_ended {
            pipe.incoming_ended = true;
            moved = true;
        }
        moved
    }

    fn give_out(&mut self, socket: &mut tcp::Socket<'_>) -> bool {
        let mut pipe = self.pipe.borrow_mut();
        let mut moved = false;
        while socket.can_send() && !pipe.outgoing.is_empty() {
            match socket.send_slice(pipe.outgoing.as_slices().0) {
                Ok(count) if count > 0 => {
                    pipe.outgoing.drain(..count);
                    moved = true;
                }
                _ => break,
            }
        }
        if pipe.outgoing.is_empty() && !pipe.blocked && !(pipe.when_handed.is_empty() && pipe.when_sent.is_empty()) {
            let mut said = std::mem::take(&mut pipe.when_handed);
            if socket.send_queue() == 0 {
                said.append(&mut pipe.when_sent);
            }
            drop(pipe);
            said.into_iter().for_each(|say| say());
            pipe = self.pipe.borrow_mut();
        }
        if pipe.reset && pipe.outgoing.is_empty() && socket.is_open() {
            socket.abort();
            self.task = None;
            return true;
        }
        if pipe.outgoing_ended && pipe.outgoing.is_empty() && socket.may_send() {
            socket.close();
            moved = true;
        }
        moved
    }
}

/// The server's end of a TCP connection. Clones are the same end.
#[derive(Clone, Debug)]
pub(super) struct Stream(Rc<RefCell<Pipe>>);

impl Stream {
    /// Resets the connection once what has been written is sent.
    pub(super) fn reset(&self) {
        self.0.borrow_mut().reset = true;
    }

    /// Closes the server's side in order once what has been written is sent.
    pub(super) fn close(&self) {
        self.0.borrow_mut().outgoing_ended = true;
    }

    /// Calls back once everything written until then is in the socket, and goes as fast as the guest takes it.
    pub(super) fn when_handed(&self, say: impl FnOnce() + 'static) {
        self.0.borrow_mut().when_handed.push(Box::new(say));
    }

    /// Calls back once the guest has acknowledged everything written until then.
    pub(super) fn when_sent(&self, say: impl FnOnce() + 'static) {
        self.0.borrow_mut().when_sent.push(Box::new(say));
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.0.borrow_mut();
        if pipe.incoming.is_empty() {
            return if pipe.incoming_ended { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let count = {
            let bytes = pipe.incoming.as_slices().0;
            let count = bytes.len().min(buffer.remaining());
            buffer.put_slice(&bytes[..count]);
            count
        };
        pipe.incoming.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = self.0.borrow_mut();
        if pipe.outgoing_ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match BUFFER.saturating_sub(pipe.outgoing.len()).min(bytes.len()) {
            0 if !bytes.is_empty() => {
                pipe.blocked = true;
                Poll::Pending
            }
            count => {
                pipe.blocked = false;
                pipe.outgoing.extend(&bytes[..count]);
                Poll::Ready(Ok(count))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().outgoing_ended = true;
        Poll::Ready(Ok(()))
    }
}

/// A stream as hyper wants it.
#[derive(Debug)]
pub(super) struct HyperIo<S>(pub(super) S);

impl<S: AsyncRead + Unpin> hyper::rt::Read for HyperIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 8192];
        let limit = cursor.remaining().min(bytes.len());
        let mut buffer = ReadBuf::new(&mut bytes[..limit]);
        std::task::ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
        cursor.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> hyper::rt::Write for HyperIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Frames between the lan and smoltcp.
#[derive(Debug, Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

struct Arrived(Vec<u8>);
struct Leaving<'a>(&'a mut Vec<Vec<u8>>);

impl Device for Wire {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: SmolInstant) -> Option<(Arrived, Leaving<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Arrived(frame), Leaving(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: SmolInstant) -> Option<Leaving<'_>> {
        Some(Leaving(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        // a sender pads (IEEE 802.3 clause 4.2.3.3); QEMU's NICs did it in its place up to 8.0, and iPXE's driver for the
        // NE2000 never gets past a shorter frame
        let mut frame = vec![0; len.max(MIN_FRAME_LEN)];
        let result = write(frame.get_mut(..len).unwrap_or_default());
        self.0.push(frame);
        result
    }
}
