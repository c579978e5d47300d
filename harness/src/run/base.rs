//! What a machine may start from instead of a reset: the state of another one that has no devices, stopped on its way through
//! OVMF before it looked at any. Making and proving such states is `warm`'s work (`docs/adr/0011-warm-start.md`).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::machine::{BootOptions, Machine};
use crate::platform::Platform;

/// How a machine came to its firmware's boot manager at its first power-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// With a reset, as a machine does: why it was not warm, where that was a choice.
    Cold(Option<String>),
    /// From the state of a base.
    Warm {
        /// The base's key.
        base: String,
        /// Where in the firmware it was stopped.
        point: String,
    },
}

/// The state of a machine without devices, proven to be a beginning as good as a reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// What the state belongs to: QEMU, OVMF_CODE, OVMF_VARS and the machine's argv, in one digest.
    pub key: String,
    /// Where in the firmware the machine was stopped.
    pub point: String,
    /// The file of the state.
    pub state: PathBuf,
    /// SHA-256 of it.
    pub sha256: String,
    /// SHA-256 of the OVMF_VARS that the machine began with.
    pub vars_sha256: String,
    /// What it had printed on its serial port by then.
    pub serial: Vec<u8>,
    /// What it had printed on its debug console by then.
    pub debug_console: Vec<u8>,
}

/// Where bases come from.
pub trait Bases: fmt::Debug + Send + Sync {
    /// The base for a machine that `why_cold` has nothing against.
    ///
    /// # Errors
    ///
    /// Why there is none, in words; the machine then starts cold.
    fn base_of(&self, machine: &Machine, platform: &Platform) -> Result<Arc<Base>, String>;

    /// Is told that a machine with OVMF came to a program after a reset. Whoever makes bases may wait for that: one of a firmware
    /// that hangs costs a deadline.
    fn saw_a_boot(&self) {}
}

/// The machine of which a base is made: the same one without anything that is plugged in, by the same clock.
pub fn base_machine(machine: &Machine) -> Machine {
    let mut bare = machine.clone();
    bare.clock = Some(machine.clock());
    bare.devices.clear();
    bare.networks.clear();
    bare.rng = false;
    bare.paused = false;
    bare.boot = BootOptions::default();
    bare
}
