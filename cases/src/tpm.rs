//! Machines with a TPM 2.0: the matrices of the other groups over again, with what firmware measured as a further view.
//!
//! The expectations are those of a machine without one: a TPM changes nothing about what boots. Each program that runs reads the
//! registers and the event log, which must tell of the same attempts, programs and boot order as the firmware's own words.

use bootwright::case::{Case, Tier};
use bootwright::machine::{Board, Firmware, Tpm};

use crate::networks::{ON_ARM, ON_ARM32, ON_IA32, on_x86};
use crate::{bad_loader, first_entry, http, installed, nvram, order, pxe, resets, secure_boot};

/// Why most of them are in the full suite.
const SLOW_TPM: &str = "OVMF takes twice as long with a TPM, and a case of its kind is in the default suite";

/// One of each kind, in the default suite.
const EVERYDAY: [&str; 6] = [
    "tpm::crb::order::ovmf::q35::nvme-before-virtio-blk",
    "tpm::crb::first_entry::ovmf::q35::returning",
    "tpm::crb::secure_boot::ovmf::q35::unsigned::ahci",
    "tpm::tis::first_entry::ovmf::pc::blank-virtio-blk",
    "tpm::tis::pxe::ovmf::pc::own-stack",
    "tpm::tis::aarch64::order::virtio-blk-before-nvme",
];

/// Network cases that stand for theirs.
const OF_NETWORKS: [&str; 6] =
    ["::own-stack", "::ipxe-rom", "::file-that-is-not-there", "::ipv6", "::plain", "::https"];

pub fn cases() -> Vec<Case> {
    let loaders = bad_loader::on(Firmware::Ovmf, Board::Q35).into_iter().map(|case| with(Tpm::Tis, case));
    let resets = resets::on(on_x86(Board::Pc)).into_iter().filter(|case| case.id.contains("::virtio-scsi::"));
    let crb = on_q35().into_iter().chain(resets).chain(on_ia32()).map(|case| with(Tpm::Crb, case));
    let tis = on_pc().into_iter().chain(on_virt()).chain(on_arm32()).map(|case| with(Tpm::Tis, case));
    crb.chain(loaders).chain(tis).collect()
}

fn on_q35() -> Vec<Case> {
    let (firmware, board) = (Firmware::Ovmf, Board::Q35);
    let mut cases = against_virtio(order::on(firmware, board));
    cases.extend(first_entry::on(firmware, board));
    cases.extend(nvram::on(firmware, board));
    cases.extend(installed::on(firmware, board));
    // those of each kind that are in the default suite
    cases.extend(secure_boot::cases().into_iter().filter(|case| case.tier == Tier::Default));
    cases.extend(of_networks(http::uefi::on(on_x86(board))));
    cases
}

fn on_ia32() -> Vec<Case> {
    let (firmware, board) = (ON_IA32.firmware, ON_IA32.board);
    let mut cases = against_virtio(order::on(firmware, board));
    cases.extend(first_entry::on(firmware, board));
    cases.extend(nvram::on(firmware, board));
    cases.extend(of_networks(pxe::uefi::on(ON_IA32)));
    cases.into_iter().map(|case| ON_IA32.in_group("ia32", case)).collect()
}

fn on_pc() -> Vec<Case> {
    let guest = on_x86(Board::Pc);
    let mut cases = first_entry::on(guest.firmware, guest.board);
    cases
        .extend(of_networks(pxe::uefi::cases().into_iter().filter(|case| case.machine.board == guest.board).collect()));
    cases
}

fn on_virt() -> Vec<Case> {
    let mut cases = against_virtio(order::on(ON_ARM.firmware, ON_ARM.board));
    cases.extend(of_networks(pxe::uefi::on(ON_ARM)));
    cases.into_iter().map(|case| ON_ARM.in_group("aarch64", case)).collect()
}

fn on_arm32() -> Vec<Case> {
    let (firmware, board) = (ON_ARM32.firmware, ON_ARM32.board);
    let mut cases = against_virtio(order::on(firmware, board));
    cases.extend(first_entry::on(firmware, board));
    cases.extend(nvram::on(firmware, board));
    cases.into_iter().map(|case| ON_ARM32.in_group("arm32", case)).collect()
}

/// Each class once as the one that boots, and once as the one that does not.
fn against_virtio(cases: Vec<Case>) -> Vec<Case> {
    let fits = |case: &Case| {
        case.id.split("::").last().is_some_and(|pair| pair.split("-before-").any(|class| class == "virtio-blk"))
    };
    cases.into_iter().filter(fits).collect()
}

fn of_networks(cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().filter(|case| OF_NETWORKS.iter().any(|name| case.id.ends_with(name))).collect()
}

/// The same case on a machine with a TPM.
fn with(tpm: Tpm, mut case: Case) -> Case {
    case.id = format!("tpm::{}::{}", tpm.word(), case.id);
    case.machine = case.machine.tpm(tpm);
    case.control = case.control.map(|control| control.tpm(tpm));
    // its own axes are covered where it is from
    case.axes.retain(|axis, _| ["firmware", "machine"].contains(&axis.as_str()));
    case.axes.insert("tpm".to_owned(), tpm.word().to_owned());
    case.tier = match EVERYDAY.contains(&case.id.as_str()) {
        true => Tier::Default,
        false => Tier::Long(SLOW_TPM.to_owned()),
    };
    case
}
