//! Asks for the features of what runs while others are compiled.

use crc32fast as _;
use hashbrown as _;
use indexmap as _;
use memchr as _;
use syn as _;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
