//! The record of a lan: its events in order, and every frame, within a budget of bytes.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::event::{Direction, LanEvent, LanEventKind, LanRecord, Overflow};
use super::event_size::{shorten, weight, weight_of_record};

/// Most events that are kept; later ones are counted only.
const MAX_EVENTS: usize = 100_000;
/// Most frames that are kept; later ones are counted only.
const MAX_RECORDS: usize = 500_000;
/// Bytes kept of a frame once half of the budget is used.
const SNAP_LEN: usize = 96;
/// Bytes beyond the budget for the event that says that it is used up.
const RESERVE: usize = 1024;

/// The record of a lan, shared between its thread and whoever reads it. Clones are the same record.
#[derive(Clone, Debug)]
pub struct LanLog {
    shared: Arc<Mutex<Entries>>,
}

#[derive(Debug)]
struct Entries {
    started: (Instant, SystemTime),
    events: Vec<LanEvent>,
    records: Vec<LanRecord>,
    held_bytes: usize,
    budget: usize,
    overflows: Vec<Overflow>,
    events_lost: u64,
    records_lost: u64,
    records_cut: u64,
    observer: Option<Observer>,
    lateness: Lateness,
}

/// How late a lan answered, by the clock of a guest that jumps over its waits. All of it is the host's doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lateness {
    /// Questions (DHCP, ARP, DNS, TFTP, segments of TCP) that the guest had sent again before this thread came to read the first: its
    /// patience had run out while nobody could have answered.
    pub said_again: u32,
    /// How long the thread was ready to answer and had no processor, known once it has ended. Zero where the kernel does not count
    /// (`/proc/PID/schedstat`).
    pub waited: Duration,
}

/// Told of every event as it is recorded.
struct Observer(Box<dyn FnMut(&LanEvent) + Send>);

impl fmt::Debug for Observer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Observer")
    }
}

impl LanLog {
    /// An empty record that holds `budget` bytes of frames and events together, and 1 KiB more.
    pub fn new(budget: usize) -> Self {
        let entries = Entries {
            started: (Instant::now(), SystemTime::now()),
            events: Vec::new(),
            records: Vec::new(),
            held_bytes: 0,
            budget,
            overflows: Vec::new(),
            events_lost: 0,
            records_lost: 0,
            records_cut: 0,
            observer: None,
            lateness: Lateness::default(),
        };
        Self { shared: Arc::new(Mutex::new(entries)) }
    }

    /// Has `observer` told of every event from now on, in order, on the lan's own thread. It must not wait for the lan.
    pub fn observe(&self, observer: impl FnMut(&LanEvent) + Send + 'static) {
        self.lock().observer = Some(Observer(Box::new(observer)));
    }

    /// How late it answered.
    pub fn lateness(&self) -> Lateness {
        self.lock().lateness
    }

    /// This thread ends, and is the lan's.
    pub(super) fn ends(&self) {
        let counts = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let waited = counts.split_whitespace().nth(1).and_then(|text| text.parse().ok());
        self.lock().lateness.waited = waited.map_or(Duration::ZERO, Duration::from_nanos);
    }

    /// The guest had asked so many times again before this thread came to read it.
    pub(super) fn said_again(&self, times: u32) {
        let mut entries = self.lock();
        entries.lateness.said_again = entries.lateness.said_again.saturating_add(times);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // A panic while the lock was held leaves whole entries: each is pushed in one step.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the record began, on the monotonic clock and on the calendar.
    pub fn started(&self) -> (Instant, SystemTime) {
        self.lock().started
    }

    /// The events so far, in order.
    pub fn events(&self) -> Vec<LanEvent> {
        self.lock().events.clone()
    }

    /// The same one by one, so that a record of many is not in memory twice.
    pub fn each_event(&self) -> impl Iterator<Item = LanEvent> {
        (0..).map_while(|number| self.lock().events.get(number).cloned())
    }

    /// The events from the `skip`-th on, for a reader that follows along.
    pub fn events_from(&self, skip: usize) -> Vec<LanEvent> {
        self.lock().events.get(skip..).unwrap_or_default().to_vec()
    }

    /// The frames so far, in order.
    pub fn records(&self) -> Vec<LanRecord> {
        self.lock().records.clone()
    }

    /// Events and frames that were not kept because there were too many, and frames that were cut.
    pub fn lost(&self) -> Lost {
        let entries = self.lock();
        Lost { events: entries.events_lost, frames: entries.records_lost, frames_cut: entries.records_cut }
    }

    /// Bytes that the events and frames take in memory.
    pub fn held_bytes(&self) -> usize {
        self.lock().held_bytes
    }

    pub(super) fn event(&self, at: Instant, port: Option<usize>, mut kind: LanEventKind) {
        shorten(&mut kind);
        self.lock().event(LanEvent { at, port, kind });
    }

    pub(super) fn record(
        &self,
        at: Instant,
        port: usize,
        direction: Direction,
        frame: &[u8],
        notes: Vec<String>,
        dropped: bool,
    ) {
        let mut entries = self.lock();
        let snap = &frame[..frame.len().min(SNAP_LEN)];
        let (kept, limit) = if entries.has_room(weight_of_record(frame.len(), &notes), entries.budget / 2) {
            (frame, entries.budget / 2)
        } else {
            (snap, entries.budget / 8 * 7)
        };
        let weight = weight_of_record(kept.len(), &notes);
        if entries.records.len() >= MAX_RECORDS || !entries.has_room(weight, limit) {
            entries.records_lost += 1;
            return entries.overflow(at, Overflow::FramesLost);
        }
        if kept.len() < frame.len() {
            entries.records_cut += 1;
            entries.overflow(at, Overflow::FramesCut);
        }
        entries.held_bytes += weight;
        let (frame, original_len) = (kept.into(), frame.len());
        entries.records.push(LanRecord { at, port, direction, frame, original_len, dropped, notes });
    }
}

impl Entries {
    fn has_room(&self, weight: usize, limit: usize) -> bool {
        self.held_bytes.saturating_add(weight) <= limit
    }

    fn event(&mut self, mut event: LanEvent) {
        let weight = weight(&mut event.kind);
        if self.events.len() < MAX_EVENTS && self.has_room(weight, self.budget) {
            self.push(event, weight);
        } else {
            self.events_lost += 1;
            self.overflow(event.at, Overflow::EventsLost);
        }
    }

    fn push(&mut self, event: LanEvent, weight: usize) {
        self.held_bytes += weight;
        if let Some(observer) = &mut self.observer {
            (observer.0)(&event);
        }
        self.events.push(event);
    }

    /// Says once that something is missing from here on.
    fn overflow(&mut self, at: Instant, then: Overflow) {
        if self.overflows.contains(&then) {
            return;
        }
        self.overflows.push(then);
        let mut kind = LanEventKind::BudgetReached { then };
        let weight = weight(&mut kind);
        if self.has_room(weight, self.budget + RESERVE) {
            self.push(LanEvent { at, port: None, kind }, weight);
        }
    }
}

/// What a [`LanLog`] could not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Lost {
    /// Events beyond 100,000 or beyond the budget.
    pub events: u64,
    /// Frames beyond 500,000 or beyond seven eighths of the budget.
    pub frames: u64,
    /// Frames of which the first 96 bytes were kept because half of the budget was used.
    pub frames_cut: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(log: &LanLog, len: usize) {
        log.record(Instant::now(), 0, Direction::FromGuest, &vec![7; len], Vec::new(), false);
    }

    fn overflows(log: &LanLog) -> Vec<Overflow> {
        let kinds = log.events().into_iter().map(|event| event.kind);
        kinds
            .filter_map(|kind| if let LanEventKind::BudgetReached { then } = kind { Some(then) } else { None })
            .collect()
    }

    #[test]
    fn frames_beyond_half_of_the_budget_are_cut_counted_and_said_once() {
        let log = LanLog::new(2200);
        for _ in 0..3 {
            frame(&log, 600);
        }
        let lengths: Vec<_> = log.records().iter().map(|record| (record.frame.len(), record.original_len)).collect();
        assert_eq!(lengths, [(600, 600), (96, 600), (96, 600)]);
        assert_eq!(log.lost().frames_cut, 2);
        assert_eq!(overflows(&log), [Overflow::FramesCut]);
    }

    #[test]
    fn a_full_record_counts_what_it_does_not_keep_and_says_so() {
        let log = LanLog::new(20_000);
        for _ in 0..1000 {
            frame(&log, 600);
            let name = "n".repeat(100_000);
            log.event(Instant::now(), None, LanEventKind::Dns { name, record_type: 1, found: false });
        }
        let lost = log.lost();
        assert!(lost.events > 900 && lost.frames > 900, "{lost:?}");
        assert!(log.held_bytes() <= 20_000 + RESERVE);
        assert_eq!(overflows(&log), [Overflow::FramesCut, Overflow::FramesLost, Overflow::EventsLost]);
    }
}
