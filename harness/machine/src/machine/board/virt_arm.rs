//! `virt` of qemu-system-arm: the board of [`virt`](super::virt) with a processor of 32 bits.
//!
//! PL011, fw_cfg and PCI lie where they do for 64 bits (`hw/arm/virt.c`). A payload ends the machine by UEFI's ResetSystem, which comes to
//! PSCI SYSTEM_OFF.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, Root, RootBus};
use crate::machine::Tpm;
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "virt-arm",
    machine_type: "virt",
    acpi: true,
    smm: false,
    architecture: Architecture::Arm,
    target: Target::Efi(EfiMachine::Arm),
    root: Root::Pci(RootBus {
        id: "pcie.0",
        // slot 0 is the host bridge; QEMU's own default NIC would be in slot 1
        free_slots: (3, 30),
        hotplug: false,
        openfirmware: "/pci@ffffffffffffffff",
        uefi: "PciRoot",
    }),
    fw_cfg: true,
    vio: false,
    ide: None,
    ahci: None,
    floppy: None,
    root_port: Some("pcie-root-port"),
    expander: Expander::Ports("pxb-pcie"),
    exit: None,
    debug_console: None,
    kernel_rom: None,
    tpm: &[(Tpm::Tis, "tpm-tis-device")],
    held_for_monitor: false,
    store: FirmwareStore::Pflash { code: 0, variables: 1 },
};
