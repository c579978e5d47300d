//! How much evidence of one machine is kept in memory, whatever the guest and QEMU send.

use std::mem::size_of;

use serde_json::Value;

use super::entry::{Observed, Source};
use super::signal::NetworkEvent;

/// Raw bytes kept per stream; what a guest sends beyond that is counted, not kept.
pub const STREAM_LIMIT: usize = 8 << 20;

/// Memory for everything else: QMP messages and events of the lan, as they lie in memory.
pub const MESSAGES_LIMIT: usize = 12 << 20;

/// Entries kept in the timeline; later ones are counted, not kept.
pub const TIMELINE_LIMIT: usize = 200_000;

/// Steps of the harness itself are never left out for what a guest sends; there is an end to them too.
const OWN_STEPS: usize = 20_000;

/// What is held, and what was not kept.
#[derive(Default)]
pub(super) struct Budget {
    messages: usize,
    /// Bytes that were not kept, by stream.
    bytes: [u64; 4],
    /// Messages and events that were not kept.
    entries: u64,
}

impl Budget {
    /// Whether there is room for an entry; counts what it takes.
    pub(super) fn admit(&mut self, entries: usize, what: &Observed) -> bool {
        let weight = match what {
            Observed::Bytes { .. } => 0,
            Observed::Harness(_) => return entries < TIMELINE_LIMIT + OWN_STEPS,
            // a guest that sends on and on costs no more time either
            _ if self.entries > 0 => return false,
            Observed::QmpSent(value) | Observed::QmpReceived(value) => weight(value),
            Observed::Network(event) => weight_as_text(event),
        };
        let room = entries < TIMELINE_LIMIT && self.messages + weight <= MESSAGES_LIMIT;
        if room {
            self.messages += weight;
        }
        room
    }

    /// Something is not kept; what to say about it the first time.
    pub(super) fn leave_out(&mut self, what: &Observed) -> Option<String> {
        match what {
            Observed::Bytes { source, len, .. } => self.leave_out_bytes(*source, *len),
            _ => {
                self.entries += 1;
                (self.entries == 1).then(|| "no more messages are kept from here on: the limit is reached".to_owned())
            }
        }
    }

    /// Bytes of a stream are not kept.
    pub(super) fn leave_out_bytes(&mut self, source: Source, count: usize) -> Option<String> {
        let left_out = &mut self.bytes[source as usize];
        let first = *left_out == 0 && count > 0;
        *left_out += count as u64;
        let name = source.name();
        first.then(|| format!("no more bytes of {name} are kept from here on: the limit is reached"))
    }

    /// What was not kept, in words; `None` where everything was.
    pub(super) fn missing(&self) -> Option<String> {
        let sources = [Source::Serial, Source::DebugConsole, Source::QemuStderr, Source::Screen];
        let streams = sources.iter().zip(self.bytes).filter(|(_, count)| *count > 0);
        let mut parts: Vec<String> =
            streams.map(|(source, count)| format!("{count} bytes of {}", source.name())).collect();
        if self.entries > 0 {
            parts.push(format!("{} messages", self.entries));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Bytes, and messages, that were not kept.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.bytes.iter().sum(), self.entries)
    }

    /// Memory of entries and messages.
    pub(super) fn held(&self, entries: usize) -> usize {
        self.messages + entries * size_of::<super::Entry>()
    }
}

/// About how much memory an event takes: no more than its text does.
fn weight_as_text(event: &NetworkEvent) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, event).ok();
    size_of::<NetworkEvent>() + count.0
}

/// About how much memory a value takes.
fn weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.capacity(),
            Value::Array(values) => values.iter().map(weight).sum(),
            // a hash, an index and the key's own header beside each entry
            Value::Object(map) => map.iter().map(|(key, value)| 64 + key.len() + weight(value)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}
