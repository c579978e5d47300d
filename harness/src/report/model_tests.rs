//! What the types of a report promise.

use super::*;

#[test]
fn a_result_is_brought_into_the_shape_of_the_schema() {
    let mut case = CaseResult::new(&CaseKey::new("a", "host"), Verdict::Failed);
    case.reason = Some("first\nsecond\nthird".into());
    case.detail = Some("below".into());
    case.wall_seconds = f64::NAN;
    case.guest_seconds = Some(-1.0);
    case.attempts = vec![Attempt::new("x", Outcome::Failed).reason("one\r\ntwo")];
    let case = case.tidied();
    assert_eq!(case.reason.as_deref(), Some("first"));
    assert_eq!(case.detail.as_deref(), Some("second\nthird\nbelow"));
    assert_eq!((case.wall_seconds, case.guest_seconds), (0.0, Some(0.0)));
    assert_eq!(case.attempts[0].reason.as_deref(), Some("one  two"));
}

#[test]
fn a_verdict_without_a_reason_gets_one_unless_it_passed() {
    let reason = |verdict| CaseResult::new(&CaseKey::new("a", "host"), verdict).tidied().reason;
    assert_eq!(reason(Verdict::Skipped).as_deref(), Some("skipped, and no reason was given"));
    assert_eq!(reason(Verdict::Passed), None);
}
