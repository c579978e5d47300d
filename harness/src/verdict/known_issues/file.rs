//! The text of `cases/known-issues.toml`, checked key by key.
//!
//! Owns the file's format and the line numbers of its errors. Unknown keys are refused: a misspelt `fails` would
//! otherwise turn every failure of a case green.

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::fails_as::{AttemptPattern, BootedAs, FailsAs, Pattern, StaleAs};
use crate::trace::Outcome;

use super::glob::CaseGlob;
use super::issue::{Affected, KnownIssue};
use super::version::VersionRange;

/// The kinds of firmware that ranges may name, spelt as in the report.
pub const FIRMWARE_KINDS: [&str; 8] =
    ["seabios", "ovmf", "aavmf", "riscvvirt", "loongarchvirt", "s390-ccw", "slof", "ipxe"];

/// Why a known-issues file was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("known issue{}: {problem}\n  in: {file} line {line}\n  fix: {fix}", .issue.as_ref().map(|id| format!(" {id:?}")).unwrap_or_default())]
pub struct KnownIssuesError {
    /// The entry's id, where it has come that far.
    pub issue: Option<String>,
    /// What was found and what was wanted.
    pub problem: String,
    /// The file as it was named by the caller.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What to do.
    pub fix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    issue: Vec<Spanned<RawIssue>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIssue {
    id: Spanned<String>,
    title: Spanned<String>,
    link: Spanned<String>,
    cases: Spanned<Vec<Spanned<String>>>,
    review: Spanned<toml::value::Datetime>,
    affected: RawAffected,
    fails: Spanned<RawFails>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAffected {
    qemu: Spanned<String>,
    seabios: Option<Spanned<String>>,
    ovmf: Option<Spanned<String>>,
    aavmf: Option<Spanned<String>>,
    riscvvirt: Option<Spanned<String>>,
    loongarchvirt: Option<Spanned<String>>,
    #[serde(rename = "s390-ccw")]
    s390_ccw: Option<Spanned<String>>,
    slof: Option<Spanned<String>>,
    ipxe: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawFails {
    booted: Option<Spanned<toml::Value>>,
    terminal: Option<Spanned<String>>,
    attempts: Option<Vec<RawAttempt>>,
    stale_bootorder: Option<RawStale>,
    qemu_signal: Option<i32>,
    reason_matches: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawStale {
    lines: Option<usize>,
    first: Option<Spanned<String>>,
    asked_first: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAttempt {
    target: Option<Spanned<String>>,
    medium: Option<Spanned<String>>,
    outcome: Option<Spanned<String>>,
}

/// Reads and checks the whole file.
pub(super) fn parse(text: &str, name: &str) -> Result<Vec<KnownIssue>, KnownIssuesError> {
    let source = Source { text, name };
    let raw: RawFile = toml::from_str(text).map_err(|error| source.toml_error(&error))?;
    let mut issues: Vec<KnownIssue> = Vec::with_capacity(raw.issue.len());
    for entry in raw.issue {
        let issue = source.issue(entry)?;
        if let Some(earlier) = issues.iter().find(|earlier| earlier.id == issue.id) {
            let problem = format!("the id is given twice, first in line {}", earlier.line);
            let at = At { line: issue.line, issue: Some(&issue.id) };
            return Err(source.error(at, problem, "give each entry an id of its own, or merge the two".into()));
        }
        issues.push(issue);
    }
    Ok(issues)
}

struct Source<'a> {
    text: &'a str,
    name: &'a str,
}

#[derive(Clone, Copy)]
struct At<'a> {
    line: usize,
    issue: Option<&'a str>,
}

impl Source<'_> {
    fn issue(&self, entry: Spanned<RawIssue>) -> Result<KnownIssue, KnownIssuesError> {
        let line = self.line(entry.span().start);
        let raw = entry.into_inner();
        let id = raw.id.get_ref().as_str();
        let at = |offset: usize| At { line: self.line(offset), issue: Some(id) };

        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if id.is_empty() || !id.chars().all(plain) {
            let problem = "the id is not made of a-z, 0-9 and \"-\"".to_owned();
            return Err(self.error(
                at(raw.id.span().start),
                problem,
                "choose a short name such as \"prelaunch-bootorder\"".into(),
            ));
        }
        if raw.title.get_ref().trim().is_empty() || raw.title.get_ref().contains('\n') {
            let problem = "the title is not one line of text".to_owned();
            return Err(self.error(at(raw.title.span().start), problem, "say in one line what is wrong".into()));
        }
        let link = raw.link.get_ref();
        if !(link.starts_with("https://") || link.starts_with("http://")) {
            let problem = format!("the link {link:?} is not a web address");
            return Err(self.error(
                at(raw.link.span().start),
                problem,
                "link the report that readers can follow".into(),
            ));
        }
        if raw.cases.get_ref().is_empty() {
            let problem = "it names no cases".to_owned();
            return Err(self.error(at(raw.cases.span().start), problem, "list the case ids that it makes fail".into()));
        }
        let mut cases = Vec::new();
        for pattern in raw.cases.get_ref() {
            let glob = CaseGlob::parse(pattern.get_ref()).map_err(|error| {
                self.error(at(pattern.span().start), error.to_string(), "correct the pattern".into())
            })?;
            cases.push(glob);
        }
        let review = match raw.review.get_ref() {
            toml::value::Datetime { date: Some(date), time: None, offset: None } => {
                civil_date(*date).ok_or_else(|| format!("the review date {date} is not in the calendar"))
            }
            other => Err(format!("the review date {other} is not a plain date")),
        }
        .map_err(|problem| {
            self.error(
                at(raw.review.span().start),
                problem,
                "write year-month-day without quotes, for example 2027-03-01".into(),
            )
        })?;
        let affected = self.affected(&raw.affected, id)?;
        let fails_at = at(raw.fails.span().start);
        let fails = self.fails(raw.fails.get_ref(), id)?;
        if fails.is_empty() {
            let problem = "it states no way to fail, so any failure would be expected".to_owned();
            let fix = "state booted, terminal, attempts, stale-bootorder, qemu-signal or reason-matches under fails"
                .to_owned();
            return Err(self.error(fails_at, problem, fix));
        }
        Ok(KnownIssue {
            id: id.to_owned(),
            title: raw.title.get_ref().clone(),
            link: link.clone(),
            affected,
            cases,
            fails,
            review,
            line,
        })
    }

    fn affected(&self, raw: &RawAffected, id: &str) -> Result<Affected, KnownIssuesError> {
        let range = |text: &Spanned<String>| -> Result<VersionRange, KnownIssuesError> {
            text.get_ref().parse().map_err(|error: super::RangeError| {
                let at = At { line: self.line(text.span().start), issue: Some(id) };
                self.error(at, error.to_string(), "write bounds such as \">=2.0, <12\", or \"*\"".into())
            })
        };
        let given = [
            &raw.seabios,
            &raw.ovmf,
            &raw.aavmf,
            &raw.riscvvirt,
            &raw.loongarchvirt,
            &raw.s390_ccw,
            &raw.slof,
            &raw.ipxe,
        ];
        let mut firmware = Vec::new();
        for (kind, text) in FIRMWARE_KINDS.into_iter().zip(given) {
            if let Some(text) = text {
                firmware.push((kind.to_owned(), range(text)?));
            }
        }
        Ok(Affected { qemu: range(&raw.qemu)?, firmware })
    }

    fn fails(&self, raw: &RawFails, id: &str) -> Result<FailsAs, KnownIssuesError> {
        let booted = match &raw.booted {
            None => None,
            Some(value) => Some(match value.get_ref() {
                toml::Value::Boolean(false) => BootedAs::Nothing,
                toml::Value::String(name) if !name.is_empty() => BootedAs::Medium(name.clone()),
                other => {
                    let at = At { line: self.line(value.span().start), issue: Some(id) };
                    let problem = format!("booted is {other}, wanted a medium's name or false");
                    return Err(self.error(at, problem, "write booted = \"name\", or booted = false for none".into()));
                }
            }),
        };
        let attempts = match &raw.attempts {
            None => None,
            Some(list) => Some(list.iter().map(|attempt| self.attempt(attempt, id)).collect::<Result<Vec<_>, _>>()?),
        };
        Ok(FailsAs {
            booted,
            terminal: raw.terminal.as_ref().map(|text| text.get_ref().clone()),
            attempts,
            stale_bootorder: raw.stale_bootorder.as_ref().map(|stale| self.stale(stale, id)).transpose()?,
            qemu_signal: raw.qemu_signal,
            reason_matches: self.pattern(raw.reason_matches.as_ref(), id)?,
        })
    }

    fn stale(&self, raw: &RawStale, id: &str) -> Result<StaleAs, KnownIssuesError> {
        Ok(StaleAs {
            lines: raw.lines,
            first: self.pattern(raw.first.as_ref(), id)?,
            asked_first: self.pattern(raw.asked_first.as_ref(), id)?,
        })
    }

    fn attempt(&self, raw: &RawAttempt, id: &str) -> Result<AttemptPattern, KnownIssuesError> {
        let outcome = raw.outcome.as_ref().map(|named| self.outcome(named, id)).transpose()?;
        Ok(AttemptPattern {
            target: self.pattern(raw.target.as_ref(), id)?,
            medium: raw.medium.as_ref().map(|text| text.get_ref().clone()),
            outcome,
        })
    }

    fn outcome(&self, named: &Spanned<String>, id: &str) -> Result<Outcome, KnownIssuesError> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == named.get_ref()).ok_or_else(|| {
            let at = At { line: self.line(named.span().start), issue: Some(id) };
            let names = Outcome::ALL.map(Outcome::name).join(", ");
            let problem = format!("attempt outcome {:?} is not one of {names}", named.get_ref());
            self.error(at, problem, "use the report's word".into())
        })
    }

    fn pattern(&self, text: Option<&Spanned<String>>, id: &str) -> Result<Option<Pattern>, KnownIssuesError> {
        let Some(text) = text else { return Ok(None) };
        Pattern::new(text.get_ref()).map(Some).map_err(|error| {
            let at = At { line: self.line(text.span().start), issue: Some(id) };
            let cause = error.to_string();
            let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let problem = format!("{:?} is not a regular expression: {cause}", text.get_ref());
            self.error(at, problem, "escape what is meant literally with \\".into())
        })
    }

    fn toml_error(&self, error: &toml::de::Error) -> KnownIssuesError {
        let line = self.line(error.span().map_or(0, |span| span.start));
        let problem = error.message().lines().collect::<Vec<_>>().join(" ");
        let fix = "an entry is [[issue]] with id, title, link, cases, review, affected and fails".to_owned();
        self.error(At { line, issue: None }, problem, fix)
    }

    fn error(&self, at: At<'_>, problem: String, fix: String) -> KnownIssuesError {
        let (issue, file) = (at.issue.filter(|id| !id.is_empty()).map(str::to_owned), self.name.to_owned());
        KnownIssuesError { issue, problem, file, line: at.line, fix }
    }

    /// Line of a byte offset, from 1.
    fn line(&self, offset: usize) -> usize {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    }
}

fn civil_date(date: toml::value::Date) -> Option<Date> {
    let year = i16::try_from(date.year).ok()?;
    Date::new(year, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
}
