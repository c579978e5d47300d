//! The command line of bootwright: `cargo xtask SUBCOMMAND`. One file per subcommand; none holds logic that a library
//! should have.
//!
//! Exit status: 0 every verdict as expected; 1 a case failed or passed unexpectedly; 2 usage, broken host or environment,
//! or nothing selected.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod boot;
mod case;
mod compare;
mod doctor;
mod error;
mod exit_status;
mod explain;
mod github;
mod images;
mod interrupt;
mod output;
mod platform;
mod qualify;
mod replay;
mod report;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::XtaskError;

/// Boots real firmware in real QEMU and says which device booted, after which others, and why
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true, max_term_width = 110)]
struct CommandLine {
    #[command(subcommand)]
    subcommand: Xtask,
}

#[derive(Subcommand)]
enum Xtask {
    /// Run boot cases
    #[command(after_help = exit_status::TEST)]
    Test(Box<test::Args>),
    /// Boot your own medium, network folder or kernel over firmware, buses and platforms: does it boot, and how far
    #[command(after_help = exit_status::BOOT)]
    Boot(Box<boot::Args>),
    /// Which device a libvirt guest or a QEMU command line boots, after which others, and what happens when each fails
    #[command(after_help = exit_status::EXPLAIN)]
    Explain(Box<explain::Args>),
    /// A case as a file: export one, make a failing one smaller, print the schema
    Case(case::Args),
    /// Build boot media to look at, mount or boot by hand
    Images(images::Args),
    /// Show, fetch and list platforms: one QEMU with one set of firmware
    Platform(platform::Args),
    /// What this host has, what is missing and how to get it
    #[command(after_help = exit_status::DOCTOR)]
    Doctor(doctor::Args),
    /// Whether platforms can be signed off: one run, one matrix, one cover page
    #[command(after_help = exit_status::QUALIFY)]
    Qualify(Box<qualify::Args>),
    /// What changed between two runs or platforms: new failures, new passes, changed traces, slower boots
    #[command(after_help = exit_status::COMPARE)]
    Compare(compare::Args),
    /// Merge the reports of several runs or shards, look at a report in a browser
    Report(report::Args),
    /// Measure speed as ratios within one run: harness, virtual clock, suite
    #[command(after_help = exit_status::BENCH)]
    Bench(bench::Args),
    /// Check the rules of this repository
    Tidy(tidy::Args),
    /// Run the same virtual machine of an earlier run again, serial port on this terminal
    #[command(after_help = exit_status::REPLAY)]
    Replay(replay::Args),
}

fn main() -> ExitCode {
    let subcommand = CommandLine::parse().subcommand;
    interrupt::handle();
    let outcome = run(subcommand);
    interrupt::at_end();
    outcome.unwrap_or_else(|error| {
        interrupt::while_ending();
        output::note(&format!("error: {error}"));
        ExitCode::from(2)
    })
}

fn run(subcommand: Xtask) -> Result<ExitCode, XtaskError> {
    match subcommand {
        Xtask::Test(args) => test::run(&args),
        Xtask::Boot(args) => boot::run(&args),
        Xtask::Explain(args) => {
            interrupt::machines_run();
            explain::run(&args)
        }
        Xtask::Case(args) => case::run(&args),
        Xtask::Images(args) => images::run(&args),
        Xtask::Platform(args) => platform::run(args),
        Xtask::Doctor(args) => doctor::run(args),
        Xtask::Qualify(args) => qualify::run(*args),
        Xtask::Compare(args) => compare::run(args).map(ExitCode::from).map_err(XtaskError::from),
        Xtask::Report(args) => report::run(args).map(ExitCode::from).map_err(XtaskError::from),
        Xtask::Bench(args) => bench::run(&args),
        Xtask::Tidy(args) => tidy::run(args).map(ExitCode::from).map_err(XtaskError::from),
        Xtask::Replay(args) => replay::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn every_subcommand_can_be_parsed() {
        super::CommandLine::command().debug_assert();
    }
}
