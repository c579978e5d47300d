//! PC, with 64 bits or 32: 16550 UART at 0x3f8, fw_cfg at ports 0x510 and 0x511, `isa-debug-exit` at 0xf4.

use core::arch::asm;
#[cfg(target_arch = "x86")]
use core::arch::x86::_rdtsc;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::_rdtsc;

/// The architecture's short name in the UEFI specification (section 3.5.1.1).
pub const NAME: &str = if cfg!(target_arch = "x86") { "ia32" } else { "x64" };

// With 32 bits the firmware aligns its stack to four bytes (UEFI 2.10 section 2.3.2), and compiled code wants sixteen.
#[cfg(target_arch = "x86")]
core::arch::global_asm!(
    ".globl efi_entry",
    "efi_entry:",
    "push ebp",
    "mov ebp, esp",
    "and esp, -16",
    "sub esp, 8",
    "push dword ptr [ebp + 12]",
    "push dword ptr [ebp + 8]",
    "call efi_main",
    "mov esp, ebp",
    "pop ebp",
    "ret",
);

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
    // SAFETY: every processor that has UEFI has it, and nothing forbids it in ring 0.
    unsafe { _rdtsc() }
}

/// The interrupt flag as it was when interrupts were turned off.
pub struct Interrupts {
    on: bool,
}

impl Interrupts {
    pub fn disable() -> Self {
        let flags: usize;
        // SAFETY: reads the flags by way of the stack and clears IF; interrupts off is always a valid state.
        #[cfg(target_arch = "x86")]
        unsafe {
            asm!("pushfd", "pop {}", "cli", out(reg) flags)
        };
        // SAFETY: the same with 64 bits.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!("pushfq", "pop {}", "cli", out(reg) flags)
        };
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
