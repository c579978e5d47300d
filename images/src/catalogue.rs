//! Named example media, to look at, mount or boot by hand.

use crate::{After, BadLoader, Boots, Content, Emulation, FatType, MediumKind, MediumSpec, PartitionTable, Reads};

/// One example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Unique; also the medium's name and a good file name.
    pub name: &'static str,
    /// One line on what it is for.
    pub about: &'static str,
    /// What to build.
    pub spec: MediumSpec,
}

/// Every example, in the order to list them.
///
/// ```
/// use bootwright_images::{Nonce, build, catalogue};
///
/// for example in catalogue() {
///     let image = build(&example.spec, Nonce([0; 16]))?;
///     println!("{:16} {:>10} bytes  {}", example.name, image.length(), example.about);
/// }
/// # Ok::<(), bootwright_images::ImageError>(())
/// ```
#[must_use]
pub fn catalogue() -> Vec<Example> {
    use Boots::{BiosOnly, Both, UefiOnly};
    use FatType::{Fat12, Fat16, Fat32};
    use MediumKind::{Cdrom, Disk, Disk4Kn, Floppy};
    use PartitionTable::{Gpt, GptBackup, Hybrid, Mbr};
    let bootable = |boots, table, fat| Content::Bootable { boots, table, fat, after: After::Exit };
    let el_torito =
        |load_sectors, decoys| Content::ElTorito { boots: Both, fat: Fat12, after: After::Exit, load_sectors, decoys };
    let emulated = |emulation| Content::Emulated { emulation };
    let installed = |fallback| Content::installed(r"\EFI\debian\grubx64.efi", fallback);
    let with = |name, about, kind, content| Example { name, about, spec: MediumSpec::new(name, kind, content) };
    vec![
        with("disk", "MBR disk for BIOS and UEFI: the default", Disk, Content::bootable()),
        with("disk-fat12", "MBR disk, ESP on FAT12", Disk, bootable(Both, Mbr, Fat12)),
        with("disk-fat32", "MBR disk, ESP on FAT32", Disk, bootable(Both, Mbr, Fat32)),
        with("disk-gpt", "GPT disk for BIOS and UEFI", Disk, bootable(Both, Gpt, Fat16)),
        with("disk-hybrid", "GPT disk with a hybrid MBR", Disk, bootable(Both, Hybrid, Fat16)),
        with("disk-bios", "MBR disk without an ESP", Disk, bootable(BiosOnly, Mbr, Fat16)),
        with("disk-uefi", "GPT disk without a boot signature", Disk, bootable(UefiOnly, Gpt, Fat16)),
        with("disk-4kn", "GPT disk with 4096-byte sectors", Disk4Kn, bootable(Both, Gpt, Fat16)),
        Example {
            name: "disk-3tb",
            about: "GPT disk above 2 TiB, sparse",
            spec: MediumSpec::new("disk-3tb", Disk, bootable(Both, Gpt, Fat32)).with_sectors(6_000_000_000),
        },
        with("installed", "GPT disk whose loader is where an installed system has it", Disk, installed(false)),
        with("installed-fallback", "the same with the removable media path too", Disk, installed(true)),
        with("cdrom", "ISO 9660 with a BIOS and a UEFI boot entry", Cdrom, Content::bootable()),
        with("cdrom-bios", "ISO 9660 with a BIOS boot entry only", Cdrom, bootable(BiosOnly, Mbr, Fat16)),
        with("cdrom-uefi", "ISO 9660 with a UEFI boot entry only", Cdrom, bootable(UefiOnly, Mbr, Fat16)),
        with("cdrom-load-1", "ISO 9660 whose BIOS program loads the rest of itself", Cdrom, el_torito(1, 0)),
        with("cdrom-load-64", "ISO 9660 whose BIOS program is loaded as 32 KiB", Cdrom, el_torito(64, 0)),
        with("cdrom-decoys", "ISO 9660 with two UEFI entries before the bootable one", Cdrom, el_torito(4, 2)),
        with("cdrom-floppy", "ISO 9660 with a floppy of 1.44 MB", Cdrom, emulated(Emulation::Floppy144)),
        with("cdrom-hard-disk", "ISO 9660 with a hard disk of 300 cylinders", Cdrom, emulated(Emulation::HardDisk)),
        with(
            "cdrom-iso9660-loader",
            "ISO 9660 whose EFI application is in its file system only",
            Cdrom,
            Content::Iso9660Loader { after: After::Exit },
        ),
        with(
            "isohybrid",
            "ISO 9660 that boots as a hard disk too",
            Disk,
            Content::Isohybrid { fat: Fat16, after: After::Exit },
        ),
        with("floppy", "1.44 MB floppy with a FAT12 volume", Floppy, Content::bootable()),
        with("floppy-raw", "1.44 MB floppy, boot program only", Floppy, bootable(BiosOnly, Mbr, Fat12)),
        with(
            "other-machine",
            "EFI application for another processor",
            Disk,
            Content::BadLoader(BadLoader::OtherMachine),
        ),
        with("truncated", "EFI application cut in the middle", Disk, Content::BadLoader(BadLoader::Truncated)),
        with(
            "distant-lba",
            "BIOS program of 30 KiB behind 8 GiB, sparse",
            Disk,
            Content::Distant { reads: Reads::Lba },
        ),
        with("distant-chs", "BIOS program of 30 KiB read by CHS", Disk, Content::Distant { reads: Reads::Chs }),
        with(
            "distant-unaligned",
            "BIOS program of 30 KiB read to odd addresses",
            Disk,
            Content::Distant { reads: Reads::Unaligned },
        ),
        with(
            "disk-gpt-backup",
            "GPT disk with a primary header that is damaged",
            Disk,
            bootable(Both, GptBackup, Fat16),
        ),
        with(
            "os-indications",
            "asks for the firmware's setup, then resets",
            Disk,
            Content::bootable_then(After::WriteOsIndications),
        ),
        with("blank", "disk of zeros", Disk, Content::Blank),
        with(
            "no-signature",
            "disk that neither firmware may boot, although the code is there",
            Disk,
            Content::NoSignature,
        ),
        with(
            "uninstalled",
            "disk that an installer makes bootable",
            Disk,
            Content::Uninstalled { fat: Fat16, after: After::Exit },
        ),
        with("installer", "makes another disk bootable, then resets", Cdrom, Content::bootable_then(After::Install)),
        with("hang", "prints its line, then halts", Disk, Content::bootable_then(After::Hang)),
        with("idle", "prints its line, then halts with interrupts on", Disk, Content::bootable_then(After::Idle)),
        with(
            "return",
            "prints its line, then returns to the firmware",
            Disk,
            Content::bootable_then(After::ReturnToFirmware),
        ),
        with(
            "return-success",
            "prints its line, then returns success (UEFI)",
            Disk,
            Content::bootable_then(After::ReturnSuccess),
        ),
        with(
            "reboot-8042",
            "reboots by the keyboard controller",
            Disk,
            Content::bootable_then(After::RebootKeyboardController),
        ),
        with("reboot-cf9", "reboots by port 0xcf9", Disk, Content::bootable_then(After::RebootPortCf9)),
        with("reboot-fault", "reboots by a triple fault", Disk, Content::bootable_then(After::TripleFault)),
        with(
            "reboot-reset",
            "reboots by ResetSystem, on BIOS by ffff:0000",
            Disk,
            Content::bootable_then(After::ResetSystem),
        ),
        with("vendor-reboot", "the KVM vendor article's reboot disk, byte for byte", Disk, Content::VendorReboot),
    ]
}
