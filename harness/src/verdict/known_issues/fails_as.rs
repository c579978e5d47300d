//! The exact way in which a known issue makes a case fail, and its comparison with what a run showed.
//!
//! Every part that is stated must hold, parts that are not stated do not matter. Nothing here decides whether a case
//! failed at all.

use std::fmt;

use regex::Regex;
use serde::{Serialize, Serializer};

use crate::trace::Outcome;
use crate::verdict::views::{FwCfgList, Stale};

/// What a failed run showed, borrowed from its verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailureFacts<'a> {
    /// The medium whose payload ran, by name; `None` where none did.
    pub booted: Option<&'a str>,
    /// The firmware's terminal state as the report names it, for example `no-bootable-device`; `None` where it
    /// reached none.
    pub terminal: Option<&'a str>,
    /// Every attempt to boot, in order.
    pub attempts: &'a [AttemptFact<'a>],
    /// The lists in fw_cfg that did not hold what the machine asks for.
    pub stale: &'a [Stale],
    /// The signal that ended QEMU; `None` where it exited or ran on.
    pub qemu_signal: Option<i32>,
    /// The verdict's reason, as it stands in the report.
    pub reason: &'a str,
}

/// One attempt to boot, in the words of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptFact<'a> {
    /// The target as the firmware named it.
    pub target: &'a str,
    /// The medium behind it, where it is known.
    pub medium: Option<&'a str>,
    /// How it ended.
    pub outcome: Outcome,
}

/// The stated way to fail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailsAs {
    /// Which medium ran, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booted: Option<BootedAs>,
    /// The terminal state, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// The whole ordered list of attempts, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<AttemptPattern>>,
    /// In which way fw_cfg `bootorder` is stale, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_bootorder: Option<StaleAs>,
    /// The signal that ends QEMU, if stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qemu_signal: Option<i32>,
    /// A pattern to be found in the reason, if stated: for words of QEMU or firmware in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_matches: Option<Pattern>,
}

/// The stated winner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootedAs {
    /// No payload ran.
    Nothing,
    /// The payload of this medium ran.
    Medium(String),
}

/// One stated attempt; what is left out may be anything.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptPattern {
    /// A pattern to be found in the firmware's name of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Pattern>,
    /// The medium's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// A stated stale list; what is left out may be anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StaleAs {
    /// How many lines it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<usize>,
    /// A pattern to be found in its first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Pattern>,
    /// A pattern to be found in the first line that the machine asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_first: Option<Pattern>,
}

/// A regular expression, searched for anywhere unless it is anchored.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl FailsAs {
    /// Every stated part that the run contradicts, as `wanted ..., seen ...`; empty when the run failed in this way.
    pub fn differences(&self, facts: &FailureFacts<'_>) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(wanted) = &self.booted
            && !wanted.is(facts.booted)
        {
            let seen =
                facts.booted.map_or_else(|| "nothing booted".to_owned(), |medium| format!("medium {medium:?} booted"));
            found.push(format!("wanted {wanted}, seen: {seen}"));
        }
        if let Some(wanted) = &self.terminal
            && facts.terminal != Some(wanted)
        {
            found.push(format!("wanted terminal state {wanted:?}, seen: {}", facts.terminal.unwrap_or("none")));
        }
        if let Some(wanted) = &self.attempts {
            found.extend(attempt_differences(wanted, facts.attempts));
        }
        if let Some(wanted) = &self.stale_bootorder {
            let seen = facts.stale.iter().find(|stale| stale.list == FwCfgList::Bootorder);
            if !seen.is_some_and(|seen| wanted.is(seen)) {
                let seen = seen.map_or_else(|| "it was not".to_owned(), Stale::to_string);
                found.push(format!("wanted fw_cfg bootorder to be stale{wanted}, seen: {seen}"));
            }
        }
        if let Some(wanted) = self.qemu_signal
            && facts.qemu_signal != Some(wanted)
        {
            let seen = facts.qemu_signal.map_or_else(|| "none".to_owned(), |signal| format!("signal {signal}"));
            found.push(format!("wanted signal {wanted} to end QEMU, seen: {seen}"));
        }
        if let Some(wanted) = &self.reason_matches
            && !wanted.found_in(facts.reason)
        {
            found.push(format!("wanted a reason that matches /{wanted}/, seen: {:?}", facts.reason));
        }
        found
    }

    /// Whether nothing at all is stated, so that any failure would do.
    pub fn is_empty(&self) -> bool {
        let seen = self.booted.is_none() && self.terminal.is_none() && self.attempts.is_none();
        seen && self.stale_bootorder.is_none() && self.qemu_signal.is_none() && self.reason_matches.is_none()
    }
}

fn attempt_differences(wanted: &[AttemptPattern], seen: &[AttemptFact<'_>]) -> Vec<String> {
    if wanted.len() != seen.len() {
        let list: Vec<&str> = seen.iter().map(|attempt| attempt.target).collect();
        return vec![format!("wanted {} attempts, seen {}: {}", wanted.len(), seen.len(), list.join(", "))];
    }
    let pairs = wanted.iter().zip(seen).enumerate();
    pairs
        .filter(|(_, (wanted, seen))| !wanted.is(seen))
        .map(|(at, (wanted, seen))| {
            let medium = seen.medium.unwrap_or("none");
            format!("attempt {}: wanted {wanted}, seen: {} (medium {medium}) {}", at + 1, seen.target, seen.outcome)
        })
        .collect()
}

impl BootedAs {
    fn is(&self, booted: Option<&str>) -> bool {
        match self {
            Self::Nothing => booted.is_none(),
            Self::Medium(name) => booted == Some(name),
        }
    }
}

impl StaleAs {
    fn is(&self, seen: &Stale) -> bool {
        let found = |pattern: &Option<Pattern>, line: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| line.is_some_and(|line| pattern.found_in(line)))
        };
        self.lines.is_none_or(|lines| seen.seen.count() == lines)
            && found(&self.first, seen.seen.first())
            && found(&self.asked_first, seen.asked.first())
    }
}

impl AttemptPattern {
    fn is(&self, seen: &AttemptFact<'_>) -> bool {
        self.target.as_ref().is_none_or(|pattern| pattern.found_in(seen.target))
            && self.medium.as_deref().is_none_or(|name| seen.medium == Some(name))
            && self.outcome.is_none_or(|outcome| seen.outcome == outcome)
    }
}

impl Pattern {
    /// Compiles a regular expression (the `regex` crate's syntax, linear time).
    ///
    /// # Errors
    ///
    /// The compiler's own error where `text` is not a regular expression.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text).map(Self)
    }

    /// Whether the pattern occurs in `text`.
    pub(crate) fn found_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_str())
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl fmt::Display for StaleAs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(lines) = self.lines {
            write!(out, ", with {lines} lines")?;
        }
        if let Some(first) = &self.first {
            write!(out, ", first /{first}/")?;
        }
        match &self.asked_first {
            Some(asked) => write!(out, ", where the machine asks for /{asked}/ first"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for BootedAs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => out.write_str("that nothing boots"),
            Self::Medium(name) => write!(out, "medium {name:?} to boot"),
        }
    }
}

impl Serialize for BootedAs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_bool(false),
            Self::Medium(name) => serializer.serialize_str(name),
        }
    }
}

impl fmt::Display for AttemptPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Some(pattern) => write!(out, "/{pattern}/")?,
            None => out.write_str("any target")?,
        }
        if let Some(medium) = &self.medium {
            write!(out, " (medium {medium})")?;
        }
        match &self.outcome {
            Some(outcome) => write!(out, " {outcome}"),
            None => out.write_str(" with any outcome"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ATTEMPTS: [AttemptFact<'static>; 2] = [
        AttemptFact { target: "hard disk", medium: Some("decoy"), outcome: Outcome::Failed },
        AttemptFact { target: "floppy", medium: None, outcome: Outcome::Failed },
    ];

    fn facts() -> FailureFacts<'static> {
        FailureFacts {
            booted: None,
            terminal: Some("no-bootable-device"),
            attempts: &ATTEMPTS,
            stale: &[],
            qemu_signal: None,
            reason: "fw_cfg bootorder is stale: \"\"",
        }
    }

    fn nothing() -> FailsAs {
        FailsAs {
            booted: None,
            terminal: None,
            attempts: None,
            stale_bootorder: None,
            qemu_signal: None,
            reason_matches: None,
        }
    }

    fn attempt(target: Option<&str>, medium: Option<&str>, outcome: Option<Outcome>) -> AttemptPattern {
        AttemptPattern {
            target: target.map(|text| Pattern::new(text).unwrap()),
            medium: medium.map(str::to_owned),
            outcome,
        }
    }

    #[test]
    fn a_run_that_shows_every_stated_part_has_no_difference() {
        let stated = FailsAs {
            booted: Some(BootedAs::Nothing),
            terminal: Some("no-bootable-device".into()),
            attempts: Some(vec![
                attempt(Some("^hard disk$"), Some("decoy"), Some(Outcome::Failed)),
                attempt(None, None, None),
            ]),
            stale_bootorder: None,
            qemu_signal: None,
            reason_matches: Some(Pattern::new("bootorder is stale").unwrap()),
        };
        assert_eq!(stated.differences(&facts()), Vec::<String>::new());
    }

    #[rstest]
    #[case::winner(FailsAs { booted: Some(BootedAs::Medium("decoy".into())), ..nothing() },
        "wanted medium \"decoy\" to boot, seen: nothing booted")]
    #[case::terminal(FailsAs { terminal: Some("shell".into()), ..nothing() },
        "wanted terminal state \"shell\", seen: no-bootable-device")]
    #[case::too_few_attempts(FailsAs { attempts: Some(vec![attempt(None, None, None)]), ..nothing() },
        "wanted 1 attempts, seen 2: hard disk, floppy")]
    #[case::target(FailsAs { attempts: Some(vec![attempt(Some("CD"), None, None), attempt(None, None, None)]), ..nothing() },
        "attempt 1: wanted /CD/ with any outcome, seen: hard disk (medium decoy) failed")]
    #[case::medium(FailsAs { attempts: Some(vec![attempt(None, None, None), attempt(None, Some("right"), None)]), ..nothing() },
        "attempt 2: wanted any target (medium right) with any outcome, seen: floppy (medium none) failed")]
    #[case::outcome(FailsAs { attempts: Some(vec![attempt(None, None, Some(Outcome::Booted)), attempt(None, None, None)]), ..nothing() },
        "attempt 1: wanted any target booted, seen: hard disk (medium decoy) failed")]
    #[case::signal(FailsAs { qemu_signal: Some(11), ..nothing() }, "wanted signal 11 to end QEMU, seen: none")]
    #[case::reason(FailsAs { reason_matches: Some(Pattern::new("HALT").unwrap()), ..nothing() },
        "wanted a reason that matches /HALT/, seen: \"fw_cfg bootorder is stale: \\\"\\\"\"")]
    fn each_part_that_differs_is_named(#[case] stated: FailsAs, #[case] difference: &str) {
        assert_eq!(stated.differences(&facts()), [difference]);
    }

    #[rstest]
    #[case::that_one(Some(11), true)]
    #[case::another(Some(6), false)]
    #[case::none(None, false)]
    fn a_signal_that_ends_qemu_is_that_one(#[case] seen: Option<i32>, #[case] holds: bool) {
        let stated = FailsAs { qemu_signal: Some(11), ..nothing() };
        assert!(!stated.is_empty());
        assert_eq!(stated.differences(&FailureFacts { qemu_signal: seen, ..facts() }).is_empty(), holds);
    }

    #[test]
    fn a_winner_is_not_nothing() {
        let stated = FailsAs { booted: Some(BootedAs::Nothing), ..nothing() };
        let seen = FailureFacts { booted: Some("decoy"), ..facts() };
        assert_eq!(stated.differences(&seen), ["wanted that nothing boots, seen: medium \"decoy\" booted"]);
    }

    fn stale_as(lines: Option<usize>, first: Option<&str>, asked_first: Option<&str>) -> StaleAs {
        let pattern = |text: Option<&str>| text.map(|text| Pattern::new(text).unwrap());
        StaleAs { lines, first: pattern(first), asked_first: pattern(asked_first) }
    }

    #[rstest]
    #[case::in_any_way(stale_as(None, None, None), true)]
    #[case::as_it_is(stale_as(Some(1), Some("^/disk@"), Some("^/pci@")), true)]
    #[case::empty(stale_as(Some(0), None, None), false)]
    #[case::another_line(stale_as(None, Some("^/pci@"), None), false)]
    #[case::another_demand(stale_as(None, None, Some("^/disk@")), false)]
    fn a_stale_order_is_told_by_its_lines(#[case] wanted: StaleAs, #[case] holds: bool) {
        let stated = FailsAs { stale_bootorder: Some(wanted), ..nothing() };
        let list = |line: &str| [line].into_iter().collect();
        let (seen, asked) = (list("/disk@0,0"), list("/pci@i0cf8/scsi@3/disk@0,0"));
        let stale = [Stale { list: FwCfgList::Bootorder, seen, asked }];
        assert_eq!(stated.differences(&FailureFacts { stale: &stale, ..facts() }).is_empty(), holds);
        let geometry = stale.map(|stale| Stale { list: FwCfgList::BiosGeometry, ..stale });
        assert!(!stated.differences(&FailureFacts { stale: &geometry, ..facts() }).is_empty());
        assert!(!stated.differences(&facts()).is_empty());
    }
}
