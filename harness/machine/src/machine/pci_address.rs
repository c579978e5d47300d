//! Where a PCI function sits on its bus.

use std::fmt;

/// A PCI function's address on its bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// Slot (device number), 0 to 31.
    pub slot: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

impl PciAddress {
    /// Function 0 of a slot.
    pub const fn slot(slot: u8) -> PciAddress {
        PciAddress { slot, function: 0 }
    }
}

impl fmt::Display for PciAddress {
    /// As QEMU's property `addr` takes it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#x}.{:#x}", self.slot, self.function)
    }
}
