//! IPv4 (RFC 791). Options are skipped, fragments are told apart and left to the caller to refuse.

use std::net::Ipv4Addr;

use super::{WireError, array, at_least, be16, checksum};

/// Bytes of a header without options.
pub const HEADER_LEN: usize = 20;
/// Protocol number of ICMP.
pub const ICMP: u8 = 1;
/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;

/// A packet whose lengths fit the bytes that are there and whose header checksum is right.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    bytes: &'a [u8],
    header_len: usize,
    total_len: usize,
}

impl<'a> Packet<'a> {
    /// A view of `bytes`; what follows the total length is padding.
    ///
    /// # Errors
    /// [`WireError`] if it is short, not version 4, has impossible lengths, or a wrong header checksum.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        at_least("IPv4", bytes, HEADER_LEN)?;
        if bytes[0] >> 4 != 4 {
            return Err(WireError::Malformed { layer: "IPv4", what: "version is not 4" });
        }
        let header_len = usize::from(bytes[0] & 15) * 4;
        let total_len = usize::from(be16(bytes, 2));
        if header_len < HEADER_LEN || total_len < header_len {
            return Err(WireError::Malformed { layer: "IPv4", what: "header length does not fit total length" });
        }
        at_least("IPv4", bytes, total_len)?;
        if checksum::plain(&bytes[..header_len]) != 0 {
            return Err(WireError::Checksum { layer: "IPv4" });
        }
        Ok(Self { bytes, header_len, total_len })
    }

    /// A piece of a larger packet: the first has more fragments to come, the others an offset.
    pub fn is_fragment(&self) -> bool {
        be16(self.bytes, 6) & 0x3fff != 0
    }

    /// What follows the header, without padding.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(self.header_len..self.total_len).unwrap_or_default()
    }

    /// The header's values.
    pub fn repr(&self) -> Repr {
        Repr {
            src: Ipv4Addr::from(array::<4>(self.bytes, 12)),
            dst: Ipv4Addr::from(array::<4>(self.bytes, 16)),
            protocol: self.bytes[9],
            identification: be16(self.bytes, 4),
            hop_limit: self.bytes[8],
        }
    }
}

/// An IPv4 header without options, of a packet that is not to be fragmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Sender.
    pub src: Ipv4Addr,
    /// Receiver.
    pub dst: Ipv4Addr,
    /// Protocol of the payload (IANA protocol numbers).
    pub protocol: u8,
    /// Identification field.
    pub identification: u16,
    /// Time to live.
    pub hop_limit: u8,
}

impl Repr {
    /// The packet with this header. A payload beyond 65515 bytes is cut there.
    pub fn emit(&self, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(usize::from(u16::MAX) - HEADER_LEN)];
        let total = (HEADER_LEN + payload.len()) as u16;
        let mut bytes = Vec::with_capacity(usize::from(total));
        bytes.extend_from_slice(&[0x45, 0]);
        bytes.extend_from_slice(&total.to_be_bytes());
        bytes.extend_from_slice(&self.identification.to_be_bytes());
        bytes.extend_from_slice(&[0x40, 0, self.hop_limit, self.protocol, 0, 0]);
        bytes.extend_from_slice(&self.src.octets());
        bytes.extend_from_slice(&self.dst.octets());
        let sum = checksum::plain(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Repr {
        Repr {
            src: Ipv4Addr::new(10, 0, 0, 1),
            dst: Ipv4Addr::new(10, 0, 0, 2),
            protocol: UDP,
            identification: 7,
            hop_limit: 64,
        }
    }

    #[test]
    fn a_header_reads_back_and_padding_is_left_out() {
        let mut bytes = sample().emit(b"payload");
        bytes.extend_from_slice(&[0; 20]);
        let packet = Packet::new(&bytes).unwrap();
        assert_eq!(packet.repr(), sample());
        assert_eq!(packet.payload(), b"payload");
        assert!(!packet.is_fragment());
    }

    #[test]
    fn a_flipped_bit_in_the_header_is_a_wrong_checksum() {
        let mut bytes = sample().emit(b"");
        bytes[8] ^= 1;
        assert_eq!(Packet::new(&bytes).unwrap_err(), WireError::Checksum { layer: "IPv4" });
    }

    #[test]
    fn impossible_lengths_are_refused() {
        let mut bytes = sample().emit(b"");
        bytes[0] = 0x44;
        assert!(matches!(Packet::new(&bytes), Err(WireError::Malformed { .. })));
        let mut bytes = sample().emit(b"");
        bytes[2] = 0xff;
        assert!(matches!(Packet::new(&bytes), Err(WireError::Truncated { .. })));
    }
}
