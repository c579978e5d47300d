//! Which distribution the host runs, and the exact command that installs what is missing there.

use std::path::Path;
use std::time::Duration;

use super::Architecture;
use super::surroundings::{Surroundings, inside};
use crate::process::Command;

/// apt answers from its lists at once.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(20);

/// A family of distributions that share a package manager and package names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Debian, Ubuntu and what is made of them: apt.
    Debian,
    /// Fedora: dnf.
    Fedora,
    /// RHEL and its rebuilds: dnf, and a QEMU of their own.
    Rhel,
    /// openSUSE and SLES: zypper.
    Suse,
    /// Arch and what is made of it: pacman.
    Arch,
    /// Alpine: apk.
    Alpine,
}

/// Something that the host may lack, apart from the name of its package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `qemu-system-x86_64`.
    Qemu,
    /// OVMF with its descriptors.
    Ovmf,
    /// `qemu-system-aarch64`.
    QemuAarch64,
    /// QEMU for s390x guests, with its firmware.
    QemuS390x,
    /// QEMU for ppc64 guests, with its firmware.
    QemuPpc64,
    /// AAVMF with its descriptors.
    Aavmf,
    /// `qemu-system-i386`.
    QemuI386,
    /// OVMF for IA32 with its descriptor.
    OvmfIa32,
    /// `qemu-system-arm`.
    QemuArm,
    /// AAVMF for 32-bit Arm with its descriptor.
    AavmfArm,
    /// `qemu-system-riscv64`.
    QemuRiscv64,
    /// edk2 for RISC-V with its descriptors.
    RiscVVirt,
    /// `qemu-system-loongarch64`.
    QemuLoongarch64,
    /// edk2 for LoongArch with its descriptors.
    LoongArchVirt,
    /// SeaBIOS.
    SeaBios,
    /// iPXE option ROMs.
    OptionRoms,
    /// `fsck.fat`.
    Dosfstools,
    /// `mdir`, `mcopy`.
    Mtools,
    /// `xorriso`.
    Xorriso,
    /// `sfdisk`.
    Sfdisk,
    /// `sgdisk`.
    Sgdisk,
    /// `tshark`.
    Tshark,
    /// `dnsmasq`.
    Dnsmasq,
    /// ISC `dhcpd`.
    Dhcpd,
    /// `nft`.
    Nftables,
    /// `ip` and `bridge`.
    Iproute,
    /// `lighttpd`.
    Lighttpd,
    /// `swtpm`.
    Swtpm,
    /// `pxelinux.0`.
    Pxelinux,
    /// `ldlinux.c32` and other modules of Syslinux.
    Syslinux,
    /// iPXE's own programs.
    Ipxe,
    /// Modules of GRUB for UEFI.
    GrubEfi,
    /// Modules of GRUB for BIOS.
    GrubPc,
    /// `grub-mkimage`.
    GrubTools,
    /// A distribution's kernel for network installation.
    NetbootKernel,
    /// Keys of the Debian archive.
    DebianKeyring,
}

impl Family {
    /// The family named by `ID` or `ID_LIKE` of an `os-release` file (freedesktop.org, os-release(5)).
    pub fn of(os_release: &str) -> Option<Self> {
        let ids = ["ID", "ID_LIKE"].iter().filter_map(|key| field(os_release, key));
        ids.flat_map(|value| value.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).find_map(|id| {
            match id.as_str() {
                "debian" | "ubuntu" => Some(Self::Debian),
                "fedora" => Some(Self::Fedora),
                "rhel" | "centos" | "rocky" | "almalinux" | "ol" => Some(Self::Rhel),
                "suse" | "opensuse" | "opensuse-tumbleweed" | "opensuse-leap" | "sles" => Some(Self::Suse),
                "arch" => Some(Self::Arch),
                "alpine" => Some(Self::Alpine),
                _ => None,
            }
        })
    }

    /// The command that installs `parts`, to be run as root.
    pub fn install_command(self, parts: &[Part]) -> String {
        let mut packages: Vec<&str> = parts.iter().flat_map(|part| self.packages(*part)).copied().collect();
        let mut seen = std::collections::BTreeSet::new();
        packages.retain(|package| seen.insert(*package));
        let verb = match self {
            Self::Debian => "apt-get install",
            Self::Fedora | Self::Rhel => "dnf install",
            Self::Suse => "zypper install",
            Self::Arch => "pacman -S",
            Self::Alpine => "apk add",
        };
        format!("{verb} {}", packages.join(" "))
    }

    /// The command that installs `parts` on this host, to be run as root: with the names that its release has, where they can be
    /// looked up.
    pub fn install_command_on(self, host: &Surroundings, parts: &[Part]) -> String {
        let command = self.install_command(parts);
        let Some(apt_cache) = host.program("apt-cache").filter(|_| self == Self::Debian) else { return command };
        let asked = |words: &[&str]| {
            let done = Command::new(&apt_cache).args(words).read(b"", LOOK_UP_LIMIT).ok()?;
            Some((done.exit.success(), String::from_utf8_lossy(&done.stdout).into_owned()))
        };
        let names = asked(&["pkgnames", "debian-installer-"]).map(|(_, names)| names).unwrap_or_default();
        let netboot = newest_netboot(&names);
        // what no list offers stays as it is: without lists nothing is known
        command
            .split(' ')
            .map(|word| match &netboot {
                Some(newest) if word.starts_with("debian-installer-") => newest.as_str(),
                _ => word,
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn packages(self, part: Part) -> &'static [&'static str] {
        use Family::{Alpine, Arch, Debian, Fedora, Rhel, Suse};
        match (part, self) {
            (Part::Qemu, Rhel) => &["qemu-kvm"],
            // there is no QEMU for another architecture
            (
                Part::QemuAarch64
                | Part::QemuI386
                | Part::QemuArm
                | Part::QemuRiscv64
                | Part::QemuLoongarch64
                | Part::QemuS390x
                | Part::QemuPpc64,
                Rhel,
            ) => &["qemu-kvm"],
            (part, Rhel) => Fedora.packages(part),
            (Part::Qemu, Debian) => &["qemu-system-x86"],
            (Part::Qemu, Fedora) => &["qemu-system-x86-core"],
            (Part::Qemu, Suse) => &["qemu-x86"],
            (Part::Qemu, Arch) => &["qemu-system-x86"],
            (Part::Qemu, Alpine) => &["qemu-system-x86_64"],
            (Part::QemuAarch64, Debian) => &["qemu-system-arm"],
            (Part::QemuAarch64, Fedora) => &["qemu-system-aarch64-core"],
            (Part::QemuAarch64, Suse) => &["qemu-arm"],
            (Part::QemuAarch64, Arch | Alpine) => &["qemu-system-aarch64"],
            // qemu-system-misc provides it up to Debian 12
            (Part::QemuS390x, Debian) => &["qemu-system-s390x"],
            (Part::QemuS390x, Fedora) => &["qemu-system-s390x-core"],
            (Part::QemuS390x, Suse) => &["qemu-s390x"],
            (Part::QemuS390x, Arch | Alpine) => &["qemu-system-s390x"],
            (Part::QemuPpc64, Debian) => &["qemu-system-ppc"],
            (Part::QemuPpc64, Fedora) => &["qemu-system-ppc-core"],
            (Part::QemuPpc64, Suse) => &["qemu-ppc"],
            (Part::QemuPpc64, Arch) => &["qemu-system-ppc"],
            (Part::QemuPpc64, Alpine) => &["qemu-system-ppc64"],
            (Part::Aavmf, Debian) => &["qemu-efi-aarch64"],
            (Part::Aavmf, Fedora | Arch) => &["edk2-aarch64"],
            (Part::Aavmf, Suse) => &["qemu-uefi-aarch64"],
            (Part::Aavmf, Alpine) => &["aavmf"],
            (Part::QemuI386, Arch | Alpine) => &["qemu-system-i386"],
            (Part::QemuI386, family) => family.packages(Part::Qemu),
            (Part::OvmfIa32, Debian) => &["ovmf-ia32"],
            (Part::OvmfIa32, Fedora) => &["edk2-ovmf-ia32"],
            (Part::OvmfIa32, Suse) => &["qemu-ovmf-ia32"],
            // its package for x86-64 has it
            (Part::OvmfIa32, Arch) => &["edk2-ovmf"],
            // no package of its own: QEMU's pc-bios has a build
            (Part::OvmfIa32, Alpine) => &["qemu-system-i386"],
            (Part::QemuArm, Debian) => &["qemu-system-arm"],
            (Part::QemuArm, Fedora) => &["qemu-system-arm-core"],
            (Part::QemuArm, Suse) => &["qemu-arm"],
            (Part::QemuArm, Arch | Alpine) => &["qemu-system-arm"],
            (Part::AavmfArm, Debian) => &["qemu-efi-arm"],
            (Part::AavmfArm, Fedora) => &["edk2-arm"],
            (Part::AavmfArm, Suse) => &["qemu-uefi-aarch32"],
            (Part::AavmfArm, Arch) => &["edk2-arm"],
            (Part::AavmfArm, Alpine) => &["qemu-system-arm"],
            (Part::QemuRiscv64, Debian) => &["qemu-system-riscv"],
            (Part::QemuRiscv64, Fedora) => &["qemu-system-riscv-core"],
            (Part::QemuRiscv64, Suse) => &["qemu-extra"],
            (Part::QemuRiscv64, Arch | Alpine) => &["qemu-system-riscv64"],
            (Part::RiscVVirt, Debian) => &["qemu-efi-riscv64"],
            (Part::RiscVVirt, Fedora) => &["edk2-riscv64"],
            (Part::RiscVVirt, Suse) => &["qemu-uefi-riscv64"],
            // no package of their own: QEMU's pc-bios has a build
            (Part::RiscVVirt, Arch) => &["qemu-system-riscv64-firmware"],
            (Part::RiscVVirt, Alpine) => &["qemu-system-riscv64"],
            (Part::QemuLoongarch64, Debian) => &["qemu-system-misc"],
            (Part::QemuLoongarch64, Fedora) => &["qemu-system-loongarch64-core"],
            (Part::QemuLoongarch64, Suse) => &["qemu-extra"],
            (Part::QemuLoongarch64, Arch | Alpine) => &["qemu-system-loongarch64"],
            (Part::LoongArchVirt, Debian) => &["qemu-efi-loongarch64"],
            (Part::LoongArchVirt, Fedora) => &["edk2-loongarch64"],
            (Part::LoongArchVirt, Suse) => &["qemu-uefi-loongarch64"],
            // no package of their own: QEMU's pc-bios has a build
            (Part::LoongArchVirt, Arch) => &["qemu-system-loongarch64-firmware"],
            (Part::LoongArchVirt, Alpine) => &["qemu-system-loongarch64"],
            (Part::Ovmf, Fedora | Arch) => &["edk2-ovmf"],
            (Part::Ovmf, Suse) => &["qemu-ovmf-x86_64"],
            (Part::Ovmf, Debian | Alpine) => &["ovmf"],
            (Part::SeaBios, Debian | Arch) => &["seabios"],
            (Part::SeaBios, Fedora) => &["seabios-bin"],
            (Part::SeaBios, Suse) => &["qemu-seabios"],
            (Part::SeaBios, Alpine) => &["seabios-bin"],
            (Part::OptionRoms, Debian) => &["ipxe-qemu"],
            (Part::OptionRoms, Fedora) => &["ipxe-roms-qemu"],
            (Part::OptionRoms, Suse) => &["qemu-ipxe"],
            // QEMU's own packages carry the ROMs there
            (Part::OptionRoms, Arch) => &["qemu-system-x86-firmware"],
            (Part::OptionRoms, Alpine) => &["qemu-system-x86_64"],
            (Part::Dosfstools, _) => &["dosfstools"],
            (Part::Mtools, _) => &["mtools"],
            (Part::Xorriso, Arch) => &["libisoburn"],
            (Part::Xorriso, _) => &["xorriso"],
            (Part::Sfdisk, Debian) => &["fdisk"],
            (Part::Sfdisk, Alpine) => &["sfdisk"],
            (Part::Sfdisk, _) => &["util-linux"],
            (Part::Sgdisk, Debian | Fedora) => &["gdisk"],
            (Part::Sgdisk, Suse | Arch) => &["gptfdisk"],
            (Part::Sgdisk, Alpine) => &["sgdisk"],
            (Part::Tshark, Fedora | Arch) => &["wireshark-cli"],
            (Part::Tshark, Suse) => &["wireshark"],
            (Part::Tshark, Debian | Alpine) => &["tshark"],
            // the other package would start a service
            (Part::Dnsmasq, Debian) => &["dnsmasq-base"],
            (Part::Dnsmasq, _) => &["dnsmasq"],
            (Part::Dhcpd, Debian) => &["isc-dhcp-server"],
            (Part::Dhcpd, Fedora | Suse) => &["dhcp-server"],
            (Part::Dhcpd, Arch | Alpine) => &["dhcp"],
            (Part::Nftables, _) => &["nftables"],
            (Part::Iproute, Fedora) => &["iproute"],
            (Part::Iproute, _) => &["iproute2"],
            (Part::Lighttpd, _) => &["lighttpd"],
            (Part::Swtpm, _) => &["swtpm"],
            (Part::Pxelinux, Debian) => &["pxelinux"],
            (Part::Pxelinux | Part::Syslinux, Fedora) => &["syslinux-tftpboot"],
            (Part::Syslinux, Debian) => &["syslinux-common"],
            (Part::Pxelinux | Part::Syslinux, Suse | Arch | Alpine) => &["syslinux"],
            (Part::Ipxe, Fedora | Suse) => &["ipxe-bootimgs"],
            (Part::Ipxe, Debian | Arch | Alpine) => &["ipxe"],
            (Part::GrubEfi, Debian) => &["grub-efi-amd64-bin"],
            (Part::GrubEfi, Fedora) => &["grub2-efi-x64-modules"],
            (Part::GrubEfi, Suse) => &["grub2-x86_64-efi"],
            (Part::GrubEfi, Alpine) => &["grub-efi"],
            (Part::GrubPc, Debian) => &["grub-pc-bin"],
            (Part::GrubPc, Fedora) => &["grub2-pc-modules"],
            (Part::GrubPc, Suse) => &["grub2-i386-pc"],
            (Part::GrubPc, Alpine) => &["grub-bios"],
            (Part::GrubTools, Debian) => &["grub-common"],
            (Part::GrubTools, Fedora) => &["grub2-tools"],
            (Part::GrubTools, Suse) => &["grub2"],
            (Part::GrubEfi | Part::GrubPc, Arch) | (Part::GrubTools, Arch | Alpine) => &["grub"],
            (Part::NetbootKernel, Debian) => &["debian-installer-12-netboot-amd64"],
            // any installed kernel in /boot does
            (Part::NetbootKernel, Fedora) => &["kernel-core"],
            (Part::NetbootKernel, Suse) => &["kernel-default"],
            (Part::NetbootKernel, Arch) => &["linux"],
            (Part::NetbootKernel, Alpine) => &["linux-lts"],
            (Part::DebianKeyring, _) => &["debian-archive-keyring"],
        }
    }
}

/// The newest kernel for network installation among names of packages: the release's number stands in its name.
fn newest_netboot(names: &str) -> Option<String> {
    let number =
        |name: &str| name.strip_prefix("debian-installer-")?.strip_suffix("-netboot-amd64")?.parse::<u32>().ok();
    let newest = names.lines().filter_map(|name| Some((number(name.trim())?, name.trim()))).max()?;
    Some(newest.1.to_owned())
}

/// The family of the host; `None` where its `os-release` names none that is known.
pub fn family(host: &Surroundings) -> Option<Family> {
    os_release(host).as_deref().and_then(Family::of)
}

/// The text of the host's `os-release`.
pub(super) fn os_release(host: &Surroundings) -> Option<String> {
    ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| std::fs::read_to_string(inside(&host.root, Path::new(path))?).ok())
}

/// The value of `key`, without its quotes.
pub(super) fn field(os_release: &str, key: &str) -> Option<String> {
    let mut values = os_release.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
    values.next_back().map(|value| value.trim_matches(['"', '\'']).to_owned())
}

/// What to do on this host to get QEMU and its firmware, in one line.
pub(super) fn install_hint(host: &Surroundings, architecture: Architecture) -> String {
    let (parts, firmware) = parts(architecture);
    match family(host) {
        Some(Family::Debian) => {
            format!("{} (as root), or use --platform apt, which needs no root", Family::Debian.install_command(parts))
        }
        Some(family) => format!("{} (as root)", family.install_command(parts)),
        None => format!(
            "install QEMU for {architecture}, {firmware} and the iPXE option ROMs by your package manager, or give a \
             build of your own by --platform file:MANIFEST.toml"
        ),
    }
}

/// What machines of an architecture need of a host, and its firmware in words.
fn parts(architecture: Architecture) -> (&'static [Part], &'static str) {
    match architecture {
        Architecture::X86_64 => (&[Part::Qemu, Part::Ovmf, Part::SeaBios, Part::OptionRoms], "OVMF, SeaBIOS"),
        Architecture::Aarch64 => (&[Part::QemuAarch64, Part::Aavmf, Part::OptionRoms], "AAVMF"),
        Architecture::I386 => (&[Part::QemuI386, Part::OvmfIa32, Part::OptionRoms], "OVMF for IA32"),
        Architecture::Arm => (&[Part::QemuArm, Part::AavmfArm, Part::OptionRoms], "AAVMF for 32-bit Arm"),
        Architecture::Riscv64 => (&[Part::QemuRiscv64, Part::RiscVVirt, Part::OptionRoms], "edk2 for RISC-V"),
        Architecture::Loongarch64 => {
            (&[Part::QemuLoongarch64, Part::LoongArchVirt, Part::OptionRoms], "edk2 for LoongArch")
        }
        Architecture::S390x => (&[Part::QemuS390x], "s390-ccw.img"),
        Architecture::Ppc64 => (&[Part::QemuPpc64], "SLOF"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ID=debian\nVERSION_CODENAME=bookworm\n", Some(Family::Debian))]
    #[case("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Some(Family::Debian))]
    #[case("NAME=\"Fedora Linux\"\nID=fedora\n", Some(Family::Fedora))]
    #[case("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some(Family::Rhel))]
    #[case("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", Some(Family::Suse))]
    #[case("ID=manjaro\nID_LIKE=arch\n", Some(Family::Arch))]
    #[case("ID=alpine\n", Some(Family::Alpine))]
    #[case("ID=void\n", None)]
    #[case("# ID=debian\n", None)]
    #[case("", None)]
    fn family_follows_id_then_id_like(#[case] os_release: &str, #[case] family: Option<Family>) {
        assert_eq!(Family::of(os_release), family);
    }

    #[test]
    fn a_release_is_asked_for_the_name_of_its_netboot_kernel() {
        let names =
            "debian-installer-13-netboot-amd64\ndebian-installer-9-netboot-amd64\ndebian-installer-13-netboot-i386\n";
        assert_eq!(newest_netboot(names).as_deref(), Some("debian-installer-13-netboot-amd64"));
        assert_eq!(newest_netboot("debian-installer-launcher\n"), None);
        let bin = tempfile::tempdir().unwrap();
        let apt_cache = bin.path().join("apt-cache");
        std::fs::write(&apt_cache, "#!/bin/sh\necho debian-installer-13-netboot-amd64\n").unwrap();
        std::fs::set_permissions(&apt_cache, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let host = Surroundings { root: "/".into(), path: bin.path().into(), config_home: None, cache: None };
        let command = Family::Debian.install_command_on(&host, &[Part::Ovmf, Part::NetbootKernel]);
        assert_eq!(command, "apt-get install ovmf debian-installer-13-netboot-amd64");
    }

    #[rstest]
    #[case(Family::Debian, "apt-get install qemu-system-x86 ovmf seabios ipxe-qemu")]
    #[case(Family::Fedora, "dnf install qemu-system-x86-core edk2-ovmf seabios-bin ipxe-roms-qemu")]
    #[case(Family::Rhel, "dnf install qemu-kvm edk2-ovmf seabios-bin ipxe-roms-qemu")]
    #[case(Family::Suse, "zypper install qemu-x86 qemu-ovmf-x86_64 qemu-seabios qemu-ipxe")]
    #[case(Family::Arch, "pacman -S qemu-system-x86 edk2-ovmf seabios qemu-system-x86-firmware")]
    #[case(Family::Alpine, "apk add qemu-system-x86_64 ovmf seabios-bin")]
    fn each_family_has_its_own_command(#[case] family: Family, #[case] command: &str) {
        assert_eq!(family.install_command(&[Part::Qemu, Part::Ovmf, Part::SeaBios, Part::OptionRoms]), command);
    }
}
