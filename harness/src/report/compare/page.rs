//! A comparison as a page for browsers, with links to both sides' evidence.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, html};

use super::{Change, Comparison, Slower};

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em}\
table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{border:1px solid #ccd;padding:.25em .6em;text-align:left;\
vertical-align:top;overflow-wrap:anywhere}code{font-size:12px}pre{white-space:pre-wrap;overflow-wrap:anywhere}";

/// The page; links lead to the evidence of both sides, as it is named.
pub fn page(comparison: &Comparison) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Comparison" }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Comparison" }
                p { (comparison.summary()) }
                @for (title, changes) in comparison.lists() {
                    @if !changes.is_empty() {
                        h2 { (title) ": " (changes.len()) }
                        table {
                            tr { th { "case" } th { "before" } th { "after" } }
                            @for change in changes { (row(change)) }
                        }
                    }
                }
                (slower(comparison))
                @for (title, cases) in [("gone", &comparison.gone), ("added", &comparison.added)] { (named(title, cases)) }
                @if let Some(clock) = comparison.by_the_guests_clock() { p { (clock) } }
                @if let Some(read_again) = &comparison.read_again { pre { (read_again) } }
            }
        }
    };
    markup.into_string()
}

fn slower(comparison: &Comparison) -> Markup {
    html! {
        @if !comparison.slower.is_empty() {
            h2 { (format!("slower by more than x{:.2}: {}", comparison.noise_floor, comparison.slower.len())) }
            table {
                tr { th { "case" } th { "before" } th { "after" } th { "ratio" } }
                @for Slower { case, before, after, ratio } in &comparison.slower {
                    tr {
                        td { code { (case) } }
                        td { (format!("{before:.2} s")) } td { (format!("{after:.2} s")) } td { (format!("x{ratio:.2}")) }
                    }
                }
            }
        }
    }
}

/// Cases of one run alone.
fn named(title: &str, cases: &[String]) -> Markup {
    let distinct: BTreeSet<&String> = cases.iter().collect();
    html! {
        @if !distinct.is_empty() {
            h2 { (title) ": " (distinct.len()) }
            ul { @for case in distinct { li { code { (case) } } } }
        }
    }
}

fn row(change: &Change) -> Markup {
    let side = |text: &str, evidence: &Option<String>| {
        html! {
            (text)
            @if let Some(evidence) = evidence { " " a href={ (evidence) "/" } { "evidence" } }
        }
    };
    html! {
        tr {
            td { code { (change.case) } }
            td { (side(&change.before, &change.before_evidence)) }
            td { (side(&change.after, &change.after_evidence)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compare;
    use super::*;
    use crate::report::{Verdict, sample};

    #[test]
    fn the_page_has_every_list_that_the_text_has() {
        let before = sample::report(200);
        let mut after = before.clone();
        let slow = after.cases.iter_mut().rev().find(|case| case.verdict == Verdict::Passed).unwrap();
        slow.wall_seconds *= 3.0;
        let slow = slow.id.clone();
        let gone = after.cases.remove(100);
        after.cases[0].id = "a::new<one>".to_owned();
        let comparison = compare(&before, &after);
        let page = page(&comparison);
        for word in ["slower by more than", &slow, "gone: 2", &gone.id, "added: 1", "a::new&lt;one&gt;", "x3.00"] {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(comparison.summary().starts_with("198 cases in both runs, 2 gone, 1 added: "), "{comparison}");
    }
}
