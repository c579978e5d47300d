//! EFI programs, and where removable media have them (UEFI specification 2.10, section 3.5).

use std::io::Read;

use super::Claim;
use super::source::Source;

/// Where firmware on x86-64 looks on a medium without a boot option.
const LOADER: &str = "EFI/BOOT/BOOTX64.EFI";

/// Loaders of other processors, and what they are for.
const OTHERS: [(&str, &str); 4] = [
    ("EFI/BOOT/BOOTIA32.EFI", "32-bit x86"),
    ("EFI/BOOT/BOOTAA64.EFI", "AArch64"),
    ("EFI/BOOT/BOOTARM.EFI", "ARM"),
    ("EFI/BOOT/BOOTRISCV64.EFI", "RISC-V"),
];

/// Longest program that is looked at, bytes.
const LONGEST: u64 = 16 << 20;

/// What a FAT file system that begins at this byte has for UEFI; `None` where there is no FAT.
pub fn claim_in_fat(source: &mut Source, start: u64) -> Option<Claim> {
    source.begin_at(start);
    let system = fatfs::FileSystem::new(&mut *source, fatfs::FsOptions::new()).ok()?;
    let root = system.root_dir();
    if let Ok(file) = root.open_file(LOADER) {
        let mut bytes = Vec::new();
        let whole = file.take(LONGEST).read_to_end(&mut bytes).is_ok();
        return Some(claim_of(LOADER, &bytes, whole));
    }
    let other = OTHERS.iter().find(|(name, _)| root.open_file(name).is_ok());
    Some(match other {
        Some((name, processor)) => Claim::no(format!("no EFI loader for x86-64, only {name} for {processor}")),
        None => Claim::no(format!("no EFI loader: its FAT file system has no {LOADER}")),
    })
}

fn claim_of(name: &str, bytes: &[u8], whole: bool) -> Claim {
    match machine(bytes) {
        Some(0x8664) => {
            let signer = signer(bytes);
            let signed = signer.map_or("unsigned".to_owned(), |signer| format!("signed by {signer}"));
            Claim { signed: signer.is_some(), ..Claim::yes(format!("{name}, {signed}")) }
        }
        Some(other) => Claim::no(format!("{name} is for another processor (PE machine {other:#06x})")),
        None if whole => Claim::no(format!("{name} is no EFI program")),
        None => Claim::no(format!("{name} cannot be read")),
    }
}

/// The machine field of a PE file (PE format, section 3.3.1); `None` for anything else.
pub fn machine(bytes: &[u8]) -> Option<u16> {
    let at = header(bytes)?;
    Some(u16::from_le_bytes(bytes.get(at + 4..at + 6)?.try_into().ok()?))
}

fn header(bytes: &[u8]) -> Option<usize> {
    let at = u32::from_le_bytes(bytes.get(0x3c..0x40)?.try_into().ok()?) as usize;
    (bytes.starts_with(b"MZ") && bytes.get(at..at.checked_add(4)?) == Some(b"PE\0\0")).then_some(at)
}

/// Who signed a PE32 or PE32+ file: the fifth data directory has its certificates.
fn signer(bytes: &[u8]) -> Option<&'static str> {
    let optional = header(bytes)? + 24;
    let is_pe32 = bytes.get(optional..)?.starts_with(&[0x0b, 0x01]);
    let directories = optional + if is_pe32 { 96 } else { 112 };
    let entry = bytes.get(directories + 4 * 8..directories + 5 * 8)?;
    let number = |at: usize| entry.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (from, length) = (number(0)? as usize, number(4)? as usize);
    let certificates = bytes.get(from..from.checked_add(length)?).filter(|_| length > 0)?;
    let has = |name: &str| certificates.windows(name.len()).any(|part| part == name.as_bytes());
    let known = [
        ("Microsoft Corporation UEFI CA", "Microsoft's UEFI CA"),
        ("Microsoft UEFI CA 2023", "Microsoft's UEFI CA"),
        ("Microsoft Windows Production", "Microsoft's Windows CA"),
        ("Debian Secure Boot", "Debian"),
        ("Canonical", "Canonical"),
    ];
    Some(known.into_iter().find(|(name, _)| has(name)).map_or("somebody else", |(_, signer)| signer))
}
