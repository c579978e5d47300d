//! What bootwright asserts, one case after another.
//!
//! [`all`] gives every case in a stable order. A group of cases is one file; a matrix is a loop over data that yields cases
//! with stable ids, with every axis in the id.

#![deny(missing_docs)]

mod alone;
mod bridge;
mod classes;
pub mod coverage;
mod first_entry;
mod http;
mod isolation;
mod loaders;
mod menu;
mod migration;
mod networks;
mod nvram;
mod order;
mod places;
mod prelaunch;
mod pxe;
mod resets;
mod snapshots;
mod strict;
mod triples;
mod unlisted;
mod variable_stores;

use bootwright::case::{Case, Suite};

/// What the project knows about the defects of QEMU and firmware that its cases meet.
pub const KNOWN_ISSUES: &str = include_str!("../known-issues.toml");

/// Every case, in the order of the listing.
pub fn all() -> Vec<Case> {
    let groups = [
        alone::cases(),
        order::cases(),
        first_entry::cases(),
        strict::cases(),
        unlisted::cases(),
        isolation::cases(),
        triples::cases(),
        places::cases(),
        resets::cases(),
        nvram::cases(),
        variable_stores::cases(),
        migration::cases(),
        snapshots::cases(),
        prelaunch::cases(),
        pxe::cases(),
        http::cases(),
        loaders::cases(),
        menu::cases(),
        bridge::cases(),
    ];
    groups.into_iter().flatten().map(settle).collect()
}

/// Parts of ids of cases that have not yet agreed with themselves often enough, on a loaded host too, to be relied upon.
///
/// The truncated line after an unplug depends on memory that QEMU has freed.
const UNSETTLED: [&str; 3] = ["::unplugged-while-running", "::removed::", "::nvme::added-"];

/// Network cases that belong to the full suite: those of OVMF, whose boots are slow, but for one of each kind, those that need
/// packages of other loaders, and those that wait in real time.
fn is_long_network(id: &str) -> bool {
    const OVMF: [&str; 6] = [
        "pxe::ovmf::pc::own-stack",
        "pxe::ovmf::q35::ipxe-rom",
        "pxe::ovmf::pc::ipv6",
        "pxe::ovmf::pc::three-guests-arch-16",
        "http::ovmf::q35::plain",
        "http::ovmf::pc::https",
    ];
    (id.contains("::ovmf::") && !OVMF.contains(&id))
        || ["::loader-", "::kernel-by-", "-comes-up-late"].iter().any(|part| id.contains(part))
}

/// OVMF cases of which SeaBIOS' twin, or another of OVMF's, is in the default suite: an OVMF boot takes three seconds.
fn is_long_ovmf(id: &str) -> bool {
    const PARTS: [&str; 6] = [
        "first_entry::ovmf::pc::",
        "::no-signature-",
        "places::ovmf::q35::function",
        "::expander::",
        "resets::ovmf::",
        "triples::",
    ];
    id.contains("::ovmf::") && PARTS.iter().any(|part| id.contains(part))
}

/// Moves a case that is not settled, or long on a network, to the full suite.
fn settle(case: Case) -> Case {
    if case.suite == Suite::Smoke {
        return case;
    }
    let unsettled = UNSETTLED.iter().any(|part| case.id.contains(part));
    let network = ["pxe::", "http::"].iter().any(|group| case.id.starts_with(group));
    if unsettled || is_long_ovmf(&case.id) || (network && is_long_network(&case.id)) { case.long() } else { case }
}

#[cfg(test)]
mod tests;
