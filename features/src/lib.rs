//! Nothing but one set of features for the crates that others bring.
//!
//! Cargo compiles a crate, and all that are built on it, once for each set of features, and the sets of `cargo xtask`, of the cases that
//! it builds and of `cargo test --workspace` differ by what a few dependencies ask for. Here all of them are asked for, so that
//! what one command has built does for the others. `xtask/tests/features.rs` says which crate is missing.

use arrayvec as _;
use base64 as _;
use clap as _;
use crc32fast as _;
use hashbrown as _;
use indexmap as _;
use num_integer as _;
use num_iter as _;
use num_traits as _;
use once_cell as _;
use regex as _;
use regex_automata as _;
use serde_json as _;
