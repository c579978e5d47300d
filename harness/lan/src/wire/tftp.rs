//! TFTP (RFC 1350) with options (RFC 2347).

use serde::{Deserialize, Serialize};

use super::{WireError, at_least, be16};

/// The well-known port of the server.
pub const PORT: u16 = 69;
/// Longest file name, mode or option that a request may hold, in bytes. Real ones stay below 512 in total.
pub const MAX_STRING: usize = 512;
/// Most options that are read from one packet.
pub const MAX_OPTIONS: usize = 16;

/// Error codes of RFC 1350 section 5 and RFC 2347.
pub mod error_code {
    /// See the message.
    pub const UNDEFINED: u16 = 0;
    /// File not found.
    pub const FILE_NOT_FOUND: u16 = 1;
    /// Access violation.
    pub const ACCESS_VIOLATION: u16 = 2;
    /// Disk full.
    pub const DISK_FULL: u16 = 3;
    /// Illegal TFTP operation.
    pub const ILLEGAL_OPERATION: u16 = 4;
    /// Unknown transfer id.
    pub const UNKNOWN_TRANSFER: u16 = 5;
    /// Option negotiation refused.
    pub const OPTION_REFUSED: u16 = 8;
}

/// A message's opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Opcode {
    /// Read request (1).
    ReadRequest,
    /// Write request (2).
    WriteRequest,
    /// Data (3).
    Data,
    /// Acknowledgment (4).
    Ack,
    /// Error (5).
    Error,
    /// Option acknowledgment (6).
    OptionAck,
}

impl Opcode {
    /// The opcode at the start of a message.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        Some(match (bytes.len() >= 2).then(|| be16(bytes, 0))? {
            1 => Self::ReadRequest,
            2 => Self::WriteRequest,
            3 => Self::Data,
            4 => Self::Ack,
            5 => Self::Error,
            6 => Self::OptionAck,
            _ => return None,
        })
    }
}

/// A TFTP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repr {
    /// A wish to read a file.
    ReadRequest(Request),
    /// A wish to write a file.
    WriteRequest(Request),
    /// One block; shorter than the block size at the end of the file.
    Data {
        /// Block number, modulo 65536.
        block: u16,
        /// Up to a block size of bytes.
        data: Vec<u8>,
    },
    /// Everything up to a block has come.
    Ack {
        /// Block number, modulo 65536.
        block: u16,
    },
    /// The end of the transfer.
    Error {
        /// One of [`error_code`].
        code: u16,
        /// For people.
        message: String,
    },
    /// Options that the server takes.
    OptionAck {
        /// Names and values, in order.
        options: Vec<(String, String)>,
    },
}

/// A read or write request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// File name as sent; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// `octet` or `netascii`, in lower case.
    pub mode: String,
    /// Names (in lower case) and values, in order.
    pub options: Vec<(String, String)>,
}

impl Request {
    /// The value of the first option of that name.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Repr {
    /// Reads a message.
    ///
    /// # Errors
    /// [`WireError`] if it is short, has an unknown opcode, an unterminated or over-long string, or too many options.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        at_least("TFTP", bytes, 4)?;
        let body = &bytes[2..];
        Ok(match Opcode::of(bytes) {
            Some(Opcode::ReadRequest) => Self::ReadRequest(request(body)?),
            Some(Opcode::WriteRequest) => Self::WriteRequest(request(body)?),
            Some(Opcode::Data) => Self::Data { block: be16(body, 0), data: body[2..].to_vec() },
            Some(Opcode::Ack) => Self::Ack { block: be16(body, 0) },
            Some(Opcode::Error) => {
                let text = body[2..].split(|byte| *byte == 0).next().unwrap_or_default();
                let text = &text[..text.len().min(MAX_STRING)];
                Self::Error { code: be16(body, 0), message: String::from_utf8_lossy(text).into_owned() }
            }
            Some(Opcode::OptionAck) => {
                let mut rest = body;
                Self::OptionAck { options: options(&mut rest)? }
            }
            None => return Err(WireError::Malformed { layer: "TFTP", what: "opcode is not 1 to 6" }),
        })
    }

    /// The message's bytes.
    pub fn emit(&self) -> Vec<u8> {
        match self {
            Self::ReadRequest(request) => emit_request(1, request),
            Self::WriteRequest(request) => emit_request(2, request),
            Self::Data { block, data } => {
                let mut bytes = Vec::with_capacity(4 + data.len());
                bytes.extend_from_slice(&[0, 3]);
                bytes.extend_from_slice(&block.to_be_bytes());
                bytes.extend_from_slice(data);
                bytes
            }
            Self::Ack { block } => {
                let [high, low] = block.to_be_bytes();
                vec![0, 4, high, low]
            }
            Self::Error { code, message } => {
                let mut bytes = vec![0, 5];
                bytes.extend_from_slice(&code.to_be_bytes());
                push_string(&mut bytes, message);
                bytes
            }
            Self::OptionAck { options } => {
                let mut bytes = vec![0, 6];
                for (name, value) in options {
                    push_string(&mut bytes, name);
                    push_string(&mut bytes, value);
                }
                bytes
            }
        }
    }
}

fn emit_request(opcode: u8, request: &Request) -> Vec<u8> {
    let mut bytes = vec![0, opcode];
    push_string(&mut bytes, &request.name);
    push_string(&mut bytes, &request.mode);
    for (name, value) in &request.options {
        push_string(&mut bytes, name);
        push_string(&mut bytes, value);
    }
    bytes
}

fn push_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.bytes().filter(|byte| *byte != 0));
    bytes.push(0);
}

fn request(body: &[u8]) -> Result<Request, WireError> {
    let mut rest = body;
    let name = string(&mut rest)?;
    let mode = string(&mut rest)?.to_ascii_lowercase();
    Ok(Request { name, mode, options: options(&mut rest)? })
}

fn options(rest: &mut &[u8]) -> Result<Vec<(String, String)>, WireError> {
    let mut options = Vec::new();
    while !rest.is_empty() {
        if options.len() == MAX_OPTIONS {
            return Err(WireError::Malformed { layer: "TFTP", what: "more than 16 options" });
        }
        let name = string(rest)?.to_ascii_lowercase();
        options.push((name, string(rest)?));
    }
    Ok(options)
}

/// Takes a string and its terminating zero from the front.
fn string(rest: &mut &[u8]) -> Result<String, WireError> {
    let end = rest.iter().position(|byte| *byte == 0);
    let end = end.ok_or(WireError::Malformed { layer: "TFTP", what: "string without a terminating zero" })?;
    if end > MAX_STRING {
        return Err(WireError::Malformed { layer: "TFTP", what: "string is longer than 512 bytes" });
    }
    let text = String::from_utf8_lossy(&rest[..end]).into_owned();
    *rest = &rest[end + 1..];
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Repr::ReadRequest(Request { name: "a/b".into(), mode: "octet".into(), options: vec![("tsize".into(), "0".into())] }))]
    #[case(Repr::WriteRequest(Request { name: "x".into(), mode: "octet".into(), options: vec![] }))]
    #[case(Repr::Data { block: 65535, data: b"abc".to_vec() })]
    #[case(Repr::Ack { block: 7 })]
    #[case(Repr::Error { code: 1, message: "file not found".into() })]
    #[case(Repr::OptionAck { options: vec![("blksize".into(), "1432".into())] })]
    fn a_message_reads_back_as_written(#[case] message: Repr) {
        assert_eq!(Repr::parse(&message.emit()), Ok(message));
    }

    #[rstest]
    #[case::unknown_opcode(b"\0\x09ab")]
    #[case::unterminated_name(b"\0\x01abcdef")]
    #[case::unterminated_mode(b"\0\x01a\0octet")]
    #[case::option_without_value(b"\0\x01a\0octet\0tsize\0")]
    #[case::three_bytes(b"\0\x04\0")]
    fn what_is_not_a_message_is_refused(#[case] bytes: &[u8]) {
        assert!(Repr::parse(bytes).is_err());
    }

    #[test]
    fn an_over_long_name_is_refused() {
        let mut bytes = vec![0, 1];
        bytes.extend_from_slice(&[b'a'; 513]);
        bytes.extend_from_slice(b"\0octet\0");
        assert!(Repr::parse(&bytes).is_err());
    }
}
