//! Writes BootNext, BootOrder or OsIndications, once for each variable store: a variable of this program's own remembers that it did
//! (UEFI 2.10 sections 3.1, 3.3 and 8.5.4). Nothing here can panic: what a panic needs of `core` cannot be linked.

use crate::firmware::Firmware;

/// The most boot options that are looked at.
const OPTIONS: usize = 64;

/// What to write.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// BootNext: the option behind the current one in BootOrder.
    Next,
    /// BootOrder: the current option and the one behind it change places.
    Order,
    /// OsIndications: stop in the firmware's user interface at the next boot.
    Indications,
}

/// `EFI_OS_INDICATIONS_BOOT_TO_FW_UI`.
const BOOT_TO_FW_UI: u64 = 1;

/// Writes, unless that was done before; whether it was done now. For the first two the current option must be in BootOrder and not last.
pub fn write_once(firmware: &Firmware, what: Write) -> bool {
    let mut mark = [0_u8; 1];
    if firmware.own_variable(&mut mark).is_some() {
        return false;
    }
    if what == Write::Indications {
        return firmware.set_variable("OsIndications", &BOOT_TO_FW_UI.to_le_bytes()) && firmware.set_own_variable(&[1]);
    }
    let (mut current, mut order) = ([0_u8; 2], [0_u8; 2 * OPTIONS]);
    let Some([low, high]) = firmware.variable("BootCurrent", &mut current) else { return false };
    let current = [*low, *high];
    let Some(length) = firmware.variable("BootOrder", &mut order).map(<[u8]>::len) else { return false };
    let Some(order) = order.get_mut(..length) else { return false };
    let (options, _) = order.as_chunks_mut::<2>();
    let mut behind = options.iter_mut().skip_while(|option| **option != current);
    let (Some(own), Some(next)) = (behind.next(), behind.next()) else { return false };
    let written = match what {
        Write::Next => firmware.set_variable("BootNext", next),
        Write::Order | Write::Indications => {
            core::mem::swap(own, next);
            firmware.set_variable("BootOrder", order)
        }
    };
    written && firmware.set_own_variable(&[1])
}
