//! Media that others made: what a file is, and which firmware could boot it, by looking into it.
//!
//! Looking proves nothing about a boot. It chooses what is tried, and says why nothing can be expected where nothing is there.
//!
//! ```no_run
//! use bootwright_machine::foreign::{Kind, look};
//!
//! let looked = look("debian.iso".as_ref(), None)?;
//! assert_eq!(looked.kind, Kind::Hybrid);
//! println!("BIOS: {}, UEFI: {}", looked.bios.why, looked.uefi.why);
//! # Ok::<(), bootwright_machine::foreign::ForeignError>(())
//! ```

mod claim;
mod disk;
mod efi;
pub mod folder;
mod optical;
pub mod overlay;
mod qcow2;
mod source;

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use claim::Claim;
use source::Source;

/// How the bytes of an image lie in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One after the other.
    Raw,
    /// QEMU's format, without a backing file.
    Qcow2,
}

impl Format {
    /// QEMU's name of the block driver.
    pub fn driver(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
        }
    }
}

/// What kind of medium it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A hard disk or USB stick.
    Disk,
    /// A CD or DVD.
    Optical,
    /// A CD or DVD that is a disk too (isohybrid).
    Hybrid,
    /// A floppy.
    Floppy,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Disk => "a disk image",
            Kind::Optical => "an ISO image",
            Kind::Hybrid => "an ISO image that is a disk too (isohybrid)",
            Kind::Floppy => "a floppy image",
        }
    }
}

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The file, absolute.
    pub path: PathBuf,
    /// How its bytes lie.
    pub format: Format,
    /// Length of the medium, bytes.
    pub bytes: u64,
    /// What it is.
    pub kind: Kind,
    /// For BIOS, as the medium that it is.
    pub bios: Claim,
    /// For UEFI on x86-64.
    pub uefi: Claim,
}

/// A file that is no medium to boot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}; {fix}", path.display())]
pub struct ForeignError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: String,
    /// What was wanted, or what to do.
    pub fix: String,
}

impl ForeignError {
    /// About a file.
    pub fn new(path: &Path, problem: impl Into<String>, fix: impl Into<String>) -> ForeignError {
        ForeignError { path: path.to_owned(), problem: problem.into(), fix: fix.into() }
    }
}

/// Largest floppy, bytes: 2.88 MB.
const LARGEST_FLOPPY: u64 = 2_949_120;

/// How much of a medium must not be all zero.
const LOOKED_AT: usize = 1 << 20;

/// Looks at a file; `wanted` is what it is to be used as, where somebody said so.
///
/// # Errors
///
/// [`ForeignError`]: there is no such file, it is none, or nothing that any firmware could boot is in it.
pub fn look(path: &Path, wanted: Option<Kind>) -> Result<Looked, ForeignError> {
    let path = regular(path, "an image: an ISO, a raw disk, a qcow2 or a floppy")?;
    let error = |problem: String, fix: &str| ForeignError::new(&path, problem, fix);
    let cannot =
        |cause: std::io::Error| error(format!("cannot be read: {cause}"), "give a file that this user may read");
    let mut source = Source::open(&path).map_err(cannot)?;
    let head = source.head(LOOKED_AT).map_err(cannot)?;
    if let Some((what, fix)) = other_format(&head) {
        return Err(error(what.to_owned(), fix));
    }
    let format = if head.starts_with(&qcow2::MAGIC) { Format::Qcow2 } else { Format::Raw };
    let mut head = head;
    if format == Format::Qcow2 {
        source = source.into_qcow2().map_err(|(problem, fix)| error(problem, fix))?;
        head = source.head(LOOKED_AT).unwrap_or_default();
    }
    let bytes = source.length();
    if bytes < 512 {
        return Err(error(format!("{bytes} bytes"), "wanted a medium of at least one sector, 512 bytes"));
    }
    let unknown = source.is_compressed();
    if head.iter().all(|byte| *byte == 0) && !unknown {
        let fix = "wanted a medium with something on it; was the download or the copy cut short?";
        return Err(error(format!("all zero in its first {} KiB", head.len() / 1024), fix));
    }
    let optical = head.get(0x8001..0x8006) == Some(b"CD001");
    let hybrid = optical && disk::has_signature(&head) && disk::partitions(&head).next().is_some();
    let kind = match (optical, hybrid, wanted) {
        (_, _, Some(Kind::Floppy)) => Kind::Floppy,
        (true, true, None) => Kind::Hybrid,
        (true, _, None | Some(Kind::Optical | Kind::Hybrid)) => Kind::Optical,
        (_, _, Some(Kind::Disk)) => Kind::Disk,
        (false, _, Some(Kind::Optical | Kind::Hybrid)) => {
            return Err(error("no ISO 9660 file system".to_owned(), "wanted an ISO image; for a disk say --disk"));
        }
        (false, _, None) if bytes <= LARGEST_FLOPPY => Kind::Floppy,
        (false, _, None) => Kind::Disk,
    };
    if kind == Kind::Floppy && bytes > LARGEST_FLOPPY {
        return Err(error(format!("{bytes} bytes"), "a floppy holds at most 2.88 MB; for a disk say --disk"));
    }
    let (bios, uefi) = match (kind, unknown) {
        (_, true) => {
            let why = "its clusters are compressed, so nobody looked into it";
            (Claim::yes(why), Claim::yes(why))
        }
        (Kind::Optical | Kind::Hybrid, _) => optical::claims(&mut source),
        (Kind::Disk | Kind::Floppy, _) => disk::claims(&mut source, &head),
    };
    Ok(Looked { path, format, bytes, kind, bios, uefi })
}

/// A file that can be opened, absolute; no folder, no device, nothing that would block.
///
/// # Errors
///
/// What it is instead; `wanted` completes "wanted".
pub fn regular(path: &Path, wanted: &str) -> Result<PathBuf, ForeignError> {
    let error = |problem: String, fix: String| Err(ForeignError::new(path, problem, fix));
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return error("there is no such file".to_owned(), format!("wanted {wanted}"));
        }
        Err(cause) => {
            return error(format!("cannot be looked at: {cause}"), "give a path that this user may follow".to_owned());
        }
    };
    let kind = metadata.file_type();
    if kind.is_dir() {
        return error("a folder".to_owned(), format!("wanted {wanted}"));
    }
    if kind.is_block_device() || kind.is_char_device() {
        return error(
            "a device node".to_owned(),
            format!("a host's device is never given to a guest: copy it into a file; wanted {wanted}"),
        );
    }
    if !kind.is_file() {
        return error("a pipe or socket".to_owned(), format!("wanted {wanted}"));
    }
    if metadata.len() == 0 {
        return error("the file is empty".to_owned(), format!("wanted {wanted}"));
    }
    if path.to_str().is_none() {
        return error("its name is not UTF-8".to_owned(), "rename it".to_owned());
    }
    path.canonicalize().map_err(|cause| ForeignError::new(path, cause.to_string(), "give a path that can be followed"))
}

/// Formats that are told by their first bytes and not read.
fn other_format(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const CONVERT: &str = "convert it: qemu-img convert -O qcow2 OLD NEW";
    const UNPACK: &str = "unpack it first";
    let starts: [(&[u8], &str, &str); 14] = [
        (b"KDMV", "a VMDK image", CONVERT),
        (b"# Disk DescriptorFile", "a VMDK descriptor", CONVERT),
        (b"vhdxfile", "a VHDX image", CONVERT),
        (b"conectix", "a VHD image", CONVERT),
        (b"<<< ", "a VDI image", CONVERT),
        (b"QED\0", "a QED image", CONVERT),
        (b"\x1f\x8b", "a gzip file", UNPACK),
        (b"\xfd7zXZ\0", "an xz file", UNPACK),
        (b"\x28\xb5\x2f\xfd", "a zstd file", UNPACK),
        (b"BZh", "a bzip2 file", UNPACK),
        (b"PK\x03\x04", "a zip file", UNPACK),
        (b"\x7fELF", "an ELF program", "for a kernel say --kernel F"),
        (b"<!DOCTYPE", "a web page", "the download went wrong: fetch it again"),
        (b"<html", "a web page", "the download went wrong: fetch it again"),
    ];
    let found = starts.into_iter().find(|(magic, ..)| head.starts_with(magic)).map(|(_, what, fix)| (what, fix));
    let kernel = head.get(0x202..0x206) == Some(b"HdrS");
    found.or_else(|| kernel.then_some(("a Linux kernel", "say --kernel F"))).or_else(|| {
        let program = head.starts_with(b"MZ") && efi::machine(head).is_some();
        program.then_some((
            "an EFI program",
            "serve it by --pxe DIR --file NAME, or put it on a disk as \\EFI\\BOOT\\BOOTX64.EFI",
        ))
    })
}

#[cfg(test)]
mod tests;
