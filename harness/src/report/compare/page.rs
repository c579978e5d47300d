//! A comparison as a page for browsers, with links to both sides' evidence.

use maud::{DOCTYPE, Markup, html};

use super::{Change, Comparison};

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
                @if let Some(read_again) = &comparison.read_again { pre { (read_again) } }
            }
        }
    };
    markup.into_string()
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
