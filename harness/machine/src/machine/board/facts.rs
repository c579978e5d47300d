//! What there is to know of a board.

use bootwright_images::{EfiMachine, Target};

use crate::machine::pci_address::PciAddress;
use crate::machine::{Firmware, Tpm};
use crate::platform::Architecture;

/// What a board has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardFacts {
    /// The name used in case ids and in reports.
    pub name: &'static str,
    /// QEMU's machine type without its version, which several architectures may have.
    pub machine_type: &'static str,
    /// Nothing is said of ACPI; else QEMU is told to make no tables, so that firmware has the device tree alone.
    pub acpi: bool,
    /// Its firmware keeps its variables by system management mode, out of reach of the operating system, whether or not it is told to
    /// enforce Secure Boot.
    pub smm: bool,
    /// The firmware that runs on it.
    pub firmware: &'static [Firmware],
    /// Whose QEMU has it.
    pub architecture: Architecture,
    /// What the programs on its media are made for.
    pub target: Target,
    /// What its devices sit on.
    pub root: Root,
    /// It has fw_cfg, in which QEMU leaves the boot order.
    pub fw_cfg: bool,
    /// It has the hypervisor's own bus of virtual devices (PAPR), `spapr-vscsi` and `spapr-vlan` on it.
    pub vio: bool,
    /// Address of the IDE controller (PIIX3) that it has by itself.
    pub ide: Option<PciAddress>,
    /// Address of the AHCI controller that it has by itself; where it has none, an `ich9-ahci` can be added.
    pub ahci: Option<PciAddress>,
    /// The floppy controller.
    pub floppy: Option<FloppyController>,
    /// Port of a PCI Express hierarchy that a device can be plugged into, by QEMU's device name.
    pub root_port: Option<&'static str>,
    /// What makes a second PCI root bus.
    pub expander: Expander,
    /// Its virtio-mmio transports; `None` where it has none.
    pub virtio_mmio: Option<VirtioMmio>,
    /// The device that a payload writes to in order to end the machine; `None` where it powers the machine off.
    pub exit: Option<&'static str>,
    /// The debug console that firmware logs to; its chardev is `debugcon`.
    pub debug_console: Option<&'static str>,
    /// The line of fw_cfg `bootorder` of the option ROM that QEMU adds for a kernel that it is given, before all others
    /// (`x86_load_linux` in `hw/i386/x86-common.c`); `None` where it adds none.
    pub kernel_rom: Option<&'static str>,
    /// Its TPM 2.0 by way of access, by QEMU's device names.
    pub tpm: &'static [(Tpm, &'static str)],
    /// What the build of its UEFI firmware that enforces Secure Boot wants.
    pub secure_boot: SecureBoot,
    /// Its guests may be over before QEMU's monitor is listened to, and how they ended is told there alone: QEMU holds them until
    /// then.
    pub held_for_monitor: bool,
    /// The first major version of QEMU that says by `DEVICE_DELETED` that a disk which goes at once has left the machine while it
    /// runs; 0 where each says so.
    pub unplug_announced: u32,
    /// Where UEFI firmware and its variable store lie.
    pub store: FirmwareStore,
}

impl BoardFacts {
    /// The bus that PCI functions sit on; `None` where none do.
    pub fn pci(&self) -> Option<&RootBus> {
        match &self.root {
            Root::Pci(root) => Some(root),
            Root::Ccw => None,
        }
    }

    /// The processor that its EFI applications are for; `None` where its firmware runs none.
    pub fn efi(&self) -> Option<EfiMachine> {
        self.target.efi()
    }
}

/// What a board's devices sit on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// A PCI root bus.
    Pci(RootBus),
    /// A channel subsystem: each device has a device number and a subchannel (QEMU's `docs/system/s390x/css.rst`).
    Ccw,
}

/// Registers of virtio devices in memory, without a bus that could be enumerated (VIRTIO 1.2 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtioMmio {
    /// Address of the first transport.
    pub first: u64,
    /// Bytes from one to the next.
    pub apart: u64,
    /// How many there are.
    pub count: u8,
}

/// What firmware that enforces Secure Boot wants of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureBoot {
    /// There is no such build for it, or none that would run.
    None,
    /// System management mode, in which alone the variable store may be written.
    Smm,
    /// Nothing.
    Plain,
}

/// A board's PCI root bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootBus {
    /// As QEMU spells it.
    pub id: &'static str,
    /// First and last slot that a device may be given without asking for it.
    pub free_slots: (u8, u8),
    /// A PCI function can be plugged in and out while the machine is powered on.
    pub hotplug: bool,
    /// First node of every OpenFirmware path (fw_cfg `bootorder`).
    pub openfirmware: &'static str,
    /// Name of the first node of every UEFI device path.
    pub uefi: &'static str,
}

/// A floppy controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloppyController {
    /// The `-device` that adds it; `None` where the board has it by itself.
    pub added: Option<&'static str>,
    /// Its OpenFirmware path behind the root bus.
    pub openfirmware: &'static str,
}

/// A host bridge with a PCI root bus of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expander {
    /// There is none.
    None,
    /// It brings a conventional bridge, behind which devices sit; QEMU's device name.
    Bridge(&'static str),
    /// Root ports sit on its bus, one for each device; QEMU's device name.
    Ports(&'static str),
}

/// Where UEFI firmware and its variable store lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FirmwareStore {
    /// It has no variable store, and its firmware is what QEMU loads.
    None,
    /// Two flash devices.
    Pflash {
        /// Unit of the one with the code.
        code: u8,
        /// Unit of the one with the variables.
        variables: u8,
    },
}
