//! OVMF boots over the network by its own stack and by iPXE's EFI ROM.

use bootwright::case::Case;

pub fn cases() -> Vec<Case> {
    Vec::new()
}
