//! Laps that a reset cuts short at any moment.

use super::{Expectation, Expected, Target, describe};
use crate::trace::{Attempt, Trace};

/// Holds each cut lap against the list: its attempts are a beginning of it, and only the last may have ended otherwise.
///
/// A reset may come out as two laps: SeaBIOS, reset after POST, reboots the machine by the keyboard controller
/// (`tryReboot` in `src/resume.c`), and QEMU can take the second of its commands when the next POST has already begun.
///
/// # Errors
///
/// The first attempt that no beginning of the list has, or that laps are missing or too many.
pub fn judge(expected: &Expectation, trace: &Trace) -> Result<(), String> {
    let cut = expected.cut_laps;
    if cut > 0 && !(cut + 1..=2 * cut + 1).contains(&trace.laps) {
        return Err(format!("the machine began lap {}, expected {} to {}", trace.laps, cut + 1, 2 * cut + 1));
    }
    let cut_laps = if cut == 0 { 0 } else { trace.laps - 1 };
    for lap in 1..=cut_laps {
        let attempts: Vec<&Attempt> = trace.attempts.iter().filter(|attempt| attempt.lap == lap).collect();
        for (position, attempt) in attempts.iter().enumerate() {
            let last = position + 1 == attempts.len();
            let fits = expected.attempts.get(position).is_some_and(|wanted| match last {
                true => is_same_entry(wanted, attempt),
                false => wanted.matches(attempt),
            });
            if !fits {
                return Err(format!("cut lap {lap}: attempt {} is unexpected: {}", position + 1, describe(attempt)));
            }
        }
    }
    Ok(())
}

/// What is served over a network has no name before it has run.
fn is_same_entry(wanted: &Expected, attempt: &Attempt) -> bool {
    match (&wanted.target, &attempt.medium) {
        (Target::Medium(medium) | Target::Recovered(medium), Some(seen)) => medium == seen,
        (Target::Medium(_) | Target::Recovered(_), None) => attempt.nic.is_some(),
        (Target::Named(word), _) => attempt.is_called(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Outcome;
    use crate::verdict::{booted, failed};

    fn attempt(lap: u32, medium: &str, outcome: Outcome) -> Attempt {
        let (target, medium) = ("Hard Disk", Some(medium.to_owned()));
        Attempt { medium, outcome: Some(outcome), lap, ..Attempt::on(target) }
    }

    fn verdict(cut_laps: u32, attempts: Vec<Attempt>) -> Result<(), String> {
        let expected = Expectation::attempts([failed("first"), booted("right")]).after_cut_laps(cut_laps);
        super::super::judge(&expected, &Trace { attempts, laps: 3, ..Trace::default() })
    }

    fn whole() -> Vec<Attempt> {
        vec![attempt(3, "first", Outcome::Failed), attempt(3, "right", Outcome::Booted)]
    }

    #[test]
    fn a_cut_lap_may_end_anywhere_in_the_list() {
        let cut = [attempt(1, "first", Outcome::Booted), attempt(2, "first", Outcome::Failed)];
        assert_eq!(verdict(2, [cut.to_vec(), vec![attempt(2, "right", Outcome::Failed)], whole()].concat()), Ok(()));
        assert_eq!(verdict(2, whole()), Ok(()));
    }

    #[test]
    fn an_attempt_on_a_cut_lap_that_is_not_in_the_list_is_refused() {
        let said = verdict(2, [vec![attempt(2, "right", Outcome::Booted)], whole()].concat()).unwrap_err();
        assert_eq!(said, "cut lap 2: attempt 1 is unexpected: Hard Disk \"right\" booted");
        let early = [attempt(1, "first", Outcome::Booted), attempt(1, "right", Outcome::Booted)];
        assert!(verdict(2, [early.to_vec(), whole()].concat()).unwrap_err().starts_with("cut lap 1: attempt 1"));
    }

    #[test]
    fn another_number_of_laps_is_refused() {
        assert_eq!(verdict(3, whole()).unwrap_err(), "the machine began lap 3, expected 4 to 7");
        let expected = Expectation::attempts([failed("first"), booted("right")]).after_cut_laps(1);
        let said = super::super::judge(&expected, &Trace { attempts: whole(), laps: 4, ..Trace::default() });
        assert_eq!(said.unwrap_err(), "the machine began lap 4, expected 2 to 3");
    }

    #[test]
    fn a_reset_that_comes_out_as_two_laps_is_one() {
        assert_eq!(verdict(1, whole()), Ok(()));
    }

    #[test]
    fn the_lap_behind_the_cut_ones_must_hold_the_whole_list() {
        assert!(verdict(2, vec![attempt(3, "first", Outcome::Failed)]).is_err());
    }
}
