//! `-device`: the ones that firmware may boot from.

use super::Reader;
use super::adapters::{Adapter, At, Placed};
use super::buses::Buses;
use super::controller::Controller;
use super::free;
use super::options::{Parts, rank, small};
use super::properties::rom;
use super::words::Word;
use crate::guest::boards::{is_ccw, lacks, virtio_net};
use crate::guest::loadparm;
use crate::guest::plain::plain_device;
use crate::guest::sectors;
use crate::guest::usb_spot::Spot;
use crate::guest::{GuestDevice, GuestError, Plug, Untried};
use crate::machine::{Board, DeviceClass, Nic, NicModel, OptionRom};

/// Class, whether optical, what it is in words, and its place.
pub(super) type Drive = (DeviceClass, bool, String, At);

/// What a driver is to a boot.
pub(super) enum Driver {
    Drive(Drive),
    /// None that can be had here: a drive in words, or what is not known.
    Untried(Option<String>),
}

impl Driver {
    /// The same on a board, which may not have it.
    fn on(self, board: Option<Board>) -> Driver {
        match self {
            Driver::Drive(drive) => {
                lacks(board, &drive.0).map_or(Driver::Drive(drive), |what| Driver::Untried(Some(what)))
            }
            untried => untried,
        }
    }
}

/// Cards of QEMU's that are kin to those that machines here have names for, with the same option ROMs.
const OTHER_CARDS: [&str; 10] = [
    "e1000-82544gc",
    "e1000-82545em",
    "i82557b",
    "i82557c",
    "i82558a",
    "i82558b",
    "i82559a",
    "i82559b",
    "i82559c",
    "i82562",
];

/// Longest name of a medium, in characters.
const LONGEST_NAME: usize = 24;

impl Reader<'_> {
    /// The device, where firmware may boot from it.
    pub(super) fn device(
        &mut self,
        parts: &Parts,
        word: &Word,
        buses: &Buses,
        before: &[GuestDevice],
    ) -> Result<Option<GuestDevice>, GuestError> {
        let driver = parts.first.as_str();
        if driver.is_empty() {
            return Err(self.error(word, "-device names no driver", "write -device DRIVER,key=value"));
        }
        if driver.starts_with("virtio-rng") {
            self.rng = true;
            self.notes.took(word.at.line, if is_ccw(self.board) { "virtio-rng-ccw" } else { "virtio-rng-pci" });
            return Ok(None);
        }
        self.tell_place(parts, word, buses);
        let bootindex = parts.get("bootindex").map(|text| self.rank(text, word)).transpose()?;
        self.rank_is_spelled(parts, word)?;
        self.bus_is_there(parts, word, buses)?;
        if let Some(model) = nic_model(driver, self.board) {
            return self.card_of_device(parts, word, model, bootindex, buses, before);
        }
        self.device_is_made(parts, word, buses)?;
        if self.is_controller(parts, word, bootindex, buses) {
            return Ok(None);
        }
        let driver = self.drive_class(parts, word, buses, before)?;
        if let Driver::Drive((class, ..)) = &driver {
            self.tell_other_ahci(parts, word, buses, (class, bootindex));
        }
        let (class, optical, kind, at) = match driver.on(self.board) {
            Driver::Drive(drive) => drive,
            Driver::Untried(what) => {
                self.untried(parts, word, bootindex, what);
                return Ok(None);
            }
        };
        let bootindex = bootindex.or_else(|| self.rank_of_floppy(&class));
        let mut device = plain_device(class, optical, bootindex);
        (device.place, device.slot, device.function) = at;
        if let Some(text) = self.loadparm(parts, word)? {
            loadparm::give(&mut device, text);
        }
        if !device.optical && !matches!(device.class, DeviceClass::Floppy { .. }) {
            device.block_size =
                sectors::of(&device.class, parts.get("logical_block_size"), parts.get("physical_block_size"))
                    .map_err(|what| self.error(word, what, "give logical_block_size=512, or none"))?;
        }
        let kind = kind + &sectors::words(device.block_size);
        let source = self.source_of(parts, word)?;
        let name = self.free_name(parts.get("id").or(parts.get("drive")), before);
        Ok(Some(GuestDevice { name, line: word.at.line, device, kind, source, network: None, own_rom: false }))
    }

    /// Says where a device is here, where its place on PCI cannot be had.
    fn tell_place(&mut self, parts: &Parts, word: &Word, buses: &Buses) {
        let driver = parts.first.as_str();
        let is_bus = ["port", "stream", "bridge", "pxb"].iter().any(|word| driver.contains(word));
        if let Some(bus) = buses.replaced(parts).filter(|_| !is_bus) {
            let words = format!("{driver}: behind {bus}: a place of its own on the root bus");
            self.notes.replaced(word.at.line, words);
        }
        let is_tried = nic_model(driver, self.board).is_some() || driver.starts_with("virtio-blk");
        let Some(bus) = parts.get("bus").filter(|_| is_tried || Adapter::of(driver).is_some()) else { return };
        let instead = match buses.moved(parts) {
            Some(slot) => format!(": slot {slot:#x} of the one bridge here"),
            None if buses.is_nested(parts) => ", which is behind another: on the one bridge here".to_owned(),
            None => return,
        };
        self.notes.replaced(word.at.line, format!("{driver}: behind the bridge {bus}{instead}"));
    }

    /// The rank of a floppy drive, which its controller has: by itself, or by a `-global`.
    pub(super) fn rank_of_floppy(&self, class: &DeviceClass) -> Option<i64> {
        let DeviceClass::Floppy { unit } = class else { return None };
        let name = if *unit == 0 { "bootindexA" } else { "bootindexB" };
        let own = self.floppy_ranks.get(usize::from(*unit)).copied().flatten();
        own.or_else(|| self.global_of("isa-fdc", name).and_then(rank))
    }

    /// A card, where it is one that the board has.
    fn card_of_device(
        &mut self,
        parts: &Parts,
        word: &Word,
        model: NicModel,
        bootindex: Option<i64>,
        buses: &Buses,
        before: &[GuestDevice],
    ) -> Result<Option<GuestDevice>, GuestError> {
        self.netdev_is_there(parts, word)?;
        let class = DeviceClass::Nic(Nic { model: model.clone(), rom: OptionRom::Default, lan: None });
        match lacks(self.board, &class) {
            // without a rank nothing would be tried of it either
            Some(what) if bootindex.is_none() => self.notes.ignored(word.at.line, format!("{}: {what}", parts.first)),
            what @ Some(_) => self.untried(parts, word, bootindex, what),
            None => {
                let mut card = self.nic(parts, word, model, bootindex, buses, before);
                if let Some(text) = self.loadparm(parts, word)? {
                    loadparm::give(&mut card.device, text);
                }
                return Ok(Some(card));
            }
        }
        Ok(None)
    }

    /// Keeps an NVMe controller with a rank and without a drive of its own: the rank is a namespace's.
    fn is_controller(&mut self, parts: &Parts, word: &Word, bootindex: Option<i64>, buses: &Buses) -> bool {
        let rank = bootindex.filter(|rank| *rank >= 0);
        let ("nvme", None, Some(rank)) = (parts.first.as_str(), parts.get("drive"), rank) else { return false };
        let id = parts.get("id").map_or_else(|| format!("nvme{}", self.controllers.len()), str::to_owned);
        let index = buses.shared_nvme(parts);
        self.controllers.push(Controller { id, rank, index, line: word.at.line });
        true
    }

    /// What is in a drive; `None` for an empty one.
    fn source_of(&self, parts: &Parts, word: &Word) -> Result<Option<String>, GuestError> {
        let driver = parts.first.as_str();
        let Some(drive) = parts.get("drive") else {
            // its image is another process'
            return Ok(driver.starts_with("vhost-user-").then(|| format!("what {driver} is served")));
        };
        let file = self.drives.file_of(drive).ok_or_else(|| {
            if self.drives.is_connected(drive) {
                let what = format!(
                    "-drive id={drive} has a device of the board's already, for want of if=none (QEMU refuses that)"
                );
                return self.error(
                    word,
                    what,
                    format!("write -drive if=none,id={drive},..., or leave the -device out"),
                );
            }
            let what = format!("no -drive and no -blockdev is called \"{drive}\"");
            self.error(word, what, format!("define it: -drive if=none,id={drive},file=..."))
        })?;
        let file = Some(file).filter(|file| file != "none" && !file.is_empty());
        if file.is_none() && !driver.ends_with("-cd") && driver != "floppy" {
            return Err(self.empty_disk(word.at, driver));
        }
        Ok(file)
    }

    fn nic(
        &mut self,
        parts: &Parts,
        word: &Word,
        model: NicModel,
        bootindex: Option<i64>,
        buses: &Buses,
        before: &[GuestDevice],
    ) -> GuestDevice {
        let rom = rom(parts.get("romfile"), parts.get("rombar"));
        let own_rom = parts.get("romfile").filter(|file| !file.is_empty());
        if let Some(file) = own_rom {
            self.notes.replaced(word.at.line, format!("{file}: the ROM that the platform's QEMU brings"));
        }
        let number = before.iter().filter(|device| device.device.is_nic()).count();
        let kind = nic_kind(&model);
        let mut device = plain_device(DeviceClass::Nic(Nic { model, rom, lan: None }), false, bootindex);
        (device.place, device.slot, device.function) = buses.pci(parts);
        let plug =
            parts.get("netdev").map_or(Plug::Nothing, |id| self.netdevs.get(id).cloned().unwrap_or(Plug::Nothing));
        let name = format!("nic{number}");
        GuestDevice {
            name,
            line: word.at.line,
            device,
            kind,
            source: None,
            network: Some(plug),
            own_rom: own_rom.is_some(),
        }
    }

    /// Keeps the row of a device that cannot be had here, where it has a rank or is a drive that firmware may try without one.
    fn untried(&mut self, parts: &Parts, word: &Word, rank: Option<i64>, what: Option<String>) {
        let driver = parts.first.as_str();
        let served = ["vhost-scsi-pci", "vhost-user-scsi-pci"].contains(&driver);
        // firmware boots from none of USB
        let is_card = parts.get("netdev").is_some() && !driver.starts_with("usb-");
        let is_drive = what.is_some() || served || parts.get("drive").is_some() || is_card;
        let rank = rank.filter(|rank| *rank >= 0);
        if rank.is_none() && !is_drive {
            return;
        }
        let named = parts.get("id").or(what.as_ref().and(parts.get("drive")));
        let what = what.unwrap_or_else(|| {
            match driver {
                "vhost-scsi-pci" | "vhost-user-scsi-pci" => "disks of the host or of another process",
                "usb-host" | "usb-redir" => "a USB device of the host or of a viewer",
                other if other.starts_with("vfio-") || other == "pci-assign" => "a PCI device of the host",
                "sd-card" | "emmc" => "an SD card",
                "virtio-blk-device" | "virtio-net-device" => "a device of virtio that is not on PCI",
                _ if is_card => "a network card of a model that is not known here",
                _ => "a device that is not known here",
            }
            .to_owned()
        });
        let name = named.unwrap_or(driver).to_owned();
        let words = rank.map_or(String::new(), |rank| format!(" with bootindex {rank}"));
        self.notes.ignored(word.at.line, format!("{name}: {driver}{words}: {what} cannot be had here"));
        self.untried.push(Untried { name, line: word.at.line, kind: format!("{driver}, {what}"), rank });
    }

    /// A medium's name out of a device's id: lower case, digits and `-`, short, and no other device's.
    fn free_name(&self, id: Option<&str>, before: &[GuestDevice]) -> String {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
        let name: String = id.unwrap_or_default().chars().map(plain).take(LONGEST_NAME - 3).collect();
        let name = if name.is_empty() { format!("disk{}", before.len()) } else { name };
        match before.iter().any(|device| device.name == name) {
            true => format!("{name}-{}", before.len()),
            false => name,
        }
    }

    /// What a drive is, where its driver is one of a drive.
    fn drive_class(
        &self,
        parts: &Parts,
        word: &Word,
        buses: &Buses,
        before: &[GuestDevice],
    ) -> Result<Driver, GuestError> {
        let driver = parts.first.as_str();
        let none: At = (crate::machine::Place::Root, None, 0);
        let optical = driver.ends_with("-cd");
        Ok(Driver::Drive(match driver {
            "virtio-blk-pci"
            | "virtio-blk"
            | "virtio-blk-ccw"
            | "virtio-blk-pci-transitional"
            | "virtio-blk-pci-non-transitional"
            | "vhost-user-blk-pci" => {
                let at = self.virtio_disk_at(driver, buses.pci(parts));
                (DeviceClass::VirtioBlk, false, "virtio disk".to_owned(), at)
            }
            "nvme" | "nvme-ns" => return self.nvme_class(parts, word, buses, before),
            "ide-hd" | "ide-cd" | "ide-drive" => return Ok(self.ata_class(parts, buses, before, optical)),
            driver if is_on_scsi(driver) => {
                return self.scsi_class(parts, word, buses, before, optical);
            }
            // QEMU puts a scsi-cd into it where the drive was said to be one
            "usb-storage" if self.drives.is_optical(parts.get("drive").unwrap_or_default()) => {
                return Ok(Driver::Untried(Some("a CD drive on USB".to_owned())));
            }
            "usb-storage" => {
                return Ok(buses.usb().map_or(Driver::Untried(None), |(spot, at)| usb_drive(spot, at, before)));
            }
            "floppy" => {
                let unit = parts.get("unit").and_then(small);
                (free::floppy(before, unit), false, "floppy".to_owned(), none)
            }
            _ => return Ok(Driver::Untried(None)),
        }))
    }

    /// A drive of NVMe; a controller without one is that of namespaces alone.
    fn nvme_class(
        &self,
        parts: &Parts,
        word: &Word,
        buses: &Buses,
        before: &[GuestDevice],
    ) -> Result<Driver, GuestError> {
        let kind = "NVMe disk".to_owned();
        if parts.first == "nvme" {
            let class = match buses.shared_nvme(parts) {
                Some(controller) => DeviceClass::NvmeNamespace { controller, nsid: 1 },
                None => DeviceClass::Nvme,
            };
            let drive = || Driver::Drive((class, false, kind, buses.pci(parts)));
            return Ok(parts.get("drive").map_or(Driver::Untried(None), |_| drive()));
        }
        let bus = parts.get("bus").unwrap_or_default();
        let Some(placed) = buses.nvme(bus) else {
            let what = format!("nothing on the line is the NVMe bus \"{bus}\"");
            return Err(self.error(word, what, "define the controller: -device nvme,id=nvme0,serial=a"));
        };
        let nsid = parts.get("nsid").and_then(|text| text.parse().ok()).filter(|nsid| *nsid > 0);
        Ok(Driver::Drive((free::namespace(before, placed.index, nsid), false, kind, placed.at)))
    }

    fn scsi_class(
        &self,
        parts: &Parts,
        word: &Word,
        buses: &Buses,
        before: &[GuestDevice],
        optical: bool,
    ) -> Result<Driver, GuestError> {
        let number = |key: &str| parts.get(key).and_then(|text| text.parse::<u16>().ok());
        let bus = parts.get("bus").unwrap_or_default();
        let Some(Placed { adapter, index, at, .. }) = buses.scsi(bus) else {
            let what = match bus {
                "" => "no SCSI adapter stands before it on the line (QEMU refuses that)".to_owned(),
                bus => format!("nothing before it on the line is the SCSI bus \"{bus}\""),
            };
            return Err(self.error(word, what, "define the adapter before it: -device virtio-scsi-pci,id=scsi0"));
        };
        let place = (parts.get("scsi-id").and_then(small), number("lun"));
        let what = if optical { "CD" } else { "disk" };
        Ok(Driver::Drive(match adapter {
            Adapter::UnknownScsi(driver) => {
                let what = format!("a drive on {driver}, a SCSI adapter that is not known here");
                return Ok(Driver::Untried(Some(what)));
            }
            Adapter::UsbBot(_) if optical => return Ok(Driver::Untried(Some("a CD drive on USB".to_owned()))),
            Adapter::UsbBot(spot) => return Ok(usb_drive(spot, at, before)),
            Adapter::Scsi(adapter) => {
                let kind = format!("SCSI ({}) {what}", adapter.device());
                (free::scsi(before, (Some(adapter), index), place), optical, kind, at)
            }
            _ => (free::scsi(before, (None, index), place), optical, format!("virtio-scsi {what}"), at),
        }))
    }
}

/// A disk at a spot of USB.
fn usb_drive(spot: Spot, at: At, before: &[GuestDevice]) -> Driver {
    let (class, controller, hub) = match spot {
        Spot::Elsewhere(what) => return Driver::Untried(Some(what)),
        Spot::Root { controller, port } => (DeviceClass::UsbStorage { controller, port }, controller, ""),
        Spot::Hub { controller, hub, port } => {
            (DeviceClass::UsbBehindHub { controller, hub, port }, controller, ", behind a hub")
        }
    };
    if before.iter().any(|device| device.device.class == class) {
        return Driver::Untried(Some("a further disk at one port of USB".to_owned()));
    }
    Driver::Drive((class, false, format!("USB ({}{hub}) disk", controller.word()), at))
}

/// Whether a driver is one of a drive on a SCSI bus.
fn is_on_scsi(driver: &str) -> bool {
    matches!(driver, "scsi-hd" | "scsi-cd" | "scsi-disk" | "scsi-block" | "scsi-generic")
}

/// What a card is, for people.
pub(super) fn nic_kind(model: &NicModel) -> String {
    format!("{} NIC", model.name().trim_end_matches("-pci"))
}

/// The card that a driver is.
pub(super) fn nic_model(driver: &str, board: Option<Board>) -> Option<NicModel> {
    match driver {
        "virtio-net" => Some(virtio_net(board)),
        "e1000-82540em" => Some(NicModel::E1000),
        other if OTHER_CARDS.contains(&other) => NicModel::other(other).ok(),
        other => other.parse().ok(),
    }
}
