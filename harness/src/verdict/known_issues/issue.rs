//! One known issue: which cases it makes fail, on which versions, and how.

use jiff::civil::Date;
use serde::Serialize;

use super::fails_as::FailsAs;
use super::glob::CaseGlob;
use super::version::VersionRange;

/// One known issue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KnownIssue {
    /// Short name that the report carries, for example `prelaunch-bootorder`.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Where it was reported.
    pub link: String,
    /// The versions that have it.
    pub affected: Affected,
    /// The cases that it makes fail.
    pub cases: Vec<CaseGlob>,
    /// The way they fail.
    pub fails: FailsAs,
    /// After this day somebody has to look again whether it still holds.
    #[serde(serialize_with = "as_text")]
    pub review: Date,
    /// Line of the entry in the file, from 1.
    pub line: usize,
}

/// The versions that have an issue: QEMU and firmware must both lie in their ranges.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Affected {
    /// QEMU's releases.
    pub qemu: VersionRange,
    /// Firmware by kind (one of [`FIRMWARE_KINDS`](super::FIRMWARE_KINDS)); empty means that the firmware does not matter, otherwise the
    /// machine must run one of these.
    pub firmware: Vec<(String, VersionRange)>,
}

/// The versions that a case ran on.
#[derive(Clone, Copy, Debug)]
pub struct Versions<'a> {
    /// QEMU's release, for example `7.2.22`.
    pub qemu: &'a str,
    /// The firmware that took part, as kind and version: `seabios` or `ovmf`, and `ipxe` where an option ROM ran.
    pub firmware: &'a [(&'a str, &'a str)],
}

impl KnownIssue {
    /// Whether the issue says of this case, on these versions, that it fails.
    pub fn covers(&self, case_id: &str, versions: &Versions<'_>) -> bool {
        self.affected.contains(versions) && self.cases.iter().any(|pattern| pattern.matches(case_id))
    }
}

impl Affected {
    /// Whether a machine with these versions has the issue.
    pub fn contains(&self, versions: &Versions<'_>) -> bool {
        let ran = |kind: &str, range: &VersionRange| {
            versions.firmware.iter().any(|(ran, version)| *ran == kind && range.contains(version))
        };
        self.qemu.contains(versions.qemu)
            && (self.firmware.is_empty() || self.firmware.iter().any(|(kind, range)| ran(kind, range)))
    }
}

fn as_text<S: serde::Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}
