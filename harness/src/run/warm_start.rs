//! The first power-on of a machine from a base's state instead of a reset.

use std::path::Path;

use serde_json::json;

use super::base::Base;
use super::error::RunError;
use super::session::{Session, StartMode};
use crate::digest;
use crate::error::chain;
use crate::evidence::{HarnessEvent, Source};
use crate::machine::Machine;
use crate::verdict::conclude::RunEnd;
use crate::vm::Vm;

impl Session<'_> {
    /// Powers the machine on from a base's state. What the base had printed stands first in the evidence.
    ///
    /// # Errors
    ///
    /// How the run ended thereby; [`Session::refused`] says whether it was the state that could not be loaded.
    pub(super) fn start_warm(&mut self, base: &Base) -> Result<(), RunEnd> {
        let broken = |error: &dyn std::error::Error| RunEnd::Broken { reason: chain(error) };
        self.prepared.folder.json("warm-start.json", &of(base)).map_err(|error| broken(&error))?;
        if let Some(differs) = self.other_store(base) {
            return Err(self.refuse(differs));
        }
        for (source, bytes) in [(Source::Serial, &base.serial), (Source::DebugConsole, &base.debug_console)] {
            if !bytes.is_empty() {
                self.recorder.bytes(source, bytes);
            }
        }
        let machine = self.prepared.machine.clone();
        match self.restored(&machine, base) {
            Ok(vm) => {
                self.note(HarnessEvent::Restored { base: base.key.clone(), point: base.point.clone() });
                self.replace_vm(vm);
                Ok(())
            }
            Err(error) => Err(self.refuse(chain(&error))),
        }
    }

    fn restored(&mut self, machine: &Machine, base: &Base) -> Result<Vm, RunError> {
        let (version, patience) = (self.platform.qemu.version, self.options.patience.reply);
        let vm = self.power_on(machine, StartMode::Incoming { own_nvram: false })?;
        let loaded = vm.load_state(&base.state, version, patience);
        loaded.map_err(|error| RunError::because("the state of the base was not loaded", error))?;
        Ok(vm)
    }

    /// What is wrong with the machine's variable store: the state brings the one of its base.
    fn other_store(&self, base: &Base) -> Option<String> {
        let path = self.prepared.store.as_ref()?.path();
        let found = std::fs::read(&path).map(|bytes| digest::sha256(&bytes)).unwrap_or_default();
        (found != base.vars_sha256).then(|| format!("{} is not the OVMF_VARS of the base", path.display()))
    }

    fn refuse(&mut self, reason: String) -> RunEnd {
        self.refused = Some(reason.clone());
        RunEnd::Broken { reason }
    }
}

fn of(base: &Base) -> serde_json::Value {
    json!({ "base": base.key, "point": base.point, "state": base.state, "state_sha256": base.sha256,
        "serial_bytes": base.serial.len(), "debugcon_bytes": base.debug_console.len() })
}

/// The folder within an evidence folder that keeps what a warm start came to, once the same case was started cold.
pub(super) const ASIDE: &str = "warm";

/// Moves what is in an evidence folder into a folder of it, before the same case is run again.
pub(super) fn set_aside(folder: &Path, into: &str) -> std::io::Result<()> {
    let aside = folder.join(into);
    match std::fs::remove_dir_all(&aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    std::fs::create_dir(&aside)?;
    // the mark that the case has begun is its runner's
    for entry in entries.iter().filter(|entry| entry.file_name() != "started.json") {
        std::fs::rename(entry.path(), aside.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_warm_start_came_to_is_set_aside_but_for_the_mark_of_the_runner() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["serial.log", "started.json"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::create_dir(folder.path().join("warm")).unwrap();
        std::fs::write(folder.path().join("warm/of an older run"), "").unwrap();
        set_aside(folder.path(), ASIDE).unwrap();
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(folder.path()), ["started.json", "warm"]);
        assert_eq!(names(&folder.path().join("warm")), ["serial.log"]);
    }
}
