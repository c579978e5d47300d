//! The payload in user space: `/init` of an initramfs, process 1 of a Linux kernel that came over the network.
//!
//! It prints its line by the ports themselves, as the other payloads do, so that no console setting of the kernel can
//! change it; process 1 may ask for them, but where the kernel is locked down. Static, without a C library.

#![no_std]
#![no_main]

#[path = "../efi/arch/mod.rs"]
#[expect(dead_code, reason = "what only firmware's programs do stands there too")]
mod arch;
#[path = "../efi/fw_cfg.rs"]
mod fw_cfg;

use core::arch::asm;

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

// System calls (arch/x86/entry/syscalls/syscall_64.tbl) and what they are told.
const WRITE: u64 = 1;
const IOCTL: u64 = 16;
const SYSLOG: u64 = 103;
const REBOOT: u64 = 169;
const IOPL: u64 = 172;
const STANDARD_OUTPUT: u64 = 1;
const TCSBRK: u64 = 0x5409;
const SYSLOG_ACTION_CONSOLE_OFF: u64 = 6;
const REBOOT_MAGIC: [u64; 2] = [0xfee1_dead, 672_274_793];
const REBOOT_POWER_OFF: u64 = 0x4321_fedc;

/// A system call with up to four arguments; negative for an error.
fn system_call(number: u64, [first, second, third, fourth]: [u64; 4]) -> i64 {
    let result: i64;
    // SAFETY: of the calls above only write() reads memory, which its caller lends; none changes any.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") first, in("rsi") second, in("rdx") third,
            in("r10") fourth, lateout("rcx") _, lateout("r11") _, options(nostack, readonly));
    }
    result
}

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    let ports = system_call(IOPL, [3, 0, 0, 0]) == 0;
    // SAFETY: the only thread. The volatile read keeps the compiler from using the block's initial value.
    let config = unsafe { (&raw const CONFIG).read_volatile() };
    let mut line = Line::new(ports);
    line.text("\r\n");
    line.sum = 0;
    line.text("BOOTWRIGHT/1 nonce=");
    line.hex(&config.nonce);
    line.text(" medium=");
    config.name.get(..config.name_length.into()).unwrap_or(&[]).iter().for_each(|byte| line.byte(*byte));
    line.text(" via=linux arch=");
    line.text(arch::NAME);
    line.text(" bootorder=");
    line.file(b"bootorder");
    line.text(" bios-geometry=");
    line.file(b"bios-geometry");
    line.text(" tsc=");
    line.hex(&arch::time_stamp().to_be_bytes());
    let sum = line.sum;
    line.text(" sum=");
    line.hex(&sum.to_be_bytes());
    line.text(" end\r\n");
    line.flush();
    if config.after == 0 {
        match ports {
            true => arch::exit_emulator(),
            false => {
                let [one, two] = REBOOT_MAGIC;
                system_call(REBOOT, [one, two, REBOOT_POWER_OFF, 0]);
            }
        }
    }
    loop {
        core::hint::spin_loop();
    }
}

/// What is printed, on the serial port and on the debug console where SeaBIOS logs, and the sum of its bytes.
struct Line {
    sum: u16,
    /// By the ports. Where the kernel is locked down, as under Secure Boot, it hands none out (`LOCKDOWN_IOPORT` in its
    /// `security/security.c`), and the line goes to its console.
    ports: bool,
}

impl Line {
    fn new(ports: bool) -> Line {
        if !ports {
            // what the kernel says meanwhile would stand in the middle
            system_call(SYSLOG, [SYSLOG_ACTION_CONSOLE_OFF, 0, 0, 0]);
        }
        Line { sum: 0, ports }
    }

    fn byte(&mut self, byte: u8) {
        self.sum = self.sum.wrapping_add(byte.into());
        if !self.ports {
            // the console puts CR before each LF itself
            if byte != b'\r' {
                system_call(WRITE, [STANDARD_OUTPUT, &raw const byte as u64, 1, 0]);
            }
            return;
        }
        arch::serial_byte(byte);
        // SAFETY: a port write touches no memory.
        unsafe {
            asm!("out dx, al", in("dx") 0x402_u16, in("al") byte, options(nomem, nostack, preserves_flags));
        }
    }

    /// Everything has left when this returns.
    fn flush(&self) {
        if self.ports {
            return arch::serial_flush();
        }
        system_call(IOCTL, [STANDARD_OUTPUT, TCSBRK, 1, 0]);
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
        if !self.ports {
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
