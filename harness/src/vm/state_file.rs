//! A machine's state in a file: saved from a stopped machine, loaded into one that was powered on with `-incoming defer`.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Vm;
use super::qmp::QmpError;
use crate::platform::QemuVersion;

/// The name by which QEMU knows the descriptor of the file.
const CHANNEL: &str = "state";

/// The first QEMU that knows a file by its name (`file:`). From 11.1 on it refuses `fd:` for a file; before 8.2 there was
/// nothing else.
const BY_FILE_NAME: QemuVersion = QemuVersion { major: 8, minor: 2, micro: 0 };

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
    pub fn save_state(&self, file: &Path, version: QemuVersion, patience: Duration) -> Result<(), StateError> {
        self.execute("migrate-set-parameters", json!({ "max-bandwidth": BANDWIDTH }))?;
        let open = || File::options().write(true).create_new(true).open(file);
        self.transfer("migrate", file, open, version, patience)
    }

    /// Loads a state; the machine then is in the run state that the file says.
    ///
    /// # Errors
    ///
    /// [`StateError`]; QEMU may have ended.
    pub fn load_state(&self, file: &Path, version: QemuVersion, patience: Duration) -> Result<(), StateError> {
        self.transfer("migrate-incoming", file, || File::open(file), version, patience)
    }

    fn transfer(
        &self,
        command: &'static str,
        file: &Path,
        open: impl FnOnce() -> std::io::Result<File>,
        version: QemuVersion,
        patience: Duration,
    ) -> Result<(), StateError> {
        let events = json!({ "capabilities": [{ "capability": "events", "state": true }] });
        self.execute("migrate-set-capabilities", events)?;
        let uri = if version >= BY_FILE_NAME {
            format!("file:{}", file.display())
        } else {
            self.give(CHANNEL, open()?.as_fd())?;
            format!("fd:{CHANNEL}")
        };
        let cursor = self.qmp.event_cursor();
        self.execute(command, json!({ "uri": uri }))?;
        let status = |data: &Value| data.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let over = |data: &Value| matches!(status(data).as_str(), "completed" | "failed" | "cancelled");
        let (event, _) = self.qmp.wait_event(cursor, "MIGRATION", over, patience)?;
        let status = status(&event.data);
        if status == "completed" {
            return Ok(());
        }
        let query = self.execute("query-migrate", Value::Null).unwrap_or_default();
        let why = query.get("error-desc").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
        Err(StateError::Failed { command, status, why })
    }
}
