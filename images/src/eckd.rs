//! DASD volumes for z/Architecture as virtio-blk hands them on: the boot records, boot map table and script that `zipl` writes to a volume in
//! the compatible disk layout (CDL) or in the Linux disk layout (LDL).
//!
//! | block | what | |
//! |---|---|---|
//! | 0 | CDL: `IPL1`. LDL: the first stage of a loader, then where the boot map table is | |
//! | 1 | CDL: `IPL2`, the first stage, then where the boot map table is | |
//! | 2 | the volume's label | `VOL1`, or `LNX1` |
//! | 20 | boot map table | a pointer for each entry, to its script |
//! | 21 | script | what is loaded to which address, and the PSW that enters it |
//! | 22 | blocks of the one component | where they are and how many |
//! | 23 | a text | the script of each entry that is not the program's |
//! | 24 | second part of the first stage | the one block of the second stage, from byte 768 |
//! | 25 | second stage | the menu: what it is called, then a line for each entry |
//! | 26 | the program | |
//!
//! Numbers are big-endian, blocks have 4096 bytes, and a block is named by cylinder, head and record from 1, with 12 records on a track and 15
//! tracks on a cylinder: what QEMU's firmware takes a disk for that says nothing of itself (`virtio_assume_eckd` in its
//! `pc-bios/s390-ccw/virtio-blkdev.c`; `ipl_eckd` and what it calls in `bootmap.c`, the structures in `bootmap.h`).

use crate::ipl::{MAGIC, NO_PROGRAM};
use crate::{BootMapLayout, Image, ipl};

const BLOCK_BYTES: u64 = 4096;

const RECORDS: u64 = 12;
const HEADS: u64 = 15;

/// Where each part is, in blocks.
const TABLE: u64 = 20;
const SCRIPT: u64 = 21;
const SEGMENTS: u64 = 22;
const OTHERS: u64 = 23;
const STAGE_1B: u64 = 24;
const STAGE_2: u64 = 25;
const PROGRAM: u64 = 26;

/// `IPL1`, `IPL2`, `VOL1`, `LNX1` and a volume serial in EBCDIC.
const IPL1: [u8; 4] = [0xc9, 0xd7, 0xd3, 0xf1];
const IPL2: [u8; 4] = [0xc9, 0xd7, 0xd3, 0xf2];
const VOL1: [u8; 4] = [0xe5, 0xd6, 0xd3, 0xf1];
const LNX1: [u8; 4] = [0xd3, 0xd5, 0xe7, 0xf1];
const SERIAL: [u8; 6] = [0xc2, 0xe6, 0xf0, 0xf0, 0xf0, 0xf1];

/// Where the first stage names its second part, in bytes: of block 1 (CDL), of block 0 (LDL). A seek argument has two bytes before the address.
const CDL_SEEK: u64 = 76 + 2;
const LDL_SEEK: u64 = 96 + 2;

/// Where the boot information is: of block 1, of block 0.
const CDL_BOOT_INFO: u64 = 92;
const LDL_BOOT_INFO: u64 = 112;

/// Where the second part of the first stage names the blocks of the second, in bytes: behind two channel command words for each of 24.
const STAGE_2_SEEK: u64 = 24 * 32 + 2;

/// Where the menu is, in bytes of its block. The second stage has flags and a time before it, of which 0 say that it is not shown unasked.
const MENU: u64 = 1024;

/// `zIPL` in EBCDIC, by which firmware finds the menu.
const MENU_BEGINS: [u8; 4] = [0xa9, 0xc9, 0xd7, 0xd3];

/// Of an entry of a script: it executes, or it loads.
const EXECUTE: u8 = 1;
const LOAD: u8 = 2;

/// Puts a volume into an image, whose program is the entry `entry` of its boot map.
pub(crate) fn put(image: &mut Image, layout: BootMapLayout, entry: u8, program: &[u8]) {
    let at = |block: u64| block * BLOCK_BYTES;
    // version 1, for initial program load, of an ECKD device, for this architecture
    let boot_info = [&MAGIC[..], &[1, 0, 0, 1], &pointer(TABLE, 1)].concat();
    match layout {
        BootMapLayout::DasdLdl => {
            image.put(LDL_SEEK, address(STAGE_1B));
            image.put(LDL_BOOT_INFO, boot_info);
            // 69 blanks, and version 2 of the label
            image.put(at(2), [&LNX1[..], &SERIAL, &[0x40; 69], &[0xf2]].concat());
        }
        _ => {
            image.put(0, IPL1);
            image.put(at(1), IPL2);
            image.put(at(1) + CDL_SEEK, address(STAGE_1B));
            image.put(at(1) + CDL_BOOT_INFO, boot_info);
            image.put(at(2), [&VOL1[..], &VOL1, &SERIAL].concat());
        }
    }
    let others = pointer(OTHERS, 1).repeat(entry.into());
    image.put(at(TABLE), [&MAGIC[..], &[0; 12], &others, &pointer(SCRIPT, 1)].concat());
    let line = |at: Vec<u8>, kind: u8, value: u64| [&at[..], &[0; 7], &[kind], &value.to_be_bytes()].concat();
    let load = line(pointer(SEGMENTS, 1), LOAD, ipl::LOADED_AT.into());
    image.put(at(SCRIPT), [&MAGIC[..], &[0; 28], &load, &line(vec![0; 16], EXECUTE, ipl::PSW)].concat());
    image.put(at(SEGMENTS), pointer(PROGRAM, (program.len() as u64).div_ceil(BLOCK_BYTES)));
    image.put(at(OTHERS), NO_PROGRAM);
    image.put(at(STAGE_1B) + STAGE_2_SEEK, address(STAGE_2));
    image.put(at(STAGE_2) + MENU, menu(entry));
    image.put(at(PROGRAM), program);
}

/// What a menu is called and lines in EBCDIC that begin with a number, each up to and with a byte 0, and an empty one.
fn menu(last: u8) -> Vec<u8> {
    let in_ebcdic = |letter: u8| match letter {
        b' ' => 0x40,
        b'.' => 0x4b,
        digit => digit - b'0' + 0xf0,
    };
    let line = |number: u8| format!("{number:2}.").bytes().map(in_ebcdic).chain([0]).collect::<Vec<u8>>();
    [&MENU_BEGINS[..], &[0]].concat().into_iter().chain((0..=last).flat_map(line)).chain([0]).collect()
}

/// Cylinder, head and record of a block.
fn address(block: u64) -> Vec<u8> {
    let (cylinder, head) = (block / (RECORDS * HEADS), block / RECORDS % HEADS);
    // a volume has few cylinders
    let [cylinder, head] = [cylinder, head].map(|number| (number as u16).to_be_bytes());
    [&cylinder[..], &head, &[(block % RECORDS) as u8 + 1]].concat()
}

/// The address of the first block, the bytes of a block, and how many more follow.
fn pointer(block: u64, count: u64) -> Vec<u8> {
    [&address(block)[..], &(BLOCK_BYTES as u16).to_be_bytes(), &[count.saturating_sub(1) as u8], &[0; 8]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block that an address names, as firmware counts.
    fn block(bytes: &[u8]) -> u64 {
        let half = |at: usize| u64::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        (half(0) * HEADS + half(2)) * RECORDS + u64::from(bytes[4]) - 1
    }

    /// What the entry of this number leads to: the bytes that are loaded, or nothing where its script is none.
    fn load(disk: &[u8], layout: BootMapLayout, entry: usize) -> Option<Vec<u8>> {
        let bytes = |block: u64| &disk[(block * BLOCK_BYTES) as usize..];
        let info = match layout {
            BootMapLayout::DasdLdl => &disk[112..],
            _ => &bytes(1)[92..],
        };
        assert_eq!((&info[..4], &info[4..8], &info[13..15]), (&b"zIPL"[..], &[1, 0, 0, 1][..], &[0x10, 0][..]));
        let script = bytes(block(&bytes(block(&info[8..]))[16 + 16 * entry..]));
        if script[..4] != *b"zIPL" {
            return None;
        }
        assert_eq!((script[32 + 23], script[64 + 23]), (LOAD, EXECUTE));
        let segments = bytes(block(&script[32..]));
        assert_eq!(segments[16..24], [0; 8], "the list ends");
        Some(bytes(block(segments))[..4096].to_vec())
    }

    #[test]
    fn the_entry_of_its_number_leads_to_the_program_and_those_before_it_to_none() {
        for layout in [BootMapLayout::DasdCdl, BootMapLayout::DasdLdl] {
            let mut image = Image::zero(1 << 20);
            put(&mut image, layout, 2, b"program");
            let disk = image.to_bytes().unwrap();
            assert_eq!([0, 1].map(|entry| load(&disk, layout, entry)), [None, None]);
            assert!(load(&disk, layout, 2).unwrap().starts_with(b"program\0"));
            let (seek, label) = if layout == BootMapLayout::DasdLdl { (98, LNX1) } else { (4096 + 78, VOL1) };
            assert_eq!((block(&disk[seek..]), &disk[8192..8196]), (STAGE_1B, &label[..]));
        }
    }

    #[test]
    fn the_menu_has_a_line_for_each_entry() {
        let mut image = Image::zero(1 << 20);
        put(&mut image, BootMapLayout::DasdCdl, 12, b"program");
        let disk = image.to_bytes().unwrap();
        let stage_2 = block(&disk[(STAGE_1B * BLOCK_BYTES + STAGE_2_SEEK) as usize..]) * BLOCK_BYTES;
        let text = &disk[(stage_2 + MENU) as usize..];
        let lines: Vec<&[u8]> = text.split(|byte| *byte == 0).take(15).collect();
        assert_eq!(lines[0], MENU_BEGINS);
        assert_eq!((lines[1], lines[13]), (&[0x40, 0xf0, 0x4b][..], &[0xf1, 0xf2, 0x4b][..]));
        assert_eq!(lines[14], [0; 0], "the list ends");
    }

    #[test]
    fn blocks_are_named_by_cylinder_head_and_record() {
        let named = [0, 11, 12, 180, 200].map(address);
        let wanted: [[u8; 5]; 5] =
            [[0, 0, 0, 0, 1], [0, 0, 0, 0, 12], [0, 0, 0, 1, 1], [0, 1, 0, 0, 1], [0, 1, 0, 1, 9]];
        assert_eq!(named, wanted.map(Vec::from));
    }
}
