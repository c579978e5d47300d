//! Links to evidence.

use maud::{Markup, html};

use crate::report::CaseResult;

/// A link to the evidence of a case; what was never begun has none.
pub(super) fn link(case: &CaseResult, words: &Markup) -> Markup {
    html! {
        @if case.never_begun { (words) } @else { a href={ (url_escaped(&case.evidence)) "/" } { (words) } }
    }
}

/// A relative path as a URL reference, RFC 3986 section 3.3.
pub fn url_escaped(path: &str) -> String {
    let mut out = String::new();
    for &byte in path.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/@".contains(&byte) {
            out.push(byte.into());
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}
