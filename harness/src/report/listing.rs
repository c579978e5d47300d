//! What `--list` prints.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::text::printable;

/// One case that would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Stable id.
    pub id: String,
    /// Name of the platform it would run on.
    pub platform: String,
    /// Smallest suite that has it: `smoke`, `default` or `full`.
    pub suite: String,
    /// Axis to value.
    pub axes: BTreeMap<String, String>,
    /// Id of the case of which this one is the negative control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_of: Option<String>,
    /// What it needs and the platform lacks; it would be skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// The list as `cargo test -- --list` prints one, with what would be skipped; ends with a line feed.
///
/// ```
/// assert_eq!(bootwright::report::listing::plain(&[]), "\n0 cases\n");
/// ```
pub fn plain(cases: &[Listed]) -> String {
    let mut text = String::new();
    for case in cases {
        let skipped = case.skipped.as_deref().map(|reason| format!(" (skipped: {})", printable(reason)));
        writeln!(text, "{}: test{}", printable(&case.id), skipped.unwrap_or_default()).ok();
    }
    let plural = if cases.len() == 1 { "" } else { "s" };
    writeln!(text, "\n{} case{plural}", cases.len()).ok();
    text
}

/// The list as a JSON array, one case a line; ends with a line feed.
///
/// ```
/// assert_eq!(bootwright::report::listing::json(&[]), "[]\n");
/// ```
pub fn json(cases: &[Listed]) -> String {
    let lines: Vec<String> = cases.iter().filter_map(|case| serde_json::to_string(case).ok()).collect();
    if lines.is_empty() { "[]\n".into() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: &str, skipped: Option<&str>) -> Listed {
        let axes = [("disk".to_string(), "nvme".to_string())].into();
        let skipped = skipped.map(String::from);
        Listed { id: id.into(), platform: "host".into(), suite: "smoke".into(), axes, negative_of: None, skipped }
    }

    #[test]
    fn the_plain_list_reads_like_cargo_test() {
        let text = plain(&[listed("a::b", None), listed("a::c", Some("no OVMF"))]);
        assert_eq!(text, "a::b: test\na::c: test (skipped: no OVMF)\n\n2 cases\n");
    }

    #[test]
    fn the_json_list_parses_and_keeps_the_order() {
        let text = json(&[listed("z", None), listed("a", Some("no OVMF"))]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&value[0]["id"], &value[1]["id"]), (&"z".into(), &"a".into()));
        assert_eq!((value[0].get("skipped"), &value[1]["axes"]["disk"]), (None, &"nvme".into()));
    }
}
