//! The kinds of firmware that a machine can start with.

use serde::{Deserialize, Serialize};

/// The firmware that a machine starts with. Exhaustive on purpose: where cases tell firmware apart, the compiler names every
/// place that a new one must be thought of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Firmware {
    /// SeaBIOS, `bios-256k.bin`.
    #[serde(rename = "seabios")]
    SeaBios,
    /// OVMF: the build without Secure Boot, or for a machine with `secure_boot` the one that enforces it.
    Ovmf,
    /// AAVMF, the edk2 of `virt`, without Secure Boot.
    Aavmf,
    /// The edk2 of `virt` of RISC-V (`OvmfPkg/RiscVVirt`), without Secure Boot.
    #[serde(rename = "riscvvirt")]
    RiscVVirt,
    /// The edk2 of `virt` of LoongArch (`OvmfPkg/LoongArchVirt`), without Secure Boot.
    #[serde(rename = "loongarchvirt")]
    LoongArchVirt,
    /// `s390-ccw.img`, which performs the initial program load of `s390-ccw-virtio`.
    S390Ccw,
    /// SLOF, the Open Firmware of `pseries`.
    Slof,
}

impl Firmware {
    /// The name used in case ids and reports.
    pub fn name(self) -> &'static str {
        match self {
            Firmware::SeaBios => "seabios",
            Firmware::Ovmf => "ovmf",
            Firmware::Aavmf => "aavmf",
            Firmware::RiscVVirt => "riscvvirt",
            Firmware::LoongArchVirt => "loongarchvirt",
            Firmware::S390Ccw => "s390-ccw",
            Firmware::Slof => "slof",
        }
    }

    /// UEFI rather than anything else.
    pub fn is_uefi(self) -> bool {
        match self {
            Firmware::SeaBios | Firmware::S390Ccw | Firmware::Slof => false,
            Firmware::Ovmf | Firmware::Aavmf | Firmware::RiscVVirt | Firmware::LoongArchVirt => true,
        }
    }
}
