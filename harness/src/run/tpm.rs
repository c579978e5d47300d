//! The TPM of a machine: one `swtpm` for each power-on, its state in the machine's evidence folder.

use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::process::{Child, Command, Exit};
use crate::vm::VmError;

/// The program that plays TPMs (package `swtpm` of most distributions).
const PROGRAM: &str = "swtpm";

/// Folder of its state, and where it says what went wrong, both in the evidence folder.
const STATE: &str = "tpm";
const LOG: &str = "tpm.log";

/// How long it may take to end behind its QEMU.
const ENDS: Duration = Duration::from_secs(5);

/// What is lacking for a machine's TPM, in words.
pub fn missing(machine: &Machine) -> Option<String> {
    (machine.tpm.is_some() && program().is_none()).then(|| format!("no {PROGRAM} on PATH, which plays the TPM"))
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(PROGRAM)).find(|file| file.is_file())
}

/// A TPM that is on. Dropping it ends it.
pub struct RunningTpm {
    child: Child,
}

impl RunningTpm {
    /// Starts it with the state that it has in this evidence folder, blank for the first time, and gives the far end of its control
    /// channel, which is its QEMU's.
    ///
    /// # Errors
    ///
    /// [`VmError`].
    pub fn power_on(evidence: &Path) -> Result<(RunningTpm, OwnedFd), VmError> {
        RunningTpm::played_by(Path::new(PROGRAM), evidence)
    }

    fn played_by(program: &Path, evidence: &Path) -> Result<(RunningTpm, OwnedFd), VmError> {
        let prepare = |what: &str, source| VmError::Prepare { what: what.to_owned(), source };
        let folder = evidence.join(STATE);
        fs::create_dir_all(&folder).map_err(|error| prepare(&folder.display().to_string(), error))?;
        let (own, far) = UnixStream::pair().map_err(|error| prepare("a socket pair for the TPM", error))?;
        let log = File::options().append(true).create(true).open(evidence.join(LOG));
        let log = log.and_then(|log| Ok((log.try_clone()?, log))).map_err(|error| prepare(LOG, error))?;
        let mut command = Command::new(program);
        command.args(["socket", "--tpm2", "--terminate", "--tpmstate", &format!("dir={STATE}")]);
        command.args(["--ctrl", &format!("type=unixio,clientfd={}", own.as_raw_fd())]).directory(evidence);
        let child = command.spawn(log.0.into(), log.1.into(), &[own.as_fd()]);
        let child = child.map_err(|source| VmError::Spawn { program: program.to_owned(), source })?;
        Ok((RunningTpm { child }, far.into()))
    }

    /// Waits until it has ended behind its QEMU; how it ended where that was no success.
    pub fn power_off(self) -> Option<Exit> {
        let deadline = Instant::now() + ENDS;
        while Instant::now() < deadline {
            if let Ok(Some(exit)) = self.child.try_wait() {
                return (!exit.success()).then_some(exit);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::machine::{Firmware, Tpm};

    fn playing(script: &str) -> (tempfile::TempDir, RunningTpm, OwnedFd) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("swtpm");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (tpm, socket) = RunningTpm::played_by(&program, folder.path()).unwrap();
        (folder, tpm, socket)
    }

    #[test]
    fn a_tpm_that_ends_well_behind_its_qemu_is_no_finding_and_any_other_end_is() {
        let (folder, tpm, socket) = playing("echo said; exit 0");
        drop(socket);
        assert_eq!(tpm.power_off(), None);
        assert_eq!(fs::read_to_string(folder.path().join(LOG)).unwrap(), "said\n");
        let (_folder, tpm, _socket) = playing("exit 3");
        assert_eq!(tpm.power_off(), Some(Exit { code: Some(3), signal: None }));
        let (_folder, tpm, _socket) = playing("kill -9 $$");
        assert_eq!(tpm.power_off(), Some(Exit { code: None, signal: Some(9) }));
    }

    #[test]
    fn a_tpm_that_is_dropped_is_gone() {
        let (_folder, tpm, _socket) = playing("exec sleep 600");
        let process = format!("/proc/{}", tpm.child.id());
        assert!(Path::new(&process).exists());
        drop(tpm);
        assert!(!Path::new(&process).exists());
    }

    #[test]
    fn only_a_machine_with_a_tpm_lacks_the_program() {
        let machine = Machine::q35(Firmware::Ovmf);
        assert_eq!(missing(&machine), None);
        let found = program().is_some();
        assert_eq!(missing(&machine.tpm(Tpm::Crb)).is_none(), found);
    }
}
