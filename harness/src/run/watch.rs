//! Reads evidence into the trace, and knows when a milestone is reached, when the run is over and when it is to be given up.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::error::StepError;
use super::lookout::Lookout;
use super::options::Patience;
use super::pace::{Overdue, Pace};
use super::standstill::Activity;
use crate::evidence::{Entry, HarnessEvent, NetworkEvent, Observed, Recorder, Source};
use crate::lan::{LanEvent, LanEventKind};
use crate::process::Exit;
use crate::trace::{Names, Progress, Reader, Snapshot, Standstill, Terminal, Trace};
use crate::verdict::conclude::{Awaited, RunEnd};
use crate::verdict::{Ending, Expectation, describe, is_over, strays};

/// Events of lans that stories can wait for; a hostile guest makes new ones for ever.
const LAN_LIMIT: usize = 10_000;

/// How often a guest may be sent the same file within one step of a boot. OVMF asks for a file twice, for its size and for its
/// content, and for those of each part of a chain as often as there are parts.
const ASKED_AGAIN: usize = 6;

/// Files that are counted; more are no repetition.
const FILES_LIMIT: usize = 1000;

/// Resets beyond those that are expected, after which a machine reboots in a loop.
const RESETS_ALLOWED: u32 = 20;

/// How often an entry may be tried on one lap; each firmware tries its entries once, and many may have one name.
const TRIES_ALLOWED: usize = 20;

/// Host time after a reset in which OVMF prints nothing: it unpacks itself first, which takes it seconds under TCG.
const QUIET_AFTER_RESET: Duration = Duration::from_millis(200);

/// How long what has piled up may take to be read at a deadline, and once more at the end of the run.
const LAST_READING: Duration = Duration::from_millis(750);

/// How long firmware that has stopped is watched on for the end of QEMU: another lap may be about to begin.
const FIRMWARE_STOPPED: Duration = Duration::from_secs(2);

/// What a guest did whose QEMU hangs cannot be told from one that ran on: the host's disk may keep it, which it flushes last.
const DOES_NOT_END: &str = "QEMU said that it ends (QMP SHUTDOWN), and has not ended before a deadline: is the disk with the \
                            evidence full, slow or gone?";

/// The eyes of a run.
pub struct Watch {
    recorder: Recorder,
    reader: Reader,
    expected: Expectation,
    cursor: usize,
    /// Events of the lans, the first [`LAN_LIMIT`] of them.
    lan: Vec<NetworkEvent>,
    /// When the serial port's last bytes of this lap were noted.
    printed: Option<Duration>,
    resets: u32,
    resets_by_story: u32,
    /// What was known when each snapshot was taken.
    snapshots: BTreeMap<String, Snapshot>,
    exit: Option<Exit>,
    /// Why nothing that comes from now on proves anything.
    failure: Option<String>,
    /// Ends of QEMU that are part of the story and not the machine's own.
    ends_to_ignore: u32,
    /// QEMU has said that it is about to end.
    announced: bool,
    pace: Pace,
    progress: Progress,
    patience: Patience,
    /// What had piled up could not be read in time.
    falls_behind: bool,
    /// A hole in the log is the slow host's.
    lost_by_host: bool,
    /// Who looks at the guest while it is silent.
    lookout: Option<Lookout>,
    /// Events of networks and of QEMU so far.
    counts: (usize, usize),
    /// Files that were sent whole since the last step of the boot, by NIC, and how often.
    sent: BTreeMap<(Option<String>, String), usize>,
    /// Where the firmware stood when the story typed its last key.
    answered: Option<Terminal>,
    /// Everything before this was noted when the present wait began.
    noted: usize,
}

impl Watch {
    /// Begins to watch. `resets_by_story` are those that the story makes by itself.
    pub fn new(
        recorder: &Recorder,
        reader: Reader,
        expected: &Expectation,
        resets_by_story: u32,
        patience: Patience,
        pace: Pace,
    ) -> Watch {
        Watch {
            recorder: recorder.clone(),
            reader,
            expected: expected.clone(),
            cursor: 0,
            lan: Vec::new(),
            printed: None,
            resets: 0,
            resets_by_story,
            snapshots: BTreeMap::new(),
            exit: None,
            failure: None,
            ends_to_ignore: 0,
            announced: false,
            pace,
            progress: Progress::default(),
            patience,
            falls_behind: false,
            lost_by_host: false,
            lookout: None,
            counts: (0, 0),
            sent: BTreeMap::new(),
            answered: None,
            noted: 0,
        }
    }

    /// The guest is looked at in this way from now on.
    pub fn looks_by(&mut self, lookout: Lookout) {
        self.lookout = Some(lookout);
    }

    /// What was seen so far.
    pub fn trace(&self) -> &Trace {
        self.reader.trace()
    }

    /// What firmware calls the media that are in the machine's drives now.
    pub fn names(&self) -> &Names {
        self.reader.names()
    }

    /// Host time since the watch began.
    pub fn elapsed(&self) -> Duration {
        self.pace.elapsed()
    }

    /// Waits until trace and network are as a step wants them.
    ///
    /// # Errors
    ///
    /// What the machine did instead.
    pub fn until(&mut self, mut reached: impl FnMut(&Trace, &[NetworkEvent]) -> bool) -> Result<(), StepError> {
        self.pace.progressed();
        let mut late = false;
        loop {
            let patience = self.patience_now();
            match self.pace.check(patience, self.patience.run) {
                Ok(until) => {
                    late = false;
                    self.ingest_or_look(until);
                }
                Err(Overdue::Host(end)) => return Err(StepError::impossible(end.to_string())),
                Err(Overdue::Guest) if !std::mem::replace(&mut late, true) && self.catches_up() => {}
                Err(Overdue::Guest) => {
                    self.still_ending()?;
                    return Err(StepError::NotReached { seconds: patience.as_secs(), last: self.last_seen() });
                }
            }
            if self.is_up_to_date() && reached(self.reader.trace(), &self.lan) {
                return Ok(());
            }
            self.still_seeing()?;
            self.still_moving()?;
            if let Some(end) = self.qemu_ended() {
                let what = format!("{end}; last seen: {}", self.last_seen());
                return Err(StepError::QemuEnded { exit: self.exit, what });
            }
        }
    }

    /// Waits until QEMU has ended, as the usual payload makes it.
    ///
    /// # Errors
    ///
    /// That it runs on after `patience`, or that the firmware has stopped and will not end it.
    pub fn until_ended(&mut self, patience: Duration) -> Result<(), StepError> {
        self.pace.progressed();
        let mut late = false;
        loop {
            self.still_seeing()?;
            if let Some(exit) = self.exit {
                let what = format!("QEMU was {exit}; last seen: {}", self.last_seen());
                return if exit.signal.is_some() {
                    Err(StepError::QemuEnded { exit: self.exit, what })
                } else {
                    Ok(())
                };
            }
            self.still_moving()?;
            let stopped = self.trace().terminal.as_ref().filter(|_| self.is_up_to_date()).map(Terminal::words);
            let patience = if stopped.is_some() { FIRMWARE_STOPPED.min(patience) } else { patience };
            match (self.pace.check(patience, self.patience.run), stopped) {
                (Ok(until), _) => self.ingest_or_look(until),
                (Err(Overdue::Guest), _) if !std::mem::replace(&mut late, true) && self.catches_up() => {}
                (Err(Overdue::Host(end)), _) => return Err(StepError::impossible(end.to_string())),
                (Err(Overdue::Guest), _) if self.does_not_end().is_some() => self.still_ending()?,
                (Err(Overdue::Guest), Some(words)) => {
                    return Err(StepError::Differs(format!("QEMU still runs: {words}")));
                }
                (Err(Overdue::Guest), None) => {
                    return Err(StepError::Timeout(format!("QEMU still runs after {} s", patience.as_secs())));
                }
            }
        }
    }

    /// A step of the story begins.
    pub fn begin_step(&mut self) {
        self.pace.progressed();
        self.noted = self.recorder.cursor();
    }

    /// Whether everything is read that was noted when the present wait began. What is known is from before the last step until then: the
    /// firmware that the machine was powered off in is no firmware of the next power-on.
    fn is_up_to_date(&self) -> bool {
        self.cursor >= self.noted
    }

    /// The story types a key: what the firmware waits in now is not its end.
    pub fn answers(&mut self) {
        self.answered = self.trace().terminal.clone();
    }

    /// A key was pressed whose answer is waited for, or was answered: firmware that is idle meanwhile takes no such key.
    pub fn awaits_answer(&mut self, awaits: bool) {
        self.lookout.iter_mut().for_each(|lookout| lookout.awaits_answer(awaits));
    }

    /// Whether the firmware is still where the last key found it, and may be about to leave: what it prints of that is read later than the
    /// text that confirmed the key.
    fn may_leave(&self) -> bool {
        self.answered.is_some() && self.answered == self.trace().terminal && self.pace.silent() < FIRMWARE_STOPPED
    }

    /// What the host did that explains why nothing happens.
    pub fn fault_of_host(&self) -> Option<RunEnd> {
        self.pace.fault_of_host()
    }

    fn last_seen(&self) -> String {
        self.reader.trace().attempts.last().map(describe).unwrap_or_else(|| "no attempt".to_owned())
    }

    fn qemu_ended(&self) -> Option<RunEnd> {
        self.exit.map(|exit| RunEnd::QemuEnded { exit, announced: self.announced })
    }

    /// QEMU has said that it ends, and a deadline passed before it did: its guest runs no more, and nothing follows for it.
    fn does_not_end(&self) -> Option<RunEnd> {
        let ends = self.announced && self.exit.is_none();
        ends.then(|| RunEnd::Broken { reason: DOES_NOT_END.to_owned() })
    }

    fn still_ending(&self) -> Result<(), StepError> {
        self.does_not_end().map_or(Ok(()), |end| Err(StepError::impossible(end.to_string())))
    }

    /// That what is seen still proves something.
    fn still_seeing(&self) -> Result<(), StepError> {
        self.failure.as_ref().map_or(Ok(()), |failure| Err(StepError::impossible(failure)))
    }

    /// That the guest still does something by itself.
    fn still_moving(&self) -> Result<(), StepError> {
        match &self.trace().standstill {
            Some(standstill) => Err(StepError::Differs(format!("{standstill}; last seen: {}", self.last_seen()))),
            None => Ok(()),
        }
    }

    /// Host time for the next step, once what was seen may already contradict the expectation.
    fn patience_now(&mut self) -> Duration {
        if !strays(&self.expected, self.reader.trace()) {
            return self.patience.progress;
        }
        self.pace.only_words_count();
        self.patience.refuted.min(self.patience.progress)
    }

    /// Host time for the next step of a boot.
    pub fn patience(&self) -> Duration {
        self.patience.progress
    }

    /// The machine is about to be powered off by its story.
    pub fn ignore_end(&mut self) {
        match self.exit.take() {
            Some(_) => {}
            None => self.ends_to_ignore += 1,
        }
    }

    /// Waits until the expectation's run is over, or cannot be any more.
    pub fn until_over(&mut self) -> RunEnd {
        let allowed = match self.expected.ending {
            Ending::Laps(laps) | Ending::Settles { laps } => laps,
            _ => 0,
        };
        let allowed = allowed + self.resets_by_story + RESETS_ALLOWED;
        self.noted = self.recorder.cursor();
        let mut late = false;
        loop {
            let alive = self.progress.shows_life();
            let patience = if alive { self.patience_now() } else { self.patience.first_sign };
            match self.pace.check(patience, self.patience.run) {
                // nothing may come any more from a QEMU that has ended in a step of the story
                Ok(until) => {
                    late = false;
                    let until = if self.may_leave() { until.min(Instant::now() + FIRMWARE_STOPPED) } else { until };
                    self.ingest_or_look(if self.exit.is_some() { Instant::now() } else { until });
                }
                Err(Overdue::Host(end)) => return end,
                Err(Overdue::Guest) if !std::mem::replace(&mut late, true) && self.catches_up() => {}
                Err(Overdue::Guest) => {
                    let awaited = if alive { Awaited::NextStep } else { Awaited::SignOfLife };
                    let gave_up = RunEnd::GaveUp { waited: self.pace.elapsed(), awaited };
                    return self.does_not_end().unwrap_or(gave_up);
                }
            }
            if self.is_up_to_date() && is_over(&self.expected, self.reader.trace()) && !self.may_leave() {
                return RunEnd::Over;
            }
            if let Some(reason) = self.failure.clone() {
                return RunEnd::Broken { reason };
            }
            if let Some(end) = self.qemu_ended() {
                return end;
            }
            if self.resets > allowed {
                return RunEnd::ResetLoop { resets: self.resets };
            }
            if let Some(standstill) = self.standstill() {
                return RunEnd::StandsStill(standstill);
            }
        }
    }

    /// Whether a hole in the log is there because the host is slow.
    pub fn lost_by_host(&self) -> bool {
        self.lost_by_host
    }

    /// What shows that the guest stands still, if it does.
    pub fn standstill(&self) -> Option<Standstill> {
        self.trace().standstill.clone()
    }

    /// Takes what comes within `time`; the end of the run where all of `limit` is over or the host is at fault. What a medium that
    /// somebody else made does next is waited for as long as its whole run may take.
    pub fn look(&mut self, time: Duration, limit: Duration) -> Option<RunEnd> {
        let until = Instant::now() + time;
        while Instant::now() < until && self.exit.is_none() && self.trace().standstill.is_none() {
            self.ingest_or_look(until);
        }
        match self.pace.check(limit, limit) {
            Ok(_) => None,
            Err(Overdue::Host(end)) => Some(end),
            Err(Overdue::Guest) => {
                let alive = self.progress.shows_life();
                let awaited = if alive { Awaited::NextStep } else { Awaited::SignOfLife };
                Some(self.does_not_end().unwrap_or(RunEnd::GaveUp { waited: self.pace.elapsed(), awaited }))
            }
        }
    }

    /// How the run ended, if QEMU has ended or nothing that comes proves anything any more.
    pub fn end_of_qemu(&self) -> Option<RunEnd> {
        let broken = self.failure.clone().map(|reason| RunEnd::Broken { reason });
        broken.or_else(|| self.qemu_ended())
    }

    /// Host time since the last sign of life.
    pub fn silent(&self) -> Duration {
        self.pace.silent()
    }

    /// Resets so far.
    pub fn resets(&self) -> u32 {
        self.resets
    }

    /// Takes what is still under way: a payload ends QEMU right after its line.
    pub fn drain(&mut self) {
        self.ingest_until(Instant::now() + Duration::from_millis(5));
        self.catches_up();
        if self.falls_behind {
            self.reader.hole("the guest printed more than could be read before the deadline");
            self.lost_by_host = true;
        }
    }

    /// Takes what has piled up by now; whether there was anything. A watch that comes late must not blame the guest.
    fn catches_up(&mut self) -> bool {
        let (begun, from, end) = (Instant::now(), self.cursor, self.recorder.cursor());
        while self.cursor < end && begun.elapsed() < LAST_READING {
            self.ingest_until(begun);
        }
        self.falls_behind = self.cursor < end;
        self.cursor > from
    }

    /// Nothing more comes. `over` says that the run had come to its end by what was read. What a guest that stands still has begun and
    /// not ended is not lost.
    pub fn finish(&mut self, over: bool) {
        self.reader.finish(over || self.trace().standstill.is_some());
    }

    /// The networks are off: everything that happened on them, with the device index of its NIC as port.
    pub fn network(&mut self, events: impl IntoIterator<Item = LanEvent>) {
        self.reader.network(events, &self.recorder.stream(Source::Serial));
    }

    /// The same, and has a look at a guest that is silent until then.
    fn ingest_or_look(&mut self, deadline: Instant) {
        let due = self.lookout.as_ref().map_or(deadline, Lookout::due);
        self.ingest_until(deadline.min(due));
        let printed = [Source::Serial, Source::DebugConsole].map(|source| self.recorder.stream_len(source));
        let activity = Activity {
            printed: printed.iter().sum(),
            network: self.counts.0,
            events: self.counts.1,
            disk: 0,
            store: self.pace.store_written(),
        };
        let unknown = self.exit.is_none() && self.trace().standstill.is_none() && self.trace().terminal.is_none();
        let lookout = self.lookout.as_mut().filter(|_| unknown);
        if let Some(standstill) = lookout.and_then(|lookout| lookout.look(activity)) {
            self.goes_no_further(standstill);
        }
    }

    /// Takes what is new, once there is something or the deadline has passed.
    fn ingest_until(&mut self, deadline: Instant) {
        let (entries, cursor) = self.recorder.since(self.cursor, deadline);
        self.cursor = cursor;
        for (entry, bytes) in entries {
            self.ingest(entry, &bytes);
        }
        let progress = self.reader.trace().progress();
        if progress != self.progress {
            self.progress = progress;
            self.sent.clear();
            self.pace.progressed();
            self.was_tried();
        }
    }

    /// A machine that tries the same entry again and again without a reset between will do so for ever.
    fn was_tried(&mut self) {
        let trace = self.reader.trace();
        let times = trace.tries_of_last();
        let Some(target) = trace.attempts.last().map(|last| last.target.clone()) else { return };
        if times > TRIES_ALLOWED && trace.standstill.is_none() {
            self.goes_no_further(Standstill::TriesAgain { target, times });
        }
    }

    fn goes_no_further(&mut self, standstill: Standstill) {
        self.recorder.harness(HarnessEvent::Note(standstill.to_string()));
        self.reader.stands_still(standstill);
    }

    fn ingest(&mut self, entry: Entry, bytes: &[u8]) {
        match entry.what {
            Observed::Bytes { source: source @ (Source::Serial | Source::DebugConsole | Source::Screen), .. } => {
                if source == Source::Serial {
                    self.printed = Some(entry.at);
                }
                self.reader.push(source, bytes);
            }
            Observed::QmpReceived(message) => self.ingest_message(&message),
            Observed::Network(event) => {
                self.counts.0 += 1;
                self.was_sent(&event);
                if self.lan.len() < LAN_LIMIT {
                    self.lan.push(event);
                }
            }
            Observed::Harness(event) => self.ingest_signal(event),
            _ => {}
        }
    }

    /// A guest that is given the same file whole again and again will ask for it for ever.
    fn was_sent(&mut self, event: &NetworkEvent) {
        let again = |file: &String| (event.nic.clone(), file.clone());
        if let LanEventKind::HttpRequest { path, range: Some(_), .. } = &event.event {
            // it is read in parts, as a disk is
            if self.sent.len() < FILES_LIMIT {
                self.sent.insert(again(path), ASKED_AGAIN + 1);
            }
            return;
        }
        let (LanEventKind::TftpComplete { name: file, .. } | LanEventKind::HttpComplete { path: file, .. }) =
            &event.event
        else {
            return;
        };
        if self.sent.len() >= FILES_LIMIT || self.expected.reach().is_some() {
            return;
        }
        let times = self.sent.entry(again(file)).or_default();
        *times = times.saturating_add(1);
        if *times == ASKED_AGAIN && self.trace().standstill.is_none() {
            self.goes_no_further(Standstill::AsksAgain { file: file.clone(), times: ASKED_AGAIN });
        }
    }

    /// Each event of QEMU is a sign of life.
    fn ingest_message(&mut self, message: &Value) {
        let Some(event) = message.get("event").and_then(Value::as_str) else { return };
        self.pace.progressed();
        self.counts.1 += 1;
        match event {
            "RESET" => {
                self.resets += 1;
                self.is_behind_what_was_printed(message);
                match message.pointer("/data/guest").and_then(Value::as_bool) {
                    Some(true) => self.reader.reset_by_guest(),
                    _ => self.reader.reset_from_outside(),
                }
            }
            "GUEST_PANICKED" => self.reader.guest_panicked(),
            "SHUTDOWN" => {
                self.announced = true;
                // SIGTERM, SIGINT and SIGHUP: QEMU ends with success after them (`qemu_system_killed`)
                if message.pointer("/data/reason").and_then(Value::as_str) == Some("host-signal") {
                    self.failure.get_or_insert_with(|| "somebody ended QEMU by a signal".to_owned());
                }
            }
            _ => {}
        }
    }

    /// Holds a reset against what is noted before it. Everything that the guest printed before its reset is there
    /// ([`crate::vm`] sees to that); what it printed behind it is there too where the event was read much later than QEMU
    /// sent it, and no byte tells which side it is on.
    fn is_behind_what_was_printed(&mut self, event: &Value) {
        let printed = self.printed.take();
        if !self.reader.laps_by_reset() {
            return;
        }
        let part = |name: &str| event.get("timestamp")?.get(name)?.as_u64();
        let sent = part("seconds").zip(part("microseconds"));
        let sent = sent.map(|(seconds, micros)| Duration::from_secs(seconds) + Duration::from_micros(micros));
        let quiet = sent.map(|sent| self.recorder.at_clock(sent) + QUIET_AFTER_RESET);
        if printed.zip(quiet).is_some_and(|(printed, quiet)| printed > quiet) {
            self.reader.hole("whether the guest printed its last words before a reset or behind it cannot be told");
            self.lost_by_host = true;
        }
    }

    fn ingest_signal(&mut self, event: HarnessEvent) {
        match event {
            HarnessEvent::PoweredOn { process } => {
                self.pace.powered_on(process);
                self.announced = false;
            }
            HarnessEvent::PoweredOff => {
                self.reader.reset_from_outside();
                self.reader.media_as_at_power_on();
            }
            HarnessEvent::MediumChanged { device, medium } => self.reader.medium_changed(&device, &medium),
            HarnessEvent::Failure(reason) => drop(self.failure.get_or_insert(reason)),
            HarnessEvent::SnapshotTaken(name) => drop(self.snapshots.insert(name, self.reader.snapshot())),
            HarnessEvent::SnapshotRestored(name) => {
                if let Some(snapshot) = self.snapshots.get(&name) {
                    self.reader.put_back(snapshot);
                }
            }
            HarnessEvent::QemuEnded(exit) => match self.ends_to_ignore.checked_sub(1) {
                Some(left) => self.ends_to_ignore = left,
                None => self.exit = Some(exit),
            },
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
