//! What a resolution that takes time is doing, as data; who shows it decides how.

use std::fmt;
use std::path::PathBuf;

/// One step of fetching a release. Printed as one line without a line end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Something that the user should know once, for example why a release is fetched at all.
    Note(String),
    /// Package lists are being fetched and their signatures verified.
    Lists {
        /// The platform's name.
        platform: String,
    },
    /// It is known what will be downloaded.
    Plan {
        /// The platform's name.
        platform: String,
        /// Why it is fetched, where the user did not ask for it.
        reason: Option<String>,
        /// How many packages.
        packages: usize,
        /// How many bytes in all.
        total_bytes: u64,
        /// The directory that they are unpacked into.
        into: PathBuf,
    },
    /// Packages are being downloaded.
    Download {
        /// The platform's name.
        platform: String,
        /// How many bytes are here.
        done_bytes: u64,
        /// How many bytes are wanted in all.
        total_bytes: u64,
    },
    /// Packages are being unpacked.
    Unpack {
        /// The platform's name.
        platform: String,
        /// How many packages are unpacked.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// The release is in the cache.
    Done {
        /// The platform's name.
        platform: String,
        /// How many bytes were downloaded.
        total_bytes: u64,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: &u64| (bytes + (1 << 19)) >> 20;
        match self {
            Self::Note(text) => out.write_str(text),
            Self::Lists { platform } => write!(out, "{platform}: fetching and verifying package lists"),
            Self::Plan { platform, reason, packages, total_bytes, into } => {
                if let Some(reason) = reason {
                    write!(out, "{reason}: ")?;
                }
                let (size, into) = (mib(total_bytes), into.display());
                write!(
                    out,
                    "fetching platform {platform}, {packages} packages, {size} MiB, into {into} (no root needed)"
                )
            }
            Self::Download { platform, done_bytes, total_bytes } => {
                write!(out, "{platform}: downloaded {} of {} MiB", mib(done_bytes), mib(total_bytes))
            }
            Self::Unpack { platform, done, total } => write!(out, "{platform}: unpacked {done} of {total} packages"),
            Self::Done { platform, total_bytes } => {
                write!(out, "{platform}: ready ({} MiB downloaded)", mib(total_bytes))
            }
        }
    }
}
