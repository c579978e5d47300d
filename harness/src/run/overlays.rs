//! Which snapshots a machine has, and which of its drives have overlays to hold them.

use std::collections::{BTreeMap, BTreeSet};

use super::error::StepError;
use crate::case::story::{Step, Story};

/// The node of its overlay.
pub const STORE_OVERLAY: &str = "overlay-store";

/// The snapshots of one machine, and the overlays that hold them.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// Block nodes of the overlays in place.
    pub overlays: BTreeSet<String>,
    /// The nodes that each snapshot holds.
    pub taken: BTreeMap<String, Vec<String>>,
    /// Steps to come that need overlays.
    pub to_come: usize,
    /// Why the machine did not go on after a step that had failed already.
    pub did_not_go_on: Option<StepError>,
    /// Jobs begun so far.
    pub jobs: u32,
}

impl Snapshots {
    /// Those of a story, none of them taken yet.
    pub fn of(story: &Story) -> Snapshots {
        let to_come = story.steps.iter().filter(|step| Step::needs_overlays(step)).count();
        Snapshots { to_come, ..Snapshots::default() }
    }

    /// Whether drives have overlays: the files below them are not what the guest sees.
    pub fn overlays(&self) -> bool {
        !self.overlays.is_empty()
    }

    /// Whether the variable store has one.
    pub fn store_overlaid(&self) -> bool {
        self.overlays.contains(STORE_OVERLAY)
    }

    /// After a refusal that was demanded: that the machine went on all the same.
    ///
    /// # Errors
    ///
    /// Why it did not.
    pub fn went_on(&mut self) -> Result<(), StepError> {
        self.did_not_go_on.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::story::Drives;

    #[test]
    fn overlays_are_needed_until_the_last_step_that_needs_them() {
        let story = Story::new().snapshot("a").reset().snapshot_refused(Drives::Raw, "no").restore("a").cont();
        let snapshots = Snapshots::of(&story);
        assert_eq!((snapshots.to_come, snapshots.overlays()), (3, false));
    }
}
