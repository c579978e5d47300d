//! What the text of a guest of somebody else's medium says: which programs were recognised, and how far they show the boot to be.

use serde::{Deserialize, Serialize};

/// How far a boot has come.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// No sign of life.
    #[default]
    Nothing,
    /// Firmware ran.
    Firmware,
    /// Firmware entered code of the medium.
    Started,
    /// A boot loader printed its name.
    Loader,
    /// A kernel, or a program without an operating system, printed its name.
    Kernel,
    /// A program in user space printed.
    Userspace,
}

impl Stage {
    /// The word used in reports.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Nothing => "nothing",
            Stage::Firmware => "firmware",
            Stage::Started => "started",
            Stage::Loader => "loader",
            Stage::Kernel => "kernel",
            Stage::Userspace => "userspace",
        }
    }
}

/// A program that was recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// How far it shows the boot to have come.
    pub stage: Stage,
    /// Which program.
    pub program: String,
    /// Its words.
    pub text: String,
}

/// What a guest's text says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestText {
    /// Programs in the order in which they were recognised, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sightings: Vec<Sighting>,
    /// Attempts that had begun when code of the medium, or a program that runs after it, was seen last; 0 where none was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub started_in: usize,
    /// What stopped it, in the program's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Sighting>,
    /// Patterns of the expectation that were found, each with the first line that has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<(String, String)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl GuestText {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == GuestText::default()
    }

    /// The furthest that was recognised.
    pub fn furthest(&self) -> Option<&Sighting> {
        // the last of those that came as far
        self.sightings.iter().max_by_key(|sighting| sighting.stage)
    }
}
