//! Frames between a guest and real servers, as events: DHCP and proxyDHCP (port 4011 too), DHCPv6, TFTP and HTTP over
//! either family, as far as a boot uses them. It sees no further into TLS than that there is a connection.
//!
//! Whoever carries the frames has them in order and loses none on the way here, so a TCP segment that does not follow the
//! last one is a repetition.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::event::{Direction, LanEventKind};
use crate::service::{dhcp, dhcpv6};
use crate::wire::summary::{self, Content};
use crate::wire::{dhcpv4, ethernet, ipv4, ipv6, tftp, udp};

/// Most transfers and connections that are followed; later ones are not.
const MAX_FLOWS: usize = 256;
/// Longest head of an HTTP message that is kept, bytes.
const MAX_HEAD: usize = 16 << 10;

/// A guest's port, of one IP family.
type Port = (bool, u16);

/// What is under way on one NIC.
#[derive(Debug, Default)]
pub struct Listener {
    transfers: BTreeMap<Port, Transfer>,
    connections: BTreeMap<Port, Connection>,
}

impl Listener {
    /// What a frame says.
    pub fn take(&mut self, direction: Direction, frame: &[u8]) -> Vec<LanEventKind> {
        self.read(direction == Direction::FromGuest, frame).unwrap_or_default()
    }

    fn read(&mut self, from_guest: bool, bytes: &[u8]) -> Option<Vec<LanEventKind>> {
        let (summary, content) = summary::read(bytes);
        let (protocol, src, dst) = summary.ip?;
        let server = (!from_guest).then_some(src);
        match content {
            Content::Dhcp(message) => {
                let own = message.address_option(dhcpv4::option::SERVER_ID).map(IpAddr::V4);
                let server = server.map(|src| own.unwrap_or(src).to_string());
                return Some(vec![dhcp::event_of(&message, message.client_arch(), server)]);
            }
            Content::Dhcpv6(message) => {
                let server = server.map(|src| src.to_string());
                return Some(vec![dhcpv6::event_of(&message, message.client_arch(), server)]);
            }
            Content::Other => {}
        }
        let (src_port, dst_port) = summary.ports?;
        let segment = segment(bytes)?;
        let (guest, other) = if from_guest { (src_port, dst_port) } else { (dst_port, src_port) };
        let guest = (dst.is_ipv6(), guest);
        match protocol {
            ipv4::TCP => self.tcp(from_guest, guest, segment),
            ipv4::UDP => self.tftp(from_guest, guest, other, udp::Packet::new(segment).ok()?.payload()),
            _ => None,
        }
    }

    fn tftp(&mut self, from_guest: bool, guest: Port, server: u16, payload: &[u8]) -> Option<Vec<LanEventKind>> {
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

    fn tcp(&mut self, from_guest: bool, guest: Port, segment: &[u8]) -> Option<Vec<LanEventKind>> {
        const SYN: u8 = 2;
        let at = |at: usize| Some(u16::from_be_bytes([*segment.get(at)?, *segment.get(at + 1)?]));
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

/// What an IP packet carries.
fn segment(frame: &[u8]) -> Option<&[u8]> {
    let link = ethernet::Packet::new(frame).ok()?;
    match link.repr().ethertype {
        ethernet::IPV4 => Some(ipv4::Packet::new(link.payload()).ok()?.payload()),
        ethernet::IPV6 => Some(ipv6::Packet::new(link.payload()).ok()?.payload()),
        _ => None,
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
