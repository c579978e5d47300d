//! Host time in which this process did not run at all: stopped by a signal, as Ctrl-Z stops it, or without any processor.
//!
//! A thread looks at the clock five times a second. Where nobody has looked for longer than [`GAP`], no thread of the
//! process ran. Deadlines must not count such time: whatever was awaited could not be seen, and QEMU was often stopped
//! along with the harness.

use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How often the clock is looked at.
const BEAT: Duration = Duration::from_millis(200);

/// Longer than a thread that is ready waits on a busy host.
const GAP: Duration = Duration::from_secs(1);

static CLOCK: Mutex<Clock> = Mutex::new(Clock { last: None, frozen: Duration::ZERO });

struct Clock {
    last: Option<Instant>,
    frozen: Duration,
}

impl Clock {
    fn look(&mut self, now: Instant) -> Duration {
        let gap = self.last.map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        self.last = Some(now);
        if gap > GAP {
            self.frozen += gap;
        }
        self.frozen
    }
}

/// How long this process has not run since it was first asked. Whoever asks with a deadline that has passed gets to know
/// of a freeze that has ended just now.
pub fn frozen() -> Duration {
    static BEATING: OnceLock<bool> = OnceLock::new();
    let beat = || {
        loop {
            look();
            std::thread::sleep(BEAT);
        }
    };
    // without the thread nothing can be told, and a long silence would be taken for a freeze
    let beating = BEATING.get_or_init(|| std::thread::Builder::new().name("clock".to_owned()).spawn(beat).is_ok());
    if *beating { look() } else { Duration::ZERO }
}

fn look() -> Duration {
    let mut clock = match CLOCK.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    };
    clock.look(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_time_without_a_look_counts_and_counts_once() {
        let mut clock = Clock { last: None, frozen: Duration::ZERO };
        let begun = Instant::now();
        assert_eq!(clock.look(begun), Duration::ZERO);
        assert_eq!(clock.look(begun + GAP), Duration::ZERO, "a busy host");
        assert_eq!(clock.look(begun + GAP * 31), GAP * 30);
        assert_eq!(clock.look(begun + GAP * 31 + BEAT), GAP * 30);
    }

    #[test]
    fn a_process_that_runs_is_not_frozen_however_long_nobody_asks() {
        let before = frozen();
        std::thread::sleep(GAP + BEAT * 2);
        assert!(frozen() - before < GAP * 2, "{:?}", frozen());
    }
}
