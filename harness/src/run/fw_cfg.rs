//! fw_cfg as the host reads it: QMP has no command for it, so the human monitor works the device's two I/O ports.
//!
//! Selector 0x510 and data 0x511 are QEMU's `docs/specs/fw_cfg.rst`; the directory is item 0x19, its numbers big-endian.
//! The selector is one state that guest and host share: reading is safe before the guest has run, after a reset, and when
//! firmware has come to rest, and would corrupt the guest's own reading in between. x86 only.

use serde_json::json;

use crate::vm::Vm;
use crate::vm::qmp::QmpError;

/// Item number of the file directory.
const DIRECTORY: u16 = 0x19;

/// Largest file that is read, in bytes: QEMU's own lists are far below.
const FILE_LIMIT: u32 = 16 << 10;

/// Most files that a directory may have.
const COUNT_LIMIT: u32 = 256;

/// The two files that QEMU makes at reset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// `bootorder`; `None` where there is no such file.
    pub bootorder: Option<Vec<u8>>,
    /// `bios-geometry`; `None` where there is no such file.
    pub bios_geometry: Option<Vec<u8>>,
}

/// Reads both lists.
///
/// # Errors
///
/// [`QmpError`] where the monitor fails, or answers with something that is no port's value; and where there is no directory at
/// these ports, as on Arm, whose fw_cfg lies in memory.
pub fn read(vm: &Vm) -> Result<Lists, QmpError> {
    read_by(&mut |line| {
        let answer = vm.execute("human-monitor-command", json!({ "command-line": line }))?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    })
}

type Monitor<'a> = &'a mut dyn FnMut(&str) -> Result<String, QmpError>;

fn read_by(monitor: Monitor<'_>) -> Result<Lists, QmpError> {
    let mut lists = Lists::default();
    let mut places = Vec::new();
    select(monitor, DIRECTORY)?;
    let count = number(monitor)?;
    if !(1..=COUNT_LIMIT).contains(&count) {
        return Err(QmpError::Refused {
            command: "i /b 0x511".to_owned(),
            class: "no fw_cfg".to_owned(),
            desc: format!("a directory of {count} files"),
        });
    }
    for _ in 0..count {
        let size = number(monitor)?;
        let selector = (number(monitor)? >> 16) as u16;
        let name = bytes(monitor, 56)?;
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
        // entries are sorted by name
        if name.as_slice() > b"bootorder".as_slice() {
            break;
        }
        places.push((name, selector, size.min(FILE_LIMIT)));
    }
    for (name, selector, size) in places {
        let file = match name.as_slice() {
            b"bootorder" => &mut lists.bootorder,
            b"bios-geometry" => &mut lists.bios_geometry,
            _ => continue,
        };
        select(monitor, selector)?;
        *file = Some(bytes(monitor, size)?);
    }
    Ok(lists)
}

fn select(monitor: Monitor<'_>, item: u16) -> Result<(), QmpError> {
    monitor(&format!("o /h 0x510 {item:#x}")).map(drop)
}

fn number(monitor: Monitor<'_>) -> Result<u32, QmpError> {
    Ok(bytes(monitor, 4)?.into_iter().fold(0, |number, byte| number << 8 | u32::from(byte)))
}

fn bytes(monitor: Monitor<'_>, count: u32) -> Result<Vec<u8>, QmpError> {
    (0..count)
        .map(|_| {
            let answer = monitor("i /b 0x511")?;
            // portb[0x0511] = 0x51
            let value = answer.trim().rsplit_once("= 0x").and_then(|(_, digits)| u8::from_str_radix(digits, 16).ok());
            value.ok_or_else(|| QmpError::Refused {
                command: "i /b 0x511".to_owned(),
                class: "no value".to_owned(),
                desc: answer.trim().to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn directory(files: &[(&str, u16, usize)]) -> Vec<u8> {
        let mut bytes = (files.len() as u32).to_be_bytes().to_vec();
        for (name, selector, size) in files {
            bytes.extend((*size as u32).to_be_bytes());
            bytes.extend(selector.to_be_bytes());
            bytes.extend([0, 0]);
            let mut padded = name.as_bytes().to_vec();
            padded.resize(56, 0);
            bytes.extend(padded);
        }
        bytes
    }

    #[test]
    fn both_lists_are_found_by_name() {
        let order = b"/pci@i0cf8/scsi@3/disk@0,0\0".to_vec();
        let files = [("bios-geometry", 0x20, 0), ("bootorder", 0x21, order.len()), ("etc/e820", 0x22, 9)];
        let items = BTreeMap::from([(DIRECTORY, directory(&files)), (0x20, Vec::new()), (0x21, order.clone())]);
        let (mut item, mut offset) = (0, 0);
        let lists = read_by(&mut |line| {
            if let Some(selector) = line.strip_prefix("o /h 0x510 0x") {
                (item, offset) = (u16::from_str_radix(selector, 16).unwrap(), 0);
                return Ok(String::new());
            }
            offset += 1;
            Ok(format!("portb[0x0511] = {:#04x}\r\n", items[&item][offset - 1]))
        });
        assert_eq!(lists.unwrap(), Lists { bootorder: Some(order), bios_geometry: Some(Vec::new()) });
    }

    #[test]
    fn ports_without_a_directory_have_no_empty_lists() {
        for nothing in ["0x00", "0xff"] {
            let error = read_by(&mut |_| Ok(format!("portb[0x0511] = {nothing}\r\n"))).unwrap_err();
            assert!(error.to_string().contains("no fw_cfg"), "{error}");
        }
    }

    #[test]
    fn an_answer_that_is_no_value_is_an_error_with_its_words() {
        let error = read_by(&mut |_| Ok("unknown command: 'i'\r\n".to_owned())).unwrap_err();
        assert!(error.to_string().ends_with("unknown command: 'i'"), "{error}");
    }
}
