//! Versions as emulators and firmware spell them, and ranges over them.
//!
//! QEMU says `7.2.22`, SeaBIOS `1.16.2-debian-1.16.2-1` or `rel-1.16.3-0-ga6ed6b701f0a`, Debian's OVMF
//! `2022.11-6+deb12u2`, edk2 itself `edk2-stable202211`. Only the numbers in front decide; what follows them is a
//! packager's and does not order. This module compares, it never asks a binary for its version.
//!
//! ```
//! use bootwright::verdict::known_issues::VersionRange;
//!
//! let range: VersionRange = ">=2.0, <11.2".parse()?;
//! assert!(range.contains("7.2.22") && !range.contains("11.2.0"));
//! # Ok::<(), bootwright::verdict::known_issues::RangeError>(())
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The numeric prefix of a version, most significant number first.
///
/// Missing numbers count as zero, so `10.0` equals `10.0.0`. A leading `v`, `rel-` or `edk2-stable` is skipped, and a
/// first number of six or eight digits is read as year, month and day (`edk2-stable202211` equals `2022.11`, `20240813-2`
/// equals `2024.8.13`). The date of a snapshot counts as one more number (`1.21.1+git20250317.42a29d56` equals
/// `1.21.1.20250317`).
#[derive(Clone, Debug)]
pub struct Version(Vec<u64>);

/// A union of intervals of versions, written `>=2.0, <10.0.14 || >=10.1, <11.2`.
///
/// A comma means *and*, `||` means *or*, `*` is every version, even one without a number. The operators `>=`, `>`,
/// `<=` and `<` compare numerically; `=7.2` means every version that begins with 7.2, such as 7.2.22.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionRange {
    text: String,
    alternatives: Vec<Vec<Bound>>,
}

/// Why a text is not a version range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Nothing between two separators, or nothing at all.
    #[error("version range {range:?} has an empty part: wanted \"*\" or bounds such as \">=2.0, <12\"")]
    EmptyPart {
        /// The whole range as written.
        range: String,
    },
    /// A part without an operator; guessing between "exactly" and "at least" would hide bugs.
    #[error("version bound {bound:?} has no operator: wanted one of >=, >, <=, <, = before the version")]
    NoOperator {
        /// The bound as written.
        bound: String,
    },
    /// A bound whose version is not made of numbers and dots.
    #[error(
        "version bound {bound:?} names no version: wanted numbers and dots after the operator, for example \">=7.2\""
    )]
    NoVersion {
        /// The bound as written.
        bound: String,
    },
    /// Bounds that exclude each other.
    #[error("version range {alternative:?} holds no version: its lower bound is not below its upper bound")]
    Empty {
        /// The alternative that can never hold.
        alternative: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
struct Bound {
    operator: Operator,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    AtLeast,
    Above,
    AtMost,
    Below,
    BeginsWith,
}

impl Version {
    /// Reads the numeric prefix of `text`; `None` where there is none (`unknown`, an empty string).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (digits, edk2_tag) = match text.strip_prefix("edk2-stable") {
            Some(rest) => (rest, true),
            None => (text.strip_prefix("rel-").or_else(|| text.strip_prefix('v')).unwrap_or(text), false),
        };
        let mut numbers = Vec::new();
        for part in digits.split('.') {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let Ok(number) = part[..end].parse::<u64>() else { break };
            numbers.push(number);
            if end < part.len() {
                numbers.extend(snapshot_date(&part[end..]));
                break;
            }
        }
        if let Some(&first) = numbers.first()
            && (edk2_tag || first >= 100_000)
            && (190_001..=999_912).contains(&first)
        {
            numbers.splice(0..1, [first / 100, first % 100]);
        } else if let Some(&first) = numbers.first()
            && (20_000_101..=99_991_231).contains(&first)
        {
            numbers.splice(0..1, [first / 10_000, first / 100 % 100, first % 100]);
        }
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    fn begins_with(&self, prefix: &Self) -> bool {
        (0..prefix.0.len()).all(|at| self.number(at) == prefix.number(at))
    }

    fn number(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.0.len().max(other.0.len());
        (0..longest)
            .map(|at| self.number(at).cmp(&other.number(at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl VersionRange {
    /// The range that holds every version, known or not.
    pub fn any() -> Self {
        Self { text: "*".to_owned(), alternatives: vec![Vec::new()] }
    }

    /// Whether the version that `text` begins with lies in the range. A text without a number lies only in `*`.
    pub fn contains(&self, text: &str) -> bool {
        let version = Version::parse(text);
        self.alternatives.iter().any(|bounds| match &version {
            Some(version) => bounds.iter().all(|bound| bound.admits(version)),
            None => bounds.is_empty(),
        })
    }
}

impl Bound {
    fn parse(text: &str) -> Result<Self, RangeError> {
        let operators = [
            (">=", Operator::AtLeast),
            ("<=", Operator::AtMost),
            (">", Operator::Above),
            ("<", Operator::Below),
            ("=", Operator::BeginsWith),
        ];
        let Some((operator, rest)) =
            operators.into_iter().find_map(|(sign, operator)| text.strip_prefix(sign).map(|rest| (operator, rest)))
        else {
            return Err(RangeError::NoOperator { bound: text.to_owned() });
        };
        let rest = rest.trim();
        let numeric = !rest.is_empty() && rest.split('.').all(|part| part.parse::<u64>().is_ok());
        match Version::parse(rest) {
            Some(version) if numeric => Ok(Self { operator, version }),
            _ => Err(RangeError::NoVersion { bound: text.to_owned() }),
        }
    }

    fn admits(&self, version: &Version) -> bool {
        match self.operator {
            Operator::AtLeast => version >= &self.version,
            Operator::Above => version > &self.version,
            Operator::AtMost => version <= &self.version,
            Operator::Below => version < &self.version,
            Operator::BeginsWith => version.begins_with(&self.version),
        }
    }
}

/// The date in `+git20250317...` or `+git-20190125...`.
fn snapshot_date(rest: &str) -> Option<u64> {
    let rest = rest.strip_prefix("+git")?;
    let digits = rest.strip_prefix('-').unwrap_or(rest).get(..8)?;
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Whether no version can satisfy all `bounds`; decided on the bounds' own versions and their closest neighbours.
fn contradictory(bounds: &[Bound]) -> bool {
    let mut probes = vec![Version(vec![0])];
    for bound in bounds {
        let mut above = bound.version.clone();
        above.0.resize(above.0.len().max(4) + 1, 0);
        above.0.push(1); // greater than the bound, yet below its next release
        probes.extend([bound.version.clone(), above]);
    }
    !probes.iter().any(|probe| bounds.iter().all(|bound| bound.admits(probe)))
}

impl FromStr for VersionRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let mut alternatives = Vec::new();
        for alternative in text.split("||") {
            let alternative = alternative.trim();
            if alternative == "*" {
                alternatives.push(Vec::new());
                continue;
            }
            let mut bounds = Vec::new();
            for bound in alternative.split(',').map(str::trim) {
                if bound.is_empty() {
                    return Err(RangeError::EmptyPart { range: text.to_owned() });
                }
                bounds.push(Bound::parse(bound)?);
            }
            if contradictory(&bounds) {
                return Err(RangeError::Empty { alternative: alternative.to_owned() });
            }
            alternatives.push(bounds);
        }
        Ok(Self { text: text.trim().to_owned(), alternatives })
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Serialize for VersionRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::qemu_micro("7.2.22", "7.2.3", Ordering::Greater)]
    #[case::missing_numbers_are_zero("10.0", "10.0.0", Ordering::Equal)]
    #[case::numbers_not_letters("10.0.2", "7.2.22", Ordering::Greater)]
    #[case::debian_ovmf("2022.11-6+deb12u2", "2025.02", Ordering::Less)]
    #[case::package_suffix_does_not_order("2022.11-6+deb12u2", "2022.11-1", Ordering::Equal)]
    #[case::debian_seabios("1.16.2-debian-1.16.2-1", "1.16.2", Ordering::Equal)]
    #[case::upstream_seabios("rel-1.16.3-0-ga6ed6b701f0a-prebuilt.qemu.org", "1.16.2", Ordering::Greater)]
    #[case::edk2_tag("edk2-stable202211", "2022.11-6+deb12u2", Ordering::Equal)]
    #[case::edk2_point_release("edk2-stable202408.01", "2024.8", Ordering::Greater)]
    #[case::fedora_ovmf("20240813-2.fc41", "2024.8", Ordering::Greater)]
    #[case::snapshots("1.21.1+git-20220113.fbbdc3926-0ubuntu2", "1.21.1+git20250501.dad20602+dfsg-1", Ordering::Less)]
    #[case::snapshot_after_its_tag("1.21.1+git20250501", "1.21.1", Ordering::Greater)]
    #[case::release_after_snapshot("2.0.0+dfsg-5", "1.21.1+git20250501", Ordering::Greater)]
    #[case::tag_with_v("v11.1.0", "11.1", Ordering::Equal)]
    #[case::release_candidate_counts_as_its_release("11.0.0-rc2", "11.0.0", Ordering::Equal)]
    fn versions_order_by_their_numbers(#[case] left: &str, #[case] right: &str, #[case] order: Ordering) {
        assert_eq!(Version::parse(left).unwrap().cmp(&Version::parse(right).unwrap()), order);
    }

    #[rstest]
    #[case("")]
    #[case("unknown")]
    #[case("edk2-stable")]
    #[case(".5")]
    #[case("99999999999999999999999999")]
    fn a_text_without_numbers_is_no_version(#[case] text: &str) {
        assert_eq!(Version::parse(text), None);
    }

    #[rstest]
    #[case(">=2.0, <12", "2.0.0", true)]
    #[case(">=2.0, <12", "1.7.2", false)]
    #[case(">=2.0, <12", "11.99.99", true)]
    #[case(">=2.0, <12", "12.0.0", false)]
    #[case(">7.2", "7.2.0", false)]
    #[case(">7.2", "7.2.1", true)]
    #[case("<=7.2", "7.2.22", false)]
    #[case("=7.2", "7.2.22", true)]
    #[case("=7.2", "7.20.0", false)]
    #[case(">=2.0, <10.0.14 || >=10.1, <11.2", "10.0.13", true)]
    #[case(">=2.0, <10.0.14 || >=10.1, <11.2", "10.0.14", false)]
    #[case(">=2.0, <10.0.14 || >=10.1, <11.2", "11.1.3", true)]
    #[case("*", "unknown", true)]
    #[case(">=0", "unknown", false)]
    #[case("<2024.5", "2022.11-6+deb12u2", true)]
    #[case("<2024.5", "edk2-stable202405", false)]
    fn a_range_holds_what_it_says(#[case] range: &str, #[case] version: &str, #[case] holds: bool) {
        assert_eq!(range.parse::<VersionRange>().unwrap().contains(version), holds);
    }

    #[rstest]
    #[case("", "has an empty part")]
    #[case(">=2.0,", "has an empty part")]
    #[case(">=2.0 ||", "has an empty part")]
    #[case("7.2", "has no operator")]
    #[case("~7.2", "has no operator")]
    #[case(">=", "names no version")]
    #[case(">=seven", "names no version")]
    #[case(">=7.x", "names no version")]
    #[case(">=7.2.", "names no version")]
    #[case(">=12, <2", "holds no version")]
    #[case(">7, <7", "holds no version")]
    #[case(">7, =6", "holds no version")]
    fn a_bad_range_is_refused_with_its_reason(#[case] range: &str, #[case] reason: &str) {
        let error = range.parse::<VersionRange>().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn a_narrow_range_is_not_taken_for_an_empty_one() {
        for range in [">7.2, <7.2.1", ">=7.2, <=7.2", "=7.2, >7.2.21", ">=7, <8, >7.0.0.0"] {
            assert!(range.parse::<VersionRange>().is_ok(), "{range}");
        }
    }
}
