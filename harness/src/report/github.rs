//! What GitHub Actions shows of a run: a summary of the step and annotations of the lines at which cases are written.
//!
//! Both are text; whoever runs there hands them on (`cargo xtask test` does).

use std::fmt::Write;

use super::alike::{self, Kind};
use super::text::{self, counts, printable};
use super::{CaseResult, Report, Totals, Verdict};

/// Most cases that are named; GitHub cuts a summary at 1 MiB and shows ten annotations of a kind.
const MOST_CASES: usize = 50;

/// One workflow command for each case that is not as expected, then one for each warning of the run, at most 50 in all.
///
/// The format is that of "Workflow commands for GitHub Actions": `%`, line feeds and, in properties, `:` and `,` are
/// escaped, so that nothing a guest sent can be a command.
///
/// ```
/// # use bootwright::report::{CaseKey, CaseResult, Report, Verdict, github};
/// # let mut report = Report::new("0007");
/// let mut case = CaseResult::new(&CaseKey::new("alone::seabios::pc::nvme", "host"), Verdict::Failed);
/// case.source = Some("cases/src/alone.rs:19".into());
/// case.reason = Some("nothing booted".into());
/// report.cases.push(case);
/// let line = "::error file=cases/src/alone.rs,line=19,title=alone%3A%3Aseabios%3A%3Apc%3A%3Anvme on host::failed: nothing booted\n";
/// assert_eq!(github::annotations(&report), line);
/// # Ok::<(), bootwright::report::ReportError>(())
/// ```
pub fn annotations(report: &Report) -> String {
    let mut text = String::new();
    for kind in kinds(report) {
        let case = kind.cases[0];
        let place = case.source.as_deref().and_then(|source| source.rsplit_once(':'));
        let place = place.map(|(file, line)| format!("file={},line={},", property(file), property(line)));
        let title = property(&format!("{} on {}", case.id, case.platform));
        let said = message(&format!("{}: {}{}", case.verdict, reason(case), like_it(&kind)));
        writeln!(text, "::error {}title={title}::{said}", place.unwrap_or_default()).ok();
    }
    for warning in report.warnings.iter().take(MOST_CASES) {
        writeln!(text, "::warning ::{}", message(&text::reason(warning))).ok();
    }
    text
}

/// The run as Markdown: counts by platform, what is not as expected with its reason, and why cases were skipped.
pub fn summary(report: &Report) -> String {
    let mut text = format!("### bootwright: {}\n\n", markdown(&text::summary(report)));
    let verdicts: Vec<Verdict> = Verdict::ALL.into_iter().filter(|&verdict| report.totals.get(verdict) > 0).collect();
    let heads: String = verdicts.iter().map(|verdict| format!(" {verdict} |")).collect();
    writeln!(text, "| platform | QEMU |{heads}\n|---|---|{}", "--:|".repeat(verdicts.len())).ok();
    for platform in &report.platforms {
        let totals = Totals::of(report.cases.iter().filter(|case| case.platform == platform.name));
        let cells: String = verdicts.iter().map(|&verdict| format!(" {} |", totals.get(verdict))).collect();
        let (name, version) = (markdown(&platform.name), markdown(&platform.qemu.version));
        writeln!(text, "| {name} | {version} |{cells}").ok();
    }
    let named = kinds(report);
    if !named.is_empty() {
        writeln!(text, "\n| not as expected | platform | verdict | reason |\n|---|---|---|---|").ok();
    }
    let mut told = 0;
    for kind in &named {
        let (case, like_it) = (kind.cases[0], like_it(kind));
        let reason = reason(case) + &like_it;
        let cells = [&case.id, &case.platform, &case.verdict.to_string(), &reason].map(|cell| markdown(cell));
        writeln!(text, "| {} |", cells.join(" | ")).ok();
        told += if like_it.is_empty() { 1 } else { kind.cases.len() };
    }
    let all = report.cases.iter().filter(|case| !case.verdict.is_fine(report.strict)).count();
    if all > told {
        writeln!(text, "\nand {} more in index.html of the run", all - told).ok();
    }
    for flake in report.flakes.iter().take(MOST_CASES) {
        writeln!(text, "\n* unsteady: {}: {}", markdown(&flake.id), counts(&flake.totals)).ok();
    }
    text
}

/// What is not as expected, at most [`MOST_CASES`]: one kind for all that are alike, where those are many, else for each case.
fn kinds(report: &Report) -> Vec<Kind<'_>> {
    let kinds = alike::kinds(report).into_iter().flat_map(|kind| match kind.is_told_once() {
        true => vec![kind],
        false => kind.cases.iter().map(|&case| Kind { cases: vec![case], shared: None }).collect(),
    });
    kinds.take(MOST_CASES).collect()
}

/// How many more a case stands for; empty for one.
fn like_it(kind: &Kind<'_>) -> String {
    if !kind.is_told_once() {
        return String::new();
    }
    let shared = kind.shared.as_ref().map(|shared| format!("; all {} {}", kind.cases.len(), shared.words()));
    format!(" (and {} more like it{})", kind.cases.len() - 1, shared.unwrap_or_default())
}

fn reason(case: &CaseResult) -> String {
    case.reason.as_deref().map(text::reason).unwrap_or_default()
}

fn message(text: &str) -> String {
    printable(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// Text as a cell of a table: whatever Markdown or HTML would read is written as a character reference.
fn markdown(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        match c {
            '<' | '>' | '&' | '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '~' | '!' | '#' | '@' | '$' => {
                write!(out, "&#{};", u32::from(c)).ok();
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn nothing_that_a_guest_sent_is_a_command_or_markup() {
        let mut report = sample::report(200);
        for case in &mut report.cases {
            case.reason =
                Some("x\n::error file=/etc/passwd::owned\r\n::stop-commands::a <script>|[a](javascript:b)".into());
            case.id = format!("{},title=x::{}", case.id, sample::HOSTILE);
        }
        let told = annotations(&report);
        assert_eq!(told.lines().count(), kinds(&report).len(), "{told}");
        let alike = alike::kinds(&report).iter().filter(|kind| kind.is_told_once()).count();
        assert!(alike > 0 && told.matches(" more like it").count() == alike, "{told}");
        assert!(told.lines().all(|line| line.starts_with("::error file=cases/src/order.rs,line=")), "{told}");
        let written = summary(&report);
        assert!(!written.contains("<script") && !written.contains("](javascript"), "{written}");
        assert!(written.lines().all(|line| !line.starts_with("::")));
    }

    #[test]
    fn the_summary_counts_by_platform_and_names_what_is_not_as_expected() {
        let report = sample::report(12);
        let written = summary(&report);
        assert!(written.contains("| platform | QEMU | failed |") && written.contains("| host | 7.2.22 |"), "{written}");
        assert!(written.contains("| not as expected |") && written.contains("| failed | "), "{written}");
        assert!(!written.contains("| passed | "), "only what is not as expected: {written}");
    }

    #[test]
    fn a_run_that_is_as_expected_has_no_annotation() {
        let mut report = sample::report(12);
        report.cases.retain(|case| case.verdict.is_as_expected());
        assert_eq!(annotations(&report), "");
        assert!(!summary(&report).contains("not as expected"));
    }
}
