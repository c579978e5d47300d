//! Cases by platform, where a run had several.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::link::link;
use super::printable;
use crate::report::{CaseResult, Report, Verdict};

/// A row of the matrix: a case's id, and what it came to on each platform.
type Row<'a> = (&'a str, Vec<Option<&'a CaseResult>>);

/// The matrix; nothing for a run on one platform. Cases whose verdict differs stand in view, all of them fold.
pub(super) fn by_platform(report: &Report) -> Markup {
    let platforms: Vec<&str> = report.platforms.iter().map(|platform| platform.name.as_str()).collect();
    if platforms.len() < 2 {
        return html! {};
    }
    let rows = rows(report, &platforms);
    let differs = |(_, cells): &&Row<'_>| cells.iter().any(|cell| verdict(*cell) != verdict(cells[0]));
    let different: Vec<&Row<'_>> = rows.iter().filter(differs).collect();
    let all: Vec<&Row<'_>> = rows.iter().collect();
    html! {
        section.matrix {
            h2 { "By platform " span.count { (different.len()) " of " (rows.len()) " cases differ" } }
            @if !different.is_empty() { (table(&platforms, &different)) }
            details { summary { "all " (rows.len()) " cases" } (table(&platforms, &all)) }
        }
    }
}

fn verdict(cell: Option<&CaseResult>) -> Option<Verdict> {
    cell.map(|case| case.verdict)
}

/// Of a case's repetitions the worst one counts.
fn rows<'a>(report: &'a Report, platforms: &[&str]) -> Vec<Row<'a>> {
    let rank = |case: &CaseResult| Verdict::ALL.iter().position(|&verdict| verdict == case.verdict);
    let mut rows: BTreeMap<&str, Vec<Option<&CaseResult>>> = BTreeMap::new();
    for case in &report.cases {
        let Some(column) = platforms.iter().position(|name| *name == case.platform) else { continue };
        let cell = &mut rows.entry(&case.id).or_insert_with(|| vec![None; platforms.len()])[column];
        if cell.is_none_or(|known| rank(case) < rank(known)) {
            *cell = Some(case);
        }
    }
    rows.into_iter().collect()
}

fn table(platforms: &[&str], rows: &[&Row<'_>]) -> Markup {
    html! {
        table {
            tr { th {} @for platform in platforms { th { (printable(platform)) } } }
            @for (id, cells) in rows {
                tr {
                    th scope="row" { code { (printable(id)) } }
                    @for cell in cells { (self::cell(*cell)) }
                }
            }
        }
    }
}

fn cell(case: Option<&CaseResult>) -> Markup {
    html! {
        @match case {
            Some(case) => td class=(case.verdict) title=[case.reason.as_deref().map(printable)] {
                (link(case, &html! { (case.verdict) }))
            },
            None => td { "not run" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn one_platform_has_no_matrix() {
        assert!(by_platform(&sample::report(40)).into_string().is_empty());
    }

    #[test]
    fn a_case_that_differs_between_platforms_stands_in_view() {
        let mut report = sample::report(40);
        let mut other = report.platforms[0].clone();
        other.name = "debian:sid".into();
        report.platforms.push(other);
        let mut twins = report.cases.clone();
        for case in &mut twins {
            case.platform = "debian:sid".into();
        }
        let case = twins.iter_mut().find(|case| case.verdict == Verdict::Passed).unwrap();
        (case.verdict, case.reason) = (Verdict::Failed, Some(sample::HOSTILE.into()));
        let id = case.id.clone();
        twins.pop();
        report.cases.extend(twins);
        let page = by_platform(&report).into_string();
        assert!(page.contains("2 of 40 cases differ"), "{page}");
        let (in_view, folded) = page.split_once("<details>").unwrap();
        assert!(in_view.contains(&id) && in_view.contains("not run"));
        assert_eq!(folded.matches("<tr>").count(), 41);
        assert!(!page.contains("<script"), "{page}");
    }
}
