//! What is wrong with a case that was read.

use super::Key;

/// What is wrong with a case, and where in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The way to the value.
    pub place: Vec<Key>,
    /// What is wrong, and what was wanted.
    pub problem: String,
}
