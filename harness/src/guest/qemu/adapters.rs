//! The adapters of disks on a line: what QEMU calls their buses, and which of them a device gets that names none.

use std::collections::BTreeMap;

use super::options::Parts;
use super::usb::Ports;
use crate::guest::boards::{is_ccw, is_pseries, is_virt};
use crate::guest::usb_spot::{Spot, port};
use crate::machine::{Board, Place, ScsiAdapter, UsbController};

/// Parts of the names of USB host controllers.
const USB_CONTROLLERS: [&str; 4] = ["uhci", "ohci", "ehci", "xhci"];

/// IDE controllers that a line can add.
const IDE_CONTROLLERS: [&str; 6] = ["piix3-ide", "piix4-ide", "isa-ide", "via-ide", "cmd646-ide", "sii3112"];

/// How many adapters are told apart, and how far down from the root: no machine has more.
const MOST: usize = 1000;
const DEEPEST: usize = 20;

/// Whether a driver is a USB host controller.
pub(super) fn is_usb_controller(driver: &str) -> bool {
    USB_CONTROLLERS.iter().any(|word| driver.contains(word))
}

/// Whether a driver hangs off a USB host controller.
pub(super) fn is_on_usb(driver: &str) -> bool {
    driver.starts_with("usb-") && !is_usb_controller(driver)
}

/// An adapter that disks hang off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Adapter {
    VirtioScsi,
    Scsi(ScsiAdapter),
    /// A SCSI adapter that cannot be had here, by its driver.
    UnknownScsi(String),
    Usb(UsbController),
    /// A USB host controller that cannot be had here, by its driver.
    UnknownUsb(String),
    /// A `usb-bot`, and where it is.
    UsbBot(Spot),
    Ahci,
    /// An IDE controller beside the board's, by its driver: none can be had here.
    OtherIde(String),
    Nvme,
}

impl Adapter {
    /// What a driver is; `usb-bot` is none by itself.
    pub fn of(driver: &str) -> Option<Adapter> {
        Some(match driver {
            "virtio-scsi-pci"
            | "virtio-scsi"
            | "virtio-scsi-ccw"
            | "virtio-scsi-pci-transitional"
            | "virtio-scsi-pci-non-transitional" => Adapter::VirtioScsi,
            "am53c974" | "dc390" => Adapter::Scsi(ScsiAdapter::Am53c974),
            "lsi" | "lsi53c895a" => Adapter::Scsi(ScsiAdapter::Lsi53c895a),
            "megasas" | "megasas-gen2" => Adapter::Scsi(ScsiAdapter::Megasas),
            "mptsas1068" => Adapter::Scsi(ScsiAdapter::Mptsas1068),
            "spapr-vscsi" => Adapter::Scsi(ScsiAdapter::SpaprVscsi),
            "pvscsi" => Adapter::Scsi(ScsiAdapter::Pvscsi),
            "qemu-xhci" | "nec-usb-xhci" => Adapter::Usb(UsbController::Xhci),
            "usb-ehci" | "ich9-usb-ehci1" | "ich9-usb-ehci2" => Adapter::Usb(UsbController::Ehci),
            "piix3-usb-uhci" | "piix4-usb-uhci" => Adapter::Usb(UsbController::Uhci),
            _ if driver.starts_with("ich9-usb-uhci") => Adapter::Usb(UsbController::Uhci),
            "ich9-ahci" | "ahci" => Adapter::Ahci,
            _ if IDE_CONTROLLERS.contains(&driver) => Adapter::OtherIde(driver.to_owned()),
            "nvme" => Adapter::Nvme,
            _ if is_usb_controller(driver) => Adapter::UnknownUsb(driver.to_owned()),
            _ if is_scsi_adapter(driver) => Adapter::UnknownScsi(driver.to_owned()),
            _ => return None,
        })
    }

    pub fn is_scsi(&self) -> bool {
        matches!(self, Adapter::VirtioScsi | Adapter::Scsi(_) | Adapter::UnknownScsi(_) | Adapter::UsbBot(_))
    }

    pub fn is_ide(&self) -> bool {
        matches!(self, Adapter::Ahci | Adapter::OtherIde(_))
    }

    fn is_usb(&self) -> bool {
        matches!(self, Adapter::Usb(_) | Adapter::UnknownUsb(_))
    }
}

/// Whether a driver is a SCSI adapter by its name, and no disk on one.
fn is_scsi_adapter(driver: &str) -> bool {
    let by_name = driver.contains("scsi") && !driver.starts_with("scsi-") && !driver.starts_with("vhost-");
    by_name || driver.starts_with("lsi53c") || driver == "usb-uas"
}

/// Place, slot and function of a PCI device.
pub(super) type At = (Place, Option<u8>, u8);

/// An adapter with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub adapter: Adapter,
    /// Its number among those of its kind.
    pub index: u8,
    pub at: At,
    /// The number of its first bus in the names of its buses.
    pub first_bus: u8,
}

/// What QEMU calls the buses of an adapter (`qbus_init_internal` in its `hw/core/bus.c`).
#[derive(Clone, Debug)]
enum Name {
    /// The id, with `.0` and so on behind it.
    Id(String),
    /// It has no id: the kind of bus, and numbers that all those without one share.
    Counted { kind: &'static str, first: u8, count: u8 },
}

impl Name {
    fn fits(&self, bus: &str) -> bool {
        let split = bus.rsplit_once('.');
        match self {
            Name::Id(id) => bus == id || split.is_some_and(|(name, _)| name == id),
            Name::Counted { kind, first, count } => split.is_some_and(|(name, number)| {
                let number = number.parse::<u8>().ok();
                name == *kind && number.is_some_and(|number| number >= *first && number - *first < *count)
            }),
        }
    }
}

/// An adapter that is on the line so far.
#[derive(Clone, Debug)]
struct Known {
    name: Name,
    /// The numbers on the line of what stands between it and the root, and its own.
    way: Vec<usize>,
    placed: Placed,
    ports: Option<Ports>,
}

/// The adapters that are on the line so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Adapters {
    board: Option<Board>,
    /// What the line does not say may define more.
    is_open: bool,
    known: Vec<Known>,
    /// How many devices have come.
    come: usize,
    /// The ways of those with an id.
    ways: BTreeMap<String, Vec<usize>>,
    /// What else is on the line, id and driver: an adapter of disks among them is one whose model is not known here.
    others: BTreeMap<String, String>,
    /// How many buses have a number of their kind for a name.
    counted: BTreeMap<&'static str, u8>,
    /// Of each kind of USB host controller the first that disks hang off, by its place in `known`.
    with_disks: Vec<(UsbController, usize)>,
    /// Where the device that came last is, where it is one of USB.
    spot: Option<(Spot, At)>,
}

impl Adapters {
    /// Those of the board, with its own USB and what `-usbdevice` has put on it, or without.
    pub fn new(board: Option<Board>, own_usb: Option<usize>, is_open: bool) -> Adapters {
        let mut adapters = Adapters { board, is_open, ..Adapters::default() };
        let of_ide = match board {
            Some(Board::Pc) => 2,
            Some(Board::Q35) => 6,
            _ => 0,
        };
        adapters.counted.insert("ide", of_ide);
        // the boards of Arm, RISC-V and LoongArch take the word and have none
        if let Some(taken) = own_usb.filter(|_| !is_virt(board) && !is_ccw(board)) {
            let adapter = Adapter::Usb(adapters.own_usb());
            let mut ports = Ports::of(adapters.own_usb(), &Parts::default());
            for _ in 0..taken {
                ports.claim(None, false);
            }
            // a function of PIIX3, and one of ICH9
            let at = match board {
                Some(Board::Pc) => (Place::Root, Some(1), 2),
                Some(Board::Q35) => (Place::Root, Some(0x1d), 7),
                _ => (Place::Root, None, 0),
            };
            adapters.add(adapter, None, Vec::new(), at, Some(ports));
        }
        adapters
    }

    /// What `-usb` makes on the board: that of PIIX3, the EHCI of ICH9, or an xHCI.
    fn own_usb(&self) -> UsbController {
        match self.board {
            Some(Board::Q35) => UsbController::Ehci,
            // with USB 3 since QEMU 2.10 (`spapr_machine_init` in its `hw/ppc/spapr.c`)
            board if is_pseries(board) => UsbController::Xhci,
            _ => UsbController::Uhci,
        }
    }

    /// A device comes, with its place on PCI: those behind it on the line are not there yet.
    ///
    /// # Errors
    ///
    /// In words, with what to do, where QEMU has no place on USB for it.
    pub fn comes(&mut self, parts: &Parts, at: At) -> Result<(), (String, String)> {
        let (number, driver, id) = (self.come, parts.first.as_str(), parts.get("id"));
        self.come += 1;
        self.spot = None;
        // what a shell puts there may be an id or a port
        self.is_open |= parts.pairs().any(|(key, value)| [key, value].iter().any(|text| text.contains(['$', '`'])));
        let parent = if is_on_usb(driver) { self.on_usb(parts)? } else { None };
        let named = || parts.get("bus").and_then(|bus| self.ways.get(bus).or_else(|| self.ways.get(before_dot(bus))));
        let above = parent.map(|parent| self.known[parent].way.clone()).or_else(|| named().cloned());
        let mut way = above.unwrap_or_default();
        way.truncate(DEEPEST);
        way.push(number);
        if let Some(id) = id {
            self.ways.insert(id.to_owned(), way.clone());
        }
        // its ports are those of the controller that it goes with
        let is_companion = parts.get("masterbus").is_some();
        let adapter = match driver {
            // on a channel subsystem what is one of PCI is not known to firmware
            _ if is_ccw(self.board) && driver.starts_with("virtio-scsi-pci") => {
                Some(Adapter::UnknownScsi(driver.to_owned()))
            }
            "usb-bot" => self.spot.clone().map(|(spot, _)| Adapter::UsbBot(spot)),
            _ => Adapter::of(driver).filter(|_| !is_companion),
        };
        let Some(adapter) = adapter else {
            match (driver, id) {
                // it has a SCSI bus for itself
                ("usb-storage", None) => *self.counted.entry("scsi").or_default() += 1,
                (_, Some(id)) => drop(self.others.insert(id.to_owned(), driver.to_owned())),
                _ => {}
            }
            return Ok(());
        };
        let ports = match &adapter {
            Adapter::Usb(controller) => Some(Ports::of(*controller, parts)),
            _ => None,
        };
        let at = self.spot.as_ref().map_or(at, |(_, at)| *at);
        self.add(adapter, id, way, at, ports);
        Ok(())
    }

    fn add(&mut self, adapter: Adapter, id: Option<&str>, way: Vec<usize>, at: At, ports: Option<Ports>) {
        if self.known.len() >= MOST {
            return;
        }
        let alike = self.known.iter().filter(|known| known.placed.adapter == adapter).count();
        let (kind, count) = match &adapter {
            Adapter::Ahci => ("ide", 6),
            Adapter::OtherIde(driver) => ("ide", if driver == "isa-ide" { 1 } else { 2 }),
            Adapter::Nvme => ("nvme-bus", 1),
            adapter if adapter.is_usb() => ("usb-bus", 1),
            _ => ("scsi", 1),
        };
        let name = match id {
            Some(id) => Name::Id(id.to_owned()),
            None => {
                let next = self.counted.entry(kind).or_default();
                let first = *next;
                *next = next.saturating_add(count);
                Name::Counted { kind, first, count }
            }
        };
        let first_bus = if let Name::Counted { first, .. } = name { first } else { 0 };
        let placed = Placed { adapter, index: u8::try_from(alike).unwrap_or(u8::MAX), at, first_bus };
        self.known.push(Known { name, way, placed, ports });
    }

    /// Finds a device's spot on USB, and the controller by its place.
    fn on_usb(&mut self, parts: &Parts) -> Result<Option<usize>, (String, String)> {
        let is_usb = |known: &&(usize, &Known)| known.1.placed.adapter.is_usb();
        let bus = parts.get("bus");
        let all = || self.known.iter().enumerate();
        let found = match bus {
            Some(bus) => all().find(|(_, known)| known.name.fits(bus)).as_ref().filter(is_usb).map(|(at, _)| *at),
            None => all().filter(|known| is_usb(&known)).max_by_key(|(_, known)| &known.way).map(|(at, _)| at),
        };
        let wanted = parts.get("port").map(|text| port(text).unwrap_or_default());
        let Some(place) = found else { return self.guessed(parts, wanted).map(|()| None) };
        let Known { placed, ports, .. } = &mut self.known[place];
        let (controller, at) = match &placed.adapter {
            Adapter::Usb(controller) => (*controller, placed.at),
            Adapter::UnknownUsb(driver) => {
                let words = format!("a disk on {driver}, a USB controller that is not known here");
                self.spot = Some((Spot::Elsewhere(words), placed.at));
                return Ok(Some(place));
            }
            _ => return Ok(None),
        };
        let claimed = ports.as_mut().and_then(|ports| ports.claim(wanted.as_deref(), parts.first == "usb-hub"));
        let claimed = match (claimed, wanted) {
            (Some(claimed), _) => claimed,
            (None, Some(wanted)) if self.is_open => wanted,
            (None, _) => {
                let port =
                    parts.get("port").map_or_else(|| "no port free".to_owned(), |port| format!("no port {port}"));
                let what = format!("{}: its USB controller has {port} (QEMU refuses that)", parts.first);
                return Err((
                    what,
                    "leave port= out; those behind a hub stand behind the usb-hub on the line".to_owned(),
                ));
            }
        };
        let mut spot = Spot::of(controller, &claimed);
        if ["usb-storage", "usb-bot"].contains(&parts.first.as_str()) {
            match self.with_disks.iter().find(|(kind, _)| *kind == controller) {
                Some((_, first)) if *first != place => {
                    spot = Spot::Elsewhere(format!("a disk on a further USB ({}) controller", controller.word()));
                }
                Some(_) => {}
                None => self.with_disks.push((controller, place)),
            }
        }
        self.spot = Some((spot, at));
        Ok(Some(place))
    }

    /// The spot of a device whose controller is not on the line: what is defined elsewhere is guessed from its name.
    fn guessed(&mut self, parts: &Parts, wanted: Option<Vec<u8>>) -> Result<(), (String, String)> {
        let bus = parts.get("bus").unwrap_or_default();
        if !self.is_open && self.board.is_some() {
            return Err(match parts.get("bus") {
                None => (
                    format!(
                        "{} has no USB controller to hang off (QEMU refuses that: \"No 'usb-bus' bus found\")",
                        parts.first
                    ),
                    match self.board {
                        board if is_virt(board) || is_ccw(board) => {
                            "define one before it: -device qemu-xhci".to_owned()
                        }
                        _ => "define one before it: -device qemu-xhci, or -usb".to_owned(),
                    },
                ),
                Some(bus) => (
                    format!("nothing before it on the line is the USB bus \"{bus}\" (QEMU refuses that)"),
                    "define the controller before it: -device qemu-xhci,id=usb, with bus=usb.0".to_owned(),
                ),
            });
        }
        let controller = match bus {
            bus if bus.contains("xhci") => UsbController::Xhci,
            bus if bus.contains("ehci") => UsbController::Ehci,
            bus if bus.contains("ohci") => {
                let words = format!("a disk on {bus}, a USB controller that is not known here");
                self.spot = Some((Spot::Elsewhere(words), (Place::Root, None, 0)));
                return Ok(());
            }
            _ => self.own_usb(),
        };
        // the next device finds the same
        let id = (!bus.is_empty()).then(|| before_dot(bus));
        let ports = Some(Ports::of(controller, parts));
        self.add(Adapter::Usb(controller), id, Vec::new(), (Place::Root, None, 0), ports);
        let named = self.known.len() - 1;
        let ports = self.known[named].ports.as_mut();
        let claimed = ports.and_then(|ports| ports.claim(wanted.as_deref(), parts.first == "usb-hub"));
        let claimed = claimed.or(wanted).unwrap_or_else(|| vec![1]);
        self.spot = Some((Spot::of(controller, &claimed), (Place::Root, None, 0)));
        Ok(())
    }

    /// Whether a device with the id that a bus is called by has come.
    pub fn has_come(&self, bus: &str) -> bool {
        self.ways.contains_key(bus)
    }

    /// Where the device that came last is on USB, and where its controller is.
    pub fn spot(&self) -> Option<(Spot, At)> {
        self.spot.clone()
    }

    /// The adapter that a disk's `bus=` names.
    pub fn named(&self, bus: &str) -> Option<&Placed> {
        self.known.iter().find(|known| known.name.fits(bus)).map(|known| &known.placed)
    }

    /// The driver of what a bus is of, where it is no adapter that is known.
    pub fn other(&self, bus: &str) -> Option<&str> {
        self.others.get(bus).or_else(|| self.others.get(before_dot(bus))).map(String::as_str)
    }

    /// The adapter of a kind that QEMU finds where a line names no bus: what came last to each bus is looked at first, with what is
    /// below it (`qbus_find_recursive` in its `softmmu/qdev-monitor.c`).
    pub fn last(&self, fits: impl Fn(&Adapter) -> bool) -> Option<&Placed> {
        let fitting = self.known.iter().filter(|known| fits(&known.placed.adapter));
        fitting.max_by(|one, other| one.way.cmp(&other.way)).map(|known| &known.placed)
    }
}

/// The device in a bus' name.
fn before_dot(bus: &str) -> &str {
    bus.rsplit_once('.').map_or(bus, |(id, _)| id)
}
