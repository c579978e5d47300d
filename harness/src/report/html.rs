//! `index.html`: the report as one page for a browser, without any other file.
//!
//! Every piece of text goes through [`printable`] and through maud's escaping, so that what a guest sent is shown and
//! never run; a content security policy keeps the page from fetching anything should both fail. The page works without
//! JavaScript; the script only filters.

mod kinds;
mod link;
mod matrix;
mod timeline;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::folder::write_bytes_atomically;
use super::text::{self, printable};
use super::{CaseResult, FirmwareInfo, Report, ReportError, Start, Verdict};
use crate::machine::{Accelerator, ClockKind};
use crate::trace::Outcome;

pub use link::url_escaped;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/filter.js");
/// Most files of one evidence folder that are linked.
const MOST_FILES: usize = 64;
/// How many cases of a section that wants attention are open from the start.
const MOST_OPEN: usize = 12;
/// How many cases of a section have their timeline drawn.
const MOST_DRAWN: usize = 100;
/// How many cases the list of the slowest has.
const SLOWEST: usize = 10;

/// Writes the page; evidence folders below `out_dir` are listed and linked relative to it.
///
/// # Errors
/// [`ReportError::Write`].
pub fn store(report: &Report, path: &Path, out_dir: &Path) -> Result<(), ReportError> {
    store_of(report, path, Place::from(out_dir))
}

/// The same of a run whose files are not where they will be.
///
/// # Errors
/// [`ReportError::Write`].
pub(super) fn store_of(report: &Report, path: &Path, place: Place<'_>) -> Result<(), ReportError> {
    write_bytes_atomically(path, page(report, place).into_string().as_bytes())
}

/// A run's output directory: where it is now, and where a reader will find it.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Where its files are.
    pub now: &'a Path,
    /// Where they will be.
    pub then: &'a Path,
}

impl<'a> From<&'a Path> for Place<'a> {
    fn from(out_dir: &'a Path) -> Place<'a> {
        Place { now: out_dir, then: out_dir }
    }
}

/// The page as text.
pub fn page<'a>(report: &Report, out_dir: impl Into<Place<'a>>) -> Markup {
    let out_dir = out_dir.into();
    let platforms: Vec<&str> = report.platforms.iter().map(|platform| platform.name.as_str()).collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
                title { (text::counts(&report.totals)) " · bootwright " (printable(&report.run)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "bootwright " span.run { (printable(&report.run)) } }
                    (status(report))
                    p.facts {
                        (printable(&report.started)) " · " (seconds(report.wall_seconds)) " with " (report.jobs)
                        @if report.jobs == 1 { " job" } @else { " jobs" }
                        @if let Some(suite) = &report.suite { " · suite " (printable(suite)) }
                        " · on " (platforms.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", "))
                        " · " (printable(&report.host.os)) ", " (report.host.cpus) " CPUs"
                        @if let Some(seed) = report.seed { " · seed " (seed) }
                    }
                    (totals(report))
                }
                (matrix::by_platform(report))
                (filter(report))
                main {
                    (kinds::kinds(report))
                    (flakes(report))
                    @for verdict in Verdict::ALL { (section(report, verdict, out_dir)) }
                    p #nothing hidden { "No case matches the filter." }
                    (warnings(report))
                    (known_issues(report))
                    (timing(report))
                    (platforms_table(report))
                }
                footer {
                    "The same in " a href="report.json" { "report.json" } " and " a href="junit.xml" { "junit.xml" } "."
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn status(report: &Report) -> Markup {
    let (class, word) = match report.exit_code() {
        0 => ("passed", "as expected"),
        1 if report.cases.iter().all(|case| case.verdict.is_as_expected()) && report.flakes.is_empty() => {
            ("failed", "as expected but for what was skipped, in a strict run")
        }
        1 => ("failed", "not as expected"),
        _ if report.totals.all() == 0 => ("broken", "no case ran"),
        _ => ("broken", "broken"),
    };
    html! { p class={ "status " (class) } { (word) } }
}

fn totals(report: &Report) -> Markup {
    let all = report.totals.all();
    let present: Vec<Verdict> = Verdict::ALL.into_iter().filter(|&verdict| report.totals.get(verdict) > 0).collect();
    html! {
        div.bar role="img" aria-label=(text::counts(&report.totals)) {
            @for &verdict in &present {
                span class=(verdict) style={ "flex-grow:" (report.totals.get(verdict)) } {}
            }
        }
        ul.totals {
            li { b { (all) } @if all == 1 { " case" } @else { " cases" } }
            @for &verdict in &present {
                li { a class=(verdict) href={ "#" (verdict) } { b { (report.totals.get(verdict)) } " " (verdict) } }
            }
        }
    }
}

/// What changes no verdict and should be looked at nevertheless.
fn warnings(report: &Report) -> Markup {
    html! {
        @if !report.warnings.is_empty() {
            section #warnings {
                h2 { "warnings" }
                ul { @for warning in &report.warnings { li { (text::reason(warning)) } } }
            }
        }
    }
}

fn filter(report: &Report) -> Markup {
    html! {
        form #filter role="search" hidden[report.cases.is_empty()] {
            input #query type="search" autocomplete="off" spellcheck="false"
                aria-label="filter" placeholder="filter by words: nvme ovmf firmware=seabios -q35  (press /)";
            @for verdict in Verdict::ALL {
                @if report.totals.get(verdict) > 0 {
                    label class={ "chip " (verdict) } {
                        input type="checkbox" name="verdict" value=(verdict) checked;
                        (verdict)
                    }
                }
            }
            @let (view, folded): (Vec<_>, Vec<_>) =
                axes(report).into_iter().partition(|(axis, _)| IN_VIEW.contains(&axis.as_str()));
            @for (axis, values) in &view { (menu(axis, values)) }
            @if !folded.is_empty() {
                details.more {
                    summary { (folded.len()) @if folded.len() == 1 { " more axis" } @else { " more axes" } }
                    @for (axis, values) in &folded { (menu(axis, values)) " " }
                }
            }
            output #shown {}
        }
    }
}

/// The axes that most readers choose by; the menus of the others fold.
const IN_VIEW: [&str; 4] = ["platform", "firmware", "machine", "class"];

fn menu(axis: &str, values: &[String]) -> Markup {
    html! {
        label.axis {
            (axis)
            select data-axis=(axis) {
                option value="" { "any" }
                @for value in values { option value=(value) { (value) } }
            }
        }
    }
}

/// Axes with more than one value, and the values.
fn axes(report: &Report) -> Vec<(String, Vec<String>)> {
    let mut axes: std::collections::BTreeMap<&str, std::collections::BTreeSet<&str>> = Default::default();
    for case in &report.cases {
        axes.entry("platform").or_default().insert(&case.platform);
        for (axis, value) in &case.axes {
            axes.entry(axis).or_default().insert(value);
        }
    }
    let several = axes.into_iter().filter(|(_, values)| values.len() > 1);
    several.map(|(axis, values)| (printable(axis), values.into_iter().map(printable).collect())).collect()
}

fn flakes(report: &Report) -> Markup {
    html! {
        @if !report.flakes.is_empty() {
            section #unsteady {
                h2 { "unsteady " span.count { (report.flakes.len()) } }
                ul { @for flake in &report.flakes {
                    li { code { (printable(&flake.id)) } " on " (printable(&flake.platform)) ": "
                        (text::counts(&flake.totals)) }
                } }
            }
        }
    }
}

fn section(report: &Report, verdict: Verdict, out_dir: Place<'_>) -> Markup {
    let open = if verdict.is_as_expected() { 0 } else { MOST_OPEN };
    html! {
        @if report.totals.get(verdict) > 0 {
            section.verdict #(verdict) {
                h2 class=(verdict) { (verdict) " " span.count { (report.totals.get(verdict)) } }
                @for (index, case) in report.cases.iter().filter(|case| case.verdict == verdict).enumerate() {
                    @let drawn = index < MOST_DRAWN && !matches!(verdict, Verdict::Passed | Verdict::Skipped);
                    (case_details(case, report, (index < open, drawn), out_dir))
                }
            }
        }
    }
}

fn case_details(case: &CaseResult, report: &Report, (open, drawn): (bool, bool), out_dir: Place<'_>) -> Markup {
    let (group, name) = case.id.rsplit_once("::").map_or(("", case.id.as_str()), |(group, name)| (group, name));
    let axes: Vec<String> =
        case.axes.iter().map(|(axis, value)| format!("{}={}", printable(axis), printable(value))).collect();
    let several = report.platforms.len() > 1;
    html! {
        details.case open[open] data-verdict=(case.verdict)
            data-axes={ "platform=" (printable(&case.platform)) " " (axes.join(" ")) } {
            summary class=(case.verdict) {
                span.id {
                    @if !group.is_empty() { span.group { (printable(group)) "::" } }
                    (printable(name))
                    @if let Some(round) = case.round { span.round { "round " (round) } }
                }
                @if several { span.platform { (printable(&case.platform)) } }
                span.outcome { (outcome_in_short(case)) }
                span.time { @if case.wall_seconds > 0.0 { (seconds(case.wall_seconds)) } }
            }
            div.body {
                @if let Some(about) = &case.about { p.about { (printable(about)) } }
                @if let Some(reason) = &case.reason { p.reason { (text::reason(reason)) } }
                @if !case.attempts.is_empty() { (attempts(case)) }
                @if drawn { (timeline::picture(&out_dir.now.join(&case.evidence))) }
                @if let Some(detail) = &case.detail {
                    pre { (detail.lines().take(200).map(printable).collect::<Vec<_>>().join("\n")) }
                }
                dl {
                    @if !case.devices.is_empty() {
                        dt { "devices" }
                        dd { @for device in &case.devices { div { code { (printable(device)) } } } }
                    }
                    @if let Some(guest) = &case.guest { dt { "guest" } dd { (printable(guest)) } }
                    @if let Some(end) = &case.end { dt { "end" } dd { (printable(end)) } }
                    @if let Some(id) = &case.known_issue { dt { "known issue" } dd { (issue_link(report, id)) } }
                    @if let Some(of) = &case.negative_of { dt { "control of" } dd { code { (printable(of)) } } }
                    dt { "axes" } dd { @for axis in &axes { span.tag { (axis) } } (clock(case)) }
                    dt { "time" } dd { (seconds(case.wall_seconds)) " on the host"
                        @if let Some(guest) = case.guest_seconds { ", " (seconds(guest)) " by the guest's clock" } }
                    @if let Some(base) = &case.base { dt { "started" } dd { "warm, from base " (printable(base)) } }
                    @if let Some(why) = &case.cold_because { dt { "started" } dd { "cold: " (printable(why)) } }
                    @if let Some(why) = &case.run_again { dt { "run again" } dd { (printable(why)) } }
                    @if let Some(source) = &case.source { dt { "written" } dd { code { (printable(source)) } } }
                    @if let Some(seed) = case.seed { dt { "seed" } dd { (seed) } }
                    @if !case.never_begun {
                        dt { "evidence" } dd { (evidence(case, out_dir.now)) }
                        dt { "again" } dd { code.command { (text::again(case, &report.run, out_dir.then)) } }
                    }
                }
            }
        }
    }
}

fn outcome_in_short(case: &CaseResult) -> Markup {
    let tried = case.attempts.iter().filter(|attempt| attempt.outcome != Outcome::Booted).count();
    html! {
        @match (&case.booted, case.verdict) {
            (Some(name), _) => {
                "booted " b { (printable(name)) }
                @if tried > 0 { " after " (tried) @if tried == 1 { " other" } @else { " others" } }
            },
            (None, Verdict::Skipped | Verdict::Broken) => { (case.reason.as_deref().map(printable).unwrap_or_default()) },
            (None, _) => { "nothing booted" },
        }
    }
}

fn attempts(case: &CaseResult) -> Markup {
    html! {
        ol.attempts {
            @for attempt in &case.attempts {
                li class=(attempt.outcome) {
                    span.target { (printable(&attempt.target)) }
                    @if let Some(medium) = &attempt.medium { " " b.medium { "“" (printable(medium)) "”" } }
                    " → " span.result { (attempt.outcome) }
                    @if let Some(reason) = &attempt.reason { " (" (printable(reason)) ")" }
                }
            }
        }
    }
}

fn clock(case: &CaseResult) -> Markup {
    html! {
        @match case.accel {
            Some(Accelerator::Tcg) => span.tag { "tcg" },
            Some(Accelerator::Kvm) => span.tag { "kvm" },
            None => {},
        }
        @match case.clock {
            Some(ClockKind::Virtual) => span.tag { "virtual clock" },
            Some(ClockKind::Real) => span.tag { "real clock" },
            None => {},
        }
        @if case.start == Some(Start::Warm) { span.tag { "warm start" } }
    }
}

fn issue_link(report: &Report, id: &str) -> Markup {
    let known = report.known_issues.iter().any(|issue| issue.id == id);
    html! {
        @if known { a href={ "#issue-" (url_escaped(id)) } { (printable(id)) } }
        @else { (printable(id)) }
    }
}

/// Links to the folder and to each file in it, in the order in which one reads them.
fn evidence(case: &CaseResult, out_dir: &Path) -> Markup {
    let order = ["command.sh", "serial.log", "debugcon.log", "timeline.jsonl", "trace.json", "verdict.json"];
    let mut files: Vec<(String, u64)> = std::fs::read_dir(out_dir.join(&case.evidence))
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let size = entry.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
            Some((entry.file_name().into_string().ok()?, size))
        })
        .take(MOST_FILES)
        .collect();
    files.sort_by_key(|(name, _)| (order.iter().position(|first| first == name).unwrap_or(order.len()), name.clone()));
    let base = url_escaped(&case.evidence);
    html! {
        a href={ (base) "/" } { (printable(&case.evidence)) "/" }
        @if !files.is_empty() {
            ul.files { @for (name, size) in &files {
                li { a href={ (base) "/" (url_escaped(name)) } { (printable(name)) } " " span.size { (bytes(*size)) } }
            } }
        }
    }
}

fn known_issues(report: &Report) -> Markup {
    html! {
        @if !report.known_issues.is_empty() {
            section #known-issues {
                h2 { "known issues " span.count { (report.known_issues.len()) } }
                div.wide { table {
                    thead { tr { th { "id" } th { "title" } th { "cases" } th { "review" } } }
                    tbody { @for issue in &report.known_issues {
                        tr id={ "issue-" (url_escaped(&issue.id)) } {
                            td { code { (printable(&issue.id)) } }
                            td {
                                // only a web address becomes a link: "javascript:" is an address too
                                @if issue.link.starts_with("https://") || issue.link.starts_with("http://") {
                                    a href=(issue.link) rel="noreferrer" { (printable(&issue.title)) }
                                } @else { (printable(&issue.title)) " (" (printable(&issue.link)) ")" }
                            }
                            td.number {
                                (report.cases.iter().filter(|case| case.known_issue.as_ref() == Some(&issue.id)).count())
                            }
                            td { (issue.review.as_deref().map_or_else(|| "–".into(), printable)) }
                        }
                    } }
                } }
            }
        }
    }
}

fn timing(report: &Report) -> Markup {
    let mut cases: Vec<&CaseResult> = report.cases.iter().filter(|case| case.wall_seconds > 0.0).collect();
    cases.sort_by(|a, b| b.wall_seconds.total_cmp(&a.wall_seconds));
    let sum: f64 = cases.iter().map(|case| case.wall_seconds).sum();
    let guest: f64 = cases.iter().filter_map(|case| case.guest_seconds).sum();
    let longest = cases.first().map_or(1.0, |case| case.wall_seconds);
    html! {
        @if !cases.is_empty() {
            section #timing {
                h2 { "time" }
                p { (cases.len()) " cases took " (seconds(sum)) " in sum, " (seconds(report.wall_seconds))
                    " on the wall; their guests lived " (seconds(guest)) ". The slowest:" }
                ol.slowest { @for case in cases.iter().take(SLOWEST) {
                    li {
                        span.length style={ "width:" (format!("{:.1}", 100.0 * case.wall_seconds / longest)) "%" } {}
                        span.time { (seconds(case.wall_seconds)) } " " (printable(&case.id))
                    }
                } }
            }
        }
    }
}

fn platforms_table(report: &Report) -> Markup {
    html! {
        @for platform in &report.platforms {
            section.platform-facts {
                h2 { "platform " (printable(&platform.name)) }
                div.wide { table {
                    thead { tr { th { "part" } th { "version" } th { "file" } th { "SHA-256" } } }
                    tbody {
                        tr {
                            td { "qemu" }
                            td { (printable(&platform.qemu.version))
                                @if let Some(package) = &platform.qemu.package { " " span.size { (printable(package)) } } }
                            td { code { (printable(&platform.qemu.path)) } }
                            td { (digest(&platform.qemu.sha256)) }
                        }
                        @for FirmwareInfo { kind, version, file, sha256 } in &platform.firmware {
                            tr {
                                td { (kind.word()) }
                                td { (printable(version)) }
                                td { code { (printable(file)) } }
                                td { (digest(sha256)) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn digest(sha256: &str) -> Markup {
    let short: String = sha256.chars().take(12).collect();
    html! { code title=(printable(sha256)) { (printable(&short)) "…" } }
}

fn seconds(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2} s"),
        value if value < 120.0 => format!("{value:.1} s"),
        value => format!("{} min {:.0} s", (value / 60.0).floor(), value % 60.0),
    }
}

fn bytes(size: u64) -> String {
    match size {
        size if size < 1 << 10 => format!("{size} B"),
        size if size < 1 << 20 => format!("{:.1} KiB", size as f64 / 1024.0),
        size => format!("{:.1} MiB", size as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CaseFolder, sample};

    #[test]
    fn hostile_text_is_shown_and_never_markup() {
        let mut report = sample::report(12);
        let hostile = sample::HOSTILE;
        report.run = hostile.into();
        report.host.os = hostile.into();
        report.platforms[0].name = hostile.into();
        report.platforms[0].qemu.version = hostile.into();
        report.known_issues[0].title = hostile.into();
        report.known_issues[0].link = "javascript:alert(1)".into();
        for case in &mut report.cases {
            case.id = format!("{hostile}::{hostile}");
            case.axes.insert(hostile.into(), hostile.into());
            case.detail = Some(hostile.into());
            case.guest = Some(hostile.into());
            case.booted = Some(hostile.into());
        }
        let page = page(&report, Path::new("no-such-directory")).into_string();
        assert_eq!(page.matches("<script").count(), 1, "only the page's own");
        assert!(!page.contains("href=\"javascript:"));
        assert!(!page.contains("end\" onmouseover") && !page.contains("gnp\" onmouseover"));
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()) && !page.contains('\u{202e}'));
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let page = page(&sample::report(200), Path::new("no-such-directory")).into_string();
        for loading in ["src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest"] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn what_is_not_as_expected_comes_first_and_open() {
        let page = page(&sample::report(200), Path::new("no-such-directory")).into_string();
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
        assert!(place("<section class=\"verdict\" id=\"failed\"") < place("<section class=\"verdict\" id=\"passed\""));
        assert!(page.contains("<details class=\"case\" open data-verdict=\"failed\""));
        assert!(!page.contains("<details class=\"case\" open data-verdict=\"passed\""));
    }

    #[test]
    fn evidence_files_are_linked_where_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let report = sample::report(1);
        let folder = CaseFolder::new(dir.path(), &report.cases[0].key());
        folder.finish(&report.cases[0]).unwrap();
        std::fs::write(folder.path().join("serial.log"), [0; 2048]).unwrap();
        let page = page(&report, dir.path()).into_string();
        assert!(page.contains("_000/serial.log\">serial.log</a> <span class=\"size\">2.0 KiB"), "{page}");
    }

    /// `BOOTWRIGHT_SAMPLE_PAGE=DIR cargo test sample_page` leaves a page to look at in a browser.
    #[test]
    fn a_sample_page_can_be_stored() {
        let dir = tempfile::tempdir().unwrap();
        let out = std::env::var_os("BOOTWRIGHT_SAMPLE_PAGE").map_or(dir.path().to_path_buf(), Into::into);
        store(&sample::report(200), &out.join("index.html"), &out).unwrap();
        store(&sample::report(0), &out.join("empty.html"), &out).unwrap();
        // what `cargo xtask report look` opens in a browser: 3,000 cases on three platforms
        let large = out.join("large");
        std::fs::create_dir_all(&large).unwrap();
        let report = sample::on_platforms(3000, &["debian:bookworm", "debian:trixie", "debian:sid"]);
        report.store(&large.join("report.json")).unwrap();
        store(&report, &large.join("index.html"), &large).unwrap();
        assert!(out.join("index.html").metadata().unwrap().len() < 2 << 20);
    }
}
