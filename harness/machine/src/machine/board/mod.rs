//! Boards: QEMU's machine types, and what each has, as facts in one place.
//!
//! Layout, argv and firmware paths ask [`Board::facts`] and never which board it is, so that another board is another file
//! here with its facts. A test has a board that does not exist, to hold them to that.
//!
//! ```
//! use bootwright_machine::machine::Board;
//!
//! assert_eq!(Board::Q35.facts().pci().map(|root| root.id), Some("pcie.0"));
//! assert!(Board::S390CcwVirtio.facts().pci().is_none());
//! assert!(Board::Q35.facts().ide.is_none());
//! ```

mod facts;
#[cfg(test)]
mod imaginary;
mod pc;
mod pseries;
mod q35;
mod s390_ccw_virtio;
mod virt;

use serde::{Deserialize, Serialize};

pub use facts::{BoardFacts, Expander, FirmwareStore, FloppyController, Root, RootBus, SecureBoot, VirtioMmio};

/// QEMU's machine type (without its version). Exhaustive for the same reason as [`Firmware`](super::Firmware).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Board {
    /// `pc`: i440FX with PIIX3 IDE.
    Pc,
    /// `q35`: ICH9 with AHCI.
    Q35,
    /// `q35` of qemu-system-i386, for firmware with 32 bits that is protected by SMM.
    Q35Ia32,
    /// `virt` of qemu-system-aarch64: PCI Express without ISA.
    Virt,
    /// `virt` of qemu-system-arm: PCI Express without ISA.
    VirtArm,
    /// `virt` of qemu-system-riscv64: PCI Express without ISA.
    VirtRiscv64,
    /// `virt` of qemu-system-loongarch64: PCI Express without ISA.
    VirtLoongarch64,
    /// `s390-ccw-virtio` of qemu-system-s390x: devices on a channel subsystem.
    S390CcwVirtio,
    /// `pseries` of qemu-system-ppc64: sPAPR, with a PCI host bridge.
    Pseries,
    /// One that QEMU does not have.
    #[cfg(test)]
    #[schemars(skip)]
    Imaginary,
}

impl Board {
    /// What it has.
    pub fn facts(self) -> &'static BoardFacts {
        match self {
            Board::Pc => &pc::FACTS,
            Board::Q35 => &q35::FACTS,
            Board::Q35Ia32 => &q35::IA32,
            Board::Virt => &virt::ARM,
            Board::VirtArm => &virt::ARM32,
            Board::VirtRiscv64 => &virt::RISCV,
            Board::VirtLoongarch64 => &virt::LOONGARCH,
            Board::S390CcwVirtio => &s390_ccw_virtio::FACTS,
            Board::Pseries => &pseries::FACTS,
            #[cfg(test)]
            Board::Imaginary => &imaginary::FACTS,
        }
    }

    /// The name used in case ids and in reports.
    pub fn name(self) -> &'static str {
        self.facts().name
    }
}
