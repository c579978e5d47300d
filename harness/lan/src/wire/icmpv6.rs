//! ICMPv6 (RFC 4443): echo and the four neighbour discovery messages that a link needs (RFC 4861).

use std::net::{IpAddr, Ipv6Addr};

use super::{MacAddr, WireError, array, at_least, be16, checksum, ipv6};

/// An ICMPv6 message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repr {
    /// Echo request (128) or reply (129).
    Echo {
        /// Reply rather than request.
        reply: bool,
        /// Identifier, sequence number and data, as sent.
        body: Vec<u8>,
    },
    /// Router solicitation (133).
    RouterSolicit,
    /// Router advertisement (134).
    RouterAdvert(RouterAdvert),
    /// Neighbour solicitation (135).
    NeighborSolicit {
        /// Whose hardware address is wanted.
        target: Ipv6Addr,
        /// The asker's own; none in duplicate address detection.
        source_mac: Option<MacAddr>,
    },
    /// Neighbour advertisement (136).
    NeighborAdvert {
        /// Whose hardware address this is.
        target: Ipv6Addr,
        /// The address.
        target_mac: MacAddr,
        /// It answers a solicitation.
        solicited: bool,
    },
}

/// A router advertisement (RFC 4861 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterAdvert {
    /// M: addresses come by DHCPv6.
    pub managed: bool,
    /// O: other configuration comes by DHCPv6.
    pub other: bool,
    /// Seconds for which this is a default router; 0: it is none.
    pub lifetime: u16,
    /// The router's hardware address.
    pub source_mac: MacAddr,
    /// On-link prefix, its length, and whether hosts make addresses of it (A).
    pub prefix: Option<(Ipv6Addr, u8, bool)>,
}

impl Repr {
    /// Reads a message that went from `src` to `dst`.
    ///
    /// # Errors
    /// [`WireError`] if it is short, has a wrong checksum, or is a message that is not read here.
    pub fn parse(src: Ipv6Addr, dst: Ipv6Addr, bytes: &[u8]) -> Result<Self, WireError> {
        at_least("ICMPv6", bytes, 8)?;
        if checksum::with_pseudo_header(IpAddr::V6(src), IpAddr::V6(dst), ipv6::ICMPV6, bytes) != 0 {
            return Err(WireError::Checksum { layer: "ICMPv6" });
        }
        let target = |bytes| at_least("ICMPv6", bytes, 24).map(|bytes| Ipv6Addr::from(array::<16>(bytes, 8)));
        Ok(match bytes[0] {
            kind @ (128 | 129) => Self::Echo { reply: kind == 129, body: bytes[4..].to_vec() },
            133 => Self::RouterSolicit,
            134 => Self::RouterAdvert(read_advert(at_least("ICMPv6", bytes, 16)?)),
            135 => Self::NeighborSolicit { target: target(bytes)?, source_mac: link_layer_option(&bytes[24..], 1) },
            136 => Self::NeighborAdvert {
                target: target(bytes)?,
                target_mac: link_layer_option(&bytes[24..], 2)
                    .ok_or(WireError::Malformed { layer: "ICMPv6", what: "advertisement without an address" })?,
                solicited: bytes[4] & 0x40 != 0,
            },
            _ => return Err(WireError::Malformed { layer: "ICMPv6", what: "message is not read here" }),
        })
    }

    /// The message's bytes when it goes from `src` to `dst`.
    pub fn emit(&self, src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        let mut bytes = match self {
            Self::Echo { reply, body } => [&[if *reply { 129 } else { 128 }, 0, 0, 0][..], body].concat(),
            Self::RouterSolicit => vec![133, 0, 0, 0, 0, 0, 0, 0],
            Self::RouterAdvert(advert) => emit_advert(advert),
            Self::NeighborSolicit { target, source_mac } => {
                let mut bytes = vec![135, 0, 0, 0, 0, 0, 0, 0];
                bytes.extend_from_slice(&target.octets());
                if let Some(mac) = source_mac {
                    push_link_layer(&mut bytes, 1, *mac);
                }
                bytes
            }
            Self::NeighborAdvert { target, target_mac, solicited } => {
                // Override is always set: the address that is sent is the one to use.
                let flags = if *solicited { 0x60 } else { 0x20 };
                let mut bytes = vec![136, 0, 0, 0, flags, 0, 0, 0];
                bytes.extend_from_slice(&target.octets());
                push_link_layer(&mut bytes, 2, *target_mac);
                bytes
            }
        };
        let sum = checksum::with_pseudo_header(IpAddr::V6(src), IpAddr::V6(dst), ipv6::ICMPV6, &bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

fn push_link_layer(bytes: &mut Vec<u8>, kind: u8, mac: MacAddr) {
    bytes.extend_from_slice(&[kind, 1]);
    bytes.extend_from_slice(&mac.0);
}

fn emit_advert(advert: &RouterAdvert) -> Vec<u8> {
    let flags = if advert.managed { 0x80 } else { 0 } | if advert.other { 0x40 } else { 0 };
    let mut bytes = vec![134, 0, 0, 0, 64, flags];
    bytes.extend_from_slice(&advert.lifetime.to_be_bytes());
    bytes.extend_from_slice(&[0; 8]);
    push_link_layer(&mut bytes, 1, advert.source_mac);
    if let Some((prefix, len, autonomous)) = advert.prefix {
        bytes.extend_from_slice(&[3, 4, len, if autonomous { 0xc0 } else { 0x80 }]);
        // Valid and preferred lifetime: infinity.
        bytes.extend_from_slice(&[0xff; 8]);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&prefix.octets());
    }
    bytes
}

fn read_advert(bytes: &[u8]) -> RouterAdvert {
    let prefix = options(&bytes[16..]).find(|option| option[0] == 3 && option.len() == 32);
    RouterAdvert {
        managed: bytes[5] & 0x80 != 0,
        other: bytes[5] & 0x40 != 0,
        lifetime: be16(bytes, 6),
        source_mac: link_layer_option(&bytes[16..], 1).unwrap_or_default(),
        prefix: prefix.map(|option| (Ipv6Addr::from(array::<16>(option, 16)), option[2], option[3] & 0x40 != 0)),
    }
}

/// The hardware address in the first option of that kind.
fn link_layer_option(area: &[u8], kind: u8) -> Option<MacAddr> {
    options(area).find(|option| option[0] == kind).map(|option| MacAddr(array(option, 2)))
}

/// Options in order; ends at the first that is empty or runs past the end.
fn options(area: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = area;
    std::iter::from_fn(move || {
        let length = usize::from(*rest.get(1)?) * 8;
        if length == 0 {
            return None;
        }
        let option = rest.get(..length)?;
        rest = &rest[length..];
        Some(option)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

    #[rstest]
    #[case(Repr::Echo { reply: false, body: vec![0, 1, 0, 2, 3] })]
    #[case(Repr::RouterSolicit)]
    #[case(Repr::RouterAdvert(RouterAdvert { managed: true, other: false, lifetime: 0, source_mac: MAC, prefix: None }))]
    #[case(Repr::RouterAdvert(RouterAdvert { managed: false, other: true, lifetime: 1800, source_mac: MAC,
        prefix: Some((Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0), 64, true)) }))]
    #[case(Repr::NeighborSolicit { target: Ipv6Addr::LOCALHOST, source_mac: Some(MAC) })]
    #[case(Repr::NeighborSolicit { target: Ipv6Addr::LOCALHOST, source_mac: None })]
    #[case(Repr::NeighborAdvert { target: Ipv6Addr::LOCALHOST, target_mac: MAC, solicited: true })]
    fn a_message_reads_back_as_written_and_not_between_other_addresses(#[case] message: Repr) {
        let (src, dst) = (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), ipv6::ALL_NODES);
        let bytes = message.emit(src, dst);
        assert_eq!(Repr::parse(src, dst, &bytes), Ok(message));
        assert_eq!(Repr::parse(src, ipv6::ALL_ROUTERS, &bytes), Err(WireError::Checksum { layer: "ICMPv6" }));
    }

    #[test]
    fn an_option_of_length_zero_ends_the_options() {
        assert_eq!(options(&[1, 0, 0, 0, 0, 0, 0, 0]).count(), 0);
        assert_eq!(options(&[1, 2, 0, 0, 0, 0, 0, 0]).count(), 0);
    }
}
