//! One QEMU with one set of firmware: read-only facts, with versions and digests.
//!
//! A [`Platform`] is resolved from a [`PlatformName`] (`host`, `apt`, `debian:trixie`, `file:acme.toml`, `dir:build`)
//! and never changes afterwards. Nothing here starts a guest, writes to a firmware file or writes outside the cache
//! directory.
//!
//! ```no_run
//! use bootwright_machine::platform::{Options, Platform, PlatformName};
//!
//! let host = Platform::resolve(&PlatformName::Host, &Options::default(), &mut |progress| eprintln!("{progress}"))?;
//! println!("QEMU {} at {}", host.qemu.version, host.qemu.path.display());
//! # Ok::<(), bootwright_machine::platform::PlatformError>(())
//! ```

mod architecture;
mod build_tree;
mod capabilities;
mod descriptor;
mod distribution;
mod error;
mod facts;
#[cfg(fuzzing)]
pub mod fuzzing;
mod loader_tree;
mod manifest;
mod name;
mod named;
mod options;
mod probe;
mod progress;
mod release;
mod resolve;
pub mod sample;
mod surroundings;
mod varstore;
mod version;

pub use architecture::Architecture;
pub use capabilities::Capabilities;
pub use distribution::{Family, Part, family};
pub use error::PlatformError;
pub use facts::{FirmwareFile, Ovmf, Platform, Qemu, QemuVersion};
pub use loader_tree::LoaderTree;
pub use name::PlatformName;
pub use options::Options;
pub use progress::Progress;
pub use release::is_mirror;
pub use surroundings::Surroundings;
