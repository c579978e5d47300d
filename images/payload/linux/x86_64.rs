//! Linux on x86-64: the payload writes to the ports themselves, as the other payloads do, so that no console setting of the kernel
//! can change its line; process 1 may ask for them, but where the kernel is locked down.

use core::arch::asm;

use crate::arch;

// System calls (arch/x86/entry/syscalls/syscall_64.tbl).
pub const WRITE: u64 = 1;
pub const IOCTL: u64 = 16;
pub const SYSLOG: u64 = 103;
pub const REBOOT: u64 = 169;
const IOPL: u64 = 172;

/// `TCSBRK` (include/uapi/asm-generic/ioctls.h).
pub const DRAIN: u64 = 0x5409;

/// A system call; negative for an error.
pub fn system_call(number: u64, [first, second, third, fourth, ..]: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: of the calls here and in `main.rs` only write() reads memory, which its caller lends; none changes any.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") first, in("rsi") second, in("rdx") third,
            in("r10") fourth, lateout("rcx") _, lateout("r11") _, options(nostack, readonly));
    }
    result
}

/// Asks for fw_cfg.
pub fn has_fw_cfg() -> bool {
    system_call(IOPL, [3, 0, 0, 0, 0, 0]) == 0
}

/// Whether the machine has fw_cfg, though the kernel may keep it.
pub const BOARD_HAS_FW_CFG: bool = true;

/// Whether the line goes to the ports, which come with fw_cfg.
pub const WITHOUT_CONSOLE: bool = true;

/// A byte of the line, on the serial port and on the debug console where SeaBIOS logs.
pub fn put(byte: u8) {
    arch::serial_byte(byte);
    // SAFETY: a port write touches no memory.
    unsafe {
        asm!("out dx, al", in("dx") 0x402_u16, in("al") byte, options(nomem, nostack, preserves_flags));
    }
}
