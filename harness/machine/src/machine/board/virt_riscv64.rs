//! `virt` of qemu-system-riscv64: QEMU's board for RISC-V, with a PCI Express root and no ISA bus.
//!
//! Its 16550 at 0x1000_0000 is the first `-serial`, fw_cfg lies at 0x1010_0000 (`hw/riscv/virt.c`). OpenSBI, which QEMU brings, runs
//! first and prints on the same port. A payload ends the machine by UEFI's ResetSystem, which comes to SBI's system reset.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, Root, RootBus};
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "virt-riscv64",
    machine_type: "virt",
    acpi: false,
    smm: false,
    architecture: Architecture::Riscv64,
    target: Target::Efi(EfiMachine::Riscv64),
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
