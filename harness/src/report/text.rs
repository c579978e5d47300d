//! Results as text for a terminal or a log.
//!
//! Everything that may come from a guest goes through [`printable`] first: a guest's bytes never reach a terminal as
//! control sequences.

use std::fmt::Write;
use std::path::Path;

use super::alike::{self, Kind};
use super::blame::SharedAxes;
use super::{Attempt, CaseResult, Report, Totals, Verdict};
use crate::process::shell_word;

/// Longest piece of guest-controlled text in one line, characters.
const LONGEST: usize = 400;
/// Longest reason that is shown whole, characters.
const LONGEST_REASON: usize = 4000;
/// Where a workspace has its numbered runs.
const RUNS: &str = "target/bootwright";
/// Most cases that are named beside the one that stands for all that failed like it.
const MOST_LIKE_IT: usize = 5;
/// Most attempts that are written out.
const MOST_ATTEMPTS: usize = 40;

/// `text` with every control, bidirectional and invisible format character written as an escape, cut at 400
/// characters.
///
/// ```
/// assert_eq!(bootwright::report::text::printable("disk \u{1b}[2J\n"), "disk \\x1b[2J\\n");
/// ```
pub fn printable(text: &str) -> String {
    let mut out = escaped(text.chars().take(LONGEST));
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// A reason as [`printable`] text. What is longer than 4,000 characters loses its middle: an error begins with what was to
/// be done and ends with its cause.
///
/// ```
/// let reason = format!("cannot start the machine: {}: Too many open files", "x".repeat(10_000));
/// let shown = bootwright::report::text::reason(&reason);
/// assert!(shown.starts_with("cannot start") && shown.ends_with("Too many open files") && shown.len() < 5_000);
/// ```
pub fn reason(text: &str) -> String {
    let count = text.chars().count();
    if count <= LONGEST_REASON {
        return escaped(text.chars());
    }
    let half = LONGEST_REASON / 2;
    let (head, tail) = (text.chars().take(half), text.chars().skip(count - half));
    format!("{} … {} characters … {}", escaped(head), count - 2 * half, escaped(tail))
}

fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    for c in text {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if (c as u32) < 0x20 || (0x7f..0xa0).contains(&(c as u32)) => {
                write!(out, "\\x{:02x}", c as u32).ok();
            }
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}' => {
                write!(out, "\\u{{{:x}}}", c as u32).ok();
            }
            // noncharacters, which XML forbids
            c if c as u32 & 0xfffe == 0xfffe => {
                write!(out, "\\u{{{:x}}}", c as u32).ok();
            }
            c => out.push(c),
        }
    }
    out
}

/// One attempt on one line: `hard disk "wrong" -> failed (not a bootable disk)`.
pub fn attempt(attempt: &Attempt) -> String {
    let mut line = printable(&attempt.target);
    if let Some(medium) = &attempt.medium {
        write!(line, " \"{}\"", printable(medium)).ok();
    }
    write!(line, " -> {}", attempt.outcome).ok();
    if let Some(reason) = &attempt.reason {
        write!(line, " ({})", printable(reason)).ok();
    }
    line
}

/// What to read when a case is not as expected: the reason, and below it, indented, what was tried, what the guest was
/// doing, where the evidence lies, and the command that runs it again.
///
/// `out_dir` is the run's output directory as the reader would type it. The text ends without a line feed.
pub fn failure(case: &CaseResult, run: &str, out_dir: &str) -> String {
    let mut text = case.reason.as_deref().map_or_else(|| format!("{} without a reason", case.verdict), reason);
    let attempts = case.attempts.iter().take(MOST_ATTEMPTS).enumerate();
    let mut lines: Vec<String> = attempts.map(|(index, tried)| format!("{} {}", index + 1, attempt(tried))).collect();
    if case.attempts.len() > MOST_ATTEMPTS {
        lines.push(format!("and {} more in the evidence", case.attempts.len() - MOST_ATTEMPTS));
    }
    if lines.is_empty() && matches!(case.verdict, Verdict::Failed | Verdict::UnexpectedPass | Verdict::ExpectedFailure)
    {
        lines.push("none seen".into());
    }
    field(&mut text, "attempts", &lines);
    field(&mut text, "booted", &case.booted.iter().map(|name| printable(name)).collect::<Vec<_>>());
    field(&mut text, "devices", &case.devices.iter().map(|device| printable(device)).collect::<Vec<_>>());
    field(&mut text, "guest", &case.guest.iter().map(|state| printable(state)).collect::<Vec<_>>());
    field(&mut text, "detail", &case.detail.iter().flat_map(|lines| lines.lines()).map(printable).collect::<Vec<_>>());
    field(&mut text, "known issue", &case.known_issue.iter().map(|id| printable(id)).collect::<Vec<_>>());
    field(&mut text, "about", &case.about.iter().map(|line| printable(line)).collect::<Vec<_>>());
    field(&mut text, "written", &case.source.iter().map(|line| printable(line)).collect::<Vec<_>>());
    field(&mut text, "seed", &case.seed.iter().map(u64::to_string).collect::<Vec<_>>());
    // what was never begun has left nothing to look at or to begin again
    if !case.never_begun {
        field(&mut text, "evidence", &[format!("{}/{}/", out_dir.trim_end_matches('/'), case.evidence)]);
        field(&mut text, "again", &[again(case, run, Path::new(out_dir))]);
    }
    text
}

/// The command that runs a case again with the same argv and media, from wherever `cargo xtask` can be called: it names the
/// run's output directory, or the number of a run of this workspace, and of several platforms or rounds the case's own.
pub fn again(case: &CaseResult, run: &str, out_dir: &Path) -> String {
    let out = std::path::absolute(out_dir).unwrap_or_else(|_| out_dir.to_owned());
    let word = if is_numbered(run, &out) { run.to_owned() } else { out.display().to_string() };
    let mut command = format!("cargo xtask replay {} {}", whole_word(&word), whole_word(&case.id));
    if case.key().several_platforms {
        command += &format!(" --platform {}", whole_word(&case.platform));
    }
    command + &case.round.map(|round| format!(" --round {round}")).unwrap_or_default()
}

/// Whether the directory of a run is where this workspace has its numbered ones.
fn is_numbered(run: &str, out: &Path) -> bool {
    let number = !run.is_empty() && run.chars().all(|digit| digit.is_ascii_digit());
    let here = std::env::current_dir().unwrap_or_default();
    number && here.ancestors().any(|above| above.join(RUNS).join(run) == out)
}

/// A path or id of any length for a shell, as printable text.
fn whole_word(text: &str) -> String {
    shell_word(&escaped(text.chars()))
}

/// What a case is called where the same one ran on several platforms: `ID @PLATFORM`.
pub fn on_platform(id: &str, platform: &str) -> String {
    format!("{id} @{platform}")
}

/// What a case is called in a run: by its platform too where that had several.
fn called(report: &Report, id: &str, platform: &str) -> String {
    printable(&if report.platforms.len() > 1 { on_platform(id, platform) } else { id.to_owned() })
}

fn field(text: &mut String, name: &str, lines: &[String]) {
    let mut lead = format!("  {name}: ");
    for line in lines {
        write!(text, "\n{lead}{line}").ok();
        lead = " ".repeat(lead.len());
    }
}

/// The counts that are not zero, those that want attention first: `2 failed, 1 skipped, 209 passed`.
pub fn counts(totals: &Totals) -> String {
    let present = Verdict::ALL.iter().filter(|&&verdict| totals.get(verdict) > 0);
    let parts: Vec<String> = present.map(|&verdict| format!("{} {verdict}", totals.get(verdict))).collect();
    if parts.is_empty() { "no case".into() } else { parts.join(", ") }
}

/// The last line of a run.
///
/// ```
/// # use bootwright::report::{CaseKey, CaseResult, Report, Verdict, text};
/// assert_eq!(text::summary(&Report::new("0007")), "0 cases in 0.0 s with 1 job: no case");
/// # Ok::<(), bootwright::report::ReportError>(())
/// ```
pub fn summary(report: &Report) -> String {
    let plural = |count: u64| if count == 1 { "" } else { "s" };
    let all = report.totals.all();
    let platforms: Vec<String> = report.platforms.iter().map(|platform| printable(&platform.name)).collect();
    let place = if platforms.is_empty() { String::new() } else { format!(" on {}", platforms.join(", ")) };
    let mut line = format!(
        "{all} case{}{place} in {:.1} s with {} job{}: {}",
        plural(all),
        report.wall_seconds,
        report.jobs,
        plural(report.jobs.into()),
        counts(&report.totals)
    );
    if !report.flakes.is_empty() {
        write!(line, ", {} unsteady", report.flakes.len()).ok();
    }
    line
}

/// Everything a run says at its end: what is not as expected, in one line each or, where many are alike, in one line for
/// all, what the failures share, and the summary. Ends without a line feed.
pub fn closing(report: &Report) -> String {
    let mut text = String::new();
    let kinds = alike::kinds(report);
    for kind in &kinds {
        let told = if kind.is_told_once() { 1 } else { kind.cases.len() };
        for case in &kind.cases[..told] {
            let reason = case.reason.as_deref().map(reason).unwrap_or_default();
            writeln!(text, "{:<16} {}: {reason}", case.verdict, round_of(report, case)).ok();
        }
        if kind.is_told_once() {
            writeln!(text, "{:<16} {}", "", like_the_first(report, kind)).ok();
        }
    }
    for flake in &report.flakes {
        let name = called(report, &flake.id, &flake.platform);
        writeln!(text, "{:<16} {name}: {}", "unsteady", counts(&flake.totals)).ok();
    }
    for warning in &report.warnings {
        writeln!(text, "{:<16} {}", "warning", reason(warning)).ok();
    }
    let shared = super::blame::shared_axes(&report.cases);
    // one kind that is all the failures there are has said it
    let is_said =
        |shared: &SharedAxes| kinds.iter().any(|kind| kind.is_told_once() && kind.shared.as_ref() == Some(shared));
    if let Some(shared) = shared.filter(|shared| !is_said(shared)) {
        writeln!(text, "{shared}").ok();
    }
    if report.strict && report.totals.skipped > 0 {
        let one = report.totals.skipped == 1;
        let (cases, fail) = if one { ("case", "fails") } else { ("cases", "fail") };
        let skipped = report.totals.skipped;
        writeln!(text, "{:<16} {skipped} skipped {cases} {fail} this run: --strict was given, or CI is set", "strict")
            .ok();
    }
    text + &summary(report)
}

/// What a case is called in a run, with its round.
fn round_of(report: &Report, case: &CaseResult) -> String {
    let name = called(report, &case.id, &case.platform);
    name + &case.round.map(|round| format!(" (round {round})")).unwrap_or_default()
}

/// `and 33 more like it: b, c and 31 others; all 34 share disk=nvme, and no pass has it`.
pub(super) fn like_the_first(report: &Report, kind: &Kind<'_>) -> String {
    let rest = &kind.cases[1..];
    let named: Vec<String> = rest.iter().take(MOST_LIKE_IT).map(|case| round_of(report, case)).collect();
    let others = match rest.len() - named.len() {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        count => format!(" and {count} others"),
    };
    let shared = kind.shared.as_ref().map(|shared| format!("; all {} {}", kind.cases.len(), shared.words()));
    format!("and {} more like it: {}{others}{}", rest.len(), named.join(", "), shared.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CaseKey;
    use crate::trace::Outcome;

    #[test]
    fn a_failure_reads_like_the_style_page() {
        let key = CaseKey::new("boot_order::seabios::lower_bootindex_beats_lower_slot", "host");
        let mut case = CaseResult::new(&key, Verdict::Failed);
        case.wall_seconds = 0.5;
        case.reason =
            Some("no boot after 12.0 s of guest time: waited for a payload line from medium \"right\"".into());
        let tried = Attempt::new("hard disk", Outcome::Failed).medium("wrong").reason("not a bootable disk");
        case.attempts = vec![tried, Attempt::new("floppy", Outcome::TimedOut)];
        case.guest = Some("running, halted in SeaBIOS after \"No bootable device.\"".into());
        insta::assert_snapshot!(failure(&case, "0007", "target/bootwright/0007/"), @r#"
        no boot after 12.0 s of guest time: waited for a payload line from medium "right"
          attempts: 1 hard disk "wrong" -> failed (not a bootable disk)
                    2 floppy -> timed-out
          guest: running, halted in SeaBIOS after "No bootable device."
          evidence: target/bootwright/0007/cases/boot_order.seabios.lower_bootindex_beats_lower_slot/
          again: cargo xtask replay 0007 boot_order::seabios::lower_bootindex_beats_lower_slot
        "#);
    }

    #[test]
    fn no_control_sequence_of_a_guest_reaches_the_terminal() {
        let mut case = CaseResult::new(&CaseKey::new("a", "host"), Verdict::Failed);
        let hostile = "\x1b]0;owned\x07\u{9b}2J\u{202e}gnp.exe\r\n".repeat(50);
        case.reason = Some(hostile.clone());
        case.guest = Some(hostile.clone());
        case.detail = Some(hostile.clone());
        case.attempts = vec![Attempt::new(&hostile, Outcome::Failed).medium(&hostile).reason(&hostile); 1000];
        let text = failure(&case, "1", "out");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}') && text.len() < 200_000);
    }

    #[test]
    fn an_id_with_shell_characters_is_quoted() {
        assert_eq!(shell_word("a::b"), "a::b");
        assert_eq!(shell_word("a b; rm 'x'"), "'a b; rm '\\''x'\\'''");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn the_command_that_runs_a_case_again_finds_it() {
        let case = CaseResult::new(&CaseKey::new("a::b", "host"), Verdict::Failed);
        let told = |case: &CaseResult, run, out: &str| again(case, run, Path::new(out));
        let here = std::env::current_dir().unwrap();
        assert_eq!(told(&case, "0007", "target/bootwright/0007"), "cargo xtask replay 0007 a::b");
        let of_workspace = here.parent().unwrap().join("target/bootwright/0007");
        assert_eq!(told(&case, "0007", of_workspace.to_str().unwrap()), "cargo xtask replay 0007 a::b");
        assert_eq!(told(&case, "out", "/tmp/my out"), "cargo xtask replay '/tmp/my out' a::b");
        assert_eq!(told(&case, "7", "/elsewhere/7"), "cargo xtask replay /elsewhere/7 a::b");
        let other = "/other/target/bootwright/0007";
        assert_eq!(told(&case, "0007", other), format!("cargo xtask replay {other} a::b"));
        assert_eq!(told(&case, "out", "out"), format!("cargo xtask replay {}/out a::b", here.display()));
        let long = format!("/tmp/{}", "x".repeat(900));
        assert_eq!(told(&case, "x", &long), format!("cargo xtask replay {long} a::b"));
        let key = CaseKey { several_platforms: true, round: Some(3), ..CaseKey::new("a::b", "debian:sid") };
        let case = CaseResult::new(&key, Verdict::Failed);
        assert_eq!(told(&case, "1", "/o"), "cargo xtask replay /o a::b --platform debian:sid --round 3");
    }

    #[test]
    fn a_warning_is_in_the_closing_and_on_the_page() {
        let mut report = super::super::sample::report(12);
        report.warnings = vec!["known issue \"old\" was to be reviewed by 2020-01-01".into()];
        let wanted = "known issue \"old\" was to be reviewed by 2020-01-01";
        assert!(closing(&report).contains(&format!("\nwarning          {wanted}\n")), "{}", closing(&report));
        let page = super::super::html::page(&report, std::path::Path::new("none")).into_string();
        assert!(page.contains("was to be reviewed by 2020-01-01"));
    }

    #[test]
    fn a_reason_keeps_its_cause_however_long_it_is() {
        let mut case = CaseResult::new(&CaseKey::new("a", "host"), Verdict::Broken);
        let cause = "Too many open files (os error 24)";
        for length in [300, 5_000, 100_000] {
            case.reason = Some(format!("cannot probe {}: {cause}", "x".repeat(length)));
            let text = failure(&case, "1", "out");
            let first = text.lines().next().unwrap();
            assert!(first.starts_with("cannot probe x") && first.ends_with(cause), "{first}");
            assert!(first.len() < 5_000);
        }
    }

    #[test]
    fn of_several_platforms_the_closing_says_which() {
        let report = super::super::sample::on_platforms(12, &["host", "apt"]);
        let text = closing(&report);
        let failed: Vec<&str> = text.lines().filter(|line| line.starts_with("failed ")).collect();
        assert!(!failed.is_empty() && failed.iter().all(|line| line.contains(" @")), "{text}");
    }

    #[test]
    fn many_that_fail_alike_are_told_once_with_what_they_share() {
        let mut report = super::super::sample::report(24);
        for case in &mut report.cases {
            let nvme = case.axes.get("disk").is_some_and(|disk| disk == "nvme");
            case.verdict = if nvme { Verdict::Failed } else { Verdict::Passed };
            case.reason = nvme.then(|| format!("expected \"{}\" booted, saw nothing", case.id));
            (case.known_issue, case.end) = (None, None);
        }
        let failed = report.cases.iter().filter(|case| case.verdict == Verdict::Failed).count();
        assert!(failed > alike::TOLD_ONE_BY_ONE, "{failed}");
        let text = closing(&report);
        assert_eq!(text.lines().filter(|line| line.starts_with("failed ")).count(), 1, "{text}");
        let wanted = format!("and {} more like it: ", failed - 1);
        let shared = format!("; all {failed} share disk=nvme, and no pass has it\n");
        assert!(text.contains(&wanted) && text.contains(&shared), "{text}");
        assert_eq!(text.matches("disk=nvme").count(), 1, "{text}");
    }

    #[test]
    fn the_closing_names_what_needs_attention_and_nothing_else() {
        let text = closing(&super::super::sample::report(12));
        assert!(text.contains("failed           boot_order::"), "{text}");
        assert!(!text.contains("\npassed"), "{text}");
        assert!(text.lines().last().unwrap().starts_with("12 cases on host"), "{text}");
    }
}
