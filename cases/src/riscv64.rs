//! edk2 on `virt` of RISC-V: a choice of the matrices of the other groups.

use bootwright::case::Case;

use crate::networks::ON_RISCV;
use crate::stored_option::Guest;
use crate::virt::Group;

const GUEST: Guest = Guest { uefi: ON_RISCV, group: "riscv64", isc: ["00:1b", "00:27"] };

const GROUP: Group = Group {
    guest: GUEST,
    // that a program halts, which this processor's registers do not tell; and how long a machine runs that a reset sets the clock of
    // to 0 (`riscv_aclint_mtimer_reset_enter` in QEMU's `hw/intc/riscv_aclint.c`)
    unseen: &["::halted", "::idling"],
    not_in_bookworm: "Debian 12 packages no edk2 for RISC-V, and a boot takes 10 s",
};

pub fn cases() -> Vec<Case> {
    // with the extension for random numbers
    GROUP.cases(vec![GUEST.random_instruction("rv64,zkr=true")])
}
