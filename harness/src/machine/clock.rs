//! How guest time passes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How guest time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Clock {
    /// `-icount shift=N,sleep=off`: one guest instruction is 2^shift ns, and an idle guest's time jumps. TCG only.
    Virtual {
        /// Binary logarithm of nanoseconds per instruction.
        shift: u8,
    },
    /// Guest time is host time.
    Real,
}

/// A clock without its rate: what a report says of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockKind {
    /// [`Clock::Virtual`] at any rate.
    Virtual,
    /// [`Clock::Real`].
    Real,
}

impl Clock {
    /// The clock without its rate.
    pub fn kind(self) -> ClockKind {
        match self {
            Clock::Virtual { .. } => ClockKind::Virtual,
            Clock::Real => ClockKind::Real,
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(out)
    }
}

impl fmt::Display for ClockKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            ClockKind::Virtual => "virtual",
            ClockKind::Real => "real",
        })
    }
}
