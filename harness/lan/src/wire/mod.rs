//! Codecs: one protocol per file, bytes in and bytes out, no state and no I/O.
//!
//! Each file keeps two views of a header apart. A *Packet* borrows bytes that passed a length check and reads fields
//! where they stand; a *Repr* holds valid values only and writes them. Nothing here panics on any input, allocates
//! more than the input's own length, or knows about servers.
//!
//! ```
//! use bootwright_lan::wire::{MacAddr, ethernet};
//!
//! let header = ethernet::Repr { dst: MacAddr::BROADCAST, src: MacAddr([2, 0, 0, 0, 0, 1]), ethertype: 0x0806 };
//! let frame = header.emit(&[0; 46]);
//! assert_eq!(ethernet::Packet::new(&frame)?.repr(), header);
//! # Ok::<(), bootwright_lan::wire::WireError>(())
//! ```

/// An enum whose variants have numbers on the wire, each named once.
macro_rules! numbered {
    (
        $(#[$of_all:meta])*
        pub enum $name:ident { $($(#[$of_one:meta])* $variant:ident = $number:literal,)+ }
    ) => {
        $(#[$of_all])*
        #[repr(u8)]
        pub enum $name {
            $($(#[$of_one])* $variant = $number,)+
        }

        impl $name {
            /// The one with that number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The number on the wire.
            pub fn number(self) -> u8 {
                self as u8
            }
        }
    };
}

pub mod arp;
pub mod checksum;
pub mod dhcpv4;
pub mod dhcpv6;
pub mod dns;
pub mod ethernet;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod summary;
pub mod tftp;
pub mod udp;

use std::fmt;

/// Why bytes are not a packet of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Fewer bytes than the header, or than a length field in it, needs.
    #[error("{layer} packet is truncated: wanted {wanted} bytes, seen {seen}")]
    Truncated {
        /// Protocol, as the standard spells it.
        layer: &'static str,
        /// Bytes needed.
        wanted: usize,
        /// Bytes there are.
        seen: usize,
    },
    /// A field holds a value that the standard does not allow, or that this lan does not speak.
    #[error("{layer} packet is malformed: {what}")]
    Malformed {
        /// Protocol, as the standard spells it.
        layer: &'static str,
        /// The field and what is wrong with it.
        what: &'static str,
    },
    /// The sum over the packet is not what its checksum field says.
    #[error("{layer} checksum is wrong")]
    Checksum {
        /// Protocol, as the standard spells it.
        layer: &'static str,
    },
}

/// An IEEE 802 address, in transmission order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct MacAddr(pub [u8; 6]);

impl serde::Serialize for MacAddr {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for MacAddr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for MacAddr {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MacAddr".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = "^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$";
        schemars::json_schema!({ "description": "An IEEE 802 address.", "type": "string", "pattern": pattern })
    }
}

impl std::str::FromStr for MacAddr {
    type Err = String;

    /// Reads six pairs of hexadecimal digits with colons.
    fn from_str(text: &str) -> Result<Self, String> {
        let pair = |pair: &str| u8::from_str_radix(pair, 16).ok().filter(|_| pair.len() == 2 && !pair.starts_with('+'));
        let octets: Option<Vec<u8>> = text.split(':').map(pair).collect();
        octets
            .and_then(|octets| octets.try_into().ok())
            .map(Self)
            .ok_or_else(|| format!("wanted a hardware address as \"52:54:00:12:34:56\", seen \"{text}\""))
    }
}

impl MacAddr {
    /// Every station.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The address stands for a group of stations (broadcast included).
    pub fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The group address that carries an IPv6 multicast group (RFC 2464 section 7).
    pub fn of_ipv6_multicast(group: std::net::Ipv6Addr) -> Self {
        let octets = group.octets();
        Self([0x33, 0x33, octets[12], octets[13], octets[14], octets[15]])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

/// The big-endian 16-bit value at `offset`, or 0 past the end.
pub(crate) fn be16(bytes: &[u8], offset: usize) -> u16 {
    match bytes.get(offset..offset + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

/// The big-endian 32-bit value at `offset`, or 0 past the end.
pub(crate) fn be32(bytes: &[u8], offset: usize) -> u32 {
    match bytes.get(offset..offset + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// The `N` bytes at `offset`, or zeros past the end.
pub(crate) fn array<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes.get(offset..offset + N).and_then(|slice| slice.try_into().ok()).unwrap_or([0; N])
}

/// `bytes` if they are at least `wanted` long.
pub(crate) fn at_least<'a>(layer: &'static str, bytes: &'a [u8], wanted: usize) -> Result<&'a [u8], WireError> {
    if bytes.len() < wanted { Err(WireError::Truncated { layer, wanted, seen: bytes.len() }) } else { Ok(bytes) }
}
