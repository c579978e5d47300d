//! An expected attempt as it is written: one key names the outcome and what it is on, as the words of Rust do.
//!
//! `{ booted = "right" }`, `{ failed = "cd", printed = "could not read" }`, `{ timed-out-entry = "ROM" }`.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Cause, Target};
use crate::machine::DeviceName;
use crate::trace::Outcome;

/// One attempt that must be seen at its place in the list: exactly one key beside `printed`, `because-of`, `over` and `by-entry-of`.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(rename = "Expected", extend("minProperties" = 1))]
pub(super) struct Expected {
    /// The payload of this medium runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    booted: Option<String>,
    /// The payload of this medium runs by OVMF's platform recovery and not by a boot option.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovered: Option<String>,
    /// The attempt on this medium fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    /// The attempt on this medium gets no answer in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    timed_out: Option<String>,
    /// The medium is there and is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The attempt on an entry that no medium stands behind (`Floppy`, `ROM`), by a word in firmware's name for it, fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_entry: Option<String>,
    /// The attempt on such an entry gets no answer in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    timed_out_entry: Option<String>,
    /// The guest hangs in the middle of the attempt on this medium.
    #[serde(skip_serializing_if = "Option::is_none")]
    hung: Option<String>,
    /// The guest hangs in the middle of the attempt on such an entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    hung_entry: Option<String>,
    /// What it is on and how it ends, apart: for what has no word of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<(Target, Outcome)>,
    /// Words that the firmware must have printed about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    printed: String,
    /// What else must be known of its end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    because_of: Vec<Cause>,
    /// The NIC that it must have gone over; left out, any or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    over: Option<DeviceName>,
    /// The device whose entry it must be; left out, the medium's own, or the NIC's that serves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_entry_of: Option<String>,
}

impl From<super::Expected> for Expected {
    fn from(expected: super::Expected) -> Expected {
        let super::Expected { target, outcome, printed, because_of, over, entry } = expected;
        let mut written = Expected { printed, because_of, over, by_entry_of: entry, ..Expected::default() };
        let (key, name) = match (target, outcome) {
            (Target::Medium(name), Outcome::Booted) => (&mut written.booted, name),
            (Target::Medium(name), Outcome::Failed) => (&mut written.failed, name),
            (Target::Medium(name), Outcome::TimedOut) => (&mut written.timed_out, name),
            (Target::Medium(name), Outcome::Refused) => (&mut written.refused, name),
            (Target::Recovered(name), Outcome::Booted) => (&mut written.recovered, name),
            (Target::Medium(name), Outcome::Hung) => (&mut written.hung, name),
            (Target::Named(name), Outcome::Hung) => (&mut written.hung_entry, name),
            (Target::Named(name), Outcome::Failed) => (&mut written.failed_entry, name),
            (Target::Named(name), Outcome::TimedOut) => (&mut written.timed_out_entry, name),
            apart => {
                written.attempt = Some(apart);
                return written;
            }
        };
        *key = Some(name);
        written
    }
}

impl TryFrom<Expected> for super::Expected {
    type Error = String;

    fn try_from(written: Expected) -> Result<super::Expected, String> {
        let medium = |name: Option<String>, outcome| Some((Target::Medium(name?), outcome));
        let named = |name: Option<String>, outcome| Some((Target::Named(name?), outcome));
        let all = [
            medium(written.booted, Outcome::Booted),
            written.recovered.map(|name| (Target::Recovered(name), Outcome::Booted)),
            medium(written.failed, Outcome::Failed),
            medium(written.timed_out, Outcome::TimedOut),
            medium(written.refused, Outcome::Refused),
            medium(written.hung, Outcome::Hung),
            named(written.hung_entry, Outcome::Hung),
            named(written.failed_entry, Outcome::Failed),
            named(written.timed_out_entry, Outcome::TimedOut),
            written.attempt,
        ];
        let mut said = all.into_iter().flatten();
        match (said.next(), said.next()) {
            (Some((target, outcome)), None) => {
                let Expected { printed, because_of, over, by_entry_of: entry, .. } = written;
                Ok(super::Expected { target, outcome, printed, because_of, over, entry })
            }
            (None, _) => {
                Err("an attempt without an outcome: wanted one key such as booted = \"MEDIUM\", failed, recovered, \
                              timed-out, refused, hung, failed-entry, timed-out-entry or hung-entry"
                    .to_owned())
            }
            (Some(_), Some(_)) => {
                Err("an attempt with two outcomes: wanted one; the list has an element for each".to_owned())
            }
        }
    }
}

impl JsonSchema for super::Expected {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expected".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Expected::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use crate::verdict::{Expected, booted, failed, failed_entry, hung, hung_entry, recovered, timed_out_entry};

    #[test]
    fn an_attempt_is_written_as_it_is_said_and_reads_back() {
        let said = [
            (booted("a"), r#"{"booted":"a"}"#),
            (failed("a").because("no"), r#"{"failed":"a","printed":"no"}"#),
            (recovered("a"), r#"{"recovered":"a"}"#),
            (failed_entry("Floppy"), r#"{"failed-entry":"Floppy"}"#),
            (timed_out_entry("ROM"), r#"{"timed-out-entry":"ROM"}"#),
            (hung("a"), r#"{"hung":"a"}"#),
            (hung_entry("ROM"), r#"{"hung-entry":"ROM"}"#),
            (booted("disk").by_entry_of("nic0"), r#"{"booted":"disk","by-entry-of":"nic0"}"#),
        ];
        for (expected, text) in said {
            assert_eq!(serde_json::to_string(&expected).unwrap(), text);
            assert_eq!(serde_json::from_str::<Expected>(text).unwrap(), expected);
        }
    }

    #[test]
    fn none_and_two_outcomes_are_refused() {
        for (text, words) in [("{}", "without an outcome"), (r#"{"booted":"a","failed":"a"}"#, "two outcomes")] {
            let error = serde_json::from_str::<Expected>(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
