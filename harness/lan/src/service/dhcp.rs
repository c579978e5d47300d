//! DHCP and proxyDHCP servers (RFC 2131; PXE specification 2.1, section 2.2).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::Datagram;
use crate::event::{DhcpEvent, FaultOrigin, LanEventKind, Struck};
use crate::spec::dhcp_rules::DhcpRule;
use crate::spec::{AnswerAfter, DhcpRole, DhcpServer, LanSpec, Malformed};
use crate::wire::MacAddr;
use crate::wire::dhcpv4::{self, CLIENT_PORT, MessageType, PXE_PORT, Repr, SERVER_PORT, option};

/// Most clients that a server remembers.
const MAX_CLIENTS: usize = 256;

/// One server with what it remembers of its clients.
#[derive(Debug)]
pub(crate) struct Server {
    spec: DhcpServer,
    mac: MacAddr,
    netmask: Ipv4Addr,
    clients: BTreeMap<MacAddr, Client>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Client {
    /// Place in the pool.
    index: u8,
    discovers: u32,
    naks: u32,
}

/// What a client said, and the host time since its NIC's first frame.
pub(crate) struct Query<'a> {
    pub message: &'a Repr,
    pub datagram: &'a Datagram,
    pub since_link_up: Duration,
}

impl Server {
    pub(crate) fn new(spec: &LanSpec, index: usize, server: &DhcpServer) -> Self {
        Self { spec: server.clone(), mac: spec.dhcp_mac(index), netmask: spec.netmask(), clients: BTreeMap::new() }
    }

    /// It hears what is sent to this port.
    pub(crate) fn listens_on(&self, port: u16) -> bool {
        port == SERVER_PORT || self.spec.role == DhcpRole::Proxy
    }

    /// Takes a client's message; gives the reply, if any, and the events that belong to it.
    pub(crate) fn handle(&mut self, query: &Query<'_>, events: &mut Vec<LanEventKind>) -> Option<Datagram> {
        let message = query.message;
        let kind = message.message_type()?;
        let port = query.datagram.dst.port();
        if message.reply || !self.listens_on(port) {
            return None;
        }
        let answer = match (self.spec.role, kind) {
            (DhcpRole::Full, MessageType::Discover) => self.discover(query).map(|()| MessageType::Offer),
            (DhcpRole::Full, MessageType::Request) => self.request(message),
            (DhcpRole::Full, MessageType::Inform) => Ok(MessageType::Ack),
            (DhcpRole::Proxy, MessageType::Discover) => {
                self.proxy(query).and_then(|()| self.discover(query)).map(|()| MessageType::Offer)
            }
            (DhcpRole::Proxy, MessageType::Request | MessageType::Inform) => self.proxy_request(query),
            _ => return None,
        };
        match answer {
            Ok(answer) => Some(self.reply(query, answer, events)),
            Err(reason) => {
                let server = self.spec.name.clone();
                events.push(LanEventKind::DhcpIgnored { server, xid: message.xid, reason });
                None
            }
        }
    }

    fn discover(&mut self, query: &Query<'_>) -> Result<(), &'static str> {
        let after = self.spec.answer_after;
        let client = self.client(query.message.client_mac).ok_or("no address left")?;
        client.discovers = client.discovers.saturating_add(1);
        let ready = match after {
            AnswerAfter::Start => true,
            AnswerAfter::Discovers(count) => client.discovers > count,
            AnswerAfter::ClientSecs(secs) => query.message.secs >= secs,
            AnswerAfter::HostTime(time) => query.since_link_up >= time,
            AnswerAfter::Never => false,
        };
        if ready { Ok(()) } else { Err("not answering yet") }
    }

    fn request(&mut self, message: &Repr) -> Result<MessageType, &'static str> {
        if message.address_option(option::SERVER_ID).is_some_and(|id| id != self.spec.address) {
            return Err("client chose another server");
        }
        if self.spec.answer_after == AnswerAfter::Never {
            return Err("not answering yet");
        }
        let limit = self.spec.naks;
        let client = self.client(message.client_mac).ok_or("no address left")?;
        if client.naks < limit {
            client.naks += 1;
            return Ok(MessageType::Nak);
        }
        let wanted = message.address_option(option::REQUESTED_ADDRESS).unwrap_or(message.client_ip);
        let index = client.index;
        Ok(if wanted == self.address(index) { MessageType::Ack } else { MessageType::Nak })
    }

    fn proxy(&self, query: &Query<'_>) -> Result<(), &'static str> {
        let class = query.message.option(option::VENDOR_CLASS).unwrap_or_default();
        if class.starts_with(b"PXEClient") || class.starts_with(b"HTTPClient") {
            Ok(())
        } else {
            Err("not a network boot client")
        }
    }

    fn proxy_request(&self, query: &Query<'_>) -> Result<MessageType, &'static str> {
        self.proxy(query)?;
        let for_us = query.message.address_option(option::SERVER_ID) == Some(self.spec.address);
        if query.datagram.dst.port() == PXE_PORT || for_us {
            Ok(MessageType::Ack)
        } else {
            Err("request is for the server that gives addresses")
        }
    }

    /// What is remembered of a client; `None` for a new one when the pool or the memory is used up.
    fn client(&mut self, mac: MacAddr) -> Option<&mut Client> {
        let next = self.clients.len();
        if !self.clients.contains_key(&mac) && (next >= usize::from(self.spec.pool_len) || next >= MAX_CLIENTS) {
            return None;
        }
        Some(self.clients.entry(mac).or_insert(Client { index: next as u8, ..Client::default() }))
    }

    fn address(&self, index: u8) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.spec.pool_start).wrapping_add(u32::from(index)))
    }

    fn reply(&mut self, query: &Query<'_>, kind: MessageType, events: &mut Vec<LanEventKind>) -> Datagram {
        let message = query.message;
        let mut reply = self.reply_repr(message, kind);
        if self.spec.malformed == Some(Malformed::WrongXid) {
            reply.xid ^= 0x0101_0101;
        }
        events.push(event_of(&reply, message.client_arch(), Some(self.spec.name.clone())));
        let answer = self.rule(message).map(|rule| &rule.answer).filter(|_| kind != MessageType::Nak);
        let mut payload = answer.map_or_else(|| reply.emit(), |answer| answer.emit(&reply));
        let name = &self.spec.name;
        let note = self.spec.malformed.map(|way| Struck {
            fault: FaultOrigin::Dhcp(name.clone()),
            note: format!("dhcp: {name} is malformed: {way:?}"),
        });
        if let Some(way) = self.spec.malformed {
            corrupt(way, &mut reply, &mut payload);
        }
        let (dst_mac, dst) = destination(query, &reply, kind);
        let src_port = if query.datagram.dst.port() == PXE_PORT { PXE_PORT } else { SERVER_PORT };
        Datagram { src_mac: self.mac, dst_mac, src: (self.spec.address, src_port).into(), dst, payload, note }
    }

    /// The rule for a message: each message on its own, so that one may fit a request and not the discover before it.
    fn rule(&self, message: &Repr) -> Option<&DhcpRule> {
        self.spec.rules.iter().find(|rule| rule.when.matches(message))
    }

    fn reply_repr(&mut self, message: &Repr, kind: MessageType) -> Repr {
        let index = self.client(message.client_mac).map_or(0, |client| client.index);
        let gives_address = self.spec.role == DhcpRole::Full && matches!(kind, MessageType::Offer | MessageType::Ack);
        let inform = message.message_type() == Some(MessageType::Inform);
        let mut reply = Repr {
            reply: true,
            secs: 0,
            client_ip: if kind == MessageType::Ack { message.client_ip } else { Ipv4Addr::UNSPECIFIED },
            your_ip: if gives_address && !inform { self.address(index) } else { Ipv4Addr::UNSPECIFIED },
            next_server: Ipv4Addr::UNSPECIFIED,
            server_name: Vec::new(),
            boot_file: Vec::new(),
            options: vec![
                (option::MESSAGE_TYPE, vec![kind.number()]),
                (option::SERVER_ID, self.spec.address.octets().to_vec()),
            ],
            ..message.clone()
        };
        if kind == MessageType::Nak {
            reply.options.push((option::MESSAGE, b"address not available".to_vec()));
            return reply;
        }
        if gives_address {
            if !inform {
                let seconds = self.spec.lease.as_secs().min(u64::from(u32::MAX)) as u32;
                reply.options.push((option::LEASE_TIME, seconds.to_be_bytes().to_vec()));
            }
            reply.options.push((option::SUBNET_MASK, self.netmask.octets().to_vec()));
            for (code, address) in [(option::ROUTER, self.spec.router), (option::DNS, self.spec.dns)] {
                if let Some(address) = address {
                    reply.options.push((code, address.octets().to_vec()));
                }
            }
        }
        // The client's machine identifier goes back to it (RFC 4578 section 2.3).
        if let Some(uuid) = message.option(option::CLIENT_UUID) {
            reply.options.push((option::CLIENT_UUID, uuid.to_vec()));
        }
        if let Some(rule) = self.rule(message) {
            rule.answer.apply(self.spec.address, &mut reply);
        }
        if self.spec.role == DhcpRole::Proxy && reply.option(option::VENDOR_CLASS).is_none() {
            reply.options.push((option::VENDOR_CLASS, b"PXEClient".to_vec()));
        }
        reply
    }
}

/// Where a reply goes (RFC 2131 section 4.1): to the asker's own port where it asked by unicast, else to the address
/// it gets, or to everyone where it cannot take unicast yet or is refused.
fn destination(query: &Query<'_>, reply: &Repr, kind: MessageType) -> (MacAddr, SocketAddr) {
    let (message, datagram) = (query.message, query.datagram);
    if datagram.dst.port() == PXE_PORT {
        return (datagram.src_mac, datagram.src);
    }
    if kind != MessageType::Nak && !message.client_ip.is_unspecified() {
        return (message.client_mac, (message.client_ip, CLIENT_PORT).into());
    }
    if kind == MessageType::Nak || message.broadcast || reply.your_ip.is_unspecified() {
        return (MacAddr::BROADCAST, (Ipv4Addr::BROADCAST, CLIENT_PORT).into());
    }
    (message.client_mac, (reply.your_ip, CLIENT_PORT).into())
}

/// The event for a message.
pub(crate) fn event_of(message: &Repr, arch: Option<u16>, server: Option<String>) -> LanEventKind {
    let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
    LanEventKind::Dhcp(Box::new(DhcpEvent {
        message: message.message_type().unwrap_or(MessageType::Inform),
        server,
        xid: message.xid,
        secs: message.secs,
        mac: message.client_mac,
        arch,
        vendor_class: message.text_option(option::VENDOR_CLASS),
        user_class: message.text_option(option::USER_CLASS),
        uuid: message.client_uuid(),
        client_id: message.option(option::CLIENT_ID).map(<[u8]>::to_vec),
        your_ip: message.your_ip,
        server_id: message.address_option(option::SERVER_ID),
        next_server: message.next_server,
        boot_file: message.text_option(option::BOOTFILE).or_else(|| text(&message.boot_file)),
        cut: false,
    }))
}

/// Where the last byte of `yiaddr` stands (RFC 2131, section 2).
const YIADDR_LAST: usize = 19;
/// Where the last byte of an Ethernet address in `chaddr` stands.
const CHADDR_LAST: usize = 33;

/// Breaks a reply in a way that the codec would not write.
fn corrupt(way: Malformed, reply: &mut Repr, payload: &mut Vec<u8>) {
    let replace = |reply: &mut Repr, code: u8, value: Vec<u8>| {
        reply.options.retain(|(key, _)| *key != code);
        reply.options.push((code, value));
        reply.emit()
    };
    let [offers, acknowledges] = [MessageType::Offer, MessageType::Ack].map(|kind| reply.message_type() == Some(kind));
    match way {
        Malformed::OptionPastEnd => {
            let end = end_of_options(payload);
            payload.truncate(end);
            payload.extend_from_slice(&[224, 255, 1, 2]);
        }
        Malformed::MissingEnd => {
            let end = end_of_options(payload);
            payload.truncate(end);
        }
        Malformed::ShortServerId => *payload = replace(reply, option::SERVER_ID, vec![10, 77]),
        Malformed::NoMessageType => {
            reply.options.retain(|(code, _)| *code != option::MESSAGE_TYPE);
            *payload = reply.emit();
        }
        Malformed::BadCookie => payload[236] ^= 0xff,
        Malformed::EmptyBootfile => *payload = replace(reply, option::BOOTFILE, Vec::new()),
        Malformed::UnterminatedFile => {
            let used = reply.boot_file.len().min(127);
            payload[108 + used..236].fill(b'x');
        }
        Malformed::WrongXid => {}
        Malformed::WrongHardwareAddress => payload[CHADDR_LAST] ^= 0x40,
        Malformed::OtherServerAcknowledges if acknowledges => {
            *payload = replace(reply, option::SERVER_ID, vec![10, 77, 0, 250]);
        }
        Malformed::OtherAddressAcknowledged if acknowledges => payload[YIADDR_LAST] ^= 0x40,
        Malformed::OfferRefuses if offers => {
            *payload = replace(reply, option::MESSAGE_TYPE, vec![MessageType::Nak as u8]);
        }
        Malformed::OfferRefuses | Malformed::OtherServerAcknowledges | Malformed::OtherAddressAcknowledged => {}
    }
}

/// Where the end option stands.
fn end_of_options(payload: &[u8]) -> usize {
    let mut at = dhcpv4::FIXED_LEN;
    while let Some(&code) = payload.get(at) {
        match code {
            255 => break,
            0 => at += 1,
            _ => at += 2 + usize::from(payload.get(at + 1).copied().unwrap_or(0)),
        }
    }
    at.min(payload.len())
}
