//! Whether platforms can be signed off: the report of one run, held to a profile.
//!
//! ```
//! use bootwright::report::qualify::Profile;
//!
//! let profile = Profile::parse("platforms = [\"debian:bookworm\", \"debian:sid\"]\nrequired = [\"pxe\"]\n")?;
//! assert_eq!(profile.platforms.len(), 2);
//! assert!(Profile::parse("platform = \"host\"").is_err());
//! # Ok::<(), String>(())
//! ```

mod cover;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::compare::compare;
use super::text::{counts, printable};
use super::{CaseResult, Report, Totals, Verdict};
use crate::case::Suite;
use crate::verdict::known_issues::CaseGlob;

pub use cover::store;

/// What is to be signed off, and what is allowed to stand in the way.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// The platforms, by the names that `--platform` takes.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// How much runs; default: the default suite.
    pub suite: Option<Suite>,
    /// Only cases whose id contains one of these words.
    #[serde(default)]
    pub filters: Vec<String>,
    /// Groups, the first word of ids, of which no case may be skipped.
    #[serde(default)]
    pub required: Vec<String>,
    /// The report, or output directory, of an earlier qualification: none of its cases may be gone.
    pub baseline: Option<PathBuf>,
    /// Failures that are accepted for now.
    #[serde(default, rename = "waiver")]
    pub waivers: Vec<Waiver>,
}

/// Failures that are accepted until a date.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Whole ids; `*` stands for any characters, `{a,b}` for one of several.
    pub cases: Vec<String>,
    /// The platform on which they may fail; default: every one.
    pub platform: Option<String>,
    /// Why that is accepted.
    pub reason: String,
    /// Where it is discussed.
    pub link: String,
    /// When it is to be looked at again: from the day after on it is overdue.
    pub review: toml::value::Datetime,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    ///
    /// What is wrong, and on which line.
    pub fn parse(text: &str) -> Result<Profile, String> {
        let profile: Profile = toml::from_str(text).map_err(|error| error.to_string())?;
        for waiver in &profile.waivers {
            if waiver.review.date.is_none() || waiver.review.time.is_some() {
                return Err(format!("review = {}: wanted a plain date, such as 2027-05-01", waiver.review));
            }
            if waiver.cases.is_empty() || waiver.reason.trim().is_empty() || waiver.link.trim().is_empty() {
                return Err("a waiver needs cases, a reason and a link".to_owned());
            }
            for pattern in &waiver.cases {
                CaseGlob::parse(pattern).map_err(|error| format!("cases = [\"{pattern}\"]: {error}"))?;
            }
        }
        Ok(profile)
    }
}

impl Waiver {
    fn covers(&self, case: &CaseResult) -> bool {
        let patterns = self.cases.iter().filter_map(|pattern| CaseGlob::parse(pattern).ok());
        self.platform.as_ref().is_none_or(|platform| *platform == case.platform)
            && patterns.into_iter().any(|pattern| pattern.matches(&case.id))
    }
}

/// What stands against signing off.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Objection {
    /// A case that is not as expected, and no waiver covers it.
    Case(Seen),
    /// A waiver whose review date has passed.
    Overdue {
        /// The waiver's reason.
        reason: String,
        /// The date.
        review: String,
    },
    /// A case of a required group was skipped.
    RequiredSkipped(Seen),
    /// No case of a required group ran on a platform.
    RequiredMissing {
        /// The group.
        group: String,
        /// The platform.
        platform: String,
    },
    /// The baseline has a case that this run has not.
    Gone {
        /// Id and platform.
        case: String,
    },
}

/// A case that is worth a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// Its id.
    pub case: String,
    /// Its platform.
    pub platform: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Its evidence, relative to the report.
    pub evidence: String,
}

impl Seen {
    fn of(case: &CaseResult) -> Seen {
        Seen {
            case: case.id.clone(),
            platform: case.platform.clone(),
            verdict: case.verdict,
            reason: case.reason.clone().unwrap_or_default(),
            evidence: case.evidence.clone(),
        }
    }
}

/// A waiver, and what it covered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waived {
    /// Why it is accepted.
    pub reason: String,
    /// Where it is discussed.
    pub link: String,
    /// When it is to be looked at again.
    pub review: String,
    /// That day has passed.
    pub overdue: bool,
    /// What failed under it; nothing: it can go.
    pub cases: Vec<Seen>,
}

/// Cases that were skipped for one reason on one platform.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Skips {
    /// The platform.
    pub platform: String,
    /// The reason.
    pub reason: String,
    /// How many.
    pub cases: u64,
}

/// The outcome of a qualification.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Qualification {
    /// Groups of cases in the order of the report, with one count a platform.
    pub matrix: Vec<(String, Vec<Totals>)>,
    /// The platforms, in the order of the run.
    pub platforms: Vec<String>,
    /// What stands against signing off; nothing: it can be signed.
    pub objections: Vec<Objection>,
    /// Every waiver of the profile.
    pub waivers: Vec<Waived>,
    /// What was skipped, and why.
    pub skipped: Vec<Skips>,
}

/// Holds a report to a profile. `today` is a date as `YYYY-MM-DD`.
pub fn qualify(report: &Report, profile: &Profile, baseline: Option<&Report>, today: &str) -> Qualification {
    let platforms: Vec<String> = report.platforms.iter().map(|platform| platform.name.clone()).collect();
    let mut objections = Vec::new();
    let mut waivers: Vec<Waived> = profile.waivers.iter().map(|waiver| waived(waiver, today)).collect();
    for case in report.cases.iter().filter(|case| !case.verdict.is_as_expected()) {
        match profile.waivers.iter().position(|waiver| waiver.covers(case)) {
            Some(place) => waivers[place].cases.push(Seen::of(case)),
            None => objections.push(Objection::Case(Seen::of(case))),
        }
    }
    for flake in &report.flakes {
        let case = report.cases.iter().find(|case| case.id == flake.id && case.platform == flake.platform);
        if let Some(case) = case.filter(|case| case.verdict.is_as_expected()) {
            let reason = format!("its repetitions disagree: {}", counts(&flake.totals));
            objections.push(Objection::Case(Seen { reason, ..Seen::of(case) }));
        }
    }
    let overdue = waivers.iter().filter(|waiver| waiver.overdue);
    objections.extend(
        overdue.map(|waiver| Objection::Overdue { reason: waiver.reason.clone(), review: waiver.review.clone() }),
    );
    for group in &profile.required {
        objections.extend(required(report, group, &platforms));
    }
    if let Some(baseline) = baseline {
        objections.extend(compare(baseline, report).gone.into_iter().map(|case| Objection::Gone { case }));
    }
    Qualification { matrix: matrix(report, &platforms), objections, waivers, skipped: skips(report), platforms }
}

fn waived(waiver: &Waiver, today: &str) -> Waived {
    let review = waiver.review.to_string();
    Waived {
        reason: waiver.reason.clone(),
        link: waiver.link.clone(),
        overdue: review.as_str() < today,
        review,
        cases: Vec::new(),
    }
}

fn group_of(case: &CaseResult) -> &str {
    let id = case.id.strip_prefix("control::").unwrap_or(&case.id);
    id.split("::").next().unwrap_or_default()
}

fn required(report: &Report, group: &str, platforms: &[String]) -> Vec<Objection> {
    let of_group = || report.cases.iter().filter(|case| group_of(case) == group);
    let skipped = of_group().filter(|case| case.verdict == Verdict::Skipped);
    let mut objections: Vec<Objection> = skipped.map(|case| Objection::RequiredSkipped(Seen::of(case))).collect();
    let missing = platforms.iter().filter(|platform| !of_group().any(|case| case.platform == **platform));
    objections.extend(
        missing.map(|platform| Objection::RequiredMissing { group: group.to_owned(), platform: platform.clone() }),
    );
    objections
}

fn matrix(report: &Report, platforms: &[String]) -> Vec<(String, Vec<Totals>)> {
    let mut rows: Vec<(String, Vec<Totals>)> = Vec::new();
    for case in &report.cases {
        let Some(column) = platforms.iter().position(|platform| *platform == case.platform) else { continue };
        let group = group_of(case);
        let place = rows.iter().position(|(known, _)| known == group).unwrap_or_else(|| {
            rows.push((group.to_owned(), vec![Totals::default(); platforms.len()]));
            rows.len() - 1
        });
        rows[place].1[column].add(case.verdict);
    }
    rows
}

fn skips(report: &Report) -> Vec<Skips> {
    let mut found: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for case in report.cases.iter().filter(|case| case.verdict == Verdict::Skipped) {
        *found.entry((&case.platform, case.reason.as_deref().unwrap_or_default())).or_default() += 1;
    }
    let skips = found.into_iter().map(|((platform, reason), cases)| Skips {
        platform: platform.to_owned(),
        reason: reason.to_owned(),
        cases,
    });
    skips.collect()
}

impl Qualification {
    /// 0: it can be signed off. 1: something stands against it. 2: nothing ran, or all that stands against it is broken.
    pub fn exit_code(&self) -> u8 {
        let is_broken =
            |objection: &Objection| matches!(objection, Objection::Case(Seen { verdict: Verdict::Broken, .. }));
        match self.objections.as_slice() {
            _ if self.matrix.is_empty() => 2,
            [] => 0,
            objections if objections.iter().all(is_broken) => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Objection::Case(Seen { case, platform, verdict, reason, .. }) => {
                write!(out, "{verdict}: {} on {}: {}", printable(case), printable(platform), printable(reason))
            }
            Objection::Overdue { reason, review } => {
                write!(out, "overdue since {}: waiver \"{}\"", printable(review), printable(reason))
            }
            Objection::RequiredSkipped(Seen { case, platform, reason, .. }) => {
                let (case, platform, reason) = (printable(case), printable(platform), printable(reason));
                write!(out, "required, but skipped: {case} on {platform}: {reason}")
            }
            Objection::RequiredMissing { group, platform } => {
                write!(out, "required, but not run: group {} on {}", printable(group), printable(platform))
            }
            Objection::Gone { case } => write!(out, "in the baseline, but not here: {case}"),
        }
    }
}

impl fmt::Display for Qualification {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (column, platform) in self.platforms.iter().enumerate() {
            writeln!(out, "{}", printable(platform))?;
            for (group, totals) in &self.matrix {
                writeln!(out, "  {:<14} {}", printable(group), counts(&totals[column]))?;
            }
        }
        for Skips { platform, reason, cases } in &self.skipped {
            writeln!(out, "skipped on {}: {cases} cases: {}", printable(platform), printable(reason))?;
        }
        for Waived { reason, review, cases, .. } in &self.waivers {
            writeln!(out, "waived until {}: {} cases: {}", printable(review), cases.len(), printable(reason))?;
        }
        for objection in &self.objections {
            writeln!(out, "against: {objection}")?;
        }
        match self.objections.len() {
            0 if !self.matrix.is_empty() => write!(out, "qualified: {}", self.platforms.join(", ")),
            count => write!(out, "not qualified: {count} objections"),
        }
    }
}

/// The report that a profile's baseline means: the file, or the one in that directory.
pub fn baseline_file(baseline: &Path) -> PathBuf {
    if baseline.is_dir() { baseline.join("report.json") } else { baseline.to_path_buf() }
}

#[cfg(test)]
mod tests;
