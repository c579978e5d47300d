//! Functions of PCI slots that devices share: firmware looks at the others of a slot where it finds one at 0 that says so.

use std::collections::{BTreeMap, BTreeSet};

use super::{Guest, GuestDevice};
use crate::machine::{Board, Place};

/// Tells the device at function 0 of a slot that it has others beside it. Where none of ours is at 0, one that we do not have was
/// there, and the lowest takes its place; in the slots of the chipset the board itself has it. In slots of the root bus that are `unseen`
/// nobody is at 0, and each keeps its function.
pub(super) fn settle(devices: &mut [GuestDevice], board: Option<Board>, unseen: &BTreeSet<u8>) {
    let slot_of = |device: &GuestDevice| match device.device.place {
        Place::Root | Place::PciBridge => Some((device.device.place == Place::Root, device.device.slot?)),
        _ => None,
    };
    let mut slots: BTreeMap<(bool, u8), BTreeSet<u8>> = BTreeMap::new();
    for device in devices.iter() {
        if let Some(slot) = slot_of(device) {
            slots.entry(slot).or_default().insert(device.device.function);
        }
    }
    for device in devices.iter_mut() {
        let Some(slot) = slot_of(device) else { continue };
        let of_the_board = slot.0 && is_of_board(board, slot.1);
        let is_unseen = slot.0 && unseen.contains(&slot.1);
        let Some(functions) = slots.get(&slot).filter(|_| !of_the_board && !is_unseen) else { continue };
        if functions.first() == Some(&device.device.function) {
            device.device.function = 0;
            device.device.multifunction = functions.len() > 1;
        }
    }
}

/// Slots of the root bus with functions of the chipset, one at 0 among them.
fn is_of_board(board: Option<Board>, slot: u8) -> bool {
    matches!((board, slot), (Some(Board::Pc), 1) | (Some(Board::Q35), 31))
}

/// The slot of a device that firmware does not look at beyond function 0, where nobody is.
pub(super) fn without_zero(guest: &Guest, device: &GuestDevice) -> Option<u8> {
    let place = |device: &GuestDevice| (device.device.place == Place::Root).then_some(device.device.slot).flatten();
    let slot = place(device).filter(|slot| device.device.function > 0 && !is_of_board(guest.board, *slot))?;
    let is_zero = |other: &GuestDevice| place(other) == Some(slot) && other.device.function == 0;
    (!guest.devices.iter().any(is_zero)).then_some(slot)
}

#[cfg(test)]
mod tests {
    use crate::guest::qemu;
    use crate::machine::layout::Layout;

    fn functions(line: &str) -> Vec<(u8, bool)> {
        let guest = qemu::read_text("line", line, &qemu::Reading::default()).unwrap();
        Layout::of(&guest.machine().unwrap()).unwrap();
        guest.devices.iter().map(|device| (device.device.function, device.device.multifunction)).collect()
    }

    #[test]
    fn devices_of_one_slot_keep_their_functions() {
        let two = "kvm -nodefaults -device e1000,addr=5.0,multifunction=on -device e1000,addr=0x5.0x3";
        assert_eq!(functions(two), [(0, true), (3, false)]);
        assert_eq!(functions("kvm -nodefaults -device e1000,addr=5.0"), [(0, false)]);
        let of_another = "kvm -nodefaults -device virtio-balloon,addr=5.0,multifunction=on -device e1000,addr=5.1 -device e1000,addr=5.2";
        assert_eq!(functions(of_another), [(0, true), (2, false)]);
        let bridge = "kvm -nodefaults -device pci-bridge,id=b,chassis_nr=1 -device e1000,bus=b,addr=5.0,multifunction=on \
                      -device e1000,bus=b,addr=5.1";
        assert_eq!(functions(bridge), [(0, true), (1, false)]);
    }

    #[test]
    fn a_slot_without_function_0_stays_so() {
        assert_eq!(
            functions("kvm -nodefaults -device e1000,addr=5.1 -device e1000,addr=5.2"),
            [(1, false), (2, false)]
        );
    }

    #[test]
    fn a_function_beside_one_that_is_alone_in_its_slot_is_refused_as_qemu_refuses_it() {
        let line = "kvm -nodefaults -device e1000,addr=5.0 -device e1000,addr=5.1";
        let error = qemu::read_text("line", line, &qemu::Reading::default()).unwrap_err();
        assert!(error.what.contains("single function device can't be populated in function 5.1"), "{error}");
    }
}
