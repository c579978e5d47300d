//! The Internet checksum (RFC 1071) and the pseudo headers it covers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One's complement sum of 16-bit big-endian words, not yet folded; an odd last byte counts as the high half.
fn sum(bytes: &[u8]) -> u64 {
    bytes.chunks(2).map(|pair| u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))).sum()
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}

/// The checksum of `bytes` whose own checksum field is zero; 0 when verifying bytes whose field is right.
pub fn plain(bytes: &[u8]) -> u16 {
    fold(sum(bytes))
}

/// The checksum of a UDP, TCP or ICMPv6 segment between `src` and `dst` (RFC 768, RFC 8200 section 8.1).
///
/// Addresses of different families give the sum of both, which no receiver accepts.
pub fn with_pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, segment: &[u8]) -> u16 {
    let addresses = address_sum(src) + address_sum(dst);
    let length = segment.len() as u64;
    fold(addresses + u64::from(protocol) + (length >> 16) + (length & 0xffff) + sum(segment))
}

/// What [`with_pseudo_header`] gives for a segment of `length` bytes that are all zero.
pub fn pseudo_header_only(src: IpAddr, dst: IpAddr, protocol: u8, length: u16) -> u16 {
    fold(address_sum(src) + address_sum(dst) + u64::from(protocol) + u64::from(length))
}

fn address_sum(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => sum(&Ipv4Addr::octets(&address)),
        IpAddr::V6(address) => sum(&Ipv6Addr::octets(&address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_sums_to_ddf2() {
        assert_eq!(plain(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn an_odd_byte_counts_as_the_high_half() {
        assert_eq!(plain(&[0x12]), !0x1200);
    }

    #[test]
    fn bytes_with_their_checksum_verify_to_zero_and_a_flipped_bit_does_not() {
        let mut bytes = vec![0x45, 0x00, 0x00, 0x1c, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let sum = plain(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(plain(&bytes), 0);
        bytes[3] ^= 1;
        assert_ne!(plain(&bytes), 0);
    }
}
