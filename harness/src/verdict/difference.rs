//! How a trace differs from what was expected.

/// Why a trace does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is otherwise than expected.
    Otherwise(String),
    /// The evidence does not say whether it is as expected.
    Undecided(String),
}

impl Difference {
    /// As one line for a report.
    pub fn words(self) -> String {
        match self {
            Difference::Otherwise(words) | Difference::Undecided(words) => words,
        }
    }
}

impl From<String> for Difference {
    fn from(words: String) -> Difference {
        Difference::Otherwise(words)
    }
}
