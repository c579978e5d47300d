//! A machine's state in a file: saved from a stopped machine, loaded into one that was powered on with `-incoming defer`.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::Vm;
use super::qmp::QmpError;
use super::transfer::{Channel, Direction, TransferError, knows_files};
use crate::platform::QemuVersion;

/// Bytes a second: as fast as the host can.
const BANDWIDTH: u64 = 1 << 40;

/// Why a state was not saved or loaded.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file could not be opened.
    #[error("cannot open the file of the state")]
    File(#[from] std::io::Error),
    /// The monitor failed.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// QEMU gave up.
    #[error("{command} {status}: {why}")]
    Failed {
        /// What it was told.
        command: &'static str,
        /// The state in which its transfer ended.
        status: String,
        /// Its own words.
        why: String,
    },
}

impl Vm {
    /// Saves the state of a stopped machine to a new file.
    ///
    /// # Errors
    ///
    /// [`StateError`].
    pub(crate) fn save_state(&self, file: &Path, version: QemuVersion, patience: Duration) -> Result<(), StateError> {
        self.execute("migrate-set-parameters", json!({ "max-bandwidth": BANDWIDTH }))?;
        let open = || File::options().write(true).create_new(true).open(file);
        self.transfer(Direction::Out, file, open, version, patience)
    }

    /// Loads a state; the machine then is in the run state that the file says.
    ///
    /// # Errors
    ///
    /// [`StateError`]; QEMU may have ended.
    pub(crate) fn load_state(&self, file: &Path, version: QemuVersion, patience: Duration) -> Result<(), StateError> {
        self.transfer(Direction::In, file, || File::open(file), version, patience)
    }

    fn transfer(
        &self,
        direction: Direction,
        file: &Path,
        open: impl FnOnce() -> std::io::Result<File>,
        version: QemuVersion,
        patience: Duration,
    ) -> Result<(), StateError> {
        let transfer = if knows_files(version) {
            self.begin_transfer(direction, Channel::File(file))?
        } else {
            self.begin_transfer(direction, Channel::Descriptor(open()?.as_fd()))?
        };
        self.end_transfer(&transfer, patience).map_err(|error| match error {
            TransferError::Failed { status, why } => StateError::Failed { command: direction.command(), status, why },
            TransferError::Qmp(error) => error.into(),
        })
    }
}
