//! The payload line; `src/lib.rs` has its grammar.

use crate::firmware::Firmware;
use crate::{arch, fw_cfg};

/// Prints the whole line straight on the serial port, so that no console setting of the firmware can change it.
pub fn print(firmware: &Firmware, nonce: &[u8; 16], name: &[u8]) {
    let mut buffer = [0_u8; 2048];
    let mut line = Line::begin("BOOTWRIGHT/1", nonce);
    line.text(" medium=");
    name.iter().for_each(|byte| line.byte(*byte));
    line.text(" via=uefi arch=");
    line.text(arch::NAME);
    line.text(" boot-current=");
    line.numbers(firmware.variable("BootCurrent", &mut buffer));
    line.text(" boot-order=");
    line.numbers(firmware.variable("BootOrder", &mut buffer));
    line.text(" boot-next=");
    line.numbers(firmware.variable("BootNext", &mut buffer));
    line.text(" secure-boot=");
    match firmware.variable("SecureBoot", &mut buffer) {
        Some([0]) => line.text("0"),
        Some([1]) => line.text("1"),
        _ => line.text("-"),
    }
    line.text(" device-path=");
    line.optional_hex(firmware.device_path());
    line.text(" file-path=");
    line.optional_hex(firmware.file_path());
    line.text(" load-options=");
    line.optional_hex(firmware.load_options());
    line.text(" bootorder=");
    line.file(b"bootorder");
    line.text(" bios-geometry=");
    line.file(b"bios-geometry");
    line.text(" tsc=");
    line.hex(&arch::time_stamp().to_be_bytes());
    line.end();
    arch::serial_flush();
}

/// What is printed, and the sum of its bytes.
pub struct Line {
    sum: u16,
}

impl Line {
    /// A line that begins with `magic` and the nonce.
    pub fn begin(magic: &str, nonce: &[u8; 16]) -> Line {
        Line { sum: 0 }.text("\r\n");
        let mut line = Line { sum: 0 };
        line.text(magic);
        line.text(" nonce=");
        line.hex(nonce);
        line
    }

    /// Its sum and its end.
    pub fn end(mut self) {
        let sum = self.sum;
        self.text(" sum=");
        self.hex(&sum.to_be_bytes());
        self.text(" end\r\n");
    }

    fn byte(&mut self, byte: u8) {
        self.sum = self.sum.wrapping_add(byte.into());
        arch::serial_byte(byte);
    }

    pub fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
    }

    fn digit(&mut self, value: u8, ten: u8) {
        self.byte(if value < 10 { b'0' + value } else { ten + value - 10 });
    }

    pub fn hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.digit(byte >> 4, b'a');
            self.digit(byte & 15, b'a');
        }
    }

    pub fn optional_hex(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.hex(bytes),
            None => self.text("-"),
        }
    }

    /// Little-endian 16-bit numbers as four upper-case hex digits each, with commas; `-` for none.
    fn numbers(&mut self, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else { return self.text("-") };
        for (index, pair) in bytes.chunks_exact(2).enumerate() {
            if index > 0 {
                self.text(",");
            }
            for byte in [pair[1], pair[0]] {
                self.digit(byte >> 4, b'A');
                self.digit(byte & 15, b'A');
            }
        }
    }

    fn file(&mut self, name: &[u8]) {
        let Some(size) = fw_cfg::select(name) else { return self.text("-") };
        for _ in 0..size {
            match arch::fw_cfg_byte() {
                byte @ 0x21..=0x7e if byte != b'%' => self.byte(byte),
                byte => {
                    self.text("%");
                    self.hex(&[byte]);
                }
            }
        }
    }
}
