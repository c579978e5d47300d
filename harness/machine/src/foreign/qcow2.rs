//! Finds a guest's bytes in a qcow2 (QEMU, `docs/interop/qcow2.txt`); numbers are big-endian.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// First bytes of a file.
pub const MAGIC: [u8; 4] = *b"QFI\xfb";

/// Largest table of level 1 that is read, entries: 2 EiB are more than anybody has.
const LARGEST_L1: u64 = 1 << 22;

/// A file's header and its table of level 1.
pub struct Qcow2 {
    /// Length of the medium, bytes.
    pub size: u64,
    cluster_bits: u32,
    l1: Vec<u64>,
}

enum Cluster {
    Zero,
    At(u64),
    Compressed,
}

impl Qcow2 {
    /// Reads a header.
    ///
    /// # Errors
    ///
    /// Why the file is not taken, and what to do.
    pub fn read(file: &mut File, length: u64) -> Result<Qcow2, (String, &'static str)> {
        const FLATTEN: &str = "a guest reads one file only: flatten it with qemu-img convert -O qcow2 OLD NEW";
        const BROKEN: &str = "check it with qemu-img check";
        let header =
            at(file, 0, 104).map_err(|_| (format!("a qcow2 of {length} bytes: its header is cut short"), BROKEN))?;
        let (four, eight) =
            (|place: usize| u64::from(number32(&header, place)), |place: usize| number64(&header, place));
        let version = four(4);
        if !matches!(version, 2 | 3) {
            return Err((
                format!("qcow2 version {version}"),
                "wanted version 2 or 3: qemu-img convert -O qcow2 OLD NEW",
            ));
        }
        if eight(8) != 0 {
            let name = at(file, eight(8), four(16).min(1023) as usize).unwrap_or_default();
            let name = String::from_utf8_lossy(&name).replace(char::is_control, "?");
            return Err((format!("a qcow2 with a backing file, {name}"), FLATTEN));
        }
        if four(32) != 0 {
            return Err(("an encrypted qcow2".to_owned(), "decrypt it with qemu-img convert"));
        }
        let features = if version == 3 { eight(72) } else { 0 };
        if features & 0b100 != 0 {
            return Err(("a qcow2 with an external data file".to_owned(), FLATTEN));
        }
        if features & 0b10 != 0 {
            return Err(("a qcow2 that is marked as corrupt".to_owned(), BROKEN));
        }
        if features & !0b1111 != 0 {
            return Err((
                format!("a qcow2 with features {features:#x}"),
                "qemu-img convert -O qcow2 OLD NEW makes one without",
            ));
        }
        let (cluster_bits, size, entries) = (four(20) as u32, eight(24), four(36));
        let needed = size.div_ceil(1 << (2 * cluster_bits.clamp(9, 21) - 3));
        if !(9..=21).contains(&cluster_bits) || entries > LARGEST_L1 || entries < needed {
            return Err(("a qcow2 whose header contradicts itself".to_owned(), BROKEN));
        }
        let table = at(file, eight(40), entries as usize * 8);
        let table = table.map_err(|_| ("a qcow2 whose tables are cut short".to_owned(), BROKEN))?;
        let l1 = (0..entries as usize).map(|entry| number64(&table, entry * 8)).collect();
        Ok(Qcow2 { size, cluster_bits, l1 })
    }

    /// Whether the cluster of a guest's byte is compressed.
    pub fn is_compressed(&self, file: &mut File, from: u64) -> bool {
        matches!(self.cluster(file, from), Ok(Cluster::Compressed))
    }

    /// Reads a guest's bytes.
    pub fn fill(&self, file: &mut File, from: u64, bytes: &mut [u8]) -> io::Result<()> {
        let cluster = 1_u64 << self.cluster_bits;
        let mut done = 0;
        while done < bytes.len() {
            let place = from + done as u64;
            let inside = place % cluster;
            let length = ((cluster - inside) as usize).min(bytes.len() - done);
            let part = &mut bytes[done..done + length];
            match self.cluster(file, place)? {
                Cluster::Zero => part.fill(0),
                Cluster::At(offset) => part.copy_from_slice(&at(file, offset + inside, length)?),
                Cluster::Compressed => return Err(io::ErrorKind::Unsupported.into()),
            }
            done += length;
        }
        Ok(())
    }

    fn cluster(&self, file: &mut File, from: u64) -> io::Result<Cluster> {
        const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
        let number = from >> self.cluster_bits;
        let entries = 1_u64 << (self.cluster_bits - 3);
        let table = self.l1.get((number / entries) as usize).ok_or(io::ErrorKind::UnexpectedEof)? & OFFSET;
        if table == 0 {
            return Ok(Cluster::Zero);
        }
        let entry = number64(&at(file, table + number % entries * 8, 8)?, 0);
        Ok(match (entry & (1 << 62) != 0, entry & 1 != 0, entry & OFFSET) {
            (true, ..) => Cluster::Compressed,
            (_, true, _) | (_, _, 0) => Cluster::Zero,
            (_, _, offset) => Cluster::At(offset),
        })
    }
}

fn at(file: &mut File, from: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_be_bytes).unwrap_or_default()
}

fn number64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map(u64::from_be_bytes).unwrap_or_default()
}
