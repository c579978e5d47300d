//! A flash image in a file: its bytes without the zeros behind them.
//!
//! AAVMF's images have 64 MiB, of which a variable store uses the first 768 KiB. A copy has holes where the image has zeros, and
//! memory holds none of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::evidence::file;

/// How much is read at once, in bytes.
const PIECE: usize = 256 << 10;

/// What QEMU writes back at least when a byte is programmed.
const SECTOR: usize = 512;

/// How many bytes are compared with zeros at once.
const BLOCK: usize = 4096;

/// An image, or what of it is not zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlashFile {
    /// Up to the last byte that is not zero.
    bytes: Vec<u8>,
    /// Of the whole file, in bytes.
    length: u64,
}

impl FlashFile {
    /// Reads an image.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn read(path: &Path) -> io::Result<FlashFile> {
        let mut file = File::open(path)?;
        let (mut bytes, mut length) = (Vec::new(), 0);
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(FlashFile { bytes, length: length as u64 }),
                count => {
                    let kept = without_last_zeros(&piece[..count]).len();
                    if kept > 0 {
                        bytes.resize(length, 0);
                        bytes.extend_from_slice(&piece[..kept]);
                    }
                    length += count;
                }
            }
        }
    }

    /// Whether a sector behind the one with this byte is what it was in another image, and not erased (ones) or zeros in both.
    pub fn has_left_of(&self, other: &FlashFile, offset: usize) -> bool {
        let pairs = self.bytes.chunks_exact(SECTOR).zip(other.bytes.chunks_exact(SECTOR)).skip(offset / SECTOR + 1);
        let blank = |sector: &[u8]| [0, 0xff].iter().any(|blank| sector.iter().all(|byte| byte == blank));
        pairs.into_iter().any(|(one, other)| one == other && !blank(one))
    }

    /// Its bytes up to the last one that is not zero.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the whole file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// An image of the same length with other bytes at its beginning.
    pub fn with_bytes(&self, bytes: Vec<u8>) -> FlashFile {
        FlashFile { length: self.length.max(bytes.len() as u64), bytes }
    }

    /// Writes the image to a file that has a hole where its last zeros are.
    ///
    /// # Errors
    ///
    /// The system's; what was at `path` is still there then.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        file::write_sparse(path, &self.bytes, self.length)
    }
}

/// What stands before the last zeros. Most of an image is zeros, which are told by the block: byte by byte they cost more than
/// the rest of a case.
fn without_last_zeros(bytes: &[u8]) -> &[u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let Some(block) = bytes.chunks(BLOCK).rposition(|block| *block != ZEROS[..block.len()]) else { return &[] };
    let end = bytes.len().min((block + 1) * BLOCK);
    let last = bytes[..end].iter().rposition(|&byte| byte != 0);
    &bytes[..last.map_or(0, |last| last + 1)]
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_copy_is_the_same_and_takes_no_room_for_zeros() {
        let folder = tempfile::tempdir().unwrap();
        let (template, copy) = (folder.path().join("template"), folder.path().join("copy"));
        let mut bytes = vec![0_u8; 8 << 20];
        bytes[..100].fill(0xff);
        bytes[700_000] = 7;
        std::fs::write(&template, &bytes).unwrap();
        let image = FlashFile::read(&template).unwrap();
        assert_eq!(image.bytes(), &bytes[..700_001]);
        image.write(&copy).unwrap();
        assert!(std::fs::read(&copy).unwrap() == bytes);
        assert!(std::fs::metadata(&copy).unwrap().blocks() * 512 < 2 << 20);
        assert_eq!(FlashFile::read(&copy).unwrap(), image);
    }

    #[test]
    fn a_sector_that_is_as_it_was_is_left_unless_it_is_blank_or_of_the_header() {
        let image = |sectors: [u8; 3]| {
            let bytes: Vec<u8> = sectors.iter().flat_map(|&byte| [byte; SECTOR]).collect();
            FlashFile { length: bytes.len() as u64, bytes }
        };
        let left = |now, then| image(now).has_left_of(&image(then), 72);
        assert!(left([1, 0xff, 7], [2, 3, 7]) && left([1, 7, 0xff], [1, 7, 7]));
        for gone in [[1, 0xff, 0xff], [1, 0xff, 6], [1, 0xff, 8]] {
            assert!(!left(gone, [1, 6, 7]), "{gone:?}");
        }
        assert!(!left([1, 0xff, 0xff], [1, 0xff, 0xff]));
    }

    #[test]
    fn another_byte_or_another_length_is_another_image() {
        let folder = tempfile::tempdir().unwrap();
        let image = |bytes: &[u8]| {
            let path = folder.path().join("image");
            std::fs::write(&path, bytes).unwrap();
            FlashFile::read(&path).unwrap()
        };
        assert_eq!(image(&[1, 0]), image(&[1, 0]));
        assert_ne!(image(&[1, 0]), image(&[1, 0, 0]));
        assert_ne!(image(&[1, 0]), image(&[1, 1]));
        assert_eq!(image(&[0; 600_000]).bytes(), b"");
        for length in [1, BLOCK - 1, BLOCK, BLOCK + 1, PIECE, PIECE + 1, 2 * PIECE + 7] {
            let mut bytes = vec![0; 3 * PIECE];
            bytes[length - 1] = 1;
            assert_eq!(image(&bytes).bytes().len(), length);
        }
        let damaged = image(&[1, 2, 0]).with_bytes(vec![0xff; 2]);
        damaged.write(&folder.path().join("damaged")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("damaged")).unwrap(), [0xff, 0xff, 0]);
    }
}
