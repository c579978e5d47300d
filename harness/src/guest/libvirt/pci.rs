//! Which PCI function each device gets: the address that the XML has, or the one that libvirt gives.
//!
//! On pc devices take the next free slots, on q35 each gets a root port of its own; network cards first, then controllers,
//! then disks (`qemuDomainAssignDevicePCISlots` and `qemuDomainAssignPCIAddresses` in libvirt's
//! `src/qemu/qemu_domain_address.c`).

use std::collections::{BTreeMap, BTreeSet};

use super::address::{Address, Group};
use super::controller::{Controller, Kind, ScsiModel, UsbModel, scsi_model, usb_model};
use super::disk::{Bus, Disk, namespace_of};
use super::domain::Domain;
use crate::guest::GuestError;
use crate::guest::boards::{is_ccw, is_pseries, is_virt};
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
    /// The AHCI controller that a board without one gets.
    Sata,
}

/// The place of each.
pub(super) struct Places(BTreeMap<Owner, (Place, Option<u8>, u8)>);

impl Places {
    /// Gives every PCI device of a domain its place.
    pub fn of(domain: &Domain, board: Option<Board>) -> Result<Places, GuestError> {
        let mut planner = Planner::new(domain, board);
        let mut wanted = if is_ccw(board) { Vec::new() } else { wanted(domain, board) };
        wanted.sort_by_key(|wanted| wanted.group);
        for one in wanted.iter().filter(|one| one.address.is_some()) {
            planner.give(one);
        }
        for one in wanted.iter().filter(|one| one.address.is_none()) {
            planner.give(one);
        }
        Ok(Places(planner.given))
    }

    /// Place, slot and function of a device.
    pub fn of_owner(&self, owner: &Owner) -> Option<(Place, Option<u8>, u8)> {
        self.0.get(owner).copied()
    }
}

/// A device that needs a PCI function.
struct Wanted {
    group: Group,
    owner: Owner,
    address: Option<Address>,
}

fn wanted(domain: &Domain, board: Option<Board>) -> Vec<Wanted> {
    let mut all = Vec::new();
    let mut add = |group, owner, address| all.push(Wanted { group, owner, address });
    for (index, interface) in domain.interfaces.iter().enumerate() {
        match interface.is_hostdev {
            _ if interface.model == Some(NicModel::SpaprVlan) => {}
            true => add(Group::HostDevices, Owner::None, interface.address),
            false => add(Group::Interfaces, Owner::Nic(index), interface.address),
        }
    }
    let (mut has_usb, mut scsi, mut ich9) = (false, BTreeSet::new(), false);
    for controller in &domain.controllers {
        match controller.kind {
            Kind::Scsi(OF_HYPERVISOR) => drop(scsi.insert(controller.index)),
            Kind::Scsi(_) => {
                scsi.insert(controller.index);
                add(Group::Controllers, Owner::Scsi(controller.index), controller.address);
            }
            Kind::Usb(model) => {
                has_usb = true;
                let fixed = usb_address(model, board, &mut ich9);
                let is_ehci = model == UsbModel::Ich9(7) && controller.address.is_some();
                if model != UsbModel::None && (fixed != Fixed::Shared || is_ehci) {
                    let address = controller.address.or(fixed.address());
                    add(Group::Controllers, Owner::Usb(controller.index), address);
                }
            }
            Kind::Sata if board == Some(Board::Pc) => add(Group::Controllers, Owner::Sata, controller.address),
            Kind::Nvme => add(Group::Controllers, Owner::Nvme(controller.index), controller.address),
            Kind::OtherOnPci => add(Group::Controllers, Owner::None, controller.address),
            _ => {}
        }
    }
    let on = |bus| domain.disks.iter().filter(move |disk| disk.bus == bus);
    for index in adapters(domain, board).difference(&scsi) {
        add(Group::Controllers, Owner::Scsi(*index), None);
    }
    let has_nvme =
        |index| domain.controllers.iter().any(|controller| controller.kind == Kind::Nvme && controller.index == index);
    let nvme: BTreeSet<u8> = on(Bus::Nvme).filter_map(|disk| Some(namespace_of(&disk.name)?.0)).collect();
    for index in nvme.into_iter().filter(|index| !has_nvme(*index)) {
        add(Group::Controllers, Owner::Nvme(index), None);
    }
    let is_sata = |controller: &Controller| controller.kind == Kind::Sata;
    if board == Some(Board::Pc) && !domain.controllers.iter().any(is_sata) && on(Bus::Sata).next().is_some() {
        add(Group::Controllers, Owner::Sata, None);
    }
    // libvirt adds one on its own to boards that always had it (`qemuDomainDefAddDefaultDevices` in its `src/qemu/qemu_postparse.c`)
    if !has_usb && !is_virt(board) {
        let fixed = usb_address(usb_model(None, board), board, &mut ich9);
        add(Group::Controllers, Owner::Usb(0), fixed.address());
    }
    for disk in on(Bus::Virtio) {
        add(Group::Disks, Owner::Disk(disk.name.clone()), disk.address);
    }
    for (group, address) in &domain.others {
        add(*group, Owner::None, *address);
    }
    all
}

/// The SCSI adapters on PCI that disks hang off, by their indices; of pseries they are on PCI where the XML says so.
fn adapters(domain: &Domain, board: Option<Board>) -> BTreeSet<u8> {
    if scsi_model(None, board) == OF_HYPERVISOR {
        return BTreeSet::new();
    }
    let disks = domain.disks.iter().filter(|disk| disk.bus == Bus::Scsi);
    let index = |disk: &Disk| match disk.address {
        Some(Address::Drive { controller, .. }) => controller,
        _ => scsi_adapter(disk.index),
    };
    disks.map(index).collect()
}

/// Where a USB host controller goes whose address is not free to choose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fixed {
    No,
    At(Address),
    /// A further function of a slot that is taken.
    Shared,
}

impl Fixed {
    fn address(self) -> Option<Address> {
        match self {
            Fixed::At(address) => Some(address),
            _ => None,
        }
    }
}

fn usb_address(model: UsbModel, board: Option<Board>, ich9: &mut bool) -> Fixed {
    use crate::machine::UsbController::Uhci;
    match (model, board) {
        (UsbModel::Known(Uhci), Some(Board::Pc)) => Fixed::At(Address::Pci { bus: 0, slot: 1, function: 2 }),
        (UsbModel::Ich9(_), _) if std::mem::replace(ich9, true) => Fixed::Shared,
        // function 0 of the slot, since nothing else of the group is there to make the others visible
        (UsbModel::Ich9(_), Some(Board::Q35)) => Fixed::At(Address::Pci { bus: 0, slot: 0x1d, function: 0 }),
        _ => Fixed::No,
    }
}

/// The SCSI adapter of a target without an address: 15 on each.
pub(super) fn scsi_adapter(index: u16) -> u8 {
    u8::try_from(index / 15).unwrap_or(u8::MAX)
}

/// Whether devices get a root port each.
fn is_express(board: Option<Board>) -> bool {
    board.is_some_and(|board| board.facts().root_port.is_some())
}

struct Planner {
    board: Option<Board>,
    given: BTreeMap<Owner, (Place, Option<u8>, u8)>,
    taken: BTreeSet<u8>,
    /// Root ports by the index of their controller: slot and function.
    ports: BTreeMap<u8, (u8, u8)>,
    bridges: BTreeSet<u8>,
    used: BTreeSet<u8>,
    /// Slot and function of the next port.
    next_port: (u8, u8),
}

impl Planner {
    fn new(domain: &Domain, board: Option<Board>) -> Planner {
        let mut taken = BTreeSet::from([0]);
        match board {
            // PIIX3, then the display, whose slot stays free where there is none
            Some(Board::Pc) => taken.extend([1, 2]),
            board if is_virt(board) || is_pseries(board) => {}
            _ => {
                taken.insert(31);
                if domain.has_video {
                    taken.insert(1);
                }
            }
        }
        let mut planner = Planner {
            board,
            given: BTreeMap::new(),
            taken,
            ports: BTreeMap::new(),
            bridges: BTreeSet::new(),
            used: BTreeSet::new(),
            next_port: (0, 8),
        };
        let on_root = domain.addresses().filter_map(|address| match address {
            Address::Pci { bus: 0, slot, .. } => Some(slot),
            _ => None,
        });
        planner.taken.extend(on_root);
        for controller in &domain.controllers {
            match (controller.kind, controller.address) {
                (Kind::RootPort, Some(Address::Pci { bus: 0, slot, function })) => {
                    planner.ports.insert(controller.index, (slot, function));
                }
                // behind an expander: a device in it gets a port of its own
                (Kind::RootPort, Some(_)) => {}
                (Kind::RootPort, None) => {
                    let at = planner.port();
                    planner.ports.insert(controller.index, at);
                }
                (Kind::Bridge, _) => {
                    planner.bridges.insert(controller.index);
                }
                _ => {}
            }
        }
        let used = domain.addresses().filter_map(|address| match address {
            Address::Pci { bus, .. } if bus > 0 => Some(bus),
            _ => None,
        });
        planner.used.extend(used);
        planner
    }

    /// The function of the root bus that the next port becomes.
    fn port(&mut self) -> (u8, u8) {
        let (slot, function) = self.next_port;
        let at = if function < 8 {
            (slot, function)
        } else {
            let slot = (1..31).find(|slot| !self.taken.contains(slot)).unwrap_or(30);
            self.taken.insert(slot);
            (slot, 0)
        };
        self.next_port = (at.0, at.1 + 1);
        at
    }

    /// A port that the XML does not have, under the first index that nothing has. A device in it takes it.
    fn new_port(&mut self) -> (u8, u8) {
        let at = self.port();
        let last = self.ports.keys().chain(&self.bridges).max().copied().unwrap_or(0);
        let is_free = |index: &u8| !self.ports.contains_key(index) && !self.bridges.contains(index);
        if let Some(index) = last.checked_add(1).or_else(|| (1..=u8::MAX).find(is_free)) {
            self.ports.insert(index, at);
            self.used.insert(index);
        }
        at
    }

    fn give(&mut self, wanted: &Wanted) {
        let place = match wanted.address {
            Some(Address::Pci { bus: 0, slot, function }) => (Place::Root, Some(slot), function),
            Some(Address::Pci { bus, slot, function }) => match self.ports.get(&bus) {
                // a port of ours has one function: a further one is behind a port of its own
                Some(_) if function > 0 => (Place::RootPort, None, 0),
                Some(&(slot, function)) => (Place::Port { slot, function }, None, 0),
                None if self.bridges.contains(&bus) => (Place::PciBridge, Some(slot.max(1)), function),
                None if is_express(self.board) => (Place::RootPort, None, 0),
                None => (Place::PciBridge, Some(slot.max(1)), function),
            },
            _ if is_express(self.board) => {
                let free = self.ports.iter().find(|(index, _)| !self.used.contains(index));
                let (slot, function) = match free.map(|(index, at)| (*index, *at)) {
                    Some((index, at)) => {
                        self.used.insert(index);
                        at
                    }
                    None => self.new_port(),
                };
                (Place::Port { slot, function }, None, 0)
            }
            _ => {
                let slot = (1..31).find(|slot| !self.taken.contains(slot)).unwrap_or(30);
                self.taken.insert(slot);
                (Place::Root, Some(slot), 0)
            }
        };
        if wanted.owner != Owner::None {
            self.given.insert(wanted.owner.clone(), place);
        }
    }
}
