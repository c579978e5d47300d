//! The cover page: what was qualified, what stands against it, and the matrix.

use std::path::Path;

use maud::{DOCTYPE, Markup, html};

use super::{Objection, Qualification};
use crate::report::folder::{write_atomically, write_bytes_atomically};
use crate::report::text::{counts, printable};
use crate::report::{Report, ReportError};

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:1100px;padding:0 1em;\
overflow-wrap:anywhere}table{display:block;overflow-x:auto;border-collapse:collapse;margin:.5em 0 1.5em}\
th,td{border:1px solid #ccd;padding:.25em .6em;text-align:left;vertical-align:top;overflow-wrap:normal}th{white-space:nowrap}\
code{font-size:12px;overflow-wrap:anywhere}.red{color:#c62828}.green{color:#1a7f4b}";

/// Writes `qualification.json` and `qualification.html` into the run's output directory.
///
/// # Errors
///
/// [`ReportError::Write`] names the file.
pub fn store(qualification: &Qualification, report: &Report, out: &Path) -> Result<(), ReportError> {
    write_atomically(&out.join("qualification.json"), qualification)?;
    let page = page(qualification, report).into_string();
    write_bytes_atomically(&out.join("qualification.html"), page.as_bytes())
}

fn page(qualification: &Qualification, report: &Report) -> Markup {
    let signed = qualification.exit_code() == 0;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "Qualification " (printable(&report.run)) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Qualification " (printable(&report.run)) }
                @if signed { p.green { "Qualified: every verdict is as expected, or waived." } }
                @else { p.red { "Not qualified: " (qualification.objections.len()) " objections." } }
                p { (printable(&report.started)) ", " (report.cases.len()) " cases, suite "
                    (report.suite.as_deref().map(printable).unwrap_or_default())
                    ". " a href="index.html" { "Every case" } }
                @if !qualification.objections.is_empty() {
                    h2 { "What stands against it" }
                    ul { @for objection in &qualification.objections { li.red { (objection_line(objection)) } } }
                }
                (matrix(qualification))
                (waivers(qualification))
                @if !report.known_issues.is_empty() {
                    h2 { "Known issues that were met" }
                    ul { @for issue in &report.known_issues {
                        li { code { (printable(&issue.id)) } ": " (link(&issue.link, &issue.title)) }
                    } }
                }
                @if !qualification.skipped.is_empty() {
                    h2 { "Skipped" }
                    table { @for skips in &qualification.skipped {
                        tr { td { (printable(&skips.platform)) } td { (skips.cases) } td { (printable(&skips.reason)) } }
                    } }
                }
                (binaries(report))
            }
        }
    }
}

fn objection_line(objection: &Objection) -> Markup {
    let evidence = match objection {
        Objection::Case(seen) | Objection::RequiredSkipped(seen) => Some(&seen.evidence),
        _ => None,
    };
    html! {
        (objection.to_string())
        @if let Some(evidence) = evidence { " " a href={ (evidence) "/" } { "evidence" } }
    }
}

/// Only what is a web address becomes a link.
fn link(address: &str, words: &str) -> Markup {
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    html! { @if is_web { a href=(address) { (printable(words)) } } @else { (printable(words)) } }
}

fn matrix(qualification: &Qualification) -> Markup {
    html! {
        h2 { "Groups by platform" }
        table {
            tr { th {} @for platform in &qualification.platforms { th { (printable(platform)) } } }
            @for (group, totals) in &qualification.matrix {
                tr { th { (printable(group)) } @for totals in totals {
                    @let red = totals.failed + totals.unexpected_pass + totals.broken > 0;
                    td class=[red.then_some("red")] { (counts(totals)) }
                } }
            }
        }
    }
}

fn waivers(qualification: &Qualification) -> Markup {
    html! {
        @if !qualification.waivers.is_empty() {
            h2 { "Waivers" }
            table {
                tr { th { "review" } th { "reason" } th { "cases" } }
                @for waiver in &qualification.waivers {
                    tr {
                        td class=[waiver.overdue.then_some("red")] { (printable(&waiver.review))
                            @if waiver.overdue { " overdue" } }
                        td { (link(&waiver.link, &waiver.reason)) }
                        td { @if waiver.cases.is_empty() { "none failed: it can go" }
                            @for seen in &waiver.cases {
                                a href={ (seen.evidence) "/" } { code { (printable(&seen.case)) } } " on "
                                (printable(&seen.platform)) br;
                            } }
                    }
                }
            }
        }
    }
}

fn binaries(report: &Report) -> Markup {
    html! {
        h2 { "Binaries" }
        table {
            tr { th { "platform" } th { "what" } th { "version" } th { "file, SHA-256" } }
            @for platform in &report.platforms {
                tr { td { (printable(&platform.name)) } td { "QEMU" } td { (printable(&platform.qemu.version)) }
                    td { code { (printable(&platform.qemu.path)) br; (printable(&platform.qemu.sha256)) } } }
                @for file in &platform.firmware {
                    tr { td {} td { (file.kind.word()) } td { (printable(&file.version)) }
                        td { code { (printable(&file.file)) br; (printable(&file.sha256)) } } }
                }
            }
        }
    }
}
