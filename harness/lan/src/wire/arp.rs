//! Address resolution for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use super::{MacAddr, WireError, array, at_least, be16};

/// Bytes of an IPv4-over-Ethernet packet.
pub const LEN: usize = 28;

/// What the sender wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Who has the target address?
    Request,
    /// The sender has it.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Request or reply.
    pub operation: Operation,
    /// Sender's hardware address.
    pub sender_mac: MacAddr,
    /// Sender's protocol address; 0.0.0.0 in a probe (RFC 5227).
    pub sender_ip: Ipv4Addr,
    /// Target's hardware address; zero in a request.
    pub target_mac: MacAddr,
    /// Target's protocol address.
    pub target_ip: Ipv4Addr,
}

impl Repr {
    /// Reads a packet; bytes behind it are padding.
    ///
    /// # Errors
    /// [`WireError`] if it is short, not IPv4 over Ethernet, or neither request nor reply.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        at_least("ARP", bytes, LEN)?;
        if bytes[..6] != [0, 1, 8, 0, 6, 4] {
            return Err(WireError::Malformed { layer: "ARP", what: "not IPv4 over Ethernet" });
        }
        let operation = match be16(bytes, 6) {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return Err(WireError::Malformed { layer: "ARP", what: "operation is neither request nor reply" }),
        };
        Ok(Self {
            operation,
            sender_mac: MacAddr(array(bytes, 8)),
            sender_ip: Ipv4Addr::from(array::<4>(bytes, 14)),
            target_mac: MacAddr(array(bytes, 18)),
            target_ip: Ipv4Addr::from(array::<4>(bytes, 24)),
        })
    }

    /// The packet's bytes.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![0, 1, 8, 0, 6, 4, 0, if self.operation == Operation::Request { 1 } else { 2 }];
        bytes.extend_from_slice(&self.sender_mac.0);
        bytes.extend_from_slice(&self.sender_ip.octets());
        bytes.extend_from_slice(&self.target_mac.0);
        bytes.extend_from_slice(&self.target_ip.octets());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_reads_back_as_written() {
        let reply = Repr {
            operation: Operation::Reply,
            sender_mac: MacAddr([2, 0, 0, 0, 0, 1]),
            sender_ip: Ipv4Addr::new(10, 0, 0, 1),
            target_mac: MacAddr([2, 0, 0, 0, 0, 2]),
            target_ip: Ipv4Addr::new(10, 0, 0, 2),
        };
        assert_eq!(reply.emit().len(), LEN);
        assert_eq!(Repr::parse(&reply.emit()), Ok(reply));
    }

    #[test]
    fn other_hardware_and_other_operations_are_refused() {
        assert!(Repr::parse(&[0; 28]).is_err());
        let mut reverse = [0; 28];
        reverse[..8].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 3]);
        assert!(matches!(Repr::parse(&reverse), Err(WireError::Malformed { .. })));
        assert!(matches!(Repr::parse(&reverse[..27]), Err(WireError::Truncated { .. })));
    }
}
