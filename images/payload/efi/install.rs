//! What an installer does: writes the boot signature of a disk that lacks nothing else. Nothing here can panic: what a panic
//! needs of `core` cannot be linked.

use crate::firmware::{BLOCK_BYTES, Firmware};

/// Where this project's boot code has its magic, and what that is.
const MAGIC_AT: usize = 416;
const MAGIC: [u8; 4] = *b"BWS0";
const SIGNATURE_AT: usize = 510;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// Signs the first whole disk that has this project's boot code and no signature behind it; whether there was one.
pub fn sign_a_disk(firmware: &Firmware) -> bool {
    let mut block = Block([0; BLOCK_BYTES]);
    for disk in firmware.disks() {
        let Block(bytes) = &mut block;
        let unsigned = disk.read(firmware, bytes)
            && bytes.get(MAGIC_AT..MAGIC_AT + 4) == Some(&MAGIC)
            && bytes.get(SIGNATURE_AT..) == Some(&[0, 0]);
        if !unsigned {
            continue;
        }
        for (to, from) in bytes.iter_mut().skip(SIGNATURE_AT).zip(SIGNATURE) {
            *to = from;
        }
        if disk.write(firmware, bytes) {
            return true;
        }
    }
    false
}

/// A sector, where a driver may want it (`EFI_BLOCK_IO_MEDIA.IoAlign`).
#[repr(C, align(4096))]
struct Block([u8; BLOCK_BYTES]);
