//! FAT12, FAT16 and FAT32 volumes (Microsoft FAT specification 1.03), written once, in order. A name that is no short one in upper
//! case has its long one too.

use crate::{FatType, Image, ImageError};

const FAT_COUNT: u32 = 2;
const DIRECTORY_ENTRY: usize = 32;
/// 2020-01-01: (year - 1980) << 9 | month << 5 | day.
const DATE: u16 = 40 << 9 | 1 << 5 | 1;
const ATTRIBUTE_VOLUME_LABEL: u8 = 0x08;
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
const ATTRIBUTE_ARCHIVE: u8 = 0x20;

/// Where a volume lies and what shape it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) fat: FatType,
    /// Size in sectors.
    pub(crate) sectors: u32,
    pub(crate) sector_bytes: u16,
    /// Sectors before the volume, as the BPB has it.
    pub(crate) hidden: u32,
    /// Sectors between the boot sector and the first FAT that the caller uses for itself.
    pub(crate) extra_reserved: u16,
    pub(crate) media: u8,
    pub(crate) sectors_per_track: u16,
    pub(crate) heads: u16,
    pub(crate) root_entries: u16,
    pub(crate) serial: u32,
}

impl Shape {
    /// A volume on a partition or in an El Torito image, 512-byte sectors.
    pub(crate) fn fixed(fat: FatType, sectors: u32, hidden: u32, serial: u32) -> Self {
        Self {
            fat,
            sectors,
            sector_bytes: 512,
            hidden,
            extra_reserved: 0,
            media: 0xf8,
            sectors_per_track: 63,
            heads: 255,
            root_entries: 512,
            serial,
        }
    }
}

/// A file: path of names with `/` between, and content.
pub(crate) struct FileIn<'a> {
    pub(crate) path: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// Puts a volume with `files` at byte `offset` of `image`.
///
/// # Errors
///
/// [`ImageError::Impossible`] where the size does not allow the FAT type or the files.
pub(crate) fn put(image: &mut Image, offset: u64, shape: &Shape, files: &[FileIn<'_>]) -> Result<(), ImageError> {
    let layout = Layout::new(shape)?;
    let table = vec![layout.first_entry(), layout.end_mark()];
    let mut volume = Volume { layout, next_cluster: 2, holes: 0, table, data: Vec::new() };
    let root = Directory::from_files(files);
    let mut root_bytes = label_entry().to_vec();
    if shape.fat == FatType::Fat32 {
        // the root directory is the first chain, so that its cluster is the customary 2
        let cluster = volume.reserve((root.slots() + 1) * DIRECTORY_ENTRY);
        root_bytes.extend(volume.fill(&root, 0));
        volume.write(cluster, &root_bytes);
    } else {
        root_bytes.extend(volume.fill(&root, 0));
    }
    if volume.next_cluster > layout.clusters + 2 {
        return Err(ImageError::impossible(
            format!("{:?} of {} sectors", shape.fat, shape.sectors),
            "its files do not fit",
            "use a larger medium",
        ));
    }

    let sector = u64::from(shape.sector_bytes);
    let boot = layout.boot_sector();
    image.put(offset, boot.clone());
    if shape.fat == FatType::Fat32 {
        let information = layout.information_sector(&volume);
        image.put(offset + sector, information.clone());
        image.put(offset + 6 * sector, boot);
        image.put(offset + 7 * sector, information);
    }
    let table = volume.encode_table();
    let fat_start = u64::from(layout.reserved);
    for copy in 0..u64::from(FAT_COUNT) {
        image.put(offset + (fat_start + copy * u64::from(layout.fat_sectors)) * sector, table.clone());
    }
    let root_start = fat_start + u64::from(FAT_COUNT * layout.fat_sectors);
    if shape.fat != FatType::Fat32 {
        image.put(offset + root_start * sector, root_bytes);
    }
    let data_start = root_start + u64::from(layout.root_sectors);
    image.put(offset + data_start * sector, volume.data);
    Ok(())
}

/// The derived numbers of a volume.
#[derive(Clone, Copy)]
struct Layout {
    shape: Shape,
    sectors_per_cluster: u32,
    reserved: u32,
    root_sectors: u32,
    fat_sectors: u32,
    clusters: u32,
}

impl Layout {
    /// The smallest cluster that makes the cluster count fit the FAT type, since the count alone decides the type.
    fn new(shape: &Shape) -> Result<Self, ImageError> {
        let sector = u32::from(shape.sector_bytes);
        // some readers are off by a few at the limits, so keep away from them
        let (bits, range, root_entries, reserved) = match shape.fat {
            FatType::Fat12 => (12, 1..=4068, shape.root_entries, 1),
            FatType::Fat16 => (16, 4101..=65_508, shape.root_entries, 1),
            FatType::Fat32 => (32, 65_541..=0x0fff_fff0, 0, 32),
        };
        let root_sectors = (u32::from(root_entries) * DIRECTORY_ENTRY as u32).div_ceil(sector);
        let reserved = reserved + u32::from(shape.extra_reserved);
        for sectors_per_cluster in [1_u32, 2, 4, 8, 16, 32, 64] {
            let mut fat_sectors = 1;
            loop {
                let system = reserved + FAT_COUNT * fat_sectors + root_sectors;
                let clusters = shape.sectors.saturating_sub(system) / sectors_per_cluster;
                let needed = ((u64::from(clusters) + 2) * bits).div_ceil(8).div_ceil(sector.into()) as u32;
                if needed <= fat_sectors {
                    if range.contains(&clusters) {
                        let shape = *shape;
                        return Ok(Self { shape, sectors_per_cluster, reserved, root_sectors, fat_sectors, clusters });
                    }
                    break;
                }
                fat_sectors = needed;
            }
        }
        Err(ImageError::impossible(
            format!("{:?} of {} sectors of {sector} bytes", shape.fat, shape.sectors),
            "no cluster size gives a cluster count in that type's range",
            "use another FatType or size",
        ))
    }

    fn cluster_bytes(&self) -> usize {
        self.sectors_per_cluster as usize * usize::from(self.shape.sector_bytes)
    }

    fn end_mark(&self) -> u32 {
        match self.shape.fat {
            FatType::Fat12 => 0xfff,
            FatType::Fat16 => 0xffff,
            FatType::Fat32 => 0x0fff_ffff,
        }
    }

    fn first_entry(&self) -> u32 {
        self.end_mark() & !0xff | u32::from(self.shape.media)
    }

    fn boot_sector(&self) -> Vec<u8> {
        let shape = &self.shape;
        let mut sector = vec![0_u8; shape.sector_bytes.into()];
        let wide = shape.fat == FatType::Fat32;
        let small = u16::try_from(shape.sectors).ok().filter(|_| !wide);
        sector[..3].copy_from_slice(&[0xeb, if wide { 0x58 } else { 0x3c }, 0x90]);
        sector[3..11].copy_from_slice(b"BOOTWRGT");
        sector[11..13].copy_from_slice(&shape.sector_bytes.to_le_bytes());
        sector[13] = self.sectors_per_cluster as u8;
        sector[14..16].copy_from_slice(&(self.reserved as u16).to_le_bytes());
        sector[16] = FAT_COUNT as u8;
        if !wide {
            sector[17..19].copy_from_slice(&shape.root_entries.to_le_bytes());
            sector[22..24].copy_from_slice(&(self.fat_sectors as u16).to_le_bytes());
        }
        sector[19..21].copy_from_slice(&small.unwrap_or(0).to_le_bytes());
        sector[21] = shape.media;
        sector[24..26].copy_from_slice(&shape.sectors_per_track.to_le_bytes());
        sector[26..28].copy_from_slice(&shape.heads.to_le_bytes());
        sector[28..32].copy_from_slice(&shape.hidden.to_le_bytes());
        if small.is_none() {
            sector[32..36].copy_from_slice(&shape.sectors.to_le_bytes());
        }
        if wide {
            sector[36..40].copy_from_slice(&self.fat_sectors.to_le_bytes());
            sector[44..48].copy_from_slice(&2_u32.to_le_bytes());
            sector[48..50].copy_from_slice(&1_u16.to_le_bytes());
            sector[50..52].copy_from_slice(&6_u16.to_le_bytes());
        }
        let extended = if wide { 64 } else { 36 };
        sector[extended] = if shape.media == 0xf8 { 0x80 } else { 0 };
        sector[extended + 2] = 0x29;
        sector[extended + 3..extended + 7].copy_from_slice(&shape.serial.to_le_bytes());
        sector[extended + 7..extended + 18].copy_from_slice(LABEL);
        sector[extended + 18..extended + 26].copy_from_slice(match shape.fat {
            FatType::Fat12 => b"FAT12   ",
            FatType::Fat16 => b"FAT16   ",
            FatType::Fat32 => b"FAT32   ",
        });
        sector[510..512].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    /// FAT32's FSInfo.
    fn information_sector(&self, volume: &Volume) -> Vec<u8> {
        let mut sector = vec![0_u8; self.shape.sector_bytes.into()];
        sector[..4].copy_from_slice(b"RRaA");
        sector[484..488].copy_from_slice(b"rrAa");
        sector[488..492].copy_from_slice(&(self.clusters + 2 - volume.next_cluster + volume.holes).to_le_bytes());
        sector[492..496].copy_from_slice(&(volume.next_cluster - 1).to_le_bytes());
        sector[510..512].copy_from_slice(&[0x55, 0xaa]);
        sector
    }
}

/// Allocation state. A folder's chain is contiguous. A file's has a free cluster in its middle, as on a volume that has been used for a
/// while: who follows no chain reads nothing there.
struct Volume {
    layout: Layout,
    next_cluster: u32,
    /// Free clusters before the next one.
    holes: u32,
    table: Vec<u32>,
    data: Vec<u8>,
}

impl Volume {
    /// Reserves a chain for `length` bytes; cluster 0 for none.
    fn reserve(&mut self, length: usize) -> u32 {
        let count = length.div_ceil(self.layout.cluster_bytes());
        if count == 0 {
            return 0;
        }
        let first = self.next_cluster;
        for index in 1..=count as u32 {
            let last = index == count as u32;
            self.table.push(if last { self.layout.end_mark() } else { first + index });
        }
        self.next_cluster += count as u32;
        self.data.resize(self.data.len() + count * self.layout.cluster_bytes(), 0);
        first
    }

    /// Allocates and writes a file; cluster 0 for an empty one.
    fn put_file(&mut self, content: &[u8]) -> u32 {
        let bytes = self.layout.cluster_bytes();
        let (head, tail) = content.split_at(content.len().div_ceil(bytes) / 2 * bytes);
        if head.is_empty() {
            let cluster = self.reserve(content.len());
            self.write(cluster, content);
            return cluster;
        }
        let first = self.reserve(head.len());
        let hole = self.reserve(1);
        let rest = self.reserve(tail.len());
        self.table[hole as usize - 1] = rest;
        self.table[hole as usize] = 0;
        self.holes += 1;
        self.write(first, head);
        self.write(rest, tail);
        first
    }

    fn write(&mut self, cluster: u32, bytes: &[u8]) {
        if cluster >= 2 {
            let start = (cluster as usize - 2) * self.layout.cluster_bytes();
            self.data[start..start + bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Allocates everything below `directory`, whose own cluster is `own` (0 for the root), and returns its entries.
    fn fill(&mut self, directory: &Directory<'_>, own: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, (name, node)) in directory.entries.iter().enumerate() {
            let (long, short) = names(name, index);
            bytes.extend(long);
            match node {
                Node::File(content) => {
                    let cluster = self.put_file(content);
                    bytes.extend(entry(short, ATTRIBUTE_ARCHIVE, cluster, content.len() as u32));
                }
                Node::Directory(child) => {
                    let cluster = self.reserve((child.slots() + 2) * DIRECTORY_ENTRY);
                    let mut content = entry(*b".          ", ATTRIBUTE_DIRECTORY, cluster, 0).to_vec();
                    content.extend(entry(*b"..         ", ATTRIBUTE_DIRECTORY, own, 0));
                    content.extend(self.fill(child, cluster));
                    self.write(cluster, &content);
                    bytes.extend(entry(short, ATTRIBUTE_DIRECTORY, cluster, 0));
                }
            }
        }
        bytes
    }

    fn encode_table(&self) -> Vec<u8> {
        match self.layout.shape.fat {
            FatType::Fat12 => self
                .table
                .chunks(2)
                .flat_map(|pair| {
                    let both = pair[0] | pair.get(1).copied().unwrap_or(0) << 12;
                    let [low, middle, high, _] = both.to_le_bytes();
                    [low, middle, high]
                })
                .collect(),
            FatType::Fat16 => self.table.iter().flat_map(|entry| (*entry as u16).to_le_bytes()).collect(),
            FatType::Fat32 => self.table.iter().flat_map(|entry| entry.to_le_bytes()).collect(),
        }
    }
}

const LABEL: &[u8; 11] = b"BOOTWRIGHT ";

enum Node<'a> {
    File(&'a [u8]),
    Directory(Directory<'a>),
}

#[derive(Default)]
struct Directory<'a> {
    entries: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Directory<'a> {
    fn from_files(files: &[FileIn<'a>]) -> Self {
        let mut root = Self::default();
        for file in files {
            root.add(file.path, file.bytes);
        }
        root
    }

    /// How many entries its names take, but for the volume label and the two dots.
    fn slots(&self) -> usize {
        let slots = |(index, (name, _)): (usize, &(&str, Node<'_>))| names(name, index).0.len() / DIRECTORY_ENTRY + 1;
        self.entries.iter().enumerate().map(slots).sum()
    }

    fn add(&mut self, path: &'a str, bytes: &'a [u8]) {
        let Some((first, rest)) = path.split_once('/') else {
            self.entries.push((path, Node::File(bytes)));
            return;
        };
        for (name, node) in &mut self.entries {
            if let Node::Directory(directory) = node
                && *name == first
            {
                return directory.add(rest, bytes);
            }
        }
        let mut directory = Self::default();
        directory.add(rest, bytes);
        self.entries.push((first, Node::Directory(directory)));
    }
}

fn short_name(name: &str) -> [u8; 11] {
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    let mut short = [b' '; 11];
    for (to, from) in short[..8].iter_mut().zip(base.bytes()) {
        *to = from;
    }
    for (to, from) in short[8..].iter_mut().zip(extension.bytes()) {
        *to = from;
    }
    short
}

/// The entries of a name's long form, none where it is a short one in upper case, and its short one. `index` is its place in the
/// folder, which keeps short names of long ones apart.
fn names(name: &str, index: usize) -> (Vec<u8>, [u8; 11]) {
    let fits = |part: &str, limit: usize| {
        let letter =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'~');
        part.len() <= limit && part.bytes().all(letter)
    };
    let (base, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if !base.is_empty() && fits(base, 8) && fits(extension, 3) {
        return (Vec::new(), short_name(name));
    }
    let upper = |text: &str, limit: usize| {
        let letters = text.chars().filter(char::is_ascii_alphanumeric).take(limit);
        letters.collect::<String>().to_ascii_uppercase()
    };
    let tail = format!("~{}", index + 1);
    let short = short_name(&format!("{}{tail}.{}", upper(base, 8 - tail.len()), upper(extension, 3)));
    (long_name(name, checksum(short)), short)
}

/// A short name's checksum, which its long form carries.
fn checksum(short: [u8; 11]) -> u8 {
    short.into_iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(byte))
}

/// Thirteen UTF-16 letters to an entry, the last part first; the end is a zero, then 0xffff.
fn long_name(name: &str, checksum: u8) -> Vec<u8> {
    const LETTERS: usize = 13;
    const ATTRIBUTE_LONG_NAME: u8 = 0x0f;
    const LAST: u8 = 0x40;
    let mut letters: Vec<u16> = name.encode_utf16().collect();
    let parts = letters.len().div_ceil(LETTERS);
    if !letters.len().is_multiple_of(LETTERS) {
        letters.push(0);
        letters.resize(parts * LETTERS, 0xffff);
    }
    let entry = |(index, part): (usize, &[u16])| {
        let bytes: Vec<u8> = part.iter().flat_map(|letter| letter.to_le_bytes()).collect();
        let mut entry = [0; DIRECTORY_ENTRY];
        entry[0] = (index as u8 + 1) | if index + 1 == parts { LAST } else { 0 };
        entry[1..11].copy_from_slice(&bytes[..10]);
        entry[11] = ATTRIBUTE_LONG_NAME;
        entry[13] = checksum;
        entry[14..26].copy_from_slice(&bytes[10..22]);
        entry[28..32].copy_from_slice(&bytes[22..26]);
        entry
    };
    letters.chunks(LETTERS).enumerate().map(entry).rev().flatten().collect()
}

fn label_entry() -> [u8; DIRECTORY_ENTRY] {
    entry(*LABEL, ATTRIBUTE_VOLUME_LABEL, 0, 0)
}

fn entry(name: [u8; 11], attributes: u8, cluster: u32, size: u32) -> [u8; DIRECTORY_ENTRY] {
    let mut entry = [0; DIRECTORY_ENTRY];
    entry[..11].copy_from_slice(&name);
    entry[11] = attributes;
    entry[16..18].copy_from_slice(&DATE.to_le_bytes());
    entry[18..20].copy_from_slice(&DATE.to_le_bytes());
    entry[20..22].copy_from_slice(&((cluster >> 16) as u16).to_le_bytes());
    entry[24..26].copy_from_slice(&DATE.to_le_bytes());
    entry[26..28].copy_from_slice(&(cluster as u16).to_le_bytes());
    entry[28..32].copy_from_slice(&size.to_le_bytes());
    entry
}
