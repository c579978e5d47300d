//! Where the random source of a machine is.

use super::{Machine, Place};

/// The slot that it has where nobody asks for that.
const LAST: u8 = 0x1e;

/// Root-bus slot of the `virtio-rng-pci` of machines that have one: the last that no device asks for.
pub(crate) fn rng_slot(machine: &Machine) -> u8 {
    let is_asked_for = |slot: u8| {
        machine.devices.iter().any(|device| match device.place {
            Place::Root => device.slot == Some(slot),
            Place::Port { slot: port, .. } => port == slot,
            _ => false,
        })
    };
    (3..=LAST).rev().find(|slot| !is_asked_for(*slot)).unwrap_or(LAST)
}
