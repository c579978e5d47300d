//! Known issues of QEMU and firmware: which cases they make fail, on which versions, and in which exact way.
//!
//! Owns the format of `cases/known-issues.toml` and the only rule by which a failure may be called expected. Never
//! reads a file, a clock or a firmware: text, date and versions are given to it.
//!
//! ```
//! use bootwright::verdict::known_issues::{Classification, FailureFacts, KnownIssues, Outcome, Versions};
//!
//! let issues = KnownIssues::parse(r#"
//!     [[issue]]
//!     id = "prelaunch-bootorder"
//!     title = "fw_cfg bootorder is stale after hotplug in prelaunch"
//!     link = "https://lists.gnu.org/archive/html/qemu-devel/"
//!     cases = ["prelaunch::*::cont"]
//!     review = 2027-03-01
//!     affected = { qemu = ">=2.0, <12" }
//!     fails = { booted = false, terminal = "no-bootable-device", reason-matches = "bootorder" }
//! "#, "known-issues.toml")?;
//!
//! let versions = Versions { qemu: "7.2.22", firmware: &[("seabios", "1.16.2-debian-1.16.2-1")] };
//! let facts = FailureFacts { terminal: Some("no-bootable-device"), reason: "bootorder is empty", ..Default::default() };
//! let verdict = issues.classify("prelaunch::scsi::cont", &versions, Outcome::Failed(facts));
//! assert!(matches!(verdict, Classification::ExpectedFailure { .. }));
//! # Ok::<(), bootwright::verdict::known_issues::KnownIssuesError>(())
//! ```

mod fails_as;
mod file;
mod glob;
mod issue;
mod version;

pub use fails_as::{AttemptFact, AttemptPattern, BootedAs, FailsAs, FailureFacts, Pattern, StaleAs};
pub use file::{FIRMWARE_KINDS, KnownIssuesError};
pub use glob::{CaseGlob, GlobError};
pub use issue::{Affected, KnownIssue, Versions};
pub use version::{RangeError, Version, VersionRange};

use jiff::civil::Date;

/// Every known issue, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownIssues {
    issues: Vec<KnownIssue>,
    /// The file as it was named by the caller.
    file: String,
}

/// What a case came to before known issues are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// Every expectation held.
    Passed,
    /// An expectation did not hold, with what the run showed.
    Failed(FailureFacts<'a>),
}

/// What a case comes to once known issues are looked at.
#[derive(Clone, Debug, PartialEq)]
pub enum Classification<'a> {
    /// It passed, and no known issue said that it would not.
    Passed,
    /// It failed; with the known issues that cover it but state another way to fail, and what differs.
    Failed {
        /// Empty where no known issue covers the case on these versions.
        otherwise: Vec<OtherWay<'a>>,
    },
    /// It failed exactly as this known issue says.
    ExpectedFailure {
        /// The first issue of the file that states this way to fail.
        issue: &'a KnownIssue,
    },
    /// It passed although these known issues say that it fails: their ranges or cases are to be narrowed.
    UnexpectedPass {
        /// Never empty.
        issues: Vec<&'a KnownIssue>,
    },
}

/// A known issue that covers a failed case without explaining the failure.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherWay<'a> {
    /// The issue.
    pub issue: &'a KnownIssue,
    /// What it states and what was seen, one line each; never empty.
    pub differences: Vec<String>,
}

/// A known issue that somebody should look at; never a reason to stop.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum KnownIssueWarning {
    /// Its review date has passed.
    #[error(
        "known issue {id:?} was to be reviewed by {review}: check whether it still holds, then set a later date ({file} line {line})"
    )]
    ReviewOverdue {
        /// The issue's id.
        id: String,
        /// The date in the file.
        review: Date,
        /// The file as it was named by the caller.
        file: String,
        /// Line of the entry, from 1.
        line: usize,
    },
    /// A pattern that fits no case, so that it can never do anything.
    #[error("known issue {id:?}: no case fits {pattern:?}: correct the pattern or remove it ({file} line {line})")]
    NoSuchCase {
        /// The issue's id.
        id: String,
        /// The pattern in the file.
        pattern: String,
        /// The file as it was named by the caller.
        file: String,
        /// Line of the entry, from 1.
        line: usize,
    },
}

impl KnownIssues {
    /// Reads the text of a known-issues file; `name` is how errors call that file.
    ///
    /// # Errors
    ///
    /// [`KnownIssuesError`] with file and line for malformed TOML, unknown or missing keys, bad ranges, patterns,
    /// dates and links, entries that state no way to fail, and ids given twice.
    pub fn parse(text: &str, name: &str) -> Result<Self, KnownIssuesError> {
        file::parse(text, name).map(|issues| Self { issues, file: name.to_owned() })
    }

    /// The issues in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &KnownIssue> {
        self.issues.iter()
    }

    /// The issue with this id.
    pub fn get(&self, id: &str) -> Option<&KnownIssue> {
        self.issues.iter().find(|issue| issue.id == id)
    }

    /// Every issue that says of this case, on these versions, that it fails.
    pub(crate) fn covering<'a>(&'a self, case_id: &str, versions: &Versions<'_>) -> Vec<&'a KnownIssue> {
        self.issues.iter().filter(|issue| issue.covers(case_id, versions)).collect()
    }

    /// Turns the outcome of a case into what the run reports.
    ///
    /// A covered case that fails in the stated way is an expected failure; one that fails in any other way has
    /// failed; one that passes is an unexpected pass. Without a known issue that covers it a case stays what it is.
    pub fn classify<'a>(&'a self, case_id: &str, versions: &Versions<'_>, outcome: Outcome<'_>) -> Classification<'a> {
        let covering = self.covering(case_id, versions);
        let facts = match outcome {
            Outcome::Passed if covering.is_empty() => return Classification::Passed,
            Outcome::Passed => return Classification::UnexpectedPass { issues: covering },
            Outcome::Failed(facts) => facts,
        };
        let mut otherwise = Vec::new();
        for issue in covering {
            let differences = issue.fails.differences(&facts);
            if differences.is_empty() {
                return Classification::ExpectedFailure { issue };
            }
            otherwise.push(OtherWay { issue, differences });
        }
        Classification::Failed { otherwise }
    }

    /// What somebody should look at: review dates before `today`, and patterns that fit none of `case_ids`.
    pub fn warnings(&self, today: Date, case_ids: &[&str]) -> Vec<KnownIssueWarning> {
        let mut found = Vec::new();
        for issue in &self.issues {
            let (id, file, line) = (issue.id.clone(), self.file.clone(), issue.line);
            if issue.review < today {
                let (id, file) = (id.clone(), file.clone());
                found.push(KnownIssueWarning::ReviewOverdue { id, review: issue.review, file, line });
            }
            let idle = issue.cases.iter().filter(|pattern| !case_ids.iter().any(|case| pattern.matches(case)));
            found.extend(idle.map(|pattern| KnownIssueWarning::NoSuchCase {
                id: id.clone(),
                pattern: pattern.to_string(),
                file: file.clone(),
                line,
            }));
        }
        found
    }
}

#[cfg(test)]
mod tests;
