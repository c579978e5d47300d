//! What there is to run: cases, their negative controls, and their repetitions.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::case::{Case, Suite};
use crate::platform::Architecture;

/// One thing to run: a case or its negative control.
#[derive(Clone, Debug)]
pub struct Job {
    /// The case; its rounds share it.
    pub case: Arc<Case>,
    /// Run its negative control instead.
    pub control: bool,
    /// Repetition, from 1, where cases are repeated.
    pub round: Option<u32>,
    /// In the selected suite and shard; others are listed as ignored.
    pub selected: bool,
}

impl Job {
    /// The id under which it is listed and reported.
    pub fn id(&self) -> String {
        if self.control { format!("control::{}", self.case.id) } else { self.case.id.clone() }
    }

    /// The test's name: the id, and the round where there are several.
    pub fn name(&self) -> String {
        match self.round {
            Some(round) => format!("{}~{round}", self.id()),
            None => self.id(),
        }
    }

    /// What a listing says of it.
    pub fn listed(&self) -> Listed {
        Listed {
            id: self.id(),
            name: self.name(),
            axes: self.case.axes.clone(),
            architecture: self.case.machine.board.facts().architecture,
            suite: self.case.tier.suite(),
            long_because: self.case.tier.reason().map(str::to_owned),
            about: self.case.about.clone(),
            source: Some(self.case.source.to_string()),
            control: self.control,
            round: self.round,
        }
    }
}

/// Every case, in listing order, or those of these ids; the full suite adds each case's negative control.
pub fn jobs(cases: Vec<Case>, settings: &Settings, ids: Option<&HashSet<&str>>) -> Vec<Job> {
    let mut jobs = Vec::new();
    for case in cases {
        let case = Arc::new(case);
        for control in [false, true] {
            let id = if control { format!("control::{}", case.id) } else { case.id.clone() };
            if ids.is_some_and(|ids| !ids.contains(id.as_str())) {
                continue;
            }
            let suite = if control { Suite::Full } else { case.tier.suite() };
            let selected = suite <= settings.suite && settings.shard.is_none_or(|shard| shard.holds(&id));
            for round in 1..=settings.repeat {
                let round = (settings.repeat > 1).then_some(round);
                jobs.push(Job { case: case.clone(), control, round, selected });
            }
        }
    }
    jobs
}

/// The id of a job by its name: rounds of one case have one.
pub fn id_of(name: &str) -> &str {
    match name.rsplit_once('~') {
        Some((id, round)) if round.parse::<u32>().is_ok() => id,
        _ => name,
    }
}

/// A job as a program other than the test binary knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// The id under which it is reported.
    pub id: String,
    /// The test's name.
    pub name: String,
    /// Axis to value.
    pub axes: BTreeMap<String, String>,
    /// Whose QEMU it needs.
    #[serde(default)]
    pub architecture: Architecture,
    /// The smallest suite that runs its case.
    pub suite: Suite,
    /// Why the default suite does not have its case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_because: Option<String>,
    /// What its case is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Where its case is written, `FILE:LINE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// It is the negative control of a case.
    pub control: bool,
    /// Repetition, from 1, where cases are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
}
