//! Linux on 64-bit Arm: the serial port is the kernel's, so that the line goes to its console; fw_cfg is mapped out of `/dev/mem`
//! where its registers lie, as long as no driver has claimed them and the kernel is not locked down.

use core::arch::asm;

// System calls (include/uapi/asm-generic/unistd.h).
pub const WRITE: u64 = 64;
pub const IOCTL: u64 = 29;
pub const SYSLOG: u64 = 116;
pub const REBOOT: u64 = 142;
const MAKE_NODE: u64 = 33;
const OPEN: u64 = 56;
const MAP: u64 = 222;

const WORKING_DIRECTORY: u64 = -100_i64 as u64;
const MEMORY: &[u8] = b"/dev/mem\0";
/// A character device that its owner reads and writes; major 1, minor 1.
const NODE: [u64; 2] = [0o020_600, 1 << 8 | 1];
/// `O_RDWR | O_SYNC`.
const READ_WRITE: u64 = 0o4_010_002;
const FW_CFG: u64 = 0x0902_0000;
const PAGE: u64 = 4096;
/// `PROT_READ | PROT_WRITE`, then `MAP_SHARED | MAP_FIXED`.
const MAPPED: [u64; 2] = [3, 0x11];

/// `TCSBRK` (include/uapi/asm-generic/ioctls.h).
pub const DRAIN: u64 = 0x5409;

/// A system call; negative for an error.
pub fn system_call(number: u64, [first, second, third, fourth, fifth, sixth]: [u64; 6]) -> i64 {
    let result: i64;
    // SAFETY: of the calls here and in `main.rs` those that read memory are lent it by their callers, and the one that maps some
    // does so where this program has none.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") first => result, in("x1") second, in("x2") third,
            in("x3") fourth, in("x4") fifth, in("x5") sixth, options(nostack));
    }
    result
}

/// Maps the registers of fw_cfg at their own address.
pub fn has_fw_cfg() -> bool {
    let name = MEMORY.as_ptr() as u64;
    let [mode, device] = NODE;
    system_call(MAKE_NODE, [WORKING_DIRECTORY, name, mode, device, 0, 0]);
    let file = system_call(OPEN, [WORKING_DIRECTORY, name, READ_WRITE, 0, 0, 0]);
    let [protection, flags] = MAPPED;
    file >= 0 && system_call(MAP, [FW_CFG, PAGE, protection, flags, file as u64, FW_CFG]) == FW_CFG as i64
}

/// Whether the machine has fw_cfg, though the kernel may keep it.
pub const BOARD_HAS_FW_CFG: bool = true;

/// Whether the line goes past the console.
pub const WITHOUT_CONSOLE: bool = false;

/// Never called.
pub fn put(_: u8) {}
