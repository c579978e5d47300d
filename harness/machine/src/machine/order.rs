//! Words that change a machine's boot order: the causes that negative controls remove.
//!
//! ```
//! use bootwright_machine::machine::{Firmware, Machine, Medium, paths};
//!
//! let machine = Machine::pc(Firmware::SeaBios)
//!     .virtio_blk(Medium::bootable("wrong"))
//!     .bootindex(2)
//!     .virtio_blk(Medium::bootable("right"))
//!     .bootindex(1);
//! assert_eq!(paths::ranked(&machine), [1, 0]);
//! assert_eq!(paths::ranked(&machine.clone().swapping_bootindex("right", "wrong")), [0, 1]);
//! assert_eq!(paths::ranked(&machine.without_bootindex_of("right")), [0]);
//! ```

use super::{Device, Machine};

impl Machine {
    /// The same machine with every bootindex removed: the usual negative control of an order case.
    pub fn without_bootindex(mut self) -> Machine {
        for device in &mut self.devices {
            device.bootindex = None;
        }
        self
    }

    /// The same machine with the bootindex of one device removed; nothing happens where it has no such device.
    pub fn without_bootindex_of(self, device: &str) -> Machine {
        self.changing(device, |device| device.bootindex = None)
    }

    /// The same machine with another bootindex for one device; nothing happens where it has no such device.
    pub fn with_bootindex_of(self, device: &str, bootindex: i64) -> Machine {
        self.changing(device, |device| device.bootindex = Some(bootindex))
    }

    /// The same machine with the bootindex values of two devices exchanged; nothing happens where it lacks one of them.
    pub fn swapping_bootindex(mut self, one: &str, other: &str) -> Machine {
        if let (Some(one), Some(other)) = (self.device_named(one), self.device_named(other)) {
            let held = self.devices[one].bootindex;
            self.devices[one].bootindex = self.devices[other].bootindex;
            self.devices[other].bootindex = held;
        }
        self
    }

    fn changing(mut self, device: &str, change: impl FnOnce(&mut Device)) -> Machine {
        if let Some(index) = self.device_named(device) {
            change(&mut self.devices[index]);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Medium};

    fn machine() -> Machine {
        let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("disk")).bootindex(1);
        machine.nic("e1000", None).bootindex(2).nvme(Medium::bootable("unlisted"))
    }

    fn values(machine: &Machine) -> Vec<Option<i64>> {
        machine.devices.iter().map(|device| device.bootindex).collect()
    }

    #[test]
    fn each_word_changes_the_devices_that_it_names_and_no_other() {
        assert_eq!(values(&machine().without_bootindex_of("nic0")), [Some(1), None, None]);
        assert_eq!(values(&machine().with_bootindex_of("unlisted", 0)), [Some(1), Some(2), Some(0)]);
        assert_eq!(values(&machine().swapping_bootindex("disk", "nic0")), [Some(2), Some(1), None]);
        assert_eq!(values(&machine().swapping_bootindex("disk", "unlisted")), [None, Some(2), Some(1)]);
        assert_eq!(values(&machine().without_bootindex()), [None; 3]);
    }

    #[test]
    fn a_name_that_no_device_has_changes_nothing() {
        let machine = machine();
        for changed in [
            machine.clone().without_bootindex_of("nic1"),
            machine.clone().with_bootindex_of("other", 3),
            machine.clone().swapping_bootindex("disk", "other"),
        ] {
            assert_eq!(changed, machine);
        }
    }
}
