//! `cargo xtask images`: builds boot media to look at, mount or boot by hand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bootwright::evidence::file;
use bootwright_images::{After, Nonce, payload};

use crate::XtaskError;
use crate::output::print;

/// An initial RAM disk, which is no medium and is made all the same: name, what it is.
const INITRAMFS: (&str, &str) =
    ("initramfs", "initial RAM disk for a Linux kernel on x86-64, whose /init reports and ends the machine");

/// Options of `cargo xtask images`.
#[derive(clap::Args)]
pub struct Args {
    /// Media to build [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print the names and what is on each
    #[arg(long)]
    list: bool,
    /// Directory for the images; made if it does not exist
    #[arg(long, value_name = "DIR", required_unless_present_any = ["list", "again", "keep_aa64"])]
    out: Option<PathBuf>,
    /// Build the media of an evidence folder again, the same bytes as in its run
    #[arg(long, value_name = "EVIDENCE", conflicts_with_all = ["names", "out", "list"])]
    again: Option<PathBuf>,
    /// Keep the UEFI payload for aarch64 that this build made, for builds on hosts without its target
    #[arg(long, conflicts_with_all = ["names", "out", "list", "again"])]
    keep_aa64: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// [`XtaskError`] for a name that does not exist, or a file that cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, XtaskError> {
    if let Some(folder) = &args.again {
        bootwright::run::build_media_again(folder).map_err(XtaskError::from)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.keep_aa64 {
        return keep_aa64();
    }
    let catalogue = bootwright_images::catalogue();
    if args.list {
        for entry in &catalogue {
            print(&format!("{:<24} {}\n", entry.name, entry.about))?;
        }
        print(&format!("{:<24} {}\n", INITRAMFS.0, INITRAMFS.1))?;
        return Ok(ExitCode::SUCCESS);
    }
    for name in &args.names {
        if name != INITRAMFS.0 && !catalogue.iter().any(|entry| entry.name == name) {
            return Err(XtaskError(format!("no medium is named \"{name}\": see cargo xtask images --list")));
        }
    }
    let out = args.out.as_ref().ok_or_else(|| XtaskError("--out is missing".to_owned()))?;
    std::fs::create_dir_all(out).map_err(|error| XtaskError(format!("--out {}: {error}", out.display())))?;
    let is_wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|wanted| wanted == name);
    for entry in catalogue {
        if !is_wanted(entry.name) {
            continue;
        }
        let path = out.join(format!("{}.img", entry.name));
        let image = bootwright_images::build(&entry.spec, Nonce([0; 16])).map_err(XtaskError::from)?;
        image.write_to(&path).map_err(XtaskError::from)?;
        print(&format!("{}  {} bytes  {}\n", path.display(), image.length(), entry.about))?;
    }
    if is_wanted(INITRAMFS.0) {
        initramfs(&out.join(format!("{}.img", INITRAMFS.0)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn initramfs(path: &Path) -> Result<(), XtaskError> {
    let archive = payload::initramfs(INITRAMFS.0, Nonce([0; 16]), After::Exit).map_err(XtaskError::from)?;
    file::write(path, &archive).map_err(|error| XtaskError(format!("cannot write {}: {error}", path.display())))?;
    print(&format!("{}  {} bytes  {}\n", path.display(), archive.len(), INITRAMFS.1))
}

/// Writes the payload for aarch64 and the digest of its sources beside those.
fn keep_aa64() -> Result<ExitCode, XtaskError> {
    if payload::AA64_FROM != "sources" {
        return Err(XtaskError(
            "this build has the kept copy of the aarch64 payload and made none\n  fix: rustup target add aarch64-unknown-uefi"
                .to_owned(),
        ));
    }
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../images/payload/efi"));
    for (name, bytes) in
        [("bootaa64.efi", payload::EFI_AA64), ("bootaa64.sources", format!("{}\n", payload::EFI_SOURCES).as_bytes())]
    {
        let path = folder.join(name);
        file::write(&path, bytes).map_err(|error| XtaskError(format!("cannot write {}: {error}", path.display())))?;
    }
    print(&format!("kept {} bytes, made from sources {}\n", payload::EFI_AA64.len(), payload::EFI_SOURCES))?;
    Ok(ExitCode::SUCCESS)
}
