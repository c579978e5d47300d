//! The command line's words for a device as arguments of `blockdev-add` and `device_add`.
//!
//! The command line takes every value as text; since QEMU 9.2 `device_add` over QMP takes each in its own JSON type.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::machine::argv::{blockdev_properties, device_properties};
use crate::machine::layout::Placed;
use crate::machine::{Device, Machine};

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
