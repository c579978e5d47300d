//! Boots real firmware in real QEMU and says, with evidence, which device booted, in which order the others were
//! tried, and why.
//!
//! Data flows one way, and a module uses only what stands to its left, the crates on which this one stands first:
//!
//! `images -> lan -> process, platform, evidence, foreign, machine (bootwright-machine) -> trace (bootwright-trace) -> boot_server -> vm -> verdict -> case -> guest -> run -> warm -> report -> suite -> prelude`
//!
//! Whoever writes cases takes [`prelude`]; a crate of cases is run by [`suite::main`].

#![deny(missing_docs)]

pub mod boot_server;
pub mod case;
pub mod guest;
pub mod prelude;
pub mod report;
pub mod run;
pub mod suite;
pub mod verdict;
pub mod vm;
pub mod warm;

use bootwright_features as _;
pub use bootwright_images as images;
pub use bootwright_lan as lan;
pub use bootwright_machine::{error, evidence, foreign, machine, platform, process};
pub use bootwright_trace as trace;

use bootwright_machine::{digest, wording};
