//! PC: 16550 UART at 0x3f8, fw_cfg at ports 0x510 and 0x511, `isa-debug-exit` at 0xf4.

use core::arch::asm;

/// The architecture's short name in the UEFI specification (section 3.5.1.1).
pub const NAME: &str = "x64";

const COM1: u16 = 0x3f8;
const LINE_STATUS: u16 = COM1 + 5;
const THR_EMPTY: u8 = 0x20;
const TRANSMITTER_EMPTY: u8 = 0x40;

pub fn serial_byte(byte: u8) {
    wait_for(THR_EMPTY);
    out8(COM1, byte);
}

/// Waits until the last byte has left, so that ending the machine cannot cut the line's end off.
pub fn serial_flush() {
    wait_for(TRANSMITTER_EMPTY);
}

pub fn fw_cfg_select(item: u16) {
    // SAFETY: a port write touches no memory.
    unsafe { asm!("out dx, ax", in("dx") 0x510_u16, in("ax") item, options(nomem, nostack, preserves_flags)) };
}

pub fn fw_cfg_byte() -> u8 {
    in8(0x511)
}

/// The time stamp counter.
pub fn time_stamp() -> u64 {
    // SAFETY: every x86_64 processor has it, and nothing forbids it in ring 0.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// The interrupt flag as it was when interrupts were turned off.
pub struct Interrupts {
    on: bool,
}

impl Interrupts {
    pub fn disable() -> Self {
        let flags: u64;
        // SAFETY: reads the flags by way of the stack and clears IF; interrupts off is always a valid state.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
        Self { on: flags & 1 << 9 != 0 }
    }

    pub fn restore(&self) {
        if self.on {
            // SAFETY: the firmware had interrupts on, so its handlers are in place.
            unsafe { asm!("sti") };
        }
    }
}

/// Ends QEMU with exit status 85 if it has an `isa-debug-exit`; returns otherwise.
pub fn exit_emulator() {
    out8(0xf4, 0x2a);
}

pub fn reboot_by_keyboard_controller() {
    out8(0x64, 0xfe);
}

pub fn reboot_by_port_cf9() {
    out8(0xcf9, 0x06);
}

/// Loads an IDT without entries and faults.
pub fn triple_fault() {
    let empty = [0_u8; 10];
    // SAFETY: the machine resets; nothing runs after this.
    unsafe { asm!("lidt [{}]", "int3", in(reg) &raw const empty, options(noreturn)) };
}

/// Halts until an interrupt has been handled.
pub fn wait_for_interrupt() {
    // SAFETY: the firmware's handlers are in place, and none of this program's memory is theirs.
    unsafe { asm!("hlt") };
}

pub fn halt() -> ! {
    loop {
        // SAFETY: nothing runs after this.
        unsafe { asm!("cli", "hlt") };
    }
}

fn wait_for(status: u8) {
    while in8(LINE_STATUS) & status == 0 {}
}

fn out8(port: u16, value: u8) {
    // SAFETY: only the ports named in this module are written; none of them touches memory.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags)) };
}

fn in8(port: u16) -> u8 {
    let value;
    // SAFETY: a port read touches no memory.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags)) };
    value
}
