//! A host that is too busy blames nobody. Under the virtual clock the time of an idle guest jumps from one timer to the next, so
//! that seconds in which it waits for an answer of its network pass in milliseconds of the host, and that of a busy one runs as fast
//! as it computes. Where the network's thread has to wait for a processor meanwhile, or QEMU's main loop, which serves disks and
//! timers, firmware gives up on a device that did nothing wrong.

use std::path::Path;
use std::time::Duration;

use super::finished::{Ended, Finished};
use super::warm_start;
use crate::lan::Lateness;
use crate::machine::Clock;

/// The folder within an evidence folder that keeps the run whose host was late; `first/` may stand there already.
const ASIDE: &str = "late";

/// So long the thread of a network may have waited in all: some timeouts of firmware are over by then.
const LATE: Duration = Duration::from_millis(200);

/// So long QEMU may have computed while nobody served its guest's devices. By a clock of 128 ns an instruction about a tenth of a
/// second is the 5 s after which edk2 gives up on an NVMe drive; a question comes every 25 ms, so that the first of it is not seen.
const SILENT: Duration = Duration::from_millis(80);

/// Runs a case again that failed while its host was late: what fails on one that was not stands. So is a negative control whose
/// expectation did not hold: it might have held, had it been served.
///
/// A pass of the second run stands where it was seen that the guest had to do without: it had asked its network again before anybody
/// could have answered, or computed on while QEMU's main loop did not, or its firmware gave up on a device by its own clock, as where
/// one of QEMU's threads waits for a processor. That a network's thread waited for one is no proof of that, and blames nobody.
pub(super) fn look_again(first: Finished, control: bool, folder: &Path, again: impl FnOnce() -> Finished) -> Finished {
    let missed = match (&first.ended, control) {
        (Ended::Failed(reason), false) => reason.clone(),
        (Ended::Passed, true) => "the expectation does not hold for the control's machine".to_owned(),
        _ => return first,
    };
    if !is_late(&first) && !may_have_been_deaf(&first) {
        return first;
    }
    let busy = format!("the host is too busy: {}", how_late(&first));
    if let Err(error) = warm_start::set_aside(folder, ASIDE) {
        let ended = Ended::Broken(format!("{busy}; cannot set the evidence aside for a second run: {error}; {missed}"));
        return Finished { ended, ..first };
    }
    let second = again();
    let then = match (&second.ended, control) {
        (Ended::Broken(_) | Ended::Skipped(_), _) | (Ended::Failed(_), true) => None,
        (Ended::Failed(_), false) | (Ended::Passed, true) if !is_late(&second) => None,
        (Ended::Failed(_), false) | (Ended::Passed, true) => Some("and in a second run too"),
        (Ended::Passed, false) if had_to_do_without(&first) || may_have_been_deaf(&first) => None,
        (Ended::Passed, false) => Some("and a second run passes"),
    };
    match then {
        None => Finished { run_again: Some(format!("{busy}; the first run, in {ASIDE}/: {missed}")), ..second },
        Some(then) => {
            let ended = Ended::Broken(format!("{busy}, {then}; the first, in {ASIDE}/ of its evidence: {missed}"));
            Finished { ended, ..second }
        }
    }
}

fn is_late(finished: &Finished) -> bool {
    is_by_virtual_clock(finished) && (had_to_do_without(finished) || finished.network_late.waited >= LATE)
}

fn is_by_virtual_clock(finished: &Finished) -> bool {
    matches!(finished.clock, Clock::Virtual { .. })
}

/// Whether a device did not answer its firmware in time by a clock that does not wait for it. A firmware that does not hear the device
/// says the same in a second run, which stands.
fn may_have_been_deaf(finished: &Finished) -> bool {
    is_by_virtual_clock(finished) && finished.trace.device_timed_out
}

/// Whether it was seen that the guest's clock ran on while nobody could serve it.
fn had_to_do_without(finished: &Finished) -> bool {
    finished.network_late.said_again > 0 || finished.main_loop_silent >= SILENT
}

fn how_late(Finished { network_late: Lateness { said_again, waited }, main_loop_silent, .. }: &Finished) -> String {
    match said_again {
        0 if *main_loop_silent >= SILENT => format!(
            "QEMU's main loop served nothing for a time in which its guest computed for {} ms, while its own clock ran on",
            main_loop_silent.as_millis()
        ),
        0 if waited.as_millis() < LATE.as_millis() => {
            "a device did not answer its firmware in time, by a clock that ran on whether or not QEMU had a processor"
                .to_owned()
        }
        0 => format!(
            "the network was ready to answer and waited {} ms for a processor, while the guest's own clock ran on",
            waited.as_millis()
        ),
        times => format!(
            "the guest had sent messages again, {times} in all, before the network came to read the first; its own clock ran on"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;
    use crate::trace::Trace;

    fn ended(ended: Ended, waited: Duration) -> Finished {
        late_by(ended, Lateness { said_again: 0, waited })
    }

    fn late_by(ended: Ended, network_late: Lateness) -> Finished {
        let clock = Clock::Virtual { shift: 9 };
        Finished { network_late, clock, ..Finished::without_guest(&Case::new("synthetic::case"), ended) }
    }

    fn failed(waited: Duration) -> Finished {
        ended(Ended::Failed("no answer".to_owned()), waited)
    }

    fn looked(first: Finished, second: Finished) -> (Ended, bool) {
        looked_at(false, first, second)
    }

    fn looked_at(control: bool, first: Finished, second: Finished) -> (Ended, bool) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("serial.log"), "").unwrap();
        let finished = look_again(first, control, folder.path(), || second);
        (finished.ended, folder.path().join("late/serial.log").exists())
    }

    #[test]
    fn a_failure_with_a_late_network_is_nobodys_unless_it_fails_with_one_in_time() {
        let again =
            [(failed(LATE), "and in a second run too"), (ended(Ended::Passed, Duration::ZERO), "a second run passes")];
        for (second, said) in again {
            let (ended, aside) = looked(failed(LATE), second);
            let Ended::Broken(reason) = ended else { panic!("{ended:?}") };
            assert!(
                reason.starts_with("the host is too busy: the network") && reason.ends_with("no answer"),
                "{reason}"
            );
            assert!(reason.contains(said) && aside, "{reason}");
        }
        let (ended, _) = looked(failed(LATE), failed(LATE / 2));
        assert_eq!(ended, Ended::Failed("no answer".to_owned()));
    }

    #[test]
    fn where_the_guest_had_asked_again_before_it_was_read_a_second_run_that_passes_stands_and_says_why() {
        let seen = Lateness { said_again: 3, waited: Duration::from_millis(5) };
        let first = || late_by(Ended::Failed("no answer".to_owned()), seen);
        let again = |second: Finished| {
            let folder = tempfile::tempdir().unwrap();
            let finished = look_again(first(), false, folder.path(), || second);
            (finished.ended, finished.run_again)
        };
        for lateness in [Lateness::default(), seen] {
            let (ended, why) = again(late_by(Ended::Passed, lateness));
            let why = why.unwrap();
            assert_eq!(ended, Ended::Passed);
            assert!(why.contains("again, 3 in all") && why.ends_with("in late/: no answer"), "{why}");
        }
        assert_eq!(
            again(failed(Duration::ZERO)).0,
            Ended::Failed("no answer".to_owned()),
            "in time, and fails all the same"
        );
        let (Ended::Broken(reason), None) = again(first()) else { panic!() };
        assert!(reason.contains("and in a second run too"), "{reason}");
        let real = Finished { clock: Clock::Real, ..first() };
        assert_eq!(look_again(real, false, Path::new("/nowhere"), || panic!("no second run")).run_again, None);
    }

    #[test]
    fn where_the_guest_computed_while_its_devices_were_dead_a_second_run_that_passes_stands() {
        let silent = |ended, main_loop_silent| Finished { main_loop_silent, ..late_by(ended, Lateness::default()) };
        let crashed = || Ended::Failed("crashed".to_owned());
        let again = |second: Finished| {
            let folder = tempfile::tempdir().unwrap();
            let finished = look_again(silent(crashed(), SILENT), false, folder.path(), || second);
            (finished.ended, finished.run_again)
        };
        let (ended, Some(why)) = again(silent(Ended::Passed, SILENT * 2)) else { panic!() };
        assert_eq!(ended, Ended::Passed);
        assert!(why.contains("computed for 80 ms") && why.ends_with("in late/: crashed"), "{why}");
        assert_eq!(again(silent(crashed(), SILENT / 2)).0, crashed(), "served in time, and crashes all the same");
        let (Ended::Broken(reason), None) = again(silent(crashed(), SILENT)) else { panic!() };
        assert!(reason.contains("and in a second run too"), "{reason}");
        for first in [silent(crashed(), SILENT / 2), Finished { clock: Clock::Real, ..silent(crashed(), SILENT) }] {
            assert_eq!(look_again(first, false, Path::new("/nowhere"), || panic!("no second run")).ended, crashed());
        }
    }

    #[test]
    fn a_device_that_did_not_answer_by_the_guests_own_clock_is_asked_a_second_time() {
        let deaf = |ended| {
            let trace = Trace { device_timed_out: true, ..Trace::default() };
            Finished { trace, ..late_by(ended, Lateness::default()) }
        };
        let failed = || Ended::Failed("went wrong within it".to_owned());
        let again = |second: Finished| {
            let folder = tempfile::tempdir().unwrap();
            let finished = look_again(deaf(failed()), false, folder.path(), || second);
            (finished.ended, finished.run_again)
        };
        let (ended, Some(why)) = again(late_by(Ended::Passed, Lateness::default())) else { panic!() };
        assert_eq!(ended, Ended::Passed);
        assert!(
            why.contains("did not answer its firmware in time") && why.ends_with("in late/: went wrong within it"),
            "{why}"
        );
        // a firmware that does not hear the device fails again, and is to blame
        assert_eq!(again(deaf(failed())).0, failed());
        let by_host = Finished { clock: Clock::Real, ..deaf(failed()) };
        assert_eq!(look_again(by_host, false, Path::new("/nowhere"), || panic!("no second run")).ended, failed());
    }

    #[test]
    fn what_was_answered_in_time_or_by_the_hosts_clock_stands() {
        let real = Finished { clock: Clock::Real, ..failed(LATE) };
        for first in [failed(LATE / 2), real, ended(Ended::Passed, LATE)] {
            let was = first.ended.clone();
            assert_eq!(looked(first, failed(LATE)), (was, false));
        }
    }
    #[test]
    fn a_control_that_refutes_with_a_late_network_must_refute_with_one_in_time() {
        let passed = |waited| ended(Ended::Passed, waited);
        assert_eq!(looked_at(true, passed(LATE), passed(LATE / 2)), (Ended::Passed, true));
        let vacuous = failed(LATE);
        assert_eq!(looked_at(true, passed(LATE), vacuous.clone()), (vacuous.ended.clone(), true));
        assert_eq!(looked_at(true, vacuous.clone(), passed(Duration::ZERO)), (vacuous.ended, false));
        let (Ended::Broken(reason), true) = looked_at(true, passed(LATE), passed(LATE)) else { panic!() };
        assert!(reason.contains("and in a second run too") && reason.ends_with("the control's machine"), "{reason}");
    }
}
