//! QEMU's fw_cfg: finds a file by name and reads it byte by byte (QEMU docs/specs/fw_cfg.rst).

use crate::arch;

const SIGNATURE: u16 = 0x00;
const DIRECTORY: u16 = 0x19;
const NAME_BYTES: usize = 56;

/// Selects `name` and returns its size in bytes; `None` if there is no fw_cfg or no such file.
pub fn select(name: &[u8]) -> Option<u32> {
    arch::fw_cfg_select(SIGNATURE);
    if long() != u32::from_be_bytes(*b"QEMU") {
        return None;
    }
    arch::fw_cfg_select(DIRECTORY);
    for _ in 0..long() {
        let size = long();
        let selector = (long() >> 16) as u16;
        let mut same = true;
        for index in 0..NAME_BYTES {
            same &= arch::fw_cfg_byte() == name.get(index).copied().unwrap_or(0);
        }
        if same {
            arch::fw_cfg_select(selector);
            return Some(size);
        }
    }
    None
}

fn long() -> u32 {
    (0..4).fold(0, |value, _| value << 8 | u32::from(arch::fw_cfg_byte()))
}
