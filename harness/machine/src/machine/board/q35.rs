//! `q35`: Q35 and ICH9, of qemu-system-x86_64 and qemu-system-i386.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, FloppyController, Root, RootBus, SecureBoot};
use crate::machine::pci_address::PciAddress;
use crate::machine::{Firmware, Tpm};
use crate::platform::Architecture;

pub(super) const FACTS: BoardFacts = BoardFacts {
    name: "q35",
    firmware: &[Firmware::SeaBios, Firmware::Ovmf],
    machine_type: "q35",
    acpi: true,
    smm: false,
    architecture: Architecture::X86_64,
    target: Target::Efi(EfiMachine::X64),
    root: Root::Pci(RootBus {
        id: "pcie.0",
        // slot 31 is ICH9
        free_slots: (3, 30),
        hotplug: false,
        openfirmware: "/pci@i0cf8",
        uefi: "PciRoot",
    }),
    fw_cfg: true,
    vio: false,
    ide: None,
    ahci: Some(PciAddress { slot: 0x1f, function: 2 }),
    floppy: Some(FloppyController { added: Some("isa-fdc,id=fdc0"), openfirmware: "isa@1f/fdc@03f0" }),
    root_port: Some("pcie-root-port"),
    expander: Expander::Ports("pxb-pcie"),
    virtio_mmio: None,
    exit: Some("isa-debug-exit,iobase=0xf4,iosize=4"),
    debug_console: Some("isa-debugcon,iobase=0x402"),
    kernel_rom: Some("/rom@genroms/linuxboot_dma.bin"),
    tpm: &[(Tpm::Crb, "tpm-crb"), (Tpm::Tis, "tpm-tis")],
    secure_boot: SecureBoot::Smm,
    held_for_monitor: false,
    unplug_announced: 0,
    store: FirmwareStore::Pflash { code: 0, variables: 1 },
};

/// qemu-system-i386's: the same board with a processor of 32 bits.
///
/// Debian's one build of OVMF for IA32 (`ovmf-ia32`) keeps its variables by SMM and does not start without. It was built with Secure Boot,
/// and its template of a store has no keys: until some are enrolled the machine is in setup mode, in which everything runs.
pub(super) const IA32: BoardFacts = BoardFacts {
    name: "q35-ia32",
    smm: true,
    architecture: Architecture::I386,
    target: Target::Efi(EfiMachine::Ia32),
    ..FACTS
};
