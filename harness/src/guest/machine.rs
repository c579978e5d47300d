//! A guest as a machine: its devices with media of our own in them, and networks of our own.

use std::collections::BTreeSet;

use bootwright_images::{BootMapLayout, Target};

use super::loadparm;
use super::network::{GuestNetwork, assumed, user};
use super::{At, Guest, GuestError, GuestFirmware, Plug};
use crate::lan::LanSpec;
use crate::machine::{Device, DeviceClass, Firmware, Machine, Medium, Network};
use crate::platform::Architecture;

impl Guest {
    /// The machine, with a bootable medium in every drive that is not empty and an answer on every network.
    ///
    /// # Errors
    ///
    /// [`GuestError`] where the guest is none that can be powered on here.
    pub fn machine(&self) -> Result<Machine, GuestError> {
        self.machine_with(&[], &BTreeSet::new())
    }

    /// The machine on these networks, in which the devices of `dead` (by their places in [`Guest::devices`]) have nothing
    /// to boot: a blank medium, or silence on the network.
    ///
    /// # Errors
    ///
    /// As [`Guest::machine`].
    pub(crate) fn machine_with(
        &self,
        networks: &[GuestNetwork],
        dead: &BTreeSet<usize>,
    ) -> Result<Machine, GuestError> {
        let Some(board) = self.board else {
            return Err(GuestError {
                what: format!(
                    "a guest of architecture {} with machine {} cannot be powered on here",
                    self.architecture, self.machine_type
                ),
                file: self.file.clone(),
                at: At { line: self.line.max(1), column: 1 },
                fix: "x86_64 with machine pc or q35 can, and aarch64, riscv64 and loongarch64 with machine virt, s390x with machine \
                      s390-ccw-virtio, and ppc64 with machine pseries"
                    .to_owned(),
            });
        };
        let firmware = match (board.facts().architecture, &self.firmware) {
            (Architecture::Aarch64 | Architecture::Arm, _) => Firmware::Aavmf,
            // its one board has no BIOS among the cases
            (Architecture::I386, _) => Firmware::Ovmf,
            (Architecture::Riscv64, _) => Firmware::RiscVVirt,
            (Architecture::Loongarch64, _) => Firmware::LoongArchVirt,
            (Architecture::S390x, _) => Firmware::S390Ccw,
            (Architecture::Ppc64, _) => Firmware::Slof,
            (Architecture::X86_64, GuestFirmware::Bios) => Firmware::SeaBios,
            (Architecture::X86_64, GuestFirmware::Uefi(_)) => Firmware::Ovmf,
        };
        let mut machine = Machine::new(firmware, board);
        machine.cpu = self.cpu.clone();
        machine.rng = self.rng;
        machine.boot = self.boot.clone();
        machine.serial_console = self.serial_console;
        machine.fw_cfg = self.fw_cfg.clone();
        for (index, guest_device) in self.devices.iter().enumerate() {
            let mut device = guest_device.device.clone();
            let is_dead = dead.contains(&index);
            if let DeviceClass::Nic(nic) = &mut device.class {
                if guest_device.network != Some(Plug::Nothing) {
                    nic.lan = Some(machine.networks.len());
                    let network = if is_dead {
                        Network::new(LanSpec::new())
                    } else {
                        lan(guest_device.network.as_ref(), networks, board.facts().target)
                    };
                    machine.networks.push(network);
                }
            } else if guest_device.source.is_some() {
                let name = &guest_device.name;
                device.medium = Some(if is_dead { Medium::blank(name) } else { self.bootable(name, &device) });
            }
            machine.devices.push(device);
        }
        Ok(machine)
    }

    /// A medium whose program runs: on z/Architecture at the entry of its boot map that is asked for.
    fn bootable(&self, name: &str, device: &Device) -> Medium {
        match loadparm::entry(device, &self.boot).filter(|_| !device.optical) {
            Some(entry) => Medium::boot_map(name, BootMapLayout::Scsi, entry),
            None => Medium::bootable(name),
        }
    }
}

/// The network that a NIC finds.
fn lan(plug: Option<&Plug>, networks: &[GuestNetwork], target: Target) -> Network {
    match plug {
        Some(Plug::User(boot_file)) => user(boot_file.as_deref(), target),
        Some(Plug::Network(name)) => {
            let known = networks.iter().find(|network| network.name == *name);
            known.and_then(|network| network.lan(target)).unwrap_or_else(|| assumed(target))
        }
        _ => assumed(target),
    }
}
