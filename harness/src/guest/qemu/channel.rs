//! Devices of a channel subsystem on a line: `virtio-blk-ccw`, `devno=fe.0.0001`, `loadparm`.

use std::collections::BTreeMap;

use super::Reader;
use super::adapters::Adapter;
use super::options::Parts;
use super::refused::is_open;
use super::words::Word;
use crate::guest::boards::is_ccw;
use crate::guest::{At, GuestError, Unapplied, loadparm};
use crate::machine::Place;

/// Channel subsystem image, subchannel set and number of a device, as QEMU reads them (`set_ccw_dev_id` in its `hw/s390x/ccw-device.c`).
pub(super) fn device_number(text: &str) -> Option<(u8, u8, u16)> {
    let mut parts = text.split('.');
    let hex = |text: &str| u16::from_str_radix(text, 16).ok();
    let (image, set, number) = (hex(parts.next()?)?, hex(parts.next()?)?, hex(parts.next()?)?);
    let image = u8::try_from(image).ok().filter(|image| *image < 0xff)?;
    let set = u8::try_from(set).ok().filter(|set| *set < 4)?;
    parts.next().is_none().then_some((image, set, number))
}

impl Reader<'_> {
    /// Refuses what QEMU refuses of channel devices: on another board all, and numbers that are none or that two devices have. Numbers
    /// are told as replaced.
    pub(super) fn on_channel(&mut self) -> Result<(), GuestError> {
        let mut seen: BTreeMap<(u8, u8, u16), u32> = BTreeMap::new();
        let mut given = Vec::new();
        for (parts, word) in self.devices.iter().filter(|(_, word)| !is_open(word)) {
            let driver = parts.first.as_str();
            if driver.ends_with("-ccw") && self.board.is_some() && !is_ccw(self.board) && !self.is_part {
                let what =
                    format!("{driver}: machine {} has no channel subsystem (QEMU refuses that)", self.machine_type);
                return Err(self.error(word, what, format!("write {}pci", driver.trim_end_matches("ccw"))));
            }
            let Some(text) = parts.get("devno").filter(|_| is_ccw(self.board)) else { continue };
            let Some(number) = device_number(text) else {
                let what = format!("{driver}: devno={text} is no device number (QEMU refuses that)");
                return Err(self.error(word, what, "write it as devno=fe.0.0001, in hexadecimal digits"));
            };
            if let Some(line) = seen.insert(number, word.at.line) {
                let what = format!("devno={text} is used by two devices, first on line {line} (QEMU refuses that)");
                return Err(self.error(word, what, "give each device a number of its own, or none"));
            }
            given.push((word.at.line, format!("{driver}: devno={text}: a number of our own in the same order")));
        }
        for (line, words) in given {
            self.notes.replaced(line, words);
        }
        self.unapplied.extend(self.adapter_behind_a_disk());
        Ok(())
    }

    /// Without any rank s390-ccw goes by subchannels, which QEMU gives out in the order of the line; here adapters have the first ones.
    fn adapter_behind_a_disk(&self) -> Option<Unapplied> {
        let drivers = || self.devices.iter().map(|(parts, word)| (parts.first.as_str(), word.at.line));
        let has_rank = self.devices.iter().any(|(parts, _)| parts.get("bootindex").is_some());
        if has_rank || !is_ccw(self.board) {
            return None;
        }
        let is_disk = |driver: &str| driver.starts_with("virtio-blk") && !driver.contains("-pci");
        let (disk, _) = drivers().find(|(driver, _)| is_disk(driver))?;
        let mut behind = drivers().skip_while(|(driver, _)| !is_disk(driver));
        let (adapter, line) = behind.find(|(driver, _)| Adapter::of(driver) == Some(Adapter::VirtioScsi))?;
        let words = format!(
            "{adapter} behind {disk}: without a rank the firmware tries devices in the order of the line, and here adapters come first; \
             give each device that is meant a bootindex"
        );
        Some(Unapplied { line, words })
    }

    /// Where a virtio disk is: on a channel subsystem, unless its driver is one of PCI.
    pub(super) fn virtio_disk_at(&self, driver: &str, at: super::adapters::At) -> super::adapters::At {
        match is_ccw(self.board) && driver.contains("-pci") {
            true => (Place::Zpci, None, 0),
            false => at,
        }
    }

    /// A device's own `loadparm`.
    ///
    /// # Errors
    ///
    /// [`GuestError`] for one that QEMU refuses.
    pub(super) fn loadparm<'p>(&self, parts: &'p Parts, word: &Word) -> Result<Option<&'p str>, GuestError> {
        let text = parts.get("loadparm").filter(|_| is_ccw(self.board) && !is_open(word));
        match text.filter(|text| !loadparm::is_valid(text)) {
            Some(text) => Err(no_loadparm(self.file, word.at, text)),
            None => Ok(text),
        }
    }
}

/// The error of a `loadparm` that is none.
pub(super) fn no_loadparm(file: &str, at: At, text: &str) -> GuestError {
    GuestError {
        what: format!("loadparm={text} is refused by QEMU: letters, digits, dots and blanks are wanted, eight at most"),
        file: file.to_owned(),
        at,
        fix: "give the number of an entry of the boot map, as in loadparm=2".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("fe.0.0001", Some((0xfe, 0, 1)))]
    #[case("fe.3.ffff", Some((0xfe, 3, 0xffff)))]
    #[case("fe.4.0001", None)]
    #[case("fe.0.10000", None)]
    #[case("fe.0", None)]
    #[case("fe.0.1.2", None)]
    #[case("0001", None)]
    fn a_device_number_has_three_parts(#[case] text: &str, #[case] wanted: Option<(u8, u8, u16)>) {
        assert_eq!(device_number(text), wanted);
    }
}
