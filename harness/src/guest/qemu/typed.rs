//! What is typed at the monitor, as steps of a story.

use super::Reader;
use super::buses::Buses;
use super::options::Parts;
use crate::case::story::{Monitor, Step, Unplugged};
use crate::guest::hmp::Command;
use crate::guest::{GuestDevice, GuestError};
use crate::machine::DeviceClass;

impl Reader<'_> {
    /// Follows the commands: devices that come are absent before, and each command is a step. A guest that nobody lets run
    /// is let run at the end.
    pub(super) fn follow(
        &mut self,
        commands: &[Command],
        buses: &mut Buses,
        devices: &mut Vec<GuestDevice>,
    ) -> Result<Vec<Step>, GuestError> {
        let mut steps = Vec::new();
        for command in commands {
            match (command.name.as_str(), command.words.as_slice()) {
                ("drive_add", [_, drive, ..]) => {
                    let parts = Parts::read(self.file, drive, "file")?;
                    self.drive(&parts, drive)?;
                }
                ("device_add", [word, ..]) => {
                    let parts = Parts::read(self.file, word, "driver")?;
                    let mut given = self.with_globals(parts.clone());
                    self.give_slot(&mut given, word)?;
                    buses.comes(&given).map_err(|(what, fix)| self.error(word, what, fix))?;
                    let device = self.device(&given, word, buses, devices)?;
                    let Some(mut device) = device.filter(|device| !device.device.is_nic()) else {
                        let what = format!("{}: only drives can be plugged in here", parts.first);
                        return Err(self.error(word, what, "leave it out, or put it on the command line"));
                    };
                    device.device.absent = true;
                    steps.push(Step::Plug { device: device.name.clone(), by: Monitor::Human });
                    devices.push(device);
                }
                ("device_del", [word, ..]) => {
                    let found = devices.iter().find(|device| device.name == word.text);
                    let Some(found) = found else {
                        return Err(self.error(
                            word,
                            format!("no device is called \"{}\"", word.text),
                            "give the id of a device_add or -device",
                        ));
                    };
                    let pci = matches!(found.device.class, DeviceClass::VirtioBlk | DeviceClass::Nvme);
                    let unplugged = if pci { Unplugged::AtReset } else { Unplugged::AtOnce };
                    steps.push(Step::Unplug { device: found.name.clone(), unplugged });
                }
                ("system_reset", _) => steps.push(Step::Reset),
                _ => steps.push(Step::Cont),
            }
        }
        if !commands.is_empty() && !steps.contains(&Step::Cont) {
            steps.push(Step::Cont);
        }
        Ok(steps)
    }
}
