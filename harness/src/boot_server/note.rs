//! What is said about lines of a file: notes and errors.

use std::fmt;

/// Something about one line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What, in one sentence.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}; {fix}", place(*line))]
pub struct BootServerError {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1; `None` where it is about the whole file.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
    /// What was wanted, or what to do.
    pub fix: String,
}

fn place(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

/// What readers of a file share: its name.
#[derive(Clone, Copy)]
pub(super) struct File<'a>(pub &'a str);

impl File<'_> {
    pub fn note(self, line: usize, what: impl Into<String>) -> Note {
        Note { file: self.0.to_owned(), line, what: what.into() }
    }

    pub fn error(self, line: impl Into<Option<usize>>, problem: impl Into<String>, fix: &str) -> BootServerError {
        BootServerError { file: self.0.to_owned(), line: line.into(), problem: problem.into(), fix: fix.to_owned() }
    }
}
