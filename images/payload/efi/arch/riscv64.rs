//! QEMU's `virt` machine for RISC-V: 16550 UART at 0x1000_0000, fw_cfg at 0x1010_0000 (`hw/riscv/virt.c`). No emulator exit: the
//! caller powers off.

use core::arch::asm;
use core::ptr;

/// The architecture's short name in the UEFI specification (section 3.5.1.1).
pub const NAME: &str = "riscv64";

const UART_DATA: *mut u8 = 0x1000_0000 as *mut u8;
const LINE_STATUS: *const u8 = 0x1000_0005 as *const u8;
const THR_EMPTY: u8 = 0x20;
const TRANSMITTER_EMPTY: u8 = 0x40;
const FW_CFG_DATA: *const u8 = 0x1010_0000 as *const u8;
const FW_CFG_SELECTOR: *mut u16 = 0x1010_0008 as *mut u16;

/// Bit SIE of `sstatus`.
const SIE: usize = 1 << 1;

/// Nanoseconds of one tick of `time`: 10 MHz (`RISCV_ACLINT_DEFAULT_TIMEBASE_FREQ` in QEMU's `include/hw/intc/riscv_aclint.h`).
const TICK: u64 = 100;

pub fn serial_byte(byte: u8) {
    wait_for(THR_EMPTY);
    // SAFETY: device memory of the `virt` machine, identity mapped by the firmware.
    unsafe { ptr::write_volatile(UART_DATA, byte) };
}

/// Waits until the last byte has left, so that ending the machine cannot cut the line's end off.
pub fn serial_flush() {
    wait_for(TRANSMITTER_EMPTY);
}

fn wait_for(status: u8) {
    // SAFETY: as in `serial_byte`.
    while unsafe { ptr::read_volatile(LINE_STATUS) } & status == 0 {}
}

pub fn fw_cfg_select(item: u16) {
    // SAFETY: as in `serial_byte`. The selector register is big-endian.
    unsafe { ptr::write_volatile(FW_CFG_SELECTOR, item.to_be()) };
}

pub fn fw_cfg_byte() -> u8 {
    // SAFETY: as in `serial_byte`.
    unsafe { ptr::read_volatile(FW_CFG_DATA) }
}

/// The timer in nanoseconds.
pub fn time_stamp() -> u64 {
    let ticks: u64;
    // SAFETY: a read of `time` touches no memory.
    unsafe { asm!("rdtime {}", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
    ticks.wrapping_mul(TICK)
}

/// The interrupt enable bit as it was when interrupts were turned off.
pub struct Interrupts {
    sstatus: usize,
}

impl Interrupts {
    pub fn disable() -> Self {
        let sstatus: usize;
        // SAFETY: reads `sstatus` and clears SIE; interrupts off is always a valid state in S mode, which UEFI runs in.
        unsafe { asm!("csrrc {}, sstatus, {}", out(reg) sstatus, in(reg) SIE) };
        Self { sstatus }
    }

    pub fn restore(&self) {
        // SAFETY: sets SIE where the firmware had it set, so its handlers are in place.
        unsafe { asm!("csrs sstatus, {}", in(reg) self.sstatus & SIE) };
    }
}

pub fn exit_emulator() {}

pub fn reboot_by_keyboard_controller() {}

pub fn reboot_by_port_cf9() {}

pub fn triple_fault() {}

/// Waits until an interrupt is pending, which is handled where it is not masked.
pub fn wait_for_interrupt() {
    // SAFETY: the firmware's handlers are in place, and none of this program's memory is theirs.
    unsafe { asm!("wfi") };
}

pub fn halt() -> ! {
    Interrupts::disable();
    loop {
        // SAFETY: waits for an interrupt that is masked.
        unsafe { asm!("wfi") };
    }
}
