//! Attempts that were seen, in the words of a report.

use crate::trace::{Attempt, Outcome};
use crate::wording;

/// An attempt in the words of a report: `Hard Disk "wrong" failed (not a bootable disk)`.
pub fn describe(attempt: &Attempt) -> String {
    wording::reworded!();
    let medium = attempt.medium.as_ref().map(|medium| format!(" \"{medium}\"")).unwrap_or_default();
    let unknown = if attempt.could_be.is_empty() { String::new() } else { format!(" on {}", one_of(attempt)) };
    let outcome = attempt.outcome.map_or("under way", Outcome::word);
    let entry = attempt.entry.as_ref().filter(|_| attempt.handed_over);
    let entry = entry.map(|entry| format!(" by the entry of {entry}")).unwrap_or_default();
    let reason = if attempt.reason.is_empty() { String::new() } else { format!(" ({})", attempt.reason) };
    format!("{}{medium}{unknown} {outcome}{entry}{reason}", attempt.target)
}

/// The devices that an attempt may have been on.
pub(crate) fn one_of(attempt: &Attempt) -> String {
    let devices: Vec<String> = attempt.could_be.iter().map(|device| format!("\"{device}\"")).collect();
    format!("one of {}, which the evidence does not tell apart", devices.join(", "))
}
