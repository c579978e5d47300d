//! Holds reports to `docs/report.schema.json`.

use std::path::Path;

use serde_json::{Value, json};

use super::{Report, sample};

fn violations(report: &Value) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(jsonschema::meta::is_valid(&schema), "the schema itself is not valid");
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(report).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn reports_of_every_shape_hold_to_the_schema() {
    for report in [Report::new("1"), sample::report(1), sample::report(200)] {
        let value = serde_json::to_value(report).unwrap();
        assert_eq!(violations(&value), Vec::<String>::new());
    }
}

#[test]
fn a_platform_may_have_a_qemu_of_every_architecture() {
    let mut report = sample::report(1);
    let qemu = report.platforms[0].qemu.clone();
    let of = |architecture: crate::platform::Architecture| super::OtherQemu {
        architecture: architecture.to_string(),
        qemu: qemu.clone(),
    };
    report.platforms[0].other_qemus = crate::platform::Architecture::ALL.map(of).into();
    assert_eq!(violations(&serde_json::to_value(report).unwrap()), Vec::<String>::new());
}

#[test]
fn the_schema_and_the_types_have_the_same_fields() {
    let mut report = sample::report(12);
    let case = &mut report.cases[0];
    (case.negative_of, case.round) = (Some("x".into()), Some(1));
    (case.about, case.source) = (Some("x".into()), Some("cases/src/x.rs:1".into()));
    (case.detail, case.guest, case.seed) = (Some("x".into()), Some("x".into()), Some(1));
    (case.end, case.devices) = (Some("loops".into()), vec!["nic0: e1000".into()]);
    (case.start, case.base) = (Some(super::Start::Warm), Some("x".into()));
    (case.run_again, case.never_begun) = (Some("x".into()), true);
    (case.cold_because, case.processor_seconds) = (Some("x".into()), Some(1.0));
    let (program, text, stopped) = (Some("GRUB".into()), Some("GNU GRUB".into()), Some("x".into()));
    case.reached = Some(super::Reached { stage: "loader".into(), program, text, stopped });
    let flake = super::Flake { id: "x".into(), platform: "host".into(), totals: report.totals };
    report.flakes.push(flake);
    report.shard = super::Shard::new(1, 3);
    report.selection = Some(super::Selection::new(vec!["order".into()], false, 1, ["x"]));
    report.warnings = vec!["x".into()];
    report.strict = true;
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(violations(&value), Vec::<String>::new());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.schema.json");
    let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let names = |value: &Value| {
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(&value), names(&schema["properties"]));
    assert_eq!(names(&value["cases"][0]), names(&schema["$defs"]["case"]["properties"]));
    assert_eq!(names(&value["selection"]), names(&schema["$defs"]["selection"]["properties"]));
    assert_eq!(names(&value["totals"]), names(&schema["$defs"]["totals"]["properties"]));
}

#[rstest::rstest]
#[case::another_version("/schema", json!("bootwright.report/2"))]
#[case::no_jobs("/jobs", json!(0))]
#[case::a_date_without_time("/started", json!("2026-01-31"))]
#[case::an_unknown_verdict("/cases/0/verdict", json!("flaky"))]
#[case::a_negative_duration("/cases/0/wall_seconds", json!(-1.0))]
#[case::a_reason_of_two_lines("/cases/0/reason", json!("one\ntwo"))]
#[case::a_failure_without_a_reason("/cases/0", json!({"verdict": "failed", "reason": null}))]
#[case::an_attempt_without_outcome("/cases/0/attempts", json!([{"target": "x", "medium": null, "reason": null}]))]
#[case::evidence_elsewhere("/cases/0/evidence", json!("/etc"))]
#[case::a_short_digest("/platforms/0/qemu/sha256", json!("ab"))]
#[case::an_unknown_firmware("/platforms/0/firmware/0/kind", json!("coreboot"))]
#[case::totals_with_underscores("/totals", json!({"passed": 1, "failed": 0, "expected_failure": 0}))]
#[case::an_unknown_field("/host", json!({"os": "x", "cpus": 1, "accel": [], "password": "x"}))]
fn the_schema_says_no_to(#[case] pointer: &str, #[case] value: Value) {
    let mut report = serde_json::to_value(sample::report(12)).unwrap();
    let place = report.pointer_mut(pointer).unwrap();
    match (place, value) {
        (Value::Object(old), Value::Object(new)) if pointer == "/cases/0" => old.extend(new),
        (place, value) => *place = value,
    }
    assert_ne!(violations(&report), Vec::<String>::new());
}

#[test]
fn the_schema_says_no_to_a_missing_field() {
    for field in ["run", "platforms", "totals", "host"] {
        let mut report = serde_json::to_value(sample::report(12)).unwrap();
        report.as_object_mut().unwrap().shift_remove(field);
        assert_ne!(violations(&report), Vec::<String>::new(), "{field}");
    }
}
