//! Frames between a guest and real servers, as events: DHCP, TFTP and HTTP as far as a boot uses them.
//!
//! Whoever carries the frames has them in order and loses none on the way here, so a TCP segment that does not follow the
//! last one is a repetition.

use std::collections::BTreeMap;

use crate::event::{Direction, LanEventKind};
use crate::service::dhcp;
use crate::wire::{dhcpv4, ethernet, ipv4, tftp, udp};

/// Most transfers and connections that are followed; later ones are not.
const MAX_FLOWS: usize = 256;
/// Longest head of an HTTP message that is kept, bytes.
const MAX_HEAD: usize = 16 << 10;

/// What is under way on one NIC.
#[derive(Debug, Default)]
pub struct Listener {
    transfers: BTreeMap<u16, Transfer>,
    connections: BTreeMap<u16, Connection>,
}

impl Listener {
    /// What a frame says.
    pub fn take(&mut self, direction: Direction, frame: &[u8]) -> Vec<LanEventKind> {
        self.read(direction, frame).unwrap_or_default()
    }

    fn read(&mut self, direction: Direction, frame: &[u8]) -> Option<Vec<LanEventKind>> {
        let link = ethernet::Packet::new(frame).ok().filter(|link| link.repr().ethertype == ethernet::IPV4)?;
        let packet = ipv4::Packet::new(link.payload()).ok().filter(|packet| !packet.is_fragment())?;
        let from_guest = direction == Direction::FromGuest;
        match packet.repr().protocol {
            ipv4::TCP => self.tcp(from_guest, packet.payload()),
            ipv4::UDP => {
                let datagram = udp::Packet::new(packet.payload()).ok()?;
                let ports = datagram.repr();
                match (ports.src_port, ports.dst_port) {
                    (dhcpv4::CLIENT_PORT, dhcpv4::SERVER_PORT) | (dhcpv4::SERVER_PORT, dhcpv4::CLIENT_PORT) => {
                        let message = dhcpv4::Repr::parse(datagram.payload()).ok()?;
                        let server = (!from_guest).then(|| {
                            let id = message.address_option(dhcpv4::option::SERVER_ID);
                            id.unwrap_or(packet.repr().src).to_string()
                        });
                        let arch = message.client_arch();
                        Some(vec![dhcp::event_of(&message, arch, server)])
                    }
                    (guest, server) if from_guest => self.tftp(true, guest, server, datagram.payload()),
                    (server, guest) => self.tftp(false, guest, server, datagram.payload()),
                }
            }
            _ => None,
        }
    }

    fn tftp(&mut self, from_guest: bool, guest: u16, server: u16, payload: &[u8]) -> Option<Vec<LanEventKind>> {
        if from_guest && server == tftp::PORT {
            let tftp::Repr::ReadRequest(request) = tftp::Repr::parse(payload).ok()? else { return None };
            let again = self.transfers.get(&guest).is_some_and(|transfer| transfer.name == request.name);
            if again || self.transfers.len() >= MAX_FLOWS {
                return None;
            }
            let (name, options) = (request.name.clone(), request.options.clone());
            let block_size = request.option("blksize").and_then(|size| size.parse().ok()).unwrap_or(512);
            self.transfers.insert(guest, Transfer { name: name.clone(), block_size, ..Transfer::default() });
            return Some(vec![LanEventKind::TftpRequest { name, options, found: true }]);
        }
        let transfer = self.transfers.get_mut(&guest)?;
        let name = transfer.name.clone();
        match tftp::Repr::parse(payload).ok()? {
            tftp::Repr::OptionAck { options } => {
                let size = options.iter().find(|(name, _)| name == "blksize").and_then(|(_, size)| size.parse().ok());
                transfer.block_size = size.unwrap_or(512);
                None
            }
            tftp::Repr::Data { block, data } if !from_guest => {
                if block == transfer.block.wrapping_add(1) {
                    transfer.block = block;
                    transfer.bytes += data.len() as u64;
                    transfer.last = data.len() < transfer.block_size;
                }
                None
            }
            tftp::Repr::Ack { block } if from_guest && transfer.last && block == transfer.block => {
                let bytes = transfer.bytes;
                self.transfers.remove(&guest);
                Some(vec![LanEventKind::TftpComplete { name, bytes }])
            }
            tftp::Repr::Error { code, message } => {
                self.transfers.remove(&guest);
                Some(vec![LanEventKind::TftpError { name, code, message, from_guest }])
            }
            _ => None,
        }
    }

    fn tcp(&mut self, from_guest: bool, segment: &[u8]) -> Option<Vec<LanEventKind>> {
        const SYN: u8 = 2;
        let at = |at: usize| Some(u16::from_be_bytes([*segment.get(at)?, *segment.get(at + 1)?]));
        let (source, destination) = (at(0)?, at(2)?);
        let guest = if from_guest { source } else { destination };
        let sequence = u32::from(at(4)?) << 16 | u32::from(at(6)?);
        let payload = segment.get(usize::from(segment.get(12)? >> 4) * 4..)?;
        if segment.get(13)? & SYN != 0 {
            if from_guest && self.connections.len() < MAX_FLOWS {
                self.connections.insert(guest, Connection::default());
            }
            let way = self.connections.get_mut(&guest)?.way(from_guest);
            way.next = sequence.wrapping_add(1);
            return None;
        }
        let connection = self.connections.get_mut(&guest)?;
        let way = connection.way(from_guest);
        // what overlaps with bytes that were seen is a repetition
        let seen = way.next.wrapping_sub(sequence) as usize;
        let fresh = payload.get(seen..).filter(|fresh| !fresh.is_empty())?;
        way.next = way.next.wrapping_add(fresh.len() as u32);
        if from_guest {
            connection.asks(fresh);
            return None;
        }
        Some(connection.answers(fresh))
    }
}

/// A file on its way by TFTP.
#[derive(Debug, Default)]
struct Transfer {
    name: String,
    block_size: usize,
    /// The block that came last, modulo 65536.
    block: u16,
    bytes: u64,
    last: bool,
}

/// An HTTP connection.
#[derive(Debug, Default)]
struct Connection {
    guest: Way,
    server: Way,
    request: Option<Request>,
    /// Bytes of the body that came, and how many there will be.
    body: Option<(u64, u64)>,
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Way {
    next: u32,
    head: Vec<u8>,
}

#[derive(Debug)]
struct Request {
    method: String,
    path: String,
    host: Option<String>,
    user_agent: Option<String>,
    range: Option<String>,
}

impl Connection {
    fn way(&mut self, guest: bool) -> &mut Way {
        if guest { &mut self.guest } else { &mut self.server }
    }

    fn asks(&mut self, bytes: &[u8]) {
        if let Some((head, _)) = self.guest.head(bytes) {
            let mut words = head.lines().next().unwrap_or_default().split(' ');
            let method = words.next().unwrap_or_default().to_owned();
            let path = words.next().unwrap_or_default().split('?').next().unwrap_or_default();
            let path = path.chars().take(512).collect();
            let [host, user_agent, range] = ["host", "user-agent", "range"].map(|name| field(&head, name));
            self.request = Some(Request { method, path, host, user_agent, range });
        }
    }

    fn answers(&mut self, bytes: &[u8]) -> Vec<LanEventKind> {
        let mut events = Vec::new();
        let mut body_len = bytes.len() as u64;
        if self.body.is_none() {
            let Some((head, rest)) = self.server.head(bytes) else { return events };
            let Some(request) = &self.request else { return events };
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
            events.push(LanEventKind::HttpRequest {
                method: request.method.clone(),
                path: request.path.clone(),
                host: request.host.clone(),
                user_agent: request.user_agent.clone(),
                range: request.range.clone(),
                status,
                secure: false,
            });
            let length = field(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
            let length = if request.method == "HEAD" { 0 } else { length };
            (self.body, body_len) = (Some((0, length)), rest as u64);
        }
        let Some((seen, length)) = &mut self.body else { return events };
        *seen += body_len;
        if seen >= length {
            let bytes = *length;
            if let Some(request) = self.request.take().filter(|request| request.method == "GET") {
                events.push(LanEventKind::HttpSent { path: request.path, bytes });
            }
            self.body = None;
        }
        events
    }
}

impl Way {
    /// The head of a message once its empty line came, and how many bytes follow it.
    fn head(&mut self, bytes: &[u8]) -> Option<(String, usize)> {
        const END: &[u8] = b"\r\n\r\n";
        let room = MAX_HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let end = self.head.windows(END.len()).position(|window| window == END)? + END.len();
        let before = self.head.len() - bytes.len().min(room);
        let head = String::from_utf8_lossy(&self.head[..end]).into_owned();
        self.head.clear();
        Some((head, bytes.len() - end.saturating_sub(before)))
    }
}

/// The value of a header field.
fn field(head: &str, name: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.trim().chars().take(512).collect())
}

#[cfg(test)]
mod tests;
