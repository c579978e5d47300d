//! What the harness or the host could not do, and why a step did not come to its end.

use std::error::Error;
use std::io;
use std::path::Path;

use crate::process::Exit;
use crate::verdict::conclude::{RunEnd, StepFault, is_from_outside};
use crate::vm::VmError;
use crate::vm::qmp::QmpError;

/// What the harness or the host could not do. It is never the firmware's or QEMU's fault, so a case that meets one is broken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Something else than the machine: a file, a template, a story that asks for what cannot be.
    #[error("{what}")]
    Other {
        /// What could not be done.
        what: String,
        /// The cause, where there is another one.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The machine could not be powered on.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// The monitor failed.
    #[error(transparent)]
    Qmp(#[from] QmpError),
}

impl RunError {
    /// What could not be done, for a reason that is said with it.
    pub fn new(what: impl Into<String>) -> RunError {
        RunError::Other { what: what.into(), source: None }
    }

    /// What could not be done, and what was the cause.
    pub fn because(what: impl Into<String>, cause: impl Error + Send + Sync + 'static) -> RunError {
        RunError::Other { what: what.into(), source: Some(Box::new(cause)) }
    }

    /// `cannot ACT PATH`, to be used with `map_err`.
    pub fn file(act: &str, path: &Path) -> impl FnOnce(io::Error) -> RunError {
        let what = format!("cannot {act} {}", path.display());
        move |cause| RunError::because(what, cause)
    }
}

/// Why a step did not come to its end. Each but [`StepError::Host`] is QEMU's or the firmware's doing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// QEMU did what the step demands that it refuses; so it said itself, whether or not the guest ran.
    #[error("QEMU did not refuse")]
    NotRefused,
    /// QEMU refused a command.
    #[error("QEMU refused {command}: {class}: {words}")]
    Refused {
        /// The command.
        command: String,
        /// Its error class.
        class: String,
        /// QEMU's own words.
        words: String,
    },
    /// The human monitor answered where it is silent if all is well.
    #[error("QEMU answered: {words}")]
    Answered {
        /// QEMU's own words.
        words: String,
    },
    /// A job came to an end that is not a good one.
    #[error("{command} failed: {words}")]
    JobFailed {
        /// The command that began it.
        command: String,
        /// QEMU's own words.
        words: String,
    },
    /// A milestone was not reached before the deadline for the next step of a boot.
    #[error("not reached in {seconds} s of host time; last seen: {last}")]
    NotReached {
        /// Host time that it had.
        seconds: u64,
        /// The last attempt to boot something, for people.
        last: String,
    },
    /// QEMU did not do in time what was asked of it.
    #[error("{0}")]
    Timeout(String),
    /// QEMU ended in the middle.
    #[error("{what}")]
    QemuEnded {
        /// How, where that is known.
        exit: Option<Exit>,
        /// What was under way, for people.
        what: String,
    },
    /// What QEMU or the firmware shows is not what the step demands.
    #[error("{0}")]
    Differs(String),
    /// The harness or the host failed, or the story asks for what cannot be done.
    #[error(transparent)]
    Host(#[from] RunError),
}

impl StepError {
    /// A story that asks for what cannot be done.
    pub(super) fn impossible(what: impl Into<String>) -> StepError {
        StepError::Host(RunError::new(what))
    }

    /// The same error with something more to its reason, unless it is the host's.
    pub(super) fn and_also(self, more: &str) -> StepError {
        match self {
            StepError::Host(error) => StepError::Host(error),
            StepError::Timeout(what) => StepError::Timeout(format!("{what}; {more}")),
            StepError::QemuEnded { exit, what } => StepError::QemuEnded { exit, what: format!("{what}; {more}") },
            other => StepError::Differs(format!("{other}; {more}")),
        }
    }

    /// The error of a wait for QEMU's event: that it did not come in time is QEMU's doing.
    pub(super) fn late(error: QmpError) -> StepError {
        match error {
            QmpError::Timeout { .. } => StepError::Timeout(error.to_string()),
            other => other.into(),
        }
    }

    /// QEMU's own words, where it refused something.
    pub(super) fn words_of_qemu(&self) -> Option<&str> {
        match self {
            StepError::Refused { words, .. } | StepError::Answered { words } | StepError::JobFailed { words, .. } => {
                Some(words)
            }
            _ => None,
        }
    }

    fn fault(&self) -> StepFault {
        match self {
            StepError::NotRefused => StepFault::NotRefused,
            StepError::NotReached { .. } | StepError::Timeout(_) => StepFault::Deadline,
            StepError::Host(_) => StepFault::Host,
            StepError::QemuEnded { exit: Some(exit), .. } if is_from_outside(*exit) => StepFault::Host,
            StepError::Refused { .. }
            | StepError::Answered { .. }
            | StepError::JobFailed { .. }
            | StepError::QemuEnded { .. }
            | StepError::Differs(_) => StepFault::Other,
        }
    }
}

impl From<QmpError> for StepError {
    fn from(error: QmpError) -> StepError {
        match error {
            QmpError::Refused { command, class, desc } => StepError::Refused { command, class, words: desc },
            other => StepError::Host(other.into()),
        }
    }
}

/// A step of a story that failed.
#[derive(Debug, thiserror::Error)]
#[error("step {number} of {of}, {step}")]
pub struct FailedStep {
    /// Its place, from 1.
    pub number: usize,
    /// How many steps there are.
    pub of: usize,
    /// The step, for people.
    pub step: String,
    /// Why.
    pub source: StepError,
}

impl From<FailedStep> for RunEnd {
    fn from(failed: FailedStep) -> RunEnd {
        RunEnd::StepFailed { fault: failed.source.fault(), reason: crate::error::chain(&failed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_qemu_refuses_is_its_fault_and_a_monitor_that_fails_is_not() {
        let refused = QmpError::Refused { command: "cont".into(), class: "GenericError".into(), desc: "no".into() };
        let refused = StepError::from(refused);
        assert_eq!((refused.fault(), refused.words_of_qemu()), (StepFault::Other, Some("no")));
        assert_eq!(refused.to_string(), "QEMU refused cont: GenericError: no");
        assert_eq!(StepError::from(QmpError::Ended("it".into())).fault(), StepFault::Host);
    }

    #[test]
    fn a_qemu_that_somebody_else_ended_is_not_at_fault_and_one_that_crashed_is() {
        let ended = |number| {
            StepError::QemuEnded { exit: Some(Exit { code: None, signal: Some(number) }), what: String::new() }.fault()
        };
        assert_eq!([9, 15, 6, 11].map(ended), [StepFault::Host, StepFault::Host, StepFault::Other, StepFault::Other]);
    }

    #[test]
    fn a_failed_step_is_named_and_every_cause_is_told() {
        let full = std::io::Error::from_raw_os_error(28);
        let source = StepError::Host(RunError::file("write", Path::new("vars.fd"))(full));
        let failed = FailedStep { number: 1, of: 2, step: "cont".to_owned(), source };
        let reason = "step 1 of 2, cont: cannot write vars.fd: No space left on device (os error 28)".to_owned();
        assert_eq!(RunEnd::from(failed), RunEnd::StepFailed { fault: StepFault::Host, reason });
    }

    #[test]
    fn no_word_of_a_reason_changes_whose_fault_it_is() {
        for words in ["QEMU did not refuse", "QEMU ended: killed by signal 9", "has already been used", ""] {
            let end = |source| RunEnd::from(FailedStep { number: 1, of: 1, step: words.to_owned(), source });
            let fault = |end| match end {
                RunEnd::StepFailed { fault, .. } => fault,
                other => panic!("{other:?}"),
            };
            assert_eq!(fault(end(StepError::Differs(words.to_owned()))), StepFault::Other);
            assert_eq!(fault(end(StepError::Timeout(words.to_owned()))), StepFault::Deadline);
            assert_eq!(fault(end(StepError::NotReached { seconds: 1, last: words.to_owned() })), StepFault::Deadline);
            assert_eq!(fault(end(StepError::impossible(words))), StepFault::Host);
            assert_eq!(fault(end(StepError::NotRefused)), StepFault::NotRefused);
        }
    }
}
