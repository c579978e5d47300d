//! edk2 on `virt` of RISC-V: a choice of the matrices of the other groups, and PXE.
//!
//! The cases are made by the functions that OVMF's and AAVMF's are made by. Their ids begin with `riscv64`, then have the group's
//! name: `riscv64::order::nvme-before-virtio-blk`.

use bootwright::case::{Case, Tier};
use bootwright::machine::{Board, Firmware};

use crate::networks::ON_RISCV;
use crate::{alone, bad_loader, first_entry, order, pxe, strict};

/// Why most of the cases are in the full suite only.
const SLOW_RISCVVIRT: &str = "a boot of edk2 on RISC-V takes 10 s, and a case of its kind is in the default suite";

/// In the default suite.
const EVERYDAY: [&str; 4] = [
    "riscv64::alone::virtio-blk",
    "riscv64::order::nvme-before-virtio-blk",
    "riscv64::first_entry::blank-virtio-blk",
    "riscv64::pxe::own-stack",
];

/// What the cases run on.
const FIRMWARE: Firmware = Firmware::RiscVVirt;
const BOARD: Board = Board::VirtRiscv64;

pub fn cases() -> Vec<Case> {
    let mut cases = alone::on(FIRMWARE, BOARD);
    cases.extend(order::on(FIRMWARE, BOARD));
    cases.extend(first_entry::on(FIRMWARE, BOARD));
    cases.extend(bad_loader::on(FIRMWARE, BOARD));
    cases.extend(strict::on(FIRMWARE, BOARD));
    cases.extend(pxe::uefi::of_one_server(ON_RISCV));
    cases.into_iter().map(in_this_group).collect()
}

/// A case of another group under this one's name.
fn in_this_group(mut case: Case) -> Case {
    let (firmware, board) = (FIRMWARE.name(), BOARD.name());
    case.id = format!("riscv64::{}", case.id.replacen(&format!("::{firmware}::{board}"), "", 1));
    case.tier = match EVERYDAY.contains(&case.id.as_str()) {
        true => Tier::Default,
        false => Tier::Long(SLOW_RISCVVIRT.to_owned()),
    };
    case
}
