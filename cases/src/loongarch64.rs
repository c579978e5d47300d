//! edk2 on `virt` of LoongArch: a choice of the matrices of the other groups.
//!
//! The cases are made by the functions that OVMF's and AAVMF's are made by. Their ids begin with `loongarch64`, then have the group's
//! name: `loongarch64::order::nvme-before-virtio-blk`.

use bootwright::case::{Case, Tier};
use bootwright::machine::{Board, Firmware};

use crate::networks::ON_LOONGARCH;
use crate::stored_option::Guest;
use crate::{alone, bad_loader, first_entry, order, strict};

/// Why the cases are in the full suite only: a run whose skips are failures would be red on a host of Debian 12.
const NOT_IN_BOOKWORM: &str = "Debian 12 packages no edk2 for LoongArch, and a boot takes 10 s";

/// Those of other firmware that nothing would show here: that a program halts, which this processor's registers do not tell; and
/// that one which idles was reset, whose control hangs and so ends at a deadline, which refutes nothing.
const UNSEEN: [&str; 2] = ["::halted", "::idling"];

/// What the cases run on.
const FIRMWARE: Firmware = Firmware::LoongArchVirt;
const BOARD: Board = Board::VirtLoongarch64;

pub fn cases() -> Vec<Case> {
    let mut cases = alone::on(FIRMWARE, BOARD);
    cases.extend(order::on(FIRMWARE, BOARD));
    cases.extend(first_entry::on(FIRMWARE, BOARD));
    cases.extend(bad_loader::on(FIRMWARE, BOARD));
    cases.extend(strict::on(FIRMWARE, BOARD));
    let cases = cases.into_iter().filter(|case| !UNSEEN.iter().any(|end| case.id.ends_with(end)));
    let guest = Guest { uefi: ON_LOONGARCH, group: "loongarch64", isc: ["00:27", "00:39"] };
    cases.map(in_this_group).chain(guest.cases()).map(in_full_suite).collect()
}

/// A case of another group under this one's name.
fn in_this_group(mut case: Case) -> Case {
    let (firmware, board) = (FIRMWARE.name(), BOARD.name());
    case.id = format!("loongarch64::{}", case.id.replacen(&format!("::{firmware}::{board}"), "", 1));
    case
}

fn in_full_suite(mut case: Case) -> Case {
    case.tier = Tier::Long(NOT_IN_BOOKWORM.to_owned());
    case
}
