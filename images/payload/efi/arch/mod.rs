//! What depends on the processor and on QEMU's machine for it: serial port, fw_cfg, interrupts, ways to end or reboot.
//!
//! Each module offers the same names. A way to reboot that a machine does not have halts, so that a case which asks for
//! it there times out with the line printed instead of passing by another way.

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
mod pc;
#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
pub use pc::*;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub use aarch64::*;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
pub use riscv64::*;

#[cfg(target_arch = "powerpc64")]
mod ppc64;
#[cfg(target_arch = "powerpc64")]
pub use ppc64::*;

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(target_arch = "arm")]
pub use arm::*;

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
mod virt;
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
pub use virt::*;
