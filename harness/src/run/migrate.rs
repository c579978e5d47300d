//! Moves a machine to a second QEMU, as libvirt does it: the destination is powered on with `-incoming defer` and `-S`, takes
//! the state over a descriptor that both were given, and runs only when the source has ended. So the streams of the two
//! never overlap in the timeline.

use std::fs::File;
use std::io::Seek;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use serde_json::Value;

use super::device_state::DeviceState;
use super::error::{RunError, StepError};
use super::session::{Session, StartMode};
use crate::case::story::{Destination, Order};
use crate::evidence::{HarnessEvent, Source};
use crate::machine::Machine;
use crate::vm::Vm;
use crate::vm::qmp::QmpError;
use crate::vm::transfer::{Channel, Direction, Transfer, TransferError, knows_files};

/// The file that the state is saved to, in the folder in which both QEMUs run.
const STATE_FILE: &str = "migration-state";

/// How long a destination whose link failed may take to end, for its last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The machine of its command line; the name of a device that is not there otherwise.
fn machine(to: &Destination, state: &DeviceState) -> Result<Machine, String> {
    let mut machine = match to.order {
        Order::AsPoweredOn => state.powered_on().clone(),
        _ => state.present().clone(),
    };
    if let Order::Instead(values) = &to.order {
        for (name, value) in values {
            let index = machine.device_named(name).ok_or_else(|| name.clone())?;
            machine.devices[index].bootindex = Some(*value);
        }
    }
    Ok(machine)
}

impl Session<'_> {
    pub(super) fn migrate(&mut self, to: &Destination) -> Result<(), StepError> {
        let missing = |name| StepError::impossible(format!("the machine has no device \"{name}\""));
        let machine = machine(to, &self.devices).map_err(missing)?;
        let running = self.vm()?.execute("query-status", Value::Null)?;
        let running = running.get("running").and_then(Value::as_bool) == Some(true);
        let arrived = if to.saved { self.save(&machine, to)? } else { self.send(&machine, to)? };
        self.devices.migrated(machine);
        self.replace_vm(arrived);
        self.note(HarnessEvent::Migrated);
        if running {
            self.vm()?.execute("cont", Value::Null)?;
        }
        Ok(())
    }

    /// Source and destination at once, through a socket pair.
    fn send(&mut self, machine: &Machine, to: &Destination) -> Result<Vm, StepError> {
        let (near, far) = UnixStream::pair().map_err(cannot_prepare("a socket pair"))?;
        let patience = self.watch.patience();
        let destination = self.destination(machine, to)?;
        let arriving = destination
            .begin_transfer(Direction::In, Channel::Descriptor(far.as_fd()))
            .map_err(|error| self.died_or(error.into(), &destination))?;
        let leaving = self.vm()?.begin_transfer(Direction::Out, Channel::Descriptor(near.as_fd()))?;
        // both have copies; a QEMU that ends must be noticed by the other
        drop((near, far));
        // a destination that cannot take the state ends, whatever the source makes of that
        if let Err(error) = completed(&destination, &arriving, patience, "the destination") {
            let source = self.vm()?.execute("query-migrate", Value::Null).unwrap_or_default();
            let status = source.get("status").and_then(Value::as_str).unwrap_or("unknown");
            return Err(self.died_or(error, &destination).and_also(&format!("status of the source: {status}")));
        }
        completed(self.vm()?, &leaving, patience, "the source")?;
        self.leave()?;
        Ok(destination)
    }

    /// Source first, destination afterwards, through a file.
    fn save(&mut self, machine: &Machine, to: &Destination) -> Result<Vm, StepError> {
        if !knows_files(self.platform.qemu.version) {
            return self.save_by_descriptor(machine, to);
        }
        let file = self.prepared.folder.path().join(STATE_FILE);
        let saved = self.save_by_name(machine, to);
        // as large as the guest's memory, and of no use afterwards
        std::fs::remove_file(file).ok();
        saved
    }

    /// Through a file of the evidence folder, in which both QEMUs run.
    fn save_by_name(&mut self, machine: &Machine, to: &Destination) -> Result<Vm, StepError> {
        let channel = Channel::File(Path::new(STATE_FILE));
        let patience = self.watch.patience();
        let leaving = self.vm()?.begin_transfer(Direction::Out, channel)?;
        completed(self.vm()?, &leaving, patience, "the source")?;
        self.leave()?;
        let destination = self.destination(machine, to)?;
        let arriving = destination
            .begin_transfer(Direction::In, channel)
            .map_err(|error| self.died_or(error.into(), &destination))?;
        completed(&destination, &arriving, patience, "the destination")
            .map_err(|error| self.died_or(error, &destination))?;
        Ok(destination)
    }

    /// Through a file without a name, by its descriptor.
    fn save_by_descriptor(&mut self, machine: &Machine, to: &Destination) -> Result<Vm, StepError> {
        let state = memfd_create("bootwright-state", MFdFlags::MFD_CLOEXEC);
        let mut state = File::from(state.map_err(Into::into).map_err(cannot_prepare("a file for the state"))?);
        let patience = self.watch.patience();
        let leaving = self.vm()?.begin_transfer(Direction::Out, Channel::Descriptor(state.as_fd()))?;
        completed(self.vm()?, &leaving, patience, "the source")?;
        self.leave()?;
        state.rewind().map_err(cannot_prepare("the file of the state"))?;
        let destination = self.destination(machine, to)?;
        let arriving = destination
            .begin_transfer(Direction::In, Channel::Descriptor(state.as_fd()))
            .map_err(|error| self.died_or(error.into(), &destination))?;
        completed(&destination, &arriving, patience, "the destination")
            .map_err(|error| self.died_or(error, &destination))?;
        Ok(destination)
    }

    fn destination(&mut self, machine: &Machine, to: &Destination) -> Result<Vm, StepError> {
        let mut paused = machine.clone();
        paused.paused = true;
        let vm = self.power_on(&paused, StartMode::Incoming { own_nvram: to.own_nvram });
        vm.map_err(|error| RunError::because("the destination", error).into())
    }

    /// Ends the source, whose end is not the machine's.
    fn leave(&mut self) -> Result<(), StepError> {
        self.is_no_crash()?;
        self.watch.ignore_end();
        self.vm()?.power_off();
        Ok(())
    }

    /// The destination's own last words in place of a reason, where it ended.
    fn died_or(&self, error: StepError, destination: &Vm) -> StepError {
        let Some(exit) = destination.exit(LAST_WORDS) else { return error };
        let what = format!("the destination ended: {exit}; it said: {}", self.said());
        StepError::QemuEnded { exit: Some(exit), what }
    }

    fn said(&self) -> String {
        let said = String::from_utf8_lossy(&self.recorder.stream(Source::QemuStderr)).trim().replace('\n', " / ");
        if said.is_empty() { "nothing".to_owned() } else { said }
    }
}

/// Waits for the end of one side's transfer.
fn completed(vm: &Vm, transfer: &Transfer, patience: Duration, side: &str) -> Result<(), StepError> {
    vm.end_transfer(transfer, patience).map_err(|error| match error {
        TransferError::Failed { status, why } => StepError::Differs(format!("migration {status} at {side}: {why}")),
        TransferError::Qmp(QmpError::Ended(reason)) => {
            StepError::QemuEnded { exit: None, what: format!("{side} ended in the middle: {reason}") }
        }
        TransferError::Qmp(QmpError::Timeout { seconds, .. }) => {
            StepError::Timeout(format!("migration not completed at {side} in {seconds:.1} s of host time"))
        }
        TransferError::Qmp(other) => other.into(),
    })
}

fn cannot_prepare(what: &'static str) -> impl FnOnce(std::io::Error) -> StepError {
    move |cause| RunError::because(format!("cannot prepare {what}"), cause).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Firmware, Medium};

    fn state() -> DeviceState {
        let machine = Machine::pc(Firmware::SeaBios).virtio_scsi(0, 1, Medium::hanging("first")).bootindex(1);
        let mut state = DeviceState::new(&machine.virtio_scsi(0, 2, Medium::bootable("second")).bootindex(2).absent());
        state.plugged(1);
        state.bootindex(1, 0);
        state
    }

    fn command_line(to: &Destination) -> Vec<(Option<i64>, bool)> {
        let machine = machine(to, &state()).unwrap();
        machine.devices.iter().map(|device| (device.bootindex, device.absent)).collect()
    }

    #[test]
    fn the_command_line_follows_what_changed_only_where_somebody_keeps_account() {
        assert_eq!(command_line(&Destination::new()), [(Some(1), false), (Some(0), false)]);
        assert_eq!(command_line(&Destination::new().as_powered_on()), [(Some(1), false), (Some(2), true)]);
        let instead = Destination::new().with_bootindex(&[("first", 7)]);
        assert_eq!(command_line(&instead), [(Some(7), false), (Some(0), false)]);
    }

    #[test]
    fn a_device_that_is_not_there_cannot_have_another_bootindex() {
        let unknown = machine(&Destination::new().with_bootindex(&[("third", 1)]), &state());
        assert_eq!(unknown.err().as_deref(), Some("third"));
    }
}
