//! `virt`: QEMU's boards for Arm, RISC-V and LoongArch, with a PCI Express root and no ISA bus.
//!
//! Their UART is the first `-serial`: a PL011 at 0x0900_0000, a 16550 at 0x1000_0000 or at 0x1fe0_01e0; fw_cfg lies at 0x0902_0000,
//! 0x1010_0000 or 0x1e02_0000; Arm's transports of virtio-mmio lie from 0x0a00_0000 on (`hw/arm/virt.c`, `hw/riscv/virt.c`,
//! `hw/loongarch/virt.c`). There is no device to write an exit status to: a payload ends the machine by UEFI's ResetSystem, which comes to
//! PSCI's SYSTEM_OFF, to SBI's system reset, or to a register of ACPI's. On RISC-V OpenSBI, which QEMU brings, runs first and prints on
//! the same port.

use bootwright_images::{EfiMachine, Target};

use super::{BoardFacts, Expander, FirmwareStore, Root, RootBus, SecureBoot, VirtioMmio};
use crate::machine::{Firmware, Tpm};
use crate::platform::Architecture;

/// Debian builds it for Arm with 64 and with 32 bits.
const AAVMF: &[Firmware] = &[Firmware::Aavmf];

/// qemu-system-aarch64's.
pub(super) const ARM: BoardFacts = BoardFacts {
    virtio_mmio: Some(VirtioMmio { first: 0x0a00_0000, apart: 0x200, count: 32 }),
    tpm: &[(Tpm::Tis, "tpm-tis-device")],
    secure_boot: SecureBoot::Plain,
    ..of("virt", AAVMF, Architecture::Aarch64, EfiMachine::Aa64)
};

/// qemu-system-arm's: the same board with a processor of 32 bits.
pub(super) const ARM32: BoardFacts = BoardFacts {
    tpm: ARM.tpm,
    virtio_mmio: ARM.virtio_mmio,
    ..of("virt-arm", AAVMF, Architecture::Arm, EfiMachine::Arm)
};

/// qemu-system-riscv64's.
pub(super) const RISCV: BoardFacts = BoardFacts {
    acpi: false,
    ..of("virt-riscv64", &[Firmware::RiscVVirt], Architecture::Riscv64, EfiMachine::Riscv64)
};

/// qemu-system-loongarch64's.
pub(super) const LOONGARCH: BoardFacts =
    of("virt-loongarch64", &[Firmware::LoongArchVirt], Architecture::Loongarch64, EfiMachine::Loongarch64);

/// What all of them have.
const fn of(
    name: &'static str,
    firmware: &'static [Firmware],
    architecture: Architecture,
    processor: EfiMachine,
) -> BoardFacts {
    BoardFacts {
        name,
        firmware,
        machine_type: "virt",
        acpi: true,
        smm: false,
        architecture,
        target: Target::Efi(processor),
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
        virtio_mmio: None,
        exit: None,
        debug_console: None,
        kernel_rom: None,
        tpm: &[],
        secure_boot: SecureBoot::None,
        held_for_monitor: false,
        unplug_announced: 0,
        store: FirmwareStore::Pflash { code: 0, variables: 1 },
    }
}
