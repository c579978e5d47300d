//! Every way in which a verdict must say no.

use rstest::rstest;

use super::views::{Lines, Views};
use super::*;
use crate::trace::{Attempt, Outcome, Start, Trace};
use crate::trace::{Finding, Payload, Reason, Standstill, Terminal};

fn attempt(target: &str, medium: Option<&str>, outcome: Outcome, reason: &str, lap: u32) -> Attempt {
    let (medium, reason) = (medium.map(str::to_owned), Reason::printed(reason));
    Attempt { medium, outcome: Some(outcome), reason, lap, ..Attempt::on(target) }
}

fn disk(medium: &str, outcome: Outcome, reason: &str) -> Attempt {
    attempt("Hard Disk", Some(medium), outcome, reason, 1)
}

fn ran(medium: &str) -> Attempt {
    disk(medium, Outcome::Booted, "payload ran")
}

fn blank(medium: &str) -> Attempt {
    disk(medium, Outcome::Failed, "not a bootable disk")
}

fn trace(attempts: Vec<Attempt>, terminal: Option<Terminal>) -> Trace {
    Trace { attempts, terminal, laps: 1, ..Trace::default() }
}

/// A payload that ran and belongs to `medium_of_nonce`.
fn payload(medium: &str, medium_of_nonce: Option<&str>) -> Payload {
    Payload {
        nonce: "00".repeat(16),
        medium: medium.to_owned(),
        medium_of_nonce: medium_of_nonce.map(str::to_owned),
        via: "bios".to_owned(),
        ..Payload::default()
    }
}

const STOPPED: Option<Terminal> = Some(Terminal::NoBootableDevice);

#[rstest]
#[case::first_attempt(Expectation::boots("right"), trace(vec![ran("right")], None))]
#[case::after_a_failure(
    Expectation::boots("right").after_failing("blank").without_trying("wrong"),
    trace(vec![blank("blank"), ran("right")], None)
)]
#[case::with_the_reason(
    Expectation::nothing_boots([failed("blank").because("not a bootable")]),
    trace(vec![blank("blank")], STOPPED)
)]
#[case::an_entry_without_a_medium(
    Expectation::nothing_boots([failed_entry("Floppy")]),
    trace(vec![attempt("Floppy", None, Outcome::Failed, "", 1)], STOPPED)
)]
#[case::laps(
    Expectation::laps(3, [booted("first")]),
    Trace {
        attempts: (1..=3).map(|lap| attempt("Hard Disk", Some("first"), Outcome::Booted, "", lap)).collect(),
        laps: 3,
        ..Trace::default()
    }
)]
fn what_was_expected_passes(#[case] expected: Expectation, #[case] seen: Trace) {
    assert_eq!(judge(&expected, &seen), Ok(()));
}

#[rstest]
#[case::another_winner(
    Expectation::boots("right"),
    trace(vec![ran("wrong")], None),
    "attempt 1: expected \"right\" booted, saw Hard Disk \"wrong\" booted (payload ran)"
)]
#[case::another_attempt_before(
    Expectation::boots("right"),
    trace(vec![blank("blank"), ran("right")], None),
    "attempt 1: expected \"right\" booted, saw Hard Disk \"blank\" failed (not a bootable disk)"
)]
#[case::another_attempt_behind(
    Expectation::nothing_boots([failed("blank")]),
    trace(vec![blank("blank"), blank("other")], STOPPED),
    "attempt 2: expected no further attempt, saw Hard Disk \"other\" failed (not a bootable disk)"
)]
#[case::a_missing_attempt(
    Expectation::boots("right").after_failing("blank"),
    trace(vec![ran("right")], None),
    "attempt 1: expected \"blank\" failed, saw Hard Disk \"right\" booted (payload ran)"
)]
#[case::a_missing_last_attempt(
    Expectation::boots("right").after_failing("blank"),
    trace(vec![blank("blank")], STOPPED),
    "attempt 2: expected \"right\" booted, saw SeaBIOS stopped at \"No bootable device.\""
)]
#[case::another_order(
    Expectation::nothing_boots([failed("a"), failed("b")]),
    trace(vec![blank("b"), blank("a")], STOPPED),
    "attempt 1: expected \"a\" failed, saw Hard Disk \"b\" failed (not a bootable disk)"
)]
#[case::another_reason(
    Expectation::nothing_boots([failed("blank").because("could not read")]),
    trace(vec![blank("blank")], STOPPED),
    "attempt 1: expected \"blank\" failed (could not read), saw Hard Disk \"blank\" failed (not a bootable disk)"
)]
#[case::another_outcome(
    Expectation::nothing_boots([failed("a")]),
    trace(vec![disk("a", Outcome::Refused, "Access Denied")], STOPPED),
    "attempt 1: expected \"a\" failed, saw Hard Disk \"a\" refused (Access Denied)"
)]
#[case::still_under_way(
    Expectation::boots("right"),
    trace(vec![Attempt { outcome: None, ..ran("right") }], None),
    "attempt 1: expected \"right\" booted, saw Hard Disk \"right\" under way (payload ran)"
)]
#[case::a_medium_stands_behind_the_entry(
    Expectation::nothing_boots([failed_entry("Floppy")]),
    trace(vec![attempt("Floppy", Some("floppy"), Outcome::Failed, "", 1)], STOPPED),
    "attempt 1: expected Floppy failed, saw Floppy \"floppy\" failed"
)]
#[case::tried_what_must_never_be(
    Expectation::attempts([failed("wrong"), booted("right")]).without_trying("wrong"),
    trace(vec![blank("wrong"), ran("right")], None),
    "\"wrong\" must never be tried, but was: Hard Disk \"wrong\" failed (not a bootable disk)"
)]
#[case::tried_what_must_never_be_after_another_went_otherwise(
    Expectation::boots("right").without_trying("wrong"),
    trace(vec![blank("right"), ran("wrong")], None),
    "attempt 1: expected \"right\" booted, saw Hard Disk \"right\" failed (not a bootable disk); then \"wrong\", which must \
     never be tried: Hard Disk \"wrong\" booted (payload ran)"
)]
#[case::tried_what_must_never_be_after_what_was_expected(
    Expectation::attempts([failed("first"), booted("right")]).without_trying("wrong"),
    trace(vec![blank("first"), ran("wrong")], None),
    "\"wrong\" must never be tried, but was: Hard Disk \"wrong\" booted (payload ran)"
)]
#[case::no_end(
    Expectation::nothing_boots([failed("blank")]),
    trace(vec![blank("blank")], None),
    "expected firmware to stop with nothing bootable, saw nothing after Hard Disk \"blank\" failed (not a bootable disk)"
)]
#[case::stopped_after_the_boot(
    Expectation::boots("right"),
    trace(vec![ran("right")], STOPPED),
    "expected a payload to run, saw SeaBIOS stopped at \"No bootable device.\""
)]
#[case::nothing_expected_and_nothing_ran(
    Expectation::attempts([]),
    trace(Vec::new(), Some(Terminal::UefiShell)),
    "expected a payload to run, saw edk2 started the UEFI shell"
)]
#[case::too_few_laps(
    Expectation::laps(2, [booted("first")]),
    trace(vec![ran("first")], None),
    "expected the machine to begin lap 2, saw nothing after Hard Disk \"first\" booted (payload ran)"
)]
#[case::silence(
    Expectation::boots("right"),
    Trace::default(),
    "attempt 1: expected \"right\" booted, saw no sign of life from the firmware"
)]
#[case::a_banner_and_nothing_else(
    Expectation::boots("right"),
    Trace { banner: Some("SeaBIOS (version 1)".to_owned()), ..Trace::default() },
    "attempt 1: expected \"right\" booted, saw no attempt to boot anything after \"SeaBIOS (version 1)\""
)]
#[case::a_stale_payload(
    Expectation::boots("right"),
    Trace { payloads: vec![payload("right", None)], ..trace(vec![ran("right")], None) },
    "a payload named \"right\" ran whose nonce 00000000000000000000000000000000 is not of this run: a stale or foreign \
     image"
)]
#[case::contradictory_evidence(
    Expectation::boots("right"),
    Trace { contradictions: vec!["log and payload differ".to_owned()], ..trace(vec![ran("right")], None) },
    "the evidence contradicts itself: log and payload differ"
)]
fn what_was_not_expected_fails_with_the_first_difference(
    #[case] expected: Expectation,
    #[case] seen: Trace,
    #[case] difference: &str,
) {
    assert_eq!(judge(&expected, &seen).unwrap_err(), difference);
}

#[test]
fn nothing_is_expected_of_the_lap_that_ends_the_run() {
    let lap = |lap| attempt("Hard Disk", Some("first"), Outcome::Booted, "", lap);
    let unfinished = Attempt { outcome: None, ..lap(3) };
    let seen = Trace { attempts: vec![lap(1), lap(2), unfinished], laps: 3, ..Trace::default() };
    assert_eq!(judge(&Expectation::laps(3, [booted("first")]), &seen), Ok(()));
    assert!(judge(&Expectation::laps(2, [booted("first"), booted("first")]), &seen).is_err());
}

#[rstest]
#[case::booted(Expectation::boots("a"), trace(vec![ran("a")], None), true)]
#[case::booted_too_early(Expectation::boots("b").after_failing("a"), trace(vec![ran("a")], None), false)]
#[case::under_way(Expectation::boots("a"), trace(vec![Attempt { outcome: None, ..ran("a") }], None), false)]
#[case::stopped(Expectation::boots("a"), trace(vec![blank("a")], STOPPED), true)]
#[case::not_stopped(Expectation::nothing_boots([failed("a")]), trace(vec![blank("a")], None), false)]
#[case::first_lap(Expectation::laps(2, [booted("a")]), trace(vec![ran("a")], None), false)]
fn a_run_is_over_when_its_ending_is_reached_or_firmware_stops(
    #[case] expected: Expectation,
    #[case] seen: Trace,
    #[case] over: bool,
) {
    assert_eq!(is_over(&expected, &seen), over);
}

fn lines(text: &str) -> Lines {
    Lines::of_file(text.replace(" | ", "\n").as_bytes())
}

fn views(fw_cfg: Option<&str>, boot_current: Option<&str>, ran: Option<&str>) -> Views {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Views {
        asked: Some(lines("a | b")),
        fw_cfg: fw_cfg.map(lines),
        boot_current: own(boot_current),
        ran: own(ran),
        ..Views::default()
    }
}

#[rstest]
#[case::all_agree(views(Some("a | b"), Some("right"), Some("right")))]
#[case::no_boot_current(views(Some("a | b"), None, Some("right")))]
#[case::nothing_ran(views(None, Some("wrong"), None))]
fn views_that_agree_or_do_not_exist_pass(#[case] views: Views) {
    assert_eq!(views.check(), Ok(()));
}

#[test]
fn what_the_firmware_says_went_wrong_within_it_does_not_pass() {
    let agree = views(Some("a | b"), Some("right"), Some("right"));
    let warned = Views { warned: Some("WARNING - Timeout at nvme_wait:146!".to_owned()), ..agree };
    let said = "the firmware says that something went wrong within it: WARNING - Timeout at nvme_wait:146!";
    assert_eq!(warned.check().unwrap_err(), said);
}

#[rstest]
#[case::stale_order(views(Some("b"), None, Some("right")), "fw_cfg bootorder [b]")]
#[case::no_order(views(None, None, Some("right")), "fw_cfg bootorder [none]")]
#[case::another_boot_current(views(Some("a | b"), Some("wrong"), Some("right")), "BootCurrent [wrong], ran [right]")]
fn views_that_differ_are_shown_side_by_side(#[case] views: Views, #[case] shown: &str) {
    let text = views.check().unwrap_err();
    assert!(
        text.starts_with("the views of the boot order differ: asked for [a | b], ") && text.contains(shown),
        "{text}"
    );
}

#[rstest]
#[case::the_guest_has_another_order(Some("wrong | right"), Some("wrong | right"), "is [wrong | right] in the guest")]
#[case::the_file_has_another_order(None, Some("wrong | right"), "and [wrong | right] in the NVRAM file")]
#[case::the_file_is_not_what_the_guest_read(Some("right | wrong"), Some("right"), "and [right] in the NVRAM file")]
fn a_boot_order_that_differs_is_shown_too(
    #[case] guest: Option<&str>,
    #[case] file: Option<&str>,
    #[case] shown: &str,
) {
    let own = |text: Option<&str>| text.map(lines);
    let agreed = Views {
        asked_devices: own(Some("right | wrong")),
        same_lap: true,
        ..views(Some("a | b"), None, Some("right"))
    };
    let order = own(Some("right | wrong | \"UiApp\""));
    let same = Views { guest_boot_order: order.clone(), nvram_boot_order: order, ..agreed.clone() };
    assert_eq!(same.check(), Ok(()));
    let differs = Views { guest_boot_order: own(guest), nvram_boot_order: own(file), ..agreed };
    let text = differs.check().unwrap_err();
    assert!(text.contains("BootOrder should begin with [right | wrong]") && text.contains(shown), "{text}");
    let unreported = Views { ran: None, fw_cfg: None, ..differs };
    assert!(unreported.check().is_err(), "the file counts without a payload too");
}

#[test]
fn a_stale_geometry_is_shown_too() {
    let agreed = views(Some("a | b"), None, Some("right"));
    let own = |text: &str| Some(lines(text));
    let stale = Views { asked_geometry: own("a 1 2 3"), bios_geometry: own("a 9 9 9"), ..agreed };
    let text = stale.check().unwrap_err();
    assert!(text.contains("asked for geometry [a 1 2 3], fw_cfg bios-geometry [a 9 9 9]"), "{text}");
}

#[test]
fn views_are_collected_from_machine_payload_and_nvram() {
    use crate::evidence::nvram::{BootOptions, LoadOption};
    use crate::machine::layout::Layout;
    use crate::machine::{Firmware, Machine, Medium};
    let machine = Machine::q35(Firmware::Ovmf).virtio_blk(Medium::bootable("right")).bootindex(1).strict(true);
    let layout = Layout::of(&machine).unwrap();
    let names = crate::trace::Names {
        uefi: vec![("PciRoot(0x0)/Pci(0x3,0x0)".to_owned(), "right".to_owned())],
        ..Default::default()
    };
    let order = b"/pci@i0cf8/scsi@3/disk@0,0\nHALT\0".to_vec();
    let payload = Payload { bootorder: Some(order), boot_current: Some(2), ..payload("right", Some("right")) };
    let seen = Trace { payloads: vec![payload], ..Trace::default() };
    let views_at = |path: &str| {
        let option = LoadOption {
            attributes: 1,
            description: "UEFI Misc Device".to_owned(),
            device_path: path.to_owned(),
            device_path_bytes: Vec::new(),
            optional_data: Vec::new(),
        };
        let options = BootOptions { order: Some(vec![2]), by_number: [(2, option)].into() };
        Views::of(&machine, &layout, &names, &seen, &options)
    };
    let views = views_at("PciRoot(0x0)/Pci(0x3,0x0)/HD(1,MBR,0x0,0x0,0x0)");
    assert_eq!(views.fw_cfg, Some(lines("/pci@i0cf8/scsi@3/disk@0,0 | HALT")));
    assert_eq!(views.boot_current.as_deref(), Some("right"));
    assert_eq!(views.nvram_boot_order, Some(lines("right")));
    assert_eq!(views.check(), Ok(()));
    assert!(views_at("PciRoot(0x0)/Pci(0x4,0x0)").check().is_err());
}

#[test]
fn a_machine_that_boots_was_not_refused() {
    let expected = Expectation::qemu_refuses("between -1 and 65535");
    let difference = judge(&expected, &Trace::default()).unwrap_err();
    let start = "expected QEMU to refuse the machine with \"between -1 and 65535\", saw ";
    assert!(difference.starts_with(start), "{difference}");
}

#[test]
fn guest_time_outside_its_bounds_or_unknown_is_a_difference() {
    use std::time::Duration;
    let expected = Expectation::boots("disk").lasting(120, 140);
    assert_eq!(expected.check_guest_time(Some(Duration::from_secs(121))), Ok(()));
    for (guest, text) in [
        (Some(119), "the run took 119.0 s of guest time, expected 120 to 140 s"),
        (Some(141), "the run took 141.0 s of guest time, expected 120 to 140 s"),
        (None, "guest time could not be read; expected 120 to 140 s of it"),
    ] {
        let difference = expected.check_guest_time(guest.map(Duration::from_secs)).unwrap_err();
        assert_eq!(difference, text);
    }
}

#[test]
fn a_wait_is_what_the_first_program_was_later_than_the_last() {
    let expected = Expectation::attempts([booted("disk"), booted("disk")]).waiting(3);
    let told = |seconds: &[f64]| {
        let payload = |&seconds: &f64| Payload { tsc: Some((seconds * 1e9) as u64), ..Payload::default() };
        let trace = Trace { payloads: seconds.iter().map(payload).collect(), ..Trace::default() };
        expected.check_wait(&trace)
    };
    assert_eq!((told(&[7.7, 4.7]), told(&[11.9, 8.5])), (Ok(()), Ok(())));
    let other = |waited: &str| Err(format!("the firmware waited {waited} s of guest time, expected 3 s"));
    assert_eq!((told(&[4.7, 4.7]), told(&[6.7, 4.7]), told(&[4.7, 7.7])), (other("0.0"), other("2.0"), other("-3.0")));
    for unknown in [&[][..], &[7.7]] {
        assert_eq!(
            told(unknown),
            Err("no two programs told their time; expected a wait of 3 s before the first".to_owned())
        );
    }
}

#[rstest]
#[case::another_medium_ran(Expectation::boots("right"), trace(vec![ran("wrong")], None))]
#[case::the_medium_failed(Expectation::boots("right"), trace(vec![blank("right")], None))]
#[case::one_attempt_too_many(Expectation::nothing_boots([failed("a")]), trace(vec![blank("a"), blank("b")], None))]
#[case::tried_what_must_never_be(
    Expectation::boots("right").without_trying("wrong"),
    trace(vec![Attempt { outcome: None, ..ran("wrong") }], None)
)]
fn what_was_seen_refutes_the_expectation_whatever_comes_later(#[case] expected: Expectation, #[case] seen: Trace) {
    assert!(already_refuted(&expected, &seen));
}

#[rstest]
#[case::nothing_yet(Expectation::boots("right"), trace(Vec::new(), None))]
#[case::as_expected_so_far(Expectation::boots("right").after_failing("blank"), trace(vec![blank("blank")], None))]
#[case::still_under_way(
    Expectation::boots("right"),
    trace(vec![Attempt { outcome: None, ..ran("wrong") }], None)
)]
#[case::laps_go_on(Expectation::laps(2, [failed("a")]), trace(vec![blank("a"), blank("a"), blank("a")], None))]
fn what_is_only_missing_refutes_nothing(#[case] expected: Expectation, #[case] seen: Trace) {
    assert!(!already_refuted(&expected, &seen));
    assert!(!strays(&expected, &seen));
}

#[test]
fn an_attempt_without_a_medium_does_not_lead_astray_before_its_end_is_explained() {
    let expected = Expectation::attempts([failed_entry("ROM").because_of(Cause::NoOffer), booted("next")]);
    let rom = Attempt { target: "ROM".to_owned(), medium: None, reason: Finding::NothingToBoot.into(), ..blank("any") };
    let seen = trace(vec![rom.clone()], None);
    assert!(already_refuted(&expected, &seen) && !strays(&expected, &seen));
    assert!(strays(&expected, &trace(vec![rom, blank("next")], None)));
    assert!(strays(&Expectation::boots("right"), &trace(vec![blank("right")], None)));
    let tried = Attempt { outcome: None, ..ran("wrong") };
    assert!(strays(&Expectation::boots("right").without_trying("wrong"), &trace(vec![tried], None)));
}

#[test]
fn a_crash_and_a_search_that_found_nothing_are_not_each_other() {
    let (crash, stopped) = (trace(Vec::new(), Some(Terminal::CpuException)), trace(Vec::new(), STOPPED));
    assert_eq!(judge(&Expectation::crashes([]), &crash), Ok(()));
    assert_eq!(judge(&Expectation::nothing_boots([]), &stopped), Ok(()));
    let refused = judge(&Expectation::nothing_boots([]), &crash).unwrap_err();
    let words = "expected firmware to stop with nothing bootable, saw edk2 crashed with a processor exception";
    assert_eq!(refused, words);
    assert!(judge(&Expectation::crashes([]), &stopped).is_err());
    assert!(judge(&Expectation::crashes([]), &trace(Vec::new(), None)).is_err());
    assert!(is_over(&Expectation::crashes([]), &crash));
}

#[test]
fn a_hang_is_seen_and_not_concluded_from_silence() {
    let halted = || Some(Standstill::Halted { at: 0x7c00 });
    let silent = trace(vec![ran("a")], None);
    let still = Trace { standstill: halted(), ..silent.clone() };
    let expected = Expectation::hangs([booted("a")]);
    assert_eq!(judge(&expected, &still), Ok(()));
    assert_eq!(
        judge(&expected, &silent).unwrap_err(),
        "expected the guest to hang, saw nothing after Hard Disk \"a\" booted (payload ran)"
    );
    assert!(is_over(&expected, &still) && !is_over(&expected, &silent));
    // firmware that has said that it stops does not hang
    let stopped = Trace { terminal: STOPPED, ..still.clone() };
    assert!(judge(&expected, &stopped).is_err());
    assert!(judge(&Expectation::nothing_boots([]), &Trace { standstill: halted(), ..Trace::default() }).is_err());
    // in its middle, or behind it
    let middle = Trace { attempts: vec![Attempt { outcome: Some(Outcome::Hung), ..ran("a") }], ..still };
    assert!(
        judge(&expected, &middle)
            .unwrap_err()
            .starts_with("attempt 1: expected \"a\" booted, saw Hard Disk \"a\" hung")
    );
    assert_eq!(judge(&Expectation::hangs([hung("a")]), &middle), Ok(()));
    assert!(judge(&Expectation::hangs([hung("b")]), &middle).is_err());
}

#[test]
fn recovery_is_not_taken_for_a_boot_option_nor_the_other_way_round() {
    let expected = Expectation::attempts([failed("listed"), recovered("unlisted")]);
    let by = |start| {
        let unlisted = attempt("platform recovery", Some("unlisted"), Outcome::Booted, "payload ran", 1);
        trace(vec![blank("listed"), Attempt { start, ..unlisted }], None)
    };
    assert_eq!(judge(&expected, &by(Start::Recovery)), Ok(()));
    let said = judge(&expected, &by(Start::Announced)).unwrap_err();
    assert!(said.contains("expected \"unlisted\" booted by platform recovery"), "{said}");
    let expected = Expectation::attempts([failed("listed"), booted("unlisted")]);
    assert_eq!(judge(&expected, &by(Start::Announced)), Ok(()));
    let said = judge(&expected, &by(Start::Recovery)).unwrap_err();
    assert!(said.contains("expected \"unlisted\" booted, saw platform recovery \"unlisted\" booted"), "{said}");
    assert!(judge(&expected, &trace(vec![blank("listed")], STOPPED)).is_err());
}

/// An attempt on one of these, which the evidence does not tell apart.
fn unknown(devices: &[&str]) -> Attempt {
    let could_be = devices.iter().map(|&device| device.into()).collect();
    Attempt { medium: None, could_be, ..blank("any") }
}

#[rstest]
#[case::it_may_be_the_one(Expectation::nothing_boots([failed("a")]))]
#[case::it_may_be_the_other(Expectation::nothing_boots([failed("b")]).without_trying("a"))]
#[case::never(Expectation::nothing_boots([failed_entry("Hard Disk")]).without_trying("b"))]
fn of_an_attempt_on_one_of_several_devices_nothing_holds_by_luck(#[case] expected: Expectation) {
    let seen = trace(vec![unknown(&["a", "b"])], STOPPED);
    assert!(judge(&expected, &seen).is_err());
    if !matches!(expected.attempts[0].target, Target::Named(_)) {
        assert!(matches!(compare(&expected, &seen), Err(Difference::Undecided(_))));
    }
    let difference = judge(&Expectation::nothing_boots([failed("a")]), &seen).unwrap_err();
    assert!(
        difference.ends_with(
            "saw Hard Disk on one of \"a\", \"b\", which the evidence does not tell apart failed (not a bootable disk)"
        ),
        "{difference}"
    );
    let other = compare(&Expectation::nothing_boots([failed("c")]), &seen);
    assert!(matches!(other, Err(Difference::Otherwise(_))), "it is none of them");
}

#[test]
fn that_no_disk_was_mapped_is_said_in_place_of_those_that_it_may_have_been() {
    let unmapped = trace(vec![Attempt { unmapped: true, ..unknown(&["a", "b"]) }], STOPPED);
    let difference = judge(&Expectation::nothing_boots([failed("c")]), &unmapped).unwrap_err();
    assert!(
        difference.ends_with("saw Hard Disk failed (not a bootable disk; SeaBIOS had mapped no hard disk)"),
        "{difference}"
    );
    assert!(matches!(compare(&Expectation::nothing_boots([failed("a")]), &unmapped), Err(Difference::Undecided(_))));
}

#[test]
fn a_hole_in_the_log_leaves_everything_open() {
    let whole = trace(vec![ran("right")], None);
    let holed = Trace { holes: vec!["half a sentence".to_owned()], ..whole.clone() };
    for expected in [Expectation::boots("right"), Expectation::boots("wrong")] {
        let undecided = Difference::Undecided("the serial log has a hole: half a sentence".to_owned());
        assert_eq!(compare(&expected, &holed), Err(undecided));
    }
    assert_eq!(compare(&Expectation::boots("right"), &whole), Ok(()));
}

#[test]
fn what_must_never_be_tried_is_looked_for_among_payloads_too() {
    let ran = payload("wrong", Some("wrong"));
    let seen = Trace { payloads: vec![ran], ..trace(vec![blank("listed")], STOPPED) };
    let expected = Expectation::nothing_boots([failed("listed")]).without_trying("wrong");
    assert_eq!(judge(&expected, &seen).unwrap_err(), "\"wrong\" must never be tried, but its payload ran");
}

#[test]
fn setup_is_an_end_where_no_story_uses_it() {
    let seen = trace(Vec::new(), Some(Terminal::Setup));
    assert_eq!(judge(&Expectation::opens_setup([]), &seen), Ok(()));
    assert!(judge(&Expectation::nothing_boots([]), &seen).is_err());
    assert!(is_over(&Expectation::boots("disk"), &seen));
    assert!(!is_over(&Expectation::boots("disk").menu(&["disk"]), &seen));
    assert!(judge(&Expectation::opens_setup([]), &trace(Vec::new(), STOPPED)).is_err());
}

#[test]
fn a_view_that_must_exist_and_does_not_is_a_difference() {
    let lost = Views { missing: Some("the file has none".to_owned()), ..Views::default() };
    assert_eq!(lost.check().unwrap_err(), "a view of the boot order is missing: the file has none");
    let kept = Views { unpruned: vec!["other".to_owned()], asked_devices: Some(lines("disk")), ..Views::default() };
    let words = "the order that was asked for is [disk], and there are still options of [other]";
    assert_eq!(kept.check().unwrap_err(), words);
}

#[test]
fn what_another_devices_entry_ran_in_a_drive_is_expected_by_that_entry_only() {
    let by_nic = Attempt { handed_over: true, entry: Some("nic0".into()), ..ran("first") };
    let trace = trace(vec![by_nic], None);
    assert!(judge(&Expectation::boots("first"), &trace).is_err());
    assert!(judge(&Expectation::attempts([booted("first").by_entry_of("nic1")]), &trace).is_err());
    assert_eq!(judge(&Expectation::attempts([booted("first").by_entry_of("nic0")]), &trace), Ok(()));
}

#[test]
fn a_run_that_is_only_to_settle_must_come_to_an_end_by_itself() {
    let settles = Expectation::settles(3);
    let stopped = trace(vec![blank("a"), blank("b")], STOPPED);
    let looped = Trace { laps: 3, ..trace(vec![blank("a")], None) };
    for seen in [trace(vec![blank("a"), ran("b")], None), stopped, looped] {
        assert!(is_over(&settles, &seen));
        assert_eq!(judge(&settles, &seen), Ok(()));
    }
    let hangs = trace(vec![blank("a")], None);
    assert!(!is_over(&settles, &hangs));
    assert!(judge(&settles, &hangs).unwrap_err().starts_with("expected a payload to run or firmware to stop, saw"));
    let holed = Trace { holes: vec!["half a sentence".to_owned()], ..trace(vec![ran("a")], None) };
    assert!(judge(&settles, &holed).is_err());
    assert!(!already_refuted(&settles, &hangs));
}
