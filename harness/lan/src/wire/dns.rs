//! DNS queries for one name and their answers (RFC 1035, AAAA RFC 3596).

use std::net::IpAddr;

use super::{WireError, at_least, be16};

/// Port of servers.
pub const PORT: u16 = 53;
/// Record type of an IPv4 address.
pub const TYPE_A: u16 = 1;
/// Record type of an IPv6 address.
pub const TYPE_AAAA: u16 = 28;
const HEADER_LEN: usize = 12;
const CLASS_IN: u16 = 1;

/// A query with one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Transaction id.
    pub id: u16,
    /// The client wants recursion.
    pub recursion: bool,
    /// Name in lower case without the final dot; bytes that are not ASCII letters, digits, `-` or `_` become `?`.
    pub name: String,
    /// Record type.
    pub record_type: u16,
    /// The question as sent, to be repeated in the answer.
    question: Vec<u8>,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// [`WireError`] if it is short, an answer, has not one question, or a name with a bad length or a pointer.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        at_least("DNS", bytes, HEADER_LEN)?;
        let flags = be16(bytes, 2);
        if flags & 0xf800 != 0 {
            return Err(WireError::Malformed { layer: "DNS", what: "not a standard query" });
        }
        if be16(bytes, 4) != 1 {
            return Err(WireError::Malformed { layer: "DNS", what: "not one question" });
        }
        let (mut at, mut labels) = (HEADER_LEN, Vec::new());
        loop {
            let length = usize::from(*at_least("DNS", bytes, at + 1)?.get(at).unwrap_or(&0));
            at += 1;
            if length == 0 {
                break;
            }
            if length > 63 || at + length > HEADER_LEN + 255 {
                return Err(WireError::Malformed {
                    layer: "DNS",
                    what: "name has a pointer or is longer than 255 bytes",
                });
            }
            let label = &at_least("DNS", bytes, at + length)?[at..at + length];
            labels.push(label.iter().map(|byte| readable(*byte)).collect::<String>());
            at += length;
        }
        at_least("DNS", bytes, at + 4)?;
        Ok(Self {
            id: be16(bytes, 0),
            recursion: flags & 0x0100 != 0,
            name: labels.join("."),
            record_type: be16(bytes, at),
            question: bytes[HEADER_LEN..at + 4].to_vec(),
        })
    }

    /// A query, as a client sends it.
    pub fn new(id: u16, name: &str, record_type: u16) -> Self {
        let mut question = Vec::new();
        for label in name.split('.').filter(|label| !label.is_empty()) {
            let label = &label.as_bytes()[..label.len().min(63)];
            question.push(label.len() as u8);
            question.extend_from_slice(label);
        }
        question.push(0);
        question.extend_from_slice(&record_type.to_be_bytes());
        question.extend_from_slice(&CLASS_IN.to_be_bytes());
        Self { id, recursion: true, name: name.to_ascii_lowercase(), record_type, question }
    }

    /// The query's bytes.
    pub fn emit(&self) -> Vec<u8> {
        self.message(if self.recursion { 0x0100 } else { 0 }, 0)
    }

    /// An answer: those of `addresses` that have the wanted type; `None` says that there is no such name.
    pub fn answer(&self, addresses: Option<&[IpAddr]>) -> Vec<u8> {
        let records: Vec<Vec<u8>> = addresses
            .unwrap_or_default()
            .iter()
            .filter_map(|address| match (address, self.record_type) {
                (IpAddr::V4(address), TYPE_A) => Some(address.octets().to_vec()),
                (IpAddr::V6(address), TYPE_AAAA) => Some(address.octets().to_vec()),
                _ => None,
            })
            .collect();
        // Answer, authoritative, recursion as wanted and offered; code 3 is "no such name".
        let flags = 0x8480 | u16::from(self.recursion) << 8 | if addresses.is_none() { 3 } else { 0 };
        let mut bytes = self.message(flags, records.len() as u16);
        for record in records {
            // The name is a pointer to the question's.
            bytes.extend_from_slice(&[0xc0, HEADER_LEN as u8]);
            bytes.extend_from_slice(&self.record_type.to_be_bytes());
            bytes.extend_from_slice(&CLASS_IN.to_be_bytes());
            bytes.extend_from_slice(&3600_u32.to_be_bytes());
            bytes.extend_from_slice(&(record.len() as u16).to_be_bytes());
            bytes.extend_from_slice(&record);
        }
        bytes
    }

    fn message(&self, flags: u16, answers: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [self.id, flags, 1, answers, 0, 0] {
            bytes.extend_from_slice(&word.to_be_bytes());
        }
        bytes.extend_from_slice(&self.question);
        bytes
    }
}

fn readable(byte: u8) -> char {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte),
        b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_reads_back_and_its_answer_repeats_the_question() {
        let query = Query::new(7, "Boot.Example", TYPE_A);
        let read = Query::parse(&query.emit()).unwrap();
        assert_eq!((read.name.as_str(), read.record_type, read.id), ("boot.example", TYPE_A, 7));
        let answer = read.answer(Some(&[IpAddr::from([10, 77, 0, 1])]));
        assert_eq!(be16(&answer, 6), 1);
        assert_eq!(answer[answer.len() - 4..], [10, 77, 0, 1]);
        assert_eq!(be16(&read.answer(None), 2) & 15, 3);
    }

    #[test]
    fn pointers_answers_and_truncated_names_are_refused() {
        let good = Query::new(7, "a.b", TYPE_A).emit();
        for end in 0..good.len() {
            assert!(Query::parse(&good[..end]).is_err(), "{end} bytes");
        }
        let mut pointer = good.clone();
        pointer[12] = 0xc0;
        assert!(Query::parse(&pointer).is_err());
        let mut answer = good;
        answer[2] = 0x80;
        assert!(Query::parse(&answer).is_err());
    }
}
