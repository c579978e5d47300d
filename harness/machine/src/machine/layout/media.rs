//! What goes into drives: which kind of image, and of which size.

use bootwright_images::{Content, FatType, MediumKind, Reads};

use super::error::LayoutError;
use crate::machine::{Device, DeviceClass};

/// What kind of image goes into the machine's device with this index; `None` where none does.
///
/// # Errors
///
/// [`LayoutError::NoImage`].
pub(super) fn kind_of(index: usize, device: &Device) -> Result<Option<MediumKind>, LayoutError> {
    if matches!(device.class, DeviceClass::Nic(_)) {
        return Ok(None);
    }
    let logical = device.block_size.map_or(0, |size| size.logical);
    medium_kind(device).map(Some).ok_or(LayoutError::NoImage { device: index, logical })
}

/// What kind of image a device takes; `None` where no image has its sectors.
fn medium_kind(device: &Device) -> Option<MediumKind> {
    let logical = device.block_size.map(|size| size.logical);
    match (&device.class, device.optical, logical) {
        (DeviceClass::Floppy { .. }, _, None | Some(512)) => Some(MediumKind::Floppy),
        (DeviceClass::Floppy { .. }, ..) => None,
        (_, true, None | Some(2048)) => Some(MediumKind::Cdrom),
        (_, true, _) => None,
        (_, false, None | Some(512)) => Some(MediumKind::Disk),
        (_, false, Some(4096)) => Some(MediumKind::Disk4Kn),
        (_, false, _) => None,
    }
}

/// A size that no other disk of the machine has, where its medium leaves that open: firmware logs sizes, so that it helps a
/// reader. Media that say their size may have the same one.
pub(super) fn sectors(index: usize, device: &Device, kind: Option<MediumKind>) -> Option<u64> {
    let medium = device.medium.as_ref()?;
    let disk = matches!(kind, Some(MediumKind::Disk | MediumKind::Disk4Kn));
    if !disk || matches!(medium.content, Content::VendorReboot) {
        return None;
    }
    if medium.sectors.is_some() {
        return medium.sectors;
    }
    let base_mib = match medium.content {
        // a kernel, an initramfs and loaders
        _ if medium.system.is_some() => 128,
        Content::Bootable { fat: FatType::Fat32, .. }
        | Content::Installed { fat: FatType::Fat32, .. }
        | Content::Uninstalled { fat: FatType::Fat32, .. }
        | Content::Isohybrid { fat: FatType::Fat32, .. } => {
            if kind == Some(MediumKind::Disk4Kn) {
                512
            } else {
                64
            }
        }
        _ if kind == Some(MediumKind::Disk4Kn) => 64,
        Content::Distant { reads: Reads::Lba } => 8300,
        Content::Distant { reads: Reads::Lba48 } => 270_500,
        Content::Distant { .. } => 32,
        _ => 16,
    };
    Some((base_mib + index as u64) * 2048)
}
