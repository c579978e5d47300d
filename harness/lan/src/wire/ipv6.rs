//! IPv6 (RFC 8200). Hop-by-hop and destination options are skipped; routing headers and fragments are refused.

use std::net::Ipv6Addr;

use super::{WireError, array, at_least, be16};

/// Bytes of the fixed header.
pub const HEADER_LEN: usize = 40;
/// Next header value of ICMPv6.
pub const ICMPV6: u8 = 58;
/// Every node on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Every router on the link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

const HOP_BY_HOP: u8 = 0;
const DESTINATION_OPTIONS: u8 = 60;
/// Most extension headers that are skipped.
const MAX_EXTENSIONS: usize = 4;

/// A packet whose length fits the bytes that are there.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    header: &'a [u8],
    next_header: u8,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// A view of `bytes`; what follows the payload length is padding.
    ///
    /// # Errors
    /// [`WireError`] if it is short, not version 6, or has extension headers that are not read here.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        at_least("IPv6", bytes, HEADER_LEN)?;
        if bytes[0] >> 4 != 6 {
            return Err(WireError::Malformed { layer: "IPv6", what: "version is not 6" });
        }
        let total = HEADER_LEN + usize::from(be16(bytes, 4));
        at_least("IPv6", bytes, total)?;
        let (mut next_header, mut payload) = (bytes[6], &bytes[HEADER_LEN..total]);
        for _ in 0..MAX_EXTENSIONS {
            if next_header != HOP_BY_HOP && next_header != DESTINATION_OPTIONS {
                return Ok(Self { header: &bytes[..HEADER_LEN], next_header, payload });
            }
            at_least("IPv6", payload, 8)?;
            let length = (usize::from(payload[1]) + 1) * 8;
            next_header = payload[0];
            payload = at_least("IPv6", payload, length)?.get(length..).unwrap_or_default();
        }
        Err(WireError::Malformed { layer: "IPv6", what: "too many extension headers" })
    }

    /// What follows the headers, without padding.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The header's values, with the protocol behind the extension headers.
    pub fn repr(&self) -> Repr {
        Repr {
            src: Ipv6Addr::from(array::<16>(self.header, 8)),
            dst: Ipv6Addr::from(array::<16>(self.header, 24)),
            next_header: self.next_header,
            hop_limit: self.header[7],
        }
    }
}

/// An IPv6 header without extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Sender.
    pub src: Ipv6Addr,
    /// Receiver.
    pub dst: Ipv6Addr,
    /// Protocol of the payload.
    pub next_header: u8,
    /// Hop limit; 255 in neighbour discovery.
    pub hop_limit: u8,
}

impl Repr {
    /// The packet with this header. A payload beyond 65535 bytes is cut there.
    pub fn emit(&self, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(usize::from(u16::MAX))];
        let mut bytes = Vec::with_capacity(HEADER_LEN + payload.len());
        bytes.extend_from_slice(&[0x60, 0, 0, 0]);
        bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&[self.next_header, self.hop_limit]);
        bytes.extend_from_slice(&self.src.octets());
        bytes.extend_from_slice(&self.dst.octets());
        bytes.extend_from_slice(payload);
        bytes
    }
}

/// The group in which the owner of `address` listens for questions about it (RFC 4291 section 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Repr {
        Repr { src: Ipv6Addr::LOCALHOST, dst: ALL_NODES, next_header: 17, hop_limit: 255 }
    }

    #[test]
    fn a_header_reads_back_and_padding_is_left_out() {
        let mut bytes = sample().emit(b"payload");
        bytes.push(0);
        let packet = Packet::new(&bytes).unwrap();
        assert_eq!((packet.repr(), packet.payload()), (sample(), &b"payload"[..]));
    }

    #[test]
    fn options_are_skipped_but_not_without_end() {
        let options = [17, 0, 1, 4, 0, 0, 0, 0, b'x'];
        let bytes = Repr { next_header: HOP_BY_HOP, ..sample() }.emit(&options);
        let packet = Packet::new(&bytes).unwrap();
        assert_eq!((packet.repr().next_header, packet.payload()), (17, &b"x"[..]));
        let chain = [[HOP_BY_HOP, 0, 1, 4, 0, 0, 0, 0]; 9].concat();
        assert!(Packet::new(&Repr { next_header: HOP_BY_HOP, ..sample() }.emit(&chain)).is_err());
    }

    #[test]
    fn a_truncated_packet_and_another_version_are_refused() {
        let bytes = sample().emit(b"payload");
        assert!(Packet::new(&bytes[..46]).is_err());
        assert!(Packet::new(&[0x45; 60]).is_err());
    }

    #[test]
    fn a_solicited_node_group_keeps_24_bits() {
        let address = "fe80::5054:ff:fe12:3456".parse().unwrap();
        assert_eq!(solicited_node(address), "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap());
    }
}
