//! The program for z/Architecture: it prints its line on the SCLP's ASCII console and then does what [`After`] says.
//!
//! There is nothing to compile: this file writes the instructions, with name and nonce in the line that they print. Two fields are
//! filled in by the guest: the subchannel that firmware says it was loaded from, and the sum.

use crate::s390x::{At, Code};
use crate::{After, ImageError, Nonce, spec};

/// How every part of a boot map but the program begins (`ZIPL_MAGIC` in QEMU's `pc-bios/s390-ccw/bootmap.h`).
pub(crate) const MAGIC: &[u8; 4] = b"zIPL";

/// What an entry of a boot map leads to that is not the program's.
pub(crate) const NO_PROGRAM: &[u8] = b"this is no program\r\n";

/// Where the program is loaded, in bytes: behind the two pages that a processor keeps for itself.
pub(crate) const LOADED_AT: u32 = 0x2000;

/// A short PSW (Principles of Operation, chapter 4, "Short PSW format") that enters the program with 64-bit addresses and every
/// interruption disabled.
pub(crate) const PSW: u64 = 0x0008_0001_8000_0000 | LOADED_AT as u64;

/// Places in the program, in bytes from its beginning. The base register holds that, so that a displacement is a place.
const DIGITS: u16 = 0x300;
const SCRATCH: u16 = 0x320;
const MASK_BLOCK: u16 = 0x400;
const EVENT_BLOCK: u16 = 0x800;

/// The text behind the headers of the event block.
const TEXT: u16 = EVENT_BLOCK + 14;

/// The register that holds [`LOADED_AT`], and the one whose digits are written.
const BASE: u8 = 12;
const VALUE: u8 = 7;

/// Commands of the SCLP (`hw/s390x/event-facility.h` and `pc-bios/s390-ccw/sclp.h` of QEMU).
const WRITE_EVENT_MASK: u32 = 0x0078_0005;
const WRITE_EVENT_DATA: u32 = 0x0076_0005;

/// The type of an event that is text for the ASCII console, and its bit among the events that a program may send, counted from the left
/// from 1.
const ASCII_CONSOLE: u8 = 0x1a;
const MAY_SEND: u32 = 1 << (32 - ASCII_CONSOLE as u32);

/// Where the subsystem identification is, four bytes at an absolute address (Principles of Operation, chapter 17).
const SUBSYSTEM_IDENTIFICATION: At = At(184, 0);

/// SIGP's order to stop a processor.
const STOP: u8 = 5;

/// DIAGNOSE X'308', and its subcode that clears the machine and loads again (QEMU's `target/s390x/diag.c`).
const IPL_FUNCTIONS: u16 = 0x308;
const LOAD_CLEAR: u32 = 3;

/// The program as it lies in memory from [`LOADED_AT`] on.
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::Impossible`] for an ending that the machine does not have.
pub(crate) fn program(name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    spec::check_name(name)?;
    let line = Line::of(name, nonce);
    let mut program = instructions(&line, after)?;
    let put = |program: &mut Vec<u8>, at: u16, bytes: &[u8]| {
        program.resize(at.into(), 0);
        program.extend_from_slice(bytes);
    };
    put(&mut program, DIGITS, b"0123456789abcdef");
    put(&mut program, MASK_BLOCK, &mask_block());
    put(&mut program, EVENT_BLOCK, &event_block(&line.text));
    Ok(program)
}

/// The same for a network: the PSW at 0 and the program at its place. What is loaded so begins at address 0.
///
/// # Errors
///
/// As [`program`].
pub(crate) fn network_program(name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    let mut image = PSW.to_be_bytes().to_vec();
    image.resize(LOADED_AT as usize, 0);
    image.extend(program(name, nonce, after)?);
    Ok(image)
}

/// What is printed, and where in it the guest writes.
struct Line {
    text: Vec<u8>,
    /// First byte that is added up.
    from: u16,
    subchannel: u16,
    /// Where the sum ends the bytes that are added up.
    summed: u16,
    sum: u16,
}

impl Line {
    fn of(name: &str, nonce: Nonce) -> Line {
        let mut text = b"\r\n".to_vec();
        let from = text.len();
        text.extend(format!("BOOTWRIGHT/1 nonce={nonce} medium={name} via=ipl arch=s390x subchannel=").bytes());
        let subchannel = text.len();
        text.extend_from_slice(b"00000000");
        let summed = text.len();
        text.extend_from_slice(b" sum=");
        let sum = text.len();
        text.extend_from_slice(b"0000 end\r\n");
        // a name has at most 24 characters, so that all of it is below 200 bytes
        let at = |offset: usize| TEXT + offset as u16;
        Line { from: at(from), subchannel: at(subchannel), summed: at(summed), sum: at(sum), text }
    }
}

fn instructions(line: &Line, after: After) -> Result<Vec<u8>, ImageError> {
    let at = |place: u16| At(place, BASE);
    let mut code = Code::default();
    code.load_immediate(BASE, LOADED_AT);
    call(&mut code, WRITE_EVENT_MASK, at(MASK_BLOCK));
    code.load(VALUE, SUBSYSTEM_IDENTIFICATION);
    put_digits(&mut code, line.subchannel, 8);
    let (sum, byte, place, left) = (3, 6, 4, 5);
    code.clear(sum);
    code.load_address(place, at(line.from));
    code.load_immediate(left, u32::from(line.summed - line.from));
    let next = code.here();
    code.clear(byte);
    code.insert_character(byte, At(0, place));
    code.add(sum, byte);
    code.load_address(place, At(1, place));
    code.branch_on_count(left, next);
    code.load_register(VALUE, sum);
    put_digits(&mut code, line.sum, 4);
    call(&mut code, WRITE_EVENT_DATA, at(EVENT_BLOCK));
    match after {
        After::Exit => {
            code.store_processor_address(at(SCRATCH));
            code.load_halfword(4, at(SCRATCH));
            code.signal_processor(4, STOP);
        }
        After::ResetSystem => {
            code.load_immediate(3, LOAD_CLEAR);
            code.diagnose(2, 3, IPL_FUNCTIONS);
        }
        After::Hang => {}
        other => {
            return Err(ImageError::impossible(
                format!("a program for s390x that ends by {other:?}"),
                "the machine has no such way",
                "use After::Exit, After::ResetSystem or After::Hang",
            ));
        }
    }
    let stays = code.here();
    code.branch(15, stays);
    Ok(code.into_bytes())
}

/// Writes the lowest digits of [`VALUE`] to a place, the last one first. (UNPK and TR would do it in two instructions; QEMU's UNPK takes the
/// leftmost byte for zero.)
fn put_digits(code: &mut Code, place: u16, digits: u8) {
    let (to, left, index, digit) = (4, 5, 6, 8);
    code.load_address(to, At(place + u16::from(digits) - 1, BASE));
    code.load_immediate(left, digits.into());
    code.load_immediate(index, 0);
    let next = code.here();
    code.load_register(index, VALUE);
    code.and_immediate(index, 0xf);
    code.look_up(digit, At(DIGITS, BASE), index);
    code.store_character(digit, At(0, to));
    code.shift_right(VALUE, 4);
    code.add_immediate(to, -1);
    code.branch_on_count(left, next);
}

/// A service call, again as long as the SCLP is busy.
fn call(code: &mut Code, command: u32, block: At) {
    let (word, address) = (1, 2);
    code.load_immediate(word, command);
    code.load_address(address, block);
    let again = code.here();
    code.service_call(word, address);
    code.branch(0b0010, again);
}

/// Control block of Write Event Mask: header of 8 bytes, length of a mask, what the program receives and what it sends.
fn mask_block() -> Vec<u8> {
    let mut block = vec![0; 28];
    block[..2].copy_from_slice(&28_u16.to_be_bytes());
    block[10..12].copy_from_slice(&4_u16.to_be_bytes());
    block[16..20].copy_from_slice(&MAY_SEND.to_be_bytes());
    block
}

/// Control block of Write Event Data: header of 8 bytes, header of the event of 6, text.
fn event_block(text: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 14];
    let [whole, event] = [14, 6].map(|header: u16| (header + text.len() as u16).to_be_bytes());
    block[..2].copy_from_slice(&whole);
    block[8..10].copy_from_slice(&event);
    block[10] = ASCII_CONSOLE;
    block.extend_from_slice(text);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: &str = "a-name-of-24-characters0";

    #[test]
    fn no_part_of_the_program_lies_over_another_and_blocks_stay_within_a_page() {
        for after in [After::Exit, After::ResetSystem, After::Hang] {
            let code = instructions(&Line::of(LONGEST, Nonce([0xff; 16])), after).unwrap();
            assert!(code.len() <= DIGITS.into(), "{after:?}: {}", code.len());
            let program = program(LONGEST, Nonce([0xff; 16]), after).unwrap();
            assert!(program.len() <= 0x1000, "an event block ends in its page");
            assert_eq!(program[DIGITS.into()..][..16], *b"0123456789abcdef");
            assert_eq!(program[..code.len()], code);
        }
    }

    #[test]
    fn the_line_carries_name_and_nonce_and_has_room_for_what_the_guest_fills_in() {
        let line = Line::of("disk", Nonce([0xab; 16]));
        let text = String::from_utf8(line.text.clone()).unwrap();
        let expected = format!(
            "\r\nBOOTWRIGHT/1 nonce={} medium=disk via=ipl arch=s390x subchannel=00000000 sum=0000 end\r\n",
            "ab".repeat(16)
        );
        assert_eq!(text, expected);
        let from = |place: u16| &text[usize::from(place - TEXT)..];
        assert!(from(line.from).starts_with("BOOTWRIGHT") && from(line.subchannel).starts_with("00000000 "));
        assert!(from(line.summed).starts_with(" sum=") && from(line.sum).starts_with("0000 end"));
    }

    #[test]
    fn a_network_program_begins_with_the_psw_that_enters_it() {
        let image = network_program("served", Nonce([1; 16]), After::Exit).unwrap();
        assert_eq!(image[..8], [0, 8, 0, 1, 0x80, 0, 0x20, 0]);
        assert_eq!(image[0x2000..0x2006], [0xc0, 0xcf, 0, 0, 0x20, 0], "llilf %r12,8192");
        assert!(image[8..0x2000].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn an_ending_that_the_machine_does_not_have_is_refused_and_so_is_a_name() {
        for after in [After::ReturnToFirmware, After::RebootPortCf9, After::WriteBootNext, After::Idle] {
            let error = program("disk", Nonce([0; 16]), after).unwrap_err().to_string();
            assert!(error.starts_with("a program for s390x that ends by"), "{error}");
        }
        assert!(matches!(program("Disk", Nonce([0; 16]), After::Exit), Err(ImageError::Name { .. })));
    }
}
