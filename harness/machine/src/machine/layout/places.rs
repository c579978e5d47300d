//! Places that exist: the ranges of slots, units, targets and ports.

use super::LayoutError;
use crate::machine::{Device, DeviceClass, Place, ScsiAdapter, UsbController};

/// Refuses a device at a place that no machine has.
pub(super) fn check(index: usize, device: &Device) -> Result<(), LayoutError> {
    let within = |what, wanted: u32, least: u32, most: u32| {
        if (least..=most).contains(&wanted) {
            return Ok(());
        }
        Err(LayoutError::NoSuchPlace { device: index, what, wanted, least, most })
    };
    for (slot, function) in functions(device) {
        within("PCI slot", slot.into(), 0, 31)?;
        within("PCI function", function.into(), 0, 7)?;
    }
    let has_adapter = match &device.class {
        DeviceClass::VirtioScsi { lun, .. } => {
            within("LUN", (*lun).into(), 0, 16_383)?;
            true
        }
        DeviceClass::Scsi { adapter, target, lun, .. } => {
            within("SCSI target", (*target).into(), 0, adapter.last_target().into())?;
            within("LUN", (*lun).into(), 0, last_lun(*adapter))?;
            true
        }
        DeviceClass::Ide { channel, unit } => {
            within("IDE channel", (*channel).into(), 0, 1)?;
            within("IDE unit", (*unit).into(), 0, 1)?;
            false
        }
        DeviceClass::Ahci { port } => {
            within("AHCI port", (*port).into(), 0, 5)?;
            true
        }
        DeviceClass::NvmeNamespace { nsid, .. } => {
            within("NVMe namespace", *nsid, 1, 256)?;
            true
        }
        DeviceClass::UsbStorage { controller, port } => {
            within("USB port", (*port).into(), 1, ports(*controller))?;
            true
        }
        DeviceClass::UsbBehindHub { controller, hub, port } => {
            within("USB port", (*hub).into(), 1, ports(*controller))?;
            within("port of a USB hub", (*port).into(), 1, 8)?;
            if *controller == UsbController::Ehci {
                let wanted = "a USB 1.1 hub on EHCI".to_owned();
                return Err(LayoutError::NotOnBoard { device: index, wanted, board: "any board" });
            }
            true
        }
        DeviceClass::Floppy { unit } => {
            within("floppy drive", (*unit).into(), 0, 1)?;
            false
        }
        DeviceClass::VirtioBlk | DeviceClass::Nvme | DeviceClass::Nic(_) => false,
    };
    if !has_adapter && !device.adapter_properties.is_empty() {
        return Err(LayoutError::NoAdapter { device: index });
    }
    Ok(())
}

/// The highest LUN that QEMU gives a target of the adapter.
fn last_lun(adapter: ScsiAdapter) -> u32 {
    match adapter {
        // QEMU refuses another one on it: bad scsi device lun
        ScsiAdapter::Lsi53c895a => 0,
        // `esp_scsi_info` in QEMU's `hw/scsi/esp-pci.c`
        ScsiAdapter::Am53c974 => 7,
        // an address on the hypervisor's bus has five bits for it (`vscsi_device_find` in QEMU's `hw/scsi/spapr_vscsi.c`)
        ScsiAdapter::SpaprVscsi => 31,
        _ => 255,
    }
}

/// Slot and function of the device, and of the port that it asks for.
fn functions(device: &Device) -> impl Iterator<Item = (u8, u8)> {
    let port = match device.place {
        Place::Port { slot, function } => Some((slot, function)),
        _ => None,
    };
    [(device.slot.unwrap_or_default(), device.function)].into_iter().chain(port)
}

/// Root ports of a USB host controller as QEMU makes it.
fn ports(controller: UsbController) -> u32 {
    match controller {
        UsbController::Xhci => 4,
        UsbController::Ehci => 6,
        UsbController::Uhci => 2,
    }
}
