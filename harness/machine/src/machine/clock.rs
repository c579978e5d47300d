//! How guest time passes.

use std::fmt;
use std::str::FromStr;

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

/// A word that is no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wanted virtual or real")]
pub struct UnknownClock;

impl Clock {
    /// The virtual clock that a run is told to use; which machine gets one otherwise is the machine's choice.
    pub const VIRTUAL: Clock = Clock::Virtual { shift: 7 };

    /// The clock without its rate.
    pub fn kind(self) -> ClockKind {
        match self {
            Clock::Virtual { .. } => ClockKind::Virtual,
            Clock::Real => ClockKind::Real,
        }
    }
}

impl FromStr for Clock {
    type Err = UnknownClock;

    fn from_str(text: &str) -> Result<Clock, UnknownClock> {
        [Clock::VIRTUAL, Clock::Real].into_iter().find(|clock| clock.to_string() == text).ok_or(UnknownClock)
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
