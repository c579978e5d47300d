//! A log with a hole blames nobody, since lines are lost where the host is at fault. That is an accident: where a second run
//! of the same machine lacks the same, nothing was lost, and the firmware itself writes such a log.

use std::path::Path;

use super::finished::{Ended, Finished};
use super::warm_start;

/// The folder within an evidence folder that keeps the first of two runs.
const FIRST: &str = "first";

/// Runs a case again whose log has a hole; what only one of two runs lacks stays nobody's fault.
pub(super) fn look_again(first: Finished, folder: &Path, again: impl FnOnce() -> Finished) -> Finished {
    let (Ended::Broken(reason), Some(hole)) = (&first.ended, &first.lacks) else { return first };
    if first.gave_up {
        return first;
    }
    if let Err(error) = warm_start::set_aside(folder, FIRST) {
        let ended = Ended::Broken(format!("{reason}; cannot set the evidence aside for a second run: {error}"));
        return Finished { ended, ..first };
    }
    let second = again();
    let ended = match &second.ended {
        Ended::Broken(_) if second.lacks.as_ref() == Some(hole) && !second.gave_up => {
            let twice = format!("{reason}; a second run lacks the same, so that it is no accident");
            Ended::Failed(second.failed_if_whole.iter().fold(twice, |twice, failed| format!("{failed}; {twice}")))
        }
        _ => Ended::Broken(format!("{reason}; a second run does not lack that: see {FIRST}/ in its evidence")),
    };
    Finished { ended, ..second }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

    fn broken(hole: Option<&str>) -> Finished {
        let ended = Ended::Broken("the log has a hole".to_owned());
        let lacks = hole.map(str::to_owned);
        Finished { lacks, ..Finished::without_guest(&Case::new("synthetic::case"), ended) }
    }

    fn passed() -> Finished {
        Finished { ended: Ended::Passed, ..broken(None) }
    }

    fn looked(first: Finished, second: Finished) -> (Ended, bool) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("serial.log"), "").unwrap();
        let finished = look_again(first, folder.path(), || second);
        (finished.ended, folder.path().join("first/serial.log").exists())
    }

    #[test]
    fn a_second_run_that_only_ran_into_a_deadline_proves_nothing() {
        let second = Finished { gave_up: true, ..broken(Some("an end")) };
        assert!(matches!(looked(broken(Some("an end")), second).0, Ended::Broken(_)));
    }

    #[test]
    fn what_two_runs_lack_is_the_firmwares_doing() {
        let (ended, aside) = looked(broken(Some("an end")), broken(Some("an end")));
        let said = "the log has a hole; a second run lacks the same, so that it is no accident";
        assert_eq!((ended, aside), (Ended::Failed(said.to_owned()), true));
    }

    #[test]
    fn what_follows_if_nothing_was_lost_is_said_first() {
        let second = Finished { failed_if_whole: Some("no such device".to_owned()), ..broken(Some("an end")) };
        let (ended, _) = looked(broken(Some("an end")), second);
        let said = "no such device; the log has a hole; a second run lacks the same, so that it is no accident";
        assert_eq!(ended, Ended::Failed(said.to_owned()));
    }

    #[test]
    fn what_one_of_two_runs_lacks_stays_broken() {
        for second in [passed(), broken(Some("a beginning")), broken(None)] {
            let (ended, aside) = looked(broken(Some("an end")), second);
            assert!(matches!(&ended, Ended::Broken(reason) if reason.ends_with("see first/ in its evidence")) && aside);
        }
    }

    #[test]
    fn what_is_broken_otherwise_or_came_to_a_deadline_is_not_run_again() {
        let gave_up = Finished { gave_up: true, ..broken(Some("an end")) };
        for first in [broken(None), passed(), gave_up] {
            let ended = first.ended.clone();
            assert_eq!(looked(first, broken(Some("an end"))), (ended, false));
        }
    }
}
