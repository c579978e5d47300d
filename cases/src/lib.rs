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
mod networks;
mod nvram;
mod order;
mod places;
mod prelaunch;
mod pxe;
mod resets;
pub mod runner;
pub mod settings;
mod strict;
mod triples;
mod unlisted;

use bootwright::case::Case;

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
        prelaunch::cases(),
        pxe::cases(),
        http::cases(),
        loaders::cases(),
        bridge::cases(),
    ];
    groups.into_iter().flatten().map(settle).collect()
}

/// Parts of ids of cases that have not yet agreed with themselves often enough, on a loaded host too, to be relied upon.
///
/// The truncated line after an unplug depends on memory that QEMU has freed, and SeaBIOS brings up NVMe controllers in
/// parallel, so that their order without a bootindex is nobody's promise.
const UNSETTLED: [&str; 5] =
    ["::unplugged-while-running", "::removed::", "::nvme::boot-disk-", "::nvme::added-", "nvram::"];

/// Network cases that have.
const SETTLED_NETWORK: [&str; 2] = ["::seabios::pc::model-", "::seabios::q35::model-"];

/// Moves a case that is not settled to the full suite.
fn settle(case: Case) -> Case {
    let has = |parts: &[&str]| parts.iter().any(|part| case.id.contains(part));
    let network = ["pxe::", "http::"].iter().any(|group| case.id.starts_with(group));
    if has(&UNSETTLED) || (network && !has(&SETTLED_NETWORK)) { case.long() } else { case }
}

#[cfg(test)]
mod tests;
