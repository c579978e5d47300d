//! Reads the bytes of a medium, whatever format they lie in; never writes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::qcow2::Qcow2;

/// A medium's bytes.
pub struct Source {
    file: File,
    length: u64,
    qcow2: Option<Qcow2>,
    at: u64,
    /// Where the medium begins that is read through the traits: a partition, an image inside an ISO.
    start: u64,
}

impl Source {
    /// The bytes of a raw image.
    pub fn open(path: &Path) -> io::Result<Source> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Source { file, length, qcow2: None, at: 0, start: 0 })
    }

    /// The guest's bytes of a qcow2.
    ///
    /// # Errors
    ///
    /// Why not, and what to do.
    pub fn into_qcow2(mut self) -> Result<Source, (String, &'static str)> {
        let qcow2 = Qcow2::read(&mut self.file, self.length)?;
        Ok(Source { length: qcow2.size, qcow2: Some(qcow2), ..self })
    }

    /// Length of the medium, bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether the first cluster is compressed, so that nothing can be read.
    pub fn is_compressed(&mut self) -> bool {
        let Some(qcow2) = &self.qcow2 else { return false };
        qcow2.is_compressed(&mut self.file, 0)
    }

    /// The first bytes, at most so many.
    pub fn head(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let length = self.length.min(most as u64) as usize;
        self.bytes(0, length)
    }

    /// Bytes from a place of the medium.
    pub fn bytes(&mut self, from: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.fill(from, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads from here on through the traits.
    pub fn begin_at(&mut self, start: u64) {
        (self.start, self.at) = (start, 0);
    }

    fn fill(&mut self, from: u64, bytes: &mut [u8]) -> io::Result<()> {
        match &self.qcow2 {
            Some(qcow2) => qcow2.fill(&mut self.file, from, bytes),
            None => {
                self.file.seek(SeekFrom::Start(from))?;
                self.file.read_exact(bytes)
            }
        }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = self.start.saturating_add(self.at);
        let length = self.length.saturating_sub(from).min(into.len() as u64) as usize;
        self.fill(from, &mut into[..length])?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.length.saturating_sub(self.start);
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => end.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// The reader of FAT wants a medium that could be written.
impl Write for Source {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
