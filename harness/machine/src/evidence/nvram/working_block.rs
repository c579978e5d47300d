//! What the fault tolerant write driver leaves of a write behind the variable store (edk2's `MdeModulePkg/Universal/FaultTolerantWriteDxe`;
//! the layout is `SystemNvDataGuid.h`, `WorkingBlockHeader.h` and `FaultTolerantWrite.h`).
//!
//! The working block begins with a header of 32 bytes, whose signature is `gEdkiiWorkingBlockSignatureGuid` and whose last eight
//! bytes are the length of the queue behind it. An entry of the queue has 80 bytes: the header of a write and its one record, little-endian.
//! Bits of a state are cleared as the write goes on.

use std::ops::Range;

use super::decode;

/// `gEdkiiWorkingBlockSignatureGuid`.
const SIGNATURE: [u8; 16] =
    [0x2b, 0x29, 0x58, 0x9e, 0x68, 0x7c, 0x7d, 0x49, 0xa0, 0xce, 0x65, 0x00, 0xfd, 0x9f, 0x1b, 0x95];
/// The file GUID of `FaultTolerantWriteDxe`, which a write names as its caller.
const CALLER: [u8; 16] =
    [0x76, 0xea, 0x5c, 0xfe, 0x72, 0x4f, 0xe8, 0x49, 0x98, 0x6f, 0x2c, 0xd8, 0x99, 0xdf, 0xfe, 0x5d];
/// Where a working block may begin.
const ALIGNMENT: usize = 4096;
const HEADER: usize = 32;
const ENTRY: usize = 80;

/// A write whose header, record and end are there.
const WRITE_DONE: u8 = 0xf8;
/// A record whose spare copy and destination are written; it is not of the boot block.
const RECORD_DONE: u8 = 0xf9;

const CALLER_AT: Range<usize> = 4..20;
const WRITES_AT: usize = 24;
const PRIVATE_AT: usize = 32;
const RECORD_AT: usize = 40;
const BLOCK_AT: usize = 48;
const OFFSET_AT: usize = 56;
const LENGTH_AT: usize = 64;

/// Whether firmware has written the whole variable store once with the bytes that it had: all that differs between two images of
/// the same flash is one further entry of the working block, of a finished write of the store.
pub fn is_written_anew(before: &[u8], after: &[u8]) -> bool {
    let Ok(store) = decode(before) else { return false };
    let mut blocks = ((store.offset + store.size).next_multiple_of(ALIGNMENT)..before.len()).step_by(ALIGNMENT);
    let is_block = |at: &usize| before[*at..].starts_with(&SIGNATURE);
    let Some(queue) = blocks.find(is_block).map(|at| at + HEADER) else { return false };
    let length = number(before, queue - 8).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let Some(entries) = queue.checked_add(length).and_then(|end| before.get(queue..end)) else { return false };
    let is_free = |entry: &[u8]| entry.iter().all(|&byte| byte == 0xff);
    let Some(free) = entries.chunks_exact(ENTRY).position(is_free) else { return false };
    let (start, end) = (queue + free * ENTRY, queue + (free + 1) * ENTRY);
    let Some(entry) = after.get(start..end) else { return false };
    let is_elsewhere_the_same = before[..start] == after[..start] && before[end..] == after[end..];
    is_elsewhere_the_same && is_finished_write(entry, store.offset as u64, store.size as u64)
}

/// Whether an entry is one write of these bytes of the volume's first block on.
fn is_finished_write(entry: &[u8], offset: u64, length: u64) -> bool {
    let numbers = [(WRITES_AT, 1), (PRIVATE_AT, 0), (BLOCK_AT, 0), (OFFSET_AT, offset), (LENGTH_AT, length)];
    (entry[0], entry[RECORD_AT]) == (WRITE_DONE, RECORD_DONE)
        && entry[CALLER_AT] == CALLER
        && numbers.into_iter().all(|(at, wanted)| number(entry, at) == Some(wanted))
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{NewVariable, formatted, with_variables};
    use super::*;

    /// Where AAVMF has its working block.
    const AT: usize = 256 << 10;

    /// A store, and a working block with so many finished writes of it.
    fn flash(writes: usize) -> Vec<u8> {
        let mut bytes = with_variables(&formatted(), &[NewVariable::global("Lang", b"eng".to_vec())]).unwrap();
        bytes[AT..AT + 16].copy_from_slice(&SIGNATURE);
        bytes[AT + 24..AT + 32].copy_from_slice(&(8 * ENTRY as u64).to_le_bytes());
        for write in 0..writes {
            let entry = &mut bytes[AT + HEADER + write * ENTRY..][..ENTRY];
            entry.fill(0);
            (entry[0], entry[RECORD_AT]) = (WRITE_DONE, RECORD_DONE);
            entry[CALLER_AT].copy_from_slice(&CALLER);
            entry[WRITES_AT] = 1;
            entry[OFFSET_AT] = 72;
            entry[LENGTH_AT..LENGTH_AT + 8].copy_from_slice(&0x3_ffb8_u64.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn one_finished_write_of_the_store_is_the_only_difference() {
        for before in [0, 1, 7] {
            assert!(is_written_anew(&flash(before), &flash(before + 1)), "{before} writes before");
        }
    }

    #[rstest]
    #[case::a_write_that_is_not_done(AT + HEADER + ENTRY, 0xfc)]
    #[case::a_record_that_is_not_done(AT + HEADER + ENTRY + RECORD_AT, 0xfd)]
    #[case::another_caller(AT + HEADER + ENTRY + 4, 0)]
    #[case::part_of_the_store(AT + HEADER + ENTRY + LENGTH_AT, 0)]
    #[case::a_variable(110, 1)]
    #[case::the_spare_blocks(AT * 2, 0)]
    #[case::an_earlier_entry(AT + HEADER, 0)]
    fn anything_else_is_refused(#[case] at: usize, #[case] byte: u8) {
        let (before, mut after) = (flash(1), flash(2));
        assert!(after[at] != byte && is_written_anew(&before, &after));
        after[at] = byte;
        assert!(!is_written_anew(&before, &after));
    }

    #[test]
    fn no_write_and_two_writes_and_a_shorter_image_are_refused() {
        for after in [flash(1), flash(3), flash(2)[..AT * 2].to_vec()] {
            assert!(!is_written_anew(&flash(1), &after));
        }
    }

    #[test]
    fn flash_without_a_store_a_working_block_or_room_in_it_was_not_written_anew() {
        assert!(!is_written_anew(&[0xff; 4096], &flash(1)));
        assert!(!is_written_anew(&formatted(), &flash(1)));
        assert!(!is_written_anew(&flash(8), &flash(8)));
        let mut endless = flash(1);
        endless[AT + 24..AT + 32].fill(0xff);
        assert!(!is_written_anew(&endless, &flash(2)));
    }
}
