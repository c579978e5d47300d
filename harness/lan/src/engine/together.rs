//! What a guest asks again before anybody could have answered.

use std::collections::HashSet;
use std::net::IpAddr;

use super::frame::Frame;
use crate::wire::summary::{Content, Message};
use crate::wire::{dhcpv4, dhcpv6};

/// Something that a guest wants an answer to; two alike are the second saying of one.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Question {
    /// A kind of message and its transaction: how long the client has waited stands in it, too.
    Dhcp(dhcpv4::MessageType, u32),
    Dhcpv6(dhcpv6::MessageType, u32),
    /// A segment that must be acknowledged, by its sequence number.
    Tcp {
        addresses: (IpAddr, IpAddr),
        ports: (u16, u16),
        sequence: u32,
    },
    /// A whole request for a hardware address.
    Arp(Vec<u8>),
    /// A request of DNS, or a request or acknowledgement of TFTP, by a hash of its payload.
    Datagram {
        addresses: (IpAddr, IpAddr),
        ports: (u16, u16),
        payload: u64,
    },
}

impl Question {
    fn of(frame: &Frame) -> Option<Question> {
        match &frame.content {
            Content::Dhcp(message) => {
                return message.message_type().filter(|_| !message.reply).map(|kind| Question::Dhcp(kind, message.xid));
            }
            Content::Dhcpv6(message) => return Some(Question::Dhcpv6(message.message, message.xid)),
            Content::Other => {}
        }
        let summary = &frame.summary;
        let addresses = summary.ip.map(|(_, src, dst)| (src, dst));
        match summary.message? {
            Message::ArpRequest => Some(Question::Arp(frame.bytes.clone())),
            // what only acknowledges wants no answer
            message @ (Message::TcpSyn | Message::Tcp) if message == Message::TcpSyn || summary.payload_len > 0 => {
                let (addresses, ports) = (addresses?, summary.ports?);
                Some(Question::Tcp { addresses, ports, sequence: summary.sequence? })
            }
            Message::Dns | Message::Tftp(_) => {
                let (addresses, ports) = (addresses?, summary.ports?);
                Some(Question::Datagram { addresses, ports, payload: summary.payload_hash? })
            }
            _ => None,
        }
    }
}

/// So many questions are looked at where nobody says that the frames behind are others: a pipe's content is far less.
const MOST: usize = 4096;

/// The frames of one NIC that were there all at once.
#[derive(Debug, Default)]
pub(super) struct Together {
    asked: HashSet<Question>,
    again: u32,
}

impl Together {
    /// A frame that was there beside those before it.
    pub fn add(&mut self, frame: &Frame) {
        if self.asked.len() < MOST
            && let Some(question) = Question::of(frame)
        {
            self.again = self.again.saturating_add(u32::from(!self.asked.insert(question)));
        }
    }

    /// How many of them said again what one before them had said; the next frame is of others.
    pub fn end(&mut self) -> u32 {
        self.asked.clear();
        std::mem::take(&mut self.again)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::{MacAddr, arp, ethernet, ipv4, udp};

    const GUEST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 100);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    fn frame(ethertype: u16, payload: &[u8]) -> Frame {
        Frame::read(ethernet::Repr { dst: MacAddr::BROADCAST, src: MacAddr::default(), ethertype }.emit(payload))
    }

    fn packet(protocol: u8, identification: u16, payload: &[u8]) -> Frame {
        let header = ipv4::Repr { src: GUEST, dst: SERVER, protocol, identification, hop_limit: 64 };
        frame(ethernet::IPV4, &header.emit(payload))
    }

    fn segment(identification: u16, sequence: u8, flags: u8, text: &[u8]) -> Frame {
        let mut header = vec![7, 51, 0, 80, 0, 0, 0, sequence, 0, 0, 0, 1, 5 << 4, flags, 255, 255, 0, 0, 0, 0];
        header.extend(text);
        packet(ipv4::TCP, identification, &header)
    }

    fn datagram(identification: u16, port: u16, text: &[u8]) -> Frame {
        let header = udp::Repr { src_port: 2000, dst_port: port };
        packet(ipv4::UDP, identification, &header.emit(GUEST.into(), SERVER.into(), text))
    }

    fn request(target: Ipv4Addr) -> Frame {
        let (operation, sender_mac) = (arp::Operation::Request, MacAddr::default());
        let request =
            arp::Repr { operation, sender_mac, sender_ip: GUEST, target_mac: MacAddr::default(), target_ip: target };
        frame(ethernet::ARP, &request.emit())
    }

    fn again(frames: &[Frame]) -> u32 {
        let mut together = Together::default();
        frames.iter().for_each(|frame| together.add(frame));
        together.end()
    }

    #[test]
    fn what_wants_an_answer_and_comes_twice_is_said_again() {
        assert_eq!(again(&[segment(1, 0, 2, b""), segment(2, 0, 2, b"")]), 1, "SYN");
        assert_eq!(again(&[segment(1, 1, 0x18, b"HEAD /"), segment(2, 1, 0x18, b"HEAD /"), segment(3, 7, 4, b"")]), 1);
        assert_eq!(again(&[datagram(1, 69, b"\0\x01a\0octet\0"), datagram(2, 69, b"\0\x01a\0octet\0")]), 1);
        assert_eq!(again(&[datagram(1, 53, b"query"), datagram(2, 53, b"query"), datagram(3, 53, b"query")]), 2);
        assert_eq!(again(&[request(SERVER), request(SERVER)]), 1);
    }

    #[test]
    fn what_goes_on_or_only_acknowledges_is_not() {
        assert_eq!(again(&[segment(1, 1, 0x18, b"one"), segment(2, 4, 0x18, b"two"), segment(3, 7, 0x11, b"")]), 0);
        assert_eq!(again(&[segment(1, 7, 0x10, b""), segment(2, 7, 0x10, b"")]), 0);
        assert_eq!(again(&[datagram(1, 69, b"\0\x01a\0octet\0"), datagram(2, 69, b"\0\x01b\0octet\0")]), 0);
        assert_eq!(again(&[datagram(1, 9, b"noise"), datagram(2, 9, b"noise")]), 0);
        assert_eq!(again(&[request(SERVER), request(GUEST), frame(0x88cc, b"x"), frame(0x88cc, b"x")]), 0);
    }

    #[test]
    fn a_guest_that_asks_without_end_is_not_listened_to_without_end() {
        let mut together = Together::default();
        let ask = |number: u32| datagram(1, 53, &number.to_be_bytes());
        (0..6000).for_each(|number| together.add(&ask(number)));
        assert_eq!((together.asked.len(), together.end()), (MOST, 0));
        (0..2).for_each(|_| together.add(&ask(0)));
        assert_eq!(together.end(), 1, "the next frames are listened to again");
    }

    #[test]
    fn what_comes_later_is_no_repetition() {
        let mut together = Together::default();
        for _ in 0..3 {
            together.add(&segment(1, 1, 0x18, b"HEAD /"));
            assert_eq!(together.end(), 0);
        }
    }
}
