//! The image of a drive that a BIOS emulates: a boot sector, and far behind it the rest of its program. No file system.

use crate::payload;
use crate::{Emulation, Image, ImageError, Nonce, mbr};

/// Where the program goes on. On a floppy that is no sector with a number that four divide, in the middle of a track.
const FLOPPY_PROGRAM: u16 = 1001;
/// On the hard disk it is behind cylinder 255: cylinder 270, head 2.
const HARD_DISK_PROGRAM: u16 = 22_995;

/// Byte 4 of its entry in a boot catalogue: the type of the partition in its image, 0 on a floppy.
pub(crate) fn system_type(emulation: Emulation) -> u8 {
    if emulation == Emulation::HardDisk { mbr::TYPE_LINUX } else { 0 }
}

/// Length of its image in sectors of 512 bytes.
pub(crate) fn sectors(emulation: Emulation) -> u64 {
    let (cylinders, heads, sectors) = emulation.geometry();
    u64::from(cylinders * heads * sectors)
}

/// Puts the image of the drive at `offset` in bytes.
pub(crate) fn put(
    image: &mut Image,
    offset: u64,
    emulation: Emulation,
    name: &str,
    nonce: Nonce,
) -> Result<(), ImageError> {
    let at = if emulation == Emulation::HardDisk { HARD_DISK_PROGRAM } else { FLOPPY_PROGRAM };
    let mut program = payload::emulated_program(name, nonce, at)?;
    image.put(offset + u64::from(at) * 512, &program[512..]);
    program.truncate(512);
    program[510..].copy_from_slice(&[0x55, 0xaa]);
    if emulation == Emulation::HardDisk {
        program[446..462].copy_from_slice(&partition(emulation));
    }
    image.put(offset, program);
    Ok(())
}

/// The table's entry for all behind the first track, in the geometry that it tells.
fn partition(emulation: Emulation) -> [u8; 16] {
    let (cylinders, heads, track) = emulation.geometry();
    let last = cylinders - 1;
    let mut entry = [0; 16];
    entry[0] = 0x80;
    // head, sector from 1 under bits 8 and 9 of the cylinder, the cylinder's other bits
    entry[1..4].copy_from_slice(&[1, 1, 0]);
    entry[4] = system_type(emulation);
    entry[5..8].copy_from_slice(&[heads as u8 - 1, track as u8 | (last >> 2 & 0xc0) as u8, last as u8]);
    entry[8..12].copy_from_slice(&track.to_le_bytes());
    entry[12..16].copy_from_slice(&(sectors(emulation) as u32 - track).to_le_bytes());
    entry
}
