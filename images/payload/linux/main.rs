//! The payload in user space: `/init` of an initramfs, process 1 of a Linux kernel that came over the network.
//!
//! It prints its line by the ports themselves, as the other payloads do, so that no console setting of the kernel can
//! change it; process 1 may ask for them. Static, without a C library.

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

const IOPL: u64 = 172;

#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    // SAFETY: iopl(3) lets this process reach I/O ports and changes nothing else (arch/x86/kernel/ioport.c).
    unsafe {
        asm!("syscall", inlateout("rax") IOPL => _, in("rdi") 3_u64, lateout("rcx") _, lateout("r11") _, options(nostack))
    };
    // SAFETY: the only thread. The volatile read keeps the compiler from using the block's initial value.
    let config = unsafe { (&raw const CONFIG).read_volatile() };
    text("\r\nBOOTWRIGHT/1 nonce=");
    hex(&config.nonce);
    text(" medium=");
    config.name.get(..config.name_length.into()).unwrap_or(&[]).iter().for_each(|byte| put(*byte));
    text(" via=linux arch=");
    text(arch::NAME);
    text(" bootorder=");
    file(b"bootorder");
    text(" bios-geometry=");
    file(b"bios-geometry");
    text(" tsc=");
    hex(&arch::time_stamp().to_be_bytes());
    text(" end\r\n");
    arch::serial_flush();
    if config.after == 0 {
        arch::exit_emulator();
    }
    loop {
        core::hint::spin_loop();
    }
}

/// On the serial port, and on the debug console where SeaBIOS logs.
fn put(byte: u8) {
    arch::serial_byte(byte);
    // SAFETY: a port write touches no memory.
    unsafe { asm!("out dx, al", in("dx") 0x402_u16, in("al") byte, options(nomem, nostack, preserves_flags)) };
}

fn text(text: &str) {
    text.bytes().for_each(put);
}

fn hex(bytes: &[u8]) {
    let digit = |value: u8| put(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    for byte in bytes {
        digit(byte >> 4);
        digit(byte & 15);
    }
}

fn file(name: &[u8]) {
    let Some(size) = fw_cfg::select(name) else { return text("-") };
    for _ in 0..size {
        match arch::fw_cfg_byte() {
            byte @ 0x21..=0x7e if byte != b'%' => put(byte),
            byte => {
                text("%");
                hex(&[byte]);
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
