//! DHCPv6 (RFC 8415) with the boot options of RFC 5970.

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::{WireError, array, at_least, be16, be32};

/// Port of servers and relay agents.
pub const SERVER_PORT: u16 = 547;
/// Port of clients.
pub const CLIENT_PORT: u16 = 546;
/// Every server and relay agent on the link.
pub const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// Most options that are read from one message.
const MAX_OPTIONS: usize = 64;

/// Option codes.
pub mod option {
    /// Client identifier (DUID).
    pub const CLIENT_ID: u16 = 1;
    /// Server identifier (DUID).
    pub const SERVER_ID: u16 = 2;
    /// Identity association for non-temporary addresses.
    pub const IA_NA: u16 = 3;
    /// An address in an identity association.
    pub const IA_ADDRESS: u16 = 5;
    /// Preference, 0 to 255.
    pub const PREFERENCE: u16 = 7;
    /// Time since the client began, in hundredths of a second of guest time.
    pub const ELAPSED_TIME: u16 = 8;
    /// Status code.
    pub const STATUS_CODE: u16 = 13;
    /// The client takes a reply at once.
    pub const RAPID_COMMIT: u16 = 14;
    /// User class.
    pub const USER_CLASS: u16 = 15;
    /// Vendor class: enterprise number, then length and bytes.
    pub const VENDOR_CLASS: u16 = 16;
    /// DNS servers.
    pub const DNS: u16 = 23;
    /// Boot file URL (RFC 5970).
    pub const BOOT_FILE_URL: u16 = 59;
    /// Boot file parameters (RFC 5970).
    pub const BOOT_FILE_PARAM: u16 = 60;
    /// Client system architecture, 16 bits each (RFC 5970).
    pub const CLIENT_ARCH: u16 = 61;
}

numbered! {
    /// Message type (RFC 8415 section 7.3); relay messages have none here.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum MessageType {
        /// SOLICIT (1), of a client that looks for servers.
        Solicit = 1,
        /// ADVERTISE (2), of a server that could serve.
        Advertise = 2,
        /// REQUEST (3), of a client, to the server it chose.
        Request = 3,
        /// CONFIRM (4), of a client that may have moved to another link.
        Confirm = 4,
        /// RENEW (5), of a client, to the server that gave its address.
        Renew = 5,
        /// REBIND (6), of a client, to any server.
        Rebind = 6,
        /// REPLY (7), of a server, with addresses and options.
        Reply = 7,
        /// RELEASE (8), of a client that gives its address back.
        Release = 8,
        /// DECLINE (9), of a client that found the address in use.
        Decline = 9,
        /// RECONFIGURE (10), of a server that has new parameters.
        Reconfigure = 10,
        /// INFORMATION-REQUEST (11), of a client that wants no address.
        InformationRequest = 11,
    }
}

/// A DHCPv6 message between client and server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repr {
    /// Message type.
    pub message: MessageType,
    /// Transaction id, 24 bits.
    pub xid: u32,
    /// Options in order.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Repr {
    /// Reads a message.
    ///
    /// # Errors
    /// [`WireError`] if it is short, a relay message, or an option runs past its end.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        at_least("DHCPv6", bytes, 4)?;
        let message = MessageType::from_number(bytes[0])
            .ok_or(WireError::Malformed { layer: "DHCPv6", what: "message type is not between client and server" })?;
        Ok(Self { message, xid: be32(bytes, 0) & 0x00ff_ffff, options: read_options(&bytes[4..])? })
    }

    /// The message's bytes. An option beyond 65535 bytes is cut there.
    pub fn emit(&self) -> Vec<u8> {
        let mut bytes = vec![self.message.number()];
        bytes.extend_from_slice(&self.xid.to_be_bytes()[1..]);
        for (code, value) in &self.options {
            push_option(&mut bytes, *code, value);
        }
        bytes
    }

    /// The value of an option.
    pub fn option(&self, code: u16) -> Option<&[u8]> {
        self.options.iter().find(|(key, _)| *key == code).map(|(_, value)| value.as_slice())
    }

    /// The first architecture of option 61.
    pub fn client_arch(&self) -> Option<u16> {
        self.option(option::CLIENT_ARCH).filter(|value| value.len() >= 2).map(|value| be16(value, 0))
    }

    /// The first text of option 16, bad UTF-8 replaced.
    pub fn vendor_class(&self) -> Option<String> {
        let value = self.option(option::VENDOR_CLASS)?;
        let length = usize::from(be16(value, 4));
        Some(String::from_utf8_lossy(value.get(6..6 + length)?).into_owned())
    }

    /// The first text of option 15, bad UTF-8 replaced.
    pub fn user_class(&self) -> Option<String> {
        let value = self.option(option::USER_CLASS)?;
        let length = usize::from(be16(value, 0));
        Some(String::from_utf8_lossy(value.get(2..2 + length)?).into_owned())
    }

    /// Identity association ids (IAID) of the wanted addresses.
    pub fn wanted_addresses(&self) -> Vec<u32> {
        let associations = self.options.iter().filter(|(code, value)| *code == option::IA_NA && value.len() >= 12);
        associations.map(|(_, value)| be32(value, 0)).collect()
    }

    /// The first address in the message's identity associations.
    pub fn given_address(&self) -> Option<Ipv6Addr> {
        let association = self.option(option::IA_NA).filter(|value| value.len() >= 12)?;
        let inner = read_options(&association[12..]).ok()?;
        let (_, value) = inner.iter().find(|(code, value)| *code == option::IA_ADDRESS && value.len() >= 24)?;
        Some(Ipv6Addr::from(array::<16>(value, 0)))
    }
}

/// The value of an option 3 that gives one address for `seconds`.
pub fn association(iaid: u32, address: Ipv6Addr, seconds: u32) -> Vec<u8> {
    let mut inner = address.octets().to_vec();
    inner.extend_from_slice(&seconds.to_be_bytes());
    inner.extend_from_slice(&seconds.to_be_bytes());
    let mut value = iaid.to_be_bytes().to_vec();
    value.extend_from_slice(&(seconds / 2).to_be_bytes());
    value.extend_from_slice(&(seconds / 5 * 4).to_be_bytes());
    push_option(&mut value, option::IA_ADDRESS, &inner);
    value
}

fn push_option(bytes: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    bytes.extend_from_slice(&code.to_be_bytes());
    bytes.extend_from_slice(&(value.len() as u16).to_be_bytes());
    bytes.extend_from_slice(value);
}

fn read_options(area: &[u8]) -> Result<Vec<(u16, Vec<u8>)>, WireError> {
    let (mut rest, mut options) = (area, Vec::new());
    while !rest.is_empty() {
        at_least("DHCPv6", rest, 4)?;
        let end = 4 + usize::from(be16(rest, 2));
        at_least("DHCPv6", rest, end)?;
        if options.len() == MAX_OPTIONS {
            return Err(WireError::Malformed { layer: "DHCPv6", what: "more than 64 options" });
        }
        options.push((be16(rest, 0), rest[4..end].to_vec()));
        rest = &rest[end..];
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Repr {
        let class = [&[0, 0, 1, 0x57, 0, 9][..], b"PXEClient"].concat();
        Repr {
            message: MessageType::Solicit,
            xid: 0x0012_3456,
            options: vec![
                (option::CLIENT_ID, vec![0, 4, 1, 2, 3]),
                (option::CLIENT_ARCH, vec![0, 16]),
                (option::VENDOR_CLASS, class),
                (option::IA_NA, association(9, Ipv6Addr::LOCALHOST, 3600)),
            ],
        }
    }

    #[test]
    fn a_message_reads_back_as_written() {
        let read = Repr::parse(&sample().emit()).unwrap();
        assert_eq!(read, sample());
        assert_eq!((read.client_arch(), read.vendor_class().as_deref()), (Some(16), Some("PXEClient")));
        assert_eq!((read.wanted_addresses(), read.given_address()), (vec![9], Some(Ipv6Addr::LOCALHOST)));
    }

    #[test]
    fn relays_and_options_past_the_end_are_refused() {
        assert!(Repr::parse(&[12, 0, 0, 1]).is_err());
        assert!(Repr::parse(&[1, 0, 0, 1, 0, 1, 0, 9, 0]).is_err());
        assert!(Repr::parse(&[1, 0, 0]).is_err());
        assert!(Repr::parse(&[[1, 0, 0, 0], [0; 4]].concat().repeat(40)).is_err());
    }

    #[test]
    fn lengths_inside_options_that_lie_give_nothing() {
        let mut message = sample();
        message.options[2].1[5] = 200;
        message.options[3].1.truncate(20);
        assert_eq!((message.vendor_class(), message.given_address()), (None, None));
    }
}
