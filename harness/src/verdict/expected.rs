//! An attempt that a case expects, and whether one that was seen is it.

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use crate::machine::DeviceName;
use crate::trace::{Attempt, Outcome, Start};

/// What an expected attempt is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// A medium of the machine, by a boot option or whatever the firmware has in place of one.
    Medium(String),
    /// A medium of the machine, by OVMF's platform recovery and not by a boot option.
    Recovered(String),
    /// A word in the firmware's own name for it, for entries that no medium stands behind (`Floppy`, `ROM`).
    Named(String),
}

/// One attempt that must be seen at its place in the list.
#[must_use = "an expected attempt is for a list of them"]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "super::written::Expected", into = "super::written::Expected")]
pub struct Expected {
    /// On what.
    pub target: Target,
    /// How it must end.
    pub outcome: Outcome,
    /// Words that the firmware must have printed about it; empty for any.
    pub printed: String,
    /// What else must be known of its end.
    pub because_of: Vec<Cause>,
    /// The NIC that it must have gone over; any or none, where `None`.
    pub over: Option<DeviceName>,
    /// The device whose entry it must be; the medium's own, or the NIC's that serves it, where `None`.
    pub entry: Option<String>,
}

/// The medium's payload runs.
pub fn booted(medium: &str) -> Expected {
    Expected::on(Target::Medium(medium.to_owned()), Outcome::Booted)
}

/// The medium's payload runs by platform recovery: no boot option led to it.
pub fn recovered(medium: &str) -> Expected {
    Expected::on(Target::Recovered(medium.to_owned()), Outcome::Booted)
}

/// The attempt on the medium fails.
pub fn failed(medium: &str) -> Expected {
    Expected::on(Target::Medium(medium.to_owned()), Outcome::Failed)
}

/// The medium's program is not let through by Secure Boot.
pub fn refused(medium: &str) -> Expected {
    Expected::on(Target::Medium(medium.to_owned()), Outcome::Refused)
}

/// What a firmware entry that no medium stands behind leads to is refused.
pub fn refused_entry(name: &str) -> Expected {
    Expected { outcome: Outcome::Refused, ..failed_entry(name) }
}

/// The attempt on a firmware entry that no medium stands behind gets no answer in time.
pub fn timed_out_entry(name: &str) -> Expected {
    Expected { outcome: Outcome::TimedOut, ..failed_entry(name) }
}

/// The attempt on a firmware entry that no medium stands behind fails.
pub fn failed_entry(name: &str) -> Expected {
    Expected::on(Target::Named(name.to_owned()), Outcome::Failed)
}

/// The guest hangs in the middle of the attempt on the medium.
pub fn hung(medium: &str) -> Expected {
    Expected::on(Target::Medium(medium.to_owned()), Outcome::Hung)
}

/// The guest hangs in the middle of the attempt on a firmware entry that no medium stands behind.
pub fn hung_entry(name: &str) -> Expected {
    Expected::on(Target::Named(name.to_owned()), Outcome::Hung)
}

impl Expected {
    fn on(target: Target, outcome: Outcome) -> Expected {
        Expected { target, outcome, printed: String::new(), because_of: Vec::new(), over: None, entry: None }
    }

    /// Demands that the firmware printed these words about it. What the harness saw itself is demanded by
    /// [`because_of`](Self::because_of): its sentences are for people, and no verdict depends on them.
    pub fn because(mut self, printed: &str) -> Expected {
        self.printed = printed.to_owned();
        self
    }

    /// Demands that this is known of its end, beside what was demanded before.
    pub fn because_of(mut self, cause: impl Into<Cause>) -> Expected {
        self.because_of.push(cause.into());
        self
    }

    /// Demands that it went over this NIC, counted from 0 over the machine's NICs in device order.
    pub fn over_nic(mut self, number: usize) -> Expected {
        self.over = Some(DeviceName::nic(number));
        self
    }

    /// Says that another device's entry runs the medium: `booted("disk").by_entry_of("nic0")` for a NIC whose iPXE boots the
    /// disk.
    pub fn by_entry_of(mut self, device: &str) -> Expected {
        self.entry = Some(device.to_owned());
        self
    }

    pub(super) fn matches(&self, attempt: &Attempt) -> bool {
        let is_recovery = attempt.start == Start::Recovery;
        let target = match &self.target {
            Target::Medium(medium) => attempt.medium.as_deref() == Some(medium) && !is_recovery,
            Target::Recovered(medium) => attempt.medium.as_deref() == Some(medium) && is_recovery,
            Target::Named(word) => attempt.medium.is_none() && attempt.could_be.is_empty() && attempt.is_called(word),
        };
        let entry = match &self.entry {
            Some(wanted) => attempt.entry.as_ref().is_some_and(|entry| entry == wanted.as_str()),
            None => !attempt.handed_over,
        };
        let printed = self.printed.is_empty() || attempt.reason.has_printed(&self.printed);
        let known = self.because_of.iter().all(|cause| cause.holds(&attempt.reason));
        let over = self.over.is_none() || self.over == attempt.nic;
        target && entry && attempt.outcome == Some(self.outcome) && printed && known && over
    }

    /// Whether it would match, were the attempt on one of the devices that it may have been on.
    pub(super) fn may_match(&self, attempt: &Attempt) -> bool {
        attempt.could_be.iter().any(|device| {
            let medium = Some(device.as_str().to_owned());
            self.matches(&Attempt { medium, could_be: Vec::new(), ..attempt.clone() })
        })
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.target {
            Target::Medium(medium) => write!(out, "\"{medium}\" {}", self.outcome.word())?,
            Target::Recovered(medium) => {
                write!(out, "\"{medium}\" {} by {}", self.outcome.word(), Start::Recovery.words())?
            }
            Target::Named(word) => write!(out, "{word} {}", self.outcome.word())?,
        }
        if let Some(entry) = &self.entry {
            write!(out, " by the entry of {entry}")?;
        }
        let over = self.over.iter().map(|nic| format!("over {nic}"));
        let known = over.chain(self.because_of.iter().map(Cause::to_string));
        let reasons = known.chain(Some(self.printed.clone()).filter(|printed| !printed.is_empty())).collect::<Vec<_>>();
        if reasons.is_empty() { Ok(()) } else { write!(out, " ({})", reasons.join("; ")) }
    }
}
