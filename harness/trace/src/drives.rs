//! The hard disks that SeaBIOS has mapped, as it logs them (`setup_translation` in `src/block.c`, 1.16 to 1.17).

use serde::{Deserialize, Serialize};

/// Drives kept of a lap; SeaBIOS has room for fewer.
pub(super) const LIMIT: usize = 64;

/// Cylinders, heads, sectors per track.
pub type Geometry = (u32, u32, u32);

/// A hard disk that has a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedDrive {
    /// The geometry that the device tells.
    pub physical: Geometry,
    /// How [`logical`](MappedDrive::logical) came of it.
    pub translation: Translation,
    /// The geometry that int 13h counts in.
    pub logical: Geometry,
    /// Its size in its own sectors, modulo 2^32.
    pub sectors: u32,
}

/// How SeaBIOS makes a geometry of at most 1024 cylinders (`TRANSLATION_*` in `src/block.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Translation {
    /// It has no more.
    None,
    /// By the size alone.
    Lba,
    /// Half the cylinders, twice the heads, and again.
    Large,
    /// The same, from 15 heads where there are 16.
    REchs,
    /// fw_cfg `bios-geometry` has it.
    HostSupplied,
}

impl Translation {
    /// SeaBIOS' word for it.
    pub fn name(self) -> &'static str {
        match self {
            Translation::None => "none",
            Translation::Lba => "lba",
            Translation::Large => "large",
            Translation::REchs => "r-echs",
            Translation::HostSupplied => "host-supplied",
        }
    }

    fn of(word: &str) -> Option<Translation> {
        use Translation::{HostSupplied, Large, Lba, None, REchs};
        [None, Lba, Large, REchs, HostSupplied].into_iter().find(|translation| translation.name() == word)
    }
}

/// `drive 0x000f5960: PCHS=4/16/63 translation=none LCHS=4/16/63 s=4096`.
pub(super) fn mapped(line: &str) -> Option<MappedDrive> {
    let rest = line.strip_prefix("drive 0x")?.split_once(": PCHS=")?.1;
    let (physical, rest) = rest.split_once(" translation=")?;
    let (translation, rest) = rest.split_once(" LCHS=")?;
    let (logical, sectors) = rest.split_once(" s=")?;
    Some(MappedDrive {
        physical: geometry(physical)?,
        translation: Translation::of(translation)?,
        logical: geometry(logical)?,
        sectors: sectors.parse().ok()?,
    })
}

/// `80/2/18`.
pub(super) fn geometry(text: &str) -> Option<Geometry> {
    let mut parts = text.split('/').map(|part| part.parse().ok());
    let triple = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(triple)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_drive_has_both_geometries_and_what_lies_between_them() {
        let line = "drive 0x000e8b80: PCHS=2080/16/63 translation=large LCHS=1040/32/63 s=2097152";
        let drive = MappedDrive {
            physical: (2080, 16, 63),
            translation: Translation::Large,
            logical: (1040, 32, 63),
            sectors: 2_097_152,
        };
        assert_eq!(mapped(line), Some(drive));
        for (from, to) in [("large", "larg"), ("LCHS=1040", "LCHS="), ("/63 s=", "/63/1 s="), ("drive", "driv")] {
            assert_eq!(mapped(&line.replace(from, to)), None, "{to}");
        }
    }
}
