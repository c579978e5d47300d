//! The payload in user space: `/init` of an initramfs, process 1 of a Linux kernel that came over the network.
//!
//! What depends on the processor is in a module of its name. Static, without a C library.

#![no_std]
#![no_main]

#[path = "../efi/arch/mod.rs"]
#[cfg_attr(not(target_arch = "powerpc64"), expect(dead_code, reason = "what only firmware's programs do stands there too"))]
mod arch;
#[path = "../efi/fw_cfg.rs"]
mod fw_cfg;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "powerpc64")]
mod ppc64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as kernel;
#[cfg(target_arch = "powerpc64")]
use ppc64 as kernel;
#[cfg(target_arch = "x86_64")]
use x86_64 as kernel;

use kernel::{DRAIN, IOCTL, REBOOT, SYSLOG, WRITE, system_call};

/// Filled in by `src/payload.rs`; laid out as the EFI application's block.
#[repr(C)]
struct Config {
    magic: [u8; 16],
    after: u8,
    name_length: u8,
    reserved: [u8; 14],
    nonce: [u8; 16],
    name: [u8; 24],
    end: [u8; 8],
}

#[unsafe(link_section = ".data")]
static mut CONFIG: Config = Config {
    magic: *b"BWLNX/1\xf7\x2c\x91\x0d\xe8\x5b\x36\xaa\x43",
    after: 0,
    name_length: 0,
    reserved: [0; 14],
    nonce: [0; 16],
    name: [0; 24],
    end: *b"BWLNXEND",
};

// What system calls are told.
const STANDARD_OUTPUT: u64 = 1;
const SYSLOG_ACTION_CONSOLE_OFF: u64 = 6;
const REBOOT_MAGIC: [u64; 2] = [0xfee1_dead, 672_274_793];
const REBOOT_POWER_OFF: u64 = 0x4321_fedc;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let fw_cfg = kernel::has_fw_cfg();
    // SAFETY: the only thread. The volatile read keeps the compiler from using the block's initial value.
    let config = unsafe { (&raw const CONFIG).read_volatile() };
    let mut line = Line::new(fw_cfg);
    line.text("\r\n");
    line.sum = 0;
    line.text("BOOTWRIGHT/1 nonce=");
    line.hex(&config.nonce);
    line.text(" medium=");
    config.name.get(..config.name_length.into()).unwrap_or(&[]).iter().for_each(|byte| line.byte(*byte));
    line.text(" via=linux arch=");
    line.text(arch::NAME);
    if kernel::BOARD_HAS_FW_CFG {
        line.text(" bootorder=");
        line.file(b"bootorder");
        line.text(" bios-geometry=");
        line.file(b"bios-geometry");
    }
    line.text(" tsc=");
    line.hex(&arch::time_stamp().to_be_bytes());
    let sum = line.sum;
    line.text(" sum=");
    line.hex(&sum.to_be_bytes());
    line.text(" end\r\n");
    line.flush();
    if config.after == 0 {
        if !line.on_console {
            arch::exit_emulator();
        }
        let [one, two] = REBOOT_MAGIC;
        system_call(REBOOT, [one, two, REBOOT_POWER_OFF, 0, 0, 0]);
    }
    loop {
        core::hint::spin_loop();
    }
}

/// What is printed, and the sum of its bytes.
struct Line {
    sum: u16,
    /// Its files can be read. Where the kernel is locked down, as under Secure Boot, it hands out neither ports nor memory
    /// (`LOCKDOWN_IOPORT` and `LOCKDOWN_DEV_MEM` in its `security/security.c`).
    fw_cfg: bool,
    /// It goes to the kernel's console.
    on_console: bool,
}

impl Line {
    fn new(fw_cfg: bool) -> Line {
        let on_console = !(fw_cfg && kernel::WITHOUT_CONSOLE);
        if on_console {
            // what the kernel says meanwhile would stand in the middle
            system_call(SYSLOG, [SYSLOG_ACTION_CONSOLE_OFF, 0, 0, 0, 0, 0]);
        }
        Line { sum: 0, fw_cfg, on_console }
    }

    fn byte(&mut self, byte: u8) {
        self.sum = self.sum.wrapping_add(byte.into());
        match self.on_console {
            false => kernel::put(byte),
            // the console puts CR before each LF itself
            true if byte == b'\r' => {}
            true => {
                system_call(WRITE, [STANDARD_OUTPUT, &raw const byte as u64, 1, 0, 0, 0]);
            }
        }
    }

    /// Everything has left when this returns.
    fn flush(&self) {
        if !self.on_console {
            return arch::serial_flush();
        }
        system_call(IOCTL, [STANDARD_OUTPUT, DRAIN, 1, 0, 0, 0]);
    }

    fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(byte));
    }

    fn hex(&mut self, bytes: &[u8]) {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + value - 10 };
        for byte in bytes {
            self.byte(digit(byte >> 4));
            self.byte(digit(byte & 15));
        }
    }

    fn file(&mut self, name: &[u8]) {
        if !self.fw_cfg {
            return self.text("?");
        }
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

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
