//! Facts about the host and known issues, in the report's words.

use super::model::{Host, KnownIssueInfo};
use crate::machine::Accelerator;
use crate::verdict::known_issues::KnownIssue;

/// The machine that runs the cases.
pub fn host() -> Host {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Host {
        os: name.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned()),
        cpus: std::thread::available_parallelism().map_or(1, |count| count.get() as u32),
        accel: vec![Accelerator::Tcg],
    }
}

/// A known issue as the report lists it.
pub fn known_issue_info(issue: &KnownIssue) -> KnownIssueInfo {
    KnownIssueInfo {
        id: issue.id.clone(),
        title: issue.title.clone(),
        link: issue.link.clone(),
        review: Some(issue.review.to_string()),
    }
}
