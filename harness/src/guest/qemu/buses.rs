//! What a device's `bus=` names: root bus, port, bridge, or an adapter of disks.

use std::collections::BTreeMap;

use super::options::Parts;
use super::words::Word;
use crate::machine::{Board, Place, ScsiAdapter, UsbController};

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
    Ahci,
}

impl Adapter {
    pub fn of(driver: &str) -> Option<Adapter> {
        Some(match driver {
            "virtio-scsi-pci" | "virtio-scsi" | "virtio-scsi-pci-transitional" | "virtio-scsi-pci-non-transitional" => {
                Adapter::VirtioScsi
            }
            "lsi" | "lsi53c895a" | "lsi53c810" => Adapter::Scsi(ScsiAdapter::Lsi53c895a),
            "megasas" | "megasas-gen2" => Adapter::Scsi(ScsiAdapter::Megasas),
            "mptsas1068" => Adapter::Scsi(ScsiAdapter::Mptsas1068),
            "pvscsi" => Adapter::Scsi(ScsiAdapter::Pvscsi),
            "qemu-xhci" | "nec-usb-xhci" => Adapter::Usb(UsbController::Xhci),
            "usb-ehci" | "ich9-usb-ehci1" => Adapter::Usb(UsbController::Ehci),
            "piix3-usb-uhci" | "piix4-usb-uhci" => Adapter::Usb(UsbController::Uhci),
            "ich9-ahci" | "ahci" => Adapter::Ahci,
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
    bridges: Vec<String>,
    adapters: BTreeMap<String, Placed>,
}

impl Buses {
    pub fn of(devices: &[(Parts, Word)], board: Option<Board>) -> Buses {
        let mut buses = Buses { board, ..Buses::default() };
        for (parts, _) in devices {
            let id = parts.get("id").unwrap_or_default().to_owned();
            match parts.first.as_str() {
                "pcie-root-port" | "ioh3420" => {
                    if let Some(at) = parts.get("addr").and_then(address) {
                        buses.ports.insert(id, at);
                    }
                }
                "pci-bridge" | "pcie-pci-bridge" | "i82801b11-bridge" => buses.bridges.push(id),
                _ => {}
            }
        }
        for (parts, _) in devices {
            let Some(adapter) = Adapter::of(&parts.first) else { continue };
            let alike = buses.adapters.values().filter(|placed| placed.adapter == adapter).count() as u8;
            let id = parts.get("id").map_or_else(|| format!("{}{alike}", parts.first), str::to_owned);
            let at = buses.pci(parts);
            buses.adapters.insert(id, Placed { adapter, index: alike, at });
        }
        buses
    }

    /// Where a PCI device sits.
    pub fn pci(&self, parts: &Parts) -> At {
        let at = parts.get("addr").and_then(address);
        let (slot, function) = at.map_or((None, 0), |(slot, function)| (Some(slot), function));
        let bus = parts.get("bus").unwrap_or_default();
        if let Some(&(slot, function)) = self.ports.get(bus) {
            return (Place::Port { slot, function }, None, 0);
        }
        let root = self.board.map(|board| board.facts().root.id);
        if bus.is_empty() || Some(bus) == root {
            let visible = matches!((self.board, slot), (Some(Board::Pc), Some(1)) | (Some(Board::Q35), Some(31)));
            return (Place::Root, slot, if visible { function } else { 0 });
        }
        if bus.contains("pcie-port") || bus.contains("root-port") {
            return (Place::RootPort, None, 0);
        }
        (Place::PciBridge, slot.map(|slot| slot.max(1)), 0)
    }

    /// The adapter that a disk's `bus=` names.
    pub fn adapter(&self, bus: &str) -> Option<Placed> {
        let id = bus.rsplit_once('.').map_or(bus, |(id, _)| id);
        self.adapters.get(id).copied()
    }

    /// The one adapter of a kind, where the line names no bus.
    pub fn any(&self, fits: impl Fn(Adapter) -> bool) -> Option<Placed> {
        self.adapters.values().find(|placed| fits(placed.adapter)).copied()
    }
}
