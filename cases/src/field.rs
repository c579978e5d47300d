//! What users reported of their virtual machines, as small cases: each has the public report in its comment, and the right value.
//!
//! The reports' own numbers, names and addresses are not here; what matters of each configuration is.

mod disks;
mod id;
mod networks;
mod opticals;
mod sanboot;
mod servers;

use bootwright::case::Case;

/// All cases of this group.
pub fn cases() -> Vec<Case> {
    let mut cases = sanboot::cases();
    cases.extend(networks::cases());
    cases.extend(disks::cases());
    cases.extend(opticals::cases());
    cases.extend(servers::cases());
    cases
}
