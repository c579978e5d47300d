//! Linux on 64-bit PowerPC, little-endian: the console is the hypervisor's, which only the kernel can reach, and QEMU's `pseries`
//! has no fw_cfg.

use core::arch::asm;

// System calls (arch/powerpc/kernel/syscalls/syscall.tbl).
pub const WRITE: u64 = 4;
pub const IOCTL: u64 = 54;
pub const REBOOT: u64 = 88;
pub const SYSLOG: u64 = 103;

/// `TCSBRK` (arch/powerpc/include/uapi/asm/ioctls.h): `_IO('t', 29)`.
pub const DRAIN: u64 = 0x2000_741d;

/// A system call; negative for an error.
pub fn system_call(number: u64, [first, second, third, fourth, fifth, sixth]: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: of the calls here and in `main.rs` only write() reads memory, which its caller lends; none changes any. The kernel
    // keeps all but the volatile registers (Documentation/arch/powerpc/syscall64-abi.rst); an error is told by a bit of cr0.
    unsafe {
        asm!("sc", "bns+ 2f", "neg 3, 3", "2:", inlateout("r0") number => _, inlateout("r3") first => result,
            inlateout("r4") second => _, inlateout("r5") third => _, inlateout("r6") fourth => _, inlateout("r7") fifth => _,
            inlateout("r8") sixth => _, lateout("r9") _, lateout("r10") _, lateout("r11") _, lateout("r12") _,
            lateout("ctr") _, lateout("xer") _, lateout("cr0") _, options(nostack));
    }
    result
}

/// There is none.
pub fn has_fw_cfg() -> bool {
    false
}

/// Whether the machine has fw_cfg, though the kernel may keep it.
pub const BOARD_HAS_FW_CFG: bool = false;

/// Whether the line goes past the console.
pub const WITHOUT_CONSOLE: bool = false;

/// Never called.
pub fn put(_: u8) {}
