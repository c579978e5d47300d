//! The command line of bootwright.
fn main() {}
