//! UDP (RFC 768) over IPv4 and IPv6.

use std::net::IpAddr;

use super::{WireError, at_least, be16, checksum, ipv4};

/// Bytes of the header.
pub const HEADER_LEN: usize = 8;

/// A datagram whose length field fits the bytes that are there.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// A view of the datagram at the start of `bytes`.
    ///
    /// # Errors
    /// [`WireError`] if it is short or its length field is impossible.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        at_least("UDP", bytes, HEADER_LEN)?;
        let length = usize::from(be16(bytes, 4));
        if length < HEADER_LEN {
            return Err(WireError::Malformed { layer: "UDP", what: "length is below 8" });
        }
        at_least("UDP", bytes, length)?;
        Ok(Self { bytes: &bytes[..length] })
    }

    /// The checksum field is right for these addresses, or zero (none) over IPv4.
    pub fn checksum_ok(&self, src: IpAddr, dst: IpAddr) -> bool {
        (be16(self.bytes, 6) == 0 && src.is_ipv4())
            || checksum::with_pseudo_header(src, dst, ipv4::UDP, self.bytes) == 0
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// The header's values.
    pub fn repr(&self) -> Repr {
        Repr { src_port: be16(self.bytes, 0), dst_port: be16(self.bytes, 2) }
    }
}

/// A UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Sender's port.
    pub src_port: u16,
    /// Receiver's port.
    pub dst_port: u16,
}

impl Repr {
    /// The datagram with this header and a right checksum. A payload beyond 65527 bytes is cut there.
    pub fn emit(&self, src: IpAddr, dst: IpAddr, payload: &[u8]) -> Vec<u8> {
        let payload = &payload[..payload.len().min(usize::from(u16::MAX) - HEADER_LEN)];
        let length = (HEADER_LEN + payload.len()) as u16;
        let mut bytes = Vec::with_capacity(usize::from(length));
        bytes.extend_from_slice(&self.src_port.to_be_bytes());
        bytes.extend_from_slice(&self.dst_port.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(payload);
        // A sum that comes out as zero is sent as all ones: zero means that there is none.
        let sum = match checksum::with_pseudo_header(src, dst, ipv4::UDP, &bytes) {
            0 => 0xffff,
            sum => sum,
        };
        bytes[6..8].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_reads_back_and_a_wrong_address_shows_in_its_checksum() {
        let (src, dst) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let header = Repr { src_port: 67, dst_port: 68 };
        let bytes = header.emit(src, dst, b"odd");
        let packet = Packet::new(&bytes).unwrap();
        assert_eq!((packet.repr(), packet.payload()), (header, &b"odd"[..]));
        assert!(packet.checksum_ok(src, dst));
        assert!(!packet.checksum_ok(src, IpAddr::from([10, 0, 0, 3])));
    }

    #[test]
    fn no_checksum_is_accepted_over_ipv4_only() {
        let mut bytes = Repr { src_port: 1, dst_port: 2 }.emit([0; 4].into(), [0; 4].into(), b"x");
        bytes[6..8].fill(0);
        let packet = Packet::new(&bytes).unwrap();
        assert!(packet.checksum_ok([0; 4].into(), [0; 4].into()));
        assert!(!packet.checksum_ok([0; 16].into(), [0; 16].into()));
    }

    #[test]
    fn a_length_that_is_too_long_or_too_short_is_refused() {
        assert!(Packet::new(&[0, 1, 0, 2, 0, 9, 0, 0]).is_err());
        assert!(Packet::new(&[0, 1, 0, 2, 0, 7, 0, 0]).is_err());
    }
}
