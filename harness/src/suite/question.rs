//! What `cargo xtask` asks a test binary apart from running its cases: only the binary knows them.

use std::io::Write;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::{Listed, jobs, read_known_issues, settings};
use crate::case::Case;
use crate::report::{KnownIssueInfo, known_issue_info};

/// The variable that asks.
const VARIABLE: &str = "BOOTWRIGHT_QUESTION";

/// What a test binary can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which jobs there are, as a [`Catalogue`] on standard output; suite, shard and repetition are the settings'.
    Catalogue,
}

impl Question {
    /// The question that the environment asks, if any.
    pub fn asked(get: impl Fn(&str) -> Option<String>) -> Option<Question> {
        get(VARIABLE).filter(|text| !text.is_empty()).map(|_| Question::Catalogue)
    }

    /// The variable and its value that ask it.
    pub fn to_env(&self) -> (&'static str, String) {
        let value = match self {
            Question::Catalogue => "catalogue".to_owned(),
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
            let ids: Vec<String> = cases.iter().map(|case| case.id.clone()).collect();
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
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_as_it_was_asked() {
        let (name, value) = Question::Catalogue.to_env();
        assert_eq!(Question::asked(|asked| (asked == name).then(|| value.clone())), Some(Question::Catalogue));
        assert_eq!(Question::asked(|_| None), None);
    }
}
