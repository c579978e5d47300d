//! Everything observed, raw first, in one merged timeline.
//!
//! A [`Recorder`] is shared by whatever watches a guest: the serial port, the debug console, QMP, the lan. It keeps the
//! raw bytes of each stream, notes when each piece arrived, and wakes whoever waits for more. It never interprets:
//! that is `trace`'s work.
//!
//! ```
//! use bootwright_machine::evidence::{Recorder, Source};
//!
//! let recorder = Recorder::new();
//! recorder.bytes(Source::Serial, b"BOOTWRIGHT/1 ");
//! assert_eq!(recorder.stream(Source::Serial), b"BOOTWRIGHT/1 ");
//! ```

mod budget;
mod entry;
pub mod file;
pub mod measured;
pub mod nvram;
mod recorder;
mod signal;

pub use budget::{MESSAGES_LIMIT, STREAM_LIMIT, TIMELINE_LIMIT};
pub use entry::{Entry, Observed, Source};
pub use recorder::Recorder;
pub use signal::{HarnessEvent, Mark, NetworkEvent};
