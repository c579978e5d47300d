//! The state of a machine on its way out of one QEMU or into another: how a transfer begins, and how it ends.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Vm;
use super::qmp::QmpError;
use crate::platform::QemuVersion;

/// The name by which a QEMU knows the descriptor that the state goes through.
const CHANNEL: &str = "state";

/// The first QEMU that knows a file by its name (`file:`). From 11.1 on it refuses `fd:` for a file; before 8.2 there was
/// nothing else.
const FILES_BY_NAME: QemuVersion = QemuVersion { major: 8, minor: 2, micro: 0 };

/// Which way the state goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Out of this QEMU.
    Out,
    /// Into this QEMU, which waits for it (`-incoming defer`).
    In,
}

/// What the state goes through.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Channel<'a> {
    /// A file by its name, as QEMU finds it; only where [`knows_files`] says so.
    File(&'a Path),
    /// A socket, or a file in a QEMU that knows none by name.
    Descriptor(BorrowedFd<'a>),
}

/// A transfer that has begun.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// Of the events from then on.
    cursor: usize,
}

/// Why a transfer did not come to a good end.
#[derive(Debug)]
pub(crate) enum TransferError {
    /// QEMU gave it up.
    Failed {
        /// The state in which it ended, in QEMU's word.
        status: String,
        /// QEMU's own words.
        why: String,
    },
    /// The monitor failed.
    Qmp(QmpError),
}

/// Whether this QEMU knows a file by its name. One that does refuses a file by descriptor sooner or later.
pub(crate) fn knows_files(version: QemuVersion) -> bool {
    version >= FILES_BY_NAME
}

impl Direction {
    /// QMP's command.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Direction::Out => "migrate",
            Direction::In => "migrate-incoming",
        }
    }
}

impl Vm {
    /// Begins a transfer.
    pub(crate) fn begin_transfer(&self, direction: Direction, channel: Channel<'_>) -> Result<Transfer, QmpError> {
        let uri = match channel {
            Channel::File(file) => format!("file:{}", file.display()),
            Channel::Descriptor(descriptor) => {
                self.give(CHANNEL, descriptor)?;
                format!("fd:{CHANNEL}")
            }
        };
        let events = json!({ "capabilities": [{ "capability": "events", "state": true }] });
        self.execute("migrate-set-capabilities", events)?;
        let cursor = self.qmp.event_cursor();
        self.execute(direction.command(), json!({ "uri": uri }))?;
        Ok(Transfer { cursor })
    }

    /// Waits for the end of a transfer that this QEMU began.
    pub(crate) fn end_transfer(&self, transfer: &Transfer, patience: Duration) -> Result<(), TransferError> {
        let status = |data: &Value| data.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let over = |data: &Value| matches!(status(data).as_str(), "completed" | "failed" | "cancelled");
        let (event, _) =
            self.qmp.wait_event(transfer.cursor, "MIGRATION", over, patience).map_err(TransferError::Qmp)?;
        let status = status(&event.data);
        if status == "completed" {
            return Ok(());
        }
        let query = self.execute("query-migrate", Value::Null).unwrap_or_default();
        let why = query.get("error-desc").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
        Err(TransferError::Failed { status, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_from_qemu_8_2_on() {
        let known = |major, minor| knows_files(QemuVersion { major, minor, micro: 0 });
        assert_eq!([known(7, 2), known(8, 1), known(8, 2), known(11, 1)], [false, false, true, true]);
    }
}
