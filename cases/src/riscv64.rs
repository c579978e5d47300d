//! edk2 on `virt` of RISC-V: a choice of the matrices of the other groups.
//!
//! The cases are made by the functions that OVMF's and AAVMF's are made by. Their ids begin with `riscv64`, then have the group's
//! name: `riscv64::order::nvme-before-virtio-blk`.

use bootwright::case::{Case, Tier};
use bootwright::machine::{Board, Firmware};

use crate::networks::ON_RISCV;
use crate::stored_option::Guest;
use crate::{alone, bad_loader, first_entry, order, strict};

/// Why the cases are in the full suite only: a run whose skips are failures would be red on a host of Debian 12.
const NOT_IN_BOOKWORM: &str = "Debian 12 packages no edk2 for RISC-V, and a boot takes 10 s";

/// Those of other firmware that nothing would show here: that setup was opened, of which this firmware prints no line; that a
/// program halts, which this processor's registers do not tell; and how long a machine runs that a reset sets the clock of to 0
/// (`riscv_aclint_mtimer_reset_enter` in QEMU's `hw/intc/riscv_aclint.c`).
const UNSEEN: [&str; 3] = ["::returning-success", "::halted", "::idling"];

/// What the cases run on.
const FIRMWARE: Firmware = Firmware::RiscVVirt;
const BOARD: Board = Board::VirtRiscv64;

pub fn cases() -> Vec<Case> {
    let mut cases = alone::on(FIRMWARE, BOARD);
    cases.extend(order::on(FIRMWARE, BOARD));
    cases.extend(first_entry::on(FIRMWARE, BOARD));
    cases.extend(bad_loader::on(FIRMWARE, BOARD));
    cases.extend(strict::on(FIRMWARE, BOARD));
    cases
        .into_iter()
        .filter(|case| !UNSEEN.iter().any(|end| case.id.ends_with(end)))
        .map(in_this_group)
        .chain(over_a_network())
        .map(in_full_suite)
        .collect()
}

fn over_a_network() -> Vec<Case> {
    let guest = Guest { uefi: ON_RISCV, group: "riscv64", isc: ["00:1b", "00:27"] };
    let mut cases = guest.cases();
    // with the extension for random numbers
    cases.push(guest.random_instruction("rv64,zkr=true"));
    cases
}

/// A case of another group under this one's name.
fn in_this_group(mut case: Case) -> Case {
    let (firmware, board) = (FIRMWARE.name(), BOARD.name());
    case.id = format!("riscv64::{}", case.id.replacen(&format!("::{firmware}::{board}"), "", 1));
    case
}

fn in_full_suite(mut case: Case) -> Case {
    case.tier = Tier::Long(NOT_IN_BOOKWORM.to_owned());
    case
}
