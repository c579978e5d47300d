//! The places that a line leaves open, as QEMU chooses them: the first that is free, device after device.

use crate::guest::GuestDevice;
use crate::machine::{DeviceClass, ScsiAdapter};

/// Highest SCSI target that is looked at, as of virtio-scsi.
const LAST_TARGET: u8 = 255;

/// The first of these places that no device has.
fn first(before: &[GuestDevice], mut places: impl Iterator<Item = DeviceClass>) -> Option<DeviceClass> {
    places.find(|place| !before.iter().any(|device| device.device.class == *place))
}

/// A place on the IDE controller: unit 0, then unit 1 of the channel (`ide_qdev_realize` in QEMU's `hw/ide/qdev.c`). A device
/// without a bus goes to the channel that was made last, and where both units have a drive QEMU refuses it.
pub(super) fn ide(before: &[GuestDevice], channel: Option<u8>, unit: Option<u8>) -> DeviceClass {
    let channel = channel.unwrap_or(1);
    let at = |unit| DeviceClass::Ide { channel, unit };
    unit.map(at).or_else(|| first(before, (0..=1).map(at))).unwrap_or(at(1))
}

/// A port of an AHCI controller; a device without a bus goes to the last one, which takes one drive.
pub(super) fn ahci(port: Option<u8>) -> DeviceClass {
    DeviceClass::Ahci { port: port.unwrap_or(5) }
}

/// A floppy drive: this one, or the first without.
pub(super) fn floppy(before: &[GuestDevice], unit: Option<u8>) -> DeviceClass {
    let at = |unit| DeviceClass::Floppy { unit };
    unit.map(at).or_else(|| first(before, (0..=1).map(at))).unwrap_or(at(1))
}

/// Target and LUN of a SCSI device (`scsi_qdev_realize` in QEMU's `hw/scsi/scsi-bus.c`): without a target the first that is free
/// at this LUN, without a LUN the first that is free of this target.
pub(super) fn scsi(
    before: &[GuestDevice],
    (adapter, hba): (Option<ScsiAdapter>, u8),
    (target, lun): (Option<u8>, Option<u16>),
) -> DeviceClass {
    let at = |target, lun| match adapter {
        Some(adapter) => DeviceClass::Scsi { adapter, hba, target, lun },
        None => DeviceClass::VirtioScsi { hba, target, lun },
    };
    let (fixed, unit) = (target.unwrap_or_default(), lun.unwrap_or_default());
    let free = match (target, lun) {
        (Some(_), Some(_)) => None,
        (None, _) => first(before, (0..=LAST_TARGET).map(|target| at(target, unit))),
        (Some(target), None) => first(before, (0..256).map(|lun| at(target, lun))),
    };
    free.unwrap_or_else(|| at(fixed, unit))
}

/// A namespace of an NVMe controller: this one, or the first that no drive has.
pub(super) fn namespace(before: &[GuestDevice], controller: u8, nsid: Option<u32>) -> DeviceClass {
    let at = |nsid| DeviceClass::NvmeNamespace { controller, nsid };
    nsid.map(at).or_else(|| first(before, (1..=256).map(at))).unwrap_or(at(256))
}
