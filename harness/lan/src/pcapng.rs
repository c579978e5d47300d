//! Captures as pcapng (draft-ietf-opsawg-pcapng), the format that Wireshark and tshark read.
//!
//! One section, one interface per NIC named `net0`, `net1`, ...; nanosecond time stamps; the direction in the packet's
//! flags as seen by the lan (inbound: from the guest); what a fault did in the packet's comment. A frame that a fault
//! dropped is there too, and its comment says so.

use std::io::{self, Write};

use super::event::{Direction, LanRecord};
use super::log::{LanLog, Lost};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const LINKTYPE_ETHERNET: u16 = 1;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;

/// Writes everything that a log holds.
///
/// ```
/// use bootwright_lan::{LanLog, pcapng};
///
/// let mut bytes = Vec::new();
/// pcapng::write(&LanLog::new(1 << 20), 1, &mut bytes)?;
/// assert_eq!(bytes[..4], 0x0a0d_0d0a_u32.to_le_bytes());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of `out`.
pub fn write(log: &LanLog, nics: usize, out: &mut impl Write) -> io::Result<()> {
    let (monotonic, calendar) = log.started();
    let epoch = calendar.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    out.write_all(&section(log.lost()))?;
    for nic in 0..nics.max(1) {
        out.write_all(&interface(nic))?;
    }
    for record in log.records() {
        let at = epoch + record.at.saturating_duration_since(monotonic);
        out.write_all(&packet(&record, at.as_nanos() as u64))?;
    }
    Ok(())
}

fn section(lost: Lost) -> Vec<u8> {
    let mut body = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    body.extend_from_slice(&[1, 0, 0, 0]);
    body.extend_from_slice(&u64::MAX.to_le_bytes());
    option(&mut body, SHB_USERAPPL, b"bootwright");
    if lost != Lost::default() {
        let note = format!("{} frames cut to their first bytes, {} left out", lost.frames_cut, lost.frames);
        option(&mut body, OPT_COMMENT, note.as_bytes());
    }
    option(&mut body, 0, b"");
    block(SECTION_HEADER, &body)
}

fn interface(nic: usize) -> Vec<u8> {
    let mut body = LINKTYPE_ETHERNET.to_le_bytes().to_vec();
    body.extend_from_slice(&[0; 6]);
    option(&mut body, IF_NAME, format!("net{nic}").as_bytes());
    option(&mut body, IF_TSRESOL, &[9]);
    option(&mut body, 0, b"");
    block(INTERFACE_DESCRIPTION, &body)
}

fn packet(record: &LanRecord, nanoseconds: u64) -> Vec<u8> {
    let mut body = (record.port as u32).to_le_bytes().to_vec();
    body.extend_from_slice(&((nanoseconds >> 32) as u32).to_le_bytes());
    body.extend_from_slice(&(nanoseconds as u32).to_le_bytes());
    body.extend_from_slice(&(record.frame.len() as u32).to_le_bytes());
    body.extend_from_slice(&(record.original_len as u32).to_le_bytes());
    body.extend_from_slice(&record.frame);
    pad(&mut body);
    for note in &record.notes {
        option(&mut body, OPT_COMMENT, note.as_bytes());
    }
    let flags: u32 = if record.direction == Direction::FromGuest { 1 } else { 2 };
    option(&mut body, EPB_FLAGS, &flags.to_le_bytes());
    option(&mut body, 0, b"");
    block(ENHANCED_PACKET, &body)
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 12) as u32;
    let mut bytes = kind.to_le_bytes().to_vec();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&(value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn every_block_is_as_long_as_it_says_at_both_ends() {
        let log = LanLog::new(1 << 20);
        for len in 60..64 {
            let notes = vec!["firewall: dropped".to_owned()];
            log.record(Instant::now(), 1, Direction::ToGuest, &vec![0; len], notes, true);
        }
        let mut bytes = Vec::new();
        write(&log, 2, &mut bytes).unwrap();
        let (mut at, mut kinds) = (0, Vec::new());
        while at < bytes.len() {
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let length = word(at + 4) as usize;
            assert_eq!((length % 4, word(at + length - 4) as usize), (0, length));
            kinds.push(word(at));
            at += length;
        }
        assert_eq!(kinds, [SECTION_HEADER, 1, 1, 6, 6, 6, 6]);
    }
}
