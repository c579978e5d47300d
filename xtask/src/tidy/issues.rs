//! Known issues that can never do anything, and those that are due for a look.

use bootwright::verdict::known_issues::{KnownIssueWarning, KnownIssues};
use jiff::civil::Date;

use super::finding::Finding;
use super::source::Source;

/// Where the repository keeps them.
const FILE: &str = "cases/known-issues.toml";

/// Patterns that fit no case are findings. A review date that has passed is a note: what was tidy yesterday is today.
///
/// # Errors
///
/// What is wrong with the file.
pub fn look(sources: &[Source]) -> Result<(Vec<Finding>, Vec<String>), String> {
    let Some(source) = sources.iter().find(|source| source.path == FILE) else { return Ok(Default::default()) };
    let cases = bootwright_cases::all();
    let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    look_at(&source.text, &ids, jiff::Zoned::now().date())
}

fn look_at(text: &str, ids: &[&str], today: Date) -> Result<(Vec<Finding>, Vec<String>), String> {
    let issues = KnownIssues::parse(text, FILE).map_err(|error| bootwright::error::chain(&error))?;
    let (mut findings, mut notes) = (Vec::new(), Vec::new());
    for warning in issues.warnings(today, ids) {
        match &warning {
            KnownIssueWarning::ReviewOverdue { .. } => notes.push(warning.to_string()),
            KnownIssueWarning::NoSuchCase { id, pattern, line, .. } => findings.push(Finding {
                path: FILE.to_owned(),
                line: *line,
                what: format!("known issue {id:?}: no case fits {pattern:?}"),
                fix: "correct the pattern or remove it",
            }),
        }
    }
    Ok((findings, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[[issue]]
id = "old"
title = "a blank disk ends the search"
link = "https://example.org/old"
cases = ["order::*", "ordre::*"]
review = 2020-01-01
affected = { qemu = ">=7.0, <8" }
fails = { booted = false }
"#;

    #[test]
    fn an_idle_pattern_is_a_finding_and_an_overdue_review_is_a_note() {
        let (findings, notes) = look_at(TEXT, &["order::a"], jiff::civil::date(2026, 1, 1)).unwrap();
        assert_eq!(findings.len(), 1);
        assert!(
            findings[0].to_string().contains("known-issues.toml:2: known issue \"old\": no case fits \"ordre::*\"")
        );
        assert!(notes[0].contains("was to be reviewed by 2020-01-01"), "{notes:?}");
        let (findings, notes) = look_at(TEXT, &["order::a", "ordre::b"], jiff::civil::date(2020, 1, 1)).unwrap();
        assert_eq!((findings.len(), notes.len()), (0, 0));
    }
}
