//! What a TPM 2.0 was told about this boot: its registers and the firmware's event log, as lines on the serial port. `src/lib.rs` has
//! their grammar.

use crate::firmware::{Firmware, Tpm};
use crate::line::Line;

const MAGIC: &str = "BOOTWRIGHT-TCG/1";

/// The most bytes of the log on one line.
const LINE_BYTES: usize = 512;

/// Upper bound on a log, against one without an end.
const LOG_LIMIT: usize = 1 << 20;

/// `TPM2_PCR_Read` of registers 0 to 7, SHA-256 (Trusted Platform Module Library part 3, section 22.4).
const READ_REGISTERS: [u8; 20] = [0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e, 0, 0, 0, 1, 0, 0x0b, 3, 0xff, 0, 0];

/// Where an answer has its length, bytes.
const ANSWER_LENGTH: usize = 2;

/// Prints all of it, or nothing where the firmware knows no TPM.
pub fn print(firmware: &Firmware, nonce: &[u8; 16]) {
    let Some(tpm) = firmware.tpm() else { return };
    // read first: what is printed belongs to this log
    let log = log(firmware, &tpm);
    let mut answer = [0_u8; 512];
    let registers = tpm.command(firmware, &READ_REGISTERS, &mut answer).then_some(&answer);
    let length = registers.map(|answer| number(answer, ANSWER_LENGTH) as usize);
    let mut line = Line::begin(MAGIC, nonce);
    line.text(" registers=");
    line.optional_hex(length.and_then(|length| answer.get(..length)));
    line.text(" log-bytes=");
    line.optional_hex(log.map(|log| (log.len() as u32).to_be_bytes()).as_ref().map(|bytes| &bytes[..]));
    line.end();
    for (index, bytes) in log.unwrap_or_default().chunks(LINE_BYTES).enumerate() {
        let mut line = Line::begin(MAGIC, nonce);
        line.text(" at=");
        line.hex(&((index * LINE_BYTES) as u32).to_be_bytes());
        line.text(" data=");
        line.hex(bytes);
        line.end();
    }
}

/// The whole log; `None` where there is none, or it is none.
fn log(firmware: &Firmware, tpm: &Tpm) -> Option<&'static [u8]> {
    let (first, last) = tpm.event_log(firmware)?;
    // SAFETY: both lie in the firmware's log, which stays where it is; the bound holds against what is no log.
    let before = unsafe { last.offset_from(first) } as usize;
    if before > LOG_LIMIT {
        return None;
    }
    // SAFETY: an event is there.
    let length = unsafe { if before == 0 { first_event(first) } else { event(last)? } };
    // SAFETY: the firmware's log goes to the end of its last event.
    (length < LOG_LIMIT).then(|| unsafe { core::slice::from_raw_parts(first, before + length) })
}

/// Length in bytes of a `TCG_PCR_EVENT`, which a log begins with.
unsafe fn first_event(at: *const u8) -> usize {
    // register, type, SHA-1 digest, length
    32 + unsafe { little_endian(at.add(28)) } as usize
}

/// Length in bytes of a `TCG_PCR_EVENT2`; `None` where it has a digest of unknown length.
unsafe fn event(at: *const u8) -> Option<usize> {
    // register and type, then how many digests
    let mut length = 12_usize;
    for _ in 0..unsafe { little_endian(at.add(8)) } {
        let algorithm = unsafe { little_endian(at.add(length)) } as u16;
        // TPM_ALG_SHA1, SHA256, SHA384, SHA512, SM3_256
        let digest = match algorithm {
            0x0004 => 20,
            0x000b | 0x0012 => 32,
            0x000c => 48,
            0x000d => 64,
            _ => return None,
        };
        length += 2 + digest;
    }
    Some(length + 4 + unsafe { little_endian(at.add(length)) } as usize)
}

unsafe fn little_endian(at: *const u8) -> u32 {
    u32::from_le_bytes(unsafe { at.cast::<[u8; 4]>().read() })
}

/// The big-endian number there.
fn number(bytes: &[u8; 512], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
