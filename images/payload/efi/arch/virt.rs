//! QEMU's `virt` machine for Arm, whatever its processor's width: PL011 at 0x0900_0000, fw_cfg at 0x0902_0000 (`hw/arm/virt.c`). There is
//! no emulator exit: the caller powers off.

use core::ptr;

const PL011_DATA: *mut u32 = 0x0900_0000 as *mut u32;
const PL011_FLAGS: *const u32 = 0x0900_0018 as *const u32;
const TRANSMIT_FULL: u32 = 1 << 5;
const BUSY: u32 = 1 << 3;
const FW_CFG_DATA: *const u8 = 0x0902_0000 as *const u8;
const FW_CFG_SELECTOR: *mut u16 = 0x0902_0008 as *mut u16;

pub fn serial_byte(byte: u8) {
    // SAFETY: device memory of the `virt` machine, identity mapped by the firmware.
    unsafe {
        while ptr::read_volatile(PL011_FLAGS) & TRANSMIT_FULL != 0 {}
        ptr::write_volatile(PL011_DATA, byte.into());
    }
}

/// Waits until the last byte has left, so that ending the machine cannot cut the line's end off.
pub fn serial_flush() {
    // SAFETY: as in `serial_byte`.
    while unsafe { ptr::read_volatile(PL011_FLAGS) } & BUSY != 0 {}
}

pub fn fw_cfg_select(item: u16) {
    // SAFETY: as in `serial_byte`. The selector register is big-endian.
    unsafe { ptr::write_volatile(FW_CFG_SELECTOR, item.to_be()) };
}

pub fn fw_cfg_byte() -> u8 {
    // SAFETY: as in `serial_byte`.
    unsafe { ptr::read_volatile(FW_CFG_DATA) }
}
