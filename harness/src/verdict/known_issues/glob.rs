//! Patterns over case ids: `*` is any run of characters (also across `::`), `{a,b}` is one of several.
//!
//! Ids are compared whole, case included. Nothing here looks at which cases exist.

use std::fmt;

use serde::{Serialize, Serializer};

/// At most so many alternatives may come out of one pattern's braces.
const MAX_ALTERNATIVES: usize = 256;

/// A pattern over case ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseGlob {
    text: String,
    alternatives: Vec<String>,
}

/// Why a text is not a pattern over case ids.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// An empty pattern matches no case.
    #[error("case pattern is empty: wanted a case id, with * and {{a,b}} where it varies")]
    Empty,
    /// Braces that do not pair up, or nest.
    #[error("case pattern {pattern:?} has unpaired or nested braces: wanted {{a,b}}")]
    Braces {
        /// The pattern as written.
        pattern: String,
    },
    /// Too many alternatives.
    #[error("case pattern {pattern:?} stands for more than {MAX_ALTERNATIVES} patterns: use * instead of braces")]
    TooMany {
        /// The pattern as written.
        pattern: String,
    },
    /// A character that no case id has.
    #[error("case pattern {pattern:?} holds {character:?}, which no case id has")]
    Character {
        /// The pattern as written.
        pattern: String,
        /// The offending character.
        character: char,
    },
}

impl CaseGlob {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`GlobError`] where the pattern is empty, its braces do not pair up, or it holds white space.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        if text.is_empty() {
            return Err(GlobError::Empty);
        }
        if let Some(character) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(GlobError::Character { pattern: text.to_owned(), character });
        }
        Ok(Self { text: text.to_owned(), alternatives: expand(text)? })
    }

    /// Whether `id` as a whole fits the pattern.
    pub fn matches(&self, id: &str) -> bool {
        self.alternatives.iter().any(|pattern| fits(pattern.as_bytes(), id.as_bytes()))
    }
}

impl fmt::Display for CaseGlob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Serialize for CaseGlob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

fn expand(text: &str) -> Result<Vec<String>, GlobError> {
    let braces = || GlobError::Braces { pattern: text.to_owned() };
    let mut done = vec![String::new()];
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(open);
        let inside = from_brace.strip_prefix('{').ok_or_else(braces)?;
        let close = inside.find(['{', '}']).ok_or_else(braces)?;
        let (choices, after) = inside.split_at(close);
        rest = after.strip_prefix('}').ok_or_else(braces)?;
        let choices: Vec<&str> = choices.split(',').collect();
        if done.len() * choices.len() > MAX_ALTERNATIVES {
            return Err(GlobError::TooMany { pattern: text.to_owned() });
        }
        done = done
            .iter()
            .flat_map(|start| choices.iter().map(move |choice| format!("{start}{before}{choice}")))
            .collect();
    }
    for pattern in &mut done {
        pattern.push_str(rest);
    }
    Ok(done)
}

/// Matches with a single point of return, so that hostile patterns stay quadratic.
fn fits(pattern: &[u8], id: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < id.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, seen));
            at += 1;
        } else if pattern.get(at) == Some(&id[seen]) {
            at += 1;
            seen += 1;
        } else if let Some((star_at, star_seen)) = star {
            star = Some((star_at, star_seen + 1));
            at = star_at + 1;
            seen = star_seen + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("prelaunch::seabios::scsi", "prelaunch::seabios::scsi", true)]
    #[case("prelaunch::seabios::scsi", "prelaunch::seabios::scsi_cd", false)]
    #[case("prelaunch::*", "prelaunch::seabios::scsi", true)]
    #[case("prelaunch::*", "prelaunch", false)]
    #[case("*::cont", "prelaunch::seabios::cont", true)]
    #[case("*::cont", "prelaunch::seabios::reset_cont", false)]
    #[case("prelaunch::{seabios,ovmf}::{scsi,nvme}::*", "prelaunch::ovmf::nvme::first", true)]
    #[case("prelaunch::{seabios,ovmf}::{scsi,nvme}::*", "prelaunch::ovmf::usb::first", false)]
    #[case("a*b*c", "a_b_b_c", true)]
    #[case("a*b*c", "a_c_b", false)]
    #[case("*", "", true)]
    fn a_pattern_fits_whole_ids(#[case] pattern: &str, #[case] id: &str, #[case] fits: bool) {
        assert_eq!(CaseGlob::parse(pattern).unwrap().matches(id), fits);
    }

    #[rstest]
    #[case("", "is empty")]
    #[case("a{b", "unpaired")]
    #[case("a}b", "unpaired")]
    #[case("a{b{c}}", "nested")]
    #[case("a b", "which no case id has")]
    #[case("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "more than 256")]
    fn a_bad_pattern_is_refused_with_its_reason(#[case] pattern: &str, #[case] reason: &str) {
        let error = CaseGlob::parse(pattern).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = CaseGlob::parse(&"a*".repeat(40)).unwrap();
        assert!(!pattern.matches(&format!("{}b", "x".repeat(10_000))));
    }
}
