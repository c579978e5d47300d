//! The table: one row for each boot, how far it came, what stopped it, where the evidence is.

use bootwright::report::text::printable;
use bootwright::report::{CaseResult, Report, Verdict};

use super::cell::Cell;

/// Longest words of a guest in a row; of longer ones the end is kept too, where it says why.
const WORDS: usize = 90;
const END: usize = 30;

/// What would be booted.
pub fn listing(cells: &[Cell]) -> String {
    let rows = cells.iter().map(|cell| {
        let wanted = match cell.case.expectation.reach().and_then(|reach| reach.stage) {
            Some(stage) => format!("must come to {}", stage.word()),
            None => "must not boot".to_owned(),
        };
        vec![cell.firmware.clone(), cell.board.clone(), cell.bus.clone(), format!("{wanted}: {}", cell.why)]
    });
    laid_out(&["firmware", "machine", "bus", "expected"], rows.collect())
}

/// What became of everything.
pub fn of(cells: &[Cell], report: &Report, out: &str) -> String {
    let mut rows = Vec::new();
    let mut below = String::new();
    for cell in cells {
        let control = format!("control::{}", cell.case.id);
        for case in report.cases.iter().filter(|case| case.id == cell.case.id || case.id == control) {
            let bus = if case.id == control { format!("{} (control)", cell.bus) } else { cell.bus.clone() };
            let mut row = vec![cell.firmware.clone(), cell.board.clone(), bus];
            row.extend([case.platform.clone(), case.verdict.to_string(), came_to(cell, case)]);
            rows.push(row);
            if !case.verdict.is_as_expected() {
                let reason = case.reason.as_deref().map(printable).unwrap_or_default();
                below += &format!("{} {} on {}: {reason}\n", case.verdict, case.id, case.platform);
                below += &format!("  evidence: {out}/{}/\n", case.evidence);
            }
        }
    }
    format!("\n{}{below}\n", laid_out(&["firmware", "machine", "bus", "platform", "verdict", "came to"], rows))
}

fn came_to(cell: &Cell, case: &CaseResult) -> String {
    let Some(reached) = case.reached.as_ref().filter(|_| case.verdict != Verdict::Skipped) else {
        return case.reason.as_deref().map(short).unwrap_or_default();
    };
    if case.verdict == Verdict::Broken {
        return "(nothing is known: see below)".to_owned();
    }
    let why = reached.stopped.as_deref().map(short);
    let entered_in_vain = !cell.boots && case.verdict.is_as_expected();
    let no_code = matches!(reached.stage.as_str(), "nothing" | "firmware") || entered_in_vain;
    if no_code && case.negative_of.is_none() {
        let does_not = if cell.boots { "does not boot".to_owned() } else { format!("does not boot: {}", cell.why) };
        return why.map_or(does_not.clone(), |why| format!("{does_not} [{why}]"));
    }
    let text = reached.text.as_deref().map(|text| format!(": {}", short(text))).unwrap_or_default();
    let stopped = why.map(|why| format!(" [{why}]")).unwrap_or_default();
    format!("{}{text}{stopped}", reached.stage)
}

fn short(text: &str) -> String {
    let text = printable(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let count = text.chars().count();
    if count <= WORDS {
        return text;
    }
    let cut = |from: usize, length: usize| text.chars().skip(from).take(length).collect::<String>();
    format!("{}...{}", cut(0, WORDS - END), cut(count - END, END))
}

fn laid_out(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut all = vec![head.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()];
    all.extend(rows);
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell() {
        let rows = vec![vec!["bios".to_owned(), "loader".to_owned()], vec!["uefi-secure".to_owned(), "x".to_owned()]];
        assert_eq!(laid_out(&["a", "b"], rows), "a            b\nbios         loader\nuefi-secure  x\n");
    }

    #[test]
    fn a_guests_words_are_cut_and_cannot_draw() {
        let refused = format!("BdsDxe: failed to load Boot0001 from {}: Access Denied", "PciRoot(0x0)/".repeat(9));
        let words = short(&refused);
        assert!(words.starts_with("BdsDxe: failed to load") && words.ends_with(": Access Denied"), "{words}");
        assert_eq!(words.chars().count(), WORDS + 3);
        assert!(!short("a\u{1b}[2Jb").contains('\u{1b}'));
    }
}
