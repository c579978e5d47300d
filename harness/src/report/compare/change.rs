//! One case of two runs, and how it is named.

use serde::Serialize;

use crate::report::text;

/// One case, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Id, with `@platform` behind it unless cases are compared whatever their platform.
    pub case: String,
    /// What it was; `absent` where it was not.
    pub before: String,
    /// What it is.
    pub after: String,
    /// Its evidence before: a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_evidence: Option<String>,
    /// Its evidence now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_evidence: Option<String>,
}

/// Platform and id; the platform is empty where cases are matched by id alone.
pub(super) type Key<'a> = (&'a str, &'a str);

/// How a reader is told of a case.
pub(super) fn label((platform, id): &Key) -> String {
    let id = text::printable(id);
    if platform.is_empty() { id } else { format!("{id}@{}", text::printable(platform)) }
}

/// The middle one; 0 where there is none.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
