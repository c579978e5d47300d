//! Takes snapshots of a machine within its own QEMU, and puts it back to them.
//!
//! Only a writable drive in a format that can hold a snapshot may be part of one, and media and the variable store are raw.
//! So each gets a qcow2 overlay in the evidence folder before the first snapshot, and after the last step that needs them
//! the overlays are committed: from then on the raw files hold what the guest left again, as in every other run.
//!
//! The guest is stopped around each of this, and everything that it printed is taken first, so that the trace knows exactly
//! what had been said at the moment to which the machine goes back.

use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::error::StepError;
use super::overlays::STORE_OVERLAY;
use super::session::Session;
use crate::case::story::Drives;
use crate::evidence::HarnessEvent;
use crate::vm::REPLY_TIMEOUT;
use crate::vm::qmp::QmpError;

/// The name by which QEMU knows the drive of the variable store (`-drive if=pflash,unit=1`).
const STORE: &str = "pflash1";

/// A writable drive: the node that the device uses, and the overlay's name.
struct Drive {
    node: String,
    overlay: String,
}

impl Session<'_> {
    /// Takes a snapshot. Refused or not, a machine that ran runs on.
    pub(super) fn snapshot(&mut self, name: &str, drives: Drives) -> Result<(), StepError> {
        let running = self.stop_guest()?;
        let outcome = self.save_snapshot(name, drives);
        self.go_on(outcome, running)
    }

    /// Puts the machine back. Devices that came later stay, with their drives. Where QEMU fails, the machine stays stopped, as
    /// QEMU leaves it.
    pub(super) fn restore(&mut self, name: &str) -> Result<(), StepError> {
        let running = self.stop_guest()?;
        let outcome = self.load_snapshot(name);
        let running = running && outcome.is_ok();
        self.go_on(outcome, running)
    }

    fn save_snapshot(&mut self, name: &str, drives: Drives) -> Result<(), StepError> {
        let mut list = Vec::new();
        for drive in self.writable_drives(drives)? {
            let has_one = drive.node == drive.overlay;
            if drives != Drives::Raw && !has_one {
                self.overlay(&drive)?;
            }
            list.push(if drives == Drives::Raw { drive.node } else { drive.overlay });
        }
        let Some(first) = list.first() else {
            return Err(StepError::impossible("no writable drive can hold the state".to_owned()));
        };
        self.job("snapshot-save", json!({ "tag": name, "vmstate": first, "devices": list }))?;
        self.snapshots.taken.insert(name.to_owned(), list);
        self.note(HarnessEvent::SnapshotTaken(name.to_owned()));
        Ok(())
    }

    fn load_snapshot(&mut self, name: &str) -> Result<(), StepError> {
        let Some(mut list) = self.snapshots.taken.get(name).cloned() else {
            return Err(StepError::impossible(format!("no snapshot \"{name}\" was taken")));
        };
        // an overlay goes with its device
        let nodes = self.nodes()?;
        list.retain(|overlay| nodes.contains(overlay));
        let first = list.first().cloned();
        self.job("snapshot-load", json!({ "tag": name, "vmstate": first, "devices": list }))?;
        self.note(HarnessEvent::SnapshotRestored(name.to_owned()));
        // QEMU resets the machine before it loads the state (`load_snapshot`), and fw_cfg's files are no part of that
        self.devices.reset();
        Ok(())
    }

    /// Stops a machine that runs, and takes what it has printed; whether it ran.
    fn stop_guest(&mut self) -> Result<bool, StepError> {
        let status = self.vm()?.execute("query-status", Value::Null)?;
        let running = status.get("running").and_then(Value::as_bool) == Some(true);
        if running {
            self.vm()?.execute("stop", Value::Null)?;
        }
        match self.vm()?.wait_until_drained(REPLY_TIMEOUT) {
            true => Ok(running),
            false => Err(StepError::impossible("a stopped guest went on printing".to_owned())),
        }
    }

    /// Commits the overlays if nothing to come needs them, and lets the machine run; after a failure too.
    fn go_on(&mut self, outcome: Result<(), StepError>, running: bool) -> Result<(), StepError> {
        match (outcome, self.let_run(running)) {
            (Err(first), Err(second)) => {
                self.snapshots.did_not_go_on = Some(second);
                Err(first)
            }
            (outcome, after) => outcome.and(after),
        }
    }

    fn let_run(&mut self, running: bool) -> Result<(), StepError> {
        self.snapshots.to_come = self.snapshots.to_come.saturating_sub(1);
        if self.snapshots.to_come == 0 {
            self.commit()?;
        }
        if running {
            self.vm()?.execute("cont", Value::Null)?;
        }
        Ok(())
    }

    /// The drives that are plugged in and not read-only, the variable store last.
    fn writable_drives(&self, drives: Drives) -> Result<Vec<Drive>, StepError> {
        let blocks = self.vm()?.execute("query-block", Value::Null)?;
        let text = |block: &Value, at: &str| block.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        let blocks = blocks.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::new();
        for (index, device) in self.devices.present().devices.iter().enumerate() {
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
    fn overlay(&mut self, drive: &Drive) -> Result<(), StepError> {
        let file = format!("media/{}.qcow2", drive.overlay);
        let arguments = json!({ "node-name": drive.node, "snapshot-node-name": drive.overlay, "snapshot-file": file,
            "format": "qcow2" });
        self.vm()?.execute("blockdev-snapshot-sync", arguments)?;
        self.snapshots.overlays.insert(drive.overlay.clone());
        Ok(())
    }

    /// Writes what the overlays hold into the raw files below them, which take their place again.
    fn commit(&mut self) -> Result<(), StepError> {
        let nodes = self.nodes()?;
        for overlay in self.snapshots.overlays.clone() {
            if nodes.contains(&overlay) {
                self.job("block-commit", json!({ "device": overlay, "auto-dismiss": false }))?;
            }
            self.snapshots.overlays.remove(&overlay);
        }
        Ok(())
    }

    /// The names of all block nodes.
    fn nodes(&self) -> Result<BTreeSet<String>, StepError> {
        let nodes = self.vm()?.execute("query-named-block-nodes", json!({ "flat": true }))?;
        let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
        let name = |node: &Value| node.get("node-name").and_then(Value::as_str).map(str::to_owned);
        Ok(nodes.iter().filter_map(name).collect())
    }

    /// Runs a job to its end: a commit is complete only when told so, once it is ready.
    fn job(&mut self, command: &str, mut arguments: Value) -> Result<(), StepError> {
        self.snapshots.jobs += 1;
        let id = format!("job{}", self.snapshots.jobs);
        arguments["job-id"] = json!(id);
        let cursor = self.vm()?.qmp.event_cursor();
        self.vm()?.execute(command, arguments)?;
        self.job_concluded(command, &id, cursor)?;
        let jobs = self.vm()?.execute("query-jobs", Value::Null)?;
        let jobs = jobs.as_array().map(Vec::as_slice).unwrap_or_default();
        let job = jobs.iter().find(|job| job.get("id").and_then(Value::as_str) == Some(&id));
        let Some(job) = job else {
            return Err(StepError::impossible(format!("{command} is over and QEMU does not say how")));
        };
        let error = job.get("error").and_then(Value::as_str).map(str::to_owned);
        self.vm()?.execute("job-dismiss", json!({ "id": id }))?;
        match error {
            Some(words) => Err(StepError::JobFailed { command: command.to_owned(), words }),
            None => Ok(()),
        }
    }

    /// Waits until a job is over, however it went.
    fn job_concluded(&self, command: &str, id: &str, mut cursor: usize) -> Result<(), StepError> {
        let vm = self.vm()?;
        let status = |data: &Value| data.get("status").and_then(Value::as_str).unwrap_or_default().to_owned();
        let ours = |data: &Value| {
            data.get("id").and_then(Value::as_str) == Some(id) && matches!(status(data).as_str(), "ready" | "concluded")
        };
        loop {
            let event = vm.qmp.wait_event(cursor, "JOB_STATUS_CHANGE", ours, self.watch.patience());
            let (event, behind) = event.map_err(|error| match error {
                QmpError::Ended(reason) => {
                    let what = format!("QEMU ended in the middle of {command}: {reason}");
                    StepError::QemuEnded { exit: None, what }
                }
                QmpError::Timeout { seconds, .. } => {
                    StepError::Timeout(format!("{command} is not over after {seconds:.1} s of host time"))
                }
                other => other.into(),
            })?;
            cursor = behind;
            if status(&event.data) == "concluded" {
                return Ok(());
            }
            vm.execute("job-complete", json!({ "id": id }))?;
        }
    }
}
