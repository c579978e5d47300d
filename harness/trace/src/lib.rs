//! Typed boot events read out of the evidence: one vocabulary for SeaBIOS, OVMF and iPXE.
//!
//! A [`Reader`] is fed bytes as they arrive and keeps a [`Trace`]: the ordered attempts to boot something, the payloads
//! that reported, and the state in which firmware stopped. It never decides whether that was right: that is `verdict`'s
//! work.
//!
//! ```
//! use bootwright_machine::evidence::Source;
//! use bootwright_machine::machine::Firmware;
//! use bootwright_trace::{Names, Reader};
//!
//! let mut reader = Reader::new(Firmware::SeaBios, Names::default());
//! reader.push(Source::DebugConsole, b"SeaBIOS (version 1.16.2-debian-1.16.2-1)\nBooting from Har");
//! reader.push(Source::DebugConsole, b"d Disk...\nBoot failed: not a bootable disk\n");
//! assert!(reader.trace().shows_life());
//! assert_eq!((reader.trace().attempts.len(), reader.trace().booted()), (1, None));
//! ```

mod attempt;
mod bios_menu;
mod bios_names;
mod boot_manager;
pub mod bridge_port;
pub mod damage;
mod digits;
mod drawn;
pub mod drives;
pub mod effort;
mod efi_status;
mod entries;
pub mod exchange;
pub mod finding;
mod grub_font;
pub mod guest_text;
mod ipl_names;
mod ipxe;
pub mod lan_finding;
pub mod lines;
mod measured;
pub mod menu;
mod names;
mod ovmf;
mod owners;
pub mod payload;
pub mod picture;
mod readable;
mod reader;
mod s390_ccw;
mod screen;
mod seabios;
mod shim;
mod sighting;
mod slof;
mod snapshot;
mod standstill;
mod terminal;
mod trace;

pub use attempt::{Attempt, Outcome, Start};
pub use bios_names::Kind;
pub use finding::{Finding, Reason};
pub use lan_finding::{LanFinding, Protocol};
pub use measured::Measured;
pub use names::Names;
pub use ovmf::number as option_number;
pub use payload::Payload;
pub use reader::Reader;
pub use sighting::{GuestText, Sighting, Stage};
pub use snapshot::Snapshot;
pub use standstill::Standstill;
pub use terminal::Terminal;
pub use trace::{Progress, Trace};

#[cfg(test)]
mod tests;
