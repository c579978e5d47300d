//! Places on a board's own virtio-mmio transports, each of which holds one device.

use super::error::LayoutError;
use crate::machine::board::VirtioMmio;
use crate::machine::{Device, DeviceClass, Nic, NicModel, Place};

/// The transport that a device asks for; `None` for one that is no virtio disk or card there.
pub(super) fn transport(device: &Device) -> Option<u8> {
    let virtio =
        matches!(&device.class, DeviceClass::VirtioBlk | DeviceClass::Nic(Nic { model: NicModel::VirtioNet, .. }));
    match device.place {
        Place::VirtioMmio { transport } if virtio => Some(transport),
        _ => None,
    }
}

/// The bus and the address of a transport that none of the devices has taken whose buses these are.
///
/// # Errors
///
/// [`LayoutError::NoSuchPlace`] beyond the last one, [`LayoutError::PlaceTaken`] where another device sits.
pub(super) fn place<'a>(
    mmio: VirtioMmio,
    transport: u8,
    device: usize,
    mut buses: impl Iterator<Item = &'a String>,
) -> Result<(String, u64), LayoutError> {
    if transport >= mmio.count {
        let (wanted, most) = (transport.into(), u32::from(mmio.count) - 1);
        return Err(LayoutError::NoSuchPlace { device, what: "virtio-mmio transport", wanted, least: 0, most });
    }
    let bus = format!("virtio-mmio-bus.{transport}");
    match buses.position(|taken| *taken == bus) {
        Some(first) => Err(LayoutError::PlaceTaken { device, first, place: bus }),
        None => Ok((bus, mmio.first + u64::from(transport) * mmio.apart)),
    }
}
