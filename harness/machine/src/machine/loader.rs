//! Boot programs that others wrote, as part of a machine's data: which one, not where it lies or what is in it.
//!
//! ```
//! use bootwright_machine::machine::{Grub, Loader};
//!
//! let grub = Loader::Grub(Grub { efi: true, prefix: "/grub".to_owned() });
//! assert_eq!(Loader::Pxelinux.package(), "pxelinux");
//! assert_eq!(grub.package(), "grub-efi-amd64-bin");
//! ```

use serde::{Deserialize, Serialize};

// exhaustive on purpose: what looks for the files knows where each of them is
/// A program of a distribution's package that a lan offers under a file name.
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
    /// GRUB's network boot program, made of its modules before power-on.
    Grub(Grub),
    /// A distribution's Linux kernel for x86-64: a bzImage, with an EFI stub.
    Kernel,
}

/// How GRUB's network boot program is made (`grub-mkimage`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Grub {
    /// For UEFI on x86-64 rather than BIOS.
    pub efi: bool,
    /// Where it looks for `grub.cfg`, on the server it came from.
    pub prefix: String,
}

impl Grub {
    /// GRUB's name of the platform.
    pub fn format(&self) -> &'static str {
        if self.efi { "x86_64-efi" } else { "i386-pc-pxe" }
    }

    /// Modules without which it cannot fetch its configuration and run what that names.
    pub fn modules(&self) -> &'static [&'static str] {
        const BOTH: [&str; 9] = ["tftp", "http", "net", "normal", "configfile", "linux", "echo", "test", "minicmd"];
        const EFI: [&str; 11] = with(BOTH, ["efinet", "chain"]);
        const BIOS: [&str; 11] = with(BOTH, ["pxe", "biosdisk"]);
        if self.efi { &EFI } else { &BIOS }
    }
}

const fn with(both: [&'static str; 9], more: [&'static str; 2]) -> [&'static str; 11] {
    let [a, b, c, d, e, f, g, h, i] = both;
    let [j, k] = more;
    [a, b, c, d, e, f, g, h, i, j, k]
}

impl Loader {
    /// Debian's package.
    pub fn package(&self) -> &'static str {
        match self {
            Loader::Pxelinux => "pxelinux",
            Loader::SyslinuxModule(_) => "syslinux-common",
            Loader::UndiOnly | Loader::IpxeKernel | Loader::SnpOnly | Loader::IpxeEfi => "ipxe",
            Loader::Grub(Grub { efi: true, .. }) => "grub-efi-amd64-bin",
            Loader::Grub(Grub { efi: false, .. }) => "grub-pc-bin",
            Loader::Kernel => "debian-installer-12-netboot-amd64",
        }
    }
}
