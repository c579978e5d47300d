//! Images that a BIOS shows as a floppy or a hard disk although they are on an optical medium (El Torito 1.0 section 2.2: the boot
//! media types 1 to 4).

use serde::{Deserialize, Serialize};

/// What a boot catalogue's entry makes of its image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[non_exhaustive]
pub enum Emulation {
    /// A floppy of 1.2 MB, media type 1.
    #[serde(rename = "floppy-1.2")]
    Floppy12,
    /// A floppy of 1.44 MB, media type 2.
    #[serde(rename = "floppy-1.44")]
    Floppy144,
    /// A floppy of 2.88 MB, media type 3.
    #[serde(rename = "floppy-2.88")]
    Floppy288,
    /// A hard disk with an MBR of one partition, whose last sector tells firmware the geometry: media type 4.
    #[serde(rename = "hard-disk")]
    HardDisk,
}

impl Emulation {
    /// All that there are.
    pub const ALL: [Emulation; 4] =
        [Emulation::Floppy12, Emulation::Floppy144, Emulation::Floppy288, Emulation::HardDisk];

    /// The first block of 2048 bytes of the image on its ISO 9660 volume.
    pub const BLOCK: u32 = 23;

    /// The name used in case ids and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Emulation::Floppy12 => "floppy-1.2",
            Emulation::Floppy144 => "floppy-1.44",
            Emulation::Floppy288 => "floppy-2.88",
            Emulation::HardDisk => "hard-disk",
        }
    }

    /// The boot media type of its entry (El Torito 1.0 section 2.2, byte 1).
    #[must_use]
    pub fn media_type(self) -> u8 {
        match self {
            Emulation::Floppy12 => 1,
            Emulation::Floppy144 => 2,
            Emulation::Floppy288 => 3,
            Emulation::HardDisk => 4,
        }
    }

    /// The number that int 13h knows it by.
    #[must_use]
    pub fn drive(self) -> u8 {
        if self == Emulation::HardDisk { 0x80 } else { 0 }
    }

    /// Its cylinders, heads and sectors per track.
    #[must_use]
    pub fn geometry(self) -> (u32, u32, u32) {
        match self {
            Emulation::Floppy12 => (80, 2, 15),
            Emulation::Floppy144 => (80, 2, 18),
            Emulation::Floppy288 => (80, 2, 36),
            Emulation::HardDisk => (300, 5, 17),
        }
    }

    /// What int 13h AH=08h gives as the type of such a floppy drive in BL; `None` for the hard disk, which has none.
    #[must_use]
    pub fn drive_type(self) -> Option<u8> {
        match self {
            Emulation::Floppy12 => Some(2),
            Emulation::Floppy144 => Some(4),
            Emulation::Floppy288 => Some(6),
            Emulation::HardDisk => None,
        }
    }
}
