//! `cargo xtask explain`: reads a libvirt domain, a network or a QEMU command line, boots it with media of our own, and says
//! which devices are tried, in which order, and what happens when each of them fails.

/// Prints a line; a reader that went away is no failure.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        writeln!(std::io::stdout(), $($words)*).ok();
    }};
}

mod answers;
mod args;
mod boots;
mod file;
mod input;
mod libvirt;
mod text;

use std::process::ExitCode;

use bootwright::guest::variants::{self, Questions};
use bootwright::guest::warnings::{self, Warning};

use crate::XtaskError;
pub use args::Args;
use args::{Asked, refused};
use input::Input;

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] where a description cannot be taken, a platform cannot be resolved or results cannot be written. Nothing is
/// written before every description has been read.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    crate::test::select::each_once(&args.platforms)?;
    let input = input::read(args)?;
    let mut warned = describe(args, &input)?;
    if args.no_boot {
        // what a boot would refuse is refused without one too
        input.guests.iter().try_for_each(variants::can_be_laid_out).map_err(|error| refused(&error))?;
        text::warnings(&warned);
        return Ok(exit(0, args, &warned));
    }
    if input.guests.is_empty() {
        return Err(XtaskError(
            "nothing to boot: who answers on a network of the host is not described\n  fix: give a guest beside it, or the \
             configuration of the server that answers there: --dhcp F"
                .to_owned(),
        ));
    }
    let asked = ask(args, &input)?;
    let ran = boots::run(args, &asked)?;
    for platform in &ran.platforms {
        for asked in asked.iter().filter(|asked| asked.architecture() == platform.architecture) {
            let has = |path: &str| file::is_beside(&asked.guest.file, path) || boots::has(platform, path);
            warned.extend(warnings::of_files(&asked.guest, &platform.name, has));
            text::answers(&asked.guest, &asked.variants, platform, &ran);
        }
    }
    for guest in &input.guests {
        text::way_around(guest);
    }
    text::warnings(&warned);
    text::closing(&ran);
    Ok(exit(ran.exit_code(), args, &warned))
}

/// Says what was read, and gives the warnings that follow from the descriptions.
fn describe(args: &Args, input: &Input) -> Result<Vec<Warning>, XtaskError> {
    let mut warned = Vec::new();
    for network in &input.networks {
        text::network(network);
        warned.extend(warnings::of_network(network));
    }
    for guest in &input.guests {
        text::guest(guest);
        if guest.file != input::MADE_UP {
            warned.extend(warnings::of_guest(guest));
        }
    }
    warned.extend(warnings::of_guests(&input.guests));
    for (guest, xml) in input.domains() {
        libvirt::compare(guest, xml, args.argv.as_deref())?;
    }
    Ok(warned)
}

fn ask(args: &Args, input: &Input) -> Result<Vec<Asked>, XtaskError> {
    let questions = Questions { paused: args.paused };
    let asked = input.guests.iter().map(|guest| {
        let variants = variants::of(guest, &input.networks, questions).map_err(|error| refused(&error))?;
        Ok(Asked { guest: guest.clone(), variants })
    });
    asked.collect()
}

fn exit(code: u8, args: &Args, warned: &[Warning]) -> ExitCode {
    ExitCode::from(if code == 0 && args.deny_warnings && !warned.is_empty() { 1 } else { code })
}
