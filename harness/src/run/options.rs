//! Choices of a run that are not the case's own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::base::Bases;
use super::standstill::KnownLoops;
use crate::machine::{Accelerator, Clock};
use crate::vm::REPLY_TIMEOUT;

/// Choices of a run that are not the case's own.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where evidence goes; created if it does not exist.
    pub folder: PathBuf,
    /// Everything random derives from it and the case's id.
    pub seed: u64,
    /// Who executes the guest.
    pub accelerator: Accelerator,
    /// Guest time of cases that do not choose their own; `None` takes each machine's default.
    pub clock: Option<Clock>,
    /// Keep media of passing cases.
    pub keep: bool,
    /// Test double of a QEMU that updates fw_cfg on the way from prelaunch to running: `system_reset` before that `cont`
    /// (`docs/stories.md`). For tests of known issues only.
    pub prelaunch_double: bool,
    /// Leave the machine paused when the case fails, until it is ended from outside.
    pub pause_on_failure: bool,
    /// How long QEMU and the guest may take.
    pub patience: Patience,
    /// What machines may start from instead of a reset; all start cold where `None`.
    pub bases: Option<Arc<dyn Bases>>,
    /// Where guests of the same run are known to hang.
    pub known_loops: KnownLoops,
}

impl Options {
    /// TCG, each machine's own clock, default patience, and nothing kept of a case that passes but its evidence.
    pub fn new(folder: impl Into<PathBuf>, seed: u64) -> Options {
        Options {
            folder: folder.into(),
            seed,
            accelerator: Accelerator::Tcg,
            clock: None,
            keep: false,
            prelaunch_double: false,
            pause_on_failure: false,
            patience: Patience::default(),
            bases: None,
            known_loops: KnownLoops::default(),
        }
    }

    /// Who executes the guest.
    #[must_use]
    pub fn accelerator(self, accelerator: Accelerator) -> Options {
        Options { accelerator, ..self }
    }

    /// Guest time of cases that do not choose their own.
    #[must_use]
    pub fn clock(self, clock: Option<Clock>) -> Options {
        Options { clock, ..self }
    }

    /// Whether media of passing cases are kept.
    #[must_use]
    pub fn keep(self, keep: bool) -> Options {
        Options { keep, ..self }
    }

    /// Whether the machine is left paused when the case fails.
    #[must_use]
    pub fn pause_on_failure(self, pause: bool) -> Options {
        Options { pause_on_failure: pause, ..self }
    }

    /// What machines may start from instead of a reset.
    #[must_use]
    pub fn bases(self, bases: Option<Arc<dyn Bases>>) -> Options {
        Options { bases, ..self }
    }

    /// How long QEMU and the guest may take.
    #[must_use]
    pub fn patience(self, patience: Patience) -> Options {
        Options { patience, ..self }
    }
}

/// Deadlines in host time: a safety net, never a verdict's proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For QEMU's greeting and each of its replies.
    pub reply: Duration,
    /// For the first sign of life from firmware.
    pub first_sign: Duration,
    /// For the next step of the boot.
    pub progress: Duration,
    /// For the next step of a boot that has already gone another way than expected: it may still come back.
    pub refuted: Duration,
    /// For a whole run.
    pub run: Duration,
}

impl Default for Patience {
    /// Generous, since a loaded host swaps and pages: with five times as many busy tasks as cores OVMF took over 60 s to
    /// its first line.
    fn default() -> Patience {
        Patience {
            reply: REPLY_TIMEOUT,
            first_sign: Duration::from_secs(120),
            progress: Duration::from_secs(120),
            refuted: Duration::from_secs(10),
            run: Duration::from_secs(300),
        }
    }
}
