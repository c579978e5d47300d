//! What a platform is: an emulator, its firmware and option ROMs, with versions and digests.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Serialize;

use super::architecture::Architecture;
use super::capabilities::Capabilities;

/// Everything that a virtual machine needs from the host to start, and nothing that it may change.
#[derive(Clone, Debug, PartialEq)]
pub struct Platform {
    /// The name that selected it, for example `host` or `debian:trixie`.
    pub name: String,
    /// Whose machines its QEMU emulates.
    pub architecture: Architecture,
    /// The emulator.
    pub qemu: Qemu,
    /// SeaBIOS (or another BIOS image given in a manifest); `None` where the platform has none.
    pub seabios: Option<FirmwareFile>,
    /// The plain OVMF build (no Secure Boot, no SMM) for x86_64 and its VARS template.
    pub ovmf: Option<Ovmf>,
    /// The Secure Boot build of OVMF (SMM, q35 only), with or without enrolled keys.
    pub ovmf_secure_boot: Option<Ovmf>,
    /// The plain AAVMF build (edk2 for `virt`) and its VARS template, where the architecture is aarch64.
    pub aavmf: Option<Ovmf>,
    /// The AAVMF build with Secure Boot and with a TPM 2.0, and a VARS template with or without enrolled keys. It may be the plain build.
    pub aavmf_secure_boot: Option<Ovmf>,
    /// edk2 for `virt` of RISC-V (`OvmfPkg/RiscVVirt`) and its VARS template, where the architecture is riscv64.
    pub riscvvirt: Option<Ovmf>,
    /// edk2 for `virt` of LoongArch (`OvmfPkg/LoongArchVirt`) and its VARS template, where the architecture is loongarch64.
    pub loongarchvirt: Option<Ovmf>,
    /// `s390-ccw.img`, where the architecture is s390x.
    pub s390_ccw: Option<FirmwareFile>,
    /// `s390-netboot.img`, which older releases have apart for booting over a network.
    pub s390_netboot: Option<FirmwareFile>,
    /// SLOF, `slof.bin`, where the architecture is ppc64.
    pub slof: Option<FirmwareFile>,
    /// Option ROMs by file name (for example `efi-virtio.rom`) as QEMU will find them.
    pub option_roms: Vec<FirmwareFile>,
}

/// A QEMU system emulator and how to start it.
#[derive(Clone, Debug, PartialEq)]
pub struct Qemu {
    /// Program and leading arguments: one element on the host; `ld-linux --library-path DIRS qemu-system-x86_64` for
    /// an unpacked release.
    pub command: Vec<OsString>,
    /// The emulator's own file, for display and digest.
    pub path: PathBuf,
    /// Version as QEMU reports it over QMP.
    pub version: QemuVersion,
    /// Package suffix as QEMU reports it, for example `Debian 1:7.2+dfsg-7+deb12u18`; empty where it has none.
    pub package: String,
    /// The build takes `-sandbox on`: it was made with seccomp.
    pub sandbox: bool,
    /// What was compiled in; empty where it was not asked.
    pub capabilities: Capabilities,
    /// SHA-256 of `path`, lower-case hexadecimal.
    pub sha256: String,
    /// Data directories for `-L`, in search order; empty means QEMU's built-in ones.
    pub data_dirs: Vec<PathBuf>,
    /// Additional environment (for example `QEMU_MODULE_DIR`).
    pub env: Vec<(String, String)>,
}

/// QEMU's release number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct QemuVersion {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Micro (patch) number.
    pub micro: u32,
}

impl std::fmt::Display for QemuVersion {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// One firmware image or option ROM on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct FirmwareFile {
    /// Absolute path.
    pub path: PathBuf,
    /// Version from the file's own banner or its package; `unknown` where neither says.
    pub version: String,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// An OVMF build: executable code and the variable store template made with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ovmf {
    /// OVMF_CODE, mapped read-only.
    pub code: FirmwareFile,
    /// OVMF_VARS, a template that is copied for every machine and never written.
    pub vars: FirmwareFile,
    /// The build needs SMM (`-machine q35,smm=on` and a secure pflash).
    pub requires_smm: bool,
    /// The template has Secure Boot keys enrolled.
    pub enrolled_keys: bool,
}
