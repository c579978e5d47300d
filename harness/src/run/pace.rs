//! When a run is to be given up, and whose fault that is: the firmware's, or the host's that let QEMU not run.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use crate::process;
use crate::process::Share;
use crate::verdict::conclude::RunEnd;

/// How many times its patience a step may take in host time while QEMU waits for a processor.
const STARVATION: u32 = 5;

/// Counts of the kernel are not taken more often than this, however often there is progress.
const RECOUNT: Duration = Duration::from_millis(100);

/// How far a run has come in time.
pub struct Pace {
    begun: Instant,
    last_progress: Instant,
    /// The QEMU of the last power-on.
    process: Option<u32>,
    /// A file that the guest writes to: the variable store.
    written: Option<PathBuf>,
    /// Whether writing to it is a sign of life still.
    writes_count: bool,
    /// What the kernel had counted at `counted`.
    share: Share,
    counted: Instant,
    /// How long QEMU had waited for a processor by then.
    starved: Duration,
    count: fn(u32) -> Share,
    /// How long this process has not run by now.
    freeze: fn() -> Duration,
    /// How much of that is taken into account.
    frozen: Duration,
}

/// What it means that a deadline has passed.
#[derive(Clone, Debug, PartialEq)]
pub enum Overdue {
    /// QEMU had its time: the firmware did not use it.
    Guest,
    /// The host did not let QEMU run.
    Host(RunEnd),
}

impl Pace {
    /// A run begins; that `written` is written to is a sign of life.
    pub fn new(written: Option<PathBuf>) -> Pace {
        Pace::counting(written, Share::of, process::frozen)
    }

    fn counting(written: Option<PathBuf>, count: fn(u32) -> Share, freeze: fn() -> Duration) -> Pace {
        let now = Instant::now();
        Pace {
            begun: now,
            last_progress: now,
            process: None,
            written,
            writes_count: true,
            share: Share::default(),
            counted: now,
            starved: Duration::ZERO,
            count,
            freeze,
            frozen: freeze(),
        }
    }

    /// Host time since the run began, without time in which the harness itself did not run.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Host time since the last sign of life.
    pub fn silent(&self) -> Duration {
        self.last_progress.elapsed()
    }

    /// Another QEMU runs from now on.
    pub fn powered_on(&mut self, process: u32) {
        self.starved += self.waited();
        self.process = Some(process);
        (self.share, self.counted) = (Share::default(), Instant::now());
    }

    /// There was a sign of life, or another step begins.
    pub fn progressed(&mut self) {
        self.thaw();
        self.last_progress = Instant::now();
        if self.counted.elapsed() >= RECOUNT {
            let share = self.count_now();
            self.starved += share.waited_since(&self.share);
            (self.share, self.counted) = (share, self.last_progress);
        }
    }

    /// From now on a variable store that is written to is no sign of life: nothing is waited for but what the guest says.
    pub fn only_words_count(&mut self) {
        self.writes_count = false;
    }

    /// When to look again.
    ///
    /// # Errors
    ///
    /// That `patience` with the next step, or the time for the whole `run`, is over. Host time in which QEMU waited for a
    /// processor does not count, up to a limit; time in which the harness did not run never counts.
    pub fn check(&mut self, patience: Duration, run: Duration) -> Result<Instant, Overdue> {
        self.thaw();
        let now = Instant::now();
        let due = |pace: &Pace| (pace.last_progress + patience).min(pace.begun + run);
        if now < due(self) {
            return Ok(due(self));
        }
        if let Some(written) = self.written_since().filter(|_| self.writes_count) {
            self.last_progress = written;
            if now < due(self) {
                return Ok(due(self));
            }
        }
        if let Some(end @ RunEnd::QemuStopped) = self.fault_of_host() {
            return Err(Overdue::Host(end));
        }
        let starved = self.waited();
        let (step, whole) = (now - self.last_progress, now - self.begun);
        let (step_left, run_left) = (
            patience.saturating_sub(step - step.min(starved)),
            run.saturating_sub(whole - whole.min(self.starved + starved)),
        );
        let left = step_left.min(run_left);
        if left.is_zero() {
            return Err(Overdue::Guest);
        }
        if step >= patience * STARVATION || whole >= run * STARVATION {
            return Err(Overdue::Host(RunEnd::Starved { waited: step, starved }));
        }
        Ok(now + left.clamp(Duration::from_millis(20), Duration::from_secs(5)))
    }

    /// What the host did that explains why nothing happens; `None` where it did nothing.
    pub fn fault_of_host(&self) -> Option<RunEnd> {
        if self.count_now().stopped {
            return Some(RunEnd::QemuStopped);
        }
        let (waited, starved) = (self.last_progress.elapsed(), self.waited());
        (starved > waited / 2).then_some(RunEnd::Starved { waited, starved })
    }

    /// Takes a freeze that has ended out of all deadlines.
    fn thaw(&mut self) {
        let frozen = (self.freeze)();
        let more = frozen.saturating_sub(self.frozen);
        self.frozen = frozen;
        if !more.is_zero() {
            let now = Instant::now();
            self.begun = (self.begun + more).min(now);
            self.last_progress = (self.last_progress + more).min(now);
        }
    }

    fn count_now(&self) -> Share {
        self.process.map(self.count).unwrap_or_default()
    }

    fn waited(&self) -> Duration {
        self.count_now().waited_since(&self.share)
    }

    /// When the file that is a sign of life was written to last.
    pub fn store_written(&self) -> Option<SystemTime> {
        std::fs::metadata(self.written.as_ref()?).ok()?.modified().ok()
    }

    /// When the file was written to, if that was after the last sign of life.
    fn written_since(&self) -> Option<Instant> {
        let modified = self.store_written()?;
        let written = Instant::now().checked_sub(modified.elapsed().ok()?)?;
        (written > self.last_progress + Duration::from_millis(10)).then_some(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(60);
    const LONG: Duration = Duration::from_secs(60);

    /// Waits as a watch does, and says how it ended and how long that took.
    fn overdue(mut pace: Pace, patience: Duration, run: Duration) -> (Overdue, Duration) {
        let begun = pace.begun;
        loop {
            match pace.check(patience, run) {
                Ok(until) => std::thread::sleep(until.saturating_duration_since(Instant::now())),
                Err(overdue) => return (overdue, begun.elapsed()),
            }
        }
    }

    fn pace(count: fn(u32) -> Share) -> Pace {
        let mut pace = Pace::counting(None, count, || Duration::ZERO);
        pace.powered_on(1);
        pace
    }

    #[test]
    fn a_guest_that_had_its_time_is_at_fault() {
        let (end, took) = overdue(pace(|_| Share::default()), SHORT, LONG);
        assert_eq!(end, Overdue::Guest);
        assert!(took >= SHORT);
        assert_eq!(overdue(pace(|_| Share::default()), LONG, SHORT).0, Overdue::Guest, "the whole run has an end too");
    }

    #[test]
    fn time_without_a_processor_does_not_count() {
        let (end, took) = overdue(pace(|_| Share::counted(SHORT * 2, false)), SHORT, LONG);
        assert_eq!(end, Overdue::Guest, "it had its time in the end");
        assert!(took >= SHORT * 3, "{took:?}");
    }

    #[test]
    fn a_host_that_never_lets_qemu_run_is_at_fault() {
        let (end, took) = overdue(pace(|_| Share::counted(LONG, false)), SHORT, LONG);
        assert!(matches!(end, Overdue::Host(RunEnd::Starved { .. })), "{end:?}");
        assert!(took >= SHORT * STARVATION && took < LONG, "{took:?}");
        let (end, _) = overdue(pace(|_| Share::counted(LONG, false)), LONG, SHORT);
        assert!(matches!(end, Overdue::Host(RunEnd::Starved { .. })), "{end:?}");
    }

    #[test]
    fn a_stopped_qemu_is_the_hosts_fault() {
        let (end, _) = overdue(pace(|_| Share::counted(Duration::ZERO, true)), SHORT, LONG);
        assert_eq!(end, Overdue::Host(RunEnd::QemuStopped));
    }

    #[test]
    fn time_in_which_the_harness_itself_was_stopped_does_not_count() {
        use std::sync::atomic::{AtomicU64, Ordering};
        static FROZEN: AtomicU64 = AtomicU64::new(0);
        let mut pace =
            Pace::counting(None, |_| Share::default(), || Duration::from_millis(FROZEN.load(Ordering::SeqCst)));
        pace.powered_on(1);
        std::thread::sleep(SHORT * 3);
        FROZEN.store(SHORT.as_millis() as u64 * 3, Ordering::SeqCst);
        assert!(pace.check(SHORT, SHORT * 2).is_ok(), "as after Ctrl-Z and fg");
        let (end, took) = overdue(pace, SHORT, LONG);
        assert_eq!(end, Overdue::Guest, "what comes after it counts");
        assert!(took >= SHORT / 2, "{took:?}");
    }

    #[test]
    fn a_file_that_is_written_to_is_a_sign_of_life() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut pace = Pace::new(Some(file.path().to_owned()));
        std::thread::sleep(SHORT);
        std::fs::write(file.path(), "a variable").unwrap();
        assert!(pace.check(SHORT, LONG).is_ok());
        std::thread::sleep(SHORT);
        std::fs::write(file.path(), "another").unwrap();
        pace.only_words_count();
        assert_eq!(pace.check(SHORT, LONG), Err(Overdue::Guest), "nobody waits for it any more");
    }
}
