//! `junit.xml`: one suite per platform, in the dialect that CI servers read.
//!
//! `failed` and `unexpected-pass` are failures, `broken` is an error, `skipped` is skipped with its reason, and
//! `expected-failure` is skipped with its known issue (in a strict run a skip is a failure, too): a CI server that knows no expected failures shows neither red
//! nor a green that it is not.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::folder::write_bytes_atomically;
use super::{CaseResult, PlatformInfo, Report, ReportError, Verdict, text};

/// Writes the report as JUnit XML; `out_dir` is the run's output directory as a reader would type it.
///
/// # Errors
/// [`ReportError::Write`].
pub fn store(report: &Report, path: &Path, out_dir: &str) -> Result<(), ReportError> {
    let mut bytes = Vec::new();
    let document = document(report, out_dir);
    document.serialize(&mut bytes).map_err(|error| ReportError::write(path, std::io::Error::other(error)))?;
    write_bytes_atomically(path, &bytes)
}

fn document(report: &Report, out_dir: &str) -> quick_junit::Report {
    let mut by_platform: BTreeMap<&str, Vec<&CaseResult>> = BTreeMap::new();
    for case in &report.cases {
        by_platform.entry(&case.platform).or_default().push(case);
    }
    let mut document = quick_junit::Report::new(format!("bootwright {}", text::printable(&report.run)));
    document.set_time(seconds(report.wall_seconds));
    for (name, cases) in by_platform {
        let mut suite = TestSuite::new(text::printable(name));
        suite.set_time(seconds(cases.iter().map(|case| case.wall_seconds).sum()));
        suite.add_property(Property::new("started", report.started.as_str()));
        suite.add_property(Property::new("run", text::printable(&report.run)));
        suite.add_property(Property::new("host.os", text::printable(&report.host.os)));
        if let Some(platform) = report.platforms.iter().find(|platform| platform.name == name) {
            add_versions(&mut suite, platform);
        }
        suite.add_test_cases(cases.into_iter().map(|case| test_case(case, report, out_dir)));
        document.add_test_suite(suite);
    }
    document
}

fn add_versions(suite: &mut TestSuite, platform: &PlatformInfo) {
    let mut add = |name: &str, value: &str| {
        suite.add_property(Property::new(name.to_string(), text::printable(value)));
    };
    add("qemu.version", &platform.qemu.version);
    add("qemu.sha256", &platform.qemu.sha256);
    for firmware in &platform.firmware {
        let file = firmware.file.rsplit('/').next().unwrap_or_default();
        let prefix = format!("{}.{file}", firmware.kind.word());
        add(&format!("{prefix}.version"), &firmware.version);
        add(&format!("{prefix}.sha256"), &firmware.sha256);
    }
}

fn test_case(case: &CaseResult, report: &Report, out_dir: &str) -> TestCase {
    let (group, name) = case.id.rsplit_once("::").unwrap_or(("bootwright", &case.id));
    let round = case.round.map(|round| format!(" (round {round})")).unwrap_or_default();
    let mut test = TestCase::new(text::printable(name) + &round, status(case, report, out_dir));
    test.set_classname(text::printable(&group.replace("::", ".")));
    test.set_time(seconds(case.wall_seconds));
    test.add_property(Property::new("id", text::printable(&case.id)));
    test.add_property(Property::new("verdict", case.verdict.word()));
    for (axis, value) in &case.axes {
        test.add_property(Property::new(format!("axis.{}", text::printable(axis)), text::printable(value)));
    }
    if let Some((file, line)) = case.source.as_deref().and_then(|source| source.rsplit_once(':')) {
        test.extra.insert("file".into(), text::printable(file).into());
        test.extra.insert("line".into(), text::printable(line).into());
    }
    if let Some(about) = &case.about {
        test.add_property(Property::new("about", text::printable(about)));
    }
    if let Some(booted) = &case.booted {
        test.add_property(Property::new("booted", text::printable(booted)));
    }
    if !case.never_begun {
        let evidence = text::printable(&case.evidence);
        test.set_system_out(format!("evidence: {}/{evidence}/", out_dir.trim_end_matches('/')));
    }
    test
}

fn status(case: &CaseResult, report: &Report, out_dir: &str) -> TestCaseStatus {
    let kind = match case.verdict {
        Verdict::Passed => return TestCaseStatus::success(),
        Verdict::Skipped if report.strict => NonSuccessKind::Failure,
        Verdict::Skipped | Verdict::ExpectedFailure => {
            let mut status = TestCaseStatus::skipped();
            let issue = case.known_issue.iter().map(|id| format!("known issue {}: ", text::printable(id)));
            status.set_message(issue.collect::<String>() + &reason(case));
            status.set_type(case.verdict.word());
            return status;
        }
        Verdict::Failed | Verdict::UnexpectedPass => NonSuccessKind::Failure,
        Verdict::Broken => NonSuccessKind::Error,
    };
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(reason(case));
    status.set_type(case.verdict.word());
    status.set_description(text::failure(case, &report.run, out_dir));
    status
}

fn reason(case: &CaseResult) -> String {
    case.reason.as_deref().map_or_else(|| "no reason given".into(), text::reason)
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn xml(count: usize) -> String {
        let mut bytes = Vec::new();
        document(&sample::report(count), "target/bootwright/0007").serialize(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn counts_of_the_suite_are_those_of_the_report() {
        let totals = sample::report(200).totals;
        let xml = xml(200);
        let counts = format!(
            "tests=\"200\" skipped=\"{}\" errors=\"{}\" failures=\"{}\"",
            totals.skipped + totals.expected_failure,
            totals.broken,
            totals.failed + totals.unexpected_pass
        );
        let suite = xml.lines().find(|line| line.contains("<testsuite ")).unwrap();
        let seen: Vec<&str> = counts.split(' ').filter(|count| suite.contains(count)).collect();
        assert_eq!(seen.join(" "), counts, "{suite}");
    }

    #[test]
    fn hostile_text_stays_text() {
        let xml = xml(12);
        assert!(xml.contains("&lt;script&gt;") && !xml.contains("<script>"));
        assert!(xml.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{fffe}'));
    }

    #[test]
    fn another_parser_finds_it_well_formed() {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let child = Command::new("xmllint").args(["--noout", "-"]).stdin(Stdio::piped()).spawn();
        let mut child = match child {
            Err(error) if std::env::var_os("CI").is_none() => {
                eprintln!("not held to xmllint: {error}");
                return;
            }
            child => child.unwrap(),
        };
        child.stdin.take().unwrap().write_all(xml(200).as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
}
