//! Our boot cases as cargo tests.

fn main() -> std::process::ExitCode {
    bootwright::suite::main(own_cases::cases(), include_str!("../known-issues.toml"))
}
