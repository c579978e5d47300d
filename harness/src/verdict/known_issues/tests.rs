use std::sync::OnceLock;

use rstest::rstest;

use super::*;
use crate::verdict::views::{FwCfgList, Lines, Stale};

const ENTRY: &str = r#"# what QEMU does not do yet
[[issue]]
id = "prelaunch-bootorder"
title = "fw_cfg bootorder is stale after hotplug in prelaunch"
link = "https://example.org/report"
cases = ["prelaunch::{seabios,ovmf}::*::cont"]
review = 2027-03-01
affected = { qemu = ">=2.0, <12", seabios = "*", ovmf = "<2027" }

[issue.fails]
booted = false
terminal = "no-bootable-device"
attempts = [{ target = "disk", medium = "decoy", outcome = "failed" }]
stale-bootorder = { lines = 0, asked-first = '^/pci' }
reason-matches = 'bootorder.*stale'
"#;

const SEABIOS: Versions<'static> = Versions { qemu: "7.2.22", firmware: &[("seabios", "1.16.2-debian-1.16.2-1")] };
const COVERED: &str = "prelaunch::seabios::scsi::cont";

fn issues() -> KnownIssues {
    KnownIssues::parse(ENTRY, "known-issues.toml").unwrap()
}

static STALE: OnceLock<Vec<Stale>> = OnceLock::new();

fn stated_failure() -> FailureFacts<'static> {
    FailureFacts {
        booted: None,
        terminal: Some("no-bootable-device"),
        attempts: &[AttemptFact { target: "hard disk", medium: Some("decoy"), outcome: crate::trace::Outcome::Failed }],
        stale: STALE.get_or_init(|| {
            let asked = ["/pci@i0cf8/scsi@3/disk@0,0"].into_iter().collect();
            vec![Stale { list: FwCfgList::Bootorder, seen: Lines::default(), asked }]
        }),
        qemu_signal: None,
        reason: "fw_cfg bootorder \"\" is stale",
    }
}

fn other_failure() -> FailureFacts<'static> {
    FailureFacts { terminal: Some("triple-fault"), ..stated_failure() }
}

#[test]
fn an_entry_is_read_whole() {
    let issues = issues();
    let issue = issues.get("prelaunch-bootorder").unwrap();
    assert_eq!(issue.title, "fw_cfg bootorder is stale after hotplug in prelaunch");
    assert_eq!(issue.review, jiff::civil::date(2027, 3, 1));
    assert_eq!(issue.line, 2);
    assert_eq!(issue.affected.qemu.to_string(), ">=2.0, <12");
    let kinds: Vec<&str> = issue.affected.firmware.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["seabios", "ovmf"]);
    assert_eq!(issue.fails.booted, Some(BootedAs::Nothing));
    assert_eq!(issue.fails.attempts.as_ref().map(Vec::len), Some(1));
}

#[test]
fn an_empty_file_knows_no_issues() {
    assert_eq!(KnownIssues::parse("", "known-issues.toml").unwrap().iter().count(), 0);
}

#[test]
fn an_issue_serialises_for_the_report() {
    let json = serde_json::to_value(issues().get("prelaunch-bootorder").unwrap()).unwrap();
    assert_eq!(json["fails"]["booted"], false);
    assert_eq!(json["fails"]["reason_matches"], "bootorder.*stale");
    assert_eq!(json["cases"][0], "prelaunch::{seabios,ovmf}::*::cont");
    assert_eq!(json["affected"]["qemu"], ">=2.0, <12");
    assert_eq!(json["review"], "2027-03-01");
}

#[rstest]
#[case::covered_and_fails_as_stated(COVERED, SEABIOS, Some(stated_failure()), "expected-failure")]
#[case::covered_and_fails_otherwise(COVERED, SEABIOS, Some(other_failure()), "failed otherwise")]
#[case::covered_and_passes(COVERED, SEABIOS, None, "unexpected-pass")]
#[case::another_case_fails("boot_order::seabios::cont", SEABIOS, Some(stated_failure()), "failed")]
#[case::another_case_passes("boot_order::seabios::cont", SEABIOS, None, "passed")]
#[case::fixed_qemu_fails(COVERED, Versions { qemu: "12.0.0", ..SEABIOS }, Some(stated_failure()), "failed")]
#[case::fixed_qemu_passes(COVERED, Versions { qemu: "12.0.0", ..SEABIOS }, None, "passed")]
#[case::unknown_qemu_fails(COVERED, Versions { qemu: "unknown", ..SEABIOS }, Some(stated_failure()), "failed")]
#[case::other_firmware_in_range(COVERED, Versions { firmware: &[("ovmf", "2022.11-6+deb12u2")], ..SEABIOS },
    Some(stated_failure()), "expected-failure")]
#[case::other_firmware_out_of_range(COVERED, Versions { firmware: &[("ovmf", "edk2-stable202702")], ..SEABIOS },
    Some(stated_failure()), "failed")]
#[case::unnamed_firmware(COVERED, Versions { firmware: &[("aavmf", "2022.11")], ..SEABIOS }, None, "passed")]
#[case::firmware_of_any_version(COVERED, Versions { firmware: &[("seabios", "unknown")], ..SEABIOS }, None,
    "unexpected-pass")]
fn every_combination_comes_to_its_verdict(
    #[case] case_id: &str,
    #[case] versions: Versions<'_>,
    #[case] failure: Option<FailureFacts<'_>>,
    #[case] verdict: &str,
) {
    let issues = issues();
    let outcome = failure.map_or(Outcome::Passed, Outcome::Failed);
    let seen = match issues.classify(case_id, &versions, outcome) {
        Classification::Passed => "passed",
        Classification::Failed { otherwise } if otherwise.is_empty() => "failed",
        Classification::Failed { .. } => "failed otherwise",
        Classification::ExpectedFailure { issue } if issue.id == "prelaunch-bootorder" => "expected-failure",
        Classification::ExpectedFailure { .. } => "the wrong issue",
        Classification::UnexpectedPass { issues } if issues.len() == 1 => "unexpected-pass",
        Classification::UnexpectedPass { .. } => "the wrong issues",
    };
    assert_eq!(seen, verdict);
}

#[rstest]
#[case::s390_ccw("s390-ccw", "10.0.13")]
#[case::slof("slof", "20220719")]
fn each_kind_of_firmware_has_a_range_of_its_own(#[case] kind: &str, #[case] version: &str) {
    let text = ENTRY.replace("seabios = \"*\", ovmf = \"<2027\"", &format!("{kind} = \"<={version}\""));
    let issues = KnownIssues::parse(&text, "known-issues.toml").unwrap();
    let covers = |kind, version| {
        let versions = Versions { firmware: &[(kind, version)], ..SEABIOS };
        issues.get("prelaunch-bootorder").unwrap().covers(COVERED, &versions)
    };
    assert!(covers(kind, version));
    assert!(!covers(kind, "99999999"));
    assert!(FIRMWARE_KINDS.into_iter().filter(|other| *other != kind).all(|other| !covers(other, version)));
}

#[test]
fn a_kind_of_firmware_that_there_is_not_is_refused() {
    let text = ENTRY.replace("seabios = ", "s390_ccw = ");
    let refused = KnownIssues::parse(&text, "known-issues.toml").unwrap_err();
    assert!(refused.to_string().contains("s390_ccw") && refused.line == 8, "{refused}");
}

#[test]
fn a_failure_in_another_way_says_what_differs() {
    let issues = issues();
    let Classification::Failed { otherwise } = issues.classify(COVERED, &SEABIOS, Outcome::Failed(other_failure()))
    else {
        panic!("a failure in another way was accepted");
    };
    assert_eq!(otherwise[0].differences, ["wanted terminal state \"no-bootable-device\", seen: triple-fault"]);
}

#[test]
fn of_two_issues_over_one_case_the_one_that_explains_the_failure_is_named() {
    let other = ENTRY.replace("prelaunch-bootorder", "triple").replace("no-bootable-device", "triple-fault");
    let text = format!("{ENTRY}{other}");
    let issues = KnownIssues::parse(&text, "known-issues.toml").unwrap();
    let verdict = issues.classify(COVERED, &SEABIOS, Outcome::Failed(other_failure()));
    assert_eq!(verdict, Classification::ExpectedFailure { issue: issues.get("triple").unwrap() });
    let Classification::UnexpectedPass { issues: both } = issues.classify(COVERED, &SEABIOS, Outcome::Passed) else {
        panic!("a pass against two known issues was accepted");
    };
    assert_eq!(both.len(), 2);
}

#[test]
fn no_firmware_range_means_any_firmware() {
    let text = ENTRY.replace(", seabios = \"*\", ovmf = \"<2027\"", "");
    let issues = KnownIssues::parse(&text, "known-issues.toml").unwrap();
    let versions = Versions { firmware: &[], ..SEABIOS };
    assert_eq!(issues.covering(COVERED, &versions).len(), 1);
}

#[test]
fn narrowing_the_range_makes_an_unexpected_pass_a_pass() {
    let text = ENTRY.replace(">=2.0, <12", ">=2.0, <7.2.22");
    let issues = KnownIssues::parse(&text, "known-issues.toml").unwrap();
    assert_eq!(issues.classify(COVERED, &SEABIOS, Outcome::Passed), Classification::Passed);
}

#[rstest]
#[case::before(jiff::civil::date(2027, 2, 28), 0)]
#[case::on_the_day(jiff::civil::date(2027, 3, 1), 0)]
#[case::after(jiff::civil::date(2027, 3, 2), 1)]
fn a_review_date_in_the_past_is_a_warning(#[case] today: Date, #[case] warnings: usize) {
    assert_eq!(issues().warnings(today, &[COVERED]).len(), warnings);
}

#[test]
fn a_pattern_that_fits_no_case_is_a_warning() {
    let found = issues().warnings(jiff::civil::date(2026, 1, 1), &["boot_order::seabios::cont"]);
    assert_eq!(
        found[0].to_string(),
        "known issue \"prelaunch-bootorder\": no case fits \"prelaunch::{seabios,ovmf}::*::cont\": \
         correct the pattern or remove it (known-issues.toml line 2)"
    );
}

#[rstest]
#[case::unknown_key("title =", "titel =", 4, "unknown field `titel`")]
#[case::unknown_key_in_fails("terminal =", "terminus =", 12, "unknown field `terminus`")]
#[case::unknown_firmware("seabios =", "coreboot =", 8, "unknown field `coreboot`")]
#[case::unknown_table("# what QEMU does not do yet", "[waiver]", 1, "unknown field `waiver`")]
#[case::missing_key("review = 2027-03-01\n", "", 2, "missing field `review`")]
#[case::not_toml("title = ", "title = =", 4, "")]
#[case::bad_range(">=2.0, <12", "2.0", 8, "has no operator")]
#[case::bad_firmware_range("<2027", "<", 8, "names no version")]
#[case::empty_range(">=2.0, <12", ">=12, <2", 8, "holds no version")]
#[case::bad_pattern("{seabios,ovmf}", "{seabios", 6, "unpaired")]
#[case::no_cases("[\"prelaunch::{seabios,ovmf}::*::cont\"]", "[]", 6, "names no cases")]
#[case::bad_id("id = \"prelaunch-bootorder\"", "id = \"Prelaunch bootorder\"", 3, "is not made of")]
#[case::empty_title("fw_cfg bootorder is stale after hotplug in prelaunch", " ", 4, "not one line")]
#[case::bad_link("https://example.org/report", "see mail", 5, "not a web address")]
#[case::date_with_time("2027-03-01", "2027-03-01T00:00:00", 7, "not a plain date")]
#[case::date_as_text("2027-03-01", "\"soon\"", 7, "")]
#[case::bad_winner("booted = false", "booted = true", 11, "wanted a medium's name or false")]
#[case::bad_outcome(
    "outcome = \"failed\"",
    "outcome = \"fails\"",
    13,
    "is not one of booted, failed, timed-out, refused"
)]
#[case::unknown_key_in_a_stale_list("lines = 0", "line = 0", 14, "unknown field `line`")]
#[case::bad_regex_of_a_line("^/pci", "pci(", 14, "not a regular expression: unclosed group")]
#[case::bad_regex("bootorder.*stale", "bootorder(", 15, "not a regular expression: unclosed group")]
fn a_bad_entry_is_refused_with_its_line(
    #[case] from: &str,
    #[case] to: &str,
    #[case] line: usize,
    #[case] problem: &str,
) {
    let text = ENTRY.replacen(from, to, 1);
    assert_ne!(text, ENTRY, "the replacement did nothing");
    let error = KnownIssues::parse(&text, "cases/known-issues.toml").unwrap_err();
    assert_eq!(error.line, line, "{error}");
    assert!(error.problem.contains(problem), "{error}");
    assert!(error.to_string().contains(&format!("\n  in: cases/known-issues.toml line {line}\n  fix: ")), "{error}");
}

#[test]
fn an_entry_that_states_no_way_to_fail_is_refused() {
    let (head, _) = ENTRY.split_once("booted").unwrap();
    let error = KnownIssues::parse(head, "known-issues.toml").unwrap_err();
    assert!(error.problem.contains("states no way to fail"), "{error}");
    assert_eq!(error.line, 10);
}

#[test]
fn an_id_given_twice_is_refused() {
    let error = KnownIssues::parse(&format!("{ENTRY}{ENTRY}"), "known-issues.toml").unwrap_err();
    assert_eq!(
        error.to_string(),
        "known issue \"prelaunch-bootorder\": the id is given twice, first in line 2\n  in: known-issues.toml line 17\n  \
         fix: give each entry an id of its own, or merge the two"
    );
}
