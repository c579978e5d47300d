//! What SeaBIOS makes of the hard disks that it maps, against the machine that has them.

use std::fmt;

use bootwright_images::{Content, PartitionTable};
use serde::Serialize;

use crate::machine::layout::{Layout, Placed};
use crate::machine::{Device, DeviceClass, Machine, Medium};
use crate::trace::Trace;
use crate::trace::drives::{Geometry, MappedDrive, Translation};

/// A hard disk whose geometry is not what follows from the device and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mismapped {
    /// QEMU gives the device another one.
    Physical {
        /// Its size in sectors.
        sectors: u64,
        /// As SeaBIOS logs it.
        seen: Geometry,
        /// As it is.
        wanted: Geometry,
    },
    /// By the physical geometry and the size it is another kind.
    Translation {
        /// Its size in sectors.
        sectors: u64,
        /// As SeaBIOS logs it.
        seen: Translation,
        /// As it is for a disk of that size there.
        wanted: Translation,
    },
    /// That kind of translation gives another one.
    Logical {
        /// Its size in sectors.
        sectors: u64,
        /// As SeaBIOS logs it.
        seen: Geometry,
        /// What it gives.
        wanted: Geometry,
    },
}

impl fmt::Display for Mismapped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let triple = |(cylinders, heads, sectors): &Geometry| format!("{cylinders}/{heads}/{sectors}");
        match self {
            Mismapped::Physical { sectors, seen, wanted } => write!(
                out,
                "SeaBIOS gives a disk of {sectors} sectors the physical geometry {}, and it has {}",
                triple(seen),
                triple(wanted)
            ),
            Mismapped::Translation { sectors, seen, wanted } => write!(
                out,
                "SeaBIOS translates the geometry of a disk of {sectors} sectors by {}, and by {} is right",
                seen.name(),
                wanted.name()
            ),
            Mismapped::Logical { sectors, seen, wanted } => write!(
                out,
                "SeaBIOS gives a disk of {sectors} sectors the logical geometry {}, and {} is right",
                triple(seen),
                triple(wanted)
            ),
        }
    }
}

/// The first mapped drive that differs. A drive of a size that no disk of the machine has, as one that was plugged in later, is passed over.
pub(super) fn difference(machine: &Machine, layout: &Layout, trace: &Trace) -> Option<Mismapped> {
    trace.drives.iter().find_map(|drive| {
        let devices = machine.devices.iter().zip(&layout.devices);
        let differences: Vec<_> = devices.filter_map(|(device, placed)| of_device(device, placed, drive)).collect();
        // where several have that size, it may be any of them
        if differences.contains(&None) { None } else { differences.into_iter().next()? }
    })
}

/// `None` where the drive is not this device.
fn of_device(device: &Device, placed: &Placed, drive: &MappedDrive) -> Option<Option<Mismapped>> {
    let sectors = placed.sectors.filter(|&sectors| sectors as u32 == drive.sectors && device.block_size.is_none())?;
    let medium = device.medium.as_ref()?;
    let physical = drive.physical;
    let wanted = physical_of(&device.class, sectors)?;
    if physical != wanted && is_plain(medium) {
        return Some(Some(Mismapped::Physical { sectors, seen: physical, wanted }));
    }
    let wanted = translations(device, physical, sectors);
    if let (false, Some(&wanted)) = (wanted.contains(&drive.translation), wanted.first()) {
        return Some(Some(Mismapped::Translation { sectors, seen: drive.translation, wanted }));
    }
    let wanted = logical(device, physical, sectors, drive.translation)?;
    Some((drive.logical != wanted).then_some(Mismapped::Logical { sectors, seen: drive.logical, wanted }))
}

/// Whether its partitions, if it has any, end on more than 16 heads, so that QEMU does not make its geometry of them.
fn is_plain(medium: &Medium) -> bool {
    let table = matches!(
        medium.content,
        Content::Blank | Content::Distant { .. } | Content::Bootable { table: PartitionTable::Mbr, .. }
    );
    table && medium.file.is_none() && medium.system.is_none()
}

/// What QEMU gives such a disk (`hd_geometry_guess` in `hw/block/hd-geometry.c`), and what SeaBIOS asks for of that; zero of all where there is
/// none. `None` of what is no hard disk.
fn physical_of(class: &DeviceClass, sectors: u64) -> Option<Geometry> {
    const HEADS: u64 = 16;
    let cylinders = (sectors / (HEADS * 63)).clamp(2, 16383);
    let small = |value: u64| u32::try_from(value).ok();
    match class {
        DeviceClass::Ide { .. } | DeviceClass::Ahci { .. } | DeviceClass::VirtioBlk => {
            Some((small(cylinders)?, 16, 63))
        }
        // `scsi_drive_setup` in SeaBIOS' `src/hw/blockcmd.c`
        DeviceClass::VirtioScsi { .. }
        | DeviceClass::Scsi { .. }
        | DeviceClass::UsbStorage { .. }
        | DeviceClass::UsbBehindHub { .. } => {
            let whole = sectors <= u64::from(u32::MAX) && sectors.is_multiple_of(HEADS * cylinders);
            // kept in 16 bits
            let per_track = small(sectors / (HEADS * cylinders))? & 0xffff;
            Some(if whole { (small(cylinders)?, 16, per_track) } else { (0, 0, 0) })
        }
        DeviceClass::Nvme | DeviceClass::NvmeNamespace { .. } => Some((0, 0, 0)),
        DeviceClass::Floppy { .. } | DeviceClass::Nic(_) => None,
    }
}

/// Which kinds of translation may be (`get_translation` in SeaBIOS' `src/block.c`). QEMU tells that of an IDE disk, which is one thing with
/// partitions and another without.
fn translations(device: &Device, (cylinders, heads, per_track): Geometry, sectors: u64) -> Vec<Translation> {
    if device.logical_geometry.is_some() {
        return vec![Translation::HostSupplied];
    }
    let large = if cylinders * heads <= 131_072 { Translation::Large } else { Translation::Lba };
    let few = cylinders <= 1024 && heads <= 16 && per_track <= 63;
    let product = u64::from(cylinders) * u64::from(heads) * u64::from(per_track);
    if matches!(device.class, DeviceClass::Ide { .. }) {
        return vec![large, if few { Translation::None } else { Translation::Lba }];
    }
    vec![match few {
        _ if product == 0 || product > sectors => Translation::Lba,
        true => Translation::None,
        false => large,
    }]
}

/// What a translation gives (`setup_translation` there).
fn logical(device: &Device, physical: Geometry, sectors: u64, translation: Translation) -> Option<Geometry> {
    let (mut cylinders, mut heads, mut per_track) = physical;
    match translation {
        Translation::None => {}
        Translation::Lba => {
            per_track = 63;
            if sectors > 63 * 255 * 1024 {
                (cylinders, heads) = (1024, 255);
            } else {
                let tracks = u32::try_from(sectors / 63).ok()?;
                let least = tracks / 1024;
                heads = [16, 32, 64, 128].into_iter().find(|&heads| least <= heads).unwrap_or(255);
                cylinders = tracks / heads;
            }
        }
        Translation::Large => {
            while cylinders > 1024 {
                (cylinders, heads) = (cylinders >> 1, heads << 1);
                if heads > 127 {
                    break;
                }
            }
        }
        // QEMU asks for it where a user does, which no machine here does
        Translation::REchs => return None,
        Translation::HostSupplied => (cylinders, heads, per_track) = device.logical_geometry?,
    }
    Some((cylinders.min(1024), heads, per_track))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{DiskClass, Firmware, Medium};

    fn drive(class: DiskClass, sectors: u64, physical: Geometry, by: Translation, logical: Geometry) -> Option<String> {
        let medium = Medium { sectors: Some(sectors), ..Medium::bootable("only") };
        let machine = Machine::pc(Firmware::SeaBios).drive(class, 0, medium);
        let layout = Layout::of(&machine).expect("a machine that can be had");
        let drive = MappedDrive { physical, translation: by, logical, sectors: sectors as u32 };
        let trace = Trace { drives: vec![drive], ..Trace::default() };
        difference(&machine, &layout, &trace).map(|mismapped| mismapped.to_string())
    }

    #[test]
    fn what_follows_from_device_and_size_is_right() {
        use Translation::{Large, Lba, None};
        const MIB_600: u64 = 600 * 2048;
        for (class, sectors, physical, by, logical) in [
            (DiskClass::VirtioBlk, 32_768, (32, 16, 63), None, (32, 16, 63)),
            (DiskClass::Ahci, MIB_600, (1219, 16, 63), Large, (609, 32, 63)),
            (DiskClass::VirtioBlk, 20_971_520, (16_383, 16, 63), Lba, (1024, 255, 63)),
            (DiskClass::Ide, 32_768, (32, 16, 63), Large, (32, 16, 63)),
            (DiskClass::Ide, 32_768, (32, 16, 63), None, (32, 16, 63)),
            (DiskClass::VirtioScsi, 32_768, (32, 16, 64), Large, (32, 16, 64)),
            (DiskClass::VirtioScsi, MIB_600, (0, 0, 0), Lba, (609, 32, 63)),
            (DiskClass::Nvme, MIB_600, (0, 0, 0), Lba, (609, 32, 63)),
            (DiskClass::Nvme, 32_768, (0, 0, 0), Lba, (32, 16, 63)),
        ] {
            assert_eq!(drive(class, sectors, physical, by, logical), Option::None, "{class:?} {sectors}");
        }
    }

    #[test]
    fn each_thing_that_differs_is_found() {
        use Translation::{Large, Lba, None};
        let of = |physical, by, logical| drive(DiskClass::Ahci, 1_228_800, physical, by, logical).unwrap_or_default();
        let said = "SeaBIOS gives a disk of 1228800 sectors the";
        assert_eq!(
            of((1218, 16, 63), Large, (609, 32, 63)),
            format!("{said} physical geometry 1218/16/63, and it has 1219/16/63")
        );
        let said_by = "SeaBIOS translates the geometry of a disk of 1228800 sectors by";
        assert_eq!(of((1219, 16, 63), None, (1024, 16, 63)), format!("{said_by} none, and by large is right"));
        assert_eq!(of((1219, 16, 63), Lba, (609, 32, 63)), format!("{said_by} lba, and by large is right"));
        assert_eq!(
            of((1219, 16, 63), Large, (1024, 16, 63)),
            format!("{said} logical geometry 1024/16/63, and 609/32/63 is right")
        );
    }

    #[test]
    fn the_geometry_that_a_user_asks_for_is_that_of_its_disk() {
        let machine =
            Machine::pc(Firmware::SeaBios).virtio_blk(Medium { sectors: Some(32_768), ..Medium::blank("only") });
        let machine = machine.logical_geometry(65, 16, 32);
        let layout = Layout::of(&machine).expect("a machine that can be had");
        let told = |translation, logical| {
            let drive = MappedDrive { physical: (32, 16, 63), translation, logical, sectors: 32_768 };
            difference(&machine, &layout, &Trace { drives: vec![drive], ..Trace::default() })
        };
        assert_eq!(told(Translation::HostSupplied, (65, 16, 32)), None);
        assert!(matches!(told(Translation::HostSupplied, (64, 16, 32)), Some(Mismapped::Logical { .. })));
        assert!(matches!(told(Translation::None, (32, 16, 63)), Some(Mismapped::Translation { .. })));
    }

    #[test]
    fn a_drive_of_another_size_than_any_disk_has_is_passed_over() {
        let machine =
            Machine::pc(Firmware::SeaBios).virtio_blk(Medium { sectors: Some(32_768), ..Medium::blank("only") });
        let layout = Layout::of(&machine).expect("a machine that can be had");
        let drive = MappedDrive { physical: (1, 1, 1), translation: Translation::None, logical: (1, 1, 1), sectors: 1 };
        assert_eq!(difference(&machine, &layout, &Trace { drives: vec![drive], ..Trace::default() }), None);
    }
}
