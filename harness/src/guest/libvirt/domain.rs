//! The devices of a domain as they are written, before any has its place.

use std::collections::{BTreeMap, BTreeSet};

use super::address::Address;
use super::controller::{Controller, Kind as ControllerKind, ScsiModel, UsbModel, added_usb, scsi_model};
use super::disk::{Bus, Disk, SCSI_UNITS};
use super::interface::Interface;
use super::others::Other;
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
    /// Other PCI devices in document order.
    pub others: Vec<Other>,
    /// Indices of `virtio-serial` controllers that channels and consoles are on.
    pub serials: BTreeSet<u8>,
    /// SCSI devices of the host.
    pub of_host: Vec<Disk>,
    /// A device is on one of the board's own transports for virtio.
    pub has_transports: bool,
    pub has_graphics: bool,
    /// Whether there is a `<video>`, also one of none.
    pub has_video: bool,
    pub has_balloon: bool,
}

impl Domain {
    /// The model of the SCSI adapter with this index.
    pub fn scsi(&self, index: u8, board: Option<Board>) -> ScsiModel {
        let models = self.controllers.iter().filter_map(|controller| match controller.kind {
            ControllerKind::Scsi(model) => Some((controller.index, model)),
            _ => None,
        });
        let found: BTreeMap<u8, ScsiModel> = models.into_iter().collect();
        let of_disks = self.disks.iter().filter(|disk| disk.bus == Bus::Scsi).map(Disk::controller).max();
        // one that is added for a device of the host is like the last one that such a device is on
        let alike = || {
            let others: BTreeSet<u8> =
                self.of_host.iter().map(Disk::controller).filter(|other| *other < index).collect();
            let last = others.into_iter().rev().find_map(|other| found.get(&other)).copied();
            last.filter(|_| of_disks.is_none_or(|last| last < index))
        };
        found.get(&index).copied().or_else(alike).unwrap_or(scsi_model(None, board))
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
        match ehci.or_else(|| models().next()).unwrap_or(added_usb(board)) {
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

    /// Gives the SCSI devices of the host without an address the first unit that is free (`virDomainHostdevAssignAddress` in libvirt's
    /// `src/conf/domain_postparse.c`).
    pub fn settle_units(&mut self) {
        let on_scsi = self.disks.iter().filter(|disk| disk.bus == Bus::Scsi).map(Disk::scsi_place);
        let given = self.of_host.iter().filter(|disk| disk.address.is_some()).map(Disk::scsi_place);
        let mut taken: BTreeSet<(u8, u8, u16)> = on_scsi.chain(given).collect();
        for disk in self.of_host.iter_mut().filter(|disk| disk.address.is_none()) {
            let free = (0..=u8::MAX).flat_map(|controller| (0..SCSI_UNITS).map(move |unit| (controller, 0, unit)));
            let Some((controller, target, unit)) = free.into_iter().find(|place| !taken.contains(place)) else {
                continue;
            };
            taken.insert((controller, target, unit));
            disk.address = Some(Address::Drive { controller, bus: 0, target, unit });
        }
    }

    /// Moves virtio devices without an address to the board's own transports where another is on one
    /// (`qemuDomainAssignVirtioMMIOAddresses` in libvirt's `src/qemu/qemu_domain_address.c`).
    pub fn settle_transports(&mut self) {
        if !self.has_transports {
            return;
        }
        let give = |address: &mut Option<Address>| *address = address.or(Some(Address::VirtioMmio));
        self.disks.iter_mut().filter(|disk| disk.bus == Bus::Virtio).for_each(|disk| give(&mut disk.address));
        for interface in self.interfaces.iter_mut().filter(|interface| interface.word == "virtio") {
            give(&mut interface.address);
            if interface.address == Some(Address::VirtioMmio) {
                (interface.model, interface.word) = (None, "virtio-net-device".to_owned());
            }
        }
        let is_virtio = |kind| matches!(kind, ControllerKind::Serial | ControllerKind::Scsi(ScsiModel::Virtio));
        let controllers = self.controllers.iter_mut().filter(|controller| is_virtio(controller.kind));
        controllers.for_each(|controller| give(&mut controller.address));
        self.others.iter_mut().filter(|other| other.is_virtio).for_each(|other| give(&mut other.address));
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
