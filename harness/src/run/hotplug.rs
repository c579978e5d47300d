//! Plugs devices in and out, and the command line's words for a device as arguments of `blockdev-add` and `device_add`.
//!
//! The command line takes every value as text; since QEMU 9.2 `device_add` over QMP takes each in its own JSON type.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::error::StepError;
use super::session::Session;
use crate::case::story::Unplugged;
use crate::evidence::HarnessEvent;
use crate::machine::argv::{blockdev_properties, device_properties};
use crate::machine::layout::Placed;
use crate::machine::{Device, Machine};

/// Host time in which `DEVICE_DELETED` comes where it comes at once, and in which QEMU releases what has gone.
const UNPLUG_PATIENCE: Duration = Duration::from_secs(10);

impl Session<'_> {
    pub(super) fn plug(&mut self, name: &str) -> Result<(), StepError> {
        let index = self.device(name)?;
        self.plug_device(index)?;
        self.devices.plugged(index);
        Ok(())
    }

    /// Until a device is released its bootindex and its netdev are taken, and QEMU has no event for that moment (RCU).
    pub(super) fn plug_released(&mut self, name: &str) -> Result<(), StepError> {
        let index = self.device(name)?;
        retry_while(is_taken, || self.plug_device(index))?;
        self.devices.plugged(index);
        Ok(())
    }

    pub(super) fn plug_by_hand(&mut self, name: &str) -> Result<(), StepError> {
        let index = self.device(name)?;
        let file = self.prepared.files.media.get(index).and_then(Option::as_ref);
        let placed = self.prepared.layout.devices.get(index);
        let machine = self.devices.present();
        let lines = file.zip(placed).and_then(|(file, placed)| monitor_lines(machine, placed, index, file));
        let lines = lines.ok_or_else(|| StepError::impossible("this class cannot be plugged in by hand"))?;
        lines.iter().try_for_each(|line| self.type_line(line, None))?;
        self.devices.plugged(index);
        Ok(())
    }

    pub(super) fn unplug(&mut self, name: &str, unplugged: Unplugged) -> Result<(), StepError> {
        let index = self.device(name)?;
        let id = self.qemu_id(index);
        let vm = self.vm()?;
        let cursor = vm.qmp.event_cursor();
        vm.execute("device_del", json!({ "id": id }))?;
        if unplugged == Unplugged::AtOnce {
            let ours = |data: &Value| data.get("device").and_then(Value::as_str) == Some(id.as_str());
            let event = vm.qmp.wait_event(cursor, "DEVICE_DELETED", ours, UNPLUG_PATIENCE);
            event.map_err(StepError::late)?;
        }
        self.devices.unplugged(index, unplugged);
        Ok(())
    }

    /// A guest that has locked the tray, as an installer does, is not asked.
    pub(super) fn eject(&mut self, name: &str) -> Result<(), StepError> {
        let index = self.device(name)?;
        if !self.devices.present().devices[index].optical {
            return Err(StepError::impossible(format!("\"{name}\" is in no optical drive")));
        }
        self.vm()?.execute("eject", json!({ "id": self.qemu_id(index), "force": true }))?;
        Ok(())
    }

    /// The medium in an optical drive gives way to that of an absent one.
    pub(super) fn insert(&mut self, name: &str, medium: &str) -> Result<(), StepError> {
        let (drive, lender) = (self.device(name)?, self.device(medium)?);
        let machine = self.devices.present();
        let [into, from] = [drive, lender].map(|index| &machine.devices[index]);
        if !into.optical || !from.optical || !from.absent {
            let wanted = format!("\"{medium}\" of an absent optical drive cannot go into the drive of \"{name}\"");
            return Err(StepError::impossible(wanted));
        }
        // which machine it was built for, whatever has changed places since
        let built = self.prepared.machine.device_with_medium(medium);
        let file = built.and_then(|index| self.prepared.files.media.get(index).cloned().flatten());
        let file = file.ok_or_else(|| StepError::impossible(format!("there is no medium \"{medium}\"")))?;
        let arguments = json!({
            "id": self.qemu_id(drive), "filename": file, "format": "raw", "read-only-mode": "read-only", "force": true,
        });
        self.vm()?.execute("blockdev-change-medium", arguments)?;
        self.devices.exchanged(drive, lender);
        self.has_exchanged = true;
        self.note(HarnessEvent::MediumChanged { device: name.to_owned(), medium: medium.to_owned() });
        Ok(())
    }

    /// QEMU releases a device some time after it has gone (RCU) and has no event for that, so the only way is to ask again.
    pub(super) fn released(&mut self, name: &str) -> Result<(), StepError> {
        let index = self.device(name)?;
        let node = json!({ "node-name": format!("medium{index}") });
        let refused = |error: &StepError| matches!(error, StepError::Refused { .. });
        retry_while(refused, || self.vm()?.execute("blockdev-del", node.clone()).map(drop).map_err(StepError::from))?;
        self.nodes.remove(&index);
        Ok(())
    }

    /// The name by which QEMU knows a device.
    pub(super) fn qemu_id(&self, index: usize) -> String {
        self.prepared.layout.devices.get(index).map(|placed| placed.id.clone()).unwrap_or_default()
    }

    fn plug_device(&mut self, index: usize) -> Result<(), StepError> {
        let machine = self.devices.present();
        let device = &machine.devices[index];
        if let Some(Some(file)) = self.prepared.files.media.get(index)
            && self.nodes.insert(index)
        {
            self.vm()?.execute("blockdev-add", blockdev_add(device, index, file))?;
        }
        let placed = self.prepared.layout.devices.get(index);
        let arguments = placed.and_then(|placed| device_add(machine, placed, index));
        let arguments = arguments.ok_or_else(|| StepError::impossible("this class cannot be plugged in"))?;
        self.vm()?.execute("device_add", arguments)?;
        Ok(())
    }
}

/// Asks again as long as the answer is one that passes by itself.
fn retry_while(
    passing: impl Fn(&StepError) -> bool,
    mut ask: impl FnMut() -> Result<(), StepError>,
) -> Result<(), StepError> {
    let deadline = Instant::now() + UNPLUG_PATIENCE;
    loop {
        match ask() {
            Err(error) if passing(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}

/// Whether QEMU refuses because a device that is going still has what is wanted. QMP has the class `GenericError` for it and
/// for everything else, so these are QEMU's own words.
fn is_taken(error: &StepError) -> bool {
    let taken = |words: &str| words.contains("has already been used") || words.contains("in use");
    error.words_of_qemu().is_some_and(taken)
}

/// Arguments of `blockdev-add` for the medium of a device.
pub fn blockdev_add(device: &Device, index: usize, file: &Path) -> Value {
    let mut arguments = Map::new();
    for (name, value) in blockdev_properties(device, index, file) {
        let value = Value::from(&value);
        match name.split_once('.') {
            None => drop(arguments.insert(name.to_owned(), value)),
            Some((outer, inner)) => {
                let nested = arguments.entry(outer).or_insert_with(|| json!({}));
                nested[inner] = value;
            }
        }
    }
    Value::Object(arguments)
}

/// Arguments of `device_add`; `None` for what is no `-device` of its own.
pub fn device_add(machine: &Machine, placed: &Placed, index: usize) -> Option<Value> {
    let device = machine.devices.get(index)?;
    let (driver, words) = device_properties(device, placed, index)?;
    let mut arguments = Map::from_iter([("driver".to_owned(), json!(driver))]);
    arguments.extend(words.into_iter().map(|(name, value)| (name.to_owned(), Value::from(&value))));
    Some(Value::Object(arguments))
}

/// The lines of the human monitor for a device with a medium: `drive_add`, then `device_add`.
pub fn monitor_lines(machine: &Machine, placed: &Placed, index: usize, file: &Path) -> Option<[String; 2]> {
    let device = machine.devices.get(index)?;
    let (driver, words) = device_properties(device, placed, index)?;
    let file = file.display().to_string().replace(',', ",,");
    let drive = format!("drive{index}");
    let mut plug = format!("device_add {driver}");
    for (name, value) in words {
        let value = if name == "drive" { drive.clone() } else { value.to_string().replace(',', ",,") };
        plug += &format!(",{name}={value}");
    }
    Some([format!("drive_add 0 file={file},if=none,format=raw,id={drive}"), plug])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::layout::Layout;
    use crate::machine::{Firmware, Medium};

    fn machine() -> Machine {
        Machine::pc(Firmware::SeaBios)
            .virtio_scsi(0, 1, Medium::bootable("disk"))
            .bootindex(-1)
            .usb_storage(2, Medium::bootable("stick"))
            .nvme(Medium::bootable("ssd"))
            .function(9, 0)
    }

    #[test]
    fn only_what_qemu_itself_says_is_taken_is_asked_for_again() {
        let words = || "Bootindex 1 has already been used".to_owned();
        let refused = StepError::Refused { command: String::new(), class: String::new(), words: words() };
        assert!(is_taken(&refused) && !is_taken(&StepError::Differs(words())));
        let mut asked = 0;
        let outcome = retry_while(is_taken, || {
            asked += 1;
            let refused = StepError::Refused { command: String::new(), class: String::new(), words: words() };
            if asked < 3 { Err(refused) } else { Ok(()) }
        });
        assert!(outcome.is_ok() && asked == 3);
    }

    #[test]
    fn numbers_are_numbers_and_a_usb_port_is_text() {
        let machine = machine();
        let layout = Layout::of(&machine).unwrap();
        let disk = device_add(&machine, &layout.devices[0], 0).unwrap();
        let expected = json!({ "driver": "scsi-hd", "id": "dev0", "scsi-id": 0, "lun": 1, "drive": "medium0",
            "bus": "scsi0.0", "bootindex": -1 });
        assert_eq!(disk, expected);
        let stick = device_add(&machine, &layout.devices[1], 1).unwrap();
        assert_eq!(stick["port"], json!("2"));
        let ssd = device_add(&machine, &layout.devices[2], 2).unwrap();
        assert_eq!((&ssd["multifunction"], &ssd["addr"]), (&json!(true), &json!("0x9.0x0")));
    }

    #[test]
    fn dotted_words_become_objects() {
        let machine = machine();
        let arguments = blockdev_add(&machine.devices[0], 0, Path::new("/media/disk.img"));
        let expected = json!({ "driver": "raw", "node-name": "medium0",
            "file": { "driver": "file", "filename": "/media/disk.img" }, "cache": { "no-flush": true } });
        assert_eq!(arguments, expected);
    }

    #[test]
    fn a_comma_in_a_file_name_does_not_end_the_monitors_word() {
        let machine = machine();
        let layout = Layout::of(&machine).unwrap();
        let [drive, plug] = monitor_lines(&machine, &layout.devices[0], 0, Path::new("/a,b/disk.img")).unwrap();
        assert_eq!(drive, "drive_add 0 file=/a,,b/disk.img,if=none,format=raw,id=drive0");
        assert_eq!(plug, "device_add scsi-hd,id=dev0,scsi-id=0,lun=1,drive=drive0,bus=scsi0.0,bootindex=-1");
    }
}
