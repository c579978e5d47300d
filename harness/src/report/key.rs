//! Which execution of which case, and the folder that it has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest;

/// Longest folder name, in bytes, that is used without shortening.
const LONGEST_NAME: usize = 180;

/// Which execution of which case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseKey {
    /// Id of the case.
    pub id: String,
    /// Name of the platform.
    pub platform: String,
    /// Axis to value.
    #[serde(default)]
    pub axes: BTreeMap<String, String>,
    /// Repetition, from 1; `None` in runs without repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u32>,
    /// More than one platform is in the run, so the platform's name is in the path.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub several_platforms: bool,
}

impl CaseKey {
    /// A case without axes in a run with one platform and without repetition.
    pub fn new(id: impl Into<String>, platform: impl Into<String>) -> Self {
        Self { id: id.into(), platform: platform.into(), axes: BTreeMap::new(), round: None, several_platforms: false }
    }

    /// The evidence folder relative to the run's output directory: `cases/[@<platform>/]<case>[~<round>]`.
    pub fn evidence(&self) -> String {
        let mut path = String::from("cases/");
        if self.several_platforms {
            path += &format!("@{}/", folder_name(&self.platform));
        }
        path += &folder_name(&self.id);
        if let Some(round) = self.round {
            path += &format!("~{round}");
        }
        path
    }
}

/// The name of a folder for `id`: `::` becomes `.`, other characters outside `[A-Za-z0-9._-]` become `_`.
///
/// Two ids never share a folder: where the replacement lost something (or the name would be too long for a file
/// system), eight digits of the id's SHA-256 follow.
pub fn folder_name(id: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut name: String =
        id.replace("::", ".").chars().map(|c| if keep(c) { c } else { '_' }).take(LONGEST_NAME).collect();
    // names that only `::` shaped can be read back; anything else might be the name of another id too
    let reversible = name.replace('.', "::") == id && !id.is_empty() && !id.starts_with(':');
    if !reversible {
        let digest = digest::sha256(id.as_bytes());
        if name.trim_matches('.').is_empty() {
            name = "case".into();
        }
        name.push('-');
        name.extend(digest.chars().take(8));
    }
    name
}
