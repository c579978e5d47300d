//! Where every device of a machine sits: PCI slots, bridges, shared adapters, disk sizes.
//!
//! The layout is a pure function of the machine, and both the argv and the firmware paths derive from it, so that the
//! two cannot disagree. Slots are given out in device order; an explicit slot is honoured or refused.

mod channel;
mod error;
mod media;
mod mmio;
mod places;
mod rng;
mod vio;

use std::collections::{BTreeMap, BTreeSet};

use bootwright_images::MediumKind;

use super::board::{BoardFacts, Expander, Root, RootBus, SecureBoot};
pub use super::pci_address::PciAddress;
use super::{
    Device, DeviceClass, Machine, Network, Nic, NicModel, Place, ScsiAdapter, SecureBootKeys, UnknownNic, Value,
};
pub(crate) use channel::RNG_CHANNEL;
use channel::Subchannels;
pub use channel::{ChannelAdapter, ChannelPlace};
pub use error::LayoutError;
use media::{kind_of, sectors};
pub(crate) use rng::rng_slot;
pub use vio::VioAdapter;

/// The PCI bus number of the expander root bus.
pub(crate) const EXPANDER_BUS: u8 = 0x80;

/// Ids of the conventional bridge on the root bus, of the one behind it, and of the switch.
const BRIDGE: &str = "bridge0";
const NESTED_BRIDGE: &str = "bridge1";
const SWITCH: &str = "switch0";

/// The way from a root bus to a PCI function: one address for each bridge, then the function itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciPath {
    /// Number of the root bus, 0 or the expander's.
    pub root: u8,
    /// Hops from that root bus; the last one is the function itself.
    pub hops: Vec<PciAddress>,
}

impl PciPath {
    /// A function on the board's root bus.
    fn on_root(address: PciAddress) -> PciPath {
        PciPath { root: 0, hops: vec![address] }
    }
}

/// Where a PCI function sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PciPlace {
    /// Bus to plug into, as QEMU spells it.
    pub bus: String,
    /// Address on that bus.
    pub address: PciAddress,
    /// Way from the root bus.
    pub path: PciPath,
}

/// A PCI function of the layout that the machine did not name: bridge, adapter, host controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// QEMU's id.
    pub id: String,
    /// QEMU's device name.
    pub driver: &'static str,
    /// Properties besides id, bus and addr.
    pub properties: Vec<(String, Value)>,
    /// Where it sits.
    pub at: PciPlace,
    /// The slot is multifunction.
    pub multifunction: bool,
}

/// A `usb-hub` of the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// QEMU's id.
    pub id: String,
    /// Bus to plug into, as QEMU spells it.
    pub bus: String,
    /// Root port, from 1.
    pub port: u8,
}

/// One device of the machine, placed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// QEMU's id, `dev0`, `dev1`, in device order.
    pub id: String,
    /// Bus to plug into, as QEMU spells it; empty for the floppy controller's own bus and for a channel subsystem.
    pub bus: String,
    /// `addr=` for PCI devices.
    pub address: Option<PciAddress>,
    /// Way from the root bus to the PCI function that firmware sees: the device itself or its adapter.
    pub pci: Option<PciPath>,
    /// The subchannel that firmware sees: the device's own or its adapter's.
    pub channel: Option<ChannelPlace>,
    /// The number on the hypervisor's bus that firmware sees: the device's own or its adapter's.
    pub vio: Option<u32>,
    /// Address of the virtio-mmio transport that it sits on.
    pub mmio: Option<u64>,
    /// The kind of image that goes in.
    pub kind: Option<MediumKind>,
    /// Size of its medium in 512-byte sectors, for hard disks whose medium leaves it open; distinct within a machine.
    pub sectors: Option<u64>,
}

/// All places of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Bridges, adapters and host controllers, parents first.
    pub controllers: Vec<Controller>,
    /// Adapters on a channel subsystem.
    pub channel_adapters: Vec<ChannelAdapter>,
    /// Adapters on the hypervisor's bus of a `pseries`.
    pub vio_adapters: Vec<VioAdapter>,
    /// USB hubs on those.
    pub hubs: Vec<Hub>,
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
        machine.runs_its_firmware()?;
        let mut names = BTreeSet::new();
        for name in machine.devices.iter().filter_map(Device::medium_name) {
            if !names.insert(name) {
                return Err(LayoutError::MediumTwice(name.to_owned()));
            }
        }
        let other_names = (0..machine.devices.len()).filter(|&index| machine.devices[index].medium.is_none());
        let mut other_names = other_names.filter_map(|index| machine.name_of(index));
        if let Some(name) = other_names.find(|name| names.contains(name.as_str())) {
            return Err(LayoutError::NameOfDevice(name.to_string()));
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
        if machine.secure_boot && machine.board.facts().secure_boot == SecureBoot::None {
            return Err(LayoutError::NoSmm { board: machine.board.name() });
        }
        if let Some(tpm) = machine.tpm
            && !machine.board.facts().tpm.iter().any(|(way, _)| *way == tpm)
        {
            return Err(LayoutError::NoTpm { board: machine.board, tpm });
        }
        let mut programs = machine.variable_store.keys.iter().flat_map(SecureBootKeys::programs);
        if let Some(name) = programs.find(|name| machine.device_with_medium(name).is_none()) {
            return Err(LayoutError::NoSuchProgram(name.to_owned()));
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
            DeviceClass::Scsi { target, lun, .. } => format!("bus \"{bus}\" target {target} LUN {lun}"),
            DeviceClass::NvmeNamespace { nsid, .. } => format!("bus \"{bus}\" namespace {nsid}"),
            DeviceClass::UsbBehindHub { hub, port, .. } => format!("bus \"{bus}\" port {hub}.{port}"),
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

struct Planner<'a> {
    machine: &'a Machine,
    board: &'static BoardFacts,
    subchannels: Subchannels,
    layout: Layout,
    /// Bus and address already given away.
    taken: BTreeSet<(String, PciAddress)>,
    /// Bus and slot that some device asks for by number.
    promised: BTreeSet<(String, u8)>,
}

impl<'a> Planner<'a> {
    fn new(machine: &'a Machine) -> Planner<'a> {
        let board = machine.board.facts();
        let rng =
            board.pci().filter(|_| machine.rng).map(|root| (root.id.to_owned(), PciAddress::slot(rng_slot(machine))));
        Planner {
            machine,
            board,
            subchannels: Subchannels::of(machine),
            layout: Layout::default(),
            taken: rng.into_iter().collect(),
            promised: BTreeSet::new(),
        }
    }

    fn reserve_explicit_slots(&mut self) {
        let Some(root) = self.board.pci() else { return };
        let promised = self.machine.devices.iter().filter_map(|device| {
            let (bus, slot) = match device.place {
                Place::Root => (root.id, device.slot?),
                Place::PciBridge => (BRIDGE, device.slot?),
                Place::NestedBridge => (NESTED_BRIDGE, device.slot?),
                Place::Expander => ("expander0", device.slot?),
                Place::Port { slot, .. } => (root.id, slot),
                Place::RootPort | Place::SwitchPort | Place::Zpci | Place::VirtioMmio { .. } => return None,
            };
            Some((bus.to_owned(), slot))
        });
        self.promised = promised.collect();
    }

    /// The PCI root bus.
    fn root(&self, device: usize) -> Result<&'static RootBus, LayoutError> {
        self.board.pci().ok_or_else(|| self.not_on_board(device, "a PCI bus"))
    }

    /// Takes the requested or next free address on a bus. The root bus keeps some slots for the board, a bridge's slot 0 is
    /// its hot-plug controller's.
    fn take(&mut self, bus: &str, device: usize, slot: Option<u8>, function: u8) -> Result<PciAddress, LayoutError> {
        let slot = match slot {
            Some(slot) => slot,
            None => {
                let (first, last) = match self.controller(bus) {
                    Some(controller) if self.board.expander == Expander::Ports(controller.driver) => (0, 30),
                    Some(_) => (1, 30),
                    None => self.root(device)?.free_slots,
                };
                let free = |slot: &u8| {
                    !self.promised.contains(&(bus.to_owned(), *slot))
                        && !self.taken.iter().any(|(at, taken)| at == bus && taken.slot == *slot)
                };
                (first..=last).find(free).ok_or_else(|| LayoutError::Full { bus: bus.to_owned(), device })?
            }
        };
        let address = PciAddress { slot, function };
        if !self.taken.insert((bus.to_owned(), address)) {
            return Err(LayoutError::Taken { bus: bus.to_owned(), slot, function, device });
        }
        Ok(address)
    }

    fn controller(&self, id: &str) -> Option<&Controller> {
        self.layout.controllers.iter().find(|controller| controller.id == id)
    }

    fn add_controller(
        &mut self,
        id: &str,
        driver: &'static str,
        property: Option<(&str, Value)>,
        at: PciPlace,
        multifunction: bool,
    ) {
        let properties = property.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.layout.controllers.push(Controller { id: id.to_owned(), driver, properties, at, multifunction });
    }

    /// Function 0 of the next free slot of the root bus.
    fn next_on_root(&mut self, index: usize) -> Result<PciPlace, LayoutError> {
        let bus = self.root(index)?.id;
        let address = self.take(bus, index, None, 0)?;
        Ok(PciPlace { bus: bus.to_owned(), address, path: PciPath::on_root(address) })
    }

    /// Finds an address for a PCI function at the place that `device` asks for.
    fn pci_function(&mut self, index: usize, device: &Device) -> Result<PciPlace, LayoutError> {
        match device.place {
            Place::Root => {
                let bus = self.root(index)?.id;
                let address = self.take(bus, index, device.slot, device.function)?;
                Ok(PciPlace { bus: bus.to_owned(), address, path: PciPath::on_root(address) })
            }
            Place::PciBridge => {
                self.add_bridge(index)?;
                self.behind(BRIDGE, index, device)
            }
            Place::NestedBridge => {
                self.add_nested_bridge(index)?;
                self.behind(NESTED_BRIDGE, index, device)
            }
            Place::SwitchPort => self.behind_switch(index),
            Place::RootPort => {
                let driver = self.board.root_port.ok_or_else(|| self.not_on_board(index, "a pcie-root-port"))?;
                let at = self.next_on_root(index)?;
                self.behind_port(driver, at, index, false)
            }
            Place::Port { slot, function } => {
                let driver = self.board.root_port.ok_or_else(|| self.not_on_board(index, "a pcie-root-port"))?;
                let bus = self.root(index)?.id;
                self.make_visible(driver, slot, function, index)?;
                let address = self.take(bus, index, Some(slot), function)?;
                let at = PciPlace { bus: bus.to_owned(), address, path: PciPath::on_root(address) };
                self.behind_port(driver, at, index, true)
            }
            Place::Expander => self.behind_expander(index, device),
            Place::Zpci => Err(self.not_on_board(index, "a function of z/Architecture's PCI")),
            Place::VirtioMmio { .. } => Err(self.not_on_board(index, "a device of this kind on virtio-mmio")),
        }
    }

    /// The conventional bridge on the root bus, where it is not there yet.
    fn add_bridge(&mut self, index: usize) -> Result<(), LayoutError> {
        if self.controller(BRIDGE).is_none() {
            let at = self.next_on_root(index)?;
            self.add_controller(BRIDGE, "pci-bridge", Some(("chassis_nr", Value::from(1_u8))), at, false);
        }
        Ok(())
    }

    /// The bridge behind it.
    fn add_nested_bridge(&mut self, index: usize) -> Result<(), LayoutError> {
        self.add_bridge(index)?;
        if self.controller(NESTED_BRIDGE).is_none() {
            let at = self.next_behind(BRIDGE, index)?;
            self.add_controller(NESTED_BRIDGE, "pci-bridge", Some(("chassis_nr", Value::from(2_u8))), at, false);
        }
        Ok(())
    }

    /// A downstream port for the device, of the one switch.
    fn behind_switch(&mut self, index: usize) -> Result<PciPlace, LayoutError> {
        if self.controller(SWITCH).is_none() {
            let driver = self.board.root_port.ok_or_else(|| self.not_on_board(index, "a pcie-root-port"))?;
            let at = self.next_on_root(index)?;
            let port = "switch-port";
            self.add_controller(port, driver, Some(("chassis", Value::from(100_u8))), at, false);
            let address = self.take(port, index, Some(0), 0)?;
            let at = PciPlace { bus: port.to_owned(), address, path: self.path_behind(port, address) };
            self.add_controller(SWITCH, "x3130-upstream", None, at, false);
        }
        let at = self.next_behind(SWITCH, index)?;
        self.behind_port("xio3130-downstream", at, index, false)
    }

    /// Function 0 of the next free slot behind a bridge.
    fn next_behind(&mut self, bridge: &str, index: usize) -> Result<PciPlace, LayoutError> {
        let address = self.take(bridge, index, None, 0)?;
        Ok(PciPlace { bus: bridge.to_owned(), address, path: self.path_behind(bridge, address) })
    }

    /// Nobody looks at the functions of a slot that has none at 0: adds an idle port there where no device has one.
    fn make_visible(&mut self, driver: &'static str, slot: u8, function: u8, index: usize) -> Result<(), LayoutError> {
        let bus = self.root(index)?.id;
        let has_zero = |device: &Device| device.place == Place::Port { slot, function: 0 };
        let zero = (bus.to_owned(), PciAddress::slot(slot));
        if function == 0 || self.taken.contains(&zero) || self.machine.devices.iter().any(has_zero) {
            return Ok(());
        }
        let address = self.take(bus, index, Some(slot), 0)?;
        let at = PciPlace { bus: bus.to_owned(), address, path: PciPath::on_root(address) };
        let chassis = Value::from(200 + i64::from(slot));
        self.add_controller(&format!("idle-port{slot}"), driver, Some(("chassis", chassis)), at, true);
        Ok(())
    }

    fn behind_expander(&mut self, index: usize, device: &Device) -> Result<PciPlace, LayoutError> {
        let id = "expander0";
        let (Expander::Bridge(driver) | Expander::Ports(driver)) = self.board.expander else {
            return Err(self.not_on_board(index, "an expander of PCI"));
        };
        let has_bridge = self.board.expander == Expander::Bridge(driver);
        if self.controller(id).is_none() {
            let at = self.next_on_root(index)?;
            let hops = if has_bridge { vec![PciAddress::slot(0)] } else { Vec::new() };
            let at = PciPlace { path: PciPath { root: EXPANDER_BUS, hops }, ..at };
            self.add_controller(id, driver, Some(("bus_nr", Value::from(EXPANDER_BUS))), at, false);
        }
        if has_bridge {
            return self.behind(id, index, device);
        }
        let port = self.board.root_port.ok_or_else(|| self.not_on_board(index, "a pcie-root-port"))?;
        let address = self.take(id, index, None, 0)?;
        let path = PciPath { root: EXPANDER_BUS, hops: vec![address] };
        self.behind_port(port, PciPlace { bus: id.to_owned(), address, path }, index, false)
    }

    fn behind(&mut self, bridge: &str, index: usize, device: &Device) -> Result<PciPlace, LayoutError> {
        let address = self.take(bridge, index, device.slot, device.function)?;
        Ok(PciPlace { bus: bridge.to_owned(), address, path: self.path_behind(bridge, address) })
    }

    /// Adds a root port, whose one slot has number 0, and plugs the device into it.
    fn behind_port(
        &mut self,
        driver: &'static str,
        at: PciPlace,
        index: usize,
        shares_slot: bool,
    ) -> Result<PciPlace, LayoutError> {
        let id = format!("port{index}");
        let chassis = Value::from(index as i64 + 1);
        self.add_controller(&id, driver, Some(("chassis", chassis)), at, shares_slot);
        let address = self.take(&id, index, Some(0), 0)?;
        let path = self.path_behind(&id, address);
        Ok(PciPlace { bus: id, address, path })
    }

    fn path_behind(&self, bridge: &str, address: PciAddress) -> PciPath {
        let mut path = match self.controller(bridge) {
            Some(bridge) => bridge.at.path.clone(),
            None => PciPath { root: 0, hops: Vec::new() },
        };
        path.hops.push(address);
        path
    }

    fn not_on_board(&self, device: usize, wanted: &str) -> LayoutError {
        LayoutError::NotOnBoard { device, wanted: wanted.to_owned(), board: self.board.name }
    }

    /// The adapter that several devices may share, placed where its first device asks for.
    fn adapter(
        &mut self,
        id: &str,
        driver: &'static str,
        index: usize,
        device: &Device,
    ) -> Result<PciPath, LayoutError> {
        let path = match self.controller(id) {
            Some(controller) => controller.at.path.clone(),
            None => {
                let at = self.pci_function(index, device)?;
                let path = at.path.clone();
                self.add_controller(id, driver, None, at, device.multifunction);
                path
            }
        };
        if let Some(added) = self.layout.controllers.iter_mut().find(|controller| controller.id == id) {
            for property in &device.adapter_properties {
                if !added.properties.contains(property) {
                    added.properties.push(property.clone());
                }
            }
        }
        Ok(path)
    }

    /// A device on a channel subsystem, and the adapter that it needs.
    fn on_channel(&mut self, index: usize, device: &Device) -> Result<Placed, LayoutError> {
        channel::check(index, device, self.board.name)?;
        if device.place == Place::Zpci {
            return Ok(Placed::default());
        }
        let Some(id) = channel::adapter_id(device) else {
            return Ok(Placed { channel: Some(self.subchannels.device(index)), ..Placed::default() });
        };
        let at = self.subchannels.adapter(&id);
        let adapters = &mut self.layout.channel_adapters;
        if adapters.iter().all(|known| known.id != id) {
            adapters.push(ChannelAdapter { id: id.clone(), driver: "virtio-scsi-ccw", properties: Vec::new(), at });
        }
        for adapter in adapters.iter_mut().filter(|known| known.id == id) {
            let new = device.adapter_properties.iter().filter(|one| !adapter.properties.contains(one));
            let new: Vec<_> = new.cloned().collect();
            adapter.properties.extend(new);
        }
        Ok(Placed { bus: format!("{id}.0"), channel: Some(at), ..Placed::default() })
    }

    /// A device on the hypervisor's bus of a `pseries`, and the adapter that it needs.
    fn on_vio(&mut self, index: usize, device: &Device) -> Result<Placed, LayoutError> {
        if !self.board.vio {
            return Err(self.not_on_board(index, "the bus of a pseries' hypervisor"));
        }
        let at = vio::reg(self.machine, index);
        let DeviceClass::Scsi { adapter, hba, .. } = &device.class else {
            return Ok(Placed { vio: Some(at), ..Placed::default() });
        };
        let id = vio::share(&mut self.layout.vio_adapters, (adapter.device(), *hba), at, &device.adapter_properties);
        Ok(Placed { bus: format!("{id}.0"), vio: Some(at), ..Placed::default() })
    }

    fn place(&mut self, index: usize, device: &Device) -> Result<Placed, LayoutError> {
        let id = format!("dev{index}");
        places::check(index, device)?;
        let kind = kind_of(index, device)?;
        let sectors = sectors(index, device, kind);
        if self.board.root == Root::Ccw {
            return Ok(Placed { id, kind, sectors, ..self.on_channel(index, device)? });
        }
        if let Some(transport) = mmio::transport(device) {
            let mmio = self.board.virtio_mmio.ok_or_else(|| self.not_on_board(index, "virtio-mmio"))?;
            let (bus, at) = mmio::place(mmio, transport, index, self.layout.devices.iter().map(|one| &one.bus))?;
            return Ok(Placed { id, kind, sectors, bus, mmio: Some(at), ..Placed::default() });
        }
        let common = || Placed { id: id.clone(), kind, sectors, ..Placed::default() };
        let placed = |bus: String, address, pci| Placed { bus, address, pci, ..common() };
        match &device.class {
            DeviceClass::Nic(Nic { model: NicModel::Unknown(name), .. }) => {
                Err(LayoutError::UnknownNic { device: index, unknown: UnknownNic { name: name.clone() } })
            }
            DeviceClass::Nic(Nic { model: NicModel::VirtioNetCcw, .. }) => {
                Err(self.not_on_board(index, "a channel subsystem"))
            }
            DeviceClass::Nic(Nic { model: NicModel::SpaprVlan, .. })
            | DeviceClass::Scsi { adapter: ScsiAdapter::SpaprVscsi, .. } => {
                Ok(Placed { id, kind, sectors, ..self.on_vio(index, device)? })
            }
            DeviceClass::VirtioBlk | DeviceClass::Nvme | DeviceClass::Nic(_) => {
                let at = self.pci_function(index, device)?;
                Ok(placed(at.bus, Some(at.address), Some(at.path)))
            }
            DeviceClass::VirtioScsi { hba, .. } => {
                let hba = format!("scsi{hba}");
                let path = self.adapter(&hba, "virtio-scsi-pci", index, device)?;
                Ok(placed(format!("{hba}.0"), None, Some(path)))
            }
            DeviceClass::Scsi { adapter, hba, .. } => {
                let id = format!("{}-{hba}", adapter.device());
                let path = self.adapter(&id, adapter.device(), index, device)?;
                Ok(placed(format!("{id}.0"), None, Some(path)))
            }
            DeviceClass::NvmeNamespace { controller, .. } => {
                let id = format!("nvme{controller}");
                let path = self.adapter(&id, "nvme", index, device)?;
                if let Some(added) = self.layout.controllers.iter_mut().find(|added| added.id == id)
                    && added.properties.iter().all(|(name, _)| name != "serial")
                {
                    added.properties.push(("serial".to_owned(), Value::Text(id.clone())));
                }
                Ok(placed(id, None, Some(path)))
            }
            DeviceClass::UsbBehindHub { controller, hub, .. } => {
                let id = controller.word();
                let path = self.adapter(id, controller.device(), index, device)?;
                let (bus, hub_id) = (format!("{id}.0"), format!("{id}-hub{hub}"));
                if self.layout.hubs.iter().all(|known| known.id != hub_id) {
                    self.layout.hubs.push(Hub { id: hub_id, bus: bus.clone(), port: *hub });
                }
                Ok(placed(bus, None, Some(path)))
            }
            DeviceClass::Ide { channel, .. } => {
                let ide = self.board.ide.ok_or_else(|| self.not_on_board(index, "a PIIX3 IDE controller"))?;
                Ok(placed(format!("ide.{channel}"), None, Some(PciPath::on_root(ide))))
            }
            DeviceClass::Ahci { port } => match self.board.ahci {
                Some(ahci) => Ok(placed(format!("ide.{port}"), None, Some(PciPath::on_root(ahci)))),
                None => {
                    let path = self.adapter("ahci0", "ich9-ahci", index, device)?;
                    Ok(placed(format!("ahci0.{port}"), None, Some(path)))
                }
            },
            DeviceClass::UsbStorage { controller, .. } => {
                let id = controller.word();
                let path = self.adapter(id, controller.device(), index, device)?;
                Ok(placed(format!("{id}.0"), None, Some(path)))
            }
            DeviceClass::Floppy { .. } => match self.board.floppy {
                Some(_) => Ok(placed(String::new(), None, None)),
                None => Err(self.not_on_board(index, "a floppy controller")),
            },
        }
    }
}

#[cfg(test)]
mod tests;
