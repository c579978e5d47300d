//! What many failures have in common, above the cases.

use maud::{Markup, html};

use super::link::link;
use super::{printable, text};
use crate::report::alike::{self, Kind};
use crate::report::{Report, blame};

/// Each kind of failure that has many cases, and what all failures share where no kind says so.
pub(super) fn kinds(report: &Report) -> Markup {
    let kinds = alike::kinds(report);
    let many: Vec<&Kind<'_>> = kinds.iter().filter(|kind| kind.is_told_once()).collect();
    let shared = blame::shared_axes(&report.cases);
    let shared = shared.filter(|shared| !many.iter().any(|kind| kind.shared.as_ref() == Some(shared)));
    html! {
        @if !many.is_empty() {
            section #alike {
                h2 { "alike " span.count { (many.len()) @if many.len() == 1 { " kind" } @else { " kinds" } } }
                @for kind in many { (one(report, kind)) }
            }
        }
        @if let Some(shared) = shared { p.hint { "All " (shared.failures) " failures " (printable(&shared.words())) "." } }
    }
}

fn one(report: &Report, kind: &Kind<'_>) -> Markup {
    let first = kind.cases[0];
    html! {
        div.hint {
            b { (kind.cases.len()) " " (first.verdict) } " like " (link(first, &html! { code { (printable(&first.id)) } })) ": "
            (first.reason.as_deref().map(text::reason).unwrap_or_default())
            br; (printable(&text::like_the_first(report, kind)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Verdict, sample};

    #[test]
    fn many_alike_stand_above_the_cases_and_few_do_not() {
        let mut report = sample::report(24);
        for case in &mut report.cases {
            let nvme = case.axes.get("disk").is_some_and(|disk| disk == "nvme");
            case.verdict = if nvme { Verdict::Failed } else { Verdict::Passed };
            case.reason = nvme.then(|| sample::HOSTILE.to_owned());
            (case.known_issue, case.end) = (None, None);
        }
        let page = kinds(&report).into_string();
        assert!(page.contains("1 kind") && page.contains("share disk=nvme, and no pass has it"), "{page}");
        assert!(!page.contains("<script") && !page.contains("p class=\"hint\""), "{page}");
        let mut left = 0..alike::TOLD_ONE_BY_ONE;
        report.cases.retain(|case| case.verdict == Verdict::Passed || left.next().is_some());
        let page = kinds(&report).into_string();
        assert!(!page.contains("kind") && page.contains("All 3 failures share disk=nvme"), "{page}");
    }
}
