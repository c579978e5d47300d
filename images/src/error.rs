//! Why a medium could not be built.

/// A spec that no medium can satisfy, or a file that could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The name does not fit the payload line.
    #[error("medium name {name:?} is {problem}: wanted 1 to 24 characters of a-z, 0-9 and \"-\"")]
    Name {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file's path does not fit a volume of short names.
    #[error(
        "file {path:?} is no path of short names: wanted \\ before each name of up to 8 characters and an extension of up to 3, \
             such as \"\\EFI\\debian\\grubx64.efi\""
    )]
    File {
        /// The path as given.
        path: String,
    },
    /// The medium is smaller than its content.
    #[error(
        "medium {name:?} of {sectors} sectors is too small: its content needs {needed} sectors of 512 bytes; \
             ask for at least that, or for None"
    )]
    TooSmall {
        /// The medium's name.
        name: String,
        /// Size asked for, in 512-byte sectors.
        sectors: u64,
        /// Smallest size that works, in 512-byte sectors.
        needed: u64,
    },
    /// The size is not a whole number of the medium's own sectors.
    #[error("medium {name:?} of {sectors} sectors of 512 bytes is not a whole number of {sector_bytes}-byte sectors; \
             ask for a multiple of {}", sector_bytes / 512)]
    Unaligned {
        /// The medium's name.
        name: String,
        /// Size asked for, in 512-byte sectors.
        sectors: u64,
        /// Size of one of the medium's own sectors in bytes.
        sector_bytes: u64,
    },
    /// A number does not fit the on-disk field that holds it.
    #[error("{what} is {value}, above the format's limit of {limit}")]
    TooLarge {
        /// What the number counts, with its unit.
        what: &'static str,
        /// The number.
        value: u64,
        /// The largest that fits.
        limit: u64,
    },
    /// Two parts of the spec contradict each other.
    #[error("{wanted} cannot be built: {why}; {fix}")]
    Impossible {
        /// The combination asked for.
        wanted: String,
        /// Why no such medium exists.
        why: &'static str,
        /// What to ask for instead.
        fix: &'static str,
    },
    /// A payload does not have the block that the builder fills in. The payload's source and the builder disagree.
    #[error(
        "payload {payload}: {problem}; the payload's source and src/payload.rs disagree about its configuration block"
    )]
    Payload {
        /// Which payload.
        payload: &'static str,
        /// What was found.
        problem: String,
    },
    /// Writing the image failed.
    #[error("cannot write image {path:?}")]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}

impl ImageError {
    pub(crate) fn impossible(wanted: impl Into<String>, why: &'static str, fix: &'static str) -> Self {
        Self::Impossible { wanted: wanted.into(), why, fix }
    }

    /// What only machines of z/Architecture load from.
    pub(crate) fn of_boot_map() -> Self {
        Self::impossible(
            "a boot map of z/Architecture for BIOS and UEFI",
            "no such firmware reads one",
            "use a machine with s390-ccw, or Content::Bootable",
        )
    }
}
