//! The programs that media carry, with name, nonce and ending filled in.
//!
//! `build/` makes them from `payload/`; this module knows nothing of media. Offsets below repeat those in
//! `payload/bios/*.s` and `payload/efi/main.rs`; a magic next to each block proves that both sides agree.
//!
//! ```
//! use bootwright_images::{After, Nonce, payload};
//!
//! let program = payload::bios_network_program("served", Nonce([7; 16]), After::Exit)?;
//! assert!(program.len() < 32 * 1024);
//! # Ok::<(), bootwright_images::ImageError>(())
//! ```

use crate::{After, BadLoader, EfiMachine, ImageError, Nonce, Target, cpio, efi_loongarch64, forth, ipl, spec};
use std::ops::Range;

const BIOS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bios.bin"));
const INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init"));
/// The same for aarch64; empty where rustc has no target for it.
const INIT_AA64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init-aa64"));
const INIT_PPC64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init-ppc64"));
const EFI_X64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bootx64.efi"));
/// The EFI application for aarch64 before name and nonce are filled in.
#[doc(hidden)]
pub const EFI_AA64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bootaa64.efi"));
/// The same for others; each is empty where rustc has no target for it.
const EFI_RISCV64: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bootriscv64.efi"));
const EFI_IA32: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bootia32.efi"));
const EFI_ARM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bootarm.efi"));
/// Digest of the sources of this build's EFI applications, and where that for aarch64 is from: `sources` or `copy`.
#[doc(hidden)]
pub const EFI_SOURCES: &str = env!("BOOTWRIGHT_EFI_SOURCES");
#[doc(hidden)]
pub const AA64_FROM: &str = env!("BOOTWRIGHT_AA64_FROM");

/// The part of sector 0 that is boot code: the FAT BPB or El Torito boot information lies before it (after a jump of
/// three bytes), the partition table after it.
pub(crate) const SECTOR_0_CODE: Range<usize> = 90..440;

const STAGE_2_SUM: Range<usize> = 412..416;
const SECTOR_0_MAGIC: Range<usize> = 416..420;
const READ_MODE: usize = 420;
const STAGE_2_WORDS: Range<usize> = 422..424;
const PACKET_COUNT: Range<usize> = 426..428;
const PACKET_OFFSET: Range<usize> = 428..430;
const PACKET_LBA: Range<usize> = 432..440;

/// Length of the program of [`Content::Distant`](crate::Content::Distant).
pub(crate) const DISTANT_BYTES: usize = 30 * 1024;

const STAGE_2: usize = 512;
const STAGE_2_MAGIC: Range<usize> = STAGE_2..STAGE_2 + 8;
const STAGE_2_AFTER: usize = STAGE_2 + 10;
const STAGE_2_NAME_LENGTH: usize = STAGE_2 + 11;
const STAGE_2_AGAIN: usize = STAGE_2 + 12;
const STAGE_2_EL_TORITO: usize = STAGE_2 + 13;
const STAGE_2_NONCE: usize = STAGE_2 + 16;
const STAGE_2_NAME: usize = STAGE_2 + 32;

const EFI_MAGIC: [u8; 16] = *b"BWEFI/1\xf7\x2c\x91\x0d\xe8\x5b\x36\xaa\x43";
const EFI_END: [u8; 8] = *b"BWEFIEND";
const INIT_MAGIC: [u8; 16] = *b"BWLNX/1\xf7\x2c\x91\x0d\xe8\x5b\x36\xaa\x43";
const INIT_END: [u8; 8] = *b"BWLNXEND";
const EFI_AFTER: usize = 16;
const EFI_NAME_LENGTH: usize = 17;
const EFI_NONCE: usize = 32;
const EFI_NAME: usize = 48;
const EFI_END_AT: usize = 72;

/// What sector 0 has to read before stage 2 can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Nothing: the firmware has loaded everything.
    Whole,
    /// Stage 2, from this LBA in sectors of this many bytes.
    Sectors { lba: u64, sector_bytes: u16 },
    /// Stage 2, from this LBA in sectors of 512 bytes, and once more to addresses that are no multiples of 512.
    Unaligned { lba: u64 },
    /// Stage 2, from this LBA in sectors of 512 bytes, by cylinder, head and sector.
    Chs { lba: u16 },
    /// The whole program, from this LBA in 2048-byte sectors.
    Cd(u64),
}

/// A network boot program for BIOS PXE: loaded as a whole at 0000:7c00, one segment, no header.
///
/// # Errors
///
/// [`ImageError::Name`].
pub fn bios_network_program(name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    bios_program(name, nonce, after, Load::Whole, 0)
}

/// [`bios_network_program`] made `length` bytes long, so that its transfer takes as many blocks as a case wants. The
/// program adds up all of itself before it prints its line: one that arrived damaged or short says so and ends by int 18h.
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::TooLarge`] above 32 KiB; [`ImageError::TooSmall`] below the program's own length.
pub fn bios_network_program_of(name: &str, nonce: Nonce, after: After, length: usize) -> Result<Vec<u8>, ImageError> {
    long_enough(name, length, BIOS.len())?;
    bios_program(name, nonce, after, Load::Whole, length)
}

/// A Forth script for Open Firmware, as a disk's PReP partition has it or as it is loaded over a network; blanks make it at least `length`
/// bytes long. Of `after` it knows [`After::Exit`], [`After::ResetSystem`], [`After::ReturnToFirmware`] and [`After::Hang`].
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::Impossible`] for another ending.
pub fn forth_script_of(name: &str, nonce: Nonce, after: After, length: usize) -> Result<Vec<u8>, ImageError> {
    let mut script = forth::script(name, nonce, after)?;
    script.resize(script.len().max(length), b' ');
    Ok(script)
}

/// A program for z/Architecture as it is loaded over a network, to address 0 with a PSW there. Of `after` it knows [`After::Exit`],
/// [`After::ResetSystem`] and [`After::Hang`].
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::Impossible`] for another ending.
pub fn ipl_network_program(name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    ipl::network_program(name, nonce, after)
}

/// An EFI application for x86-64: a PE32+ file for an ESP, TFTP or HTTP.
///
/// # Errors
///
/// [`ImageError::Name`].
pub fn efi_application(name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    efi_application_for(EfiMachine::X64, name, nonce, after)
}

/// An EFI application for this processor: a PE32+ file for an ESP, TFTP or HTTP. For `aa64` [`After::Exit`] powers the machine
/// off, and of the ways to reboot there is [`After::ResetSystem`] alone: at another one it stays.
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::Payload`] where this build has none, see [`missing`]; [`ImageError::Impossible`] for an ending that
/// the program for `loongarch64` does not have.
pub fn efi_application_for(machine: EfiMachine, name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    let (mut program, payload) = match machine {
        EfiMachine::X64 => (EFI_X64.to_vec(), "x64 EFI application"),
        EfiMachine::Aa64 => (EFI_AA64.to_vec(), "aa64 EFI application"),
        EfiMachine::Ia32 => (EFI_IA32.to_vec(), "ia32 EFI application"),
        EfiMachine::Arm => (EFI_ARM.to_vec(), "arm EFI application"),
        EfiMachine::Riscv64 => (EFI_RISCV64.to_vec(), "riscv64 EFI application"),
        EfiMachine::Loongarch64 if efi_loongarch64::can(after) => {
            (efi_loongarch64::application(&empty_block())?, "loongarch64 EFI application")
        }
        EfiMachine::Loongarch64 => {
            return Err(ImageError::impossible(
                format!("a program for loongarch64 that ends by {after:?}"),
                "it writes no variable, no disk and no port of a PC",
                "use After::Exit, Hang, Idle, ResetSystem, ReturnToFirmware or ReturnSuccess",
            ));
        }
    };
    if let Some(problem) = missing(machine) {
        return Err(ImageError::Payload { payload, problem: problem.to_owned() });
    }
    fill_block(&mut program, payload, (EFI_MAGIC, EFI_END), name, nonce, after)?;
    Ok(program)
}

/// Why this build has no EFI application for a processor, and what to do; `None` where it has one.
#[must_use]
pub fn missing(machine: EfiMachine) -> Option<&'static str> {
    match machine {
        EfiMachine::Riscv64 if EFI_RISCV64.is_empty() => Some(
            "rustc's target riscv64gc-unknown-none-elf was not installed when this was built: \
             rustup target add riscv64gc-unknown-none-elf, and build again",
        ),
        EfiMachine::Ia32 if EFI_IA32.is_empty() => Some(
            "rustc's target i686-unknown-linux-gnu was not installed when this was built: \
             rustup target add i686-unknown-linux-gnu, and build again",
        ),
        EfiMachine::Arm if EFI_ARM.is_empty() => Some(
            "rustc's target armv7a-none-eabi was not installed when this was built: \
             rustup target add armv7a-none-eabi, and build again",
        ),
        EfiMachine::X64
        | EfiMachine::Aa64
        | EfiMachine::Ia32
        | EfiMachine::Arm
        | EfiMachine::Riscv64
        | EfiMachine::Loongarch64 => None,
    }
}

/// Why this build has no program in user space for a machine that it makes one for, and what to do.
#[must_use]
pub fn initramfs_missing(target: Target) -> Option<&'static str> {
    match target {
        Target::Efi(EfiMachine::Aa64) if INIT_AA64.is_empty() => Some(
            "rustc's target aarch64-unknown-none was not installed when this was built: rustup target add aarch64-unknown-none, and build again",
        ),
        Target::Ppc64 if INIT_PPC64.is_empty() => Some(
            "rustc's target powerpc64le-unknown-linux-gnu was not installed when this was built: rustup target add powerpc64le-unknown-linux-gnu, and build again",
        ),
        _ => None,
    }
}

/// What is in place of an EFI application for this processor.
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::Impossible`] for another width where there is none.
pub fn bad_loader(bad: BadLoader, machine: EfiMachine, name: &str, nonce: Nonce) -> Result<Vec<u8>, ImageError> {
    let machine = match (bad, machine) {
        (BadLoader::OtherMachine, EfiMachine::X64 | EfiMachine::Ia32) => EfiMachine::Aa64,
        (BadLoader::OtherMachine, _) => EfiMachine::X64,
        (BadLoader::OtherWidth, _) => machine.of_other_width().ok_or_else(|| {
            ImageError::impossible(
                format!("an application of another width than {machine:?}"),
                "there is UEFI for one width of this processor alone",
                "use BadLoader::OtherMachine",
            )
        })?,
        _ => machine,
    };
    let mut program = efi_application_for(machine, name, nonce, After::Exit)?;
    match bad {
        BadLoader::OtherMachine | BadLoader::OtherWidth => {}
        BadLoader::Truncated => program.truncate(program.len() / 2),
        BadLoader::Headers => program.truncate(512),
        BadLoader::Empty => program.clear(),
        BadLoader::Text => program = b"this is no program\r\n".to_vec(),
    }
    Ok(program)
}

/// An initramfs for a Linux kernel on x86-64 (cpio, not compressed) whose `/init` reports from user space. Of `after` it knows
/// [`After::Exit`]; at anything else it stays.
///
/// # Errors
///
/// [`ImageError::Name`].
pub fn initramfs(name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    initramfs_for(Target::Efi(EfiMachine::X64), name, nonce, after)
}

/// The same for a kernel on this machine. But on x86-64 the line goes to the kernel's console. On `aa64` the program has fw_cfg out of
/// `/dev/mem`; on 64-bit PowerPC, where the kernel is little-endian, there is none.
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::Impossible`] for a machine that no such program is made for; [`ImageError::Payload`] where this
/// build has none for it.
pub fn initramfs_for(target: Target, name: &str, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    let (program, payload) = match target {
        Target::Efi(EfiMachine::X64) => (INIT, "x64 user-space program"),
        Target::Efi(EfiMachine::Aa64) => (INIT_AA64, "aa64 user-space program"),
        Target::Ppc64 => (INIT_PPC64, "ppc64 user-space program"),
        Target::Efi(_) | Target::S390x => {
            return Err(ImageError::impossible(
                format!("an initramfs for {target:?}"),
                "its init is written for x86-64, aarch64 and 64-bit PowerPC",
                "boot a program of the firmware there",
            ));
        }
    };
    if let Some(problem) = initramfs_missing(target) {
        return Err(ImageError::Payload { payload, problem: problem.to_owned() });
    }
    let mut program = program.to_vec();
    fill_block(&mut program, payload, (INIT_MAGIC, INIT_END), name, nonce, after)?;
    Ok(cpio::of_one_program("init", &program))
}

/// The block that a program carries, before [`fill_block`].
fn empty_block() -> Vec<u8> {
    let mut block = EFI_MAGIC.to_vec();
    block.resize(EFI_END_AT, 0);
    block.extend(EFI_END);
    block
}

fn fill_block(
    program: &mut [u8],
    payload: &'static str,
    (magic, end): ([u8; 16], [u8; 8]),
    name: &str,
    nonce: Nonce,
    after: After,
) -> Result<(), ImageError> {
    spec::check_name(name)?;
    let fault = |problem: String| ImageError::Payload { payload, problem };
    let mut places = program.windows(magic.len()).enumerate().filter(|(_, bytes)| *bytes == magic);
    let (Some((at, _)), None) = (places.next(), places.next()) else {
        return Err(fault("its magic does not occur exactly once".into()));
    };
    let block = program.get_mut(at..at + EFI_END_AT + end.len());
    let block = block.filter(|block| block[EFI_END_AT..] == end);
    let block = block.ok_or_else(|| fault("no end mark after its magic".into()))?;
    block[EFI_AFTER] = code(after);
    fill_name(block, EFI_NAME_LENGTH, EFI_NAME, name);
    block[EFI_NONCE..EFI_NONCE + 16].copy_from_slice(&nonce.0);
    Ok(())
}

/// [`efi_application`] made `length` bytes long by data after its last section, which the loader ignores.
///
/// # Errors
///
/// [`ImageError::Name`]; [`ImageError::TooSmall`] below the application's own length.
pub fn efi_application_of(name: &str, nonce: Nonce, after: After, length: usize) -> Result<Vec<u8>, ImageError> {
    efi_application_of_for(EfiMachine::X64, name, nonce, after, length)
}

/// [`efi_application_for`] made `length` bytes long, likewise.
///
/// # Errors
///
/// As [`efi_application_of`].
pub fn efi_application_of_for(
    machine: EfiMachine,
    name: &str,
    nonce: Nonce,
    after: After,
    length: usize,
) -> Result<Vec<u8>, ImageError> {
    let mut application = efi_application_for(machine, name, nonce, after)?;
    long_enough(name, length, application.len())?;
    application.extend((application.len()..length).map(filler));
    Ok(application)
}

/// Sector 0 and stage 2 without the boot signature: a whole number of 512-byte sectors, of `length` bytes if that is more.
pub(crate) fn bios_program(
    name: &str,
    nonce: Nonce,
    after: After,
    load: Load,
    length: usize,
) -> Result<Vec<u8>, ImageError> {
    spec::check_name(name)?;
    let mut program = BIOS.to_vec();
    program.resize(program.len().next_multiple_of(512), 0);
    program.extend((program.len()..length).map(filler));
    for (range, magic) in [(SECTOR_0_MAGIC, &b"BWS0"[..]), (STAGE_2_MAGIC, &b"BWSTAGE2"[..])] {
        if program.get(range.clone()) != Some(magic) {
            let problem = format!("no magic at byte {}", range.start);
            return Err(ImageError::Payload { payload: "BIOS program", problem });
        }
    }
    program[STAGE_2_AFTER] = code(after);
    fill_name(&mut program, STAGE_2_NAME_LENGTH, STAGE_2_NAME, name);
    program[STAGE_2_NONCE..STAGE_2_NONCE + 16].copy_from_slice(&nonce.0);

    let is_longer = program.len() as u64 > bios_program_bytes();
    let length = small(program.len(), "length in bytes of the BIOS program")?;
    let (mode, lba, count, offset) = match load {
        Load::Whole => (0, 0, 0, 0x7e00),
        Load::Sectors { lba, sector_bytes } => (1, lba, (length - 512).div_ceil(sector_bytes), 0x7e00),
        Load::Unaligned { lba } => (1, lba, (length - 512).div_ceil(512), 0x7e00),
        Load::Chs { lba } => (3, lba.into(), (length - 512).div_ceil(512), 0x7e00),
        Load::Cd(lba) => (2, lba, length.div_ceil(2048), 0x7c00_u16),
    };
    program[READ_MODE] = mode;
    program[STAGE_2_AGAIN] = match load {
        Load::Chs { .. } if is_longer => 1,
        Load::Sectors { sector_bytes: 512, .. } if is_longer => 2,
        Load::Unaligned { .. } if is_longer => 3,
        _ => 0,
    };
    program[STAGE_2_WORDS].copy_from_slice(&((length - 512) / 2).to_le_bytes()); // an odd last byte is not added up
    program[PACKET_COUNT].copy_from_slice(&count.to_le_bytes());
    program[PACKET_OFFSET].copy_from_slice(&offset.to_le_bytes());
    program[PACKET_LBA].copy_from_slice(&lba.to_le_bytes());

    sum_up(&mut program);
    Ok(program)
}

/// A BIOS program of [`DISTANT_BYTES`] on an emulated drive, which prints in its line what int 13h tells of the emulation, too.
pub(crate) fn emulated_program(name: &str, nonce: Nonce, lba: u16) -> Result<Vec<u8>, ImageError> {
    let mut program = bios_program(name, nonce, After::Exit, Load::Chs { lba }, DISTANT_BYTES)?;
    program[STAGE_2_EL_TORITO] = 1;
    sum_up(&mut program);
    Ok(program)
}

/// What lies behind a program of [`DISTANT_BYTES`] that is read by LBA: as much of [`filler`] as makes 64 KiB of it.
pub(crate) fn behind_distant() -> Vec<u8> {
    (DISTANT_BYTES..BIOS.len() + 0x1_0000).map(filler).collect()
}

/// What the words of a program from stage 2 on give, as `payload/bios/sector0.s` reckons.
fn sum(program: &[u8]) -> [u8; 4] {
    let words = program[STAGE_2..].chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    words.fold(0, |sum: u32, word| sum.wrapping_mul(5).wrapping_add(word.into())).to_le_bytes()
}

fn sum_up(program: &mut [u8]) {
    let sum = sum(program);
    program[STAGE_2_SUM].copy_from_slice(&sum);
}

/// Length in bytes of [`bios_program`] without filling.
pub(crate) const fn bios_program_bytes() -> u64 {
    (BIOS.len() as u64).next_multiple_of(512)
}

/// What a program is lengthened with: never zero for long, and such that no block is like another or adds up to the same.
fn filler(index: usize) -> u8 {
    let mixed = (index as u32).wrapping_mul(0x9e37_79b1);
    ((mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b) >> 24) as u8
}

fn long_enough(name: &str, length: usize, needed: usize) -> Result<(), ImageError> {
    if length >= needed.next_multiple_of(512) {
        return Ok(());
    }
    let [sectors, needed] = [length, needed].map(|bytes| bytes.div_ceil(512) as u64);
    Err(ImageError::TooSmall { name: name.to_owned(), sectors, needed })
}

/// Length in 512-byte sectors of stage 2 as [`bios_program`] returns it.
pub(crate) const fn stage_2_sectors() -> u64 {
    BIOS.len().div_ceil(512) as u64 - 1
}

fn fill_name(block: &mut [u8], length: usize, at: usize, name: &str) {
    // the name has been checked: at most 24 ASCII characters
    block[length] = name.len() as u8;
    block[at..at + name.len()].copy_from_slice(name.as_bytes());
}

fn small(value: usize, what: &'static str) -> Result<u16, ImageError> {
    const LIMIT: u16 = 0x8000;
    let small = u16::try_from(value).ok().filter(|value| *value <= LIMIT);
    small.ok_or(ImageError::TooLarge { what, value: value as u64, limit: LIMIT.into() })
}

/// The number that the payloads know an ending by.
fn code(after: After) -> u8 {
    match after {
        After::Exit => 0,
        After::Hang => 1,
        After::ReturnToFirmware => 2,
        After::RebootKeyboardController => 3,
        After::RebootPortCf9 => 4,
        After::TripleFault => 5,
        After::ResetSystem => 6,
        After::WriteBootNext => 7,
        After::WriteBootOrder => 8,
        After::ReturnSuccess => 9,
        After::Idle => 10,
        After::Install => 11,
        After::WriteOsIndications => 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_whole(program: &[u8]) -> bool {
        sum(program) == program[STAGE_2_SUM]
    }

    #[test]
    fn a_program_with_two_sectors_exchanged_or_one_twice_is_not_whole() {
        let program = bios_program("right", Nonce([7; 16]), After::Exit, Load::Chs { lba: 1001 }, DISTANT_BYTES)
            .expect("a good name");
        assert!(is_whole(&program));
        let sectors = program.len() / 512;
        for first in 1..sectors {
            for second in first + 1..sectors {
                let range = |sector: usize| sector * 512..(sector + 1) * 512;
                let mut twice = program.clone();
                twice.copy_within(range(first), second * 512);
                assert!(!is_whole(&twice), "{first} in place of {second}");
                let mut exchanged = twice;
                exchanged[range(first)].copy_from_slice(&program[range(second)]);
                assert!(!is_whole(&exchanged), "{first} and {second} exchanged");
            }
        }
    }

    #[test]
    fn behind_a_distant_program_there_is_what_a_longer_one_would_have() {
        let program = bios_program("right", Nonce([7; 16]), After::Exit, Load::Chs { lba: 1001 }, DISTANT_BYTES)
            .expect("a good name");
        let all: Vec<u8> = program[BIOS.len()..].iter().copied().chain(behind_distant()).collect();
        assert_eq!(all.len(), 0x1_0000);
        assert!(all.iter().enumerate().all(|(at, byte)| *byte == filler(BIOS.len() + at)));
    }

    #[test]
    fn what_an_emulated_drive_carries_is_whole_and_says_so() {
        let program = emulated_program("right", Nonce([7; 16]), 1001).expect("a good name");
        assert!(is_whole(&program));
        assert_eq!((program[STAGE_2_EL_TORITO], program[STAGE_2_AGAIN]), (1, 1));
    }
}
