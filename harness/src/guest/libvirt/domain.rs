//! The devices of a domain as they are written, before any has its place.

use super::address::{Address, Group};
use super::controller::{Controller, Kind as ControllerKind, ScsiModel, UsbModel, scsi_model, usb_model};
use super::disk::{Bus, Disk};
use super::interface::Interface;
use crate::machine::{Board, UsbController};

/// The devices of a domain.
#[derive(Default)]
pub(super) struct Domain {
    /// In libvirt's order, see [`Domain::insert`].
    pub disks: Vec<Disk>,
    pub interfaces: Vec<Interface>,
    pub controllers: Vec<Controller>,
    /// Other PCI devices in document order: the group in which libvirt places it, and its address.
    pub others: Vec<(Group, Option<Address>)>,
    pub has_video: bool,
}

impl Domain {
    /// The model of the SCSI adapter with this index.
    pub fn scsi(&self, index: u8, board: Option<Board>) -> ScsiModel {
        let models = self.controllers.iter().filter_map(|controller| match controller.kind {
            ControllerKind::Scsi(model) => Some((controller.index, model)),
            _ => None,
        });
        let found = models.into_iter().find(|(own, _)| *own == index);
        found.map_or(scsi_model(None, board), |(_, model)| model)
    }

    /// The host controller of this index. ICH9 has four under one index, and drives are on the EHCI one.
    pub fn usb(&self, index: u8, board: Option<Board>) -> UsbController {
        let models = || {
            self.controllers.iter().filter_map(move |controller| match controller.kind {
                ControllerKind::Usb(model) if controller.index == index => Some(model),
                _ => None,
            })
        };
        let ehci = models().find(|model| *model == UsbModel::Ich9(7));
        match ehci.or_else(|| models().next()).unwrap_or(usb_model(None, board)) {
            UsbModel::Known(controller) => controller,
            UsbModel::Ich9(7) => UsbController::Ehci,
            UsbModel::Ich9(_) | UsbModel::None => UsbController::Uhci,
        }
    }

    /// The port of its controller that a USB disk without one gets: they are given out in order.
    pub fn usb_port(&self, name: &str, index: u8) -> u8 {
        let taken: Vec<u8> = self
            .disks
            .iter()
            .filter_map(|disk| match disk.address {
                Some(Address::Usb { bus, port }) if bus == index => Some(port),
                _ => None,
            })
            .collect();
        let free: Vec<u8> = (1..=15).filter(|port| !taken.contains(port)).collect();
        let waiting = self.disks.iter().filter(|disk| disk.bus == Bus::Usb && disk.address.is_none());
        let place = waiting.into_iter().position(|disk| disk.name == name).unwrap_or_default();
        free.get(place).copied().unwrap_or(1)
    }

    /// Every PCI address that the XML has.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        let disks = self.disks.iter().map(|disk| disk.address);
        let interfaces = self.interfaces.iter().map(|interface| interface.address);
        let controllers = self.controllers.iter().map(|controller| controller.address);
        let others = self.others.iter().map(|(_, address)| *address);
        disks.chain(interfaces).chain(controllers).chain(others).flatten()
    }

    /// Where libvirt keeps a disk among the others: behind those of its bus with a lower target (`virDomainDiskInsert`).
    pub fn insert(&mut self, disk: Disk) {
        let mut place = None;
        for (index, other) in self.disks.iter().enumerate().rev() {
            if other.bus == disk.bus && other.index > disk.index {
                place = Some(index);
            } else if other.bus == disk.bus && place.is_none() {
                place = Some(index + 1);
            }
        }
        self.disks.insert(place.unwrap_or(self.disks.len()), disk);
    }
}
