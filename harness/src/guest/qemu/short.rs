//! Drives that make a device by themselves: `-drive if=ide`, `-hda`, `-cdrom`, `-fda`.

use super::Reader;
use super::options::Parts;
use super::words::Word;
use crate::guest::plain::plain_device;
use crate::guest::{GuestDevice, GuestError};
use crate::machine::{Board, DeviceClass};

impl Reader<'_> {
    pub(super) fn drive(&mut self, parts: &Parts, word: &Word) -> Result<(), GuestError> {
        let file = parts.get("file").unwrap_or(&parts.first).to_owned();
        let unit = parts.get("unit").or(parts.get("index")).and_then(|unit| unit.parse::<usize>().ok());
        match parts.get("if").unwrap_or("ide") {
            "pflash" => {
                self.drives.add_flash(unit, file, word.at.line);
            }
            "none" => {
                let id = parts.get("id").ok_or_else(|| {
                    self.error(word, "-drive if=none has no id, so that no device can name it", "write id=NAME")
                })?;
                self.drives.add_file(id, file);
            }
            "ide" | "sd" | "mtd" | "scsi" | "xen" | "floppy" | "virtio" => {
                let kind = parts.get("if").unwrap_or("ide");
                let number = u8::try_from(unit.unwrap_or_else(|| self.next_index(kind))).unwrap_or(u8::MAX);
                let class = match (kind, self.board) {
                    ("ide", Some(Board::Pc)) => DeviceClass::Ide { channel: number / 2, unit: number % 2 },
                    ("ide", _) => DeviceClass::Ahci { port: number },
                    ("virtio", _) => DeviceClass::VirtioBlk,
                    ("floppy", _) => DeviceClass::Floppy { unit: number },
                    (other, _) => {
                        self.notes.ignored(word.at.line, format!("-drive if={other} cannot be had here"));
                        return Ok(());
                    }
                };
                let optical = parts.get("media") == Some("cdrom");
                let name = format!("{kind}-{number}");
                self.short.push(short(name, class, optical, file, word.at.line));
            }
            other => {
                return Err(self.error(
                    word,
                    format!("QEMU knows no drive of if={other}"),
                    "write if=none, ide, virtio or pflash",
                ));
            }
        }
        Ok(())
    }

    /// The first index that no drive of this interface has.
    fn next_index(&self, kind: &str) -> usize {
        let index = |class: &DeviceClass| match (kind, class) {
            ("ide", DeviceClass::Ide { channel, unit }) => Some(channel * 2 + unit),
            ("ide", DeviceClass::Ahci { port }) => Some(*port),
            ("floppy", DeviceClass::Floppy { unit }) => Some(*unit),
            _ => None,
        };
        let taken: Vec<u8> = self.short.iter().filter_map(|device| index(&device.device.class)).collect();
        let virtio = self.short.iter().filter(|device| device.device.class == DeviceClass::VirtioBlk).count();
        match kind {
            "virtio" => virtio,
            _ => (0..).find(|index| !taken.contains(index)).map_or(0, usize::from),
        }
    }

    /// `-hda FILE`, `-cdrom FILE`, `-fda FILE`.
    pub(super) fn short_drive(&mut self, option: &str, value: &Word) {
        let number = match option {
            "hda" | "fda" => 0,
            "hdb" | "fdb" => 1,
            "hdd" => 3,
            _ => 2,
        };
        let class = match (option, self.board) {
            ("fda" | "fdb", _) => DeviceClass::Floppy { unit: number },
            (_, Some(Board::Pc)) => DeviceClass::Ide { channel: number / 2, unit: number % 2 },
            _ => DeviceClass::Ahci { port: number },
        };
        self.short.push(short(option.to_owned(), class, option == "cdrom", value.text.clone(), value.at.line));
    }
}

pub(super) fn short(name: String, class: DeviceClass, optical: bool, file: String, line: u32) -> GuestDevice {
    let kind = match (&class, optical) {
        (DeviceClass::Floppy { .. }, _) => "floppy",
        (DeviceClass::VirtioBlk, _) => "virtio disk",
        (DeviceClass::Ide { .. }, true) => "IDE CD",
        (DeviceClass::Ide { .. }, false) => "IDE disk",
        (_, true) => "SATA CD",
        (_, false) => "SATA disk",
    };
    let kind = kind.to_owned();
    GuestDevice { name, line, device: plain_device(class, optical, None), kind, source: Some(file), network: None }
}
