//! Drives that make a device by themselves: `-drive if=ide`, `-hda`, `-cdrom`, `-fda`, and an image that stands alone.

use super::Reader;
use super::drives::{Flash, source};
use super::options::{Parts, small};
use super::refused::is_open;
use super::short_drive::{Interface, ShortDrive};
use super::words::Word;
use crate::guest::boards::{is_ccw, is_pseries, is_virt};
use crate::guest::plain::plain_device;
use crate::guest::{At, GuestDevice, GuestError};
use crate::machine::{Board, DeviceClass, ScsiAdapter};

impl Reader<'_> {
    pub(super) fn drive(&mut self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        let plain = Some(&parts.first).filter(|file| !file.is_empty() && *file != "none");
        // what a shell puts in may be the image
        let unknown = || is_open(word).then(|| "what a shell puts in its place".to_owned());
        let file = plain.cloned().or_else(|| source(parts)).or_else(unknown);
        let optical = parts.get("media") == Some("cdrom");
        let number = |key: &str| parts.get(key).and_then(small);
        let interface = match parts.get("if") {
            Some("pflash") => {
                let unit = number("unit").or(number("index")).map(usize::from);
                return self.add_flash(unit, Flash::of(parts, file.unwrap_or_default(), word.at.line), word);
            }
            Some("none") => {
                let named = self.drives.name_of_next(number("unit").or(number("index")));
                let id = parts.get("id").unwrap_or(&named);
                self.drives.add_file(id, file.unwrap_or_default(), optical);
                return Ok(());
            }
            None => Interface::Board,
            Some("ide") => Interface::Ide,
            Some("virtio") => Interface::Virtio,
            Some("floppy") => Interface::Floppy,
            Some("scsi") if is_pseries(self.board) => Interface::Scsi,
            Some(other @ ("sd" | "mtd" | "scsi" | "xen")) => {
                self.of_no_board.push((format!("-drive if={other}"), word.clone()));
                return Ok(());
            }
            Some(other) => {
                let what = format!("QEMU knows no drive of if={other}");
                return Err(self.error(word, what, "write if=none, ide, virtio or pflash"));
            }
        };
        if let Some(id) = parts.get("id") {
            self.drives.connect(id);
        }
        self.short.push(ShortDrive {
            interface,
            bus: number("bus"),
            unit: number("unit"),
            index: number("index"),
            name: None,
            optical,
            file,
            line: word.at.line,
        });
        Ok(())
    }

    /// `-hda FILE`, `-cdrom FILE`, `-fda FILE`.
    pub(super) fn short_drive(&mut self, option: &str, value: &Word) {
        let index = match option {
            "hda" | "fda" => 0,
            "hdb" | "fdb" => 1,
            "hdd" => 3,
            _ => 2,
        };
        let is_floppy = ["fda", "fdb"].contains(&option);
        self.short.push(ShortDrive {
            interface: if is_floppy { Interface::Floppy } else { Interface::Board },
            bus: None,
            unit: None,
            index: Some(index),
            name: Some(option.to_owned()),
            optical: option == "cdrom",
            file: Some(value.text.clone()).filter(|file| !file.is_empty()),
            line: value.at.line,
        });
    }

    /// The drives as devices of the board: one without an index gets the first that is free, in the order of the line.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for a disk without an image.
    pub(super) fn short_devices(&mut self) -> Result<Vec<GuestDevice>, GuestError> {
        let (mut devices, mut taken) = (Vec::new(), Vec::new());
        for drive in std::mem::take(&mut self.short) {
            let interface = match (drive.interface, self.board) {
                (Interface::Board, board) if is_virt(board) || is_ccw(board) => Interface::Virtio,
                (Interface::Board, board) if is_pseries(board) => Interface::Scsi,
                (Interface::Board, _) => Interface::Ide,
                (interface, _) => interface,
            };
            let units = match interface {
                Interface::Scsi => OF_VSCSI,
                _ if self.board == Some(Board::Q35) => 1,
                _ => 2,
            };
            let place = drive.unit.map(|unit| drive.bus.unwrap_or(0).saturating_mul(units).saturating_add(unit));
            let free = || (0..=u8::MAX).find(|index| !taken.contains(&(interface, *index)));
            let index = drive.index.or(place).or_else(free).unwrap_or(u8::MAX);
            taken.push((interface, index));
            let (word, class) = match interface {
                Interface::Virtio => ("virtio", DeviceClass::VirtioBlk),
                Interface::Floppy => ("floppy", DeviceClass::Floppy { unit: index }),
                Interface::Scsi => ("scsi", vscsi(index)),
                _ if self.board == Some(Board::Q35) => ("ide", DeviceClass::Ahci { port: index }),
                _ => ("ide", DeviceClass::Ide { channel: index / 2, unit: index % 2 }),
            };
            let name = drive.name.unwrap_or_else(|| format!("{word}-{index}"));
            let optical = drive.optical && class != DeviceClass::VirtioBlk;
            if drive.file.is_none() && !optical && !matches!(class, DeviceClass::Floppy { .. }) {
                return Err(self.empty_disk(At { line: drive.line, column: 1 }, &name));
            }
            let mut device = short(name, class, optical, drive.file, drive.line);
            if self.board.is_none() && drive.interface == Interface::Board {
                device.kind = format!("{} of the board's own kind", if optical { "CD" } else { "disk" });
            }
            self.give_globals(&mut device);
            devices.push(device);
        }
        Ok(devices)
    }

    /// The error of a disk in which nothing is; only what has a door may be empty.
    pub(super) fn empty_disk(&self, at: At, name: &str) -> GuestError {
        GuestError {
            what: format!(
                "{name}: a disk without an image (QEMU refuses that: \"Device needs media, but drive is empty\")"
            ),
            file: self.file.to_owned(),
            at,
            fix: "write file=..., or media=cdrom for an empty CD drive".to_owned(),
        }
    }
}

/// Drives of `if=scsi` on one `spapr-vscsi` (`if_max_devs` in QEMU's `blockdev.c`).
const OF_VSCSI: u8 = 7;

/// A drive of `if=scsi` on pseries, by its index.
pub(super) fn vscsi(index: u8) -> DeviceClass {
    let (hba, target) = (index / OF_VSCSI, index % OF_VSCSI);
    DeviceClass::Scsi { adapter: ScsiAdapter::SpaprVscsi, hba, target, lun: 0 }
}

pub(super) fn short(name: String, class: DeviceClass, optical: bool, source: Option<String>, line: u32) -> GuestDevice {
    let kind = match (&class, optical) {
        (DeviceClass::Floppy { .. }, _) => "floppy",
        (DeviceClass::VirtioBlk, _) => "virtio disk",
        (DeviceClass::Scsi { .. }, true) => "SCSI (spapr-vscsi) CD",
        (DeviceClass::Scsi { .. }, false) => "SCSI (spapr-vscsi) disk",
        (DeviceClass::Ide { .. }, true) => "IDE CD",
        (DeviceClass::Ide { .. }, false) => "IDE disk",
        (_, true) => "SATA CD",
        (_, false) => "SATA disk",
    };
    let kind = kind.to_owned();
    GuestDevice { name, line, device: plain_device(class, optical, None), kind, source, network: None, own_rom: false }
}
