//! The payload line; `src/lib.rs` has its grammar.

use crate::firmware::Firmware;
use crate::{arch, fw_cfg};

/// Prints the whole line straight on the serial port, so that no console setting of the firmware can change it.
pub fn print(firmware: &Firmware, nonce: &[u8; 16], name: &[u8]) {
    let mut buffer = [0_u8; 2048];
    text("\r\nBOOTWRIGHT/1 nonce=");
    hex(nonce);
    text(" medium=");
    name.iter().for_each(|byte| arch::serial_byte(*byte));
    text(" via=uefi arch=");
    text(arch::NAME);
    text(" boot-current=");
    numbers(firmware.variable("BootCurrent", &mut buffer));
    text(" boot-order=");
    numbers(firmware.variable("BootOrder", &mut buffer));
    text(" boot-next=");
    numbers(firmware.variable("BootNext", &mut buffer));
    text(" secure-boot=");
    match firmware.variable("SecureBoot", &mut buffer) {
        Some([0]) => text("0"),
        Some([1]) => text("1"),
        _ => text("-"),
    }
    text(" device-path=");
    optional_hex(firmware.device_path());
    text(" file-path=");
    optional_hex(firmware.file_path());
    text(" bootorder=");
    file(b"bootorder");
    text(" bios-geometry=");
    file(b"bios-geometry");
    text(" tsc=");
    hex(&arch::time_stamp().to_be_bytes());
    text(" end\r\n");
    arch::serial_flush();
}

fn text(text: &str) {
    text.bytes().for_each(arch::serial_byte);
}

fn digit(value: u8, ten: u8) {
    arch::serial_byte(if value < 10 { b'0' + value } else { ten + value - 10 });
}

fn hex(bytes: &[u8]) {
    for byte in bytes {
        digit(byte >> 4, b'a');
        digit(byte & 15, b'a');
    }
}

fn optional_hex(bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => hex(bytes),
        None => text("-"),
    }
}

/// Little-endian 16-bit numbers as four upper-case hex digits each, with commas; `-` for none.
fn numbers(bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else { return text("-") };
    for (index, pair) in bytes.chunks_exact(2).enumerate() {
        if index > 0 {
            text(",");
        }
        for byte in [pair[1], pair[0]] {
            digit(byte >> 4, b'A');
            digit(byte & 15, b'A');
        }
    }
}

fn file(name: &[u8]) {
    let Some(size) = fw_cfg::select(name) else { return text("-") };
    for _ in 0..size {
        match arch::fw_cfg_byte() {
            byte @ 0x21..=0x7e if byte != b'%' => arch::serial_byte(byte),
            byte => {
                text("%");
                hex(&[byte]);
            }
        }
    }
}
