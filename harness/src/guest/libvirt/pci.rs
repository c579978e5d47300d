//! Which PCI function each device gets: the address that the XML has, or the one that libvirt gives.
//!
//! libvirt adds the controllers that the domain needs, gives out the slots once to learn how many buses it takes, adds those, and gives
//! them out again, the buses themselves first (`qemuDomainAssignPCIAddresses` and `qemuDomainAssignDevicePCISlots` in libvirt's
//! `src/qemu/qemu_domain_address.c`). So every device counts, also one that nothing boots from.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::address::{Address, Group};
use super::buses::{Buses, Needs, Spot};
use super::controller::{Controller, Kind, PciModel, ScsiModel, UsbModel, added_usb, scsi_model};
use super::disk::{Bus, Disk, namespace_of};
use super::domain::Domain;
use super::interface::Interface;
use super::others::{Other, virtio};
use crate::guest::boards::{is_ccw, is_virt};
use crate::machine::UsbController::{Uhci, Xhci};
use crate::machine::{Board, NicModel, Place, ScsiAdapter};

/// The SCSI adapter that is on the hypervisor's bus of a pseries and not on PCI.
const OF_HYPERVISOR: ScsiModel = ScsiModel::Other(ScsiAdapter::SpaprVscsi);

/// A PCI device of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// Nobody that firmware boots from.
    None,
    /// The interface with this number.
    Nic(usize),
    /// The virtio disk with this target.
    Disk(String),
    /// The SCSI adapter with this index.
    Scsi(u8),
    /// The NVMe controller with this index.
    Nvme(u8),
    /// The USB host controller with this index.
    Usb(u8),
    /// The first AHCI controller of a board that brings none.
    Sata,
    /// The PCI controller with this index.
    Bus(u8),
}

/// Place, slot and function.
type Found = (Place, Option<u8>, u8);

/// The place of each, and all that must have one.
pub(super) struct Places {
    found: BTreeMap<Owner, Found>,
    all: BTreeSet<Owner>,
    /// Slots of the root bus whose function 0 nobody has while others have some: firmware does not look at those.
    pub unseen: BTreeSet<u8>,
}

impl Places {
    /// Gives every PCI device of a domain its place. A device that no slot is left for has none.
    pub fn of(domain: &Domain, board: Option<Board>) -> Places {
        if is_ccw(board) {
            return Places { found: BTreeMap::new(), all: BTreeSet::new(), unseen: BTreeSet::new() };
        }
        let root = if is_express(board) { PciModel::ExpressRoot } else { PciModel::Root };
        let mut wanted = wanted(domain, board);
        let mut named: BTreeMap<u8, PciModel> = BTreeMap::from([(0, root)]);
        for controller in &domain.controllers {
            if let Kind::Pci(model) = controller.kind {
                named.entry(controller.index).or_insert(model);
            }
        }
        let mut buses = Buses::new(root, &named);
        Pass { board, is_first: true }.run(&mut buses, &mut wanted);
        // a port that stays empty, where libvirt had to add buses and the domain has named none
        if named.len() == 1 && buses.count() > 1 && root == PciModel::ExpressRoot {
            buses.next(Needs::Express, 0);
        }
        for index in 1..=u8::MAX {
            // each that is added may add another
            let Some(model) = buses.model(index) else { break };
            if let Entry::Vacant(entry) = named.entry(index) {
                entry.insert(model);
                if model != PciModel::Root {
                    buses.next(Needs::Controller(model), 0);
                    wanted.push(Wanted::new(Group::Buses, Needs::Controller(model), Owner::Bus(index)));
                }
            }
        }
        wanted.sort_by_key(|wanted| wanted.group);
        let mut buses = Buses::new(root, &named);
        buses.grows = false;
        Pass { board, is_first: false }.run(&mut buses, &mut wanted);
        let all = wanted.iter().map(|one| one.owner.clone()).collect();
        Places { found: places(&wanted, &buses, board), all, unseen: buses.without_zero() }
    }

    /// Whether a virtio disk or a card is on PCI and has no place there.
    pub fn lacks(&self, owner: &Owner) -> bool {
        self.all.contains(owner) && !self.found.contains_key(owner)
    }

    /// Place, slot and function of a device.
    pub fn of_owner(&self, owner: &Owner) -> Option<Found> {
        self.found.get(owner).copied()
    }
}

/// A device that needs a PCI function.
struct Wanted {
    group: Group,
    needs: Needs,
    owner: Owner,
    /// In the XML, of the chipset, or given.
    at: Option<Spot>,
    /// Its function in a slot of its own.
    function: u8,
    /// The index that it has in common with others of its slot.
    ich9: Option<u8>,
    of_chipset: bool,
}

impl Wanted {
    fn new(group: Group, needs: Needs, owner: Owner) -> Wanted {
        Wanted { group, needs, owner, at: None, function: 0, ich9: None, of_chipset: false }
    }

    /// With the address of the XML; `None` for one on another bus.
    fn addressed(self, address: Option<Address>) -> Option<Wanted> {
        match address {
            None => Some(self),
            Some(Address::Pci { bus, slot, function }) => Some(Wanted { at: Some((bus, slot, function)), ..self }),
            Some(_) => None,
        }
    }
}

fn wanted(domain: &Domain, board: Option<Board>) -> Vec<Wanted> {
    let controllers = controllers(domain, board);
    let mut all: Vec<Wanted> = Vec::new();
    for (index, interface) in domain.interfaces.iter().enumerate() {
        all.extend(of_interface(index, interface));
    }
    for controller in &controllers {
        all.extend(of_controller(controller, &controllers, board));
    }
    for disk in domain.disks.iter().filter(|disk| disk.bus == Bus::Virtio) {
        let wanted = Wanted::new(Group::Disks, virtio(disk.model.as_deref()), Owner::Disk(disk.name.clone()));
        all.extend(wanted.addressed(disk.address));
    }
    let implicit_video = domain.has_graphics && !domain.has_video;
    let has_balloon =
        domain.has_balloon || matches!(board, Some(Board::Virt | Board::VirtArm | Board::VirtLoongarch64));
    let added = implicit_video.then(|| Other::display(board)).into_iter();
    let added = added.chain((!has_balloon).then_some(Other::new(Group::Balloons, Needs::Express)));
    for other in domain.others.iter().copied().chain(added) {
        let wanted = Wanted::new(other.group, other.needs, Owner::None);
        all.extend(Wanted { of_chipset: other.of_chipset, ..wanted }.addressed(other.address));
    }
    all.sort_by_key(|wanted| wanted.group);
    all
}

fn of_interface(index: usize, interface: &Interface) -> Option<Wanted> {
    let wanted = match (interface.is_hostdev, interface.word.as_str()) {
        (_, "usb-net" | "spapr-vlan") if !interface.is_hostdev => return None,
        (true, _) => Wanted::new(Group::HostDevices, Needs::Express, Owner::None),
        (false, word) => {
            let needs = match (&interface.model, word) {
                (_, "virtio" | "virtio-non-transitional" | "e1000e" | "igb") => Needs::Express,
                _ => Needs::Conventional,
            };
            Wanted::new(Group::Interfaces, needs, Owner::Nic(index))
        }
    };
    (interface.model != Some(NicModel::SpaprVlan)).then_some(wanted)?.addressed(interface.address)
}

fn of_controller(controller: &Controller, all: &[Controller], board: Option<Board>) -> Option<Wanted> {
    let index = controller.index;
    let new = |needs, owner| Wanted::new(Group::Controllers, needs, owner);
    let on_virtio = virtio(controller.model.as_deref());
    let wanted = match controller.kind {
        Kind::Pci(PciModel::Root | PciModel::ExpressRoot) => return None,
        Kind::Pci(model) => Wanted::new(Group::Buses, Needs::Controller(model), Owner::Bus(index)),
        Kind::Scsi(OF_HYPERVISOR) => return None,
        Kind::Scsi(ScsiModel::Virtio) => new(on_virtio, Owner::Scsi(index)),
        Kind::Scsi(_) => new(Needs::Conventional, Owner::Scsi(index)),
        Kind::Usb(UsbModel::None) => return None,
        Kind::Usb(model) => {
            let of_group = |kind: UsbModel| all.iter().filter(move |one| one.kind == Kind::Usb(kind));
            let has_ehci = of_group(UsbModel::Ich9(7)).any(|one| one.index == index);
            let (function, ich9) = match model {
                UsbModel::Ich9(function) => (function, Some(index)),
                _ => (0, None),
            };
            let owner = match model {
                UsbModel::Ich9(function) if function != 7 && (has_ehci || function > 0) => Owner::None,
                _ => Owner::Usb(index),
            };
            let needs = if model == UsbModel::Known(Xhci) { Needs::Express } else { Needs::Conventional };
            let at = (model == UsbModel::Known(Uhci) && board == Some(Board::Pc) && index == 0).then_some((0, 1, 2));
            let of_chipset = model == UsbModel::Ich9(0);
            Wanted { at, function, ich9, of_chipset, ..new(needs, owner) }
        }
        Kind::Sata if board == Some(Board::Q35) && index == 0 => return None,
        Kind::Sata => new(Needs::Conventional, if index == 0 { Owner::Sata } else { Owner::None }),
        Kind::Nvme => new(Needs::Express, Owner::Nvme(index)),
        Kind::Serial => new(on_virtio, Owner::None),
        Kind::Elsewhere => return None,
    };
    wanted.addressed(controller.address)
}

/// The controllers of the domain with those that libvirt adds, in its order: those of a type by their indices
/// (`qemuDomainDefAddDefaultDevices` in its `src/qemu/qemu_postparse.c`, then `virDomainDefAddImplicitControllers` in its
/// `src/conf/domain_conf.c`).
fn controllers(domain: &Domain, board: Option<Board>) -> Vec<Controller> {
    let mut all = Vec::new();
    for controller in &domain.controllers {
        insert(&mut all, controller.clone());
    }
    let mut add = |kind: Kind, index: u8| {
        let is_it = |one: &Controller| is_alike(one.kind, kind) && one.index == index;
        if !all.iter().any(is_it) {
            insert(&mut all, Controller { kind, index, address: None, model: None });
        }
    };
    // boards that always had one
    if !is_virt(board) {
        add(Kind::Usb(added_usb(board)), 0);
    }
    let up_to = |last: Option<u8>| (0..=u8::MAX).take(last.map_or(0, |last| usize::from(last) + 1));
    let last = |bus| domain.disks.iter().filter(move |disk| disk.bus == bus).map(Disk::controller).max();
    for index in up_to(last(Bus::Scsi)) {
        add(Kind::Scsi(scsi_model(None, board)), index);
    }
    for index in up_to(last(Bus::Sata)) {
        add(Kind::Sata, index);
    }
    for disk in domain.disks.iter().filter(|disk| disk.bus == Bus::Nvme) {
        add(Kind::Nvme, namespace_of(&disk.name).map_or(0, |(controller, _)| controller));
    }
    for index in &domain.serials {
        add(Kind::Serial, *index);
    }
    for index in up_to(domain.of_host.iter().map(Disk::controller).max()) {
        add(Kind::Scsi(domain.scsi(index, board)), index);
    }
    all
}

fn is_alike(one: Kind, other: Kind) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

/// Behind those of its type with no higher index, or at the end (`virDomainControllerInsertPreAlloced`).
fn insert(all: &mut Vec<Controller>, controller: Controller) {
    let mut place = None;
    for (index, other) in all.iter().enumerate().rev().filter(|(_, other)| is_alike(other.kind, controller.kind)) {
        if other.index > controller.index {
            place = Some(index);
        } else if place.is_none() {
            place = Some(index + 1);
        }
    }
    all.insert(place.unwrap_or(all.len()), controller);
}

/// How many adapters of its model come before the SCSI adapter with this index.
pub(super) fn number_of_scsi(domain: &Domain, index: u8, board: Option<Board>) -> u8 {
    let model = Kind::Scsi(domain.scsi(index, board));
    let before = controllers(domain, board).into_iter().filter(|one| one.kind == model && one.index < index);
    u8::try_from(before.count()).unwrap_or(u8::MAX)
}

/// Whether devices get a root port each.
fn is_express(board: Option<Board>) -> bool {
    board.is_some_and(|board| board.facts().root_port.is_some())
}

/// One time that slots are given out.
struct Pass {
    board: Option<Board>,
    /// The one that only learns how many buses there must be.
    is_first: bool,
}

impl Pass {
    fn run(&self, buses: &mut Buses, wanted: &mut [Wanted]) {
        for one in wanted.iter() {
            if let Some(at) = one.at {
                buses.take(at, self.on_this_board(one.needs));
            }
        }
        self.chipset(buses, wanted);
        if self.is_first && !is_express(self.board) {
            // room for one device more
            buses.next(Needs::Conventional, 0);
        }
        let mut ich9: BTreeMap<u8, (u8, u8)> = BTreeMap::new();
        for one in wanted.iter() {
            if let (Some(index), Some((bus, slot, _))) = (one.ich9, one.at) {
                ich9.insert(index, (bus, slot));
            }
        }
        for one in wanted.iter_mut().filter(|one| one.at.is_none()) {
            let needs = self.on_this_board(one.needs);
            let at = match one.ich9.and_then(|index| ich9.get(&index)) {
                Some(&(bus, slot)) => {
                    buses.take((bus, slot, one.function), needs);
                    Some((bus, slot, one.function))
                }
                None => buses.next(needs, one.function),
            };
            if let (Some(index), Some((bus, slot, _))) = (one.ich9, at) {
                ich9.insert(index, (bus, slot));
            }
            if !self.is_first {
                one.at = at;
            }
        }
    }

    fn on_this_board(&self, needs: Needs) -> Needs {
        if needs == Needs::Express && !is_express(self.board) { Needs::Conventional } else { needs }
    }

    /// The slots that the board's own functions have, and those that it has for the first display, sound card, USB group and bridge
    /// (`qemuDomainValidateDevicePCISlotsChipsets`).
    fn chipset(&self, buses: &mut Buses, wanted: &mut [Wanted]) {
        let (own, video): (&[(u8, u8)], u8) = match self.board {
            Some(Board::Pc) => (&[(1, 0), (1, 1), (1, 3)], 2),
            Some(Board::Q35) => (&[(0x1f, 0), (0x1f, 2), (0x1f, 3)], 1),
            _ => return,
        };
        for (slot, function) in own {
            buses.take((0, *slot, *function), Needs::Integrated);
        }
        let is_q35 = self.board == Some(Board::Q35);
        let (mut has_video, mut has_sound) = (false, false);
        for one in wanted.iter_mut() {
            let slots: &[u8] = match (one.group, one.needs) {
                (Group::Videos, _) if !std::mem::replace(&mut has_video, true) => &[video],
                (Group::Controllers, _) if is_q35 && one.of_chipset => &[0x1d, 0x1a],
                (Group::Buses, Needs::Controller(PciModel::DmiToPciBridge)) if is_q35 => &[0x1e],
                (Group::Sounds, _) if is_q35 && one.of_chipset && !has_sound => {
                    has_sound = one.at.is_none();
                    &[0x1b]
                }
                _ => &[],
            };
            if one.at.is_some() {
                continue;
            }
            // what the first pass gives here, it gives for good
            if let Some(slot) = slots.iter().copied().find(|slot| !buses.is_used(0, *slot)) {
                one.at = Some((0, slot, 0));
                buses.take((0, slot, 0), Needs::Integrated);
            }
        }
    }
}

/// Slots that a bridge of ours has for devices that ask for none.
const OF_A_BRIDGE: usize = 30;

/// Each device's function as a place that machines of ours have. They have one bridge: what is on a further one sits in a free slot of
/// that, or has no place.
fn places(wanted: &[Wanted], buses: &Buses, board: Option<Board>) -> BTreeMap<Owner, Found> {
    let on_bus = |one: &Wanted| match one.owner {
        Owner::Bus(index) => Some((index, one.at?)),
        _ => None,
    };
    let parents: BTreeMap<u8, Spot> = wanted.iter().filter_map(on_bus).collect();
    // an expander's bus is one where there is no PCI Express
    let is_bridge = |bus: u8| match buses.model(bus) {
        Some(PciModel::Bridge | PciModel::ExpressToPciBridge | PciModel::DmiToPciBridge) => true,
        Some(PciModel::RootPort) | None => false,
        _ => bus > 0 && !is_express(board),
    };
    let ours = || wanted.iter().filter(|one| !matches!(one.owner, Owner::None | Owner::Bus(_)));
    let behind = || ours().filter_map(|one| one.at).filter(|(bus, ..)| is_bridge(*bus));
    let first = behind().map(|(bus, ..)| bus).min();
    let on_first: BTreeSet<u8> = behind().filter(|(bus, ..)| Some(*bus) == first).map(|(_, slot, _)| slot).collect();
    let free = OF_A_BRIDGE.saturating_sub(on_first.iter().filter(|slot| **slot < 31).count());
    let mut further = 0;
    let mut place = |(bus, slot, function): Spot| match (buses.model(bus), parents.get(&bus)) {
        _ if bus == 0 => Some((Place::Root, Some(slot), function)),
        // a port of ours has one function: a further one is behind a port of its own
        (Some(PciModel::RootPort), Some(&(0, slot, at))) if function == 0 => {
            Some((Place::Port { slot, function: at }, None, 0))
        }
        // an expander has a slot 0, and a bridge of ours none
        _ if is_bridge(bus) && first == Some(bus) => {
            Some((Place::PciBridge, Some(slot).filter(|slot| *slot > 0), if slot > 0 { function } else { 0 }))
        }
        _ if is_bridge(bus) => {
            further += 1;
            (further <= free).then_some((Place::PciBridge, None, 0))
        }
        _ => Some((Place::RootPort, None, 0)),
    };
    ours().filter_map(|one| Some((one.owner.clone(), place(one.at?)?))).collect()
}
