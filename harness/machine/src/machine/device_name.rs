//! The one name of a device, in stories, traces, views, the timeline and reports.
//!
//! A device is called by its medium. One without a medium is called by what it is: NICs `nic0`, `nic1`, counted over the
//! machine's NICs only, and empty drives by their class and place, for example `ahci-2`.
//!
//! ```
//! use bootwright_machine::machine::{DeviceName, Firmware, Machine, Medium};
//!
//! let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("disk")).nic("e1000", None);
//! assert_eq!(machine.name_of(1), Some(DeviceName::nic(0)));
//! assert_eq!(machine.device_named("nic0"), Some(1));
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Device, DeviceClass, Machine};

/// The name of a device of a machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct DeviceName(String);

impl DeviceName {
    /// The device with this medium in it.
    pub fn medium(name: &str) -> DeviceName {
        DeviceName(name.to_owned())
    }

    /// A NIC, counted from 0 over the machine's NICs in device order.
    pub fn nic(number: usize) -> DeviceName {
        DeviceName(format!("nic{number}"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl AsRef<str> for DeviceName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for DeviceName {
    fn from(name: &str) -> DeviceName {
        DeviceName(name.to_owned())
    }
}

impl PartialEq<str> for DeviceName {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for DeviceName {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl Device {
    /// Whether it is a network interface card.
    pub fn is_nic(&self) -> bool {
        matches!(self.class, DeviceClass::Nic(_))
    }

    /// What an empty drive is called: its class and its place on a bus that is not PCI; `None` where its class has none.
    fn place_name(&self) -> Option<String> {
        Some(match &self.class {
            DeviceClass::VirtioScsi { hba, target, lun } => format!("scsi-{hba}-{target}-{lun}"),
            DeviceClass::Scsi { adapter, hba, target, lun } => format!("{}-{hba}-{target}-{lun}", adapter.device()),
            DeviceClass::NvmeNamespace { controller, nsid } => format!("nvme-{controller}-{nsid}"),
            DeviceClass::UsbBehindHub { controller, hub, port } => format!("{}-{hub}-{port}", controller.word()),
            DeviceClass::Ide { channel, unit } => format!("ide-{channel}-{unit}"),
            DeviceClass::Ahci { port } => format!("ahci-{port}"),
            DeviceClass::UsbStorage { controller, port } => format!("{}-{port}", controller.word()),
            DeviceClass::Floppy { unit } => format!("floppy-{}", if *unit == 0 { 'a' } else { 'b' }),
            DeviceClass::VirtioBlk | DeviceClass::Nvme | DeviceClass::Nic(_) => return None,
        })
    }
}

impl Machine {
    /// The name of a device, by its place among the machine's devices.
    pub fn name_of(&self, index: usize) -> Option<DeviceName> {
        let device = self.devices.get(index)?;
        if let Some(medium) = device.medium_name() {
            return Some(DeviceName::medium(medium));
        }
        let before =
            |alike: &dyn Fn(&Device) -> bool| self.devices[..index].iter().filter(|other| alike(other)).count();
        Some(match &device.class {
            DeviceClass::Nic(_) => DeviceName::nic(before(&Device::is_nic)),
            class => DeviceName(device.place_name().unwrap_or_else(|| {
                let number = before(&|other| other.class == *class);
                format!("{}-{number}", if *class == DeviceClass::Nvme { "nvme" } else { "virtio-blk" })
            })),
        })
    }

    /// The device with this name, by its place among the machine's devices.
    pub fn device_named(&self, name: impl AsRef<str>) -> Option<usize> {
        let name = name.as_ref();
        self.device_with_medium(name).or_else(|| {
            let all = 0..self.devices.len();
            all.into_iter().find(|&index| self.name_of(index).is_some_and(|own| own == name))
        })
    }

    /// The NIC with this name, by its place among the machine's devices.
    pub fn nic_named(&self, name: &str) -> Option<usize> {
        self.device_named(name).filter(|index| matches!(self.devices[*index].class, DeviceClass::Nic(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Medium};

    fn machine() -> Machine {
        Machine::pc(Firmware::SeaBios)
            .virtio_blk(Medium::bootable("disk"))
            .nic("e1000", None)
            .device(DeviceClass::Ide { channel: 1, unit: 0 }, None, true)
            .device(DeviceClass::VirtioScsi { hba: 0, target: 2, lun: 1 }, None, true)
            .nic("virtio-net-pci", None)
            .device(DeviceClass::Floppy { unit: 1 }, None, false)
    }

    #[test]
    fn a_device_is_called_by_its_medium_its_count_among_nics_or_its_place() {
        let machine = machine();
        let names: Vec<_> = (0..7).map(|index| machine.name_of(index).map(|name| name.to_string())).collect();
        let expected = ["disk", "nic0", "ide-1-0", "scsi-0-2-1", "nic1", "floppy-b"].map(|name| Some(name.to_owned()));
        assert_eq!(names[..6], expected);
        assert_eq!(names[6], None);
    }

    #[test]
    fn every_name_leads_back_to_its_device_and_no_other_name_leads_anywhere() {
        let machine = machine();
        for index in 0..machine.devices.len() {
            assert_eq!(machine.device_named(machine.name_of(index).unwrap()), Some(index));
        }
        for other in ["nic2", "nic", "ide-1-1", "", "Disk", "dev0"] {
            assert_eq!(machine.device_named(other), None, "{other}");
        }
    }
}
