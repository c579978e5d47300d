//! Which device an attempt of `s390-ccw` is on. Its lines say what kind of device it uses and never which one, but the order in which it
//! tries them is known: QEMU gives it the devices that have a bootindex, the first eight in that order (`s390_ipl_create_jump2ipl` and
//! `s390_build_iplb_chain` in its `hw/s390x/ipl.c`); where no device has one, it looks at every subchannel in turn (`probe_boot_device` in
//! `pc-bios/s390-ccw/main.c`).

use bootwright_machine::machine::argv::mac;
use bootwright_machine::machine::layout::Layout;
use bootwright_machine::machine::{DeviceClass, DeviceName, Machine, Place, paths};

/// How many devices QEMU names (`MAX_BOOT_DEVS` in its `include/hw/s390x/ipl/qipl.h`).
const CHAIN: usize = 8;

/// What the firmware calls the kinds of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IplKind {
    /// virtio-blk.
    Blk,
    /// A disk on virtio-scsi.
    Scsi,
    /// virtio-net.
    Network,
}

impl IplKind {
    /// The kind that a line of the log says is used.
    pub fn of_line(line: &str) -> Option<IplKind> {
        match line.trim_end() {
            "Using virtio-blk." => Some(IplKind::Blk),
            "Using virtio-scsi." => Some(IplKind::Scsi),
            "Network boot device detected" => Some(IplKind::Network),
            _ => None,
        }
    }

    /// The word for an attempt on it.
    pub fn word(self) -> &'static str {
        match self {
            IplKind::Blk => "virtio-blk",
            IplKind::Scsi => "virtio-scsi",
            IplKind::Network => "network",
        }
    }
}

/// One device as the firmware comes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IplName {
    /// What it is to the firmware.
    pub kind: IplKind,
    /// Its name; `None` where several disks are behind one subchannel.
    pub name: Option<DeviceName>,
    /// The medium in it.
    pub medium: Option<String>,
}

/// The devices of a machine as `s390-ccw` comes to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IplNames {
    /// Those that have a bootindex, in its order.
    pub ranked: Vec<IplName>,
    /// The drives in the order of their subchannels, of which the firmware tries each where none has a bootindex.
    pub probed: Vec<IplName>,
    /// MAC address of each NIC.
    pub macs: Vec<(String, DeviceName)>,
}

impl IplNames {
    /// Those of a machine; none for one without a channel subsystem.
    pub fn of(machine: &Machine, layout: &Layout) -> IplNames {
        let mut names = IplNames::default();
        let name = |index: usize| {
            let device = machine.devices.get(index)?;
            let on_channel = layout.devices.get(index)?.channel.is_some();
            if !on_channel && device.place != Place::Zpci {
                return None;
            }
            let kind = match &device.class {
                DeviceClass::VirtioBlk => IplKind::Blk,
                DeviceClass::VirtioScsi { .. } => IplKind::Scsi,
                DeviceClass::Nic(_) => IplKind::Network,
                _ => return None,
            };
            Some(IplName { kind, name: machine.name_of(index), medium: device.medium_name().map(str::to_owned) })
        };
        names.ranked = paths::ranked(machine).into_iter().filter_map(name).take(CHAIN).collect();
        let mut probed: Vec<(u16, IplName)> = Vec::new();
        let present = machine.devices.iter().enumerate().filter(|(_, device)| !device.absent);
        for index in present.map(|(index, _)| index) {
            let Some(found) = name(index) else { continue };
            if let (IplKind::Network, Some(own)) = (found.kind, &found.name) {
                names.macs.push((mac(index), own.clone()));
                continue;
            }
            let Some(at) = layout.devices[index].channel.map(|at| at.subchannel) else { continue };
            match probed.iter_mut().find(|(known, _)| *known == at) {
                Some((_, several)) => (several.name, several.medium) = (None, None),
                None => probed.push((at, found)),
            }
        }
        probed.sort_by_key(|(at, _)| *at);
        names.probed = probed.into_iter().map(|(_, name)| name).collect();
        names
    }

    /// The device of an attempt: the `turn`-th for which the firmware was set up on this lap, and within that the `within`-th, both counted
    /// from 1; `None` where that is no device of this kind.
    pub fn at(&self, turn: usize, within: usize, kind: IplKind) -> Option<&IplName> {
        let name = match self.ranked.is_empty() {
            true => self.probed.get(within.checked_sub(1)?)?,
            false if within > 1 => return None,
            false => self.ranked.get(turn.checked_sub(1)?)?,
        };
        Some(name).filter(|name| name.kind == kind)
    }

    /// The NIC with this MAC address.
    pub fn nic(&self, mac: &str) -> Option<&DeviceName> {
        self.macs.iter().find(|(known, _)| known == mac).map(|(_, name)| name)
    }

    /// Whether a medium is in a drive.
    pub fn has(&self, medium: &str) -> bool {
        self.ranked.iter().chain(&self.probed).any(|name| name.medium.as_deref() == Some(medium))
    }

    /// The names of all media and devices, to be changed where a medium is.
    pub fn each(&mut self, mut change: impl FnMut(&mut DeviceName, &mut Option<String>)) {
        for name in self.ranked.iter_mut().chain(&mut self.probed) {
            if let Some(own) = &mut name.name {
                change(own, &mut name.medium);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootwright_machine::machine::{Board, Firmware, Medium};

    fn names(machine: &Machine) -> IplNames {
        IplNames::of(machine, &Layout::of(machine).unwrap())
    }

    fn machine() -> Machine {
        Machine::new(Firmware::S390Ccw, Board::S390CcwVirtio)
            .virtio_blk(Medium::bootable("a"))
            .virtio_scsi(0, 1, Medium::bootable("b"))
            .nic("virtio-net-ccw", None)
    }

    #[test]
    fn with_a_bootindex_each_turn_is_the_next_device_of_the_order() {
        let mut ranked = machine().bootindex(1).virtio_blk(Medium::bootable("c")).bootindex(2);
        ranked.devices[0].bootindex = Some(3);
        let names = names(&ranked);
        let at = |turn, kind| names.at(turn, 1, kind).and_then(|name| name.name.clone()).map(|name| name.to_string());
        assert_eq!(at(1, IplKind::Network).as_deref(), Some("nic0"));
        assert_eq!([at(2, IplKind::Blk), at(3, IplKind::Blk)], [Some("c".to_owned()), Some("a".to_owned())]);
        assert_eq!(at(1, IplKind::Blk), None, "another kind than the order has there");
        assert_eq!(at(4, IplKind::Scsi), None, "without a bootindex it is not tried");
        assert_eq!(names.at(2, 2, IplKind::Blk), None, "one device a turn");
    }

    #[test]
    fn a_function_of_pci_has_its_turn_and_is_not_probed() {
        let on_pci = machine().virtio_blk(Medium::bootable("pci")).place(Place::Zpci);
        assert_eq!(names(&on_pci).probed.len(), 2);
        let ranked = names(&on_pci.bootindex(1));
        assert_eq!(ranked.at(1, 1, IplKind::Blk).and_then(|name| name.medium.as_deref()), Some("pci"));
    }

    #[test]
    fn without_any_bootindex_the_drives_follow_their_subchannels() {
        let names = names(&machine());
        let at = |within, kind| names.at(1, within, kind).and_then(|name| name.medium.as_deref());
        assert_eq!([at(1, IplKind::Scsi), at(2, IplKind::Blk), at(3, IplKind::Network)], [Some("b"), Some("a"), None]);
        assert_eq!(names.nic("52:54:00:12:34:12"), Some(&DeviceName::nic(0)));
        assert_eq!(names.nic("52:54:00:12:34:13"), None);
    }

    #[test]
    fn of_several_disks_behind_one_subchannel_none_is_named() {
        let names = names(&machine().virtio_scsi(0, 2, Medium::bootable("d")));
        assert_eq!(names.at(1, 1, IplKind::Scsi).map(|name| name.name.clone()), Some(None));
    }
}
