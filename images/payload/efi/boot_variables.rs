//! Writes BootNext or BootOrder, once for each variable store: a variable of this program's own remembers that it did
//! (UEFI 2.10 sections 3.1 and 3.3). Nothing here can panic: what a panic needs of `core` cannot be linked.

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
}

/// Writes, unless that was done before; whether it was done now. The current option must be in BootOrder and not last.
pub fn write_once(firmware: &Firmware, what: Write) -> bool {
    let mut mark = [0_u8; 1];
    if firmware.own_variable(&mut mark).is_some() {
        return false;
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
        Write::Order => {
            core::mem::swap(own, next);
            firmware.set_variable("BootOrder", order)
        }
    };
    written && firmware.set_own_variable(&[1])
}
