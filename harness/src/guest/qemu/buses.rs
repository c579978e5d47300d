//! What a device's `bus=` names: root bus, port, bridge, or an adapter of disks.

use std::collections::{BTreeMap, BTreeSet};

use super::options::{Parts, small};
use super::words::Word;
use crate::machine::{Board, Place, ScsiAdapter, UsbController};

/// Parts of the names of USB host controllers.
const USB_CONTROLLERS: [&str; 4] = ["uhci", "ohci", "ehci", "xhci"];

/// Whether a driver is a USB host controller.
pub(super) fn is_usb_controller(driver: &str) -> bool {
    USB_CONTROLLERS.iter().any(|word| driver.contains(word))
}

/// A slot and function as QEMU spells them: hexadecimal, with or without `0x`.
pub(super) fn address(text: &str) -> Option<(u8, u8)> {
    let hex = |text: &str| u8::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let (slot, function) = text.split_once('.').unwrap_or((text, "0"));
    let (slot, function) = (hex(slot)?, hex(function)?);
    (slot < 32 && function < 8).then_some((slot, function))
}

/// An adapter that disks hang off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adapter {
    VirtioScsi,
    Scsi(ScsiAdapter),
    Usb(UsbController),
    /// A `usb-bot` on this controller, at this port where one is named.
    UsbBot(UsbController, Option<u8>),
    Ahci,
    Nvme,
}

impl Adapter {
    pub fn of(driver: &str) -> Option<Adapter> {
        Some(match driver {
            "virtio-scsi-pci" | "virtio-scsi" | "virtio-scsi-pci-transitional" | "virtio-scsi-pci-non-transitional" => {
                Adapter::VirtioScsi
            }
            "am53c974" | "dc390" => Adapter::Scsi(ScsiAdapter::Am53c974),
            "lsi" | "lsi53c895a" | "lsi53c810" => Adapter::Scsi(ScsiAdapter::Lsi53c895a),
            "megasas" | "megasas-gen2" => Adapter::Scsi(ScsiAdapter::Megasas),
            "mptsas1068" => Adapter::Scsi(ScsiAdapter::Mptsas1068),
            "spapr-vscsi" => Adapter::Scsi(ScsiAdapter::SpaprVscsi),
            "pvscsi" => Adapter::Scsi(ScsiAdapter::Pvscsi),
            "qemu-xhci" | "nec-usb-xhci" => Adapter::Usb(UsbController::Xhci),
            "usb-ehci" | "ich9-usb-ehci1" => Adapter::Usb(UsbController::Ehci),
            "piix3-usb-uhci" | "piix4-usb-uhci" => Adapter::Usb(UsbController::Uhci),
            "ich9-ahci" | "ahci" => Adapter::Ahci,
            "nvme" => Adapter::Nvme,
            _ => return None,
        })
    }
}

/// An adapter with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub adapter: Adapter,
    /// Its number among those of its kind.
    pub index: u8,
    pub at: At,
}

/// Place, slot and function of a PCI device.
pub(super) type At = (Place, Option<u8>, u8);

/// Everything on the line that others hang off.
#[derive(Default)]
pub(super) struct Buses {
    board: Option<Board>,
    ports: BTreeMap<String, (u8, u8)>,
    /// Buses of PCI that cannot be had here, with their drivers.
    replaced: BTreeMap<String, String>,
    /// Ports without an address.
    loose: BTreeSet<String>,
    adapters: BTreeMap<String, Placed>,
    /// What else is on the line, id and driver: an adapter of disks among them is one whose model is not known here.
    others: Vec<(Option<String>, String)>,
    /// The NVMe controllers that namespaces hang off, by their numbers.
    with_namespaces: BTreeSet<u8>,
}

impl Buses {
    pub fn of(devices: &[(Parts, Word)], board: Option<Board>) -> Buses {
        let mut buses = Buses { board, ..Buses::default() };
        for (parts, _) in devices {
            let id = parts.get("id").unwrap_or_default().to_owned();
            match parts.first.as_str() {
                "pcie-root-port" | "ioh3420" => match parts.get("addr").and_then(address) {
                    Some(at) if buses.is_root(parts.get("bus").unwrap_or_default()) => {
                        buses.ports.insert(id, at);
                    }
                    Some(_) => {
                        buses.replaced.insert(id, "a port that is not on the root bus".to_owned());
                    }
                    None => {
                        buses.loose.insert(id);
                    }
                },
                "x3130-upstream" | "xio3130-downstream" | "pxb" | "pxb-pcie" => {
                    buses.replaced.insert(id, parts.first.clone());
                }
                _ => {}
            }
        }
        for (parts, _) in devices {
            let is_bot = parts.first == "usb-bot";
            let Some(adapter) = Adapter::of(&parts.first).or_else(|| is_bot.then(|| buses.bot(parts))) else {
                buses.others.push((parts.get("id").map(str::to_owned), parts.first.clone()));
                continue;
            };
            let alike = buses.adapters.values().filter(|placed| placed.adapter == adapter).count();
            let index = u8::try_from(alike).unwrap_or(u8::MAX);
            let id = parts.get("id").map_or_else(|| format!("{}{alike}", parts.first), str::to_owned);
            let at = if is_bot { buses.usb(parts).2 } else { buses.pci(parts) };
            buses.adapters.insert(id, Placed { adapter, index, at });
        }
        for (parts, _) in devices.iter().filter(|(parts, _)| parts.first == "nvme-ns") {
            buses.with_namespaces.extend(buses.nvme(parts.get("bus").unwrap_or_default()).map(|placed| placed.index));
        }
        buses
    }

    fn bot(&self, parts: &Parts) -> Adapter {
        let (controller, port, _) = self.usb(parts);
        Adapter::UsbBot(controller, port)
    }

    /// The USB host controller that a device hangs off, its port where it names one, and where the controller sits.
    pub fn usb(&self, parts: &Parts) -> (UsbController, Option<u8>, At) {
        let named = parts.get("bus").and_then(|bus| self.adapter(bus));
        let placed = named.or_else(|| self.any(|adapter| matches!(adapter, Adapter::Usb(_))));
        let (controller, at) = match placed {
            Some(Placed { adapter: Adapter::Usb(controller), at, .. }) => (controller, at),
            _ => (UsbController::Uhci, (Place::Root, None, 0)),
        };
        (controller, parts.get("port").and_then(|port| small(port.split('.').next()?)), at)
    }

    /// The NVMe controller that a bus is of; any, where none is named.
    pub fn nvme(&self, bus: &str) -> Option<Placed> {
        let is_nvme = |adapter| adapter == Adapter::Nvme;
        let placed = if bus.is_empty() { self.any(is_nvme) } else { self.adapter(bus) };
        placed.filter(|placed| is_nvme(placed.adapter))
    }

    /// The number of the NVMe controller that a `nvme` is, where namespaces hang off it.
    pub fn shared_nvme(&self, parts: &Parts) -> Option<u8> {
        let placed = self.nvme(parts.get("id").unwrap_or_default())?;
        self.with_namespaces.contains(&placed.index).then_some(placed.index)
    }

    /// Where a PCI device sits.
    pub fn pci(&self, parts: &Parts) -> At {
        let at = parts.get("addr").and_then(address);
        let (slot, function) = at.map_or((None, 0), |(slot, function)| (Some(slot), function));
        let bus = parts.get("bus").unwrap_or_default();
        match self.ports.get(bus) {
            // a port of ours has one function: a further one is behind a port of its own
            Some(_) if function > 0 => return (Place::RootPort, None, 0),
            Some(&(slot, function)) => return (Place::Port { slot, function }, None, 0),
            None => {}
        }
        if self.is_root(bus) {
            return (Place::Root, slot, function);
        }
        let is_express = self.board.is_some_and(|board| board.facts().root_port.is_some());
        if (self.replaced.contains_key(bus) || self.loose.contains(bus)) && is_express {
            return (Place::RootPort, None, 0);
        }
        if bus.contains("pcie-port") || bus.contains("root-port") {
            return (Place::RootPort, None, 0);
        }
        (Place::PciBridge, slot.map(|slot| slot.max(1)), function)
    }

    fn is_root(&self, bus: &str) -> bool {
        bus.is_empty() || self.board.is_some_and(|board| board.facts().pci().is_some_and(|root| root.id == bus))
    }

    /// What a PCI device hangs off that cannot be had here: a bus of such a kind, or a further function of a port, which has one here.
    pub fn replaced(&self, parts: &Parts) -> Option<String> {
        let bus = parts.get("bus")?;
        let (_, function) = parts.get("addr").and_then(address).unwrap_or_default();
        let shared = self.ports.contains_key(bus) && function > 0;
        self.replaced.get(bus).cloned().or_else(|| shared.then(|| format!("function {function} of the port {bus}")))
    }

    /// The adapter that a disk's `bus=` names.
    pub fn adapter(&self, bus: &str) -> Option<Placed> {
        let id = bus.rsplit_once('.').map_or(bus, |(id, _)| id);
        self.adapters.get(id).copied()
    }

    /// The driver of the SCSI adapter that a bus is of and that is not known here: the device of that name, or one that is a SCSI
    /// adapter by its own name where the line names no bus, or calls it as QEMU does (`scsi.0`).
    pub fn unknown_scsi(&self, bus: &str) -> Option<&str> {
        let id = bus.rsplit_once('.').map_or(bus, |(id, _)| id);
        let by_name = id.is_empty() || id == "scsi";
        let is_it = |(its, driver): &&(Option<String>, String)| match its {
            Some(its) if its == id => true,
            None => by_name && is_scsi_adapter(driver),
            Some(_) => id.is_empty() && is_scsi_adapter(driver),
        };
        self.others.iter().find(is_it).map(|(_, driver)| driver.as_str())
    }

    /// The one adapter of a kind, where the line names no bus.
    pub fn any(&self, fits: impl Fn(Adapter) -> bool) -> Option<Placed> {
        self.adapters.values().find(|placed| fits(placed.adapter)).copied()
    }
}

/// Whether a driver is a SCSI adapter by its name, and no disk on one.
fn is_scsi_adapter(driver: &str) -> bool {
    let by_name = driver.contains("scsi") && !driver.starts_with("scsi-") && !driver.starts_with("vhost-");
    by_name || driver == "usb-uas"
}

/// A device of the line that QEMU refuses at its place: a function beside one at 0 that is alone in its slot.
pub(super) fn beside_single_function(devices: &[(Parts, Word)]) -> Option<(&Word, String)> {
    let at = |parts: &Parts| {
        let (slot, function) = parts.get("addr").and_then(address)?;
        Some((parts.get("bus").unwrap_or_default().to_owned(), slot, function))
    };
    let is_single = |parts: &Parts| parts.switch("multifunction") != Some(true);
    devices.iter().find_map(|(parts, word)| {
        let (bus, slot, function) = at(parts).filter(|(.., function)| *function > 0)?;
        let zero = Some((bus, slot, 0));
        devices.iter().find(|(other, _)| at(other) == zero && is_single(other))?;
        let what = format!(
            "PCI: single function device can't be populated in function {slot:x}.{function:x} (QEMU refuses that)"
        );
        Some((word, what))
    })
}
