//! Each part of a conclusion says no by itself, and the first one that does is the one that is told.

use rstest::rstest;

use super::*;
use crate::trace::{Finding, GuestText, Sighting, Stage, Terminal};
use crate::verdict::Reach;
use crate::verdict::stores::{self, OnStore};

fn attempt(medium: &str, outcome: Outcome) -> Attempt {
    Attempt { medium: Some(medium.to_owned()), outcome: Some(outcome), ..Attempt::on("Hard Disk") }
}

fn trace(medium: &str) -> Trace {
    Trace { attempts: vec![attempt(medium, Outcome::Booted)], laps: 1, ..Trace::default() }
}

/// Views of which two differ, one of them being stale.
fn differing() -> Views {
    let ran = Some("right".to_owned());
    Views {
        ran,
        asked: Some(["a"].into_iter().collect()),
        fw_cfg: Some(["b"].into_iter().collect()),
        ..Views::default()
    }
}

fn sound(store: &stores::Seen) -> Stores {
    Stores { powered_off: Vec::new(), after: store.clone(), untouched: true, written_anew: false, erased: false }
}

const EXIT: Exit = Exit { code: Some(3), signal: None };

fn gave_up() -> RunEnd {
    RunEnd::GaveUp { waited: Duration::from_secs(2), awaited: Awaited::NextStep }
}

fn step(fault: StepFault) -> RunEnd {
    RunEnd::StepFailed { fault, reason: "step 1 of 1, cont: why".to_owned() }
}

/// Everything that can be wrong; each test mends what comes before the part that it looks at.
struct Wrong {
    expected: Expectation,
    trace: Trace,
    end: RunEnd,
    guest_time: Option<Duration>,
    stores: Stores,
    views: Views,
}

impl Wrong {
    fn everywhere() -> Wrong {
        Wrong {
            expected: Expectation::boots("right").lasting(5, 9).on_store(OnStore::Written),
            trace: trace("wrong"),
            end: step(StepFault::Other),
            guest_time: Some(Duration::from_secs(1)),
            stores: sound(&Err(stores::Unknown::NotRead("garbage".to_owned()))),
            views: differing(),
        }
    }

    fn conclude(&self) -> Conclusion {
        conclude(
            &self.expected,
            &Observed {
                trace: &self.trace,
                end: &self.end,
                guest_state: "running",
                guest_time: self.guest_time,
                stores: Some(&self.stores),
                views: &self.views,
            },
        )
    }

    fn fails(&self) -> String {
        let Conclusion::Fails(reason) = self.conclude() else { panic!("{:?}", self.conclude()) };
        reason
    }
}

#[test]
fn the_first_part_that_differs_decides_and_stale_lists_are_told_with_it() {
    let mut wrong = Wrong::everywhere();
    let stale = "; fw_cfg bootorder is stale: [b], the machine asks for [a]";
    assert_eq!(wrong.fails(), format!("step 1 of 1, cont: why{stale}"));
    wrong.end = RunEnd::Over;
    assert_eq!(wrong.fails(), format!("attempt 1: expected \"right\" booted, saw Hard Disk \"wrong\" booted{stale}"));
    wrong.trace = trace("right");
    assert_eq!(wrong.fails(), format!("the run took 1.0 s of guest time, expected 5 to 9 s{stale}"));
    wrong.guest_time = Some(Duration::from_secs(6));
    let store = wrong.fails();
    assert!(store.contains("variable store"), "{store}");
    wrong.stores.untouched = false;
    let views = wrong.fails();
    assert!(views.contains("boot order") && views.ends_with(stale), "{views}");
    wrong.views = Views::default();
    assert_eq!(wrong.conclude(), Conclusion::Holds);
}

#[test]
fn a_hang_is_told_whatever_else_was_expected_and_is_no_deadline() {
    let end = RunEnd::StandsStill(Standstill::Halted { at: 0x7c00 });
    let Conclusion::Fails(reason) = conclude_boot(&Expectation::boots("right"), &trace("wrong"), &end, "running")
    else {
        panic!("it must fail")
    };
    let words = "; the guest hangs: its processor is halted at 0x7c00 and takes no interrupt; last seen: Hard Disk \"wrong\" booted; guest: running";
    assert!(reason.ends_with(words), "{reason}");
    let expected = Expectation::boots("right");
    let hung = Conclusion::Fails("why".to_owned());
    let silent = Trace { banner: Some("SeaBIOS".to_owned()), ..Trace::default() };
    assert_eq!(conclude_control(&expected, &silent, &end, hung.clone()), Conclusion::Holds, "it was seen what it did");
    for end in [gave_up(), RunEnd::StandsStill(Standstill::Idles { seconds: 9 })] {
        let broken = conclude_control(&expected, &silent, &end, hung.clone());
        assert!(matches!(broken, Conclusion::Broken(_)), "{broken:?}");
    }
}

#[test]
fn how_an_attempt_hangs_is_said_once_in_each_account_of_it() {
    let standstill = Standstill::Halted { at: 0x7c00 };
    let mut still = trace("wrong");
    let last = still.attempts.last_mut().unwrap();
    (last.outcome, last.reason) = (Some(Outcome::Hung), Finding::Hangs(standstill.clone()).into());
    let end = RunEnd::StandsStill(standstill);
    let Conclusion::Fails(reason) = conclude_boot(&Expectation::boots("right"), &still, &end, "running") else {
        panic!("it must fail")
    };
    let account =
        r#"Hard Disk "wrong" hung (the guest hangs: its processor is halted at 0x7c00 and takes no interrupt)"#;
    let words = format!(r#"attempt 1: expected "right" booted, saw {account}; last seen: {account}; guest: running"#);
    assert_eq!(reason, words);
}

#[test]
fn an_end_of_the_hosts_is_told_from_one_of_the_guests() {
    let ended = |code, signal| RunEnd::QemuEnded { exit: Exit { code, signal }, announced: true };
    let starved = RunEnd::Starved { waited: Duration::from_secs(2), starved: Duration::from_secs(1) };
    for end in [ended(None, Some(9)), starved, RunEnd::QemuStopped, step(StepFault::Host)] {
        assert!(end.is_hosts(), "{end}");
    }
    for end in [ended(Some(85), None), ended(None, Some(11)), RunEnd::Over, gave_up(), step(StepFault::Deadline)] {
        assert!(!end.is_hosts(), "{end}");
    }
}

#[test]
fn a_payload_that_ends_the_machine_is_no_part_of_what_is_wrong() {
    let ended = |code| {
        let end = RunEnd::QemuEnded { exit: Exit { code: Some(code), signal: None }, announced: true };
        let Conclusion::Fails(reason) = conclude_boot(&Expectation::boots("right"), &trace("wrong"), &end, "gone")
        else {
            panic!("it must fail")
        };
        reason
    };
    let rest = "last seen: Hard Disk \"wrong\" booted; guest: gone";
    let by_payload = ended(PAYLOAD_EXIT);
    assert!(by_payload.ends_with(rest) && !by_payload.contains("exit code"), "{by_payload}");
    let by_itself = ended(1);
    assert!(by_itself.ends_with(&format!("; QEMU ended by itself: exit code 1; {rest}")), "{by_itself}");
}

#[test]
fn views_are_compared_only_where_that_is_expected() {
    let mut wrong = Wrong::everywhere();
    (wrong.end, wrong.expected, wrong.trace) = (RunEnd::Over, Expectation::boots("right"), trace("right"));
    assert!(matches!(wrong.conclude(), Conclusion::Fails(_)));
    wrong.expected = wrong.expected.without_views();
    assert_eq!(wrong.conclude(), Conclusion::Holds);
}

#[test]
fn a_store_that_must_be_looked_at_must_be_there() {
    let wrong = Wrong::everywhere();
    let observed = Observed {
        trace: &trace("right"),
        end: &RunEnd::Over,
        guest_state: "running",
        guest_time: Some(Duration::from_secs(6)),
        stores: None,
        views: &Views::default(),
    };
    let reason = "the machine has no variable store to look at".to_owned();
    assert_eq!(conclude(&wrong.expected, &observed), Conclusion::Fails(reason));
}

#[rstest]
#[case::a_deadline(gave_up(), "gave up after 2.0 s of host time waiting for the next step of the boot")]
#[case::an_end(RunEnd::QemuEnded { exit: EXIT, announced: false }, "QEMU ended by itself: exit code 3")]
#[case::a_loop(RunEnd::ResetLoop { resets: 30 }, "the machine was reset 30 times: it reboots in a loop")]
fn a_run_that_was_not_over_fails_although_the_trace_fits(#[case] end: RunEnd, #[case] reason: &str) {
    let expected = Expectation::boots("right");
    let boot = |medium| conclude_boot(&expected, &trace(medium), &end, "paused");
    assert_eq!(boot("right"), Conclusion::Fails(reason.to_owned()));
    let both = format!(
        "attempt 1: expected \"right\" booted, saw Hard Disk \"wrong\" booted; {reason}; last seen: Hard Disk \"wrong\" \
         booted; guest: paused"
    );
    assert_eq!(boot("wrong"), Conclusion::Fails(both));
}

#[rstest]
#[case::the_harness(RunEnd::Broken { reason: "why".to_owned() }, Conclusion::Broken("why".to_owned()))]
#[case::the_host(step(StepFault::Host), Conclusion::Broken("step 1 of 1, cont: why".to_owned()))]
#[case::not_refused(step(StepFault::NotRefused), Conclusion::Fails("step 1 of 1, cont: why".to_owned()))]
#[case::late(step(StepFault::Deadline), Conclusion::Fails("step 1 of 1, cont: why".to_owned()))]
fn whose_fault_it_is_that_a_run_ended_decides_before_the_trace(#[case] end: RunEnd, #[case] wanted: Conclusion) {
    assert_eq!(conclude_boot(&Expectation::boots("right"), &trace("right"), &end, "running"), wanted);
}

#[test]
fn only_an_end_of_qemus_own_making_is_its_failure() {
    let ended = |exit, announced, trace: &Trace| {
        conclude_boot(&Expectation::boots("right"), trace, &RunEnd::QemuEnded { exit, announced }, "gone")
    };
    let (code, signal) =
        (|code| Exit { code: Some(code), signal: None }, |number| Exit { code: None, signal: Some(number) });
    for number in [9, 15] {
        let Conclusion::Broken(reason) = ended(signal(number), false, &trace("right")) else { panic!("{number}") };
        let words = "somebody ended it, or the host's memory ran out";
        assert_eq!(reason, format!("QEMU was killed by signal {number}: {words}"));
    }
    for number in [6, 11] {
        assert!(matches!(ended(signal(number), false, &Trace::default()), Conclusion::Fails(_)), "{number}");
    }
    let silent = Trace { laps: 1, ..Trace::default() };
    assert!(matches!(ended(code(0), false, &silent), Conclusion::Broken(_)));
    assert!(matches!(ended(code(0), true, &silent), Conclusion::Fails(_)), "the guest powered off");
    assert!(matches!(ended(code(0), false, &trace("wrong")), Conclusion::Fails(_)), "the guest lived");
    assert!(matches!(ended(code(1), false, &silent), Conclusion::Fails(_)));
}

#[test]
fn a_host_that_lets_qemu_not_run_is_broken() {
    let boot = |end: &RunEnd| conclude_boot(&Expectation::boots("right"), &trace("right"), end, "running");
    let starved = RunEnd::Starved { waited: Duration::from_secs(600), starved: Duration::from_secs(580) };
    let words = "the host is too busy: in 600.0 s QEMU waited 580.0 s for a processor".to_owned();
    assert_eq!(boot(&starved), Conclusion::Broken(words));
    assert!(matches!(boot(&RunEnd::QemuStopped), Conclusion::Broken(_)));
}

#[test]
fn a_program_of_others_may_be_silent_once_firmware_has_started_it_and_firmware_may_not() {
    let loader = Reach {
        stage: Some(Stage::Loader),
        expect: Vec::new(),
        reject: Vec::new(),
        answers: Vec::new(),
        without_code: false,
        go_on: false,
        seconds: 60,
    };
    let started =
        Sighting { stage: Stage::Started, program: "the medium's EFI program".to_owned(), text: String::new() };
    let seen = |outcome, sightings: Vec<Sighting>| Trace {
        attempts: vec![Attempt { outcome, ..Attempt::on("Boot0001 \"UEFI HTTPv4\"") }],
        guest: GuestText { started_in: sightings.len(), sightings, ..GuestText::default() },
        ..Trace::default()
    };
    let hole = "every option of BootOrder has failed";
    let views = Views { silent: Some(hole.to_owned()), ..Views::default() };
    let concluded = |expected: &Expectation, trace: &Trace| {
        let (end, guest_state) = (&gave_up(), "running");
        conclude(expected, &Observed { trace, end, guest_state, guest_time: None, stores: None, views: &views })
    };
    let of_others = Expectation::reaches(loader);
    let under_way = seen(None, vec![started.clone()]);
    assert!(matches!(concluded(&of_others, &under_way), Conclusion::Fails(_)));
    let broken = |conclusion| matches!(conclusion, Conclusion::Broken(why) if why.contains(hole));
    assert!(broken(concluded(&of_others, &seen(Some(Outcome::Failed), vec![started]))), "it came back");
    assert!(broken(concluded(&of_others, &seen(None, Vec::new()))), "nothing was started");
    let mut next = under_way.clone();
    next.attempts[0].outcome = Some(Outcome::Failed);
    next.attempts.push(Attempt::on("Boot0002 \"UEFI Misc Device\""));
    assert!(broken(concluded(&of_others, &next)), "what was started came back, and of the next nothing was seen");
    assert!(broken(concluded(&Expectation::boots("right").without_views(), &under_way)), "a program of ours speaks");
}

#[test]
fn a_refused_machine_holds_with_the_expected_words_only() {
    let end = RunEnd::Refused { exit: EXIT, said: "no such\ndevice".to_owned() };
    let refused = |expected: Expectation| conclude_boot(&expected, &Trace::default(), &end, "never ran");
    assert_eq!(refused(Expectation::qemu_refuses("no such / device")), Conclusion::Holds);
    let otherwise = "QEMU refuses with \"no such / device\", expected \"no bus\"".to_owned();
    assert_eq!(refused(Expectation::qemu_refuses("no bus")), Conclusion::Fails(otherwise));
    let unexpected = "QEMU ended before the guest ran (exit code 3): no such / device".to_owned();
    assert_eq!(refused(Expectation::boots("right")), Conclusion::Broken(unexpected));
}

#[test]
fn a_qemu_that_ends_without_a_word_is_said_to_have_printed_nothing() {
    let end = RunEnd::Refused { exit: EXIT, said: String::new() };
    let refused = |expected: Expectation| conclude_boot(&expected, &Trace::default(), &end, "never ran");
    let silent = "QEMU ended before the guest ran (exit code 3); it printed nothing".to_owned();
    assert_eq!(refused(Expectation::boots("right")), Conclusion::Broken(silent));
    let otherwise = "QEMU refuses and printed nothing, expected \"no bus\"".to_owned();
    assert_eq!(refused(Expectation::qemu_refuses("no bus")), Conclusion::Fails(otherwise));
    assert!(end.to_string().ends_with("exit code 3; it printed nothing"), "{end}");
}

/// A conclusion about the control of a case that expects "right".
fn control(trace: &Trace, end: &RunEnd, conclusion: Conclusion) -> Conclusion {
    conclude_control(&Expectation::boots("right"), trace, end, conclusion)
}

fn fails() -> Conclusion {
    Conclusion::Fails("why".to_owned())
}

#[test]
fn a_control_for_which_the_expectation_holds_shows_that_it_is_vacuous() {
    let vacuous = control(&trace("right"), &RunEnd::Over, Conclusion::Holds);
    let words = "the expectation holds although its cause was removed: it is vacuous";
    assert_eq!(vacuous, Conclusion::Fails(words.to_owned()));
}

#[test]
fn a_control_that_the_machine_itself_refutes_holds() {
    assert_eq!(control(&trace("wrong"), &RunEnd::Over, fails()), Conclusion::Holds);
    let stopped = Trace { terminal: Some(Terminal::NoBootableDevice), ..Trace::default() };
    assert_eq!(control(&stopped, &RunEnd::Over, fails()), Conclusion::Holds);
}

#[test]
fn a_control_without_a_sign_of_life_refutes_nothing_unless_qemu_did_what_it_must_refuse() {
    let silent = |end| control(&Trace::default(), &end, fails());
    let words = "the control machine showed no sign of life, which refutes nothing: why".to_owned();
    assert_eq!(silent(RunEnd::Over), Conclusion::Broken(words.clone()));
    assert_eq!(silent(step(StepFault::Other)), Conclusion::Broken(words.clone()));
    assert_eq!(silent(gave_up()), Conclusion::Broken(words), "silence comes before the deadline");
    assert_eq!(silent(step(StepFault::NotRefused)), Conclusion::Holds);
}

#[test]
fn a_control_that_ran_into_a_deadline_refutes_only_by_what_was_seen() {
    let words = "the control only ran into a deadline, which refutes nothing: why".to_owned();
    for end in [gave_up(), step(StepFault::Deadline)] {
        assert_eq!(control(&trace("right"), &end, fails()), Conclusion::Broken(words.clone()));
        assert_eq!(control(&trace("wrong"), &end, fails()), Conclusion::Holds, "another medium ran");
    }
    assert_eq!(control(&trace("right"), &step(StepFault::Other), fails()), Conclusion::Holds);
}

#[test]
fn a_broken_control_stays_broken() {
    let broken = Conclusion::Broken("why".to_owned());
    assert_eq!(control(&trace("wrong"), &RunEnd::Over, broken.clone()), broken);
}

#[test]
fn no_word_of_a_reason_decides_about_a_control() {
    for words in ["QEMU did not refuse", "gave up after 2.0 s of host time", "no sign of life"] {
        let reason = || words.to_owned();
        let end = RunEnd::StepFailed { fault: StepFault::Other, reason: reason() };
        let conclusion = control(&Trace::default(), &end, Conclusion::Fails(reason()));
        assert!(matches!(conclusion, Conclusion::Broken(_)), "{words}");
        assert_eq!(control(&trace("wrong"), &end, Conclusion::Fails(reason())), Conclusion::Holds, "{words}");
    }
}

#[test]
fn a_step_that_failed_where_the_log_has_a_hole_blames_nobody() {
    let hole = Trace { holes: vec!["half a sentence".to_owned()], ..trace("right") };
    let conclude = |fault| conclude_boot(&Expectation::boots("right"), &hole, &step(fault), "running");
    assert!(matches!(conclude(StepFault::Deadline), Conclusion::Broken(reason) if reason.contains("half a sentence")));
    assert!(matches!(conclude(StepFault::Other), Conclusion::Broken(_)));
    assert!(matches!(conclude(StepFault::NotRefused), Conclusion::Fails(_)), "QEMU said so itself");
}

#[test]
fn a_qemu_that_was_killed_before_its_guest_ran_has_refused_nothing() {
    let killed = RunEnd::Refused { exit: Exit { code: None, signal: Some(9) }, said: String::new() };
    let conclusion = conclude_boot(&Expectation::qemu_refuses("no such bus"), &Trace::default(), &killed, "never ran");
    assert!(matches!(conclusion, Conclusion::Broken(reason) if reason.contains("killed by signal 9")));
}

#[test]
fn a_control_under_which_qemu_crashed_refutes_only_by_what_was_seen() {
    let expected = Expectation::boots("right");
    let crash = RunEnd::QemuEnded { exit: Exit { code: None, signal: Some(11) }, announced: false };
    let alive = Trace { banner: Some("SeaBIOS".to_owned()), laps: 1, ..Trace::default() };
    assert!(matches!(conclude_control(&expected, &alive, &crash, fails()), Conclusion::Broken(_)));
    assert_eq!(conclude_control(&expected, &trace("wrong"), &crash, fails()), Conclusion::Holds);
}

#[test]
fn a_log_that_lost_nothing_is_held_against_the_expectation_as_it_is() {
    let mut wrong = Wrong::everywhere();
    (wrong.end, wrong.expected) = (RunEnd::Over, Expectation::boots("right"));
    wrong.views.hole = Some("a line".to_owned());
    assert!(matches!(wrong.conclude(), Conclusion::Broken(reason) if reason.contains("hole: a line")));
    let observed = Observed {
        trace: &wrong.trace,
        end: &wrong.end,
        guest_state: "running",
        guest_time: None,
        stores: None,
        views: &wrong.views,
    };
    let Conclusion::Fails(reason) = conclude_as_whole(&wrong.expected, &observed) else { panic!("it must fail") };
    assert!(reason.contains("saw Hard Disk \"wrong\" booted") && reason.contains("stale"), "{reason}");
}

#[rstest]
#[case::over(RunEnd::Over, true)]
#[case::a_loop(RunEnd::ResetLoop { resets: 30 }, true)]
#[case::a_deadline(RunEnd::GaveUp { waited: Duration::ZERO, awaited: Awaited::NextStep }, false)]
fn a_log_goes_on_where_the_run_ended_by_what_was_seen(#[case] end: RunEnd, #[case] seen: bool) {
    assert_eq!(end.was_seen(), seen);
}

#[test]
fn a_payload_that_ends_the_machine_on_a_lap_of_which_nothing_was_read_is_a_hole() {
    let end = RunEnd::QemuEnded { exit: Exit { code: Some(PAYLOAD_EXIT), signal: None }, announced: true };
    let first = Attempt { lap: 1, ..attempt("right", Outcome::Booted) };
    let conclude = |laps| {
        let trace = Trace { attempts: vec![first.clone()], laps, ..Trace::default() };
        conclude_boot(&Expectation::boots("wrong"), &trace, &end, "gone")
    };
    assert!(matches!(conclude(1), Conclusion::Fails(_)), "{:?}", conclude(1));
    let Conclusion::Broken(reason) = conclude(2) else { panic!("{:?}", conclude(2)) };
    assert!(reason.contains("a payload has ended the machine, and its line is missing"), "{reason}");
}
