//! The UEFI payload: one line on the serial port about how it was started, then what its configuration says.
//!
//! For x86-64 built by `build/efi.rs` as a position-independent host executable and rewritten as a PE32+ file, since the UEFI
//! targets of rustc are an extra download; for aarch64 by that target (`docs/adr/0012-aarch64-payload.md`). The precompiled `core` of a host target uses the red zone, which an interrupt
//! handler of the firmware would overwrite: interrupts stay off except inside a call of the firmware
//! (`Firmware::call`), and this crate itself is compiled without a red zone.
//!
//! Whatever depends on the processor or on QEMU's machine is in `arch`.

#![no_std]
#![no_main]

mod arch;
mod boot_variables;
mod firmware;
mod fw_cfg;
mod install;
mod line;
mod measured;
mod memory;

use boot_variables::{Write, write_once};
use core::ffi::c_void;
use firmware::{Firmware, SystemTable};

/// Filled in by `src/payload.rs`, which looks for the magic in the finished file and repeats these offsets.
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
    magic: *b"BWEFI/1\xf7\x2c\x91\x0d\xe8\x5b\x36\xaa\x43",
    after: 0,
    name_length: 0,
    reserved: [0; 14],
    nonce: [0; 16],
    name: [0; 24],
    end: *b"BWEFIEND",
};

const EFI_SUCCESS: usize = 0;
const EFI_NOT_FOUND: usize = 14 | 1 << (usize::BITS - 1);

// In the order of `After` in src/spec.rs.
const HANG: u8 = 1;
const RETURN_TO_FIRMWARE: u8 = 2;
const REBOOT_KEYBOARD_CONTROLLER: u8 = 3;
const REBOOT_PORT_CF9: u8 = 4;
const TRIPLE_FAULT: u8 = 5;
const RESET_SYSTEM: u8 = 6;
const WRITE_BOOT_NEXT: u8 = 7;
const WRITE_BOOT_ORDER: u8 = 8;
const RETURN_SUCCESS: u8 = 9;
const IDLE: u8 = 10;
const INSTALL: u8 = 11;
const WRITE_OS_INDICATIONS: u8 = 12;

#[unsafe(no_mangle)]
extern "efiapi" fn efi_main(image: *mut c_void, system: *const SystemTable) -> usize {
    // SAFETY: the firmware calls an application's entry point with its image handle and a valid system table, and this
    // is the only thread. The volatile read keeps the compiler from using the initial value of the patched block.
    let (firmware, config) = unsafe { (Firmware::new(image, system), (&raw const CONFIG).read_volatile()) };
    measured::print(&firmware, &config.nonce);
    line::print(&firmware, &config.nonce, config.name.get(..config.name_length.into()).unwrap_or(&[]));
    match config.after {
        HANG => arch::halt(),
        IDLE => firmware.idle(),
        RETURN_TO_FIRMWARE => return firmware.leave(EFI_NOT_FOUND),
        RETURN_SUCCESS => return firmware.leave(EFI_SUCCESS),
        REBOOT_KEYBOARD_CONTROLLER => arch::reboot_by_keyboard_controller(),
        REBOOT_PORT_CF9 => arch::reboot_by_port_cf9(),
        TRIPLE_FAULT => arch::triple_fault(),
        RESET_SYSTEM => firmware.reset_cold(),
        WRITE_BOOT_NEXT if write_once(&firmware, Write::Next) => firmware.reset_cold(),
        WRITE_BOOT_ORDER if write_once(&firmware, Write::Order) => firmware.reset_cold(),
        WRITE_OS_INDICATIONS if write_once(&firmware, Write::Indications) => firmware.reset_cold(),
        INSTALL if install::sign_a_disk(&firmware) => firmware.reset_cold(),
        _ => {
            arch::exit_emulator();
            firmware.power_off();
        }
    }
    arch::halt()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    arch::halt()
}
