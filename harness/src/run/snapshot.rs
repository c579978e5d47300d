//! Takes snapshots of a machine within its own QEMU, and puts it back to them.
//!
//! Only a writable drive in a format that can hold a snapshot may be part of one, and media and the variable store are raw.
//! So each gets a qcow2 overlay in the evidence folder before the first snapshot, and after the last step that needs them
//! the overlays are committed: from then on the raw files hold what the guest left again, as in every other run.
//!
//! The guest is stopped around each of this, and everything that it printed is taken first, so that the trace knows exactly
//! what had been said at the moment to which the machine goes back.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use super::tell::{Stage, Untold};
use crate::case::story::{Drives, Story};
use crate::evidence::Observed;
use crate::vm::REPLY_TIMEOUT;
use crate::vm::qmp::QmpError;

/// What stands in the timeline where a snapshot was taken, its name behind it.
pub const TAKEN: &str = "the machine is saved as ";

/// What stands in the timeline where the machine was put back, the snapshot's name behind it.
pub const RESTORED: &str = "the machine is put back to ";

/// The name by which QEMU knows the drive of the variable store (`-drive if=pflash,unit=1`).
const STORE: &str = "pflash1";

/// The node of its overlay.
const STORE_OVERLAY: &str = "overlay-store";

/// The snapshots of one machine, and the overlays that hold them.
#[derive(Debug, Default)]
pub struct Held {
    /// Block nodes of the overlays in place.
    overlays: BTreeSet<String>,
    /// The nodes that each snapshot holds.
    snapshots: BTreeMap<String, Vec<String>>,
    /// Steps to come that need overlays.
    to_come: usize,
    /// What went wrong after a step that had failed already.
    unfinished: Option<Untold>,
    jobs: u32,
}

impl Held {
    /// Whether drives have overlays: the files below them are not what the guest sees.
    pub fn overlays(&self) -> bool {
        !self.overlays.is_empty()
    }

    /// Whether the variable store has one.
    pub fn store_overlaid(&self) -> bool {
        self.overlays.contains(STORE_OVERLAY)
    }

    /// After a refusal that was demanded: that the machine goes on all the same.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn finished(&mut self) -> Result<(), Untold> {
        self.unfinished.take().map_or(Ok(()), Err)
    }

    /// A story begins.
    pub fn expect(&mut self, story: &Story) {
        self.to_come = story.steps.iter().filter(|step| step.needs_overlays()).count();
    }
}

/// A writable drive: the node that the device uses, and the overlay's name.
struct Drive {
    node: String,
    overlay: String,
}

impl Stage<'_> {
    /// Takes a snapshot. Refused or not, a machine that ran runs on.
    pub(super) fn snapshot(&mut self, name: &str, drives: Drives) -> Result<(), Untold> {
        let running = self.stop()?;
        let outcome = self.save_snapshot(name, drives);
        self.go_on(outcome, running)
    }

    /// Puts the machine back. Devices that came later stay, with their drives. Where QEMU fails, the machine stays stopped, as
    /// QEMU leaves it.
    pub(super) fn restore(&mut self, name: &str) -> Result<(), Untold> {
        let running = self.stop()?;
        let outcome = self.load_snapshot(name);
        let running = running && outcome.is_ok();
        self.go_on(outcome, running)
    }

    fn save_snapshot(&mut self, name: &str, drives: Drives) -> Result<(), Untold> {
        let mut list = Vec::new();
        for drive in self.writable_drives(drives)? {
            let has_one = drive.node == drive.overlay;
            if drives != Drives::Raw && !has_one {
                self.overlay(&drive)?;
            }
            list.push(if drives == Drives::Raw { drive.node } else { drive.overlay });
        }
        let Some(first) = list.first() else {
            return Err(Untold::Broken("no writable drive can hold the state".to_owned()));
        };
        self.job("snapshot-save", json!({ "tag": name, "vmstate": first, "devices": list }))?;
        self.held.snapshots.insert(name.to_owned(), list);
        self.recorder.note(Observed::Harness(format!("{TAKEN}{name}")));
        Ok(())
    }

    fn load_snapshot(&mut self, name: &str) -> Result<(), Untold> {
        let Some(mut list) = self.held.snapshots.get(name).cloned() else {
            return Err(Untold::Broken(format!("no snapshot \"{name}\" was taken")));
        };
        // an overlay goes with its device
        let nodes = self.nodes()?;
        list.retain(|overlay| nodes.contains(overlay));
        let first = list.first().cloned();
        self.job("snapshot-load", json!({ "tag": name, "vmstate": first, "devices": list }))?;
        self.recorder.note(Observed::Harness(format!("{RESTORED}{name}")));
        // QEMU resets the machine before it loads the state (`load_snapshot`), and fw_cfg's files are no part of that
        self.ledger.reset();
        Ok(())
    }

    /// Stops a machine that runs, and takes what it has printed; whether it ran.
    fn stop(&mut self) -> Result<bool, Untold> {
        let status = self.vm.execute("query-status", Value::Null)?;
        let running = status.get("running").and_then(Value::as_bool) == Some(true);
        if running {
            self.vm.execute("stop", Value::Null)?;
        }
        match self.vm.settle(REPLY_TIMEOUT) {
            true => Ok(running),
            false => Err(Untold::Broken("a stopped guest went on printing".to_owned())),
        }
    }

    /// Commits the overlays if nothing to come needs them, and lets the machine run; after a failure too.
    fn go_on(&mut self, outcome: Result<(), Untold>, running: bool) -> Result<(), Untold> {
        match (outcome, self.let_run(running)) {
            (Err(first), Err(second)) => {
                self.held.unfinished = Some(second);
                Err(first)
            }
            (outcome, after) => outcome.and(after),
        }
    }

    fn let_run(&mut self, running: bool) -> Result<(), Untold> {
        self.held.to_come = self.held.to_come.saturating_sub(1);
        if self.held.to_come == 0 {
            self.commit()?;
        }
        if running {
            self.vm.execute("cont", Value::Null)?;
        }
        Ok(())
    }

    /// The drives that are plugged in and not read-only, the variable store last.
    fn writable_drives(&self, drives: Drives) -> Result<Vec<Drive>, Untold> {
        let blocks = self.vm.execute("query-block", Value::Null)?;
        let text = |block: &Value, at: &str| block.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for (index, device) in self.ledger.present().devices.iter().enumerate() {
            let (raw, overlay) = (format!("medium{index}"), format!("overlay{index}"));
            let of_device = |node: &str| node == raw || node == overlay;
            let nodes = blocks.iter().map(|block| text(block, "/inserted/node-name"));
            if let Some(node) = nodes.into_iter().find(|node| of_device(node)).filter(|_| !device.optical) {
                found.push(Drive { node, overlay });
            }
        }
        let store = blocks.iter().find(|block| text(block, "/device") == STORE);
        if let Some(store) = store.filter(|_| drives != Drives::WithoutStore) {
            found.push(Drive { node: text(store, "/inserted/node-name"), overlay: STORE_OVERLAY.to_owned() });
        }
        Ok(found)
    }

    /// QEMU runs in the evidence folder.
    fn overlay(&mut self, drive: &Drive) -> Result<(), Untold> {
        let file = format!("media/{}.qcow2", drive.overlay);
        let arguments = json!({ "node-name": drive.node, "snapshot-node-name": drive.overlay, "snapshot-file": file,
            "format": "qcow2" });
        self.vm.execute("blockdev-snapshot-sync", arguments)?;
        self.held.overlays.insert(drive.overlay.clone());
        Ok(())
    }

    /// Writes what the overlays hold into the raw files below them, which take their place again.
    fn commit(&mut self) -> Result<(), Untold> {
        let nodes = self.nodes()?;
        for overlay in self.held.overlays.clone() {
            if nodes.contains(&overlay) {
                self.job("block-commit", json!({ "device": overlay, "auto-dismiss": false }))?;
            }
            self.held.overlays.remove(&overlay);
        }
        Ok(())
    }

    /// The names of all block nodes.
    fn nodes(&self) -> Result<BTreeSet<String>, Untold> {
        let nodes = self.vm.execute("query-named-block-nodes", json!({ "flat": true }))?;
        let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
        let name = |node: &Value| node.get("node-name").and_then(Value::as_str).map(str::to_owned);
        Ok(nodes.iter().filter_map(name).collect())
    }

    /// Runs a job to its end: a commit is complete only when told so, once it is ready.
    fn job(&mut self, command: &str, mut arguments: Value) -> Result<(), Untold> {
        self.held.jobs += 1;
        let id = format!("job{}", self.held.jobs);
        let mut cursor = self.vm.qmp.event_cursor();
        arguments["job-id"] = json!(id);
        self.vm.execute(command, arguments)?;
        let status = |data: &Value| data.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let patience = self.watch.patience();
        loop {
            let ours = |data: &Value| {
                data.get("id").and_then(Value::as_str) == Some(&id)
                    && matches!(status(data).as_str(), "ready" | "concluded")
            };
            let (event, behind) = match self.vm.qmp.wait_event(cursor, "JOB_STATUS_CHANGE", ours, patience) {
                Ok(found) => found,
                Err(QmpError::Ended(reason)) => {
                    return Err(Untold::Failed(format!("QEMU ended in the middle of {command}: {reason}")));
                }
                Err(QmpError::Timeout { seconds, .. }) => {
                    return Err(Untold::Failed(format!("{command} is not over after {seconds:.1} s of host time")));
                }
                Err(other) => return Err(other.into()),
            };
            cursor = behind;
            if status(&event.data) == "concluded" {
                break;
            }
            self.vm.execute("job-complete", json!({ "id": id }))?;
        }
        let jobs = self.vm.execute("query-jobs", Value::Null)?;
        let jobs = jobs.as_array().map(Vec::as_slice).unwrap_or_default();
        let job = jobs.iter().find(|job| job.get("id").and_then(Value::as_str) == Some(&id));
        let Some(job) = job else {
            return Err(Untold::Broken(format!("{command} is over and QEMU does not say how")));
        };
        let error = job.get("error").and_then(Value::as_str).map(str::to_owned);
        self.vm.execute("job-dismiss", json!({ "id": id }))?;
        match error {
            Some(words) => Err(Untold::Failed(format!("{command} failed: {words}"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlays_are_needed_until_the_last_step_that_needs_them() {
        let story = Story::new().snapshot("a").reset().snapshot_refused(Drives::Raw, "no").restore("a").cont();
        let mut held = Held::default();
        held.expect(&story);
        assert_eq!((held.to_come, held.overlays()), (3, false));
    }
}
