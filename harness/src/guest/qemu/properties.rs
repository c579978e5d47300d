//! `-global` and `-set`: what they give to devices that other options make.

use super::Reader;
use super::options::{Parts, rank};
use super::property::Global;
use super::words::Word;
use crate::guest::boards::is_ccw;
use crate::guest::{GuestDevice, GuestError, Unapplied};
use crate::machine::{DeviceClass, OptionRom};

impl Reader<'_> {
    /// `-global driver.name=value`, or spelled out.
    pub(super) fn global(&mut self, value: &Word) -> Result<(), GuestError> {
        let parts = Parts::read(self.file, value, "")?;
        let spelled = || {
            let named = |key| parts.get(key).map(str::to_owned);
            Some((named("driver")?, named("property")?, named("value")?))
        };
        let short = || {
            let (name, given) = value.text.split_once('=')?;
            let (driver, name) = name.split_once('.')?;
            Some((driver.to_owned(), name.to_owned(), given.to_owned()))
        };
        let Some((driver, name, given)) = spelled().or_else(short) else {
            self.notes.ignored(value.at.line, format!("-global {}: no DRIVER.NAME=VALUE", value.text));
            return Ok(());
        };
        if name.starts_with("bootindex") {
            self.rank(&given, value)?;
        }
        self.globals.push(Global { driver, name, value: given, line: value.at.line });
        Ok(())
    }

    /// A rank as QEMU takes it.
    pub(super) fn rank(&self, text: &str, word: &Word) -> Result<i64, GuestError> {
        rank(text).ok_or_else(|| {
            let what = format!("bootindex={text}: a number is wanted, up to {}", i32::MAX);
            self.error(word, what, "give a number from 0, the lowest is first")
        })
    }

    /// `-set device.ID.NAME=VALUE`. QEMU looks among the devices that stand before it, and does not find those in JSON.
    pub(super) fn set(&mut self, value: &Word) -> Result<(), GuestError> {
        let named = value.text.split_once('=').and_then(|(name, given)| {
            let (group, name) = name.split_once('.')?;
            let (id, name) = name.split_once('.')?;
            Some((group, id, name, given))
        });
        let Some((group, id, name, given)) = named else {
            return Err(self.error(
                value,
                format!("-set {}: no GROUP.ID.NAME=VALUE", value.text),
                "write -set device.ID.bootindex=1",
            ));
        };
        if group == "drive" {
            let words = format!("-set {}: a property of a drive is not taken over", value.text);
            self.unapplied.push(Unapplied { line: value.at.line, words });
        }
        if group != "device" {
            self.notes.ignored(value.at.line, format!("-set {}", value.text));
            return Ok(());
        }
        let device = self.devices.iter_mut().find(|(parts, _)| parts.get("id") == Some(id));
        match device.filter(|(parts, _)| !parts.is_json) {
            Some((parts, _)) => {
                parts.push(name, given);
                self.notes.took(value.at.line, format!("-set {}", value.text));
                Ok(())
            }
            None => {
                let what = format!(
                    "-set {}: there is no device \"{id}\" defined before it, other than in JSON (QEMU refuses that)",
                    value.text
                );
                Err(self.error(value, what, "write the property into the -device itself"))
            }
        }
    }

    /// A device's parts with those of `-global` that it has not itself; the last of two counts.
    pub(super) fn with_globals(&self, mut parts: Parts) -> Parts {
        let driver = parts.first.clone();
        for global in self.globals.iter().rev().filter(|global| global.is_for(&driver)) {
            if parts.get(&global.name).is_none() {
                parts.push(&global.name, &global.value);
            }
        }
        parts
    }

    /// What `-global` gives to a drive or card that the board makes.
    pub(super) fn give_globals(&self, device: &mut GuestDevice) {
        let driver = match &device.device.class {
            DeviceClass::Nic(nic) => nic.model.name().to_owned(),
            DeviceClass::VirtioBlk if is_ccw(self.board) => "virtio-blk-ccw".to_owned(),
            DeviceClass::VirtioBlk => "virtio-blk-pci".to_owned(),
            DeviceClass::Floppy { .. } => {
                device.device.bootindex = self.rank_of_floppy(&device.device.class);
                return;
            }
            DeviceClass::Scsi { .. } if device.device.optical => "scsi-cd".to_owned(),
            DeviceClass::Scsi { .. } => "scsi-hd".to_owned(),
            _ if device.device.optical => "ide-cd".to_owned(),
            _ => "ide-hd".to_owned(),
        };
        device.device.bootindex = device.device.bootindex.or(self.global_of(&driver, "bootindex").and_then(rank));
        if let DeviceClass::Nic(nic) = &mut device.device.class {
            let file = self.global_of(&driver, "romfile");
            nic.rom = rom(file, self.global_of(&driver, "rombar"));
            device.own_rom = file.is_some_and(|file| !file.is_empty());
        }
    }

    /// The value of a property that `-global` gives to a driver.
    pub(super) fn global_of(&self, driver: &str, name: &str) -> Option<&str> {
        let fits = |global: &&Global| global.is_for(driver) && global.name == name;
        self.globals.iter().rev().find(fits).map(|global| global.value.as_str())
    }

    /// Says what became of each `-global` that a boot could depend on.
    pub(super) fn tell_globals(&mut self) {
        const SEEN: [&str; 5] = ["bootindex", "bootindexA", "bootindexB", "romfile", "rombar"];
        for global in self.globals.iter().filter(|global| SEEN.contains(&global.name.as_str())) {
            self.notes.took(global.line, format!("-global {}.{}={}", global.driver, global.name, global.value));
        }
    }
}

/// The option ROM that two properties leave to a card.
pub(super) fn rom(file: Option<&str>, bar: Option<&str>) -> OptionRom {
    match (file, bar) {
        (Some(""), _) => OptionRom::Empty,
        (_, Some("0" | "off")) => OptionRom::NoBar,
        _ => OptionRom::Default,
    }
}
