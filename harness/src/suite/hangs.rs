//! What guests that hang have cost a run, so that a firmware which hangs everywhere ends it in time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::machine::Firmware;
use crate::run::{Ended, Finished};

/// Host time that hangs may cost a run of few cases, over all its jobs.
const LEAST: Duration = Duration::from_secs(300);
/// The same for each case of a longer run: about what a case of the default suite takes, so that hangs cost about as much as
/// a green run.
const A_CASE: Duration = Duration::from_millis(550);
/// A firmware is left alone once so many of its guests hung.
const MANY: u32 = 3;

/// The hangs of a run, by firmware.
#[derive(Debug)]
pub(super) struct Hangs {
    budget: Option<Duration>,
    seen: Mutex<Vec<Seen>>,
}

/// The hangs of one firmware.
#[derive(Clone, Debug)]
struct Seen {
    firmware: Firmware,
    count: u32,
    spent: Duration,
    /// Id of the first.
    first: String,
}

impl Hangs {
    /// For a run of so many cases; hangs may take as long as they do where `all` is wanted.
    pub(super) fn new(all: bool, cases: usize) -> Hangs {
        let by_size = LEAST.max(A_CASE.saturating_mul(u32::try_from(cases).unwrap_or(u32::MAX)));
        Hangs { budget: (!all).then_some(by_size), seen: Mutex::default() }
    }

    /// Notes a case that failed, if its guest hung.
    pub(super) fn note(&self, id: &str, firmware: Firmware, finished: &Finished) {
        let failed = matches!(finished.ended, Ended::Failed(_));
        if !failed || !(finished.gave_up || finished.trace.standstill.is_some()) {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.iter_mut().find(|seen| seen.firmware == firmware) {
            Some(seen) => (seen.count, seen.spent) = (seen.count + 1, seen.spent + finished.wall),
            None => seen.push(Seen { firmware, count: 1, spent: finished.wall, first: id.to_owned() }),
        }
    }

    /// Why no more cases of a firmware are run, once its guests hung often and all hangs took longer than they may.
    pub(super) fn enough_of(&self, firmware: Firmware) -> Option<String> {
        let budget = self.budget?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let spent: Duration = seen.iter().map(|seen| seen.spent).sum();
        let of = seen.iter().find(|seen| seen.firmware == firmware && seen.count >= MANY)?;
        (spent > budget).then(|| {
            format!(
                "{} guests of {} hung before it, {} first, and hangs took {} s in all; --all-hangs runs it nevertheless",
                of.count,
                firmware.name(),
                of.first,
                spent.as_secs()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::trace::Standstill;

    fn finished(ended: Ended, seconds: u64) -> Finished {
        let mut finished = Finished::without_guest(&Case::new("a"), ended);
        finished.wall = Duration::from_secs(seconds);
        finished
    }

    fn hung(seconds: u64) -> Finished {
        let mut finished = finished(Ended::Failed("it hangs".to_owned()), seconds);
        finished.trace.standstill = Some(Standstill::Loops { at: 1 });
        finished
    }

    #[test]
    fn a_firmware_that_hangs_for_long_is_left_alone_and_others_are_not() {
        let hangs = Hangs::new(false, 10);
        for (index, id) in ["a", "b", "c"].into_iter().enumerate() {
            assert_eq!(hangs.enough_of(Firmware::Ovmf), None, "{index}");
            hangs.note(id, Firmware::Ovmf, &hung(101));
        }
        let wanted =
            "3 guests of ovmf hung before it, a first, and hangs took 303 s in all; --all-hangs runs it nevertheless";
        assert_eq!(hangs.enough_of(Firmware::Ovmf).as_deref(), Some(wanted));
        assert_eq!(hangs.enough_of(Firmware::SeaBios), None);
    }

    #[test]
    fn few_hangs_short_ones_and_other_failures_leave_it_alone_never() {
        let hangs = Hangs::new(false, 10);
        for seconds in [500, 500] {
            hangs.note("a", Firmware::Ovmf, &hung(seconds));
        }
        assert_eq!(hangs.enough_of(Firmware::Ovmf), None, "two may be two cases' own");
        let hangs = Hangs::new(false, 1000);
        for _ in 0..100 {
            hangs.note("a", Firmware::Ovmf, &hung(5));
            hangs.note("b", Firmware::SeaBios, &finished(Ended::Failed("other".to_owned()), 500));
            let mut expected = hung(500);
            expected.ended = Ended::Passed;
            hangs.note("c", Firmware::SeaBios, &expected);
        }
        assert_eq!((hangs.enough_of(Firmware::Ovmf), hangs.enough_of(Firmware::SeaBios)), (None, None));
    }

    #[test]
    fn a_deadline_counts_and_without_a_budget_nothing_does() {
        let mut late = finished(Ended::Failed("gave up".to_owned()), 120);
        late.gave_up = true;
        for (all, is_enough) in [(false, true), (true, false)] {
            let hangs = Hangs::new(all, 1);
            (0..3).for_each(|_| hangs.note("a", Firmware::SeaBios, &late));
            assert_eq!(hangs.enough_of(Firmware::SeaBios).is_some(), is_enough);
        }
    }
}
