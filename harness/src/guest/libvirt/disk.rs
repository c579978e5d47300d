//! `<disk>`: its bus, its unit, and what is in it.

use super::super::xml::Element;
use super::super::{GuestError, Notes};
use super::address::{Address, alias, boot_order, loadparm};
use super::os::Class;

/// Units that libvirt gives out on each SCSI adapter (`SCSI_NARROW_BUS_MAX_CONT_UNIT`).
pub(super) const SCSI_UNITS: u16 = 7;

/// A disk of the domain.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    /// Its target.
    pub name: String,
    pub bus: Bus,
    pub kind: Kind,
    /// The number that its target stands for: `vdc` is 2.
    pub index: u16,
    pub boot: Option<u32>,
    /// `loadparm` of `<boot>`.
    pub loadparm: Option<String>,
    pub address: Option<Address>,
    pub source: Option<String>,
    /// `usb-storage` or `usb-bot`, where one is named.
    pub model: Option<String>,
    /// `<blockio>`: the sizes of what an address counts and of what is written at once.
    pub block_sizes: [Option<String>; 2],
    /// What libvirt calls it, where that is written.
    pub alias: Option<String>,
    pub line: u32,
    /// An error about it, without words.
    pub error: GuestError,
}

impl Disk {
    /// The index of the controller that it is on: that of its address, or of its target.
    pub fn controller(&self) -> u8 {
        match self.address {
            Some(Address::Drive { controller, .. }) => controller,
            _ => unit_of_target(self.bus, self.index).0,
        }
    }

    /// Index of its adapter, target and unit of one on SCSI.
    pub fn scsi_place(&self) -> (u8, u8, u16) {
        match self.address {
            Some(Address::Drive { controller, target, unit, .. }) => (controller, target, unit),
            _ => {
                let (controller, unit) = unit_of_target(self.bus, self.index);
                (controller, 0, unit)
            }
        }
    }

    /// A SCSI device of the host, as a `<hostdev>` gives it.
    pub fn of_host(element: Element<'_, '_>, name: String) -> Result<Disk, GuestError> {
        let source = element.child("source");
        let of = |child, name| source.and_then(|source| source.child(child)).and_then(|child| child.attribute(name));
        let adapter = of("adapter", "name").or_else(|| source.and_then(|source| source.attribute("protocol")));
        Ok(Disk {
            alias: Some(name.clone()),
            name,
            bus: Bus::Scsi,
            kind: Kind::Disk,
            index: 0,
            boot: boot_order(element)?,
            loadparm: loadparm(element)?,
            address: Address::of(element)?,
            source: Some(format!("a SCSI device of the host ({})", adapter.unwrap_or("?"))),
            model: None,
            block_sizes: [None, None],
            line: element.line(),
            error: element.error("", ""),
        })
    }
}

/// What a disk hangs off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bus {
    Virtio,
    Ide,
    Scsi,
    Sata,
    Usb,
    Fdc,
    /// A namespace of an NVMe controller.
    Nvme,
}

/// What a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Disk,
    Cdrom,
    Floppy,
}

impl Kind {
    pub fn class(self) -> Class {
        match self {
            Kind::Disk => Class::Disk,
            Kind::Cdrom => Class::Cdrom,
            Kind::Floppy => Class::Floppy,
        }
    }
}

const KNOWN: [&str; 25] = [
    "driver",
    "auth",
    "source",
    "backingStore",
    "backenddomain",
    "geometry",
    "blockio",
    "mirror",
    "target",
    "iotune",
    "throttlefilters",
    "readonly",
    "shareable",
    "transient",
    "serial",
    "wwn",
    "vendor",
    "product",
    "encryption",
    "boot",
    "alias",
    "address",
    "diskSecret",
    "acpi",
    "privateData",
];

/// Reads a disk; `None` for one on a bus that cannot be had here, which is noted.
pub(super) fn read(element: Element<'_, '_>, notes: &mut Notes) -> Result<Option<Disk>, GuestError> {
    element.knows(&KNOWN)?;
    let kind = match element.attribute("device") {
        None | Some("disk" | "lun") => Kind::Disk,
        Some("cdrom") => Kind::Cdrom,
        Some("floppy") => Kind::Floppy,
        Some(other) => return Err(element.attribute_error("device", other, "disk, cdrom, floppy or lun")),
    };
    let target = element
        .child("target")
        .ok_or_else(|| element.error("<disk> has no <target>", "write <target dev='vda' bus='virtio'/>"))?;
    let name = target.attribute("dev").ok_or_else(|| target.error("<target> has no dev", "write dev='vda'"))?;
    let index = index_of(name).ok_or_else(|| {
        target.attribute_error("dev", name, "hd, sd, vd, fd or xvd with letters behind it, as in vda, or nvme0n1")
    })?;
    let word = target.attribute("bus").unwrap_or_else(|| default_bus(name, kind));
    let bus = match word {
        "virtio" => Bus::Virtio,
        "ide" => Bus::Ide,
        "scsi" => Bus::Scsi,
        "sata" => Bus::Sata,
        "usb" => Bus::Usb,
        "fdc" => Bus::Fdc,
        "nvme" if namespace_of(name).is_some() => Bus::Nvme,
        "nvme" => return Err(target.attribute_error("dev", name, "a namespace of a controller, as in nvme0n1")),
        "sd" | "xen" | "uml" => {
            notes.ignored(element.line(), format!("{name}: a disk on bus '{word}' cannot be had here"));
            return Ok(None);
        }
        other => return Err(target.attribute_error("bus", other, "virtio, ide, scsi, sata, usb, nvme or fdc")),
    };
    if (kind == Kind::Floppy) != (bus == Bus::Fdc) {
        let what = format!("a {} cannot be on bus '{word}'", element.attribute("device").unwrap_or("disk"));
        return Err(element.error(what, "a floppy is on fdc, and nothing else is"));
    }
    let address = Address::of(element)?;
    if !fits(bus, address) {
        return Err(does_not_fit(element, name, word));
    }
    Ok(Some(Disk {
        name: name.to_owned(),
        bus,
        kind,
        index,
        boot: boot_order(element)?,
        loadparm: loadparm(element)?,
        address,
        source: source(element),
        model: element.attribute("model").map(str::to_owned),
        block_sizes: block_sizes(element),
        alias: alias(element),
        line: element.line(),
        error: element.error("", ""),
    }))
}

/// Logical and physical size of a sector, as written.
fn block_sizes(element: Element<'_, '_>) -> [Option<String>; 2] {
    let of = |name| element.child("blockio").and_then(|blockio| blockio.attribute(name)).map(str::to_owned);
    ["logical_block_size", "physical_block_size"].map(of)
}

fn does_not_fit(element: Element<'_, '_>, name: &str, bus: &str) -> GuestError {
    let kind = element.child("address").and_then(|address| address.attribute("type")).unwrap_or_default();
    let what = format!("{name}: an address of type '{kind}' for a disk on bus '{bus}' (libvirt refuses that)");
    element.error(what, "take <address> out: libvirt gives the disk one")
}

/// Whether a disk on a bus may have this address (`virDomainDiskAddressDiskBusCompatibility` in libvirt's
/// `src/conf/domain_validate.c`).
fn fits(bus: Bus, address: Option<Address>) -> bool {
    match (bus, address) {
        (_, None) | (Bus::Nvme, _) => true,
        (Bus::Virtio, Some(address)) => {
            matches!(address, Address::Pci { .. } | Address::Ccw { .. } | Address::VirtioMmio)
        }
        (Bus::Usb, Some(address)) => matches!(address, Address::Usb { .. }),
        (Bus::Ide | Bus::Scsi | Bus::Sata | Bus::Fdc, Some(address)) => matches!(address, Address::Drive { .. }),
    }
}

/// What is in it: a path, a device, a volume or a URL.
fn source(element: Element<'_, '_>) -> Option<String> {
    let source = element.child("source")?;
    let plain = ["file", "dev", "dir"].into_iter().find_map(|name| source.attribute(name));
    let plain = plain.filter(|path| !path.is_empty());
    let volume = || Some(format!("{}/{}", source.attribute("pool")?, source.attribute("volume")?));
    let remote = || Some(format!("{}:{}", source.attribute("protocol")?, source.attribute("name").unwrap_or_default()));
    let other = || source.attribute("type").map(|kind| format!("{kind} source"));
    plain.map(str::to_owned).or_else(volume).or_else(remote).or_else(other)
}

/// The number behind a target's letters: `a` is 0, `z` 25, `aa` 26 (`virDiskNameParse`).
fn index_of(name: &str) -> Option<u16> {
    if let Some((controller, namespace)) = namespace_of(name) {
        return u16::try_from(namespace - 1).ok().map(|namespace| u16::from(controller) * 256 + namespace);
    }
    let letters = ["fd", "hd", "vd", "sd", "xvd", "ubd"].into_iter().find_map(|prefix| name.strip_prefix(prefix))?;
    let letters = letters.trim_end_matches(|c: char| c.is_ascii_digit());
    if letters.is_empty() || letters.len() > 3 || !letters.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    Some(letters.bytes().fold(0, |sum, letter| sum * 26 + u16::from(letter - b'a') + 1) - 1)
}

/// Controller, counted from 0, and namespace, counted from 1, of a target such as `nvme0n1`.
pub(super) fn namespace_of(name: &str) -> Option<(u8, u32)> {
    let (controller, namespace) = name.strip_prefix("nvme")?.split_once('n')?;
    let namespace = namespace.parse().ok().filter(|number| (1..=256).contains(number))?;
    Some((controller.parse().ok()?, namespace))
}

fn default_bus(name: &str, kind: Kind) -> &'static str {
    match (kind, name.as_bytes().first()) {
        (Kind::Floppy, _) | (_, Some(b'f')) => "fdc",
        (_, Some(b'h')) => "ide",
        (_, Some(b'v')) => "virtio",
        (_, Some(b'x')) => "xen",
        (_, Some(b's')) => "scsi",
        (_, Some(b'n')) => "nvme",
        _ => "ide",
    }
}

/// Controller and unit of the disk that a target's number stands for (`virDomainDiskDefAssignAddress` in libvirt's
/// `src/conf/domain_conf.c`).
pub(super) fn unit_of_target(bus: Bus, index: u16) -> (u8, u16) {
    let on_each = match bus {
        Bus::Ide => 4,
        Bus::Scsi => SCSI_UNITS,
        Bus::Sata => 6,
        Bus::Fdc => 2,
        Bus::Virtio | Bus::Usb | Bus::Nvme => return (0, index),
    };
    (u8::try_from(index / on_each).unwrap_or(u8::MAX), index % on_each)
}
