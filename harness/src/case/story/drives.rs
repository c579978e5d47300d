//! The drives that a snapshot of a machine holds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The drives that a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Drives {
    /// Every writable one, with an overlay each.
    Overlaid,
    /// The same but for the variable store, which stays raw.
    WithoutStore,
    /// Every writable one as it is: raw.
    Raw,
}

impl fmt::Display for Drives {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Drives::Overlaid => "every writable drive",
            Drives::WithoutStore => "every writable drive but the variable store",
            Drives::Raw => "raw drives",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::story::Story;

    #[test]
    fn a_step_names_its_snapshot_and_drives() {
        let story = Story::new().snapshot("a").snapshot_without_store("b").snapshot_refused(Drives::Raw, "no");
        let steps: Vec<String> = story.restore("a").steps.iter().map(ToString::to_string).collect();
        let wanted = [
            "snapshot \"a\" of every writable drive",
            "snapshot \"b\" of every writable drive but the variable store",
            "snapshot of raw drives, refused with \"no\"",
            "restore \"a\"",
        ];
        assert_eq!(steps, wanted);
    }
}
