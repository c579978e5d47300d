//! What a medium holds: plain data, no bytes.

use crate::ImageError;
/// A random number that ties one medium of one run to the line its payload prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

impl std::fmt::Display for Nonce {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// What a payload does once its line is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}

/// The kind of device that a medium goes into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediumKind {
    /// A hard disk image.
    Disk,
    /// An ISO 9660 image.
    Cdrom,
    /// A 1.44 MB floppy image (2880 sectors).
    Floppy,
}

/// How a hard disk is partitioned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartitionTable {
    /// MBR with one ESP (type 0xef).
    #[default]
    Mbr,
    /// GPT with a protective MBR; the protective MBR carries boot code too.
    Gpt,
    /// GPT with a hybrid MBR.
    Hybrid,
}

/// FAT variant of the ESP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FatType {
    /// 12-bit entries.
    Fat12,
    /// 16-bit entries.
    #[default]
    Fat16,
    /// 32-bit entries.
    Fat32,
}

/// Which firmware a medium is bootable for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boots {
    /// BIOS and UEFI.
    #[default]
    Both,
    /// BIOS only: no ESP, or no UEFI El Torito entry.
    BiosOnly,
    /// UEFI only: no boot signature, or no BIOS El Torito entry.
    UefiOnly,
}

/// What is on a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A payload that prints its line.
    Bootable {
        /// For which firmware.
        boots: Boots,
        /// Partition table (hard disks).
        table: PartitionTable,
        /// File system of the ESP (hard disks) or of the El Torito UEFI image.
        fat: FatType,
        /// What the payload does after its line.
        after: After,
    },
    /// All zero.
    Blank,
    /// Boot code but no 0x55 0xaa in bytes 510 and 511 (BIOS); an ESP without the removable media path (UEFI).
    NoSignature,
    /// The KVM vendor article's reboot disk: 524,288 bytes, `b0 fe e6 64`, 55 aa at 510, zero elsewhere.
    VendorReboot,
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
}

/// Longest name of a medium, in characters.
const NAME_LIMIT: usize = 24;

impl MediumSpec {
    pub(crate) fn check_name(&self) -> Result<(), ImageError> {
        check_name(&self.name)
    }

    /// The size to build, in 512-byte sectors, given what the content needs.
    pub(crate) fn size(&self, needed: u64) -> Result<u64, ImageError> {
        match self.sectors {
            Some(sectors) if sectors < needed => Err(ImageError::TooSmall { name: self.name.clone(), sectors, needed }),
            Some(sectors) if sectors > SECTOR_LIMIT => {
                Err(ImageError::TooLarge { what: "size in 512-byte sectors", value: sectors, limit: SECTOR_LIMIT })
            }
            Some(sectors) => Ok(sectors),
            None => Ok(needed),
        }
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
