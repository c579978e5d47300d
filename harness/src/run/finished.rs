//! What a run of a case came to.

use std::time::Duration;

use super::base::Start;
use crate::case::Case;
use crate::case::minimize::Failure;
use crate::lan::Lateness;
use crate::machine::Clock;
use crate::trace::Trace;
use crate::verdict::conclude::Conclusion;
use crate::verdict::views::Views;

/// How a case ended, before known issues are looked at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// The expectation held.
    Passed,
    /// It did not: what was seen instead.
    Failed(String),
    /// The harness or the host failed: what, and what to do.
    Broken(String),
    /// The platform lacks something: what.
    Skipped(String),
}

impl From<Conclusion> for Ended {
    fn from(conclusion: Conclusion) -> Ended {
        match conclusion {
            Conclusion::Holds => Ended::Passed,
            Conclusion::Fails(reason) => Ended::Failed(reason),
            Conclusion::Broken(reason) => Ended::Broken(reason),
        }
    }
}

/// A finished case.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished {
    /// The verdict.
    pub ended: Ended,
    /// What was seen.
    pub trace: Trace,
    /// Host time from power-on to the end.
    pub wall: Duration,
    /// Guest time at the end, where it could be read.
    pub guest: Option<Duration>,
    /// How guest time passed.
    pub clock: Clock,
    /// State of the guest when the harness looked last.
    pub guest_state: String,
    /// The signal that had ended QEMU by then; none of the harness' own making.
    pub qemu_signal: Option<i32>,
    /// The views of the boot order.
    pub views: Views,
    /// Why the run came to its end, as reports have it: `gave-up`, `loops`; `None` where all that was waited for was seen.
    pub end: Option<&'static str>,
    /// The run ended at a deadline of `Patience` and not by what the machine did.
    pub gave_up: bool,
    /// User and system time of its QEMUs, where it could be read.
    pub processor: Option<Duration>,
    /// How the machine came to its boot manager at its first power-on.
    pub start: Start,
    /// How late its networks answered.
    pub(crate) network_late: Lateness,
    /// How long its guest computed at most while QEMU's main loop served nobody, where its clock does not wait.
    pub(crate) main_loop_silent: Duration,
    /// Why this is the second run of the case, where it is; the evidence of the first is beside its own.
    pub run_again: Option<String>,
    /// What the log of the firmware lacks although all of the evidence was kept.
    pub(crate) lacks: Option<String>,
    /// How it failed if the firmware never wrote that.
    pub(crate) failed_if_whole: Option<String>,
}

impl Finished {
    /// How it failed, where it did.
    pub fn failure(&self) -> Option<Failure> {
        let Ended::Failed(reason) = &self.ended else { return None };
        let terminal = self.trace.terminal.as_ref().map(|terminal| terminal.name());
        Some(Failure::new(reason, self.trace.booted(), terminal))
    }

    pub(crate) fn without_guest(case: &Case, ended: Ended) -> Finished {
        Finished {
            ended,
            trace: Trace::default(),
            wall: Duration::ZERO,
            guest: None,
            clock: case.machine.clock(),
            guest_state: "never powered on".to_owned(),
            qemu_signal: None,
            views: Views::default(),
            end: None,
            gave_up: false,
            processor: None,
            start: Start::Cold(None),
            network_late: Lateness::default(),
            main_loop_silent: Duration::ZERO,
            run_again: None,
            lacks: None,
            failed_if_whole: None,
        }
    }
}
