//! The boot cases as cargo tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    bootwright::suite::main(bootwright_cases::all(), bootwright_cases::KNOWN_ISSUES)
}
