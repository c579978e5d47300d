//! What a device's `bus=` names: root bus, port, bridge, or an adapter of disks.

use std::collections::{BTreeMap, BTreeSet};

use super::adapters::{Adapter, Adapters, At, Placed};
use super::options::Parts;
use super::words::Word;
use crate::guest::boards::is_ccw;
use crate::guest::usb_spot::Spot;
use crate::machine::{Board, Place};

/// A slot and function as QEMU spells them: hexadecimal, with or without `0x`.
pub(super) fn address(text: &str) -> Option<(u8, u8)> {
    let hex = |text: &str| u8::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let (slot, function) = text.split_once('.').unwrap_or((text, "0"));
    let (slot, function) = (hex(slot)?, hex(function)?);
    (slot < 32 && function < 8).then_some((slot, function))
}

/// Everything on the line that others hang off.
#[derive(Default)]
pub(super) struct Buses {
    board: Option<Board>,
    ports: BTreeMap<String, (u8, u8)>,
    /// Buses of PCI that cannot be had here, with their drivers.
    replaced: BTreeMap<String, String>,
    /// Ports without an address.
    loose: BTreeSet<String>,
    adapters: Adapters,
    /// There is a bridge of PCI without an id.
    has_nameless_bridge: bool,
    /// Buses behind bridges that are not on the root bus.
    nested: BTreeSet<String>,
    /// Slots on the one bridge that machines here have, by bus and slot of the line, where those of several would not keep
    /// their order.
    bridge_slots: BTreeMap<(String, u8), u8>,
    /// The NVMe controllers that namespaces hang off, by their numbers.
    with_namespaces: BTreeSet<u8>,
}

impl Buses {
    /// The buses of a line before the first of its devices comes.
    pub fn of(devices: &[(Parts, Word)], board: Option<Board>, adapters: Adapters) -> Buses {
        let mut buses = Buses { board, adapters, ..Buses::default() };
        for (parts, _) in devices {
            let id = parts.get("id").unwrap_or_default().to_owned();
            buses.has_nameless_bridge |=
                id.is_empty() && ["bridge", "port", "pxb", "stream"].iter().any(|word| parts.first.contains(word));
            match parts.first.as_str() {
                "pcie-root-port" | "ioh3420" => match parts.get("addr").and_then(address) {
                    Some(at) if buses.is_root(parts.get("bus").unwrap_or_default()) => {
                        buses.ports.insert(id, at);
                    }
                    None if buses.is_root(parts.get("bus").unwrap_or_default()) => {
                        buses.loose.insert(id);
                    }
                    _ => {
                        buses.replaced.insert(id, "a port that is not on the root bus".to_owned());
                    }
                },
                "x3130-upstream" | "xio3130-downstream" | "pxb" | "pxb-pcie" => {
                    buses.replaced.insert(id, parts.first.clone());
                }
                _ => {}
            }
        }
        buses.onto_one_bridge(devices);
        let mut ahead = buses.adapters.clone();
        for (parts, _) in devices {
            if parts.first == "nvme-ns" {
                let controller = nvme(&ahead, parts.get("bus").unwrap_or_default()).map(|placed| placed.index);
                buses.with_namespaces.extend(controller);
            }
            ahead.comes(parts, buses.pci(parts)).ok();
        }
        buses
    }

    /// Gives slots on one bridge to what is on several, in the order of those.
    fn onto_one_bridge(&mut self, devices: &[(Parts, Word)]) {
        let bus_of = |parts: &Parts| parts.get("bus").unwrap_or_default().to_owned();
        // where each bridge is itself
        let mut places: BTreeMap<String, (u8, usize)> = BTreeMap::new();
        for (number, (parts, _)) in devices.iter().enumerate().filter(|(_, (parts, _))| parts.first.contains("bridge"))
        {
            let Some(id) = parts.get("id") else { continue };
            let above = places.get(&bus_of(parts)).map(|(slot, _)| *slot);
            if above.is_some() {
                self.nested.insert(id.to_owned());
            }
            let own = || parts.get("addr").and_then(address).map(|(slot, _)| slot);
            places.insert(id.to_owned(), (above.or_else(own).unwrap_or(u8::MAX), number));
        }
        let on_bridge = |parts: &Parts| {
            let (bus, (slot, _)) = (bus_of(parts), parts.get("addr").and_then(address)?);
            let place = places.get(&bus).copied();
            (self.pci(parts).0 == Place::PciBridge && place.is_some()).then_some((place, bus, slot))
        };
        let devices = devices.iter().filter(|(parts, _)| !parts.first.contains("bridge"));
        let all: BTreeSet<_> = devices.filter_map(|(parts, _)| on_bridge(parts)).collect();
        let slots: Vec<u8> = all.iter().map(|(.., slot)| (*slot).max(1)).collect();
        if slots.is_sorted_by(|one, other| one < other) || slots.len() > 31 {
            return;
        }
        self.bridge_slots = all.into_iter().zip(1..).map(|((_, bus, slot), new)| ((bus, slot), new)).collect();
    }

    /// The slot of a device on the one bridge that machines here have, where it is another than on the line.
    pub fn moved(&self, parts: &Parts) -> Option<u8> {
        let (slot, _) = parts.get("addr").and_then(address)?;
        let new = *self.bridge_slots.get(&(parts.get("bus")?.to_owned(), slot))?;
        (new != slot).then_some(new)
    }

    /// Whether a device is behind a bridge that is itself behind one.
    pub fn is_nested(&self, parts: &Parts) -> bool {
        parts.get("bus").is_some_and(|bus| self.nested.contains(bus))
    }

    /// A device comes: those behind it on the line are not there yet.
    ///
    /// # Errors
    ///
    /// In words, with what to do, where QEMU has no place on USB for it.
    pub fn comes(&mut self, parts: &Parts) -> Result<(), (String, String)> {
        let at = self.pci(parts);
        self.adapters.comes(parts, at)
    }

    /// Where the device that came last is on USB, and where its controller is.
    pub fn usb(&self) -> Option<(Spot, At)> {
        self.adapters.spot()
    }

    /// The NVMe controller that a bus is of; the last one, where none is named.
    pub fn nvme(&self, bus: &str) -> Option<&Placed> {
        nvme(&self.adapters, bus)
    }

    /// The number of the NVMe controller that a `nvme` is, where namespaces hang off it.
    pub fn shared_nvme(&self, parts: &Parts) -> Option<u8> {
        let placed = self.nvme(parts.get("id").unwrap_or_default())?;
        self.with_namespaces.contains(&placed.index).then_some(placed.index)
    }

    /// Where a PCI device sits.
    pub fn pci(&self, parts: &Parts) -> At {
        if is_ccw(self.board) {
            return (Place::Root, None, 0);
        }
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
        let new = slot.and_then(|slot| self.bridge_slots.get(&(bus.to_owned(), slot)).copied());
        (Place::PciBridge, new.or_else(|| slot.map(|slot| slot.max(1))), function)
    }

    /// The bus that a device names and that is none of PCI so far: the root of another board, or, of a device that is one of PCI
    /// for sure, anything that no device is called.
    pub fn missing_pci(&self, parts: &Parts) -> Option<String> {
        let bus = parts.get("bus").filter(|bus| !self.is_root(bus) && !self.adapters.has_come(bus))?;
        let driver = parts.first.as_str();
        let is_else = |adapter: &Adapter| matches!(adapter, Adapter::UnknownScsi(_) | Adapter::OtherIde(_));
        let is_adapter = Adapter::of(driver).is_some_and(|adapter| !is_else(&adapter));
        let is_pci = is_adapter || driver.starts_with("virtio-blk-pci") || driver.starts_with("virtio-net-pci");
        let is_pci = is_pci || matches!(driver, "e1000" | "e1000e" | "rtl8139" | "igb");
        let is_pci = is_pci || matches!(driver, "pcie-root-port" | "ioh3420" | "pci-bridge" | "pcie-pci-bridge");
        // QEMU counts the bridges without an id
        let is_counted = bus.starts_with("pci") && self.has_nameless_bridge;
        let is_missing = ["pci.0", "pcie.0"].contains(&bus) || (is_pci && !is_counted);
        is_missing.then(|| bus.to_owned())
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

    /// The adapter of IDE or SATA that a disk is on, where it is none of the board's.
    pub fn ide(&self, bus: &str) -> Option<&Placed> {
        let placed = if bus.is_empty() { self.adapters.last(Adapter::is_ide) } else { self.adapters.named(bus) };
        placed.filter(|placed| placed.adapter.is_ide())
    }

    /// The SCSI adapter that a disk is on, and whether what the bus is of may be one that is not known here.
    pub fn scsi(&self, bus: &str) -> Option<Placed> {
        let placed = if bus.is_empty() { self.adapters.last(Adapter::is_scsi) } else { self.adapters.named(bus) };
        let other = || {
            let adapter = Adapter::UnknownScsi(self.adapters.other(bus)?.to_owned());
            Some(Placed { adapter, index: 0, at: (Place::Root, None, 0), first_bus: 0 })
        };
        placed.cloned().or_else(other).filter(|placed| placed.adapter.is_scsi())
    }
}

fn nvme<'a>(adapters: &'a Adapters, bus: &str) -> Option<&'a Placed> {
    let is_nvme = |adapter: &Adapter| *adapter == Adapter::Nvme;
    let placed = if bus.is_empty() { adapters.last(is_nvme) } else { adapters.named(bus) };
    placed.filter(|placed| is_nvme(&placed.adapter))
}
