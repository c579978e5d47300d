//! A QEMU guest as plain data: the platform that it runs on, the machine that it is, and the raw evidence that it leaves.
//!
//! Nothing here starts a guest or judges one. A module uses only what stands to its left:
//!
//! `digest, error, wording -> process -> platform -> evidence -> foreign -> machine`
//!
//! Whoever writes cases takes the prelude of the crate `bootwright`, which gives these modules on under their names.

#![deny(missing_docs)]

pub mod digest;
pub mod error;
pub mod evidence;
pub mod foreign;
pub mod machine;
pub mod platform;
pub mod process;
pub mod wording;
