//! QEMU's `pseries` machine, where Linux alone is started by a program of these sources: what firmware's programs use beside it is
//! not here.

use core::arch::asm;

/// What SLOF's own programs call it.
pub const NAME: &str = "ppc64";

/// The time base, in ticks of 512 MHz.
pub fn time_stamp() -> u64 {
    let ticks: u64;
    // SAFETY: a read of the time base touches no memory.
    unsafe { asm!("mftb {}", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
    ticks
}

/// Nothing is printed past the kernel's console.
pub fn serial_flush() {}

/// There is no such device.
pub fn exit_emulator() {}

/// There is no fw_cfg.
pub fn fw_cfg_select(_: u16) {}

/// There is no fw_cfg.
pub fn fw_cfg_byte() -> u8 {
    0
}
