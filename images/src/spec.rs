//! What a medium holds: plain data, no bytes.

use serde::{Deserialize, Serialize};

use crate::{Emulation, ImageError, Signer};

/// A random number that ties one medium of one run to the line its payload prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

impl std::fmt::Display for Nonce {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// The numbers that a disk shows to firmware besides its content: all follow from the nonce, so that a device path such
/// as `HD(1,GPT,<GUID>,...)` in a firmware's log names the medium.
impl Nonce {
    /// The MBR's disk signature, also the serial number of every FAT volume: the first four bytes, little-endian.
    #[must_use]
    pub fn disk_signature(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }

    /// The GPT's disk GUID as it lies on disk: the nonce, marked as a random GUID (RFC 9562 version 4).
    #[must_use]
    pub fn disk_guid(self) -> [u8; 16] {
        let mut guid = self.0;
        // the version is in the high byte of a little-endian field
        guid[7] = guid[7] & 0x0f | 0x40;
        guid[8] = guid[8] & 0x3f | 0x80;
        guid
    }

    /// The GUID of the one GPT partition as it lies on disk: the disk's with its first byte inverted.
    #[must_use]
    pub fn partition_guid(self) -> [u8; 16] {
        let mut guid = self.disk_guid();
        guid[0] ^= 0xff;
        guid
    }
}

/// What a payload does once its line is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum After {
    /// Ends the virtual machine by `isa-debug-exit` at port 0xf4, value 0x2a (QEMU's exit status 85).
    #[default]
    Exit,
    /// Halts with interrupts off.
    Hang,
    /// Returns to the firmware as a failed boot: int 18h on BIOS, `EFI_NOT_FOUND` on UEFI.
    ReturnToFirmware,
    /// Pulses the keyboard controller's reset line (0xfe to port 0x64).
    RebootKeyboardController,
    /// Writes 0x06 to port 0xcf9.
    RebootPortCf9,
    /// Loads an empty IDT and faults.
    TripleFault,
    /// UEFI `ResetSystem(EfiResetCold)`; on BIOS a jump to ffff:0000.
    ResetSystem,
    /// UEFI: writes BootNext, naming the option behind its own in BootOrder, and resets; run again with the same variable
    /// store, it ends the virtual machine as [`After::Exit`] does. On BIOS it hangs.
    WriteBootNext,
    /// UEFI: exchanges its own option and the one behind it in BootOrder and resets, otherwise as [`After::WriteBootNext`].
    WriteBootOrder,
    /// Returns to the firmware as a program that has done its work: `EFI_SUCCESS` on UEFI, int 18h on BIOS, which knows no success.
    ReturnSuccess,
    /// Halts with interrupts on, again after each of them: what a program does that waits for a key.
    Idle,
    /// What an installer does: makes the first other hard disk bootable that holds [`Content::Uninstalled`], and resets the
    /// machine as [`After::ResetSystem`] does. Where none is left to install it ends the virtual machine as [`After::Exit`] does.
    Install,
    /// UEFI: sets `EFI_OS_INDICATIONS_BOOT_TO_FW_UI` in OsIndications (UEFI 2.10 section 8.5.4) and resets; run again with the same
    /// variable store, it ends the virtual machine as [`After::Exit`] does. On BIOS it hangs.
    WriteOsIndications,
}

/// How a BIOS program reads what firmware has not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reads {
    /// In one request by LBA (int 13h AH=42h).
    Lba,
    /// In one request by an LBA of more than 28 bits, for which ATA has commands of their own.
    Lba48,
    /// In one request by LBA, and its end once more to addresses that are no multiples of 512, of 4 and of 2.
    Unaligned,
    /// Sector by sector by cylinder, head and sector (int 13h AH=02h).
    Chs,
}

/// The kind of device that a medium goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum MediumKind {
    /// A hard disk image, 512-byte sectors.
    Disk,
    /// A hard disk image for a drive with 4096-byte logical sectors (4Kn). It carries boot code as a `Disk` does, although
    /// no SeaBIOS to date boots it.
    Disk4Kn,
    /// An ISO 9660 image.
    Cdrom,
    /// A 1.44 MB floppy image (2880 sectors).
    Floppy,
}

/// How a hard disk is partitioned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PartitionTable {
    /// MBR with one ESP (type 0xef).
    #[default]
    Mbr,
    /// GPT with a protective MBR; the protective MBR carries boot code too.
    Gpt,
    /// GPT with a hybrid MBR.
    Hybrid,
    /// GPT whose primary header does not give its own CRC, with a backup that is whole (UEFI 2.10 section 5.3.2).
    GptBackup,
}

/// Where `zipl` leaves what firmware loads on z/Architecture, by the kind of disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum BootMapLayout {
    /// A SCSI disk of blocks of 512 bytes: a program table.
    #[default]
    Scsi,
    /// A DASD of blocks of 4096 bytes in the compatible disk layout: IPL records and a volume label.
    DasdCdl,
    /// A DASD of blocks of 4096 bytes in the Linux disk layout: all in its first block, and a label.
    DasdLdl,
}

/// FAT variant of the ESP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FatType {
    /// 12-bit entries.
    Fat12,
    /// 16-bit entries.
    #[default]
    Fat16,
    /// 32-bit entries.
    Fat32,
}

/// The processor that an EFI application is for (UEFI 2.10 section 3.5.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum EfiMachine {
    /// x86-64.
    #[default]
    X64,
    /// 64-bit Arm.
    Aa64,
    /// 64-bit RISC-V.
    Riscv64,
    /// 64-bit LoongArch.
    Loongarch64,
    /// The 32-bit processors that x86-64 came from.
    Ia32,
    /// 32-bit Arm.
    Arm,
}

impl EfiMachine {
    /// Where firmware looks on a medium without a boot option of its own, with `/` between names.
    ///
    /// ```
    /// assert_eq!(bootwright_images::EfiMachine::Aa64.removable_media_path(), "EFI/BOOT/BOOTAA64.EFI");
    /// ```
    #[must_use]
    pub fn removable_media_path(self) -> &'static str {
        match self {
            EfiMachine::X64 => "EFI/BOOT/BOOTX64.EFI",
            EfiMachine::Aa64 => "EFI/BOOT/BOOTAA64.EFI",
            EfiMachine::Riscv64 => "EFI/BOOT/BOOTRISCV64.EFI",
            EfiMachine::Loongarch64 => "EFI/BOOT/BOOTLOONGARCH64.EFI",
            EfiMachine::Ia32 => "EFI/BOOT/BOOTIA32.EFI",
            EfiMachine::Arm => "EFI/BOOT/BOOTARM.EFI",
        }
    }

    /// The same maker's processor with 64 bits in place of 32, or the other way round; `None` where there is no UEFI for one.
    #[must_use]
    pub fn of_other_width(self) -> Option<EfiMachine> {
        match self {
            EfiMachine::X64 => Some(EfiMachine::Ia32),
            EfiMachine::Ia32 => Some(EfiMachine::X64),
            EfiMachine::Aa64 => Some(EfiMachine::Arm),
            EfiMachine::Arm => Some(EfiMachine::Aa64),
            EfiMachine::Riscv64 | EfiMachine::Loongarch64 => None,
        }
    }
}

impl EfiMachine {
    /// The last name of [`EfiMachine::removable_media_path`] as ISO 9660 has it.
    pub(crate) fn loader_record(self) -> &'static str {
        match self {
            EfiMachine::X64 => "BOOTX64.EFI;1",
            EfiMachine::Aa64 => "BOOTAA64.EFI;1",
            EfiMachine::Riscv64 => "BOOTRISCV64.EFI;1",
            EfiMachine::Loongarch64 => "BOOTLOONGARCH64.EFI;1",
            EfiMachine::Ia32 => "BOOTIA32.EFI;1",
            EfiMachine::Arm => "BOOTARM.EFI;1",
        }
    }
}

/// Which firmware a medium is bootable for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Boots {
    /// BIOS and UEFI.
    #[default]
    Both,
    /// BIOS only: no ESP, or no UEFI El Torito entry.
    BiosOnly,
    /// UEFI only: no boot signature, or no BIOS El Torito entry.
    UefiOnly,
}

/// What is in place of an EFI application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum BadLoader {
    /// An application for another processor: 64-bit Arm on x86-64 and the other way round.
    OtherMachine,
    /// The first half of an application: its headers are whole, its sections are not.
    Truncated,
    /// The first 512 bytes of an application, which end within its headers or right behind them.
    Headers,
    /// A file of no bytes.
    Empty,
    /// A line of text.
    Text,
    /// An application for the same maker's processor with another number of bits: IA32 on x86-64, 64-bit Arm on 32-bit Arm, and the
    /// other way round.
    OtherWidth,
}

impl BadLoader {
    /// All that there are on every processor.
    pub const ALL: [BadLoader; 5] =
        [BadLoader::OtherMachine, BadLoader::Truncated, BadLoader::Headers, BadLoader::Empty, BadLoader::Text];

    /// The name used in case ids and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            BadLoader::OtherMachine => "other-machine",
            BadLoader::Truncated => "truncated",
            BadLoader::Headers => "headers",
            BadLoader::Empty => "empty",
            BadLoader::Text => "text",
            BadLoader::OtherWidth => "other-width",
        }
    }
}

/// What is on a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Content {
    /// A payload that prints its line.
    Bootable {
        /// For which firmware.
        #[serde(default)]
        boots: Boots,
        /// Partition table (hard disks).
        #[serde(default)]
        table: PartitionTable,
        /// File system of the ESP (hard disks) or of the El Torito UEFI image.
        #[serde(default)]
        fat: FatType,
        /// What the payload does after its line.
        #[serde(default)]
        after: After,
    },
    /// A payload behind a boot catalogue that [`Content::Bootable`] does not give (ISO 9660 only).
    ElTorito {
        /// For which firmware.
        #[serde(default)]
        boots: Boots,
        /// File system of the UEFI image.
        #[serde(default)]
        fat: FatType,
        /// What the payload does after its line.
        #[serde(default)]
        after: After,
        /// Load size of the BIOS entry, in 512-byte sectors, 1 to 64. The BIOS program is as long as this, if it can be;
        /// its checksum then proves that the firmware loaded all of it.
        load_sectors: u16,
        /// UEFI entries before the bootable one whose image has no removable media path, up to 8.
        #[serde(default)]
        decoys: u8,
    },
    /// A payload where an installed system has its loader, for a boot option that names the file (hard disks only). A BIOS
    /// finds boot code too.
    Installed {
        /// Where the loader is: `\\` and a name of up to eight characters and an extension of up to three, as often as the path
        /// has names, such as `\\EFI\\debian\\grubx64.efi`.
        loader: String,
        /// The same program at the removable media path too.
        #[serde(default)]
        fallback: bool,
        /// Partition table.
        #[serde(default)]
        table: PartitionTable,
        /// File system of the ESP.
        #[serde(default)]
        fat: FatType,
        /// What the payload does after its line.
        #[serde(default)]
        after: After,
    },
    /// A GPT disk without boot code that has at the removable media path what UEFI firmware cannot run (hard disks only).
    BadLoader(BadLoader),
    /// What [`Content::Bootable`] is on an MBR disk but for its boot signature, without which a BIOS finds no boot code and UEFI
    /// firmware no partition, until [`After::Install`] has written it (hard disks with 512-byte sectors only).
    Uninstalled {
        /// File system of the ESP.
        #[serde(default)]
        fat: FatType,
        /// What the payload does after its line.
        #[serde(default)]
        after: After,
    },
    /// An ISO 9660 image that is a hard disk's image too, as isohybrid and xorriso make it: the MBR before its volume has boot
    /// code and an entry for the El Torito UEFI image. For optical drives and hard disks with 512-byte sectors.
    Isohybrid {
        /// File system of the UEFI image.
        #[serde(default)]
        fat: FatType,
        /// What the payload does after its line.
        #[serde(default)]
        after: After,
    },
    /// An EFI application at the removable media path of an ISO 9660 volume, and no El Torito entry for UEFI that leads to it
    /// (optical media only). A BIOS has its boot entry.
    Iso9660Loader {
        /// What the payload does after its line.
        #[serde(default)]
        after: After,
    },
    /// A BIOS program of 30 KiB, most of it far from the beginning: at LBA 0x1011171 of a hard disk of 8 GiB (sparse) where it reads by LBA,
    /// at 0x21011171 of one of 265 GiB where by an LBA of more than 28 bits, at 61001 where by CHS or to odd addresses, and at 1001 of a floppy, which has CHS
    /// alone. It adds up all of itself before it reports, and reads its last 28 KiB again in requests of other lengths and to other places;
    /// by LBA also 64 KiB seven times, at once, in two halves and sector by sector. (Hard disks with 512-byte sectors and floppies; nothing
    /// for UEFI.)
    Distant {
        /// How it reads.
        reads: Reads,
    },
    /// A BIOS program of 30 KiB in an image that its boot catalogue has firmware show as a floppy or a hard disk: most of it is far from the
    /// beginning of that drive, is read by cylinder, head and sector, and adds up all of itself before it reports (optical media only,
    /// nothing for UEFI).
    Emulated {
        /// As what.
        emulation: Emulation,
    },
    /// A disk for z/Architecture whose boot map has this layout. Its program is the entry with this number, 0 to 30, counted from the one
    /// that is loaded where nothing else is said (0); each entry before it leads to a text.
    BootMap {
        /// How the disk is laid out.
        layout: BootMapLayout,
        /// The program's number.
        #[serde(default)]
        entry: u8,
        /// What the payload does after its line.
        #[serde(default)]
        after: After,
    },
    /// All zero.
    Blank,
    /// Boot code but no 0x55 0xaa in bytes 510 and 511 (BIOS); an ESP without the removable media path (UEFI).
    NoSignature,
    /// The KVM vendor article's reboot disk: 524,288 bytes, `b0 fe e6 64`, 55 aa at 510, zero elsewhere.
    VendorReboot,
}

impl Content {
    /// Bootable in the default way: BIOS and UEFI, MBR, FAT16, ending the machine after the line.
    #[must_use]
    pub fn bootable() -> Self {
        Self::bootable_then(After::default())
    }

    /// An installed system on a GPT disk with FAT16.
    #[must_use]
    pub fn installed(loader: &str, fallback: bool) -> Self {
        let (table, fat, after) = (PartitionTable::Gpt, FatType::Fat16, After::Exit);
        Self::Installed { loader: loader.to_owned(), fallback, table, fat, after }
    }

    /// Bootable in the default way but for what follows the line.
    #[must_use]
    pub fn bootable_then(after: After) -> Self {
        Self::Bootable { boots: Boots::Both, table: PartitionTable::Mbr, fat: FatType::Fat16, after }
    }
}

/// A medium to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumSpec {
    /// Unique in its machine; `[a-z0-9-]`, 1 to 24 characters.
    pub name: String,
    /// Disk, optical or floppy.
    pub kind: MediumKind,
    /// What it holds.
    pub content: Content,
    /// Size in 512-byte sectors; `None` for the smallest that fits. Ignored for floppies and [`Content::VendorReboot`].
    pub sectors: Option<u64>,
    /// The processor that its EFI application is for.
    pub efi: EfiMachine,
    /// Whose key signs its EFI application; `None`: nobody's.
    pub signed_by: Option<Signer>,
}

/// Longest name of a file on a volume, in characters.
pub(crate) const FILE_NAME_LIMIT: usize = 64;

/// Longest name of a medium, in characters.
const NAME_LIMIT: usize = 24;

impl MediumSpec {
    /// A medium of the smallest size that fits.
    ///
    /// ```
    /// use bootwright_images::{Content, MediumKind, MediumSpec};
    ///
    /// let disk = MediumSpec::new("right", MediumKind::Disk, Content::bootable()).with_sectors(20_000);
    /// assert_eq!(disk.sectors, Some(20_000));
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, kind: MediumKind, content: Content) -> Self {
        Self { name: name.into(), kind, content, sectors: None, efi: EfiMachine::X64, signed_by: None }
    }

    /// The same medium with an EFI application for another processor.
    #[must_use]
    pub fn for_efi(self, efi: EfiMachine) -> Self {
        Self { efi, ..self }
    }

    /// The same medium with an EFI application that has this signature.
    #[must_use]
    pub fn signed_by(self, signer: Signer) -> Self {
        Self { signed_by: Some(signer), ..self }
    }

    /// The same medium with a size of its own, in 512-byte sectors.
    #[must_use]
    pub fn with_sectors(self, sectors: u64) -> Self {
        Self { sectors: Some(sectors), ..self }
    }

    pub(crate) fn check_name(&self) -> Result<(), ImageError> {
        check_name(&self.name)
    }

    /// The size to build, in sectors of `sector_bytes`, given the 512-byte sectors that the content needs.
    pub(crate) fn size(&self, needed: u64, sector_bytes: u64) -> Result<u64, ImageError> {
        let sectors = self.sectors.unwrap_or(needed);
        if sectors < needed {
            return Err(ImageError::TooSmall { name: self.name.clone(), sectors, needed });
        }
        if sectors > SECTOR_LIMIT {
            let what = "size in 512-byte sectors";
            return Err(ImageError::TooLarge { what, value: sectors, limit: SECTOR_LIMIT });
        }
        if !sectors.is_multiple_of(sector_bytes / 512) {
            return Err(ImageError::Unaligned { name: self.name.clone(), sectors, sector_bytes });
        }
        Ok(sectors / (sector_bytes / 512))
    }
}

/// Largest medium: its length in bytes still fits a signed 64-bit file offset.
const SECTOR_LIMIT: u64 = i64::MAX as u64 / 512;

pub(crate) fn check_name(name: &str) -> Result<(), ImageError> {
    let problem = if name.is_empty() {
        "empty"
    } else if !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        "not made of the allowed characters"
    } else if name.len() > NAME_LIMIT {
        "too long"
    } else {
        return Ok(());
    };
    Err(ImageError::Name { name: name.to_owned(), problem })
}
