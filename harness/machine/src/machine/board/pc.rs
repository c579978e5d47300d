//! `pc`: i440FX and PIIX3.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, FloppyController, Root, RootBus, SecureBoot};
use crate::machine::pci_address::PciAddress;
use crate::machine::{Firmware, Tpm};
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "pc",
    firmware: &[Firmware::SeaBios, Firmware::Ovmf],
    machine_type: "pc",
    acpi: true,
    smm: false,
    architecture: Architecture::X86_64,
    target: Target::Efi(EfiMachine::X64),
    root: Root::Pci(RootBus {
        id: "pci.0",
        // slot 0 is the host bridge, 1 PIIX3, 2 the VGA adapter where there is one
        free_slots: (3, 30),
        hotplug: true,
        openfirmware: "/pci@i0cf8",
        uefi: "PciRoot",
    }),
    fw_cfg: true,
    vio: false,
    ide: Some(PciAddress { slot: 1, function: 1 }),
    ahci: None,
    floppy: Some(FloppyController { added: None, openfirmware: "isa@1/fdc@03f0" }),
    root_port: None,
    expander: Expander::Bridge("pxb"),
    virtio_mmio: None,
    exit: Some("isa-debug-exit,iobase=0xf4,iosize=4"),
    debug_console: Some("isa-debugcon,iobase=0x402"),
    kernel_rom: Some("/rom@genroms/linuxboot_dma.bin"),
    tpm: &[(Tpm::Crb, "tpm-crb"), (Tpm::Tis, "tpm-tis")],
    secure_boot: SecureBoot::None,
    held_for_monitor: false,
    unplug_announced: 0,
    store: FirmwareStore::Pflash { code: 0, variables: 1 },
};
