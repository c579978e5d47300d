//! What a machine asks for after the steps of a story: which devices are there, with which bootindex, and which of that the
//! firmware is entitled to see.
//!
//! QEMU owes the guest the list as it stands at each reset and when the machine leaves prelaunch. What changes while the
//! guest runs takes effect at the next reset only.

use std::collections::BTreeSet;

use crate::case::story::Unplugged;
use crate::machine::{Access, Machine};

/// The machine as the steps so far have left it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceState {
    powered_on: Machine,
    present: Machine,
    effective: Machine,
    leaving: BTreeSet<usize>,
    prelaunch: bool,
}

impl DeviceState {
    /// A machine that has just been powered on.
    pub fn new(machine: &Machine) -> DeviceState {
        DeviceState {
            powered_on: machine.clone(),
            present: machine.clone(),
            effective: machine.clone(),
            leaving: BTreeSet::new(),
            prelaunch: machine.paused,
        }
    }

    /// The machine that the firmware is entitled to see.
    pub fn effective(&self) -> &Machine {
        &self.effective
    }

    /// The machine as it stands, effective or not.
    pub fn present(&self) -> &Machine {
        &self.present
    }

    /// The machine of the command line that the running QEMU was given.
    pub fn powered_on(&self) -> &Machine {
        &self.powered_on
    }

    /// Powered on paused and not continued since.
    pub fn in_prelaunch(&self) -> bool {
        self.prelaunch
    }

    /// Whether a device was asked to go and is still there.
    pub fn unplug_outstanding(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// A device was plugged in.
    pub fn plugged(&mut self, device: usize) {
        self.set_absent(device, false);
    }

    /// A device was asked to go.
    pub fn unplugged(&mut self, device: usize, unplugged: Unplugged) {
        match unplugged {
            Unplugged::AtOnce => self.set_absent(device, true),
            Unplugged::AtReset => {
                self.leaving.insert(device);
            }
        }
    }

    /// A device got another bootindex.
    pub fn bootindex(&mut self, device: usize, bootindex: i64) {
        if let Some(device) = self.present.devices.get_mut(device) {
            device.bootindex = Some(bootindex);
        }
    }

    /// The media of two devices have changed places, which is the same to the list.
    pub fn exchanged(&mut self, one: usize, other: usize) {
        for machine in [&mut self.present, &mut self.effective] {
            if let Ok([one, other]) = machine.devices.get_disjoint_mut([one, other]) {
                std::mem::swap(&mut one.medium, &mut other.medium);
            }
        }
    }

    /// The machine was reset: devices that were asked to go have gone, and the list is due again.
    pub fn reset(&mut self) {
        for device in std::mem::take(&mut self.leaving) {
            self.set_absent(device, true);
        }
        self.effective = self.present.clone();
    }

    /// The machine was continued; out of prelaunch the list is due again.
    pub fn continued(&mut self) {
        if std::mem::take(&mut self.prelaunch) {
            self.effective = self.present.clone();
        }
    }

    /// The machine was powered off and on again without some of its devices.
    pub fn power_cycled(&mut self, without: &BTreeSet<usize>) {
        let mut machine = self.powered_on.clone();
        for (index, device) in machine.devices.iter_mut().enumerate() {
            device.absent |= without.contains(&index);
        }
        let powered_on = std::mem::replace(&mut self.powered_on, machine.clone());
        *self = DeviceState { powered_on, ..DeviceState::new(&machine) };
    }

    /// The machine has its variable store in another way from the next power-on.
    pub fn store_access(&mut self, access: Access) {
        self.powered_on.variable_store.access = access;
    }

    /// The machine offers no boot menu from the next power-on.
    pub fn menu_off(&mut self) {
        let boot = &mut self.powered_on.boot;
        (boot.menu, boot.splash_time) = (None, None);
    }

    /// The machine moved to a QEMU with this command line: its firmware lists are that QEMU's from now on, whatever the first
    /// one held.
    pub fn migrated(&mut self, machine: Machine) {
        self.powered_on = machine.clone();
        self.effective = machine.clone();
        self.present = machine;
    }

    fn set_absent(&mut self, device: usize, absent: bool) {
        if let Some(device) = self.present.devices.get_mut(device) {
            device.absent = absent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::layout::Layout;
    use crate::machine::{Firmware, Medium, paths};

    fn machine() -> Machine {
        let machine = Machine::pc(Firmware::SeaBios).virtio_scsi(0, 1, Medium::bootable("wrong")).bootindex(2);
        machine.virtio_scsi(0, 2, Medium::bootable("right")).bootindex(1).absent()
    }

    fn asked(state: &DeviceState) -> String {
        let layout = Layout::of(state.effective()).unwrap();
        paths::bootorder_file(state.effective(), &layout)
    }

    const WRONG: &str = "/pci@i0cf8/scsi@3/channel@0/disk@0,1";
    const RIGHT: &str = "/pci@i0cf8/scsi@3/channel@0/disk@0,2";

    #[test]
    fn a_device_plugged_in_prelaunch_is_due_at_cont() {
        let mut state = DeviceState::new(&machine().paused());
        state.plugged(1);
        assert_eq!(asked(&state), format!("{WRONG}\0"));
        state.continued();
        assert_eq!(asked(&state), format!("{RIGHT}\n{WRONG}\0"));
    }

    #[test]
    fn a_device_plugged_while_running_is_due_at_the_next_reset_only() {
        let mut state = DeviceState::new(&machine());
        state.plugged(1);
        state.continued();
        assert_eq!(asked(&state), format!("{WRONG}\0"));
        state.reset();
        assert_eq!(asked(&state), format!("{RIGHT}\n{WRONG}\0"));
    }

    #[test]
    fn a_device_that_does_not_answer_stays_until_the_reset() {
        let mut state = DeviceState::new(&machine().paused());
        state.unplugged(0, Unplugged::AtReset);
        assert!(state.unplug_outstanding());
        assert!(!state.present().devices[0].absent);
        state.reset();
        assert!(!state.unplug_outstanding());
        assert_eq!(asked(&state), "");
    }

    #[test]
    fn a_power_cycle_forgets_what_was_plugged() {
        let mut state = DeviceState::new(&machine());
        state.plugged(1);
        state.bootindex(0, 7);
        state.power_cycled(&BTreeSet::from([0]));
        assert_eq!(asked(&state), "");
        state.power_cycled(&BTreeSet::new());
        assert_eq!(asked(&state), format!("{WRONG}\0"));
    }
}
