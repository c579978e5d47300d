//! What a resolution may look at and where it may fetch from.

use super::architecture::Architecture;
use super::surroundings::Surroundings;

/// What a resolution may look at and where it may fetch from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The mirror for `apt` and `debian:SUITE`, for example `http://mirror.example/debian`; `None` means the one that
    /// the host's apt is configured with.
    pub mirror: Option<String>,
    /// Take package lists that are older than they say they may be. Signatures are verified all the same.
    pub accept_expired: bool,
    /// The host to look at.
    pub surroundings: Surroundings,
    /// Whose QEMU and firmware are wanted. Each architecture is looked for, and fetched, on its own.
    pub architecture: Architecture,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mirror: None,
            accept_expired: false,
            surroundings: Surroundings::of_this_process(),
            architecture: Architecture::default(),
        }
    }
}
