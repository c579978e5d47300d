//! Which of several findings decides a case: how the run ended, the trace, guest time, the variable store, the views.
//!
//! Pure: what was observed goes in, a conclusion comes out. That an evidence file could not be written, or that a platform
//! lacks something, is not looked at here: that is no finding about the guest.

use std::fmt;
use std::time::Duration;

use super::judge::log_of;
use super::stores::Stores;
use super::views::Views;
use super::{Difference, Ending, Expectation, already_refuted, compare, describe};
use crate::process::Exit;
use crate::trace::{Attempt, Outcome, Standstill, Trace};
use crate::wording;

/// Why a run came to its end.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RunEnd {
    /// The trace reached the point at which the expectation's run is over.
    Over,
    /// A deadline passed.
    GaveUp {
        /// Host time since power-on.
        waited: Duration,
        /// What for.
        awaited: Awaited,
    },
    /// QEMU ended and no step of the story had it end.
    QemuEnded {
        /// How.
        exit: Exit,
        /// It had said so before (QMP `SHUTDOWN`).
        announced: bool,
    },
    /// A signal has stopped QEMU, and a deadline passed meanwhile.
    QemuStopped,
    /// QEMU did not get enough of the host's processors to tell what the guest would have done.
    Starved {
        /// Host time without progress.
        waited: Duration,
        /// How much of it QEMU waited for a processor.
        starved: Duration,
    },
    /// The machine was reset again and again.
    ResetLoop {
        /// How often.
        resets: u32,
    },
    /// The guest did nothing any more.
    StandsStill(Standstill),
    /// A step of the story did not come to its end.
    StepFailed {
        /// Whose fault that is, and what it means.
        fault: StepFault,
        /// The step and what was wrong with it, for people.
        reason: String,
    },
    /// QEMU ended before its guest ran.
    Refused {
        /// How it ended.
        exit: Exit,
        /// What it said on standard error.
        said: String,
    },
    /// The harness or the host failed.
    Broken {
        /// What, and the causes, for people.
        reason: String,
    },
}

/// What a run waited for when it was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// Anything from the firmware.
    SignOfLife,
    /// The next step of a boot.
    NextStep,
}

/// What a failed step means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepFault {
    /// QEMU did what it had to refuse: a finding, whether or not the guest ran.
    NotRefused,
    /// The firmware did not get there before a deadline.
    Deadline,
    /// QEMU or the firmware did something else than the step demands.
    Other,
    /// The harness or the host failed.
    Host,
}

impl RunEnd {
    /// The name used in reports; `None` where all that was waited for was seen, or the harness failed.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            RunEnd::Over | RunEnd::Broken { .. } => None,
            RunEnd::GaveUp { .. } => Some("gave-up"),
            RunEnd::QemuEnded { .. } => Some("qemu-ended"),
            RunEnd::QemuStopped => Some("qemu-stopped"),
            RunEnd::Starved { .. } => Some("starved"),
            RunEnd::ResetLoop { .. } => Some("reset-loop"),
            RunEnd::StandsStill(standstill) => Some(standstill.name()),
            RunEnd::StepFailed { .. } => Some("step-failed"),
            RunEnd::Refused { .. } => Some("refused"),
        }
    }

    /// Whether a signal ended QEMU.
    pub fn crashed(&self) -> bool {
        matches!(self, RunEnd::QemuEnded { exit, .. } if exit.signal.is_some())
    }

    /// Whether the run came to its end by what was seen, with the machine still at work: what it says next is not missing.
    pub fn was_seen(&self) -> bool {
        matches!(self, RunEnd::Over | RunEnd::ResetLoop { .. })
    }

    /// Whether the harness or the host ended the run, so that what is missing may be missing for that.
    pub fn is_hosts(&self) -> bool {
        match self {
            RunEnd::QemuStopped | RunEnd::Starved { .. } | RunEnd::Broken { .. } | RunEnd::Refused { .. } => true,
            RunEnd::StepFailed { fault, .. } => *fault == StepFault::Host,
            RunEnd::QemuEnded { exit, .. } => is_from_outside(*exit),
            _ => false,
        }
    }

    /// Whether the run ended at a deadline and not by what the machine did.
    pub fn gave_up(&self) -> bool {
        match self {
            RunEnd::StandsStill(standstill) => !standstill.is_seen(),
            end => matches!(end, RunEnd::GaveUp { .. } | RunEnd::StepFailed { fault: StepFault::Deadline, .. }),
        }
    }
}

/// What was observed of one machine.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// What happened.
    pub trace: &'a Trace,
    /// Why the run came to its end.
    pub end: &'a RunEnd,
    /// State of the guest when the harness looked last, for people.
    pub guest_state: &'a str,
    /// Guest time at the end, where it could be read.
    pub guest_time: Option<Duration>,
    /// The variable store, where there is one.
    pub stores: Option<&'a Stores>,
    /// The views of the boot order.
    pub views: &'a Views,
}

/// What follows for the expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// It holds.
    Holds,
    /// It does not: what was seen instead.
    Fails(String),
    /// Nothing follows, because the harness or the host failed: what.
    Broken(String),
}

/// `isa-debug-exit` turns the payload's 0x2a into this exit code.
pub const PAYLOAD_EXIT: i32 = 85;

impl Conclusion {
    /// What a comparison comes to: what the evidence leaves open is nobody's fault but the harness' or the host's.
    fn of(compared: Result<(), Difference>) -> Conclusion {
        match compared {
            Ok(()) => Conclusion::Holds,
            Err(Difference::Otherwise(difference)) => Conclusion::Fails(difference),
            Err(Difference::Undecided(unknown)) => Conclusion::Broken(unknown),
        }
    }

    /// The next finding, which counts only where all before it hold.
    fn and(self, next: impl FnOnce() -> Result<(), String>) -> Conclusion {
        match self {
            Conclusion::Holds => next().map_or_else(Conclusion::Fails, |()| Conclusion::Holds),
            other => other,
        }
    }
}

/// Holds everything that was observed against an expectation. The first of these that differs decides: the end of the run
/// with the trace, guest time and waits, the variable store, the views.
pub fn conclude(expected: &Expectation, observed: &Observed<'_>) -> Conclusion {
    let Observed { guest_time, stores, views, .. } = *observed;
    let conclusion = conclude_boot(expected, observed.trace, observed.end, observed.guest_state)
        .and(|| expected.check_guest_time(guest_time))
        .and(|| expected.check_wait(observed.trace))
        .and(|| expected.check_store(stores))
        .and(|| if expected.views { views.check() } else { Ok(()) });
    let conclusion = match (conclusion, lost(expected, observed)) {
        (broken @ Conclusion::Broken(_), _) => broken,
        (_, Some(lost)) => Conclusion::Broken(lost),
        (conclusion, None) => conclusion,
    };
    match conclusion {
        Conclusion::Fails(reason) => {
            Conclusion::Fails(views.stale().iter().fold(reason, |reason, stale| format!("{reason}; {stale}")))
        }
        conclusion => conclusion,
    }
}

/// The same if the log lost nothing: what is missing in it was never written.
pub(crate) fn conclude_as_whole(expected: &Expectation, observed: &Observed<'_>) -> Conclusion {
    let trace = Trace { holes: Vec::new(), ..observed.trace.clone() };
    let views = Views { hole: None, silent: None, ..observed.views.clone() };
    conclude(expected, &Observed { trace: &trace, views: &views, ..*observed })
}

/// What the log must have lost, by other witnesses. A run that was over was ended by something that was read.
fn lost(expected: &Expectation, observed: &Observed<'_>) -> Option<String> {
    let hole = match observed.end {
        RunEnd::Refused { .. } | RunEnd::Broken { .. } => return None,
        RunEnd::GaveUp { .. } if runs_unread(expected, observed.trace) => observed.views.hole.as_ref()?,
        RunEnd::GaveUp { .. } | RunEnd::StandsStill(_) => {
            observed.views.hole.as_ref().or(observed.views.silent.as_ref())?
        }
        _ => observed.views.hole.as_ref()?,
    };
    Some(format!("the {} log has a hole: {hole}", log_of(observed.trace)))
}

/// Whether a program of others runs, which may draw what it says where nobody reads it: a menu in pixels.
fn runs_unread(expected: &Expectation, trace: &Trace) -> bool {
    let under_way = trace.attempts.last().is_some_and(|last| last.outcome.is_none());
    let is_its = trace.guest.started_in == trace.attempts.len() && trace.guest.started_in > 0;
    expected.reach().is_some() && under_way && is_its
}

/// The part of [`conclude`] that is known as long as the machine is still there.
pub fn conclude_boot(expected: &Expectation, trace: &Trace, end: &RunEnd, guest_state: &str) -> Conclusion {
    let compared = compare(expected, trace);
    let reason = match end {
        RunEnd::Over => return Conclusion::of(compared),
        RunEnd::Broken { reason } | RunEnd::StepFailed { fault: StepFault::Host, reason } => {
            return Conclusion::Broken(reason.clone());
        }
        RunEnd::StepFailed { fault: StepFault::Deadline | StepFault::Other, reason } if !trace.holes.is_empty() => {
            return Conclusion::Broken(format!("the log of the firmware has a hole: {}; {reason}", trace.holes[0]));
        }
        RunEnd::StepFailed { reason, .. } => return Conclusion::Fails(reason.clone()),
        RunEnd::Refused { exit, said } => return conclude_refusal(expected, *exit, said),
        RunEnd::QemuStopped | RunEnd::Starved { .. } => return Conclusion::Broken(end.to_string()),
        RunEnd::QemuEnded { exit, announced } => match not_its_own(*exit, *announced, trace) {
            Some(why) => return Conclusion::Broken(format!("{end}: {why}")),
            None => end.to_string(),
        },
        RunEnd::GaveUp { .. } | RunEnd::ResetLoop { .. } | RunEnd::StandsStill(_) => end.to_string(),
    };
    let by_payload = matches!(end, RunEnd::QemuEnded { exit, .. } if exit.code == Some(PAYLOAD_EXIT));
    let ran = trace.booted().is_some() && trace.attempts.last().is_some_and(|last| last.lap == trace.laps.max(1));
    if by_payload && !ran {
        let what = "the log of the firmware has a hole: a payload has ended the machine, and its line is missing";
        return Conclusion::Broken(what.to_owned());
    }
    Conclusion::Fails(match compared {
        Ok(()) => reason,
        Err(Difference::Undecided(unknown)) => return Conclusion::Broken(unknown),
        Err(Difference::Otherwise(difference)) => {
            let last = trace.attempts.last().map(describe).unwrap_or_else(|| "no attempt".to_owned());
            let now = |last: &Attempt| last.lap == trace.laps.max(1) && last.outcome == Some(Outcome::Hung);
            let hung = trace.attempts.last().is_some_and(now);
            // that a payload ends the machine is what it is for, and the guest's state says so; how an attempt hangs is its reason
            let is_said = by_payload || hung && matches!(end, RunEnd::StandsStill(_));
            let reason = if is_said { String::new() } else { format!("{reason}; ") };
            format!("{difference}; {reason}last seen: {last}; guest: {guest_state}")
        }
    })
}

/// Whether a process was ended by somebody else: by SIGKILL, which is also what the kernel sends when memory has run out, or
/// by SIGTERM. Other signals are of QEMU's own making.
pub fn is_from_outside(exit: Exit) -> bool {
    matches!(exit.signal, Some(9 | 15))
}

/// Why the end of a QEMU is neither its own doing nor its guest's; `None` where it is.
fn not_its_own(exit: Exit, announced: bool, trace: &Trace) -> Option<&'static str> {
    if is_from_outside(exit) {
        return Some("somebody ended it, or the host's memory ran out");
    }
    let silent = exit.success() && !announced && !trace.progress().shows_life();
    silent.then_some("without a sign of life, and nobody had asked it to")
}

fn conclude_refusal(expected: &Expectation, exit: Exit, said: &str) -> Conclusion {
    let said = said.replace('\n', " / ");
    if is_from_outside(exit) {
        return Conclusion::Broken(format!("somebody ended QEMU before the guest ran ({exit}){}", after(&said)));
    }
    match &expected.ending {
        // QEMU's own words, which have no class
        Ending::Refused(words) if !said.is_empty() && said.contains(words) => Conclusion::Holds,
        Ending::Refused(words) if said.is_empty() => {
            Conclusion::Fails(format!("QEMU refuses and printed nothing, expected \"{words}\""))
        }
        Ending::Refused(words) => Conclusion::Fails(format!("QEMU refuses with \"{said}\", expected \"{words}\"")),
        _ => Conclusion::Broken(format!("QEMU ended before the guest ran ({exit}){}", after(&said))),
    }
}

/// What a QEMU said, after how it ended.
fn after(said: &str) -> String {
    if said.is_empty() { "; it printed nothing".to_owned() } else { format!(": {said}") }
}

/// What a negative control shows: that the expectation does not hold for it must be by what the machine did. One that shows
/// no sign of life or that only ran into a deadline refutes nothing, and is broken.
pub fn conclude_control(expected: &Expectation, trace: &Trace, end: &RunEnd, conclusion: Conclusion) -> Conclusion {
    let not_refused = matches!(end, RunEnd::StepFailed { fault: StepFault::NotRefused, .. });
    match conclusion {
        Conclusion::Holds => {
            Conclusion::Fails("the expectation holds although its cause was removed: it is vacuous".to_owned())
        }
        Conclusion::Fails(reason) if !trace.shows_life() && !not_refused => {
            let what = "the control machine showed no sign of life, which refutes nothing";
            Conclusion::Broken(format!("{what}: {reason}"))
        }
        Conclusion::Fails(reason) if end.crashed() && !already_refuted(expected, trace) => {
            Conclusion::Broken(format!("QEMU crashed under the control, which refutes nothing: {reason}"))
        }
        Conclusion::Fails(reason) if end.gave_up() && !already_refuted(expected, trace) => {
            Conclusion::Broken(format!("the control only ran into a deadline, which refutes nothing: {reason}"))
        }
        Conclusion::Fails(_) => Conclusion::Holds,
        broken @ Conclusion::Broken(_) => broken,
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        out.write_str(match self {
            Awaited::SignOfLife => "a sign of life from the firmware",
            Awaited::NextStep => "the next step of the boot",
        })
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        wording::reworded!(out);
        match self {
            RunEnd::Over => out.write_str("the run was over"),
            RunEnd::GaveUp { waited, awaited } => {
                write!(out, "gave up after {:.1} s of host time waiting for {awaited}", waited.as_secs_f64())
            }
            RunEnd::QemuEnded { exit, .. } if is_from_outside(*exit) => write!(out, "QEMU was {exit}"),
            RunEnd::QemuEnded { exit, .. } => write!(out, "QEMU ended by itself: {exit}"),
            RunEnd::QemuStopped => out.write_str("a signal has stopped QEMU, which does not run on (SIGSTOP)"),
            RunEnd::Starved { waited, starved } => {
                let [waited, starved] = [waited, starved].map(Duration::as_secs_f64);
                write!(out, "the host is too busy: in {waited:.1} s QEMU waited {starved:.1} s for a processor")
            }
            RunEnd::ResetLoop { resets } => {
                write!(out, "the machine was reset {resets} times: it reboots in a loop")
            }
            RunEnd::StandsStill(standstill) => standstill.fmt(out),
            RunEnd::StepFailed { reason, .. } | RunEnd::Broken { reason } => out.write_str(reason),
            RunEnd::Refused { exit, said } => {
                let said = if said.is_empty() { "printed nothing" } else { &format!("said: {said}") };
                write!(out, "QEMU ended before the guest ran: {exit}; it {said}")
            }
        }
    }
}

#[cfg(test)]
#[path = "conclude_tests.rs"]
mod tests;
