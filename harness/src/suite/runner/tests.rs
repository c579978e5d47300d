//! Verdicts with known issues: nothing but a stated failure may turn red into green.

use std::time::Duration;

use crate::lan::Lateness;
use crate::machine::{Clock, Machine, Medium};
use crate::platform::sample;
use crate::trace::{Attempt, Outcome, Reason, Terminal, Trace};
use crate::verdict::Expectation;
use crate::verdict::views::Views;
use rstest::rstest;

use super::*;

const ISSUES: &str = r#"
[[issue]]
id = "stops-at-blank"
title = "a blank disk ends the search"
link = "https://example.org/stops-at-blank"
cases = ["synthetic::covered"]
review = 2027-03-01
affected = { qemu = ">=7.0, <8", seabios = "*" }

[issue.fails]
booted = false
terminal = "no-bootable-device"
"#;

fn case(id: &str) -> Case {
    let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("right")).bootindex(1);
    Case::new(id).machine(machine).expect(Expectation::boots("right")).control_blank("right")
}

fn platform(major: u32) -> Platform {
    let seabios = Some(sample::file("/fw/bios.bin", "1.16.2", ""));
    Platform { name: "synthetic".to_owned(), seabios, ..sample::platform(major, 2) }
}

fn finished(ended: Ended, trace: Trace) -> Finished {
    Finished {
        ended,
        trace,
        wall: Duration::from_millis(250),
        guest: Some(Duration::from_secs(2)),
        clock: Clock::Virtual { shift: 7 },
        guest_state: "running".to_owned(),
        qemu_signal: None,
        views: Views::default(),
        end: None,
        gave_up: false,
        processor: None,
        start: Start::Cold(None),
        network_late: Lateness::default(),
        main_loop_silent: Duration::ZERO,
        run_again: None,
        lacks: None,
        failed_if_whole: None,
    }
}

fn attempt(medium: &str, outcome: Outcome, reason: &str) -> Attempt {
    let (medium, reason) = (Some(medium.to_owned()), Reason::printed(reason));
    Attempt { medium, outcome: Some(outcome), reason, ..Attempt::on("Hard Disk") }
}

fn passed() -> Finished {
    let trace = Trace { attempts: vec![attempt("right", Outcome::Booted, "payload ran")], laps: 1, ..Trace::default() };
    finished(Ended::Passed, trace)
}

/// Fails as the known issue says.
fn stopped() -> Finished {
    let trace = Trace {
        attempts: vec![attempt("right", Outcome::Failed, "not a bootable disk")],
        terminal: Some(Terminal::NoBootableDevice),
        laps: 1,
        ..Trace::default()
    };
    finished(Ended::Failed("attempt 1: expected \"right\" booted".to_owned()), trace)
}

/// Fails in another way.
fn wrong_winner() -> Finished {
    let trace = Trace { attempts: vec![attempt("wrong", Outcome::Booted, "payload ran")], laps: 1, ..Trace::default() };
    finished(Ended::Failed("attempt 1: saw \"wrong\"".to_owned()), trace)
}

fn classify(id: &str, control: bool, qemu: u32, finished: &Finished) -> CaseResult {
    let job = Job { case: case(id).into(), control, round: None, selected: true };
    let key = CaseKey {
        id: job.id(),
        platform: "synthetic".to_owned(),
        axes: job.case.axes.clone(),
        round: None,
        several_platforms: false,
    };
    let issues = KnownIssues::parse(ISSUES, "known-issues.toml").unwrap();
    let runner = Runner::new(Settings::read(|_| None).unwrap(), issues, Amount { all: 1, uefi: 0 });
    runner.classify(&job, &key, &platform(qemu), finished)
}

#[rstest]
#[case::passes("synthetic::free", 7, passed(), Verdict::Passed)]
#[case::fails("synthetic::free", 7, stopped(), Verdict::Failed)]
#[case::fails_as_stated("synthetic::covered", 7, stopped(), Verdict::ExpectedFailure)]
#[case::passes_against_expectation("synthetic::covered", 7, passed(), Verdict::UnexpectedPass)]
#[case::fails_in_another_way("synthetic::covered", 7, wrong_winner(), Verdict::Failed)]
#[case::fails_outside_the_range("synthetic::covered", 8, stopped(), Verdict::Failed)]
#[case::passes_outside_the_range("synthetic::covered", 8, passed(), Verdict::Passed)]
#[case::a_longer_id_is_not_covered("synthetic::covered::too", 7, stopped(), Verdict::Failed)]
fn a_known_issue_excuses_the_stated_failure_alone(
    #[case] id: &str,
    #[case] qemu: u32,
    #[case] finished: Finished,
    #[case] verdict: Verdict,
) {
    let result = classify(id, false, qemu, &finished);
    assert_eq!(result.verdict, verdict, "{:?}", result.reason);
    let excused = matches!(verdict, Verdict::ExpectedFailure | Verdict::UnexpectedPass);
    assert_eq!(result.known_issue.as_deref(), excused.then_some("stops-at-blank"));
}

#[rstest]
#[case::broken(Ended::Broken("no greeting".to_owned()), Verdict::Broken, "no greeting")]
#[case::skipped(Ended::Skipped("the platform has no SeaBIOS".to_owned()), Verdict::Skipped, "the platform has no SeaBIOS")]
fn a_known_issue_excuses_neither_the_harness_nor_the_host(
    #[case] ended: Ended,
    #[case] verdict: Verdict,
    #[case] reason: &str,
) {
    let result = classify("synthetic::covered", false, 7, &finished(ended, stopped().trace));
    assert_eq!((result.verdict, result.reason.as_deref()), (verdict, Some(reason)));
}

#[test]
fn a_control_is_excused_by_no_issue() {
    let failed = classify("synthetic::covered", true, 7, &stopped());
    assert_eq!((failed.verdict, failed.negative_of.as_deref()), (Verdict::Failed, Some("synthetic::covered")));
    let passed = classify("synthetic::covered", true, 7, &passed());
    assert_eq!((passed.verdict, passed.known_issue), (Verdict::Passed, None));
}

#[test]
fn the_reason_names_the_issue_or_how_the_failure_differs_from_it() {
    let expected = classify("synthetic::covered", false, 7, &stopped()).reason.unwrap();
    assert!(expected.ends_with(" [stops-at-blank: https://example.org/stops-at-blank]"), "{expected}");
    let other = classify("synthetic::covered", false, 7, &wrong_winner()).reason.unwrap();
    assert!(
        other.starts_with("attempt 1: saw \"wrong\"; known issue stops-at-blank fails in another way: "),
        "{other}"
    );
    let pass = classify("synthetic::covered", false, 7, &passed()).reason.unwrap();
    assert_eq!(pass, "passes although known issue stops-at-blank covers QEMU 7.2.0: narrow its range");
}

#[test]
fn the_result_holds_what_was_seen() {
    let result = classify("synthetic::free", false, 7, &stopped());
    assert_eq!((result.booted, result.guest.as_deref()), (None, Some("running")));
    assert_eq!((result.wall_seconds, result.guest_seconds), (0.25, Some(2.0)));
    let [seen] = result.attempts.as_slice() else { panic!("{:?}", result.attempts) };
    assert_eq!((seen.target.as_str(), seen.medium.as_deref()), ("Hard Disk", Some("right")));
    assert_eq!((seen.outcome, seen.reason.as_deref()), (Outcome::Failed, Some("not a bootable disk")));
    let result = classify("synthetic::free", false, 7, &passed());
    assert_eq!(result.booted.as_deref(), Some("right"));
}

#[test]
fn a_platform_that_cannot_be_resolved_breaks_the_case_and_is_named() {
    let out = tempfile::tempdir().unwrap();
    let settings = Settings::read(|name| match name {
        "BOOTWRIGHT_OUT" => Some(out.path().display().to_string()),
        "BOOTWRIGHT_PLATFORM" => Some("file:/nonexistent/acme.toml".to_owned()),
        _ => None,
    });
    let job = Job { case: case("synthetic::free").into(), control: false, round: None, selected: true };
    let text = Runner::new(settings.unwrap(), KnownIssues::parse("", "none").unwrap(), Amount { all: 1, uefi: 0 })
        .run(&job)
        .unwrap_err();
    assert!(text.contains("/nonexistent/acme.toml"), "{text}");
    let events = std::fs::read_to_string(out.path().join("events.jsonl")).unwrap();
    assert!(events.contains("\"verdict\":\"broken\""), "{events}");
}

#[test]
fn ipxe_takes_part_where_a_card_has_its_rom() {
    let platform = Platform { option_roms: vec![sample::file("/fw/efi-virtio.rom", "1.0.0", "")], ..platform(7) };
    let machine = || Machine::pc(Firmware::SeaBios).network(crate::machine::Network::new(crate::lan::LanSpec::new()));
    let kinds = |machine: &Machine| {
        let versions = firmware_versions(&platform, machine);
        versions.iter().map(|(kind, _)| *kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&machine().nic("virtio-net-pci", Some(0))), ["seabios", "ipxe"]);
    assert_eq!(kinds(&machine().nic("virtio-net-pci", Some(0)).rom(OptionRom::Empty)), ["seabios"]);
    assert_eq!(kinds(&machine().nic("tulip", Some(0))), ["seabios"]);
    assert_eq!(kinds(&machine()), ["seabios"]);
    let without = Platform { option_roms: Vec::new(), ..platform.clone() };
    assert_eq!(firmware_versions(&without, &machine().nic("virtio-net-pci", Some(0))).len(), 1);
}

#[test]
fn a_device_is_told_by_its_name_and_by_qemus_words() {
    let machine = Machine::pc(Firmware::SeaBios).virtio_blk(Medium::bootable("disk")).bootindex(1);
    let machine = machine.nic("e1000", None).slot(5);
    let told = devices(&machine);
    assert!(told[0].starts_with("disk: virtio-blk-pci,") && told[0].contains("bootindex=1"), "{told:?}");
    assert!(told[1].starts_with("nic0: e1000,") && told[1].contains("addr=0x5"), "{told:?}");
    assert!(devices(&machine.floppy(Medium::bootable("disk"))).is_empty(), "two of one name have no place");
}
