//! AAVMF on `virt`: the matrices of the other groups, over again on the other architecture.
//!
//! The cases are those that OVMF runs, made by the same functions, so that a firmware is held to the same words on both. Their
//! ids begin with `aarch64`, then have the group's name: `aarch64::order::nvme-before-virtio-blk`.

mod networks;

use bootwright::case::{Case, Tier};
use bootwright::machine::{Board, Firmware};

use crate::networks::ON_ARM;
use crate::{
    alone, bad_loader, drives, first_entry, http, installed, installer, isolation, menu, migration, nvram, order,
    places, prelaunch, pxe, resets, secure_boot, snapshot, strict, systems, triples, unlisted, vars, virtio_mmio,
};

/// Why most of AAVMF's cases are in the full suite only.
const SLOW_AAVMF: &str = "an AAVMF boot takes 5 s, and a case of its kind is in the default suite";

/// One of each kind, in the default suite.
const EVERYDAY: [&str; 15] = [
    "aarch64::alone::virtio-blk",
    "aarch64::alone::nvme",
    "aarch64::alone::scsi-cd",
    "aarch64::order::virtio-scsi-before-nvme",
    "aarch64::order::nvme-before-virtio-scsi",
    "aarch64::first_entry::blank-virtio-blk",
    "aarch64::first_entry::no-drive",
    "aarch64::first_entry::rebooting-reset-system",
    "aarch64::strict::on-virtio-scsi",
    "aarch64::places::root-port::virtio-blk",
    "aarch64::resets::virtio-scsi::plugged-while-running",
    "aarch64::nvram::boot-next::without-bootindex",
    "aarch64::pxe::own-stack",
    "aarch64::http::plain",
    "aarch64::http::https",
];

/// What the cases run on.
const FIRMWARE: Firmware = Firmware::Aavmf;
const BOARD: Board = Board::Virt;

pub fn cases() -> Vec<Case> {
    let mut cases = alone::on(FIRMWARE, BOARD);
    cases.extend(order::on(FIRMWARE, BOARD));
    cases.extend(drives::on(FIRMWARE, BOARD));
    cases.extend(first_entry::on(FIRMWARE, BOARD));
    cases.extend(bad_loader::on(FIRMWARE, BOARD));
    cases.extend(strict::on(FIRMWARE, BOARD));
    cases.extend(unlisted::on(FIRMWARE, BOARD));
    cases.push(isolation::two_at_once(FIRMWARE, BOARD));
    cases.extend(triples::on(FIRMWARE, BOARD));
    cases.extend(places::on(FIRMWARE, BOARD));
    cases.extend(resets::on(ON_ARM));
    cases.extend(nvram::on(FIRMWARE, BOARD));
    cases.extend(installed::on(FIRMWARE, BOARD));
    cases.extend(installer::on(FIRMWARE, BOARD));
    cases.extend(vars::on(FIRMWARE, BOARD));
    cases.extend(migration::on(FIRMWARE, BOARD));
    cases.extend(migration::nvram(FIRMWARE, BOARD));
    cases.extend(snapshot::on(FIRMWARE, BOARD));
    cases.extend(snapshot::nvram(FIRMWARE, BOARD));
    cases.extend(prelaunch::on(ON_ARM));
    cases.extend(pxe::uefi::on(ON_ARM));
    cases.extend(http::uefi::on(ON_ARM));
    cases.extend(secure_boot::on(ON_ARM));
    cases.extend(systems::on_arm());
    cases.extend(virtio_mmio::on_arm());
    cases.extend(menu::on_arm(BOARD));
    let cases = cases.into_iter().map(|case| ON_ARM.in_group("aarch64", case));
    cases.chain(networks::cases()).map(in_tier).collect()
}

fn in_tier(mut case: Case) -> Case {
    case.tier = match EVERYDAY.contains(&case.id.as_str()) {
        true => Tier::Default,
        false => Tier::Long(SLOW_AAVMF.to_owned()),
    };
    case
}
