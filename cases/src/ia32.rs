//! OVMF for IA32 on `q35`: a choice of the matrices of the other groups, and the two widths of x86 beside each other.
//!
//! The cases are made by the functions that OVMF's for x86-64 are made by. Their ids begin with `ia32`, then have the group's name:
//! `ia32::order::nvme-before-virtio-blk`.

use bootwright::case::{Case, Tier};
use bootwright::machine::{Board, Firmware};

use crate::narrow::Guest;
use crate::networks::{ON_IA32, on_x86};
use crate::{
    alone, bad_loader, first_entry, http, installed, installer, isolation, menu, migration, nvram, order, prelaunch,
    pxe, resets, secure_boot, snapshot, strict, triples, vars,
};

/// Why the cases are in the full suite only: a run whose skips are failures would be red on a host of Debian sid.
const NOT_IN_SID: &str = "OVMF for IA32 is in a package of its own, which Debian no longer has in sid";

/// Stories of HTTP boot that depend on the processor or its firmware's build.
const OVER_HTTP: [&str; 6] =
    ["::plain", "::chunked", "::redirect", "::status-404", "::reply-without-http-client", "::https"];

/// What the cases run on.
const FIRMWARE: Firmware = Firmware::Ovmf;
const BOARD: Board = Board::Q35Ia32;

/// A store with which the firmware crashes, as one built with SMM does where there is none. With a damaged one that takes it half a minute
/// on IA32, so that one stands for all.
fn crashes(case: &Case) -> bool {
    ["::erased", "::garbage", "::absent"].iter().any(|damage| case.id.contains(damage))
}

/// The one.
const CRASH: &str = "::erased-store-header::at-first";

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
    cases.extend(vars::on(FIRMWARE, BOARD).into_iter().filter(|case| !crashes(case) || case.id.ends_with(CRASH)));
    cases.extend(resets::on(ON_IA32));
    cases.extend(prelaunch::on(ON_IA32));
    cases.extend(migration::on(FIRMWARE, BOARD));
    cases.extend(migration::nvram(FIRMWARE, BOARD));
    cases.extend(snapshot::on(FIRMWARE, BOARD));
    cases.extend(snapshot::nvram(FIRMWARE, BOARD));
    // the package's template of a store has nobody's keys
    cases.extend(secure_boot::on(ON_IA32).into_iter().filter(|case| !case.id.ends_with("::keys-of-vendors")));
    cases.extend(menu::on_x86(BOARD));
    cases.extend(pxe::uefi::on(ON_IA32));
    let over_http = http::uefi::on(ON_IA32);
    cases.extend(over_http.into_iter().filter(|case| OVER_HTTP.iter().any(|end| case.id.ends_with(end))));
    let cases = cases.into_iter().map(|case| ON_IA32.in_group("ia32", case));
    cases.chain(guest().cases()).map(in_full_suite).collect()
}

/// The guest that the groups of networks are about.
pub fn guest() -> Guest {
    Guest {
        uefi: ON_IA32,
        wide: on_x86(Board::Q35),
        group: "ia32",
        isc: [["00:06", "00:07"], ["00:0f", "00:15"]],
        stored: false,
    }
}

fn in_full_suite(mut case: Case) -> Case {
    case.tier = Tier::Long(NOT_IN_SID.to_owned());
    case
}
