//! AAVMF for 32-bit Arm on `virt`: a choice of the matrices of the other groups, and the two widths of Arm beside each other.
//!
//! The cases are made by the functions that AAVMF's for 64 bits are made by. Their ids begin with `arm32`, then have the group's name:
//! `arm32::order::nvme-before-virtio-blk`.

use bootwright::case::{Case, Tier};
use bootwright::machine::{Board, Firmware};

use crate::narrow::Guest;
use crate::networks::{ON_ARM, ON_ARM32};
use crate::{
    alone, bad_loader, first_entry, installed, installer, isolation, menu, migration, nvram, order, prelaunch, resets,
    snapshot, strict, triples, vars,
};

/// Why the cases are in the full suite only: a run whose skips are failures would be red on a host of Debian sid.
const NOT_IN_SID: &str = "AAVMF for 32-bit Arm is in a package of its own, which Debian no longer has in sid";

/// What the cases run on.
const FIRMWARE: Firmware = Firmware::Aavmf;
const BOARD: Board = Board::VirtArm;

pub fn cases() -> Vec<Case> {
    let mut cases = alone::on(FIRMWARE, BOARD);
    cases.extend(order::on(FIRMWARE, BOARD));
    cases.extend(triples::on(FIRMWARE, BOARD));
    cases.extend(first_entry::on(FIRMWARE, BOARD));
    cases.extend(bad_loader::on(FIRMWARE, BOARD));
    cases.extend(strict::on(FIRMWARE, BOARD));
    cases.push(isolation::two_at_once(FIRMWARE, BOARD));
    cases.extend(nvram::on(FIRMWARE, BOARD));
    cases.extend(installed::on(FIRMWARE, BOARD));
    cases.extend(installer::on(FIRMWARE, BOARD));
    // without a store it hangs and says nothing, where that of 64 bits says that it crashed
    cases.extend(vars::on(FIRMWARE, BOARD).into_iter().filter(|case| !case.id.ends_with("::no-store")));
    cases.extend(resets::on(ON_ARM32));
    cases.extend(prelaunch::disks_on(FIRMWARE, BOARD));
    cases.extend(migration::on(FIRMWARE, BOARD));
    cases.extend(migration::nvram(FIRMWARE, BOARD));
    cases.extend(snapshot::on(FIRMWARE, BOARD));
    cases.extend(snapshot::nvram(FIRMWARE, BOARD));
    cases.extend(menu::on_arm(BOARD));
    let over_networks = guest().cases().into_iter().chain(guest().by_stored_options());
    let cases = cases.into_iter().map(|case| ON_ARM32.in_group("arm32", case));
    cases.chain(over_networks).map(in_full_suite).collect()
}

/// The guest that the groups of networks are about.
pub fn guest() -> Guest {
    Guest { uefi: ON_ARM32, wide: ON_ARM, group: "arm32", isc: [["00:0a", "00:10"], ["00:12", "00:18"]], stored: true }
}

fn in_full_suite(mut case: Case) -> Case {
    case.tier = Tier::Long(NOT_IN_SID.to_owned());
    case
}
