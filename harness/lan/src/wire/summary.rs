//! What a frame is, at a glance: enough for a fault to match it and for a log line to name it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{MacAddr, arp, dhcpv4, dhcpv6, dns, ethernet, ipv4, ipv6, tftp, udp};

/// First server port that TFTP transfers use; transfers are told from other UDP by it.
pub(crate) const TFTP_TRANSFER_PORTS: std::ops::RangeInclusive<u16> = 50_000..=50_999;

/// The message that a frame carries, as far as a fault can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// An ARP request.
    ArpRequest,
    /// An ARP reply.
    ArpReply,
    /// An ICMP message.
    Icmp,
    /// A DHCP message of that type.
    Dhcp(dhcpv4::MessageType),
    /// A DHCPv6 message of that type.
    Dhcpv6(dhcpv6::MessageType),
    /// An ICMPv6 message of that type (133 router solicitation, 134 advertisement, 135, 136 neighbours).
    Icmpv6(u8),
    /// A DNS message.
    Dns,
    /// A TFTP message with that opcode.
    Tftp(tftp::Opcode),
    /// A TCP segment that opens a connection (SYN, with or without ACK).
    TcpSyn,
    /// Any other TCP segment.
    Tcp,
}

/// A frame's message where more of it is wanted than its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// A DHCP message, whole.
    Dhcp(Box<dhcpv4::Repr>),
    /// A DHCPv6 message of a known type, whole.
    Dhcpv6(Box<dhcpv6::Repr>),
    /// Anything else.
    Other,
}

/// Addresses and message of a frame, tagged or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Sender's hardware address.
    pub src_mac: MacAddr,
    /// Receiver's hardware address.
    pub dst_mac: MacAddr,
    /// Identifier of its 802.1Q tag.
    pub vlan: Option<u16>,
    /// Protocol of the payload, behind the tag.
    pub ethertype: u16,
    /// IP protocol number and addresses, if it is an IP packet that can be read.
    pub ip: Option<(u8, IpAddr, IpAddr)>,
    /// Source and destination port, if it is UDP or TCP.
    pub ports: Option<(u16, u16)>,
    /// The message, if it is one that has a name here.
    pub message: Option<Message>,
    /// Bytes of TCP or UDP payload.
    pub payload_len: usize,
    /// Sequence number, if it is TCP.
    pub sequence: Option<u32>,
    /// A hash of the payload, if it is DNS or TFTP.
    pub payload_hash: Option<u64>,
}

impl Summary {
    /// Reads a frame; what cannot be read is left out.
    pub fn of(frame: &[u8]) -> Self {
        read(frame).0
    }

    fn read(frame: &[u8], content: &mut Content) -> Self {
        let mut summary = Self {
            src_mac: MacAddr::default(),
            dst_mac: MacAddr::default(),
            vlan: None,
            ethertype: 0,
            ip: None,
            ports: None,
            message: None,
            payload_len: 0,
            sequence: None,
            payload_hash: None,
        };
        let untagged = ethernet::without_tag(frame);
        if let Some((vlan, _)) = &untagged {
            summary.vlan = Some(*vlan);
        }
        let frame = untagged.as_ref().map_or(frame, |(_, frame)| frame);
        let Ok(packet) = ethernet::Packet::new(frame) else { return summary };
        let header = packet.repr();
        (summary.src_mac, summary.dst_mac, summary.ethertype) = (header.src, header.dst, header.ethertype);
        match header.ethertype {
            ethernet::ARP => {
                summary.message = arp::Repr::parse(packet.payload()).ok().map(|arp| match arp.operation {
                    arp::Operation::Request => Message::ArpRequest,
                    arp::Operation::Reply => Message::ArpReply,
                });
            }
            ethernet::IPV4 => {
                if let Ok(ip) = ipv4::Packet::new(packet.payload()) {
                    let ipv4::Repr { src, dst, protocol, .. } = ip.repr();
                    summary.ip = Some((protocol, src.into(), dst.into()));
                    if !ip.is_fragment() {
                        summary.read_transport(protocol, ip.payload(), content);
                    }
                }
            }
            ethernet::IPV6 => {
                if let Ok(ip) = ipv6::Packet::new(packet.payload()) {
                    let ipv6::Repr { src, dst, next_header, .. } = ip.repr();
                    summary.ip = Some((next_header, src.into(), dst.into()));
                    summary.read_transport(next_header, ip.payload(), content);
                }
            }
            _ => {}
        }
        summary
    }

    fn read_transport(&mut self, protocol: u8, payload: &[u8], content: &mut Content) {
        match protocol {
            ipv4::ICMP => self.message = Some(Message::Icmp),
            ipv6::ICMPV6 => self.message = payload.first().copied().map(Message::Icmpv6),
            ipv4::UDP => {
                if let Ok(datagram) = udp::Packet::new(payload) {
                    let header = datagram.repr();
                    self.ports = Some((header.src_port, header.dst_port));
                    self.payload_len = datagram.payload().len();
                    self.message = udp_message(header, datagram.payload(), content);
                    let hashed = matches!(self.message, Some(Message::Dns | Message::Tftp(_)));
                    self.payload_hash = hashed.then(|| hash(datagram.payload()));
                }
            }
            ipv4::TCP if payload.len() >= 20 => {
                self.ports = Some((super::be16(payload, 0), super::be16(payload, 2)));
                self.payload_len = payload.len().saturating_sub(usize::from(payload[12] >> 4) * 4);
                self.sequence = Some(u32::from_be_bytes([payload[4], payload[5], payload[6], payload[7]]));
                self.message = Some(if payload[13] & 2 != 0 { Message::TcpSyn } else { Message::Tcp });
            }
            _ => {}
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn udp_message(header: udp::Repr, payload: &[u8], content: &mut Content) -> Option<Message> {
    let ports = [header.src_port, header.dst_port];
    if ports.iter().any(|port| [dhcpv4::SERVER_PORT, dhcpv4::CLIENT_PORT, dhcpv4::PXE_PORT].contains(port)) {
        let message = dhcpv4::Repr::parse(payload).ok()?;
        let kind = message.message_type();
        *content = Content::Dhcp(Box::new(message));
        return kind.map(Message::Dhcp);
    }
    if ports.contains(&dhcpv6::SERVER_PORT) || ports.contains(&dhcpv6::CLIENT_PORT) {
        let kind = dhcpv6::MessageType::from_number(*payload.first()?)?;
        if let Ok(message) = dhcpv6::Repr::parse(payload) {
            *content = Content::Dhcpv6(Box::new(message));
        }
        return Some(Message::Dhcpv6(kind));
    }
    if ports.contains(&dns::PORT) {
        return Some(Message::Dns);
    }
    if ports.iter().any(|port| *port == tftp::PORT || TFTP_TRANSFER_PORTS.contains(port)) {
        return tftp::Opcode::of(payload).map(Message::Tftp);
    }
    None
}

/// Reads a frame with its message; what cannot be read is left out.
pub(crate) fn read(frame: &[u8]) -> (Summary, Content) {
    let mut content = Content::Other;
    let summary = Summary::read(frame, &mut content);
    (summary, content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_tftp_read_request_is_named_with_its_ports() {
        let (src, dst) = (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 1));
        let datagram = udp::Repr { src_port: 2000, dst_port: 69 }.emit(src.into(), dst.into(), b"\0\x01a\0octet\0");
        let packet = ipv4::Repr { src, dst, protocol: ipv4::UDP, identification: 0, hop_limit: 64 }.emit(&datagram);
        let frame = ethernet::Repr { dst: MacAddr::BROADCAST, src: MacAddr::default(), ethertype: ethernet::IPV4 };
        let summary = Summary::of(&frame.emit(&packet));
        assert_eq!(summary.message, Some(Message::Tftp(tftp::Opcode::ReadRequest)));
        assert_eq!(summary.ports, Some((2000, 69)));
    }

    #[test]
    fn garbage_has_no_message() {
        assert_eq!(Summary::of(&[0xff; 64]).message, None);
        assert_eq!(Summary::of(&[]).message, None);
    }
}
