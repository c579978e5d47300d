//! Boots real firmware in real QEMU and says, with evidence, which device booted, in which order the others were
//! tried, and why.
//!
//! Data flows one way, and a module uses only what stands to its left:
//!
//! `digest, error, wording -> process -> platform -> image (bootwright-images) -> lan (bootwright-lan) -> evidence -> foreign -> machine -> boot_server -> vm -> trace -> verdict -> case -> guest -> run -> warm -> report -> suite -> prelude`
//!
//! Whoever writes cases takes [`prelude`]; a crate of cases is run by [`suite::main`].

#![deny(missing_docs)]

pub mod boot_server;
pub mod case;
mod digest;
pub mod error;
pub mod evidence;
pub mod foreign;
pub mod guest;
pub mod machine;
pub mod platform;
pub mod prelude;
pub mod process;
pub mod report;
pub mod run;
pub mod suite;
pub mod trace;
pub mod verdict;
pub mod vm;
pub mod warm;
mod wording;

pub use bootwright_images as images;
pub use bootwright_lan as lan;
