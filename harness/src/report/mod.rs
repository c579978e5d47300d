//! The only place that formats for people or machines.
//!
//! Owns the shape of a run's results: what one case leaves behind ([`CaseFolder`]), the run's [`Report`]
//! (`report.json`, `docs/report.schema.json`), and every rendering of it: JUnit XML, a page for browsers, failure texts
//! and live progress. It never starts a machine, never judges a trace, and never changes a verdict: what it reads is
//! what it shows. Text that came from a guest is data here and is escaped wherever it is shown.
//!
//! ```
//! use bootwright::report::{Attempt, CaseFolder, CaseKey, CaseResult, Course, Report, Verdict, gather};
//! use bootwright::trace::Outcome;
//!
//! # let dir = std::env::temp_dir().join(format!("bootwright-doc-{}", std::process::id()));
//! let key = CaseKey::new("boot_order::seabios::lower_bootindex_beats_lower_slot", "host");
//! let folder = CaseFolder::new(&dir, &key);
//! folder.start(&key)?;
//! let mut result = CaseResult::new(&key, Verdict::Passed);
//! result.booted = Some("right".into());
//! result.attempts.push(Attempt::new("Booting from Hard Disk...", Outcome::Booted).medium("right"));
//! folder.finish(&result)?;
//!
//! let report = gather(&dir, Report::new("0007"), &Course::default())?;
//! assert_eq!(report.totals.passed, 1);
//! assert_eq!(report.exit_code(), 0);
//! report.store(&dir.join("report.json"))?;
//! # std::fs::remove_dir_all(&dir).ok();
//! # Ok::<(), bootwright::report::ReportError>(())
//! ```

pub mod alike;
pub mod blame;
pub mod compare;
mod error;
mod facts;
mod firmware_kind;
mod folder;
pub mod github;
pub mod html;
mod json;
pub mod junit;
mod key;
pub mod merge;
mod model;
pub mod progress;
mod qemu_info;
pub mod qualify;
mod reached;
pub mod read_again;
mod selection;
pub mod text;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod schema;

pub use error::ReportError;
pub use facts::{host, known_issue_info};
pub use firmware_kind::FirmwareKind;
pub use folder::{CaseFolder, RESULT_FILE, STARTED_FILE};
pub use json::{Course, gather};
pub use key::{CaseKey, folder_name};
pub use model::{
    Attempt, CaseResult, FirmwareInfo, Flake, Host, KnownIssueInfo, PlatformInfo, Report, SCHEMA, Start, Totals,
    Verdict, timestamp,
};
pub use qemu_info::{OtherQemu, QemuInfo};
pub use reached::Reached;
pub use selection::{Selection, Shard, ShardError};
