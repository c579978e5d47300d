//! A medium's bytes: a length, and the parts that are not zero.

use crate::ImageError;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes at a place; whatever no extent covers is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where the bytes start, in bytes from the start of the medium.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A whole medium, sparse, so that a disk of terabytes costs what its content costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    length: u64,
    extents: Vec<Extent>,
}

impl Image {
    /// An image of `length` zero bytes.
    pub(crate) fn zero(length: u64) -> Self {
        Self { length, extents: Vec::new() }
    }

    /// Puts `bytes` at `offset`. Builders check sizes first, so an extent past the end is a bug that tests must see.
    pub(crate) fn put(&mut self, offset: u64, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        debug_assert!(offset + bytes.len() as u64 <= self.length, "extent at {offset} passes the end {}", self.length);
        self.extents.push(Extent { offset, bytes });
        self.extents.sort_by_key(|extent| extent.offset);
    }

    /// Lays a BIOS program over the start: all of it but the BPB of the volume that is already there.
    pub(crate) fn merge_boot_program(&mut self, program: &[u8]) {
        let Some(sector) = self.extents.first_mut().filter(|extent| extent.offset == 0) else { return };
        for range in [0..3, 90..512] {
            sector.bytes[range.clone()].copy_from_slice(&program[range]);
        }
        self.put(512, &program[512..]);
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The parts that are not all zero, in ascending order, without overlaps.
    #[must_use]
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Every byte in one vector, for media that fit in memory.
    ///
    /// # Errors
    ///
    /// [`ImageError::TooLarge`] above 1 GiB: write such a medium to a sparse file instead.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ImageError> {
        const LIMIT: u64 = 1 << 30;
        let length =
            usize::try_from(self.length).ok().filter(|_| self.length <= LIMIT).ok_or(ImageError::TooLarge {
                what: "length in bytes of an image for memory",
                value: self.length,
                limit: LIMIT,
            })?;
        let mut bytes = vec![0; length];
        for extent in &self.extents {
            let start = usize::try_from(extent.offset).unwrap_or(length);
            if let Some(place) = bytes.get_mut(start..start + extent.bytes.len()) {
                place.copy_from_slice(&extent.bytes);
            }
        }
        Ok(bytes)
    }

    /// Writes a sparse file. It appears under its name only when complete; an existing file is replaced.
    ///
    /// # Errors
    ///
    /// [`ImageError::Write`]; nothing of this image is left behind then.
    pub fn write_to(&self, path: &Path) -> Result<(), ImageError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Path::new(&partial);
        let result = self.write_sparse(partial).and_then(|()| std::fs::rename(partial, path));
        result.map_err(|source| {
            // the write's own error is the one to report
            let _ = std::fs::remove_file(partial);
            ImageError::Write { path: path.to_owned(), source }
        })
    }

    fn write_sparse(&self, path: &Path) -> std::io::Result<()> {
        let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        file.set_len(self.length)?;
        for extent in &self.extents {
            file.seek(SeekFrom::Start(extent.offset))?;
            file.write_all(&extent.bytes)?;
        }
        Ok(())
    }
}
