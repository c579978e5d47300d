//! `virt`: QEMU's board for Arm, with a PCI Express root and no ISA bus.
//!
//! Its PL011 at 0x0900_0000 is the first `-serial`, fw_cfg lies at 0x0902_0000 (`hw/arm/virt.c`). There is no device to write an
//! exit status to: a payload ends the machine by PSCI SYSTEM_OFF, which is what UEFI's ResetSystem comes to.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, Root, RootBus};
use crate::machine::Tpm;
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "virt",
    machine_type: "virt",
    acpi: true,
    smm: false,
    architecture: Architecture::Aarch64,
    target: Target::Efi(EfiMachine::Aa64),
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
