//! Disks and interfaces of a domain as devices of a machine.

use super::super::boards::{is_ccw, lacks};
use super::super::loadparm;
use super::super::plain::plain_device;
use super::super::sectors;
use super::super::usb_spot::Spot;
use super::super::{GuestDevice, GuestError};
use super::address::Address;
use super::controller::{Kind as ControllerKind, PciModel, ScsiModel};
use super::disk::{Bus, Disk, Kind, namespace_of, unit_of_target};
use super::domain::Domain;
use super::interface::Interface;
use super::pci::{Owner, Places, number_of_scsi};
use crate::machine::{Board, DeviceClass, Nic, NicModel, Place, ScsiAdapter};

/// A disk as a device.
///
/// # Errors
///
/// [`GuestError`] where libvirt or this machine has no such controller.
pub(super) fn of_disk(
    disk: &Disk,
    bootindex: Option<i64>,
    domain: &Domain,
    places: &Places,
    board: Option<Board>,
) -> Result<GuestDevice, GuestError> {
    let (class, owner, kind) = class(disk, domain, board)?;
    // on USB a CD drive that is not a usb-bot is a hard disk to firmware, since nothing in a block node says otherwise
    let optical = disk.kind == Kind::Cdrom && disk.bus != Bus::Usb;
    let mut device = plain_device(class, optical, bootindex);
    if let Some((place, slot, function)) = places.of_owner(&owner) {
        (device.place, device.slot, device.function) = (place, slot, function);
    }
    if is_ccw(board) {
        device.place = if matches!(disk.address, Some(Address::Pci { .. })) { Place::Zpci } else { Place::Root };
        if let Some(text) = &disk.loadparm {
            loadparm::give(&mut device, text);
        }
    }
    if disk.kind == Kind::Disk {
        let [logical, physical] = disk.block_sizes.each_ref().map(|size| size.as_deref());
        device.block_size = sectors::of(&device.class, logical, physical)
            .map_err(|what| refusal(disk, &what, "take <blockio> out, or give it logical_block_size='512'"))?;
        let of_the_host = disk.source.as_deref().is_some_and(|source| source.starts_with("/dev/"));
        if sectors::exceed(logical, physical) && !(physical.is_none() && of_the_host) {
            let what = "logical_block_size is larger than physical_block_size, which is 512 where it is not given (QEMU refuses that)";
            return Err(refusal(disk, what, "give physical_block_size the same"));
        }
    }
    let word = match disk.bus {
        _ if optical => " CD",
        Bus::Fdc | Bus::Virtio => "",
        _ => " disk",
    };
    let (name, line, source) = (disk.name.clone(), disk.line, disk.source.clone());
    let kind = kind + word + &sectors::words(device.block_size);
    Ok(GuestDevice { name, line, device, kind, source, network: None, own_rom: false })
}

/// Class, whose PCI function it is behind, and what it is in words.
fn class(disk: &Disk, domain: &Domain, board: Option<Board>) -> Result<(DeviceClass, Owner, String), GuestError> {
    let unit = match disk.address {
        Some(Address::Drive { bus, unit, .. }) if disk.bus != Bus::Scsi => {
            let unit = u8::try_from(unit)
                .map_err(|_| refusal(disk, &format!("no unit {unit} is on its bus"), "give a lower unit"))?;
            Some((bus, unit))
        }
        _ => None,
    };
    let index = disk.index;
    Ok(match disk.bus {
        Bus::Virtio => (DeviceClass::VirtioBlk, Owner::Disk(disk.name.clone()), "virtio disk".to_owned()),
        Bus::Ide if board.is_some_and(|board| board.facts().ide.is_none()) => {
            let what = "IDE controllers are unsupported for this machine type (libvirt)";
            let fix = if board == Some(Board::Q35) { "use bus='sata' on q35" } else { "use bus='virtio' or 'scsi'" };
            return Err(refusal(disk, what, fix));
        }
        Bus::Ide if disk.controller() > 0 => {
            let what = "only a single IDE controller is supported for this machine type (libvirt)";
            return Err(refusal(disk, what, "put it on controller 0, or on another bus"));
        }
        Bus::Ide => {
            let (channel, unit) = unit.unwrap_or(((index % 4 / 2) as u8, (index % 2) as u8));
            (DeviceClass::Ide { channel, unit }, Owner::None, "IDE".to_owned())
        }
        Bus::Sata => {
            let port = unit.map_or((index % 6) as u8, |(_, unit)| unit);
            (DeviceClass::Ahci { port }, Owner::Sata, "SATA".to_owned())
        }
        Bus::Scsi => scsi_class(disk, domain, board)?,
        Bus::Usb => {
            let (spot, index) = domain.usb_spot(disk, board);
            let (class, controller, hub) = match spot {
                Spot::Root { controller, port } => (DeviceClass::UsbStorage { controller, port }, controller, ""),
                Spot::Hub { controller, hub, port } => {
                    (DeviceClass::UsbBehindHub { controller, hub, port }, controller, ", behind a hub")
                }
                Spot::Elsewhere(what) => return Err(refusal(disk, &what, "put it at a port of qemu-xhci")),
            };
            (class, Owner::Usb(index), format!("USB ({}{hub})", controller.word()))
        }
        Bus::Nvme => {
            let (controller, nsid) = namespace_of(&disk.name).unwrap_or((0, 1));
            (DeviceClass::NvmeNamespace { controller, nsid }, Owner::Nvme(controller), "NVMe".to_owned())
        }
        Bus::Fdc => {
            let unit = unit.map_or((index % 2) as u8, |(_, unit)| unit);
            (DeviceClass::Floppy { unit }, Owner::None, "floppy".to_owned())
        }
    })
}

/// What a disk is in words, where it hangs off what cannot be had here.
pub(super) fn elsewhere(disk: &Disk, domain: &Domain, board: Option<Board>) -> Option<String> {
    let on_adapter = |model| format!("a drive on {model}, a SCSI adapter that is not known here");
    match disk.bus {
        bus if is_ccw(board) && !matches!(bus, Bus::Virtio | Bus::Scsi | Bus::Ide) => {
            Some("a disk on a bus from which s390-ccw does not boot".to_owned())
        }
        Bus::Virtio if disk.address == Some(Address::VirtioMmio) => {
            Some("virtio-blk-device, on a transport of the board's that QEMU chooses".to_owned())
        }
        Bus::Sata if disk.controller() > 0 => Some("a disk on a further SATA controller".to_owned()),
        Bus::Usb => match domain.usb_spot(disk, board) {
            (Spot::Elsewhere(what), _) => Some(what),
            _ => None,
        },
        Bus::Scsi => {
            let known = || scsi_class(disk, domain, board).ok().and_then(|(class, ..)| lacks(board, &class));
            unknown_adapter(disk, domain, board).map(on_adapter).or_else(known)
        }
        _ => None,
    }
}

/// The model of the SCSI adapter that a disk is on, where it is one that cannot be had here.
fn unknown_adapter(disk: &Disk, domain: &Domain, board: Option<Board>) -> Option<String> {
    let (hba, ..) = disk.scsi_place();
    if disk.bus != Bus::Scsi || domain.scsi(hba, board) != ScsiModel::Unknown {
        return None;
    }
    let is_it = |kind| matches!(kind, ControllerKind::Scsi(ScsiModel::Unknown));
    let controller = domain.controllers.iter().find(|controller| controller.index == hba && is_it(controller.kind));
    Some(controller.and_then(|controller| controller.model.clone()).unwrap_or_default())
}

fn scsi_class(disk: &Disk, domain: &Domain, board: Option<Board>) -> Result<(DeviceClass, Owner, String), GuestError> {
    let (index, target, lun) = disk.scsi_place();
    let hba = number_of_scsi(domain, index, board);
    let (class, kind) = match domain.scsi(index, board) {
        ScsiModel::Virtio => (DeviceClass::VirtioScsi { hba, target, lun }, "virtio-scsi".to_owned()),
        // libvirt makes the unit the target there
        ScsiModel::Other(adapter @ (ScsiAdapter::Am53c974 | ScsiAdapter::Lsi53c895a)) => {
            let target = u8::try_from(lun).unwrap_or(u8::MAX);
            let kind = if adapter == ScsiAdapter::Lsi53c895a { "LSI 53c895a" } else { "AMD 53c974" };
            (DeviceClass::Scsi { adapter, hba, target, lun: 0 }, format!("SCSI ({kind})"))
        }
        ScsiModel::Other(adapter) => {
            (DeviceClass::Scsi { adapter, hba, target, lun }, format!("SCSI ({})", adapter.device()))
        }
        ScsiModel::Unknown => {
            return Err(refusal(disk, "its SCSI controller's model cannot be had here", "use model='virtio-scsi'"));
        }
    };
    Ok((class, Owner::Scsi(index), kind))
}

fn refusal(disk: &Disk, what: &str, fix: &str) -> GuestError {
    GuestError { what: format!("{}: {what}", disk.name), fix: fix.to_owned(), ..disk.error.clone() }
}

/// The card, where its model is known; `index` is its place among the interfaces, `number` counts those that are known.
pub(super) fn of_interface(
    interface: &Interface,
    index: usize,
    number: usize,
    bootindex: Option<i64>,
    places: &Places,
) -> Option<GuestDevice> {
    let model = interface.model.clone()?;
    let kind = format!("{} NIC", model.name().trim_end_matches("-pci"));
    let is_ccw = model == NicModel::VirtioNetCcw;
    let nic = Nic { model, rom: interface.rom.clone(), lan: None };
    let mut device = plain_device(DeviceClass::Nic(nic), false, bootindex);
    if let Some(text) = interface.loadparm.as_ref().filter(|_| is_ccw) {
        loadparm::give(&mut device, text);
    }
    if let Some((place, slot, function)) = places.of_owner(&Owner::Nic(index)) {
        (device.place, device.slot, device.function) = (place, slot, function);
    }
    let (name, line, network) = (format!("nic{number}"), interface.line, Some(interface.plug.clone()));
    Some(GuestDevice { name, line, device, kind, source: None, network, own_rom: interface.own_rom })
}

/// What libvirt calls a disk (`qemuAssignDeviceDiskAlias` in its `src/qemu/qemu_alias.c`), where the XML does not say.
pub(super) fn alias_of_disk(disk: &Disk) -> String {
    if let Some(alias) = &disk.alias {
        return alias.clone();
    }
    let word = match disk.bus {
        Bus::Virtio => return format!("virtio-disk{}", disk.index),
        Bus::Usb => return format!("usb-disk{}", disk.index),
        Bus::Nvme => return format!("nvme-disk{}", disk.index),
        Bus::Ide => "ide",
        Bus::Scsi => "scsi",
        Bus::Sata => "sata",
        Bus::Fdc => "fdc",
    };
    let (controller, bus, target, unit) = match disk.address {
        Some(Address::Drive { controller, bus, target, unit }) => (controller, bus, target, unit),
        _ if disk.bus == Bus::Ide => (0, (disk.index % 4 / 2) as u8, 0, disk.index % 2),
        _ => {
            let (controller, unit) = unit_of_target(disk.bus, disk.index);
            (controller, 0, 0, unit)
        }
    };
    if disk.bus == Bus::Scsi {
        return format!("{word}{controller}-{bus}-{target}-{unit}");
    }
    format!("{word}{controller}-{bus}-{unit}")
}

/// The PCI controller that a device is behind, where it is one that cannot be had here.
pub(super) fn replaced_bridge(address: Option<Address>, domain: &Domain) -> Option<String> {
    let Some(Address::Pci { bus, function, .. }) = address else { return None };
    let controller = domain.controllers.iter().find(|controller| controller.is_pci() && controller.index == bus)?;
    match controller.kind {
        ControllerKind::Pci(PciModel::RootPort) if function > 0 => {
            Some(format!("function {function} of the port with index {bus}"))
        }
        ControllerKind::Pci(PciModel::RootPort) => match controller.address {
            Some(Address::Pci { bus: above, .. }) if above > 0 => Some("a port that is not on the root bus".to_owned()),
            _ => None,
        },
        ControllerKind::Pci(
            PciModel::Root
            | PciModel::ExpressRoot
            | PciModel::Bridge
            | PciModel::ExpressToPciBridge
            | PciModel::DmiToPciBridge,
        ) => None,
        _ => Some(controller.model.clone().unwrap_or_else(|| "a PCI controller".to_owned())),
    }
}
