//! What is observed of a guest, and when.

use std::time::Duration;

use serde_json::Value;

use super::signal::{HarnessEvent, NetworkEvent};

/// Where a piece of evidence came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// First serial port.
    Serial,
    /// Debug console at port 0x402.
    DebugConsole,
    /// QEMU's standard error.
    QemuStderr,
    /// The VGA text screen, line by line as lines change.
    Screen,
}

impl Source {
    /// The name used in `timeline.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Source::Serial => "serial",
            Source::DebugConsole => "debugcon",
            Source::QemuStderr => "qemu",
            Source::Screen => "screen",
        }
    }
}

/// What was observed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Observed {
    /// Bytes of a stream, by position so that they are stored once.
    Bytes {
        /// The stream.
        source: Source,
        /// First byte's offset in the stream.
        offset: usize,
        /// Number of bytes.
        len: usize,
    },
    /// A QMP message that the harness sent.
    QmpSent(Value),
    /// A QMP message that QEMU sent: greeting, reply or event.
    QmpReceived(Value),
    /// Something on the guest's network.
    Network(NetworkEvent),
    /// Something that the harness did or noticed.
    Harness(HarnessEvent),
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Host time since the recorder was made.
    pub at: Duration,
    /// What was observed.
    pub what: Observed,
}
