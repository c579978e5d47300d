//! ICMP echo (RFC 792), the only ICMP that firmware asks a server for.

use super::{WireError, at_least, be16, checksum};

/// An echo request or reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Reply rather than request.
    pub reply: bool,
    /// Identifier, chosen by the sender of the request.
    pub identifier: u16,
    /// Sequence number.
    pub sequence: u16,
    /// Data to be returned.
    pub data: Vec<u8>,
}

impl Echo {
    /// Reads an echo message.
    ///
    /// # Errors
    /// [`WireError`] if it is short, has a wrong checksum or is another ICMP message.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        at_least("ICMP", bytes, 8)?;
        if checksum::plain(bytes) != 0 {
            return Err(WireError::Checksum { layer: "ICMP" });
        }
        let reply = match (bytes[0], bytes[1]) {
            (8, 0) => false,
            (0, 0) => true,
            _ => return Err(WireError::Malformed { layer: "ICMP", what: "not an echo request or reply" }),
        };
        Ok(Self { reply, identifier: be16(bytes, 4), sequence: be16(bytes, 6), data: bytes[8..].to_vec() })
    }

    /// The message's bytes.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![if self.reply { 0 } else { 8 }, 0, 0, 0];
        bytes.extend_from_slice(&self.identifier.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.data);
        let sum = checksum::plain(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_reads_back_and_a_damaged_one_does_not() {
        let echo = Echo { reply: false, identifier: 1, sequence: 2, data: b"abc".to_vec() };
        let mut bytes = echo.emit();
        assert_eq!(Echo::parse(&bytes), Ok(echo));
        bytes[9] ^= 4;
        assert_eq!(Echo::parse(&bytes), Err(WireError::Checksum { layer: "ICMP" }));
    }
}
