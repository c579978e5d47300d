//! The boot cases as cargo tests.
fn main() {}
