//! The kinds of firmware that a report lists.

use serde::{Deserialize, Serialize};

/// What a firmware file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FirmwareKind {
    /// SeaBIOS.
    Seabios,
    /// edk2 for x86 virtual machines.
    Ovmf,
    /// edk2 for Arm virtual machines.
    Aavmf,
    /// edk2 for RISC-V virtual machines.
    #[serde(rename = "riscvvirt")]
    RiscVVirt,
    /// edk2 for LoongArch virtual machines.
    #[serde(rename = "loongarchvirt")]
    LoongArchVirt,
    /// `s390-ccw.img` and `s390-netboot.img`.
    S390Ccw,
    /// `slof.bin`.
    Slof,
    /// iPXE, as an option ROM or a loader.
    Ipxe,
}

impl FirmwareKind {
    /// The word used in every rendering, for example `seabios`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seabios => "seabios",
            Self::Ovmf => "ovmf",
            Self::Aavmf => "aavmf",
            Self::RiscVVirt => "riscvvirt",
            Self::LoongArchVirt => "loongarchvirt",
            Self::S390Ccw => "s390-ccw",
            Self::Slof => "slof",
            Self::Ipxe => "ipxe",
        }
    }
}
