//! What bootwright asserts, one case after another.
//!
//! [`all`] gives every case in a stable order. A group of cases is one file; a matrix is a loop over data that yields cases
//! with stable ids, with every axis in the id.

#![deny(missing_docs)]

mod aarch64;
mod alone;
mod arm32;
mod bad_loader;
mod bridge;
mod classes;
pub mod coverage;
mod drives;
mod field;
mod first_entry;
mod http;
mod ia32;
mod installed;
mod installer;
mod isolation;
mod loaders;
mod loongarch64;
mod menu;
mod migration;
mod narrow;
mod networks;
mod nvram;
mod order;
mod own_firmware;
mod places;
mod ppc64;
mod prelaunch;
mod pxe;
mod resets;
mod riscv64;
mod s390x;
mod secure_boot;
mod setup;
mod snapshot;
mod stored_option;
mod strict;
mod systems;
mod tiers;
mod tpm;
mod triples;
mod unlisted;
mod vars;
mod virt;
mod virtio_mmio;
mod width;

use bootwright::case::Case;

pub(crate) use tiers::{SEVERAL_OVMF, SLOW_OVMF, UNSETTLED, quick_or_long};

/// What the project knows about the defects of QEMU and firmware that its cases meet.
pub const KNOWN_ISSUES: &str = include_str!("../known-issues.toml");

/// Every case, in the order of the listing. A case that does not say what it is about is about what its group is.
pub fn all() -> Vec<Case> {
    let groups = [
        ("one drive alone boots, of every class, partition table and file system", alone::cases()),
        ("of two bootable drives the one with the lower bootindex boots", order::cases()),
        ("drives on further adapters, behind a hub, of several namespaces, and with other sectors", drives::cases()),
        ("what the firmware does after a first entry that does not boot", first_entry::cases()),
        ("what cannot be run at the removable media path: OVMF goes on with the next entry", bad_loader::cases()),
        ("what UEFI Secure Boot lets through: signatures, db and dbx, setup mode", secure_boot::cases()),
        (
            "what shim lets through: keys that were enrolled, sections .sbat and the level in the store",
            secure_boot::shim::cases(),
        ),
        ("what keys let through that setup's own pages enrolled", secure_boot::enrol::cases()),
        ("devices without a bootindex, with -boot strict on and off", strict::cases()),
        ("the firmware's own order, where nothing or nothing valid has a bootindex", unlisted::cases()),
        ("two machines that run at once have nothing in common", isolation::cases()),
        ("of three bootable drives the one with the lowest bootindex boots", triples::cases()),
        ("bootindex leads to a device at every place of the PCI hierarchy", places::cases()),
        ("what a reset does to the boot order", resets::cases()),
        ("what OVMF keeps in its variable store from one power-on to the next", nvram::cases()),
        (
            "installed systems: a loader at a path of its own, and the boot variables that lead to it",
            installed::cases(),
        ),
        ("an installer's medium before the system: ejected, or left in", installer::cases()),
        ("variable stores that are damaged, full, read-only, missing or of another version", vars::cases()),
        ("the boot order after a migration to another QEMU", migration::cases()),
        ("the boot order after a return to a snapshot", snapshot::cases()),
        ("devices that come, go or change rank before the guest's first instruction", prelaunch::cases()),
        ("network boot by DHCP and TFTP", pxe::cases()),
        ("network boot by HTTP and HTTPS", http::cases()),
        ("boot programs that others wrote, loaded over the network", loaders::cases()),
        ("whole systems: a loader that others wrote, a kernel, and user space", systems::cases()),
        ("the boot menu: what it lists, what is chosen, how long it is offered", menu::cases()),
        ("network boot over a real bridge, firewall and servers", bridge::cases()),
        ("what users reported of their virtual machines", field::cases()),
        ("AAVMF on aarch64 does what OVMF does", aarch64::cases()),
        ("OVMF for IA32 does what OVMF for x86-64 does", ia32::cases()),
        ("AAVMF on 32-bit Arm does what AAVMF on aarch64 does", arm32::cases()),
        ("firmware of 64 bits refuses programs of 32, and shares a network with guests of 32", width::cases()),
        ("edk2 on RISC-V does what OVMF does", riscv64::cases()),
        ("edk2 on LoongArch does what OVMF does", loongarch64::cases()),
        ("s390-ccw loads from the disk or network that comes first in the order", s390x::cases()),
        ("SLOF on ppc64 goes through its list, then through its own defaults", ppc64::cases()),
        ("what firmware measures into a TPM 2.0 is what happened", tpm::cases()),
    ];
    let about = |about: &str, mut case: Case| {
        case.about.get_or_insert_with(|| about.to_owned());
        case
    };
    groups.into_iter().flat_map(|(line, cases)| cases.into_iter().map(move |case| about(line, case))).collect()
}

#[cfg(test)]
mod tests;
