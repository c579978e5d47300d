//! Boot programs that others wrote, as part of a machine's data: which one, not where it lies or what is in it.
//!
//! ```
//! use bootwright_images::{EfiMachine, Target};
//! use bootwright_machine::machine::{Grub, Loader};
//!
//! let grub = Loader::Grub(Grub::network(true, "/grub"));
//! assert_eq!(Loader::Pxelinux.package(Target::Efi(EfiMachine::X64)), "pxelinux");
//! assert_eq!(grub.package(Target::Efi(EfiMachine::Aa64)), "grub-efi-arm64-bin");
//! ```

use bootwright_images::{EfiMachine, Target};
use serde::{Deserialize, Serialize};

// exhaustive on purpose: what looks for the files knows where each of them is
/// A program of a distribution's package that a lan offers under a file name, or that a medium holds. One for UEFI, or a kernel, is that
/// for the machine's own processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Loader {
    /// Syslinux' network boot program for BIOS.
    Pxelinux,
    /// A module of Syslinux for BIOS, by its file name.
    SyslinuxModule(String),
    /// iPXE on the network stack of the ROM that loaded it, BIOS.
    UndiOnly,
    /// iPXE with drivers of its own in the shape of a Linux kernel, BIOS.
    IpxeKernel,
    /// iPXE on the network stack of the firmware that loaded it, UEFI.
    SnpOnly,
    /// iPXE with drivers of its own, UEFI.
    IpxeEfi,
    /// GRUB's boot program, made of its modules before power-on.
    Grub(Grub),
    /// GRUB's boot sector for BIOS, which starts the program in the sectors behind it.
    GrubBootSector,
    /// Syslinux' boot program of optical media, BIOS.
    Isolinux,
    /// Syslinux' boot sector that starts the boot program of an optical medium from a hard disk.
    IsohybridBootSector,
    /// systemd-boot, UEFI.
    SystemdBoot,
    /// systemd's stub of a unified kernel image, UEFI.
    UnifiedStub,
    /// shim with Microsoft's signature, UEFI.
    Shim,
    /// GRUB with the distribution's signature, UEFI; it looks for `EFI/debian/grub.cfg` on the medium it came from.
    SignedGrub,
    /// A distribution's Linux kernel: a bzImage on x86-64, an Image on aarch64, each with an EFI stub.
    Kernel,
}

/// How GRUB's boot program is made (`grub-mkimage`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grub {
    /// For UEFI rather than BIOS.
    pub efi: bool,
    /// Where it looks for `grub.cfg`: on the server it came from, or with GRUB's name of the medium, such as `(cd)`.
    pub prefix: String,
    /// What it comes from.
    #[serde(default, skip_serializing_if = "GrubSource::is_network")]
    pub from: GrubSource,
}

/// What GRUB's boot program comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrubSource {
    /// A server.
    #[default]
    Network,
    /// A hard disk, or for UEFI any volume that the firmware reads.
    Disk,
    /// An optical medium.
    Optical,
}

impl GrubSource {
    fn is_network(&self) -> bool {
        *self == GrubSource::Network
    }
}

impl Grub {
    /// The boot program that comes from a server.
    pub fn network(efi: bool, prefix: &str) -> Grub {
        Grub { efi, prefix: prefix.to_owned(), from: GrubSource::Network }
    }

    /// The boot program that comes from a medium.
    pub fn medium(efi: bool, prefix: &str, from: GrubSource) -> Grub {
        Grub { efi, prefix: prefix.to_owned(), from }
    }

    /// GRUB's name of the platform and of the shape of the program.
    pub fn format(&self, machine: EfiMachine) -> &'static str {
        match (self.efi, self.from) {
            (true, _) => Grub::platform(true, machine),
            (false, GrubSource::Network) => "i386-pc-pxe",
            (false, GrubSource::Disk) => "i386-pc",
            (false, GrubSource::Optical) => "i386-pc-eltorito",
        }
    }

    /// GRUB's name of the platform, which is that of the folder with its modules.
    pub fn platform(efi: bool, machine: EfiMachine) -> &'static str {
        match (efi, machine) {
            (false, _) => "i386-pc",
            (true, EfiMachine::X64) => "x86_64-efi",
            (true, EfiMachine::Aa64) => "arm64-efi",
            (true, EfiMachine::Ia32) => "i386-efi",
            (true, EfiMachine::Arm) => "arm-efi",
            (true, EfiMachine::Riscv64) => "riscv64-efi",
            (true, EfiMachine::Loongarch64) => "loongarch64-efi",
        }
    }

    /// Modules without which it cannot read its configuration and run what that names.
    pub fn modules(&self) -> Vec<&'static str> {
        const ALWAYS: [&str; 6] = ["normal", "configfile", "linux", "echo", "test", "minicmd"];
        const NETWORK: [&str; 3] = ["tftp", "http", "net"];
        const MEDIUM: [&str; 4] = ["part_msdos", "part_gpt", "fat", "iso9660"];
        let is_network = self.from == GrubSource::Network;
        let from: &[&str] = if is_network { &NETWORK } else { &MEDIUM };
        let firmware: &[&str] = match (self.efi, is_network) {
            (true, true) => &["efinet", "chain"],
            (true, false) => &["chain"],
            (false, true) => &["pxe", "biosdisk"],
            (false, false) => &["biosdisk"],
        };
        [from, &ALWAYS, firmware].concat()
    }
}

impl Loader {
    /// Debian's package; of a kernel for aarch64 the beginning of its name, which its version follows.
    pub fn package(&self, target: Target) -> &'static str {
        let is_arm = target == Target::Efi(EfiMachine::Aa64);
        match self {
            Loader::Grub(Grub { efi: true, .. }) if is_arm => "grub-efi-arm64-bin",
            Loader::SignedGrub if is_arm => "grub-efi-arm64-signed",
            Loader::Kernel if is_arm => "linux-image-",
            Loader::Pxelinux => "pxelinux",
            Loader::SyslinuxModule(_) => "syslinux-common",
            Loader::UndiOnly | Loader::IpxeKernel | Loader::SnpOnly | Loader::IpxeEfi => "ipxe",
            Loader::Grub(Grub { efi: true, .. }) => "grub-efi-amd64-bin",
            Loader::Grub(Grub { efi: false, .. }) | Loader::GrubBootSector => "grub-pc-bin",
            Loader::Isolinux | Loader::IsohybridBootSector => "isolinux",
            Loader::SystemdBoot | Loader::UnifiedStub => "systemd-boot-efi",
            Loader::Shim => "shim-signed",
            Loader::SignedGrub => "grub-efi-amd64-signed",
            Loader::Kernel if target == Target::Ppc64 => "debian-installer-12-netboot-ppc64el",
            Loader::Kernel => "debian-installer-12-netboot-amd64",
        }
    }
}
