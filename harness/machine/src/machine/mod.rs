//! The machine as plain data, and its argv as a pure function.
//!
//! A [`Machine`] says what a case wants: firmware, board, media, places, boot order. It does no I/O and starts nothing;
//! [`argv::argv`] turns it into QEMU's command line, [`layout::Layout`] into addresses, [`paths`] into the names by which
//! firmware will speak of each device.
//!
//! ```
//! use bootwright_machine::machine::{Firmware, Machine, Medium};
//!
//! let machine = Machine::pc(Firmware::SeaBios)
//!     .virtio_blk(Medium::bootable("wrong"))
//!     .slot(3)
//!     .virtio_blk(Medium::bootable("right"))
//!     .slot(9)
//!     .bootindex(1);
//! assert_eq!(machine.devices.len(), 2);
//! ```

pub mod argv;
mod board;
mod boot_variables;
pub mod bridge;
mod build;
mod clock;
mod device_name;
mod disk_class;
mod firmware;
pub mod layout;
mod loader;
mod medium;
pub mod menu_names;
mod network;
mod nic_model;
mod order;
pub mod paths;
mod pci_address;
mod property;
mod secure_boot;
mod shim;
mod store;
mod system;
mod tpm;
mod written;

use serde::{Deserialize, Serialize};

pub use board::{Board, BoardFacts, Expander, FirmwareStore, FloppyController, Root, RootBus};
pub use boot_variables::{BootOption, BootVariables, OptionTarget};
pub use bridge::Bridge;
pub use clock::{Clock, ClockKind, UnknownClock};
pub use device_name::DeviceName;
pub use disk_class::{DiskClass, Hotplug, UnknownDiskClass};
pub use firmware::Firmware;
pub use layout::LayoutError;
pub use loader::{Grub, GrubSource, Loader};
pub use medium::{ImageFile, KernelFiles, Medium};
pub use network::{Https, Network, Program, Served, ServedSystem};
pub use nic_model::{NicModel, OtherNic, UefiDriver, UnknownNic};
pub use property::Value;
pub use secure_boot::{SecureBootKeys, Signature};
pub use shim::ShimVariables;
pub use store::{Access, Damage, VariableStore};
pub use system::{FileContent, GivenSystem, OwnProgram, SystemBootCode, SystemFiles};
pub use tpm::Tpm;

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Accelerator {
    /// QEMU's own translator.
    #[default]
    Tcg,
    /// The host's `/dev/kvm`.
    Kvm,
}

impl Accelerator {
    /// The name used on QEMU's command line.
    pub fn name(self) -> &'static str {
        match self {
            Accelerator::Tcg => "tcg",
            Accelerator::Kvm => "kvm",
        }
    }
}

// exhaustive on purpose: the compiler leads whoever adds one to every place that must know it
/// What a device is to the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum DeviceClass {
    /// `virtio-blk-pci`, or `virtio-blk-ccw` on a channel subsystem.
    VirtioBlk,
    /// `scsi-hd` or `scsi-cd` on a `virtio-scsi-pci` host bus adapter, or a `virtio-scsi-ccw` one.
    VirtioScsi {
        /// Which adapter, counted from 0; devices with the same number share it.
        hba: u8,
        /// SCSI target id, 0 to 255.
        target: u8,
        /// Logical unit number, 0 to 16383.
        lun: u16,
    },
    /// `scsi-hd` or `scsi-cd` on another SCSI adapter.
    Scsi {
        /// Its kind.
        adapter: ScsiAdapter,
        /// Which adapter of this kind, counted from 0; devices with the same number share it.
        hba: u8,
        /// SCSI target id.
        target: u8,
        /// Logical unit number.
        lun: u16,
    },
    /// `ide-hd` or `ide-cd` on the board's own controller: PIIX3 on pc (`channel` 0 or 1, `unit` 0 or 1).
    Ide {
        /// 0 primary, 1 secondary.
        channel: u8,
        /// 0 master, 1 slave.
        unit: u8,
    },
    /// `ide-hd` or `ide-cd` on an AHCI port: the board's own on q35, an added `ich9-ahci` on pc.
    Ahci {
        /// 0 to 5.
        port: u8,
    },
    /// `nvme` controller with one namespace.
    Nvme,
    /// A namespace of an `nvme` controller that others may share.
    NvmeNamespace {
        /// Which controller, counted from 0; namespaces with the same number share it.
        controller: u8,
        /// Namespace id, from 1.
        nsid: u32,
    },
    /// `usb-storage` behind a `usb-hub`, which devices with the same controller and root port share.
    UsbBehindHub {
        /// The host controller that the hub hangs off: xHCI or UHCI, since the hub is of USB 1.1.
        controller: UsbController,
        /// The hub's root port, from 1.
        hub: u8,
        /// Port on the hub, 1 to 8.
        port: u8,
    },
    /// `usb-storage` (bulk-only transport).
    UsbStorage {
        /// The host controller it hangs off.
        controller: UsbController,
        /// Root port, from 1.
        port: u8,
    },
    /// A drive on the ISA floppy controller.
    Floppy {
        /// 0 for A:, 1 for B:.
        unit: u8,
    },
    /// A network interface card.
    Nic(Nic),
}

/// SCSI adapters besides virtio-scsi that SeaBIOS has a driver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ScsiAdapter {
    /// `am53c974`, AMD's PCscsi.
    Am53c974,
    /// `lsi53c895a`.
    Lsi53c895a,
    /// `megasas`, MegaRAID SAS 8708EM2.
    Megasas,
    /// `mptsas1068`, Fusion-MPT.
    Mptsas1068,
    /// `pvscsi`, VMware's.
    Pvscsi,
    /// `spapr-vscsi`, on the hypervisor's bus of a `pseries`.
    SpaprVscsi,
}

impl ScsiAdapter {
    /// QEMU's device name.
    pub fn device(self) -> &'static str {
        match self {
            ScsiAdapter::SpaprVscsi => "spapr-vscsi",
            ScsiAdapter::Am53c974 => "am53c974",
            ScsiAdapter::Lsi53c895a => "lsi53c895a",
            ScsiAdapter::Megasas => "megasas",
            ScsiAdapter::Mptsas1068 => "mptsas1068",
            ScsiAdapter::Pvscsi => "pvscsi",
        }
    }

    /// Highest target id that a machine may give out on it: QEMU's buses have that many at least.
    fn last_target(self) -> u8 {
        match self {
            ScsiAdapter::Am53c974 | ScsiAdapter::Lsi53c895a | ScsiAdapter::Mptsas1068 => 7,
            ScsiAdapter::Megasas | ScsiAdapter::Pvscsi | ScsiAdapter::SpaprVscsi => 63,
        }
    }
}

/// USB host controllers that firmware can boot from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum UsbController {
    /// `qemu-xhci`, USB 3.
    Xhci,
    /// `usb-ehci`, USB 2.
    Ehci,
    /// `piix3-usb-uhci`, USB 1.1.
    Uhci,
}

impl UsbController {
    /// QEMU's device name.
    pub fn device(self) -> &'static str {
        match self {
            UsbController::Xhci => "qemu-xhci",
            UsbController::Ehci => "usb-ehci",
            UsbController::Uhci => "piix3-usb-uhci",
        }
    }

    /// Its name in case ids, bus names and the names of its drives.
    pub fn word(self) -> &'static str {
        match self {
            UsbController::Xhci => "xhci",
            UsbController::Ehci => "ehci",
            UsbController::Uhci => "uhci",
        }
    }
}

/// A network interface card and what it is plugged into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Nic {
    /// Its model.
    pub model: NicModel,
    /// Which option ROM the card carries.
    #[serde(default)]
    pub rom: OptionRom,
    /// Index of the network that it is plugged into ([`Machine::networks`]); `None` leaves it without a peer.
    #[serde(default)]
    pub lan: Option<usize>,
}

/// The option ROM of a NIC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum OptionRom {
    /// The one QEMU chooses: iPXE for BIOS and EFI.
    #[default]
    Default,
    /// None: `romfile=` left empty.
    Empty,
    /// The ROM is there but its BAR is not: `rombar=0`.
    NoBar,
    /// A file without a byte, which QEMU refuses: `romfile=/dev/null`.
    EmptyFile,
}

/// Where a PCI function sits, or what has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Place {
    /// On the root bus, in this slot or the next free one.
    #[default]
    Root,
    /// Behind a conventional `pci-bridge` that sits on the root bus.
    PciBridge,
    /// Behind a `pci-bridge` that sits behind the one on the root bus.
    NestedBridge,
    /// Behind a `pcie-root-port` (q35).
    RootPort,
    /// Behind a `pcie-root-port` that is this function of the root bus (q35). Several ports may share a slot, as libvirt
    /// places them.
    Port {
        /// The port's slot on the root bus.
        slot: u8,
        /// The port's function, 0 to 7.
        function: u8,
    },
    /// Behind a downstream port (`xio3130-downstream`) of the one switch (`x3130-upstream`), which sits behind a root port (q35).
    SwitchPort,
    /// Behind an expander root bus: `pxb` on pc, `pxb-pcie` with a root port on q35.
    Expander,
    /// On z/Architecture's PCI, as a function of its own: QEMU adds its `zpci` (s390-ccw-virtio, virtio-blk).
    Zpci,
    /// On no PCI bus: a virtio disk (`virtio-blk-device`) or card (`virtio-net-device`) on one of the board's own transports.
    VirtioMmio {
        /// The transport's number; QEMU's bus is `virtio-mmio-bus.N`.
        transport: u8,
    },
}

/// The size of a disk's sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BlockSize {
    /// What an address counts, in bytes; it decides which kind of image goes in.
    pub logical: u32,
    /// What the disk says that it writes at once, in bytes.
    pub physical: u32,
}

/// One device that firmware may boot from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Device {
    /// What it is.
    pub class: DeviceClass,
    /// What is in it; `None` for an empty drive or a NIC.
    pub medium: Option<Medium>,
    /// Optical drive rather than disk, where the class can be both.
    pub optical: bool,
    /// Where its PCI function (or its adapter's) sits.
    pub place: Place,
    /// Requested PCI slot on its bus.
    pub slot: Option<u8>,
    /// Requested PCI function; anything but 0 needs a slot that another device shares.
    pub function: u8,
    /// The slot is multifunction (set on function 0).
    pub multifunction: bool,
    /// QEMU's `bootindex` property, passed through as given so that refused values can be tested.
    pub bootindex: Option<i64>,
    /// Logical geometry override `lcyls,lheads,lsecs` (fw_cfg `bios-geometry`).
    pub logical_geometry: Option<(u32, u32, u32)>,
    /// Block size where both are not 512.
    pub block_size: Option<BlockSize>,
    /// Additional properties as QEMU spells them.
    pub properties: Vec<(String, Value)>,
    /// Additional properties of the adapter or controller that it shares with others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adapter_properties: Vec<(String, Value)>,
    /// Defined, with its backing file, but not plugged in when the machine powers on.
    pub absent: bool,
}

impl Device {
    /// The name of the medium in it. [`Machine::name_of`] has a name for every device.
    pub fn medium_name(&self) -> Option<&str> {
        self.medium.as_ref().map(|medium| medium.name.as_str())
    }
}

/// QEMU's `-boot` option.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BootOptions {
    /// `strict=`.
    pub strict: Option<bool>,
    /// `reboot-timeout=` in milliseconds, passed through as given.
    pub reboot_timeout: Option<i64>,
    /// `order=` drive letters.
    pub order: Option<String>,
    /// `once=` drive letters.
    pub once: Option<String>,
    /// `menu=`.
    pub menu: Option<bool>,
    /// `splash-time=` in milliseconds: how long SeaBIOS offers its boot menu, and OVMF, in whole seconds, its setup.
    pub splash_time: Option<u32>,
    /// BIOS scan code of the key that opens SeaBIOS' boot menu instead of ESC (fw_cfg `etc/boot-menu-key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub menu_key: Option<u8>,
    /// The machine's `loadparm=`, up to eight letters, digits, dots and blanks (z/Architecture): the number of an entry of the boot map, or
    /// `PROMPT` for a menu of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loadparm: Option<String>,
}

/// The CPU model of machines with OVMF that choose none.
const OVMF_CPU: &str = "qemu64,+pdpe1gb";

/// The CPU model of machines with AAVMF that choose none: ARMv8.0, the cheapest of 64 bits to emulate.
const AAVMF_CPU: &str = "cortex-a57";

/// A machine to power on.
#[must_use = "words about a machine give a new one back"]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Machine {
    /// What it starts with.
    pub firmware: Firmware,
    /// Its board.
    pub board: Board,
    /// RAM in MiB; `None` takes what the firmware needs, see [`Machine::ram_mib_or_default`].
    #[serde(default)]
    pub ram_mib: Option<u32>,
    /// `-cpu`; `None` takes the measured default of [`Machine::cpu_or_default`].
    #[serde(default)]
    pub cpu: Option<String>,
    /// Who executes it.
    #[serde(default)]
    pub accelerator: Accelerator,
    /// Guest time; `None` takes the measured default of [`Machine::clock`].
    #[serde(default)]
    pub clock: Option<Clock>,
    /// A `virtio-rng-pci` is present.
    #[serde(default)]
    pub rng: bool,
    /// Number of serial ports besides the first, which the payload prints on.
    #[serde(default)]
    pub extra_serial_ports: u8,
    /// A standard VGA adapter is present.
    #[serde(default)]
    pub vga: bool,
    /// Firmware's text console goes to the first serial port (SeaBIOS `sercon`; OVMF always does).
    #[serde(default)]
    pub serial_console: bool,
    /// Powered on paused (`-S`), in run state prelaunch.
    #[serde(default)]
    pub paused: bool,
    /// Boot options.
    #[serde(default)]
    pub boot: BootOptions,
    /// Devices in the order in which they are given to QEMU.
    #[serde(default, deserialize_with = "written::devices")]
    #[schemars(with = "Vec<written::WrittenDevice>")]
    pub devices: Vec<Device>,
    /// Additional fw_cfg strings, name and value.
    #[serde(default)]
    pub fw_cfg: Vec<(String, String)>,
    /// Networks that NICs are plugged into, by [`Nic::lan`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// A Linux kernel that QEMU hands to the firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelFiles>,
    /// A distribution's kernel and an initramfs that reports from user space, which QEMU hands to the firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<GivenSystem>,
    /// The build of UEFI firmware that enforces Secure Boot, with the vendors' keys enrolled unless its variable store has others;
    /// q35 alone has what it needs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure_boot: bool,
    /// What UEFI firmware keeps its variables in.
    #[serde(default, skip_serializing_if = "VariableStore::is_default")]
    pub variable_store: VariableStore,
    /// Its TPM 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<Tpm>,
}

impl Machine {
    /// The clock that the machine runs by: virtual where firmware waits, real where it only computes (measured: see
    /// `docs/adr/0003-clock.md`).
    pub fn clock(&self) -> Clock {
        if self.bridge().is_some() {
            return Clock::Real; // a real bridge waits in real time
        }
        match (self.clock, self.accelerator) {
            (Some(clock), _) => clock,
            (None, Accelerator::Kvm) => Clock::Real,
            (None, Accelerator::Tcg) => match self.firmware {
                Firmware::SeaBios => Clock::Virtual { shift: 7 },
                Firmware::Ovmf if self.has_nic() => Clock::Virtual { shift: 9 },
                Firmware::Aavmf if self.has_nic() => Clock::Virtual { shift: 9 },
                // its NVMe driver gives a command five seconds, which a faster clock makes of a moment of the host
                Firmware::Aavmf if self.has_nvme() => Clock::Virtual { shift: 3 },
                // it offers its setup for five seconds at every boot
                Firmware::Aavmf => Clock::Virtual { shift: 7 },
                // it looks for frames all the while that it waits, half a minute for an address
                Firmware::RiscVVirt if self.has_nic() => Clock::Virtual { shift: 7 },
                // with a faster one QEMU 10.0 does not come out of this firmware's first seconds
                Firmware::LoongArchVirt if self.has_nic() => Clock::Virtual { shift: 5 },
                // its NVMe driver, too
                Firmware::RiscVVirt | Firmware::LoongArchVirt => Clock::Virtual { shift: 3 },
                // it counts its seconds by the clock of the guest, which a network alone makes it wait for
                Firmware::S390Ccw if self.has_nic() => Clock::Virtual { shift: 7 },
                // it waits for USB devices, and for answers of the network
                Firmware::Slof => Clock::Virtual { shift: 7 },
                Firmware::Ovmf | Firmware::S390Ccw => Clock::Real,
            },
        }
    }

    /// What stands behind `-cpu`: what was asked for; else, for OVMF under TCG, QEMU's own default with pages of 1 GiB, without
    /// which OVMF writes and splits half a million page table entries (measured: see `docs/adr/0010-ovmf-cpu.md`); for AAVMF a
    /// processor of 64 bits, which the board's default is not; else `None`, QEMU's own default.
    pub fn cpu_or_default(&self) -> Option<&str> {
        let own = match (self.firmware, self.accelerator) {
            _ if !self.board.facts().architecture.is_64_bit() => None,
            (Firmware::Ovmf, Accelerator::Tcg) => Some(OVMF_CPU),
            (Firmware::Aavmf, Accelerator::Tcg) => Some(AAVMF_CPU),
            (Firmware::Aavmf, Accelerator::Kvm) => Some("host"),
            _ => None,
        };
        self.cpu.as_deref().or(own)
    }

    /// RAM in MiB: what was asked for, or else enough for its firmware.
    pub fn ram_mib_or_default(&self) -> u32 {
        self.ram_mib.unwrap_or(match self.firmware {
            Firmware::SeaBios => 32,
            Firmware::Ovmf => 128,
            Firmware::Aavmf => 256,
            Firmware::RiscVVirt => 512,
            // QEMU refuses less (`virt_init` in its `hw/loongarch/virt.c`)
            Firmware::LoongArchVirt => 1024,
            // the part of QEMU 7.2 that boots over a network lies above 64 MiB
            Firmware::S390Ccw => 128,
            // less than a logical memory block is refused (`spapr_machine_init`)
            Firmware::Slof => 256,
        })
    }

    /// Whether its firmware keeps its variables by system management mode.
    pub fn needs_smm(&self) -> bool {
        let facts = self.board.facts();
        facts.smm && self.firmware.is_uefi() || self.secure_boot && facts.secure_boot == board::SecureBoot::Smm
    }

    /// Whether any NIC is plugged in.
    pub fn has_nic(&self) -> bool {
        self.devices.iter().any(|device| matches!(device.class, DeviceClass::Nic(_)))
    }

    /// Whether any drive is on NVMe, one that is plugged in later among them.
    fn has_nvme(&self) -> bool {
        let is_nvme = |device: &Device| matches!(device.class, DeviceClass::Nvme | DeviceClass::NvmeNamespace { .. });
        self.devices.iter().any(is_nvme)
    }

    /// The NICs that are plugged into a network, in device order: device index and NIC.
    pub fn plugged_nics(&self) -> impl Iterator<Item = (usize, &Nic)> {
        self.devices.iter().enumerate().filter_map(|(index, device)| match &device.class {
            DeviceClass::Nic(nic) if nic.lan.is_some() => Some((index, nic)),
            _ => None,
        })
    }

    /// The real bridge that a NIC is plugged into, if there is one, and the device indices of those NICs.
    pub fn bridge(&self) -> Option<(&Bridge, Vec<usize>)> {
        let on = |nic: &Nic| self.networks.get(nic.lan?)?.bridge.as_ref();
        let nics: Vec<_> = self.plugged_nics().filter_map(|(index, nic)| Some((index, on(nic)?))).collect();
        let bridge = nics.first().map(|(_, bridge)| *bridge)?;
        Some((bridge, nics.into_iter().map(|(index, _)| index).collect()))
    }

    /// The device that holds the medium with this name.
    pub fn device_with_medium(&self, name: &str) -> Option<usize> {
        self.devices.iter().position(|device| device.medium_name() == Some(name))
    }
}
