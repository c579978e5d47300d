//! Classes of drives, as matrices run over them: what firmware and QEMU can do with each, and where the n-th one sits.
//!
//! ```
//! use bootwright_machine::machine::{Board, DiskClass, Firmware, Hotplug, Machine, Medium};
//!
//! let class: DiskClass = "virtio-scsi".parse()?;
//! assert_eq!(class.hotplug(Board::Q35), Hotplug::AtOnce);
//! let machine = Machine::q35(Firmware::Ovmf).drive(class, 0, Medium::bootable("disk"));
//! assert_eq!(machine.devices[0].slot, Some(4));
//! # Ok::<(), bootwright_machine::machine::UnknownDiskClass>(())
//! ```

use std::fmt;
use std::str::FromStr;

use super::{Board, DeviceClass, Machine, Medium, Root, ScsiAdapter, UsbController};

/// A class of drive, disk or optical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiskClass {
    /// A `virtio-blk-pci` disk.
    VirtioBlk,
    /// A disk on a virtio-scsi adapter.
    VirtioScsi,
    /// A disk on an AHCI port.
    Ahci,
    /// An NVMe controller with one namespace.
    Nvme,
    /// A USB stick on a controller of this kind.
    Usb(UsbController),
    /// A disk on the PIIX3 controller.
    Ide,
    /// A disk on another SCSI adapter.
    Scsi(ScsiAdapter),
    /// A namespace of an NVMe controller of several.
    NvmeNamespace,
    /// A USB stick behind a hub on xHCI.
    UsbHub,
    /// An optical drive on an AHCI port.
    AhciCd,
    /// An optical drive on a virtio-scsi adapter.
    ScsiCd,
    /// An optical drive on the PIIX3 controller.
    IdeCd,
}

/// What QEMU makes of plugging and unplugging a drive on its board's root bus while the machine is powered on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hotplug {
    /// It comes and goes at once (SCSI, USB).
    AtOnce,
    /// It comes at once; asked to go, it stays until the guest answers or the machine is reset (PCI).
    AtReset,
    /// QEMU refuses to plug it in.
    Refused,
}

/// A class name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no class of drive is called \"{name}\"; there are {}", DiskClass::ALL.map(DiskClass::name).join(", "))]
pub struct UnknownDiskClass {
    /// What was wanted.
    pub name: String,
}

impl DiskClass {
    /// Every class.
    pub const ALL: [DiskClass; 19] = [
        DiskClass::VirtioBlk,
        DiskClass::VirtioScsi,
        DiskClass::Ahci,
        DiskClass::Nvme,
        DiskClass::Usb(UsbController::Xhci),
        DiskClass::Ide,
        DiskClass::AhciCd,
        DiskClass::ScsiCd,
        DiskClass::IdeCd,
        DiskClass::Usb(UsbController::Ehci),
        DiskClass::Usb(UsbController::Uhci),
        DiskClass::Scsi(ScsiAdapter::Am53c974),
        DiskClass::Scsi(ScsiAdapter::Lsi53c895a),
        DiskClass::Scsi(ScsiAdapter::Megasas),
        DiskClass::Scsi(ScsiAdapter::Mptsas1068),
        DiskClass::Scsi(ScsiAdapter::Pvscsi),
        DiskClass::Scsi(ScsiAdapter::SpaprVscsi),
        DiskClass::NvmeNamespace,
        DiskClass::UsbHub,
    ];

    /// The name in case ids and axes.
    pub fn name(self) -> &'static str {
        match self {
            DiskClass::VirtioBlk => "virtio-blk",
            DiskClass::VirtioScsi => "virtio-scsi",
            DiskClass::Ahci => "ahci",
            DiskClass::Nvme => "nvme",
            DiskClass::Usb(UsbController::Xhci) => "usb-xhci",
            DiskClass::Usb(UsbController::Ehci) => "usb-ehci",
            DiskClass::Usb(UsbController::Uhci) => "usb-uhci",
            DiskClass::Scsi(adapter) => adapter.device(),
            DiskClass::NvmeNamespace => "nvme-ns",
            DiskClass::UsbHub => "usb-hub",
            DiskClass::Ide => "ide",
            DiskClass::AhciCd => "ahci-cd",
            DiskClass::ScsiCd => "scsi-cd",
            DiskClass::IdeCd => "ide-cd",
        }
    }

    /// Optical rather than disk.
    pub fn is_optical(self) -> bool {
        matches!(self, DiskClass::AhciCd | DiskClass::ScsiCd | DiskClass::IdeCd)
    }

    /// What QEMU makes of plugging one in or out.
    pub fn hotplug(self, board: Board) -> Hotplug {
        match self {
            DiskClass::VirtioScsi | DiskClass::ScsiCd | DiskClass::Usb(_) | DiskClass::UsbHub => Hotplug::AtOnce,
            DiskClass::Scsi(_) => Hotplug::AtOnce,
            DiskClass::NvmeNamespace => Hotplug::Refused,
            DiskClass::VirtioBlk | DiskClass::Nvme if board.facts().pci().is_some_and(|root| root.hotplug) => {
                Hotplug::AtReset
            }
            // a channel device comes and goes at once (`virtio_ccw_busdev_unplug` in QEMU's `hw/s390x/virtio-ccw.c`)
            DiskClass::VirtioBlk if board.facts().root == Root::Ccw => Hotplug::AtOnce,
            DiskClass::VirtioBlk | DiskClass::Nvme => Hotplug::Refused,
            DiskClass::Ahci | DiskClass::AhciCd | DiskClass::Ide | DiskClass::IdeCd => Hotplug::Refused,
        }
    }

    /// Whether it is a PCI function of its own rather than a unit of an adapter.
    pub fn is_pci_function(self) -> bool {
        matches!(self, DiskClass::VirtioBlk | DiskClass::Nvme)
    }

    /// Whether a logical geometry can be given to it (`lcyls`, `lheads`, `lsecs`): disks on virtio, SCSI, IDE and AHCI.
    pub fn has_geometry(self) -> bool {
        match self {
            DiskClass::VirtioBlk | DiskClass::VirtioScsi | DiskClass::Scsi(_) | DiskClass::Ahci | DiskClass::Ide => {
                true
            }
            DiskClass::Nvme | DiskClass::NvmeNamespace | DiskClass::Usb(_) | DiskClass::UsbHub => false,
            DiskClass::AhciCd | DiskClass::ScsiCd | DiskClass::IdeCd => false,
        }
    }

    /// The drive at a rank: 0 is the place that is cheapest to reach (lowest port, unit or LUN), 1 the next and so on.
    pub fn at_rank(self, rank: u8) -> DeviceClass {
        match self {
            DiskClass::VirtioBlk => DeviceClass::VirtioBlk,
            DiskClass::VirtioScsi | DiskClass::ScsiCd => {
                DeviceClass::VirtioScsi { hba: 0, target: 0, lun: u16::from(rank) + 1 }
            }
            DiskClass::Scsi(adapter) => DeviceClass::Scsi { adapter, hba: 0, target: rank, lun: 0 },
            DiskClass::NvmeNamespace => DeviceClass::NvmeNamespace { controller: 0, nsid: u32::from(rank) + 1 },
            DiskClass::UsbHub => {
                DeviceClass::UsbBehindHub { controller: UsbController::Xhci, hub: 1, port: rank.saturating_add(1) }
            }
            DiskClass::Ide | DiskClass::IdeCd => DeviceClass::Ide { channel: rank / 2, unit: rank % 2 },
            DiskClass::Ahci | DiskClass::AhciCd => DeviceClass::Ahci { port: rank },
            DiskClass::Nvme => DeviceClass::Nvme,
            DiskClass::Usb(controller) => DeviceClass::UsbStorage { controller, port: rank.saturating_add(1) },
        }
    }

    /// Whether it, or the adapter that its first drive brings, takes a PCI slot of the root bus.
    fn takes_slot(self, board: Board) -> bool {
        match self {
            _ if board.facts().pci().is_none() => false,
            DiskClass::Ahci | DiskClass::AhciCd => board.facts().ahci.is_none(),
            DiskClass::Ide | DiskClass::IdeCd | DiskClass::Scsi(ScsiAdapter::SpaprVscsi) => false,
            _ => true,
        }
    }
}

impl fmt::Display for DiskClass {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for DiskClass {
    type Err = UnknownDiskClass;

    fn from_str(name: &str) -> Result<DiskClass, UnknownDiskClass> {
        let known = DiskClass::ALL.into_iter().find(|class| class.name() == name);
        known.ok_or_else(|| UnknownDiskClass { name: name.to_owned() })
    }
}

impl Machine {
    /// Adds a drive of a class with a medium, at this rank: see [`DiskClass::at_rank`]. What takes a PCI slot takes slot 4
    /// at rank 0, and every second one after it.
    pub fn drive(self, class: DiskClass, rank: u8, medium: Medium) -> Machine {
        let slot = class.takes_slot(self.board).then_some(4 + 2 * rank);
        let machine = self.device(class.at_rank(rank), Some(medium), class.is_optical());
        match slot {
            Some(slot) => machine.slot(slot),
            None => machine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Firmware;
    use crate::machine::layout::Layout;

    #[test]
    fn a_name_leads_back_to_its_class_and_another_word_is_refused_with_the_names_that_there_are() {
        for class in DiskClass::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        let error = "virtio-scsy".parse::<DiskClass>().unwrap_err().to_string();
        assert!(error.starts_with("no class of drive is called \"virtio-scsy\"; there are virtio-blk,"), "{error}");
    }

    #[test]
    fn only_pci_functions_depend_on_the_board_for_their_plugging() {
        let on = |board| DiskClass::ALL.map(|class| class.hotplug(board));
        let differ: Vec<&str> = DiskClass::ALL
            .into_iter()
            .zip(on(Board::Pc).into_iter().zip(on(Board::Q35)))
            .filter(|(_, (pc, q35))| pc != q35)
            .map(|(class, _)| class.name())
            .collect();
        assert_eq!(differ, ["virtio-blk", "nvme"]);
        assert_eq!(DiskClass::Nvme.hotplug(Board::Q35), Hotplug::Refused);
    }

    #[test]
    fn two_drives_of_a_class_sit_at_different_places_on_every_board_that_has_the_class() {
        for board in [Board::Pc, Board::Q35] {
            for class in DiskClass::ALL {
                let medium = |name| Medium::bootable(name);
                let machine = Machine::new(Firmware::SeaBios, board).drive(class, 0, medium("a"));
                let laid_out = Layout::of(&machine.drive(class, 1, medium("b")));
                let has = match class {
                    DiskClass::Ide | DiskClass::IdeCd => board == Board::Pc,
                    DiskClass::Scsi(ScsiAdapter::SpaprVscsi) => false,
                    _ => true,
                };
                assert_eq!(laid_out.is_ok(), has, "{class} on {board:?}: {laid_out:?}");
            }
        }
    }
}
