//! A qualification says no to whatever is neither expected nor waived.

use super::*;
use crate::report::sample;

const TODAY: &str = "2027-01-15";

fn profile(text: &str) -> Profile {
    Profile::parse(text).unwrap()
}

/// A report in which everything is as expected.
fn fine() -> Report {
    let mut report = sample::report(60);
    report.cases.retain(|case| case.verdict.is_as_expected());
    report.flakes.clear();
    report
}

fn with_a_failure() -> (Report, String) {
    let mut report = fine();
    let case = report.cases.iter_mut().find(|case| case.verdict == Verdict::Passed).unwrap();
    (case.verdict, case.reason) = (Verdict::Failed, Some("booted \"wrong\"".into()));
    let id = case.id.clone();
    (report, id)
}

fn waiver(id: &str, review: &str) -> Profile {
    profile(&format!(
        "[[waiver]]\ncases = [\"{id}\"]\nreason = \"accepted\"\nlink = \"https://example.org/1\"\nreview = {review}\n"
    ))
}

#[test]
fn a_run_without_failures_qualifies() {
    let qualification = qualify(&fine(), &Profile::default(), None, TODAY);
    assert_eq!((qualification.objections.as_slice(), qualification.exit_code()), ([].as_slice(), 0), "{qualification}");
    assert!(qualification.to_string().ends_with("qualified: host"), "{qualification}");
}

#[test]
fn nothing_qualifies_without_a_case() {
    let mut report = fine();
    report.cases.clear();
    assert_eq!(qualify(&report, &Profile::default(), None, TODAY).exit_code(), 2);
}

#[test]
fn a_failure_objects_unless_it_is_waived() {
    let (report, id) = with_a_failure();
    let qualification = qualify(&report, &Profile::default(), None, TODAY);
    assert_eq!((qualification.objections.len(), qualification.exit_code()), (1, 1));
    assert!(qualification.to_string().contains(&format!("against: failed: {id} on host: ")), "{qualification}");
    let qualification = qualify(&report, &waiver(&id, "2027-05-01"), None, TODAY);
    assert_eq!((qualification.exit_code(), qualification.waivers[0].cases.len()), (0, 1), "{qualification}");
}

#[test]
fn a_waiver_is_for_its_platform_and_its_cases_alone() {
    let (report, id) = with_a_failure();
    let mut elsewhere = waiver(&id, "2027-05-01");
    elsewhere.waivers[0].platform = Some("debian:sid".into());
    assert_eq!(qualify(&report, &elsewhere, None, TODAY).exit_code(), 1);
    assert_eq!(qualify(&report, &waiver("another::case", "2027-05-01"), None, TODAY).exit_code(), 1);
}

#[test]
fn an_overdue_waiver_objects_from_the_day_after() {
    let (report, id) = with_a_failure();
    assert_eq!(qualify(&report, &waiver(&id, TODAY), None, TODAY).exit_code(), 0);
    let late = qualify(&report, &waiver(&id, "2027-01-14"), None, TODAY);
    assert_eq!(late.exit_code(), 1);
    assert!(late.to_string().contains("overdue since 2027-01-14"), "{late}");
}

#[test]
fn a_required_group_may_be_neither_skipped_nor_missing() {
    let report = fine();
    let skipped = report.cases.iter().filter(|case| case.verdict == Verdict::Skipped).count();
    assert!(skipped > 0);
    let qualification = qualify(&report, &profile("required = [\"boot_order\", \"pxe\"]"), None, TODAY);
    assert_eq!(qualification.objections.len(), skipped + 1, "{qualification}");
    assert!(qualification.to_string().contains("required, but not run: group pxe on host"), "{qualification}");
}

#[test]
fn a_case_of_the_baseline_may_not_be_gone() {
    let baseline = fine();
    let mut report = baseline.clone();
    let gone = report.cases.remove(3);
    let qualification = qualify(&report, &Profile::default(), Some(&baseline), TODAY);
    assert_eq!(qualification.objections, [Objection::Gone { case: format!("{}@host", gone.id) }]);
}

#[test]
fn a_broken_case_alone_is_no_verdict() {
    let mut report = fine();
    (report.cases[0].verdict, report.cases[0].reason) = (Verdict::Broken, Some("no greeting".into()));
    assert_eq!(qualify(&report, &Profile::default(), None, TODAY).exit_code(), 2);
}

#[test]
fn a_profile_that_makes_no_sense_is_refused() {
    let waiver = |lines: &str| format!("[[waiver]]\ncases = [\"a\"]\nreason = \"r\"\nlink = \"l\"\n{lines}");
    for text in [
        "waivers = []".to_owned(),
        "suite = \"everything\"".to_owned(),
        waiver(""),
        waiver("review = \"soon\""),
        waiver("review = 2027-05-01T10:00:00Z"),
        waiver("review = 2027-05-01\nuntil = 3"),
    ] {
        assert!(Profile::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn the_cover_page_has_every_binary_and_no_script() {
    let (report, id) = with_a_failure();
    let dir = tempfile::tempdir().unwrap();
    let qualification = qualify(&report, &waiver(&id, "2027-01-14"), None, TODAY);
    store(&qualification, &report, dir.path()).unwrap();
    let page = std::fs::read_to_string(dir.path().join("qualification.html")).unwrap();
    for digest in ["ab".repeat(32), "1".repeat(64), "2".repeat(64)] {
        assert!(page.contains(&digest), "{digest}");
    }
    assert!(page.contains("2027-01-14 overdue") && !page.contains("<script"), "{page}");
    let json = std::fs::read_to_string(dir.path().join("qualification.json")).unwrap();
    assert!(json.contains("\"overdue\": true"), "{json}");
}
