//! `pseries`: QEMU's board for 64-bit PowerPC as a guest of a hypervisor (sPAPR), with one PCI host bridge.
//!
//! Its first `-serial` is the console `/vdevice/vty@71000000` (`spapr_machine_init` in QEMU's `hw/ppc/spapr.c`). It has no fw_cfg: the boot
//! order is `qemu,boot-list` under `/chosen` in the device tree. A program ends the machine by RTAS `power-off`, which is what SLOF's word of
//! that name calls.

use bootwright_images::Target;

use super::{BoardFacts, Expander, FirmwareStore, Root, RootBus, SecureBoot};
use crate::machine::Firmware;
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "pseries",
    firmware: &[Firmware::Slof],
    machine_type: "pseries",
    acpi: true,
    smm: false,
    architecture: Architecture::Ppc64,
    target: Target::Ppc64,
    root: Root::Pci(RootBus {
        id: "pci.0",
        free_slots: (3, 30),
        hotplug: false,
        openfirmware: "/pci@800000020000000",
        uefi: "PciRoot",
    }),
    fw_cfg: false,
    vio: true,
    ide: None,
    ahci: None,
    floppy: None,
    root_port: None,
    expander: Expander::None,
    virtio_mmio: None,
    exit: None,
    debug_console: None,
    kernel_rom: None,
    tpm: &[],
    secure_boot: SecureBoot::None,
    held_for_monitor: false,
    unplug_announced: 0,
    store: FirmwareStore::None,
};
