//! What `cargo xtask` asks a test binary apart from running its cases: only the binary knows them.

use std::io::Write;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::choice::{chosen, read_known_issues, settings};
use super::jobs::{Listed, jobs};
use crate::case::Case;
use crate::case::file::{self, Format};
use crate::report::{KnownIssueInfo, known_issue_info};

/// The variable that asks.
const VARIABLE: &str = "BOOTWRIGHT_QUESTION";

/// Lists every case; of cases from elsewhere, where they come from is to be added.
pub const LIST_COMMAND: &str = "cargo xtask test --list --suite full";

/// What a test binary can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which jobs there are, as a [`Catalogue`] on standard output; suite, shard and repetition are the settings'.
    Catalogue,
    /// A case by its id, as a case file in this format on standard output.
    Case(String, Format),
}

impl Question {
    /// The question that the environment asks, if any.
    pub fn asked(get: impl Fn(&str) -> Option<String>) -> Option<Question> {
        let text = get(VARIABLE).filter(|text| !text.is_empty())?;
        let case = |format| text.split_once(' ').map(|(_, id)| Question::Case(id.to_owned(), format));
        Some(match text.split(' ').next() {
            Some("toml") => case(Format::Toml)?,
            Some("json") => case(Format::Json)?,
            _ => Question::Catalogue,
        })
    }

    /// The variable and its value that ask it.
    pub fn to_env(&self) -> (&'static str, String) {
        let value = match self {
            Question::Catalogue => "catalogue".to_owned(),
            Question::Case(id, Format::Toml) => format!("toml {id}"),
            Question::Case(id, Format::Json) => format!("json {id}"),
        };
        (VARIABLE, value)
    }
}

/// What a test binary has to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The jobs of the selected suite and shard, in listing order.
    pub jobs: Vec<Listed>,
    /// Every known issue.
    pub known_issues: Vec<KnownIssueInfo>,
    /// Known issues that somebody should look at: overdue ones, and patterns that fit no case.
    pub warnings: Vec<String>,
}

/// Answers on standard output.
pub(super) fn answer(question: &Question, cases: Vec<Case>, known_issues: &str) -> Result<ExitCode, String> {
    match question {
        Question::Catalogue => {
            let settings = settings()?;
            let known_issues = read_known_issues(&settings, known_issues)?;
            // a known issue of a case that is not among the files' is still one of the binary's own cases
            let mut ids: Vec<String> = cases.iter().map(|case| case.id.clone()).collect();
            let cases = chosen(cases, &settings)?;
            ids.extend(cases.iter().map(|case| case.id.clone()));
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let warnings = known_issues.warnings(jiff::Zoned::now().date(), &ids);
            let jobs = jobs(cases, &settings, None).into_iter().filter(|job| job.selected);
            let catalogue = Catalogue {
                jobs: jobs.map(|job| job.listed()).collect(),
                known_issues: known_issues.iter().map(known_issue_info).collect(),
                warnings: warnings.iter().map(ToString::to_string).collect(),
            };
            let text = serde_json::to_string(&catalogue).map_err(|error| error.to_string())?;
            writeln!(std::io::stdout(), "{text}").map_err(|error| format!("cannot answer: {error}"))?;
        }
        Question::Case(id, format) => {
            let case = cases.iter().find(|case| case.id == *id).ok_or_else(|| no_such_case(id))?;
            let text = file::write(case, *format).map_err(|error| error.to_string())?;
            write!(std::io::stdout(), "{text}").map_err(|error| format!("cannot answer: {error}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn no_such_case(id: &str) -> String {
    match id.strip_prefix("control::") {
        Some(case) => format!("\"{id}\" is a negative control, which is a part of its case: give {case}"),
        None => format!("no case is named \"{id}\"\n  see: {LIST_COMMAND}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_asked() {
        let (name, value) = Question::Catalogue.to_env();
        assert_eq!(Question::asked(|asked| (asked == name).then(|| value.clone())), Some(Question::Catalogue));
        for format in [Format::Toml, Format::Json] {
            let question = Question::Case("order::a case".to_owned(), format);
            let (_, value) = question.to_env();
            assert_eq!(Question::asked(|_| Some(value.clone())), Some(question));
        }
        assert_eq!(Question::asked(|_| None), None);
    }
}
