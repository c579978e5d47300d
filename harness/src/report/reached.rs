//! How far a medium came that is not of a case.

use serde::{Deserialize, Serialize};

/// How far a medium that somebody else made came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reached {
    /// `nothing`, `firmware`, `started`, `loader`, `kernel` or `userspace`.
    pub stage: String,
    /// The program that was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Its words; guest-controlled text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What stopped it, where something said so; guest-controlled text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}
