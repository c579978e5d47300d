//! The devices of a domain as they are written, before any has its place.

use super::address::{Address, Group};
use super::controller::{Controller, Kind as ControllerKind, ScsiModel, UsbModel, scsi_model, usb_model};
use super::disk::{Bus, Disk};
use super::interface::Interface;
use crate::guest::usb_spot::Spot;
use crate::machine::{Board, UsbController};

/// The devices of a domain.
#[derive(Default)]
pub(super) struct Domain {
    /// In libvirt's order, see [`Domain::insert`].
    pub disks: Vec<Disk>,
    pub interfaces: Vec<Interface>,
    pub controllers: Vec<Controller>,
    /// The addresses of USB hubs.
    pub hubs: Vec<Option<Address>>,
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

    /// The host controller of this index, `None` for one that cannot be had here. ICH9 has four under one index, and drives are on
    /// the EHCI one.
    pub fn usb(&self, index: u8, board: Option<Board>) -> Option<UsbController> {
        let models = || {
            self.controllers.iter().filter_map(move |controller| match controller.kind {
                ControllerKind::Usb(model) if controller.index == index => Some(model),
                _ => None,
            })
        };
        let ehci = models().find(|model| *model == UsbModel::Ich9(7));
        match ehci.or_else(|| models().next()).unwrap_or(usb_model(None, board)) {
            UsbModel::Known(controller) => Some(controller),
            UsbModel::Ich9(7) => Some(UsbController::Ehci),
            UsbModel::Ich9(_) | UsbModel::None => Some(UsbController::Uhci),
            UsbModel::Unknown => None,
        }
    }

    /// Where a USB disk is, and the index of its controller.
    pub fn usb_spot(&self, disk: &Disk, board: Option<Board>) -> (Spot, u8) {
        let (index, port) = match disk.address {
            Some(Address::Usb { bus, port }) => {
                (bus, port.into_iter().take_while(|port| *port > 0).collect::<Vec<u8>>())
            }
            _ => (0, vec![self.usb_port(&disk.name)]),
        };
        let Some(controller) = self.usb(index, board) else {
            let is_it = |other: &&Controller| other.index == index && matches!(other.kind, ControllerKind::Usb(_));
            let model = self.controllers.iter().find(is_it).and_then(|controller| controller.model.as_deref());
            let what = format!("a disk on {}, a USB controller that is not known here", model.unwrap_or_default());
            return (Spot::Elsewhere(what), index);
        };
        let index_of = |disk: &Disk| match disk.address {
            Some(Address::Usb { bus, .. }) => bus,
            _ => 0,
        };
        let mut others = self.disks.iter().filter(|disk| disk.bus == Bus::Usb).map(index_of);
        let first = others.find(|index| self.usb(*index, board) == Some(controller));
        if first.is_some_and(|first| first != index) {
            let what = format!("a disk on a further USB ({}) controller", controller.word());
            return (Spot::Elsewhere(what), index);
        }
        (Spot::of(controller, &port), index)
    }

    /// The port of the first controller that a USB disk without one gets: they are given out in order, to hubs first.
    fn usb_port(&self, name: &str) -> u8 {
        let disks = self.disks.iter().map(|disk| disk.address);
        let taken = |port: u8| {
            let is_it = |address: Option<Address>| matches!(address, Some(Address::Usb { bus: 0, port: [first, 0, ..] }) if first == port);
            disks.clone().chain(self.hubs.iter().copied()).any(is_it)
        };
        let hubs = self.hubs.iter().filter(|address| address.is_none()).count();
        let mut free = (1..=15).filter(|port| !taken(*port)).skip(hubs);
        let waiting = self.disks.iter().filter(|disk| disk.bus == Bus::Usb && disk.address.is_none());
        let place = waiting.into_iter().position(|disk| disk.name == name).unwrap_or_default();
        free.nth(place).unwrap_or(1)
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
