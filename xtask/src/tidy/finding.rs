//! What a rule says.

use super::source::Source;

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file.
    pub path: String,
    /// From 1.
    pub line: usize,
    /// What is there.
    pub what: String,
    /// What to do about it.
    pub fix: &'static str,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}: {}; fix: {}", self.path, self.line, self.what, self.fix)
    }
}

/// A rule looks at every file at once.
pub type Rule = fn(&[Source]) -> Vec<Finding>;

/// What the tests of rules share.
#[cfg(test)]
pub mod expected {
    use super::*;

    /// No finding.
    pub const NONE: [String; 0] = [];

    /// What a rule says of files, given by path and text.
    pub fn found(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().map(|(path, text)| Source::new(path, text)).collect();
        rule(&sources).iter().map(ToString::to_string).collect()
    }

    /// One finding, with this text in it.
    pub fn assert_one(findings: &[String], wanted: &str) {
        assert!(
            findings.len() == 1 && findings[0].contains(wanted),
            "wanted one finding with {wanted:?}: {findings:#?}"
        );
    }
}
