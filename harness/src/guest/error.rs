//! What is wrong with a text that was given: one sentence with its place, what was wanted and what to do.

use std::fmt;

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// A description of a guest or network that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct GuestError {
    /// What is wrong.
    pub what: String,
    /// The file, as it was named.
    pub file: String,
    /// Where in it.
    pub at: At,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for GuestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\n  in: {} line {} column {}", self.what, self.file, self.at.line, self.at.column)?;
        if self.fix.is_empty() { Ok(()) } else { write!(out, "\n  fix: {}", self.fix) }
    }
}
