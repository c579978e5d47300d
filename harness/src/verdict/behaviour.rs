//! What firmware does otherwise from one version on: the one table, with the change that made it so.
//!
//! A case states what it expects everywhere ([`crate::case::Case::expect`]) and, where a [`Behaviour`] makes another outcome
//! right, that outcome under the behaviour's name ([`crate::case::Case::expect_where`]). Which behaviours a platform has
//! follows from its versions; a version that is not known has none. A defect is no behaviour: it belongs into
//! `cases/known-issues.toml`.
//!
//! ```
//! use bootwright::verdict::behaviour::{Behaviour, Behaviours};
//!
//! let trixie = Behaviours::of_versions(&[("ovmf", "2025.02-8+deb13u1")]);
//! assert!(trixie.has(Behaviour::EmptyDriveIsNoOption));
//! assert!(!trixie.has(Behaviour::RecoversUnlistedDisks));
//! ```

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::known_issues::VersionRange;
use crate::platform::{FirmwareFile, Platform};

/// A difference between versions of firmware that is no defect of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Behaviour {
    /// UEFI firmware makes no boot option of a drive for removable media that has none.
    EmptyDriveIsNoOption,
    /// OVMF runs `\EFI\BOOT\BOOTX64.EFI` of any disk, listed or not, once all boot options have failed, and ends in its
    /// prompt and not in the shell.
    RecoversUnlistedDisks,
    /// UEFI firmware that starts a loader by platform recovery announces that (ReadyToBoot), so that a store with next to no
    /// room left is written anew.
    RecoverySignalsReadyToBoot,
    /// OVMF takes flash that is read-only for none: what the store holds is not read, and variables are kept in memory.
    ReadOnlyFlashIsNoStore,
    /// OVMF that keeps variables in memory begins with those of the store, which it cannot write to.
    ReadOnlyStoreIsRead,
    /// The key of OVMF's front page opens a list of the boot options, the boot manager menu, and not setup.
    KeyOpensBootManagerMenu,
    /// iPXE's EFI option ROMs bring a driver only, and OVMF's own stack boots over it.
    EfiRomIsDriverOnly,
    /// AAVMF has no boot option for a NIC unless the processor has random numbers (FEAT_RNG); a virtio-rng device comes too late.
    NetworkNeedsRandomInstruction,
    /// AAVMF leaves IPv4 or IPv6 out where fw_cfg `opt/org.tianocore/IPv4Support` or `IPv6Support` says so, as OVMF does.
    ReadsProtocolSwitches,
    /// iPXE goes back to DHCPDISCOVER where its request is refused (DHCPNAK), until the whole exchange has timed out.
    DiscoversAgainAfterNak,
    /// edk2 on RISC-V and LoongArch boots over HTTP; its TCP waited for a hash protocol that nothing brought, and PXE was all it had.
    BootsOverHttp,
    /// edk2 on LoongArch drives disks and optical drives on AHCI.
    DrivesAhci,
    /// s390-ccw goes on with the next device of the boot order, up to the eighth, where one does not load.
    TriesFurtherDevices,
    /// s390-ccw stops at a disk whose program table has no program, and does not go on.
    EmptyProgramTableEndsBoot,
    /// s390-ccw loads from virtio-blk on PCI, of which it knew nothing before.
    LoadsFromPci,
    /// QEMU takes a loadparm of each device of z/Architecture, and s390-ccw the one of the device that it loads from.
    LoadparmOfDevice,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which behaviour.
    pub behaviour: Behaviour,
    /// Its name in a report and in `docs/firmware-behaviour.md`.
    pub name: &'static str,
    /// Whose version decides: `seabios`, `ovmf`, `aavmf`, `riscvvirt`, `loongarchvirt`, `s390-ccw` or `ipxe`. A platform has one of several.
    pub components: &'static [&'static str],
    /// The versions that behave so.
    pub range: &'static str,
    /// The change that made it so.
    pub link: &'static str,
}

/// Every behaviour, with the versions that have it.
pub(crate) const TABLE: [Row; 16] = [
    Row {
        behaviour: Behaviour::EmptyDriveIsNoOption,
        name: "empty-drive-is-no-option",
        components: &["ovmf", "aavmf", "riscvvirt", "loongarchvirt"],
        range: ">=2023.5",
        link: "https://github.com/tianocore/edk2/commit/0e5717009779ec6c1e35f979426a2cd407b3e73a",
    },
    Row {
        behaviour: Behaviour::RecoverySignalsReadyToBoot,
        name: "recovery-signals-ready-to-boot",
        components: &["ovmf", "aavmf", "riscvvirt", "loongarchvirt"],
        range: ">=2024.2",
        link: "https://github.com/tianocore/edk2/commit/8c1e9f9c6fa7b5137003b0cfa6d54a6bada16d8e",
    },
    Row {
        behaviour: Behaviour::RecoversUnlistedDisks,
        name: "recovers-unlisted-disks",
        components: &["ovmf", "aavmf", "loongarchvirt"],
        range: ">=2025.5",
        link: "https://github.com/tianocore/edk2/commit/896907b53b94822a838653e5fbc69f5a16567a8d",
    },
    Row {
        behaviour: Behaviour::ReadOnlyFlashIsNoStore,
        name: "read-only-flash-is-no-store",
        components: &["ovmf"],
        range: ">=2023.8",
        link: "https://github.com/tianocore/edk2/commit/578a715cfc6abc08ead8f585f096789374254b2a",
    },
    Row {
        behaviour: Behaviour::ReadOnlyStoreIsRead,
        name: "read-only-store-is-read",
        components: &["ovmf"],
        range: ">=2025.11",
        link: "https://github.com/tianocore/edk2/commit/a51255072e725a517af51b498d51709a49bdf136",
    },
    Row {
        behaviour: Behaviour::KeyOpensBootManagerMenu,
        name: "key-opens-boot-manager-menu",
        components: &["ovmf", "aavmf"],
        range: ">=2025.5",
        link: "https://github.com/tianocore/edk2/commit/d433b4c8e4a603680a69e77e231026ed8d65074e",
    },
    // Debian's packages took iPXE's stack out of the ROMs for UEFI; other distributions number by date and did not
    Row {
        behaviour: Behaviour::EfiRomIsDriverOnly,
        name: "efi-rom-is-driver-only",
        components: &["ipxe"],
        range: ">=1.21.1.20250317, <1000",
        link: "https://bugs.debian.org/1101493",
    },
    Row {
        behaviour: Behaviour::NetworkNeedsRandomInstruction,
        name: "network-needs-random-instruction",
        components: &["aavmf"],
        range: ">=2024.5",
        link: "https://github.com/tianocore/edk2/commit/4c4ceb2ceb80c42fd5545b2a4bd80321f07f4345",
    },
    Row {
        behaviour: Behaviour::ReadsProtocolSwitches,
        name: "reads-protocol-switches",
        components: &["aavmf"],
        range: ">=2025.5",
        link: "https://github.com/tianocore/edk2/commit/de1e14856df90b8157892776418363bde4a2c25a",
    },
    Row {
        behaviour: Behaviour::DiscoversAgainAfterNak,
        name: "discovers-again-after-nak",
        components: &["ipxe"],
        range: ">=1.21.1.20210311",
        link: "https://github.com/ipxe/ipxe/commit/1192edf39",
    },
    Row {
        behaviour: Behaviour::BootsOverHttp,
        name: "boots-over-http",
        components: &["riscvvirt", "loongarchvirt"],
        range: ">=2026.8",
        link: "https://github.com/tianocore/edk2/commit/46591c981f18d63c32394f3bc8d735c622c56c72",
    },
    Row {
        behaviour: Behaviour::DrivesAhci,
        name: "drives-ahci",
        components: &["loongarchvirt"],
        range: ">=2025.8",
        link: "https://github.com/tianocore/edk2/commit/4cb3e8d467",
    },
    Row {
        behaviour: Behaviour::TriesFurtherDevices,
        name: "tries-further-devices",
        components: &["s390-ccw"],
        range: ">=9.2",
        link: "https://lists.endsoftwarepatents.org/archive/html/qemu-s390x/2024-09/msg00378.html",
    },
    Row {
        behaviour: Behaviour::EmptyProgramTableEndsBoot,
        name: "empty-program-table-ends-boot",
        components: &["s390-ccw"],
        range: ">=11",
        link: "https://gitlab.com/qemu-project/qemu/-/blob/v11.1.0/pc-bios/s390-ccw/bootmap.c",
    },
    Row {
        behaviour: Behaviour::LoadsFromPci,
        name: "loads-from-pci",
        components: &["s390-ccw"],
        range: ">=11",
        link: "https://gitlab.com/qemu-project/qemu/-/blob/v11.1.0/pc-bios/s390-ccw/virtio-pci.c",
    },
    Row {
        behaviour: Behaviour::LoadparmOfDevice,
        name: "loadparm-of-device",
        components: &["s390-ccw"],
        range: ">=9.2",
        link: "https://gitlab.com/qemu-project/qemu/-/commit/bb185de42339025db9bbd5aa11f3f644c2a077f8",
    },
];

/// The behaviours of one platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviours(BTreeSet<Behaviour>);

impl Behaviours {
    /// Those of a platform, by the versions of its files.
    pub fn of(platform: &Platform) -> Behaviours {
        let version = |file: Option<&FirmwareFile>| file.map(|file| file.version.clone()).unwrap_or_default();
        let seabios = version(platform.seabios.as_ref());
        let ovmf = version(platform.ovmf.as_ref().map(|ovmf| &ovmf.code));
        let aavmf = version(platform.aavmf.as_ref().map(|aavmf| &aavmf.code));
        let riscvvirt = version(platform.riscvvirt.as_ref().map(|riscvvirt| &riscvvirt.code));
        let loongarchvirt = version(platform.loongarchvirt.as_ref().map(|loongarchvirt| &loongarchvirt.code));
        let ccw = version(platform.s390_ccw.as_ref());
        let slof = version(platform.slof.as_ref());
        let ipxe = version(platform.option_roms.first());
        let firmware = [
            ("seabios", &*seabios),
            ("ovmf", &ovmf),
            ("aavmf", &aavmf),
            ("riscvvirt", &riscvvirt),
            ("loongarchvirt", &loongarchvirt),
            ("s390-ccw", &ccw),
            ("slof", &slof),
            ("ipxe", &ipxe),
        ];
        Behaviours::of_versions(&firmware)
    }

    /// Those of firmware of these versions, as kind and version.
    pub fn of_versions(versions: &[(&str, &str)]) -> Behaviours {
        let holds = |row: &&Row| {
            let range = row.range.parse::<VersionRange>();
            versions.iter().any(|(kind, version)| {
                row.components.contains(kind) && range.as_ref().is_ok_and(|range| range.contains(version))
            })
        };
        Behaviours(TABLE.iter().filter(holds).map(|row| row.behaviour).collect())
    }

    /// Whether the platform behaves so.
    pub fn has(&self, behaviour: Behaviour) -> bool {
        self.0.contains(&behaviour)
    }

    /// The rows of the table that hold.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        TABLE.iter().filter(|row| self.has(row.behaviour))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_row_has_a_range_that_can_be_read_a_link_and_a_place_in_the_documentation() {
        let page = include_str!("../../../docs/firmware-behaviour.md");
        for row in TABLE {
            assert!(row.range.parse::<VersionRange>().is_ok_and(|range| range.to_string() != "*"), "{}", row.name);
            assert!(row.link.starts_with("https://"), "{}", row.name);
            assert!(
                page.contains(&format!("`{}`", row.name)) && page.contains(row.link),
                "{} is not documented",
                row.name
            );
        }
    }

    #[rstest]
    #[case("2025.02-8+deb13u1", false)]
    #[case("2026.05-1", false)]
    #[case("2026.08+ds-2", true)]
    fn a_platform_for_riscv64_boots_over_http_from_one_version_on(#[case] version: &str, #[case] has: bool) {
        let behaviours = Behaviours::of_versions(&[("riscvvirt", version)]);
        assert_eq!(behaviours.has(Behaviour::BootsOverHttp), has);
        assert!(!Behaviours::of_versions(&[("aavmf", version)]).has(Behaviour::BootsOverHttp));
    }

    #[rstest]
    #[case("2025.02-8+deb13u1", false)]
    #[case("2025.08-1", true)]
    #[case("2026.08+ds-2", true)]
    fn a_platform_for_loongarch64_drives_ahci_from_one_version_on(#[case] version: &str, #[case] has: bool) {
        let behaviours = Behaviours::of_versions(&[("loongarchvirt", version)]);
        assert_eq!(behaviours.has(Behaviour::DrivesAhci), has);
        assert!(!Behaviours::of_versions(&[("riscvvirt", version)]).has(Behaviour::DrivesAhci), "it always does");
    }

    #[rstest]
    #[case("7.2.22", &[])]
    #[case("10.0.13+ds-0+deb13u1", &["tries-further-devices", "loadparm-of-device"])]
    #[case("11.1.3+ds-1", &["tries-further-devices", "empty-program-table-ends-boot", "loads-from-pci", "loadparm-of-device"])]
    #[case("unknown", &[])]
    fn a_platform_for_s390x_has_the_behaviours_of_its_image(#[case] image: &str, #[case] names: &[&str]) {
        let behaviours = Behaviours::of_versions(&[("s390-ccw", image)]);
        assert_eq!(behaviours.rows().map(|row| row.name).collect::<Vec<_>>(), names);
    }

    #[rstest]
    #[case::bookworm("2022.11-6+deb12u2", "1.0.0+git-20190125.36a4c85-5.1", &[])]
    #[case::trixie("2025.02-8+deb13u1", "1.21.1+git20250501.dad20602+dfsg-1", &["empty-drive-is-no-option", "recovery-signals-ready-to-boot", "read-only-flash-is-no-store", "efi-rom-is-driver-only", "discovers-again-after-nak"])]
    #[case::sid("2026.08+ds-2", "2.0.0+dfsg-5", &["empty-drive-is-no-option", "recovery-signals-ready-to-boot", "recovers-unlisted-disks", "read-only-flash-is-no-store", "read-only-store-is-read", "key-opens-boot-manager-menu", "efi-rom-is-driver-only", "discovers-again-after-nak"])]
    #[case::ubuntu("2024.02-2ubuntu0.7", "1.21.1+git-20220113.fbbdc3926-0ubuntu2", &["empty-drive-is-no-option", "recovery-signals-ready-to-boot", "read-only-flash-is-no-store", "discovers-again-after-nak"])]
    #[case::fedora("20240813-2.fc41", "20240119-1.gitde8a0821.fc41", &["empty-drive-is-no-option", "recovery-signals-ready-to-boot", "read-only-flash-is-no-store", "discovers-again-after-nak"])]
    #[case::own_build("unknown", "unknown", &[])]
    fn a_platform_has_the_behaviours_of_its_versions(#[case] ovmf: &str, #[case] ipxe: &str, #[case] names: &[&str]) {
        let behaviours = Behaviours::of_versions(&[("seabios", "1.16.2"), ("ovmf", ovmf), ("ipxe", ipxe)]);
        assert_eq!(behaviours.rows().map(|row| row.name).collect::<Vec<_>>(), names);
    }
}
