//! Formats flash that has no variable store yet, as AAVMF does at its first power-on.
//!
//! Older packages of AAVMF (Debian's 2022.11) give a template of zeros alone. The layout is that of edk2's `ArmVirtQemu.fdf`: a volume of
//! three blocks, of which variables have the first (`InitializeFvAndVariableStoreHeaders` in `VirtNorFlashDxe`).

use super::store::{AUTHENTICATED, NV_DATA_VOLUME};

/// Bytes of one block of flash.
const BLOCK: u32 = 256 << 10;
/// Blocks of the volume: variables, the notes of writes under way, and what a write moves aside.
const BLOCKS: u32 = 3;
/// Bytes of `EFI_FIRMWARE_VOLUME_HEADER` with a block map of one entry and its end.
const HEADER: u16 = 72;
/// Readable, writable and locked state, sticky writes, erased to ones, alignment: `FvbAttributes` as edk2 sets them.
const ATTRIBUTES: u32 = 0x0004_feff;

/// Whether a template holds nothing at all.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// A volume with an empty variable store.
pub fn formatted() -> Vec<u8> {
    let mut header = [0; 16].to_vec();
    header.extend(NV_DATA_VOLUME);
    header.extend(u64::from(BLOCKS * BLOCK).to_le_bytes());
    header.extend(b"_FVH");
    header.extend(ATTRIBUTES.to_le_bytes());
    // length, checksum, no further header, reserved, revision of the format
    header.extend([HEADER.to_le_bytes(), [0; 2], [0; 2], [0, 2]].concat());
    header.extend([BLOCKS, BLOCK, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    let sum = header.chunks_exact(2).fold(0_u16, |sum, pair| sum.wrapping_add(u16::from_le_bytes([pair[0], pair[1]])));
    header[50..52].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    header.extend(AUTHENTICATED);
    header.extend((BLOCK - u32::from(HEADER)).to_le_bytes());
    // formatted, healthy
    header.extend([0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
    header.resize((BLOCKS * BLOCK) as usize, 0xff);
    header
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn a_formatted_volume_has_an_empty_store_that_is_sound() {
        let bytes = formatted();
        let store = decode(&bytes).unwrap();
        assert_eq!((store.variables.len(), store.problems.as_slice()), (0, [].as_slice()));
        assert_eq!((bytes.len(), store.offset, store.size), (0xc_0000, 72, 0x3_ffb8));
        assert_eq!(bytes[50..52], [0x28, 0x09], "as Debian's template of 2025.02 has it");
    }

    #[test]
    fn what_holds_anything_is_not_blank() {
        assert!(is_blank(&[]) && is_blank(&[0; 9]));
        assert!(!is_blank(&formatted()) && !is_blank(&[0xff; 9]) && !is_blank(&[0, 0, 1]));
    }
}
