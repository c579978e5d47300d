//! `virt` of qemu-system-loongarch64: QEMU's board for LoongArch, with a PCI Express root and no ISA bus.
//!
//! Its 16550 at 0x1fe0_01e0 is the first `-serial`, fw_cfg lies at 0x1e02_0000 (`hw/loongarch/virt.c`). A payload ends the machine by
//! UEFI's ResetSystem.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, Root, RootBus};
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "virt-loongarch64",
    machine_type: "virt",
    acpi: true,
    smm: false,
    architecture: Architecture::Loongarch64,
    target: Target::Efi(EfiMachine::Loongarch64),
    root: Root::Pci(RootBus {
        id: "pcie.0",
        // slot 0 is the host bridge
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
    tpm: &[],
    held_for_monitor: false,
    store: FirmwareStore::Pflash { code: 0, variables: 1 },
};
