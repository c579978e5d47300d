//! The processors whose machines are emulated, and what packages call what belongs to them.

use serde::{Deserialize, Serialize};

/// A guest's processor architecture. A platform has one QEMU for each.
///
/// ```
/// use bootwright_machine::platform::Architecture;
///
/// assert_eq!(Architecture::Aarch64.qemu(), "qemu-system-aarch64");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// x86-64: boards `pc` and `q35`.
    #[default]
    #[serde(rename = "x86-64")]
    X86_64,
    /// 64-bit Arm: board `virt`.
    Aarch64,
    /// IA32: board `q35`.
    I386,
    /// 32-bit Arm: board `virt`.
    Arm,
    /// 64-bit RISC-V: board `virt`.
    Riscv64,
    /// 64-bit LoongArch: board `virt`.
    Loongarch64,
    /// z/Architecture: board `s390-ccw-virtio`.
    S390x,
    /// 64-bit PowerPC: board `pseries`.
    Ppc64,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Architecture; 8] = [
        Architecture::X86_64,
        Architecture::Aarch64,
        Architecture::I386,
        Architecture::Arm,
        Architecture::Riscv64,
        Architecture::Loongarch64,
        Architecture::S390x,
        Architecture::Ppc64,
    ];

    /// Its name in QEMU's firmware descriptors (`docs/interop/firmware.json`) and in the names of its emulators.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Aarch64 => "aarch64",
            Architecture::I386 => "i386",
            Architecture::Arm => "arm",
            Architecture::Riscv64 => "riscv64",
            Architecture::Loongarch64 => "loongarch64",
            Architecture::S390x => "s390x",
            Architecture::Ppc64 => "ppc64",
        }
    }

    /// Whether the processor has registers of 64 bits.
    pub fn is_64_bit(self) -> bool {
        !matches!(self, Architecture::I386 | Architecture::Arm)
    }

    /// Whether its machines are PCs.
    pub fn is_x86(self) -> bool {
        matches!(self, Architecture::X86_64 | Architecture::I386)
    }

    /// The program that emulates it.
    pub fn qemu(self) -> &'static str {
        match self {
            Architecture::X86_64 => "qemu-system-x86_64",
            Architecture::Aarch64 => "qemu-system-aarch64",
            Architecture::I386 => "qemu-system-i386",
            Architecture::Arm => "qemu-system-arm",
            Architecture::Riscv64 => "qemu-system-riscv64",
            Architecture::Loongarch64 => "qemu-system-loongarch64",
            Architecture::S390x => "qemu-system-s390x",
            Architecture::Ppc64 => "qemu-system-ppc64",
        }
    }

    /// What Debian packages of it: the emulator, its data, and every firmware image and option ROM. Dependencies follow.
    pub(super) fn packages(self) -> &'static [&'static str] {
        match self {
            Architecture::X86_64 => &["qemu-system-x86", "qemu-system-data", "ovmf", "seabios", "ipxe-qemu"],
            Architecture::Aarch64 => &["qemu-system-arm", "qemu-system-data", "qemu-efi-aarch64", "ipxe-qemu"],
            Architecture::I386 => &["qemu-system-x86", "qemu-system-data", "ovmf-ia32", "ipxe-qemu"],
            Architecture::Arm => &["qemu-system-arm", "qemu-system-data", "qemu-efi-arm", "ipxe-qemu"],
            Architecture::Riscv64 => &["qemu-system-riscv", "qemu-system-data", "qemu-efi-riscv64", "ipxe-qemu"],
            Architecture::Loongarch64 => &["qemu-system-misc", "qemu-system-data", "qemu-efi-loongarch64", "ipxe-qemu"],
            // qemu-system-misc provides the emulator up to bookworm
            Architecture::S390x => &["qemu-system-s390x", "qemu-system-data"],
            // SLOF is in qemu-system-data; a NIC wants its option ROM, which SLOF does not run
            Architecture::Ppc64 => &["qemu-system-ppc", "qemu-system-data", "ipxe-qemu"],
        }
    }

    /// Debian's name of it; `None` where nothing is made of that.
    pub(super) fn debian(self) -> Option<&'static str> {
        match self {
            Architecture::Aarch64 => Some("arm64"),
            _ => None,
        }
    }

    /// What Debian packages of boot programs for it, where they are not the host's own: their packages, and the one that depends on
    /// the newest kernel.
    pub(super) fn loader_packages(self) -> Option<(&'static [&'static str], &'static str)> {
        match self {
            Architecture::Aarch64 => Some((
                &["grub-efi-arm64-bin", "grub-efi-arm64-signed", "shim-signed", "systemd-boot-efi"],
                "linux-image-cloud-arm64",
            )),
            _ => None,
        }
    }

    /// What the folder of an unpacked release ends in; the first architecture that there was has no word.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Architecture::X86_64 => "",
            Architecture::Aarch64 => "-aarch64",
            Architecture::I386 => "-i386",
            Architecture::Arm => "-arm",
            Architecture::Riscv64 => "-riscv64",
            Architecture::Loongarch64 => "-loongarch64",
            Architecture::S390x => "-s390x",
            Architecture::Ppc64 => "-ppc64",
        }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}
