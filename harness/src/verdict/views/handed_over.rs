//! What a BIOS hands to the program that it boots beside the order: the number of its drive, that drive's geometry, and what it
//! says of a drive that it emulates.

use std::fmt;

use bootwright_images::Emulation;
use serde::Serialize;

use super::{emulated, mapped};
use crate::machine::layout::{Layout, Placed};
use crate::machine::{Device, DeviceClass, Machine};
use crate::trace::drives::Geometry;
use crate::trace::{Attempt, Kind, Payload, Start, Trace};

/// SeaBIOS' number of the first hard disk (`do_boot` in its `src/boot.c`).
const FIRST_HARD_DISK: u8 = 0x80;
/// SeaBIOS' number of the first optical drive (`EXTSTART_CD` in its `src/block.h`).
const FIRST_OPTICAL: u8 = 0xe0;

/// What the program was told, where it differs from what holds of the drive that it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mistold {
    /// DL is the number of another drive.
    Drive {
        /// As the program read it.
        seen: u8,
        /// The drive that the firmware said it boots.
        tried: u8,
    },
    /// It was entered in another segment than 0 (`boot_disk` and `boot_cdrom` make every entry 0000:7c00 in its `src/boot.c`).
    Segment {
        /// As the program read CS.
        seen: u16,
    },
    /// int 13h AH=08h answers otherwise than the machine's logical geometry asks for: cylinders, heads, sectors per track.
    Geometry {
        /// As the program read it.
        seen: (u32, u32, u32),
        /// As it was asked for.
        asked: (u32, u32, u32),
    },
    /// int 13h AH=08h tells another geometry than SeaBIOS logged when it mapped the drive, or than a floppy has.
    OtherGeometry {
        /// As the program read it.
        seen: Option<Geometry>,
        /// As it follows from the log, or from the medium.
        wanted: Geometry,
    },
    /// int 13h AH=08h tells another number of drives.
    Count {
        /// As the program read it.
        seen: u8,
        /// How many there are of that kind.
        wanted: usize,
    },
    /// A hard disk has another geometry than follows from the device.
    Mapped(mapped::Mismapped),
    /// int 13h AH=48h tells another size than the drive has.
    Size {
        /// As the program read it.
        seen: Size,
        /// As it is.
        wanted: Size,
    },
    /// int 13h says of the drive that a boot catalogue has it emulate what that catalogue does not.
    Emulated(emulated::MistoldEmulation),
}

/// The size of a drive: its sectors, and the bytes of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// How many; all ones for a drive whose medium may change (EDD 3.0 section 8.1).
    pub sectors: u64,
    /// Bytes of each.
    pub bytes: u16,
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Size { sectors: 0, bytes: 0 } => out.write_str("no size"),
            Size { sectors: u64::MAX, bytes } => write!(out, "a medium of any length in sectors of {bytes} bytes"),
            Size { sectors, bytes } => write!(out, "{sectors} sectors of {bytes} bytes"),
        }
    }
}

impl fmt::Display for Mistold {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistold::Drive { seen, tried } => {
                write!(
                    out,
                    "the program was told that it came from drive 0x{seen:02x}, and the firmware tried 0x{tried:02x}"
                )
            }
            Mistold::Segment { seen } => {
                write!(
                    out,
                    "the program was entered in segment 0x{seen:04x}, and SeaBIOS enters every one at 0000:7c00"
                )
            }
            Mistold::Geometry { seen: (cylinders, heads, sectors), asked } => write!(
                out,
                "int 13h tells the program a geometry of {cylinders}/{heads}/{sectors}, and {}/{}/{} was asked for",
                asked.0, asked.1, asked.2
            ),
            Mistold::OtherGeometry { seen, wanted } => {
                let triple = |(cylinders, heads, sectors): Geometry| format!("{cylinders}/{heads}/{sectors}");
                let seen = seen.map_or("no geometry".to_owned(), |seen| format!("the geometry {}", triple(seen)));
                write!(out, "int 13h tells the program {seen} of its drive, and {} is right", triple(*wanted))
            }
            Mistold::Count { seen, wanted } => {
                write!(
                    out,
                    "int 13h tells the program of {seen} drives of the kind that it came from, and there are {wanted}"
                )
            }
            Mistold::Mapped(mismapped) => mismapped.fmt(out),
            Mistold::Size { seen, wanted } => {
                write!(out, "int 13h tells the program {seen} of its drive, and it has {wanted}")
            }
            Mistold::Emulated(mistold) => mistold.fmt(out),
        }
    }
}

/// Of the program that ran last and that SeaBIOS booted itself, and of the hard disks that it mapped.
pub(super) fn mistold(machine: &Machine, layout: &Layout, trace: &Trace) -> Option<Mistold> {
    told(machine, layout, trace).or_else(|| mapped::difference(machine, layout, trace).map(Mistold::Mapped))
}

fn told(machine: &Machine, layout: &Layout, trace: &Trace) -> Option<Mistold> {
    let payload = trace.payloads.last().filter(|payload| payload.via == "bios")?;
    let medium = payload.medium_of_nonce.as_deref()?;
    let (last, before) = trace.attempts.split_last()?;
    let by_itself = last.start == Start::Announced && last.nic.is_none() && last.medium.as_deref() == Some(medium);
    if machine.firmware.is_uefi() || !by_itself {
        return None;
    }
    // what was plugged while the machine ran is no device of it
    let index = machine.device_with_medium(medium);
    let device = index.map(|index| &machine.devices[index]);
    let emulation = device.and_then(|device| device.medium.as_ref()?.emulation());
    let number = emulation.map(Emulation::drive).or_else(|| number(last, before));
    let drive = payload.dl.zip(number).filter(|(seen, tried)| seen != tried);
    let segment = payload.cs.filter(|&seen| seen != 0).map(|seen| Mistold::Segment { seen });
    let drive = drive.map(|(seen, tried)| Mistold::Drive { seen, tried }).or(segment);
    let size = || {
        let (sectors, bytes) = payload.edd.filter(|_| emulation.is_none())?;
        let (seen, wanted) = (Size { sectors, bytes }, size(last, device?, layout.devices.get(index?)?)?);
        (seen != wanted).then_some(Mistold::Size { seen, wanted })
    };
    let drive = drive.or_else(size);
    let drive = drive.or_else(|| emulated::difference(emulation?, payload).map(Mistold::Emulated));
    let mistold = drive.or_else(|| {
        let geometry = device?.logical_geometry;
        let listed = payload.bios_geometry.as_ref().is_some_and(|file| !file.is_empty());
        let (cylinders, heads, sectors) = geometry.filter(|_| listed)?;
        // int 13h counts cylinders in ten bits, and SeaBIOS keeps the last one (`disk_1308` in its `src/disk.c`)
        let (seen, asked) = (payload.geometry?, (cylinders.min(1024).saturating_sub(1), heads, sectors));
        (seen != asked).then_some(Mistold::Geometry { seen, asked })
    });
    mistold.or_else(|| {
        let seen = payload.drives?;
        let wanted = count(machine, trace, last, payload)?;
        let differs = usize::from(seen) != wanted;
        let of_count = differs.then_some(Mistold::Count { seen, wanted });
        of_count.or_else(|| other_geometry(last, payload, emulation, trace))
    })
}

/// The geometry of a drive that is not emulated: that of a hard disk is in the log.
fn other_geometry(last: &Attempt, payload: &Payload, emulation: Option<Emulation>, trace: &Trace) -> Option<Mistold> {
    let wanted = match last.bios_kind().filter(|_| emulation.is_none())? {
        Kind::Disk => {
            let (cylinders, heads, sectors) = trace.drives.first()?.logical;
            // the last cylinder is kept, and ten, eight and six bits are told (`disk_1308` in SeaBIOS' `src/disk.c`)
            ((cylinders.wrapping_sub(2) & 0x3ff) + 1, (heads.wrapping_sub(1) & 0xff) + 1, sectors & 0x3f)
        }
        Kind::Floppy => Emulation::Floppy144.geometry(),
        Kind::Optical | Kind::Rom => return None,
    };
    (payload.geometry != Some(wanted)).then_some(Mistold::OtherGeometry { seen: payload.geometry, wanted })
}

/// How many drives int 13h must tell of (`disk_1308` in SeaBIOS' `src/disk.c`); `None` where the log lacks a drive that the machine has and
/// the program was told of. An emulated hard disk counts twice, since `cdrom_boot` in `src/cdrom.c` has counted it, too.
fn count(machine: &Machine, trace: &Trace, last: &Attempt, payload: &Payload) -> Option<usize> {
    let number_of = |is_one: fn(&Device) -> bool| machine.devices.iter().filter(|&device| is_one(device)).count();
    let floppies = number_of(|device| matches!(device.class, DeviceClass::Floppy { .. }));
    let disks = number_of(|device| !matches!(device.class, DeviceClass::Floppy { .. } | DeviceClass::Nic(_)));
    let (seen, mapped) = (usize::from(payload.drives?), trace.drives.len());
    match (last.bios_kind()?, payload.dl?) {
        (Kind::Disk, _) if mapped < seen && seen <= disks => None,
        (Kind::Disk, _) => Some(mapped),
        (Kind::Floppy, _) => Some(floppies),
        (Kind::Optical, FIRST_HARD_DISK..FIRST_OPTICAL) => Some(mapped + 2),
        (Kind::Optical, ..FIRST_HARD_DISK) => Some((floppies + 1).min(2)),
        _ => None,
    }
}

/// The number of the drive that an attempt is on: hard disks and floppies are tried by their first only, and optical drives
/// are tried in the order of their numbers (`bcv_prepboot`).
fn number(attempt: &Attempt, before: &[Attempt]) -> Option<u8> {
    match attempt.bios_kind()? {
        Kind::Floppy => Some(0),
        Kind::Disk => Some(FIRST_HARD_DISK),
        Kind::Optical => {
            let optical = |other: &&Attempt| other.lap == attempt.lap && other.bios_kind() == Some(Kind::Optical);
            FIRST_OPTICAL.checked_add(u8::try_from(before.iter().filter(optical).count()).ok()?)
        }
        Kind::Rom => None,
    }
}

/// What int 13h must say of the size of the drive that was tried (`fill_generic_edd` in SeaBIOS' `src/block.c`); `None` of a floppy, which
/// has no such function, and where nobody says how long the medium is.
fn size(attempt: &Attempt, device: &Device, placed: &Placed) -> Option<Size> {
    match attempt.bios_kind()? {
        Kind::Disk => {
            let bytes = device.block_size.map_or(512, |size| size.logical);
            let sectors = placed.sectors? * 512 / u64::from(bytes);
            Some(Size { sectors, bytes: u16::try_from(bytes).ok()? })
        }
        Kind::Optical => Some(Size { sectors: u64::MAX, bytes: 2048 }),
        Kind::Floppy | Kind::Rom => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{DiskClass, Firmware, Medium};
    use crate::trace::drives::{MappedDrive, Translation};
    use crate::trace::{Outcome, Payload};

    const LISTED: &[u8] = b"/pci@i0cf8/scsi@3/disk@0,0 65 16 32\0";

    /// Attempts on these in turn; the last one ran `only` with this DL.
    fn trace(targets: &[&str], dl: u8) -> Trace {
        let mut attempts: Vec<Attempt> = targets.iter().map(|target| Attempt::on(target)).collect();
        if let Some(last) = attempts.last_mut() {
            (last.medium, last.outcome) = (Some("only".to_owned()), Some(Outcome::Booted));
        }
        let payload = Payload {
            medium_of_nonce: Some("only".to_owned()),
            via: "bios".to_owned(),
            dl: Some(dl),
            geometry: Some((64, 16, 32)),
            bios_geometry: Some(LISTED.to_vec()),
            ..Payload::default()
        };
        Trace { attempts, payloads: vec![payload], ..Trace::default() }
    }

    fn told_of(machine: &Machine, trace: &Trace) -> Option<Mistold> {
        let layout = Layout::of(machine).expect("a machine that can be had");
        mistold(machine, &layout, trace)
    }

    fn disk() -> Machine {
        Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("only"))
    }

    #[test]
    fn the_program_of_another_drive_than_the_one_that_was_tried_is_found() {
        let told = |targets: &[&str], dl| told_of(&disk(), &trace(targets, dl)).map(|mistold| mistold.to_string());
        for (targets, dl) in [
            (vec!["Hard Disk"], 0x80),
            (vec!["Floppy"], 0),
            (vec!["DVD/CD"], 0xe0),
            (vec!["DVD/CD", "Hard Disk", "DVD/CD"], 0xe1),
        ] {
            assert_eq!(told(&targets, dl), None, "{targets:?}");
            let wrong = told(&targets, dl ^ 2).unwrap_or_default();
            assert!(wrong.ends_with(&format!("and the firmware tried 0x{dl:02x}")), "{wrong}");
        }
        let same = told(&["DVD/CD", "DVD/CD"], 0xe0);
        let said = "the program was told that it came from drive 0xe0, and the firmware tried 0xe1";
        assert_eq!(same.as_deref(), Some(said));
    }

    #[test]
    fn another_segment_than_0_is_found() {
        let entered = |cs| {
            let mut trace = trace(&["Hard Disk"], 0x80);
            trace.payloads[0].cs = cs;
            told_of(&disk(), &trace).map(|mistold| mistold.to_string())
        };
        assert_eq!([entered(None), entered(Some(0))], [None, None]);
        let said = "the program was entered in segment 0x07c0, and SeaBIOS enters every one at 0000:7c00";
        assert_eq!(entered(Some(0x07c0)).as_deref(), Some(said));
    }

    #[test]
    fn another_number_of_drives_or_geometry_than_the_log_has_is_found() {
        let told = |logical: Geometry, geometry, drives| {
            let mut trace = trace(&["Hard Disk"], 0x80);
            let drive =
                |sectors| MappedDrive { physical: (32, 16, 63), translation: Translation::None, logical, sectors };
            trace.drives = vec![drive(1), drive(2)];
            (trace.payloads[0].geometry, trace.payloads[0].drives) = (geometry, Some(drives));
            told_of(&disk(), &trace).map(|mistold| mistold.to_string())
        };
        assert_eq!(told((32, 16, 63), Some((31, 16, 63)), 2), None);
        assert_eq!(told((32, 16, 64), Some((31, 16, 0)), 2), None, "six bits");
        assert_eq!(told((1024, 256, 63), Some((1023, 256, 63)), 2), None);
        let said = "int 13h tells the program of 3 drives of the kind that it came from, and there are 2";
        assert_eq!(told((32, 16, 63), Some((31, 16, 63)), 3).as_deref(), Some(said));
        let said = "int 13h tells the program the geometry 31/8/63 of its drive, and 31/16/63 is right";
        assert_eq!(told((32, 16, 63), Some((31, 8, 63)), 2).as_deref(), Some(said));
        let said = "int 13h tells the program no geometry of its drive, and 31/16/63 is right";
        assert_eq!(told((32, 16, 63), None, 2).as_deref(), Some(said));
    }

    #[test]
    fn where_the_log_lacks_a_drive_that_the_program_was_told_of_nothing_is_said() {
        let mut trace = trace(&["Hard Disk"], 0x80);
        trace.payloads[0].drives = Some(2);
        let machine = disk().virtio_blk(Medium::blank("other"));
        assert_eq!(told_of(&machine, &trace), None);
        assert!(matches!(told_of(&disk(), &trace), Some(Mistold::Count { seen: 2, wanted: 0 })));
    }

    #[test]
    fn of_a_floppy_geometry_and_number_are_those_of_the_machine() {
        let machine = Machine::pc(Firmware::SeaBios).floppy(Medium::bootable("only"));
        let told = |geometry, drives| {
            let mut trace = trace(&["Floppy"], 0);
            (trace.payloads[0].geometry, trace.payloads[0].drives) = (Some(geometry), Some(drives));
            told_of(&machine, &trace).map(|mistold| mistold.to_string())
        };
        assert_eq!(told((80, 2, 18), 1), None);
        assert!(
            told((80, 2, 18), 2)
                .is_some_and(|said| said.ends_with("of 2 drives of the kind that it came from, and there are 1"))
        );
        assert!(told((80, 2, 36), 1).is_some_and(|said| said.ends_with("80/2/36 of its drive, and 80/2/18 is right")));
    }

    #[test]
    fn drives_of_an_earlier_lap_do_not_count() {
        let mut trace = trace(&["DVD/CD", "DVD/CD"], 0xe0);
        trace.attempts[1].lap = 2;
        assert_eq!(told_of(&disk(), &trace), None);
    }

    #[test]
    fn a_geometry_that_int_13h_does_not_tell_is_found_where_the_guest_read_that_it_was_asked_for() {
        let asked = |cylinders, heads, sectors, listed: &[u8]| {
            let mut trace = trace(&["Hard Disk"], 0x80);
            trace.payloads[0].bios_geometry = Some(listed.to_vec());
            told_of(&disk().logical_geometry(cylinders, heads, sectors), &trace).map(|mistold| mistold.to_string())
        };
        assert_eq!(asked(65, 16, 32, LISTED), None);
        let swapped = asked(65, 32, 16, LISTED);
        let said = "int 13h tells the program a geometry of 64/16/32, and 64/32/16 was asked for";
        assert_eq!(swapped.as_deref(), Some(said));
        assert_eq!(asked(65, 32, 16, b""), None, "a list that is stale is told by itself");
    }

    #[test]
    fn another_size_than_the_drive_has_is_found() {
        let told = |machine: &Machine, target: &str, edd| {
            let trace = Trace {
                payloads: vec![Payload {
                    geometry: None,
                    edd,
                    ..trace(&[target], number_of(target)).payloads.remove(0)
                }],
                ..trace(&[target], 0)
            };
            told_of(machine, &trace).map(|mistold| mistold.to_string())
        };
        let (disk, size) = (disk(), 16 * 2048);
        assert_eq!(told(&disk, "Hard Disk", None), None, "a program that does not say");
        assert_eq!(told(&disk, "Hard Disk", Some((size, 512))), None);
        let one_less = told(&disk, "Hard Disk", Some((size - 1, 512)));
        let said =
            "int 13h tells the program 32767 sectors of 512 bytes of its drive, and it has 32768 sectors of 512 bytes";
        assert_eq!(one_less.as_deref(), Some(said));
        let none = told(&disk, "Hard Disk", Some((0, 0))).unwrap_or_default();
        assert!(none.starts_with("int 13h tells the program no size of its drive"), "{none}");
        let large = Machine::pc(Firmware::SeaBios).nvme(Medium::bootable("only")).block_size(4096);
        let sectors = 64 * 2048 / 8;
        assert_eq!(told(&large, "Hard Disk", Some((sectors, 4096))), None);
        assert!(told(&large, "Hard Disk", Some((sectors * 8, 512))).is_some());
        let optical = Machine::pc(Firmware::SeaBios).drive(DiskClass::IdeCd, 0, Medium::bootable("only"));
        assert_eq!(told(&optical, "DVD/CD", Some((u64::MAX, 2048))), None);
        assert!(told(&optical, "DVD/CD", Some((u64::MAX, 512))).is_some());
        let floppy = Machine::pc(Firmware::SeaBios).floppy(Medium::bootable("only"));
        assert_eq!(told(&floppy, "Floppy", Some((0, 0))), None);
    }

    fn number_of(target: &str) -> u8 {
        match target {
            "DVD/CD" => FIRST_OPTICAL,
            "Floppy" => 0,
            _ => FIRST_HARD_DISK,
        }
    }

    #[test]
    fn a_drive_that_is_emulated_has_the_number_of_what_it_is_emulated_as() {
        for (emulation, dl) in [(Emulation::Floppy144, 0), (Emulation::HardDisk, 0x80)] {
            let machine =
                Machine::pc(Firmware::SeaBios).drive(DiskClass::IdeCd, 0, Medium::emulated("only", emulation));
            let told = |dl| told_of(&machine, &trace(&["DVD/CD"], dl));
            assert!(matches!(told(0xe0), Some(Mistold::Drive { seen: 0xe0, tried }) if tried == dl));
            assert!(matches!(told(dl), Some(Mistold::Emulated(mistold)) if mistold.what == "specification packet"));
        }
    }

    #[test]
    fn what_a_nic_or_uefi_ran_is_not_held_against_a_drive() {
        let mut over_nic = trace(&["ROM"], 0x81);
        over_nic.attempts[0].nic = Some(crate::machine::DeviceName::from("nic0"));
        assert_eq!(told_of(&disk(), &over_nic), None);
        let uefi = Machine::pc(Firmware::Ovmf).virtio_blk(Medium::bootable("only"));
        assert_eq!(told_of(&uefi, &trace(&["Hard Disk"], 0x81)), None);
    }
}
