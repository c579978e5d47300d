//! QEMU's `virt` machine with a 64-bit Arm processor.

use core::arch::asm;

/// The architecture's short name in the UEFI specification (section 3.5.1.1).
pub const NAME: &str = "aa64";

/// The virtual counter in nanoseconds; its frequency differs between versions of QEMU.
pub fn time_stamp() -> u64 {
    const SECOND: u64 = 1_000_000_000;
    let (ticks, frequency): (u64, u64);
    // SAFETY: reads of CNTVCT_EL0 and CNTFRQ_EL0 touch no memory.
    unsafe {
        asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags));
        asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack, preserves_flags));
    }
    // frequencies are below 2^32 Hz, so that no product overflows
    let frequency = frequency.max(1);
    (ticks / frequency).wrapping_mul(SECOND).wrapping_add((ticks % frequency).wrapping_mul(SECOND) / frequency)
}

/// The interrupt mask as it was when interrupts were turned off.
pub struct Interrupts {
    daif: u64,
}

impl Interrupts {
    pub fn disable() -> Self {
        let daif: u64;
        // SAFETY: reads the mask and sets IRQ; masked is always a valid state.
        unsafe { asm!("mrs {}, daif", "msr daifset, #2", out(reg) daif) };
        Self { daif }
    }

    pub fn restore(&self) {
        // SAFETY: the value that the firmware ran with.
        unsafe { asm!("msr daif, {}", in(reg) self.daif) };
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
