//! DHCP (RFC 2131, options RFC 2132, PXE options RFC 4578).

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{MacAddr, WireError, array, at_least, be16, be32};

/// Port of servers.
pub const SERVER_PORT: u16 = 67;
/// Port of clients.
pub const CLIENT_PORT: u16 = 68;
/// Port of a PXE boot server (PXE specification 2.1, section 2.2.3).
pub const PXE_PORT: u16 = 4011;
/// Bytes in front of the options, magic cookie included.
pub const FIXED_LEN: usize = 240;
/// Size of a message that every client takes (RFC 2131 section 2), without IP and UDP headers.
pub const MIN_MESSAGE_LEN: usize = 300;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Option codes by their RFC 2132 / RFC 4578 names.
pub mod option {
    /// Subnet mask.
    pub const SUBNET_MASK: u8 = 1;
    /// Routers.
    pub const ROUTER: u8 = 3;
    /// Domain name servers.
    pub const DNS: u8 = 6;
    /// Vendor-specific information.
    pub const VENDOR_SPECIFIC: u8 = 43;
    /// Requested IP address.
    pub const REQUESTED_ADDRESS: u8 = 50;
    /// Lease time in seconds.
    pub const LEASE_TIME: u8 = 51;
    /// The file and sname fields hold options.
    pub const OVERLOAD: u8 = 52;
    /// Message type.
    pub const MESSAGE_TYPE: u8 = 53;
    /// Server identifier.
    pub const SERVER_ID: u8 = 54;
    /// Message for people, in a NAK.
    pub const MESSAGE: u8 = 56;
    /// Vendor class identifier.
    pub const VENDOR_CLASS: u8 = 60;
    /// Client identifier.
    pub const CLIENT_ID: u8 = 61;
    /// TFTP server name.
    pub const TFTP_SERVER_NAME: u8 = 66;
    /// Bootfile name.
    pub const BOOTFILE: u8 = 67;
    /// User class.
    pub const USER_CLASS: u8 = 77;
    /// Client system architecture, 16 bits each, big-endian.
    pub const CLIENT_ARCH: u8 = 93;
    /// Client machine identifier: type 0 and 16 bytes of UUID.
    pub const CLIENT_UUID: u8 = 97;
}

/// Where the sname field stands.
pub(crate) const SERVER_NAME: std::ops::Range<usize> = 44..108;
/// Where the file field stands.
pub(crate) const FILE: std::ops::Range<usize> = 108..236;

/// Moves options of these codes into a field, with an end behind them; true if one was moved.
fn fill_field(field: &mut [u8], codes: &[u8], options: &mut Vec<&(u8, Vec<u8>)>) -> bool {
    let mut held = Vec::new();
    options.retain(|(code, value)| {
        // An end follows.
        let fits = codes.contains(code) && value.len() <= 255 && held.len() + 2 + value.len() < field.len();
        if fits {
            held.extend_from_slice(&[*code, value.len() as u8]);
            held.extend_from_slice(value);
        }
        !fits
    });
    if held.is_empty() {
        return false;
    }
    held.push(255);
    field.fill(0);
    field[..held.len()].copy_from_slice(&held);
    true
}

numbered! {
    /// Value of option 53 (RFC 2131 section 3.1, table 2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    pub enum MessageType {
        /// DHCPDISCOVER (1), of a client that looks for servers.
        Discover = 1,
        /// DHCPOFFER (2), of a server, with an address.
        Offer = 2,
        /// DHCPREQUEST (3), of a client that takes an offer, or keeps an address.
        Request = 3,
        /// DHCPDECLINE (4), of a client that found the address in use.
        Decline = 4,
        /// DHCPACK (5), of a server, with the parameters.
        Ack = 5,
        /// DHCPNAK (6), of a server that refuses.
        Nak = 6,
        /// DHCPRELEASE (7), of a client that gives its address back.
        Release = 7,
        /// DHCPINFORM (8), of a client that has an address and wants parameters.
        Inform = 8,
    }
}

/// A DHCP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repr {
    /// From a server (BOOTREPLY) rather than from a client (BOOTREQUEST).
    pub reply: bool,
    /// Transaction id.
    pub xid: u32,
    /// Seconds since the client began, by its own clock.
    pub secs: u16,
    /// The client cannot take a unicast reply yet.
    pub broadcast: bool,
    /// Address that the client has.
    pub client_ip: Ipv4Addr,
    /// Address that the client gets.
    pub your_ip: Ipv4Addr,
    /// Where the boot file is (siaddr).
    pub next_server: Ipv4Addr,
    /// Relay agent.
    pub relay_ip: Ipv4Addr,
    /// Client's hardware address.
    pub client_mac: MacAddr,
    /// The sname field up to its first zero, at most 64 bytes.
    pub server_name: Vec<u8>,
    /// The file field up to its first zero, at most 128 bytes.
    pub boot_file: Vec<u8>,
    /// Options in order, without pad, end and overload; pieces of one option are joined (RFC 3396).
    pub options: Vec<(u8, Vec<u8>)>,
}

impl Repr {
    /// Reads a message.
    ///
    /// # Errors
    /// [`WireError`] if it is short, is not for Ethernet, lacks the magic cookie, or an option runs past its end.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        at_least("DHCP", bytes, FIXED_LEN)?;
        if bytes[236..240] != COOKIE {
            return Err(WireError::Malformed { layer: "DHCP", what: "magic cookie is missing" });
        }
        if bytes[1] != 1 || bytes[2] != 6 {
            return Err(WireError::Malformed { layer: "DHCP", what: "hardware address is not Ethernet" });
        }
        let mut options = Vec::new();
        read_options(&bytes[FIXED_LEN..], &mut options)?;
        let overload = options.iter().find(|(code, _)| *code == option::OVERLOAD);
        let overload = overload.and_then(|(_, value)| value.first().copied()).unwrap_or(0);
        let (mut server_name, mut boot_file) = (until_zero(&bytes[44..108]), until_zero(&bytes[108..236]));
        if overload & 1 != 0 {
            read_options(&bytes[108..236], &mut options)?;
            boot_file = Vec::new();
        }
        if overload & 2 != 0 {
            read_options(&bytes[44..108], &mut options)?;
            server_name = Vec::new();
        }
        options.retain(|(code, _)| *code != option::OVERLOAD);
        Ok(Self {
            reply: match bytes[0] {
                1 => false,
                2 => true,
                _ => return Err(WireError::Malformed { layer: "DHCP", what: "op is neither request nor reply" }),
            },
            xid: be32(bytes, 4),
            secs: be16(bytes, 8),
            broadcast: bytes[10] & 0x80 != 0,
            client_ip: Ipv4Addr::from(array::<4>(bytes, 12)),
            your_ip: Ipv4Addr::from(array::<4>(bytes, 16)),
            next_server: Ipv4Addr::from(array::<4>(bytes, 20)),
            relay_ip: Ipv4Addr::from(array::<4>(bytes, 24)),
            client_mac: MacAddr(array(bytes, 28)),
            server_name,
            boot_file,
            options,
        })
    }

    /// The message's bytes, padded to what BOOTP relays expect. Over-long fields are cut, long options split.
    pub fn emit(&self) -> Vec<u8> {
        self.emit_overloaded(&[], &[])
    }

    /// The message's bytes with options of these codes in the file and in the sname field (option 52), as far as they fit;
    /// the rest stands with the other options. A field that holds options holds nothing else.
    pub fn emit_overloaded(&self, in_file: &[u8], in_server_name: &[u8]) -> Vec<u8> {
        let mut bytes = self.emit_fixed();
        let mut rest: Vec<&(u8, Vec<u8>)> = self.options.iter().collect();
        let file = fill_field(&mut bytes[FILE], in_file, &mut rest);
        let server_name = fill_field(&mut bytes[SERVER_NAME], in_server_name, &mut rest);
        let overload = u8::from(file) + 2 * u8::from(server_name);
        if overload > 0 {
            bytes.extend_from_slice(&[option::OVERLOAD, 1, overload]);
        }
        for (code, value) in rest {
            if value.is_empty() {
                bytes.extend_from_slice(&[*code, 0]);
            }
            for piece in value.chunks(255) {
                bytes.extend_from_slice(&[*code, piece.len() as u8]);
                bytes.extend_from_slice(piece);
            }
        }
        bytes.push(255);
        if bytes.len() < MIN_MESSAGE_LEN {
            bytes.resize(MIN_MESSAGE_LEN, 0);
        }
        bytes
    }

    fn emit_fixed(&self) -> Vec<u8> {
        let mut bytes = vec![0; FIXED_LEN];
        bytes[..3].copy_from_slice(&[if self.reply { 2 } else { 1 }, 1, 6]);
        bytes[4..8].copy_from_slice(&self.xid.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.secs.to_be_bytes());
        bytes[10] = if self.broadcast { 0x80 } else { 0 };
        bytes[12..16].copy_from_slice(&self.client_ip.octets());
        bytes[16..20].copy_from_slice(&self.your_ip.octets());
        bytes[20..24].copy_from_slice(&self.next_server.octets());
        bytes[24..28].copy_from_slice(&self.relay_ip.octets());
        bytes[28..34].copy_from_slice(&self.client_mac.0);
        let name = &self.server_name[..self.server_name.len().min(63)];
        bytes[44..44 + name.len()].copy_from_slice(name);
        let file = &self.boot_file[..self.boot_file.len().min(127)];
        bytes[108..108 + file.len()].copy_from_slice(file);
        bytes[236..240].copy_from_slice(&COOKIE);
        bytes
    }

    /// The value of an option.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(key, _)| *key == code).map(|(_, value)| value.as_slice())
    }

    /// The value of an option that holds an IPv4 address.
    pub fn address_option(&self, code: u8) -> Option<Ipv4Addr> {
        let value: [u8; 4] = self.option(code)?.try_into().ok()?;
        Some(Ipv4Addr::from(value))
    }

    /// The value of a text option, trailing zeros removed and bad UTF-8 replaced.
    pub fn text_option(&self, code: u8) -> Option<String> {
        let value = self.option(code)?;
        Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned())
    }

    /// Option 53; a message without one is BOOTP.
    pub fn message_type(&self) -> Option<MessageType> {
        MessageType::from_number(*self.option(option::MESSAGE_TYPE)?.first()?)
    }

    /// The first architecture of option 93.
    pub fn client_arch(&self) -> Option<u16> {
        self.option(option::CLIENT_ARCH).filter(|value| value.len() >= 2).map(|value| be16(value, 0))
    }

    /// Option 97 without its type byte, as sent.
    pub fn client_uuid(&self) -> Option<[u8; 16]> {
        let value = self.option(option::CLIENT_UUID)?;
        (value.len() == 17 && value[0] == 0).then(|| array(value, 1))
    }
}

/// Appends the options in `area`, joining those that come in pieces.
fn read_options(area: &[u8], options: &mut Vec<(u8, Vec<u8>)>) -> Result<(), WireError> {
    let mut rest = area;
    while let Some((&code, tail)) = rest.split_first() {
        match code {
            0 => rest = tail,
            255 => return Ok(()),
            _ => {
                let truncated = WireError::Malformed { layer: "DHCP", what: "option runs past the end of the message" };
                let (&length, tail) = tail.split_first().ok_or(truncated.clone())?;
                let value = tail.get(..usize::from(length)).ok_or(truncated)?;
                match options.iter_mut().find(|(key, _)| *key == code) {
                    Some((_, joined)) => joined.extend_from_slice(value),
                    None => options.push((code, value.to_vec())),
                }
                rest = &tail[usize::from(length)..];
            }
        }
    }
    Ok(())
}

fn until_zero(field: &[u8]) -> Vec<u8> {
    field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn sample() -> Repr {
        Repr {
            reply: false,
            xid: 0xdead_beef,
            secs: 4,
            broadcast: true,
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: Ipv4Addr::UNSPECIFIED,
            next_server: Ipv4Addr::new(10, 0, 0, 1),
            relay_ip: Ipv4Addr::UNSPECIFIED,
            client_mac: MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]),
            server_name: b"boot".to_vec(),
            boot_file: b"pxelinux.0".to_vec(),
            options: vec![
                (option::MESSAGE_TYPE, vec![1]),
                (option::CLIENT_ARCH, vec![0, 7]),
                (option::VENDOR_CLASS, b"PXEClient:Arch:00007:UNDI:003001".to_vec()),
                (option::CLIENT_UUID, (0..17).collect()),
            ],
        }
    }

    #[test]
    fn a_message_reads_back_as_written() {
        let message = sample();
        let read = Repr::parse(&message.emit()).unwrap();
        assert_eq!(read, message);
        assert_eq!(read.message_type(), Some(MessageType::Discover));
        assert_eq!(read.client_arch(), Some(7));
        assert_eq!(read.client_uuid().map(|uuid| uuid[0]), Some(1));
    }

    #[test]
    fn an_option_beyond_255_bytes_is_split_and_joined_again() {
        let mut message = sample();
        message.options.push((224, vec![7; 600]));
        assert_eq!(Repr::parse(&message.emit()).unwrap(), message);
    }

    #[test]
    fn an_overloaded_file_field_holds_options() {
        let mut bytes = sample().emit();
        bytes[240..243].copy_from_slice(&[option::OVERLOAD, 1, 1]);
        bytes[243] = 255;
        bytes[108..112].copy_from_slice(&[53, 1, 5, 255]);
        let read = Repr::parse(&bytes).unwrap();
        assert_eq!(read.message_type(), Some(MessageType::Ack));
        assert!(read.boot_file.is_empty());
    }

    #[rstest]
    #[case::short(239, 0, 0)]
    #[case::no_cookie(300, 236, 0)]
    #[case::not_ethernet(300, 1, 6)]
    #[case::option_past_the_end(300, 241, 255)]
    #[case::unknown_op(300, 0, 3)]
    fn what_is_not_a_message_is_refused(#[case] length: usize, #[case] at: usize, #[case] value: u8) {
        let mut bytes = sample().emit();
        bytes[at] = value;
        bytes.truncate(length);
        assert!(Repr::parse(&bytes).is_err());
    }

    #[rstest]
    #[case(0, None)]
    #[case(1, Some(MessageType::Discover))]
    #[case(8, Some(MessageType::Inform))]
    #[case(9, None)]
    fn message_types_have_their_numbers(#[case] number: u8, #[case] expected: Option<MessageType>) {
        assert_eq!(MessageType::from_number(number), expected);
        assert_eq!(expected.map_or(number, MessageType::number), number);
    }
}
