//! The firmware that a guest asks for.

use super::Guest;
use super::boards::is_virt;

/// The firmware that a guest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestFirmware {
    /// What the board brings: SeaBIOS, s390-ccw, SLOF; on `virt` there is none.
    Bios,
    /// UEFI.
    Uefi(Uefi),
}

/// UEFI firmware as a guest asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uefi {
    /// The file with its code and its line; `None` where libvirt chooses.
    pub code: Option<(String, u32)>,
    /// The code is given with `-bios`, which has no place for variables.
    pub by_bios: bool,
    /// The file with its variables and its line.
    pub variables: Option<(String, u32)>,
    /// By which word what the guest writes into its variables is not kept, as `readonly=on`.
    pub lost_by: Option<&'static str>,
    /// The template that the variables are copied from.
    pub template: Option<String>,
    /// A build that knows Secure Boot is asked for, or refused.
    pub secure_boot: Option<bool>,
    /// Keys are enrolled, or must not be.
    pub enrolled_keys: Option<bool>,
    /// System management mode.
    pub smm: Option<bool>,
    /// Where the choice is written.
    pub line: u32,
}

impl GuestFirmware {
    /// The UEFI part.
    pub fn uefi(&self) -> Option<&Uefi> {
        match self {
            GuestFirmware::Bios => None,
            GuestFirmware::Uefi(uefi) => Some(uefi),
        }
    }
}

impl Guest {
    /// Whether its firmware is SeaBIOS.
    pub fn is_bios(&self) -> bool {
        self.firmware == GuestFirmware::Bios && !is_virt(self.board) && self.own_firmware().is_none() && self.is_pc()
    }

    /// Whether its processor is one of PCs.
    fn is_pc(&self) -> bool {
        matches!(self.architecture.as_str(), "x86_64" | "i386" | "i686")
    }

    /// The firmware that machines of its architecture bring, which is neither SeaBIOS nor UEFI.
    fn own_firmware(&self) -> Option<&'static str> {
        match self.architecture.as_str() {
            "s390x" => Some("s390-ccw"),
            "ppc64" | "ppc64le" => Some("SLOF"),
            _ => None,
        }
    }

    /// The kind of its firmware, for people.
    pub fn firmware_kind(&self) -> &'static str {
        match self.firmware {
            GuestFirmware::Uefi(_) => "UEFI",
            GuestFirmware::Bios if is_virt(self.board) => "no firmware",
            GuestFirmware::Bios if self.is_pc() => "BIOS",
            GuestFirmware::Bios => self.own_firmware().unwrap_or("firmware of its own"),
        }
    }

    /// What its firmware is called, where it is not SeaBIOS.
    pub(super) fn firmware_name(&self) -> &'static str {
        match self.architecture.as_str() {
            "aarch64" | "arm" => "AAVMF",
            "riscv64" => "RISCV_VIRT",
            "loongarch64" => "LoongArchVirt",
            _ => self.own_firmware().unwrap_or("OVMF"),
        }
    }

    /// The files of its UEFI firmware and of its variables, as distributions call them.
    pub(super) fn firmware_files(&self) -> [String; 2] {
        match self.architecture.as_str() {
            "loongarch64" => ["QEMU_EFI.fd", "QEMU_VARS.fd"].map(str::to_owned),
            _ => ["CODE", "VARS"].map(|part| format!("{}_{part}", self.firmware_name())),
        }
    }
}

/// What stands in for a guest's UEFI firmware.
pub(super) fn replacement(architecture: &str) -> &'static str {
    match architecture {
        "aarch64" => "the platform's AAVMF",
        "riscv64" => "the platform's RISCV_VIRT",
        "loongarch64" => "the platform's LoongArchVirt firmware",
        _ => "the platform's OVMF without Secure Boot",
    }
}

/// What stands in for a file that is given as firmware and is none of UEFI.
pub(super) fn replaced_bios(architecture: &str) -> &'static str {
    match architecture {
        "riscv64" => "the OpenSBI that the platform's QEMU brings",
        "s390x" => "the platform's s390-ccw",
        "ppc64" | "ppc64le" => "the platform's SLOF",
        _ => "the platform's SeaBIOS",
    }
}

/// What stands in for its variables.
pub(super) fn replaced_variables(architecture: &str) -> &'static str {
    match architecture {
        "aarch64" => "a copy of the platform's AAVMF_VARS for each power-on",
        "riscv64" | "loongarch64" => "a copy of the platform's variables for each power-on",
        _ => "a copy of the platform's OVMF_VARS for each power-on",
    }
}

/// Whether a file is UEFI firmware by its name, as distributions name them.
pub(super) fn is_uefi_file(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    ["ovmf", "edk2", "aavmf", "qemu_efi", "riscv_virt", "uefi"].iter().any(|word| name.contains(word))
}

/// Whether a file is a build with Secure Boot by its name.
pub(super) fn is_secure_build(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    ["secboot", "secure", ".ms.", "snakeoil"].iter().any(|word| name.contains(word))
}
