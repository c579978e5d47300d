//! Attempts that were seen, in the words of a report.

use crate::trace::{Attempt, Outcome};
use crate::wording;

/// An attempt in the words of a report: `Hard Disk "wrong" failed (not a bootable disk)`.
pub fn describe(attempt: &Attempt) -> String {
    wording::reworded!();
    let medium = attempt.medium.as_ref().map(|medium| format!(" \"{medium}\"")).unwrap_or_default();
    let several = !attempt.could_be.is_empty() && !attempt.unmapped;
    let unknown = if several { format!(" on {}", one_of(attempt)) } else { String::new() };
    let outcome = attempt.outcome.map_or("under way", Outcome::word);
    let entry = attempt.entry.as_ref().filter(|_| attempt.handed_over);
    let entry = entry.map(|entry| format!(" by the entry of {entry}")).unwrap_or_default();
    let reasons = [attempt.reason.to_string(), unmapped(attempt).to_owned()];
    let reasons: Vec<String> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
    let reason = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    format!("{}{medium}{unknown} {outcome}{entry}{reason}", attempt.target)
}

/// That firmware had no disk to try, where that is so.
pub(crate) fn unmapped(attempt: &Attempt) -> &'static str {
    if attempt.unmapped { "SeaBIOS had mapped no hard disk" } else { "" }
}

/// The devices that an attempt may have been on.
pub(crate) fn one_of(attempt: &Attempt) -> String {
    let devices: Vec<String> = attempt.could_be.iter().map(|device| format!("\"{device}\"")).collect();
    format!("one of {}, which the evidence does not tell apart", devices.join(", "))
}
