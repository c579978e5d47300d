//! One report out of the reports of several shards.
//!
//! Everything is read and checked before anything is written, and nothing that is read is ever opened for writing. The
//! whole is built in a directory beside the target, which gets its name when it is complete.

mod error;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::json::assemble;
use super::{CaseResult, KnownIssueInfo, PlatformInfo, Report, Selection, Shard};
pub use error::MergeError;
use store::Move;
pub use store::Naming;

/// A report that was read, and where.
type Part<'a> = (&'a Path, Report);

/// Merges the reports in `shards` (their output directories) into `out_dir`: one report in all its forms, with copies of the
/// evidence. A skipped case is one too many where `strict` says so, or one of the parts.
///
/// `out_dir` must not exist, or be empty, and must not lie in a shard or hold one. Symbolic links in evidence are left
/// out. Paths stay as they are, except that cases of several platforms get the platform's folder in front.
///
/// # Errors
/// [`MergeError`] if a report is missing or damaged, says something else about the run than the others, a shard or a case
/// is missing, is there twice or belongs elsewhere, the evidence of one that was run is gone, or a file cannot be read or written. Nothing is left at `out_dir` then.
pub fn merge(out_dir: &Path, shards: &[PathBuf], strict: bool) -> Result<Report, MergeError> {
    merge_named_by(out_dir, shards, strict, &|from, to| std::fs::rename(from, to))
}

/// [`merge`], whose last step, giving the whole its name, is the caller's: who may be ended meanwhile makes it one that is done
/// or not done.
///
/// # Errors
/// Those of [`merge`]; that of `name` as one of writing.
pub fn merge_named_by(
    out_dir: &Path,
    shards: &[PathBuf],
    strict: bool,
    name: Naming<'_>,
) -> Result<Report, MergeError> {
    store::check_target(out_dir, shards)?;
    let mut parts = Vec::new();
    for shard in shards {
        parts.push((shard.as_path(), Report::load(&shard.join("report.json"))?));
    }
    let selection = one_run(&parts)?;
    let missing = missing_shards(&parts)?;
    let mut run = whole_run(&parts, selection)?;
    run.run = store::name_of(out_dir);
    run.strict |= strict;
    let (cases, moves) = cases(&parts, &run, missing)?;
    evidence_is_there(&parts)?;
    let report = assemble(run, cases);
    store::store(out_dir, &report, &moves, name)?;
    Ok(report)
}

/// The folder in which the whole is built. Whoever may be ended meanwhile takes it away then.
pub fn unfinished(out_dir: &Path) -> PathBuf {
    store::beside(&store::real(out_dir))
}

/// What the run was, taken from its parts.
fn whole_run(parts: &[Part], selection: Selection) -> Result<Report, MergeError> {
    let (_, first) = parts.first().ok_or(MergeError::Nothing)?;
    let reports = || parts.iter().map(|(_, report)| report);
    let mut run = Report::new(first.run.clone());
    run.started = reports().map(|report| report.started.clone()).min().unwrap_or_default();
    run.wall_seconds = reports().map(|report| report.wall_seconds).fold(0.0, f64::max);
    run.jobs = reports().fold(0, |jobs: u32, report| jobs.saturating_add(report.jobs));
    run.host = first.host.clone();
    run.suite = first.suite.clone();
    run.strict = reports().any(|report| report.strict);
    // every result names its own; one for the whole is claimed only where it is true
    run.seed = first.seed.filter(|_| reports().all(|report| report.seed == first.seed));
    run.selection = Some(selection);
    let issues = reports().flat_map(|report| &report.known_issues);
    let issues: BTreeMap<String, KnownIssueInfo> = issues.map(|issue| (issue.id.clone(), issue.clone())).collect();
    run.known_issues = issues.into_values().collect();
    let warnings: BTreeSet<&String> = reports().flat_map(|report| &report.warnings).collect();
    run.warnings = warnings.into_iter().cloned().collect();
    run.platforms = same_platforms(parts)?;
    Ok(run)
}

/// Holds the parts to be of one selection of one suite, and gives that.
fn one_run(parts: &[Part]) -> Result<Selection, MergeError> {
    let (first_dir, first) = parts.first().ok_or(MergeError::Nothing)?;
    let told = |dir: &Path, report: &Report| {
        let selection = report.selection.clone().zip(report.suite.clone());
        selection.ok_or_else(|| MergeError::Foreign { shard: dir.to_path_buf() })
    };
    let (selection, suite) = told(first_dir, first)?;
    for (dir, report) in parts {
        let (other, other_suite) = told(dir, report)?;
        let differs = |what: &'static str, one: String, other: String| MergeError::Differs {
            what,
            one,
            other,
            first: first_dir.to_path_buf(),
            second: dir.to_path_buf(),
        };
        if other_suite != suite {
            return Err(differs("suite", suite, other_suite));
        }
        if other != selection {
            return Err(differs("selection", selection.to_string(), other.to_string()));
        }
        let parts_of = |report: &Report| report.shard.map_or(1, Shard::n);
        if parts_of(report) != parts_of(first) {
            return Err(differs("number of shards", parts_of(first).to_string(), parts_of(report).to_string()));
        }
    }
    Ok(selection)
}

/// Holds each platform to have no shard twice, and says which it does not have; such a one may hold no case.
fn missing_shards(parts: &[Part]) -> Result<BTreeMap<String, String>, MergeError> {
    let mut given: BTreeMap<&str, BTreeMap<Shard, &Path>> = BTreeMap::new();
    for (dir, report) in parts {
        let Some(shard) = report.shard else { continue };
        for platform in &report.platforms {
            if let Some(first) = given.entry(&platform.name).or_default().insert(shard, dir) {
                return Err(MergeError::ShardTwice {
                    shard,
                    platform: platform.name.clone(),
                    first: first.to_path_buf(),
                    second: dir.to_path_buf(),
                });
            }
        }
    }
    let mut missing_of = BTreeMap::new();
    for (platform, shards) in given {
        let n = shards.keys().next().map_or(1, |shard| shard.n());
        let missing = (1..=n).filter_map(|k| Shard::new(k, n)).filter(|shard| !shards.contains_key(shard));
        // a foreign report may claim four thousand million shards
        let missing: Vec<String> = missing.take(8).map(|shard| shard.to_string()).collect();
        if !missing.is_empty() {
            let more = n as usize - shards.len() - missing.len();
            let missing = missing.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() };
            missing_of.insert(platform.to_owned(), missing);
        }
    }
    Ok(missing_of)
}

/// All cases with their new places, held to be those that were selected.
fn cases(
    parts: &[Part],
    run: &Report,
    mut missing: BTreeMap<String, String>,
) -> Result<(Vec<CaseResult>, Vec<Move>), MergeError> {
    let several = run.platforms.len() > 1;
    let mut seen: BTreeMap<(&str, &str, Option<u32>), &Path> = BTreeMap::new();
    let (mut moves, mut cases) = (Vec::new(), Vec::new());
    for (dir, report) in parts {
        for case in &report.cases {
            if let Some(shard) = report.shard.filter(|shard| !shard.holds(&case.id)) {
                return Err(MergeError::Stray { case: case.id.clone(), dir: dir.to_path_buf(), shard });
            }
            if let Some(first) = seen.insert((&case.platform, &case.id, case.round), dir) {
                return Err(MergeError::Duplicate {
                    case: case.id.clone(),
                    platform: case.platform.clone(),
                    first: first.to_path_buf(),
                    second: dir.to_path_buf(),
                });
            }
            let mut merged = case.clone();
            let mut key = case.key();
            key.several_platforms |= several;
            merged.evidence = key.evidence();
            moves.push((dir.join(&case.evidence), merged.evidence.clone()));
            cases.push(merged);
        }
    }
    for platform in &run.platforms {
        let of_platform =
            || seen.keys().filter(|(name, ..)| *name == platform.name).map(|(_, id, round)| (*id, *round));
        if let Some(selection) = run.selection.as_ref().filter(|selection| !selection.is_of(of_platform())) {
            let name = platform.name.clone();
            if let Some(missing) = missing.remove(&name) {
                return Err(MergeError::ShardMissing { platform: name, missing });
            }
            return Err(MergeError::OtherCases {
                platform: name,
                found: of_platform().count() as u64,
                wanted: selection.cases.saturating_mul(u64::from(selection.repeat.max(1))),
            });
        }
    }
    Ok((cases, moves))
}

/// Holds every case that was run to have its evidence; one that the run did not come to may have left none.
fn evidence_is_there(parts: &[Part]) -> Result<(), MergeError> {
    for (dir, report) in parts {
        let ran = report.cases.iter().filter(|case| case.was_run());
        let mut gone = ran.filter(|case| !dir.join(&case.evidence).is_dir());
        if let Some(first) = gone.next() {
            return Err(MergeError::EvidenceGone {
                shard: dir.to_path_buf(),
                case: first.id.clone(),
                folder: dir.join(&first.evidence),
                others: gone.count(),
            });
        }
    }
    Ok(())
}

fn same_platforms(parts: &[Part]) -> Result<Vec<PlatformInfo>, MergeError> {
    let mut platforms: BTreeMap<&str, (&Path, &PlatformInfo)> = BTreeMap::new();
    for (dir, report) in parts {
        for platform in &report.platforms {
            let (first, known) = *platforms.entry(&platform.name).or_insert((dir, platform));
            if digests(known) != digests(platform) {
                let in_short = |platform: &PlatformInfo| {
                    format!("QEMU {} {}", platform.qemu.version, platform.qemu.sha256.get(..12).unwrap_or_default())
                };
                return Err(MergeError::Platform {
                    name: platform.name.clone(),
                    one: in_short(known),
                    other: in_short(platform),
                    first: first.to_path_buf(),
                    second: dir.to_path_buf(),
                });
            }
        }
    }
    Ok(platforms.into_values().map(|(_, platform)| platform.clone()).collect())
}

/// Paths may differ between hosts; what they hold may not.
fn digests(platform: &PlatformInfo) -> Vec<&str> {
    let mut digests: Vec<&str> = platform.firmware.iter().map(|file| file.sha256.as_str()).collect();
    digests.sort_unstable();
    digests.insert(0, &platform.qemu.sha256);
    digests
}

#[cfg(test)]
mod tests;
