//! The streams and the timeline of one virtual machine, shared by all that watch it.

use std::borrow::Cow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;

use super::budget::{Budget, STREAM_LIMIT};
use super::entry::{Entry, Observed, Source};
use super::signal::HarnessEvent;

/// Memory of the entries that [`Recorder::since`] gives at once, messages apart.
const PIECE: usize = 64 << 10;

/// Firmware prints byte by byte, and a reader is quick enough to bring each of them alone. What one port brings within this time, with
/// nothing of another source between, is one entry, and is given at once.
const GATHERED: Duration = Duration::from_millis(1);

/// Bytes of an entry that more are added to, at most.
const GATHERED_BYTES: usize = 4 << 10;

#[derive(Default)]
struct State {
    serial: Vec<u8>,
    debug_console: Vec<u8>,
    qemu_stderr: Vec<u8>,
    screen: Vec<u8>,
    budget: Budget,
    failure: Option<String>,
    timeline: Vec<Entry>,
    /// Entries that somebody has been given: they change no more.
    given: usize,
}

/// Shared, append-only evidence of one virtual machine. Clones are handles to the same evidence.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<(Mutex<State>, Condvar)>,
    epoch: Instant,
    /// The same moment on the host's clock.
    began: SystemTime,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder::new()
    }
}

impl Recorder {
    /// Begins an empty timeline at this instant.
    pub fn new() -> Recorder {
        let inner = Arc::new((Mutex::new(State::default()), Condvar::new()));
        Recorder { inner, epoch: Instant::now(), began: SystemTime::now() }
    }

    /// Host time since the recorder was made.
    pub fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Where a moment of the host's clock, as time since the Unix epoch, is in this timeline; at its beginning at the earliest.
    pub fn at_clock(&self, since_epoch: Duration) -> Duration {
        let moment = SystemTime::UNIX_EPOCH.checked_add(since_epoch);
        moment.and_then(|moment| moment.duration_since(self.began).ok()).unwrap_or_default()
    }

    /// Appends bytes of a stream.
    pub fn bytes(&self, source: Source, bytes: &[u8]) {
        let mut state = self.lock();
        let stream = match source {
            Source::Serial => &mut state.serial,
            Source::DebugConsole => &mut state.debug_console,
            Source::QemuStderr => &mut state.qemu_stderr,
            Source::Screen => &mut state.screen,
        };
        let offset = stream.len();
        let kept = bytes.len().min(STREAM_LIMIT - offset);
        stream.extend_from_slice(&bytes[..kept]);
        let full = state.budget.leave_out_bytes(source, bytes.len() - kept);
        if kept > 0 && !state.adds_to_last(source, kept, self.epoch.elapsed()) {
            self.push(&mut state, Observed::Bytes { source, offset, len: kept });
        }
        if let Some(full) = full {
            self.push(&mut state, Observed::Harness(HarnessEvent::Failure(full)));
        }
    }

    /// Does the work of a thread that carries evidence. A panic of it is noted: what is missing then must not be taken for
    /// something that the guest did not do.
    pub fn guarded(&self, thread: &str, work: impl FnOnce()) {
        if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
            let message = crate::error::panic_message(panic.as_ref());
            self.fail(&format!("{thread} panicked: {message}"));
        }
    }

    /// Appends something that the harness did or noticed.
    pub fn harness(&self, event: HarnessEvent) {
        self.note(Observed::Harness(event));
    }

    /// Appends an observation that is not a stream's.
    pub fn note(&self, what: Observed) {
        let mut state = self.lock();
        self.push(&mut state, what);
    }

    /// Something is wrong with QEMU or the host that no trace can show; the first to say so counts.
    pub fn fail(&self, what: &str) {
        let mut state = self.lock();
        if state.failure.is_none() {
            state.failure = Some(what.to_owned());
            self.push(&mut state, Observed::Harness(HarnessEvent::Failure(what.to_owned())));
        }
    }

    /// Why the evidence proves nothing about the guest, if somebody said so or some of it was not kept.
    pub fn failure(&self) -> Option<String> {
        let state = self.lock();
        let missing = || Some(format!("evidence is missing, {} were not kept", state.budget.missing()?));
        state.failure.clone().or_else(missing)
    }

    /// About how much memory the evidence takes.
    pub fn bytes_held(&self) -> usize {
        let state = self.lock();
        let streams = [&state.serial, &state.debug_console, &state.qemu_stderr, &state.screen];
        let streams: usize = streams.map(Vec::len).iter().sum();
        streams + state.budget.held(state.timeline.len())
    }

    /// Everything received so far on one stream.
    pub fn stream(&self, source: Source) -> Vec<u8> {
        self.lock().stream(source).to_vec()
    }

    /// What was received on one stream from this byte on; empty where it is not there yet.
    pub fn stream_from(&self, source: Source, offset: usize) -> Vec<u8> {
        self.lock().stream(source).get(offset..).unwrap_or_default().to_vec()
    }

    /// Number of bytes kept of one stream so far.
    pub fn stream_len(&self, source: Source) -> usize {
        self.lock().stream(source).len()
    }

    /// Number of timeline entries so far: a cursor for [`Recorder::since`].
    pub fn cursor(&self) -> usize {
        self.lock().timeline.len()
    }

    /// Timeline entries from `cursor` on, with their bytes where they are a stream's, and the next cursor. Waits until
    /// there is at least one or `deadline` passes. There may be more than it gives at once: they come in pieces, so that
    /// whoever takes them can look at its own deadlines in between.
    pub fn since(&self, cursor: usize, deadline: Instant) -> (Vec<(Entry, Vec<u8>)>, usize) {
        let (_, condvar) = &*self.inner;
        let mut state = self.lock();
        let mut gathers = true;
        loop {
            if state.timeline.len() > cursor {
                if std::mem::replace(&mut gathers, false) && state.has_only_few_bytes(cursor) {
                    drop(state);
                    std::thread::sleep(GATHERED.min(deadline.saturating_duration_since(Instant::now())));
                    state = self.lock();
                }
                let mut size = 0;
                let fits = |entry: &&Entry| {
                    let begun = size > 0;
                    size += size_of::<Entry>() + state.bytes_of(&entry.what).len();
                    !begun || size <= PIECE
                };
                let entries: Vec<_> = state.timeline[cursor..]
                    .iter()
                    .take_while(fits)
                    .map(|entry| (entry.clone(), state.bytes_of(&entry.what).to_vec()))
                    .collect();
                let next = cursor + entries.len();
                state.given = state.given.max(next);
                return (entries, next);
            }
            let now = Instant::now();
            if now >= deadline {
                return (Vec::new(), cursor);
            }
            state = match condvar.wait_timeout(state, deadline - now) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// The whole timeline as lines of JSON.
    pub fn timeline_jsonl(&self) -> String {
        let mut out = Vec::new();
        // a vector takes everything
        self.write_timeline(&mut out).ok();
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Writes the whole timeline as lines of JSON, oldest first; stream bytes as text with invalid UTF-8 replaced.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_timeline(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        let state = self.lock();
        for entry in &state.timeline {
            let at = entry.at.as_secs_f64();
            let line = match &entry.what {
                Observed::Bytes { source, .. } => {
                    let bytes = state.bytes_of(&entry.what);
                    match String::from_utf8_lossy(bytes) {
                        Cow::Borrowed(text) => json!({ "at": at, "source": source.name(), "text": text }),
                        // how many they were the text does not say
                        Cow::Owned(text) => {
                            json!({ "at": at, "source": source.name(), "text": text, "bytes": bytes.len() })
                        }
                    }
                }
                Observed::QmpSent(message) => json!({ "at": at, "source": "qmp", "sent": message }),
                Observed::QmpReceived(message) => json!({ "at": at, "source": "qmp", "received": message }),
                Observed::Network(event) => json!({ "at": at, "source": "network", "event": event }),
                Observed::Harness(event) => {
                    let mut line = json!({ "at": at, "source": "harness", "text": event.to_string() });
                    if let Some(mark) = event.mark() {
                        line["mark"] = json!(mark);
                    }
                    line
                }
            };
            writeln!(out, "{line}")?;
        }
        let (bytes, entries) = state.budget.counts();
        if bytes + entries > 0 {
            let line = json!({ "source": "harness", "text": "limits reached",
                "dropped_bytes": bytes, "dropped_entries": entries });
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// QMP traffic alone, both directions, as lines of JSON.
    pub fn qmp_jsonl(&self) -> String {
        let state = self.lock();
        let mut out = String::new();
        for entry in &state.timeline {
            let (direction, message) = match &entry.what {
                Observed::QmpSent(message) => ("sent", message),
                Observed::QmpReceived(message) => ("received", message),
                _ => continue,
            };
            out.push_str(&json!({ "at": entry.at.as_secs_f64(), direction: message }).to_string());
            out.push('\n');
        }
        out
    }

    fn push(&self, state: &mut State, what: Observed) {
        let at = self.epoch.elapsed();
        let entries = state.timeline.len();
        if state.budget.admit(entries, &what) {
            state.timeline.push(Entry { at, what });
        } else if let Some(full) = state.budget.leave_out(&what) {
            state.timeline.push(Entry { at, what: Observed::Harness(HarnessEvent::Failure(full)) });
        }
        self.inner.1.notify_all();
    }

    /// A thread that panicked while it held the lock has left append-only data behind; reading on is safe.
    fn lock(&self) -> MutexGuard<'_, State> {
        match self.inner.0.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        }
    }
}

impl State {
    fn stream(&self, source: Source) -> &[u8] {
        match source {
            Source::Serial => &self.serial,
            Source::DebugConsole => &self.debug_console,
            Source::QemuStderr => &self.qemu_stderr,
            Source::Screen => &self.screen,
        }
    }

    /// Whether bytes that have just come to a stream are part of the last entry now.
    fn adds_to_last(&mut self, source: Source, count: usize, now: Duration) -> bool {
        let open = self.timeline.len() > self.given;
        let Some(Entry { at, what: Observed::Bytes { source: of, len, .. } }) = self.timeline.last_mut() else {
            return false;
        };
        let adds = open && *of == source && *len + count <= GATHERED_BYTES && now.saturating_sub(*at) < GATHERED;
        if adds {
            *len += count;
        }
        adds
    }

    /// Whether what is new is the beginning of something that is being printed.
    fn has_only_few_bytes(&self, cursor: usize) -> bool {
        let new = &self.timeline[cursor..];
        new.len() < 8 && new.iter().all(|entry| matches!(entry.what, Observed::Bytes { .. }))
    }

    fn bytes_of(&self, what: &Observed) -> &[u8] {
        let Observed::Bytes { source, offset, len } = what else { return &[] };
        &self.stream(*source)[*offset..offset + len]
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::{MESSAGES_LIMIT, TIMELINE_LIMIT};
    use super::*;

    #[test]
    fn a_waiter_wakes_when_bytes_arrive() {
        let recorder = Recorder::new();
        let writer = recorder.clone();
        let thread = std::thread::spawn(move || writer.bytes(Source::Serial, b"late"));
        let (entries, next) = recorder.since(0, Instant::now() + Duration::from_secs(5));
        thread.join().unwrap();
        assert_eq!((entries[0].1.as_slice(), next), (b"late".as_slice(), 1));
    }

    #[test]
    fn bytes_that_are_no_text_are_noted_with_their_number() {
        let recorder = Recorder::new();
        recorder.bytes(Source::Serial, b"caf\xc3\xa9");
        recorder.bytes(Source::DebugConsole, b"\xe2\x96");
        let timeline = recorder.timeline_jsonl();
        let lines: Vec<serde_json::Value> = timeline.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["text"], lines[0].get("bytes")), (&json!("caf\u{e9}"), None));
        assert_eq!((&lines[1]["text"], &lines[1]["bytes"]), (&json!("\u{fffd}"), &json!(2)));
    }

    #[test]
    fn what_has_piled_up_comes_in_pieces_and_nothing_is_left_out() {
        let recorder = Recorder::new();
        for _ in 0..64 {
            recorder.bytes(Source::Serial, &[b'x'; 16 << 10]);
        }
        let (mut cursor, mut bytes, mut pieces) = (0, 0, 0);
        while cursor < recorder.cursor() {
            let (entries, next) = recorder.since(cursor, Instant::now());
            let piece: usize = entries.iter().map(|(_, bytes)| bytes.len()).sum();
            assert!(piece <= PIECE, "{piece}");
            (cursor, bytes, pieces) = (next, bytes + piece, pieces + 1);
        }
        assert!(bytes == 1 << 20 && pieces >= 16, "{bytes} {pieces}");
    }

    #[test]
    fn a_moment_of_the_hosts_clock_has_its_place_in_the_timeline() {
        let recorder = Recorder::new();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let later = recorder.at_clock(now + Duration::from_secs(60));
        assert!((60..62).contains(&later.as_secs()), "{later:?}");
        assert_eq!(recorder.at_clock(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_panic_of_a_thread_is_kept_with_its_message() {
        let recorder = Recorder::new();
        recorder.guarded("the reader", || ());
        assert_eq!(recorder.failure(), None);
        recorder.guarded("the reader", || panic!("no {}", "room"));
        assert_eq!(recorder.failure().as_deref(), Some("the reader panicked: no room"));
        assert!(recorder.timeline_jsonl().contains("the reader panicked: no room"));
    }

    #[test]
    fn a_wait_without_evidence_ends_at_its_deadline() {
        let recorder = Recorder::new();
        assert_eq!(recorder.since(0, Instant::now()).0, Vec::new());
    }

    #[test]
    fn a_flood_is_cut_at_the_limit_and_the_cut_is_noted() {
        let recorder = Recorder::new();
        for _ in 0..9 {
            recorder.bytes(Source::Serial, &vec![b'x'; 1 << 20]);
        }
        assert_eq!(recorder.stream(Source::Serial).len(), STREAM_LIMIT);
        assert!(recorder.timeline_jsonl().ends_with("\"dropped_bytes\":1048576,\"dropped_entries\":0}\n"));
    }

    #[test]
    fn messages_of_any_shape_are_kept_within_their_budget_and_the_first_that_is_not_is_noted() {
        let octets = |count: usize| json!({ "option": vec![61; count] });
        let nested = (0..100).fold(json!(0), |inner, _| json!([inner]));
        for message in [octets(1_200), octets(60_000), json!({ "text": "x".repeat(16_600) }), json!({}), nested] {
            let recorder = Recorder::new();
            for _ in 0..20_000 {
                recorder.note(Observed::QmpReceived(message.clone()));
            }
            assert!(recorder.bytes_held() <= MESSAGES_LIMIT + 20_001 * size_of::<Entry>(), "{}", recorder.bytes_held());
            recorder.note(Observed::Harness(HarnessEvent::EndingQemu));
            let told = recorder.timeline_jsonl();
            assert!(told.contains("\"ending QEMU\""), "the harness' own steps are never left out");
            assert_eq!(told.contains("no more messages are kept from here on"), recorder.failure().is_some());
        }
    }

    #[test]
    fn evidence_that_is_missing_is_told_with_its_size() {
        let recorder = Recorder::new();
        assert_eq!(recorder.failure(), None);
        recorder.bytes(Source::DebugConsole, &vec![b'x'; STREAM_LIMIT]);
        assert_eq!(recorder.failure(), None);
        recorder.bytes(Source::DebugConsole, b"seven b");
        let told = recorder.failure().unwrap();
        assert_eq!(told, "evidence is missing, 7 bytes of debugcon were not kept");
        assert!(recorder.timeline_jsonl().contains("no more bytes of debugcon are kept from here on"));
        recorder.fail("QEMU floods QMP: enough");
        recorder.fail("later");
        assert_eq!(recorder.failure().unwrap(), "QEMU floods QMP: enough");
    }

    #[test]
    fn steps_of_the_harness_are_kept_when_a_guest_has_filled_the_timeline() {
        let recorder = Recorder::new();
        for _ in 0..TIMELINE_LIMIT / 2 + 5 {
            recorder.bytes(Source::Serial, b"x");
            recorder.bytes(Source::DebugConsole, b"x");
        }
        recorder.note(Observed::Harness(HarnessEvent::EndingQemu));
        let (entries, _) = recorder.since(TIMELINE_LIMIT, Instant::now());
        let texts: Vec<_> = entries.iter().map(|(entry, _)| entry.what.clone()).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert_eq!(texts[2], Observed::Harness(HarnessEvent::EndingQemu));
        assert_eq!(
            recorder.failure().unwrap(),
            "evidence is missing, 5 bytes of serial, 5 bytes of debugcon were not kept"
        );
    }

    #[test]
    fn what_a_port_brings_at_once_is_one_entry_and_nothing_of_another_is_passed() {
        let recorder = Recorder::new();
        let prints = |source, text: &str| text.bytes().for_each(|byte| recorder.bytes(source, &[byte]));
        prints(Source::Serial, "one");
        prints(Source::DebugConsole, "two");
        recorder.harness(HarnessEvent::EndingQemu);
        prints(Source::DebugConsole, "three");
        let (given, next) = recorder.since(0, Instant::now());
        // a slow machine may cut where a byte comes late, and nowhere else may be more entries than bytes
        assert!((4..=12).contains(&given.len()), "{given:?}");
        let of = |entries: &[(Entry, Vec<u8>)], source| -> Vec<u8> {
            let of =
                |entry: &&(Entry, Vec<u8>)| matches!(entry.0.what, Observed::Bytes { source: of, .. } if of == source);
            entries.iter().filter(of).flat_map(|(_, bytes)| bytes.clone()).collect()
        };
        let end = given.iter().position(|(entry, _)| matches!(entry.what, Observed::Harness(_))).unwrap();
        assert_eq!(
            (of(&given[..end], Source::Serial), of(&given[..end], Source::DebugConsole)),
            (b"one".into(), b"two".into())
        );
        assert_eq!(of(&given[end..], Source::DebugConsole), b"three");
        // what somebody has been given changes no more
        prints(Source::DebugConsole, "four");
        let (later, _) = recorder.since(next, Instant::now());
        assert_eq!(of(&later, Source::DebugConsole), b"four");
    }
}
