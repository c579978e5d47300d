//! What happens while a machine is paused before its first instruction, and how it leaves that.

use bootwright::case::story::Story;

/// Why a cell whose like is in the default suite is in the full one only.
pub(super) const NOT_EVERYDAY: &str = "a cell of the product whose neighbours are in the default suite";

/// What happens to the boot disk while the machine is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Two disks come, the boot disk before the other.
    First,
    /// Two disks come, the boot disk after the other.
    Last,
    /// The boot disk comes to a machine without disks.
    Alone,
    /// The boot disk comes to a machine that has a disk of lower rank.
    Beside,
    /// The disk of higher rank goes.
    Removed,
    /// The boot disk comes, goes and comes again, beside a disk of lower rank.
    Readded,
    /// The boot disk overtakes the other by `qom-set bootindex`.
    Reindexed,
}

impl Act {
    pub const ALL: [Act; 7] =
        [Act::First, Act::Last, Act::Alone, Act::Beside, Act::Removed, Act::Readded, Act::Reindexed];

    pub fn name(self) -> &'static str {
        match self {
            Act::First => "boot-disk-first",
            Act::Last => "boot-disk-last",
            Act::Alone => "boot-disk-alone",
            Act::Beside => "boot-disk-beside",
            Act::Removed => "removed",
            Act::Readded => "added-removed-added",
            Act::Reindexed => "bootindex-changed",
        }
    }

    /// Whether the other disk is bootable: both, where it comes or is there to be fallen through.
    pub fn others(self) -> &'static [bool] {
        if matches!(self, Act::First | Act::Last | Act::Beside) { &[true, false] } else { &[true] }
    }
}

/// How the machine leaves prelaunch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Cont,
    Reset,
    /// Twice: what a removed PCI device leaves in the list goes with the first reset after its release.
    ResetTwice,
}

impl Leaving {
    pub fn name(self) -> &'static str {
        match self {
            Leaving::Cont => "cont",
            Leaving::Reset => "reset-then-cont",
            Leaving::ResetTwice => "two-resets-then-cont",
        }
    }

    pub fn end(self, story: Story) -> Story {
        match self {
            Leaving::Cont => story.cont(),
            Leaving::Reset => story.reset().cont(),
            Leaving::ResetTwice => story.reset().released("wrong").reset().cont(),
        }
    }
}
