//! Why reports cannot be merged.

use std::path::PathBuf;

use crate::report::{ReportError, Shard};

/// Why reports cannot be merged. The command line ends with status 2.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("no report to merge; name the output directories of the shards")]
    Nothing,
    /// A report could not be read or written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// There is something at the target.
    #[error("{} is there already and not empty; name a new directory, so that no earlier result is lost", out.display())]
    TargetTaken {
        /// The target.
        out: PathBuf,
    },
    /// The target and a shard share files.
    #[error("{} and {} lie in each other; name a directory outside of every shard", out.display(), shard.display())]
    TargetInShard {
        /// The target.
        out: PathBuf,
        /// The shard.
        shard: PathBuf,
    },
    /// A report does not say what it is a part of.
    #[error(
        "{}: the report does not say which suite and selection it is of, so nobody can tell whether it is complete; made \
         by an older bootwright?",
        shard.display()
    )]
    Foreign {
        /// Directory of the report.
        shard: PathBuf,
    },
    /// Two reports are of different runs.
    #[error(
        "{what} is {one:?} in {} and {other:?} in {}; merge only parts of one run",
        first.display(),
        second.display()
    )]
    Differs {
        /// In what.
        what: &'static str,
        /// What it is in the first.
        one: String,
        /// What it is in the second.
        other: String,
        /// Directory of the first.
        first: PathBuf,
        /// Directory of the second.
        second: PathBuf,
    },
    /// Shards are missing.
    #[error("shard {missing} of platform {platform:?} is missing; name the directories of all of them")]
    ShardMissing {
        /// Platform that the others ran on.
        platform: String,
        /// Which, the first few.
        missing: String,
    },
    /// A shard is there twice.
    #[error(
        "shard {shard} of platform {platform:?} is {} and {}; name each part once",
        first.display(),
        second.display()
    )]
    ShardTwice {
        /// Which.
        shard: Shard,
        /// Platform that it ran on.
        platform: String,
        /// Where it was first.
        first: PathBuf,
        /// Where it was again.
        second: PathBuf,
    },
    /// A case lies in a shard that it does not belong to.
    #[error("case {case:?} in {} is none of shard {shard}; made by another version of bootwright?", dir.display())]
    Stray {
        /// Id of the case.
        case: String,
        /// Directory of the report.
        dir: PathBuf,
        /// The shard that the report says it is.
        shard: Shard,
    },
    /// A case is in two reports.
    #[error(
        "case {case:?} on platform {platform:?} is in {} and in {}; are these shards of one run?",
        first.display(),
        second.display()
    )]
    Duplicate {
        /// Id of the case.
        case: String,
        /// Platform it ran on.
        platform: String,
        /// Where it was first.
        first: PathBuf,
        /// Where it was again.
        second: PathBuf,
    },
    /// The cases are not those that were selected.
    #[error(
        "platform {platform:?} has results of {found} cases, and they are not the {wanted} that were selected; is a \
         report damaged?"
    )]
    OtherCases {
        /// Platform they ran on.
        platform: String,
        /// How many there are.
        found: u64,
        /// How many were selected.
        wanted: u64,
    },
    /// A case was run and its evidence is gone.
    #[error(
        "{}: no folder {}, the evidence of case {case:?}, nor that of {others} other cases; bring the shard's whole \
         output directory",
        shard.display(),
        folder.display()
    )]
    EvidenceGone {
        /// Directory of the report.
        shard: PathBuf,
        /// Id of the first such case.
        case: String,
        /// Where its evidence would be.
        folder: PathBuf,
        /// How many other cases lack theirs, too.
        others: usize,
    },
    /// Two shards ran on platforms of one name that are not the same.
    #[error(
        "platform {name:?} is {one} in {} and {other} in {}; merge only runs of the same builds",
        first.display(),
        second.display()
    )]
    Platform {
        /// Name of the platform.
        name: String,
        /// What it is in the first.
        one: String,
        /// What it is in the second.
        other: String,
        /// Where it was first.
        first: PathBuf,
        /// Where it was again.
        second: PathBuf,
    },
}
