//! Places on a channel subsystem: which device number and which subchannel each device has.
//!
//! QEMU gives a device the first subchannel that is free (`css_find_free_subch` in its `hw/s390x/css.c`), so that the order in which a
//! command line names devices is the order of their subchannels: the adapters first, as [`argv`](crate::machine::argv) has them, then the
//! devices, and last those that are plugged in later.

use std::fmt;

use super::LayoutError;
use crate::machine::{Device, DeviceClass, Machine, NicModel, Place, Value};

/// The first device number, of subchannel 0: a number that no subchannel has, so that one is not taken for the other.
const FIRST_DEVICE_NUMBER: u16 = 0x1000;

/// Subchannel of the `virtio-rng-ccw` of machines that have one.
pub(crate) const RNG_CHANNEL: u16 = 0;

/// Where a device sits on the channel subsystem: channel subsystem image 0xfe, subchannel set 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelPlace {
    /// Number of its subchannel.
    pub subchannel: u16,
}

impl ChannelPlace {
    /// The place with this subchannel.
    pub(crate) fn numbered(subchannel: u16) -> ChannelPlace {
        ChannelPlace { subchannel }
    }

    /// The subsystem-identification word by which firmware tells a program where it was loaded from (Principles of Operation,
    /// SA22-7832, chapter 17: bytes 184 to 187).
    pub fn identification(self) -> u32 {
        0x0001_0000 | u32::from(self.subchannel)
    }
}

impl fmt::Display for ChannelPlace {
    /// The device number as QEMU's `devno` takes it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "fe.0.{:04x}", FIRST_DEVICE_NUMBER.saturating_add(self.subchannel))
    }
}

/// An adapter on the channel subsystem that devices share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelAdapter {
    /// QEMU's id.
    pub id: String,
    /// QEMU's device name.
    pub driver: &'static str,
    /// Properties besides id and devno.
    pub properties: Vec<(String, Value)>,
    /// Where it sits.
    pub at: ChannelPlace,
}

/// The id of the adapter that a device sits on; `None` for one that is on the channel subsystem itself.
pub(super) fn adapter_id(device: &Device) -> Option<String> {
    match &device.class {
        DeviceClass::VirtioScsi { hba, .. } => Some(format!("scsi{hba}")),
        _ => None,
    }
}

/// The subchannels of a machine.
pub(super) struct Subchannels {
    adapters: Vec<String>,
    /// Indices of the devices that have one of their own, in the order in which they are made.
    devices: Vec<usize>,
    first: u16,
}

impl Subchannels {
    pub(super) fn of(machine: &Machine) -> Subchannels {
        let mut adapters: Vec<String> = Vec::new();
        for id in machine.devices.iter().filter_map(adapter_id) {
            if !adapters.contains(&id) {
                adapters.push(id);
            }
        }
        let own = |absent: bool| {
            let devices = machine.devices.iter().enumerate();
            let devices = devices.filter(|(_, device)| device.place != Place::Zpci && adapter_id(device).is_none());
            let of_own = devices.filter(move |(_, device)| device.absent == absent);
            of_own.map(|(index, _)| index)
        };
        let first = RNG_CHANNEL + u16::from(machine.rng);
        Subchannels { devices: own(false).chain(own(true)).collect(), adapters, first }
    }

    /// That of an adapter.
    pub(super) fn adapter(&self, id: &str) -> ChannelPlace {
        self.at(self.adapters.iter().position(|known| known == id))
    }

    /// That of a device, by its place among the machine's devices.
    pub(super) fn device(&self, index: usize) -> ChannelPlace {
        self.at(self.devices.iter().position(|&known| known == index).map(|at| self.adapters.len() + at))
    }

    fn at(&self, position: Option<usize>) -> ChannelPlace {
        let position = position.and_then(|position| u16::try_from(position).ok()).unwrap_or(u16::MAX);
        ChannelPlace::numbered(self.first.saturating_add(position))
    }
}

/// Refuses a device that no channel subsystem has, and a place that is one of PCI.
pub(super) fn check(index: usize, device: &Device, board: &'static str) -> Result<(), LayoutError> {
    let not_here = |wanted: &str| Err(LayoutError::NotOnBoard { device: index, wanted: wanted.to_owned(), board });
    if device.place == Place::Zpci && device.class == DeviceClass::VirtioBlk && device.slot.is_none() {
        return Ok(());
    }
    let on_pci = device.slot.is_some() || device.function != 0 || device.multifunction || device.place != Place::Root;
    match &device.class {
        DeviceClass::VirtioBlk | DeviceClass::VirtioScsi { .. } if on_pci => not_here("a PCI slot"),
        DeviceClass::Nic(_) if on_pci => not_here("a PCI slot"),
        DeviceClass::Nic(nic) if nic.model != NicModel::VirtioNetCcw => {
            not_here(&format!("a {}, other than a virtio-net-ccw,", nic.model))
        }
        DeviceClass::VirtioBlk | DeviceClass::VirtioScsi { .. } | DeviceClass::Nic(_) => Ok(()),
        _ => not_here("a device that is no virtio-blk, virtio-scsi or virtio-net-ccw"),
    }
}

#[cfg(test)]
mod tests {
    use crate::machine::layout::Layout;
    use crate::machine::{Board, Firmware, Machine, Medium, Place};

    fn machine() -> Machine {
        Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio)
    }

    #[test]
    fn subchannels_follow_the_order_of_a_command_line() {
        let machine = machine()
            .virtio_blk(Medium::bootable("later"))
            .absent()
            .virtio_blk(Medium::bootable("disk"))
            .virtio_scsi(0, 3, Medium::bootable("lun"))
            .nic("virtio-net-ccw", None);
        let subchannels = |machine: &Machine| {
            let layout = Layout::of(machine).unwrap();
            let of = |at: usize| layout.devices[at].channel.unwrap();
            assert_eq!(of(1).to_string(), format!("fe.0.{:04x}", 0x1000 + of(1).subchannel));
            (layout.channel_adapters[0].at.subchannel, [0, 1, 2, 3].map(|at| of(at).subchannel))
        };
        assert_eq!(subchannels(&machine), (0, [3, 1, 0, 2]));
        assert_eq!(subchannels(&machine.rng()), (1, [4, 2, 1, 3]));
    }

    #[test]
    fn a_function_of_pci_has_no_subchannel_and_takes_none() {
        let machine = machine().virtio_blk(Medium::bootable("pci")).place(Place::Zpci);
        let layout = Layout::of(&machine.virtio_blk(Medium::bootable("disk"))).unwrap();
        assert_eq!(layout.devices[0].channel, None);
        assert_eq!(layout.devices[1].channel.map(|at| at.subchannel), Some(0));
        let refused = |machine: Machine| Layout::of(&machine).unwrap_err().to_string();
        let nic = Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio).nic("virtio-net-ccw", None).place(Place::Zpci);
        assert_eq!(refused(nic), "device 0: a PCI slot does not exist on s390-ccw-virtio");
        let pc = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("disk")).place(Place::Zpci);
        assert_eq!(refused(pc), "device 0: a function of z/Architecture's PCI does not exist on pc");
    }

    #[test]
    fn what_a_channel_subsystem_does_not_have_is_refused() {
        let refused = |machine: &Machine| Layout::of(machine).unwrap_err().to_string();
        let disk = || Medium::bootable("disk");
        assert_eq!(
            refused(&machine().virtio_blk(disk()).slot(4)),
            "device 0: a PCI slot does not exist on s390-ccw-virtio"
        );
        let nvme =
            "device 0: a device that is no virtio-blk, virtio-scsi or virtio-net-ccw does not exist on s390-ccw-virtio";
        assert_eq!(refused(&machine().nvme(disk())), nvme);
        assert!(refused(&machine().nic("e1000", None)).starts_with("device 0: a e1000, other than"));
        let on_pci = Machine::q35(Firmware::Ovmf).nic("virtio-net-ccw", None);
        assert_eq!(refused(&on_pci), "device 0: a channel subsystem does not exist on q35");
    }
}
