//! QEMU's `virt` machine with a 32-bit Arm processor.

use core::arch::asm;

/// The architecture's short name in the UEFI specification (section 3.5.1.1).
pub const NAME: &str = "arm";

/// The virtual counter in nanoseconds; its frequency differs between versions of QEMU.
pub fn time_stamp() -> u64 {
    const SECOND: u32 = 1_000_000_000;
    let (low, high, frequency): (u32, u32, u32);
    // SAFETY: reads of CNTVCT and CNTFRQ touch no memory.
    unsafe {
        asm!("mrrc p15, 1, {}, {}, c14", out(reg) low, out(reg) high, options(nomem, nostack, preserves_flags));
        asm!("mrc p15, 0, {}, c14, c0, 0", out(reg) frequency, options(nomem, nostack, preserves_flags));
    }
    // the frequencies of QEMU divide a second, so that no 64-bit division is wanted
    (u64::from(high) << 32 | u64::from(low)).wrapping_mul((SECOND / frequency.max(1)).into())
}

/// The program status register as it was when interrupts were turned off.
pub struct Interrupts {
    status: u32,
}

impl Interrupts {
    pub fn disable() -> Self {
        let status: u32;
        // SAFETY: reads the mask and sets I; masked is always a valid state.
        unsafe { asm!("mrs {}, cpsr", "cpsid i", out(reg) status) };
        Self { status }
    }

    pub fn restore(&self) {
        // SAFETY: the value that the firmware ran with.
        unsafe { asm!("msr cpsr_c, {}", in(reg) self.status) };
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
