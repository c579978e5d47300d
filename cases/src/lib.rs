//! What bootwright asserts, one case after another.
//!
//! [`all`] gives every case in a stable order. A group of cases is one file; a matrix is a loop over data that yields cases
//! with stable ids, with every axis in the id.

#![deny(missing_docs)]

mod alone;
mod classes;
mod first_entry;
mod http;
mod isolation;
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
    ];
    groups.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
