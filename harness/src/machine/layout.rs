//! Where every device of a machine sits: PCI slots, bridges, shared adapters, disk sizes.
//!
//! The layout is a pure function of the machine, and both the argv and the firmware paths derive from it, so that the
//! two cannot disagree. Slots are given out in device order; an explicit slot is honoured or refused.

use std::collections::{BTreeMap, BTreeSet};

use bootwright_images::{Content, FatType, MediumKind};

use super::{Board, Device, DeviceClass, Machine, Network, Place};

/// The PCI bus number of the expander root bus.
pub const EXPANDER_BUS: u8 = 0x80;

/// Root-bus slot of the `virtio-rng-pci` of machines that have one.
pub const RNG_SLOT: u8 = 0x1e;

/// A machine that cannot be laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Two functions want the same address.
    #[error("slot {slot:#04x} function {function} of bus \"{bus}\" is taken: give device {device} another slot")]
    Taken {
        /// Bus name as QEMU spells it.
        bus: String,
        /// PCI slot.
        slot: u8,
        /// PCI function.
        function: u8,
        /// Index of the device that came too late.
        device: usize,
    },
    /// No slot is left.
    #[error("bus \"{bus}\" has no free slot for device {device}")]
    Full {
        /// Bus name as QEMU spells it.
        bus: String,
        /// Index of the device that found no place.
        device: usize,
    },
    /// The board does not have the place or controller that a device needs.
    #[error("device {device}: {wanted} does not exist on {board}")]
    NotOnBoard {
        /// Index of the device.
        device: usize,
        /// What was wanted.
        wanted: String,
        /// The board's name.
        board: &'static str,
    },
    /// Two drives want the same place on a bus that is not PCI.
    #[error("device {device} wants the same place as device {first}: {place}")]
    PlaceTaken {
        /// Index of the device that came too late.
        device: usize,
        /// Index of the device that has the place.
        first: usize,
        /// The place, by its bus and unit, target, LUN or port.
        place: String,
    },
    /// A network card that the harness does not know.
    #[error(
        "device {device}: the network card \"{model}\" is not one that the harness knows (`Nic::driver` lists them)"
    )]
    UnknownNic {
        /// Index of the device.
        device: usize,
        /// The model that was wanted.
        model: String,
    },
    /// Two media have the same name, so a verdict could not tell them apart.
    #[error("medium \"{0}\" is in the machine twice: give every medium its own name")]
    MediumTwice(String),
    /// A NIC is plugged into a network that the machine does not have.
    #[error("device {device} is plugged into network {lan}, but the machine has {networks}: add it with .network()")]
    NoSuchNetwork {
        /// Index of the NIC.
        device: usize,
        /// The network that it wants.
        lan: usize,
        /// Number of networks.
        networks: usize,
    },
}

/// The way from a root bus to a PCI function: one (slot, function) for each bridge, then the function itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciPath {
    /// Number of the root bus, 0 or [`EXPANDER_BUS`].
    pub root: u8,
    /// Hops from that root bus; the last one is the function itself.
    pub hops: Vec<(u8, u8)>,
}

/// A PCI function of the layout that the machine did not name: bridge, adapter, host controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// QEMU's id.
    pub id: String,
    /// QEMU's device name.
    pub driver: &'static str,
    /// Properties besides id, bus and addr.
    pub properties: Vec<(String, String)>,
    /// Bus to plug into, as QEMU spells it.
    pub bus: String,
    /// `addr=` slot and function on that bus.
    pub address: (u8, u8),
    /// Way from the root bus.
    pub path: PciPath,
    /// The slot is multifunction.
    pub multifunction: bool,
}

/// One device of the machine, placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// QEMU's id, `dev0`, `dev1`, in device order.
    pub id: String,
    /// Bus to plug into, as QEMU spells it; empty for the floppy controller's own bus.
    pub bus: String,
    /// `addr=` for PCI devices.
    pub address: Option<(u8, u8)>,
    /// Way from the root bus to the PCI function that firmware sees: the device itself or its adapter.
    pub pci: Option<PciPath>,
    /// Size of its medium in 512-byte sectors, for hard disks whose medium leaves it open; distinct within a machine.
    pub sectors: Option<u64>,
}

/// All places of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Bridges, adapters and host controllers, parents first.
    pub controllers: Vec<Controller>,
    /// One entry for each device, in device order.
    pub devices: Vec<Placed>,
}

impl Layout {
    /// Lays out a machine.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] where two devices collide, a bus is full or the board lacks what a device needs.
    pub fn of(machine: &Machine) -> Result<Layout, LayoutError> {
        let mut names = BTreeSet::new();
        for name in machine.devices.iter().filter_map(Device::medium_name) {
            if !names.insert(name) {
                return Err(LayoutError::MediumTwice(name.to_owned()));
            }
        }
        // the same program may be had under several file names and on several networks
        if let Some(name) = machine.networks.iter().flat_map(Network::media).find(|name| names.contains(name)) {
            return Err(LayoutError::MediumTwice(name.to_owned()));
        }
        for (device, nic) in machine.plugged_nics() {
            if let Some(lan) = nic.lan.filter(|&lan| lan >= machine.networks.len()) {
                return Err(LayoutError::NoSuchNetwork { device, lan, networks: machine.networks.len() });
            }
        }
        let mut planner = Planner::new(machine);
        planner.reserve_explicit_slots();
        for (index, device) in machine.devices.iter().enumerate() {
            let placed = planner.place(index, device)?;
            planner.layout.devices.push(placed);
        }
        unique_units(machine, &planner.layout)?;
        Ok(planner.layout)
    }
}

/// Refuses two drives in one place of an IDE, SCSI, USB or floppy bus. A device that is absent at power-on may want the
/// place of another: a story may swap them.
fn unique_units(machine: &Machine, layout: &Layout) -> Result<(), LayoutError> {
    let mut places = BTreeMap::new();
    for (index, (device, placed)) in machine.devices.iter().zip(&layout.devices).enumerate() {
        let bus = &placed.bus;
        let place = match &device.class {
            DeviceClass::VirtioScsi { target, lun, .. } => format!("bus \"{bus}\" target {target} LUN {lun}"),
            DeviceClass::Ide { unit, .. } => format!("bus \"{bus}\" unit {unit}"),
            DeviceClass::Ahci { .. } => format!("bus \"{bus}\""),
            DeviceClass::UsbStorage { port, .. } => format!("bus \"{bus}\" port {port}"),
            DeviceClass::Floppy { unit } => format!("floppy drive {unit}"),
            DeviceClass::VirtioBlk | DeviceClass::Nvme | DeviceClass::Nic(_) => continue,
        };
        if device.absent {
            continue;
        }
        if let Some(&first) = places.get(&place) {
            return Err(LayoutError::PlaceTaken { device: index, first, place });
        }
        places.insert(place, index);
    }
    Ok(())
}

/// What kind of medium a device takes.
pub fn medium_kind(device: &Device) -> MediumKind {
    match device.class {
        DeviceClass::Floppy { .. } => MediumKind::Floppy,
        _ if device.optical => MediumKind::Cdrom,
        _ => MediumKind::Disk,
    }
}

struct Planner<'a> {
    machine: &'a Machine,
    layout: Layout,
    /// (bus, slot, function) already given away.
    taken: BTreeSet<(String, u8, u8)>,
    /// (bus, slot) that some device asks for by number.
    promised: BTreeSet<(String, u8)>,
}

impl<'a> Planner<'a> {
    fn new(machine: &'a Machine) -> Planner<'a> {
        let mut planner =
            Planner { machine, layout: Layout::default(), taken: BTreeSet::new(), promised: BTreeSet::new() };
        if machine.rng {
            planner.taken.insert((planner.root_bus().to_owned(), RNG_SLOT, 0));
        }
        planner
    }

    fn root_bus(&self) -> &'static str {
        match self.machine.board {
            Board::Pc => "pci.0",
            Board::Q35 => "pcie.0",
        }
    }

    fn reserve_explicit_slots(&mut self) {
        let promised = self.machine.devices.iter().filter_map(|device| {
            let bus = match device.place {
                Place::Root => self.root_bus(),
                Place::PciBridge => "bridge0",
                Place::Expander => "expander0",
                Place::RootPort => return None,
            };
            Some((bus.to_owned(), device.slot?))
        });
        self.promised = promised.collect();
    }

    /// Takes the requested or next free address on a bus. The root bus keeps slots 0 to 2 and 31 for the board, a bridge's
    /// slot 0 is its hot-plug controller's.
    fn take(&mut self, bus: &str, device: usize, slot: Option<u8>, function: u8) -> Result<(u8, u8), LayoutError> {
        let slot = match slot {
            Some(slot) => slot,
            None => {
                let first = match self.controller(bus) {
                    Some(controller) if controller.driver == "pxb-pcie" => 0,
                    Some(_) => 1,
                    None => 3,
                };
                let free = |slot: &u8| {
                    !self.promised.contains(&(bus.to_owned(), *slot))
                        && !self.taken.iter().any(|taken| taken.0 == bus && taken.1 == *slot)
                };
                (first..=30).find(free).ok_or_else(|| LayoutError::Full { bus: bus.to_owned(), device })?
            }
        };
        if !self.taken.insert((bus.to_owned(), slot, function)) {
            return Err(LayoutError::Taken { bus: bus.to_owned(), slot, function, device });
        }
        Ok((slot, function))
    }

    fn controller(&self, id: &str) -> Option<&Controller> {
        self.layout.controllers.iter().find(|controller| controller.id == id)
    }

    fn add_controller(
        &mut self,
        id: &str,
        driver: &'static str,
        properties: &[(&str, String)],
        (bus, address, path): (String, (u8, u8), PciPath),
        multifunction: bool,
    ) {
        self.layout.controllers.push(Controller {
            id: id.to_owned(),
            driver,
            properties: properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            bus,
            address,
            path,
            multifunction,
        });
    }

    /// Finds an address for a PCI function at the place that `device` asks for.
    fn pci_function(&mut self, index: usize, device: &Device) -> Result<(String, (u8, u8), PciPath), LayoutError> {
        let root = self.root_bus();
        match (device.place, self.machine.board) {
            (Place::Root, _) => {
                let address = self.take(root, index, device.slot, device.function)?;
                Ok((root.to_owned(), address, PciPath { root: 0, hops: vec![address] }))
            }
            (Place::PciBridge, _) => {
                let id = "bridge0";
                if self.controller(id).is_none() {
                    let address = self.take(root, index, None, 0)?;
                    let at = (root.to_owned(), address, PciPath { root: 0, hops: vec![address] });
                    self.add_controller(id, "pci-bridge", &[("chassis_nr", "1".to_owned())], at, false);
                }
                self.behind(id, index, device)
            }
            (Place::RootPort, Board::Q35) => {
                let id = format!("port{index}");
                let address = self.take(root, index, None, 0)?;
                let at = (root.to_owned(), address, PciPath { root: 0, hops: vec![address] });
                self.add_controller(&id, "pcie-root-port", &[("chassis", (index + 1).to_string())], at, false);
                self.behind_port(&id, index)
            }
            (Place::RootPort, Board::Pc) => Err(self.not_on_board(index, "a pcie-root-port")),
            (Place::Expander, board) => {
                let id = "expander0";
                if self.controller(id).is_none() {
                    let driver = if board == Board::Pc { "pxb" } else { "pxb-pcie" };
                    let address = self.take(root, index, None, 0)?;
                    let inner = if board == Board::Pc { vec![(0, 0)] } else { Vec::new() };
                    let at = (root.to_owned(), address, PciPath { root: EXPANDER_BUS, hops: inner });
                    self.add_controller(id, driver, &[("bus_nr", EXPANDER_BUS.to_string())], at, false);
                }
                if board == Board::Pc {
                    return self.behind(id, index, device);
                }
                let port = format!("port{index}");
                let address = self.take(id, index, None, 0)?;
                let at = (id.to_owned(), address, PciPath { root: EXPANDER_BUS, hops: vec![address] });
                self.add_controller(&port, "pcie-root-port", &[("chassis", (index + 1).to_string())], at, false);
                self.behind_port(&port, index)
            }
        }
    }

    fn behind(
        &mut self,
        bridge: &str,
        index: usize,
        device: &Device,
    ) -> Result<(String, (u8, u8), PciPath), LayoutError> {
        let address = self.take(bridge, index, device.slot, device.function)?;
        let path = self.path_behind(bridge, address);
        Ok((bridge.to_owned(), address, path))
    }

    /// A PCI Express port has one slot, number 0.
    fn behind_port(&mut self, port: &str, index: usize) -> Result<(String, (u8, u8), PciPath), LayoutError> {
        let address = self.take(port, index, Some(0), 0)?;
        let path = self.path_behind(port, address);
        Ok((port.to_owned(), address, path))
    }

    fn path_behind(&self, bridge: &str, address: (u8, u8)) -> PciPath {
        let mut path = match self.controller(bridge) {
            Some(bridge) => bridge.path.clone(),
            None => PciPath { root: 0, hops: Vec::new() },
        };
        path.hops.push(address);
        path
    }

    fn not_on_board(&self, device: usize, wanted: &str) -> LayoutError {
        LayoutError::NotOnBoard { device, wanted: wanted.to_owned(), board: self.machine.board.name() }
    }

    /// The adapter that several devices may share, placed where its first device asks for.
    fn adapter(
        &mut self,
        id: &str,
        driver: &'static str,
        index: usize,
        device: &Device,
    ) -> Result<PciPath, LayoutError> {
        if let Some(controller) = self.controller(id) {
            return Ok(controller.path.clone());
        }
        let at = self.pci_function(index, device)?;
        let path = at.2.clone();
        self.add_controller(id, driver, &[], at, device.multifunction);
        Ok(path)
    }

    fn place(&mut self, index: usize, device: &Device) -> Result<Placed, LayoutError> {
        let id = format!("dev{index}");
        let sectors = self.sectors(index, device);
        let placed = |bus: String, address, pci| Placed { id: id.clone(), bus, address, pci, sectors };
        match (&device.class, self.machine.board) {
            (DeviceClass::Nic(nic), _) if nic.driver().is_none() => {
                Err(LayoutError::UnknownNic { device: index, model: nic.model.clone() })
            }
            (DeviceClass::VirtioBlk | DeviceClass::Nvme | DeviceClass::Nic(_), _) => {
                let (bus, address, path) = self.pci_function(index, device)?;
                Ok(placed(bus, Some(address), Some(path)))
            }
            (DeviceClass::VirtioScsi { hba, .. }, _) => {
                let hba = format!("scsi{hba}");
                let path = self.adapter(&hba, "virtio-scsi-pci", index, device)?;
                Ok(placed(format!("{hba}.0"), None, Some(path)))
            }
            (DeviceClass::Ide { channel, .. }, Board::Pc) => {
                Ok(placed(format!("ide.{channel}"), None, Some(PciPath { root: 0, hops: vec![(1, 1)] })))
            }
            (DeviceClass::Ide { .. }, Board::Q35) => Err(self.not_on_board(index, "a PIIX3 IDE controller")),
            (DeviceClass::Ahci { port }, Board::Q35) => {
                Ok(placed(format!("ide.{port}"), None, Some(PciPath { root: 0, hops: vec![(0x1f, 2)] })))
            }
            (DeviceClass::Ahci { port }, Board::Pc) => {
                let path = self.adapter("ahci0", "ich9-ahci", index, device)?;
                Ok(placed(format!("ahci0.{port}"), None, Some(path)))
            }
            (DeviceClass::UsbStorage { controller, .. }, _) => {
                let id = controller.word();
                let path = self.adapter(id, controller.device(), index, device)?;
                Ok(placed(format!("{id}.0"), None, Some(path)))
            }
            (DeviceClass::Floppy { .. }, _) => Ok(placed(String::new(), None, None)),
        }
    }

    /// A size that no other disk of the machine has: firmware logs sizes, so a size names a disk.
    fn sectors(&self, index: usize, device: &Device) -> Option<u64> {
        let medium = device.medium.as_ref()?;
        if medium_kind(device) != MediumKind::Disk || matches!(medium.content, Content::VendorReboot) {
            return None;
        }
        if medium.sectors.is_some() {
            return medium.sectors;
        }
        let base_mib = match medium.content {
            Content::Bootable { fat: FatType::Fat32, .. } => 64,
            _ => 16,
        };
        Some((base_mib + index as u64) * 2048)
    }
}

#[cfg(test)]
mod tests;
