//! Whether a line of a log lost a part: what firmware prints is known word for word, so half a sentence is one of its
//! sentences with something missing, or two of them in one line.

/// Sentences of SeaBIOS that mean something, as they are printed (`src/boot.c`, `src/output.c`; 1.16 to 1.17).
const SENTENCES: [&str; 16] = [
    "Booting from Floppy...",
    "Booting from Hard Disk...",
    "Booting from DVD/CD...",
    "Booting from ROM...",
    "Booting from CBFS...",
    "Booting from 0000:7c00",
    "Boot failed: not a bootable disk",
    "Boot failed: could not read the boot disk",
    "Boot failed: Could not read from CDROM (code 0000)",
    "enter handle_18:",
    "enter handle_19:",
    "No bootable device.",
    "boot order:",
    "Searching bootorder for: HALT",
    "Select boot device:",
    "Press ESC for boot menu.",
];

/// How sentences begin whose end is not always the same.
const BEGINNINGS: [&str; 9] = [
    "Booting from ",
    "Boot failed: ",
    "enter handle_1",
    "No bootable device",
    "Searching bootorder for: ",
    "boot order:",
    "drive 0x",
    "BUILD: ",
    BANNER,
];

const BANNER: &str = "SeaBIOS (version ";

/// How SeaBIOS came to a drive's logical geometry (`setup_translation` in `src/block.c`); the last one is a user's `lchs`.
const TRANSLATIONS: [&str; 5] = ["none", "lba", "large", "r-echs", "host-supplied"];

/// Of anything shorter nobody knows what it was.
pub(super) const SHORTEST: usize = 4;

/// Whether a line of SeaBIOS' log is not whole.
pub fn of_seabios(line: &str) -> bool {
    if line.len() < SHORTEST {
        return false;
    }
    // the VGA BIOS' own line, in which SeaBIOS' `BUILD: ` is not at the beginning
    if line.starts_with("VGABUILD: ") {
        return false;
    }
    // a banner behind half a line is what a reset looks like
    let inside = |begin: &&str| *begin != BANNER && line.find(*begin).is_some_and(|at| at > 0);
    if BEGINNINGS.iter().any(inside) || (line.contains("pci@i0cf8") && !names_a_path(line)) {
        return true;
    }
    let booted = line.starts_with("Boot") && !BEGINNINGS.iter().any(|begin| line.starts_with(begin));
    if booted || is_seam(line) {
        return true;
    }
    let Some(begin) = BEGINNINGS.iter().find(|begin| line.starts_with(**begin)) else {
        let lost = |sentence: &&str| is_left_of(line, sentence) && line.len() < sentence.len();
        return SENTENCES.iter().any(lost);
    };
    let rest = &line[begin.len()..];
    let whole = match *begin {
        "Booting from " => rest.ends_with("...") && SENTENCES.contains(&line) || is_address(rest),
        "Boot failed: " => SENTENCES.contains(&line) || !is_left_of_any(rest) && code(rest).is_none_or(is_code),
        "enter handle_1" => rest == "8:" || rest == "9:",
        "No bootable device" => rest == "." || (rest.starts_with(".  Retrying in ") && rest.ends_with(" seconds.")),
        "Searching bootorder for: " => rest.starts_with('/') || rest == "HALT",
        "boot order:" => rest.is_empty(),
        "drive 0x" => is_drive(rest),
        BANNER => rest.ends_with(')'),
        _ => true,
    };
    !whole
}

/// Whether a line is the beginning of one sentence and the end of another.
fn is_seam(line: &str) -> bool {
    let same = |one: &u8, other: &u8| one == other;
    let begins =
        |sentence: &&str| line.bytes().zip(sentence.bytes()).take_while(|(one, other)| same(one, other)).count();
    let ends = |sentence: &&str| {
        let pairs = line.bytes().rev().zip(sentence.bytes().rev());
        pairs.take_while(|(one, other)| same(one, other)).count()
    };
    let longest = |of: &dyn Fn(&&str) -> usize| SENTENCES.iter().map(of).max().unwrap_or_default();
    !SENTENCES.contains(&line) && longest(&begins) + longest(&ends) >= line.len()
}

/// `1: /pci@i0cf8/...`, `Searching bios-geometry for: /pci@i0cf8/...` and a payload's line speak of paths, nothing else does.
fn names_a_path(line: &str) -> bool {
    let numbered = line.split_once(": /pci@i0cf8/").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    let geometry = line.split_once(' ').is_some_and(|(path, _)| path.starts_with("/pci@i0cf8/"));
    numbered || geometry || line.starts_with("Searching boot") || line.starts_with("Searching bios-geometry for: /")
}

/// `0000:7c00`
fn is_address(text: &str) -> bool {
    let hex = |part: &str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split_once(':').is_some_and(|(segment, offset)| hex(segment) && hex(offset))
}

/// `Could not read from CDROM (code 0009)`
fn code(reason: &str) -> Option<&str> {
    reason.strip_prefix("Could not read from CDROM (code ")
}

fn is_code(rest: &str) -> bool {
    rest.strip_suffix(')').is_some_and(|code| code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether a reason is what is left of a known one.
fn is_left_of_any(reason: &str) -> bool {
    let reasons = SENTENCES.iter().filter_map(|sentence| sentence.strip_prefix("Boot failed: "));
    code(reason).is_none() && reasons.into_iter().any(|known| is_left_of_with_code(reason, known))
}

fn is_left_of_with_code(reason: &str, known: &str) -> bool {
    let digits: String = reason
        .chars()
        .map(|char| if char.is_ascii_hexdigit() && known.contains(" (code ") { '0' } else { char })
        .collect();
    let known_digits: String = known
        .chars()
        .map(|char| if char.is_ascii_hexdigit() && known.contains(" (code ") { '0' } else { char })
        .collect();
    is_left_of(&digits, &known_digits)
}

/// Whether a text is another one with nothing more than bytes missing.
pub fn is_left_of(text: &str, whole: &str) -> bool {
    let mut rest = whole.bytes();
    text.bytes().all(|byte| rest.any(|other| other == byte))
}

/// `0x000f5960: PCHS=4/16/63 translation=none LCHS=4/16/63 s=4096` behind `drive 0x`.
fn is_drive(rest: &str) -> bool {
    // 16 bits each (`struct chs_s` in its `src/block.h`), so that their product fits
    let triple = |text: &str| {
        let numbers: Vec<u16> = text.split('/').filter_map(|number| number.parse().ok()).collect();
        let whole = numbers.len() == 3 && text.split('/').count() == 3;
        whole.then(|| (numbers.first().copied().unwrap_or_default(), numbers.iter().copied().map(u64::from).product()))
    };
    let parsed = || {
        let (pointer, rest) = rest.split_once(": PCHS=")?;
        let (physical, rest) = rest.split_once(" translation=")?;
        let (translation, rest) = rest.split_once(" LCHS=")?;
        let (logical, sectors) = rest.split_once(" s=")?;
        let ((cylinders, physical), (_, logical)): ((_, u64), (_, u64)) = (triple(physical)?, triple(logical)?);
        let known = TRANSLATIONS.contains(&translation);
        let digits = pointer.len() == 8 && u64::from_str_radix(pointer, 16).is_ok();
        // a geometry is not larger than its disk, whose size is printed modulo 2^32; two cylinders are the least
        let sectors: u64 = sectors.parse().ok()?;
        let fits = cylinders <= 2 || physical <= sectors || physical >= 16_383 * 16 * 63 || logical <= sectors;
        Some(known && digits && fits)
    };
    parsed().unwrap_or(false)
}

/// Whether text that is no sentence of OVMF's boot manager is what is left of one.
pub fn of_boot_manager(text: &str) -> bool {
    const PROMPT: &str = "BdsDxe: ";
    const PARTS: [&str; 10] = [
        "BdsDxe",
        "Fv(",
        "Dxe: ",
        "\" from PciRoot(",
        "\" from Fv(",
        "\" from HD(",
        "to load Boot",
        "loading Boot",
        "starting Boot",
        "to start Boot",
    ];
    let text = text.trim();
    if text.is_empty() {
        return false;
    }
    let short =
        !text.is_empty() && text.len() < PROMPT.len() && text.contains(['B', 'D', 'x']) && is_left_of(text, PROMPT);
    let option = text.match_indices("Boot").any(|(at, _)| {
        let behind = text.as_bytes().get(at + 4..at + 10);
        behind.is_some_and(|behind| behind[..4].iter().all(u8::is_ascii_hexdigit) && &behind[4..] == b" \"")
    });
    let path = text.contains("(0x") || text.contains(",0x") || text.contains("/FvFile(");
    short || option || path || PARTS.iter().any(|part| text.contains(part))
}

/// Whether a line is what is left of the prompt of a firmware that found nothing.
pub fn of_prompt(text: &str, prompt: &str) -> bool {
    let text = text.trim();
    text.len() >= 8 && is_left_of(text, prompt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const DRIVE: &str = "drive 0x000e8bd0: PCHS=32/16/63 translation=none LCHS=32/16/63 s=32768";

    #[test]
    fn a_whole_log_has_no_damage() {
        let logs = [
            include_str!("fixtures/seabios-1.16.2-blank-before-optical.log"),
            include_str!("fixtures/seabios-1.16.2-boot-menu.log"),
            include_str!("fixtures/seabios-1.16.2-empty-optical-drive.log"),
            include_str!("fixtures/seabios-1.16.2-no-drive.log"),
            include_str!("fixtures/seabios-1.16.2-rebooting-port-cf9.log"),
            include_str!("fixtures/seabios-1.16.3-returning.log"),
            include_str!("fixtures/seabios-1.17.0-blank-virtio-blk.log"),
            include_str!("fixtures/seabios-1.17.0-returning.log"),
        ];
        let lines = logs.iter().flat_map(|log| log.lines());
        let damaged: Vec<&str> = lines.filter(|line| !line.contains("BOOTWRIGHT/1") && of_seabios(line)).collect();
        assert_eq!(damaged, Vec::<&str>::new());
    }

    #[test]
    fn a_geometry_that_no_bios_has_is_no_drive() {
        let drive = |cylinders: &str| DRIVE.replace("PCHS=32/", &format!("PCHS={cylinders}/"));
        let damaged = ["32", "65535", "65536", "16397105843329737927"].map(|cylinders| of_seabios(&drive(cylinders)));
        assert_eq!(damaged, [false, false, true, true]);
    }

    #[test]
    fn every_sentence_without_a_byte_or_joined_to_another_is_damaged() {
        for sentence in SENTENCES.iter().copied().filter(|one| !one.starts_with("Searching") && !one.contains("0000")) {
            for at in 0..sentence.len() {
                let less = format!("{}{}", &sentence[..at], &sentence[at + 1..]);
                assert!(of_seabios(&less), "{less}");
            }
            let begins = BEGINNINGS.iter().any(|begin| sentence.starts_with(begin));
            assert!(!begins || of_seabios(&format!("PCI: 32{sentence}")), "{sentence}");
        }
    }

    #[rstest]
    #[case::drive(DRIVE, false)]
    #[case::lchs_of_a_user("drive 0x000e8bd0: PCHS=32/16/63 translation=host-supplied LCHS=65/16/32 s=32768", false)]
    #[case::half_a_translation("drive 0x000e8bd0: PCHS=32/16/63 translation=host LCHS=65/16/32 s=32768", true)]
    #[case::lost_digit_of_the_pointer("drive 0x00e8bd0: PCHS=32/16/63 translation=none LCHS=32/16/63 s=32768", true)]
    #[case::lost_digit_of_the_size("drive 0x000e8bd0: PCHS=32/16/63 translation=none LCHS=32/16/63 s=3276", true)]
    #[case::lost_name("drive 0x000e8bd0: PCHS=32/16/63 transltion=none LCHS=32/16/63 s=32768", true)]
    #[case::two_lines(
        "drive 0x000e8bd0: PCHS=32/16/63 trdrive 0x000e8b60: PCHS=1/1/1 translation=none LCHS=1/1/1 s=1",
        true
    )]
    #[case::path("1: /pci@i0cf8/scsi@4/disk@0,0", false)]
    #[case::half_a_path("scsi@4/pci@i0cf8/disk", true)]
    #[case::code("Boot failed: Could not read from CDROM (code 0009)", false)]
    #[case::half_a_code("Boot failed: Could not read from CDROM (code 009)", true)]
    #[case::seam_of_two_failures("Boot failed: not a bootable died: could not read the boot disk", true)]
    #[case::seam_of_two_kinds("Boot failloppy...", true)]
    #[case::seam_of_boots_and_asked("Booting fromL", true)]
    #[case::seam_of_two_laps("BootingS (version 1.16.2-debian-1.16.2-1)", true)]
    #[case::seam_of_asked_and_boots("Bootingle_18:", true)]
    #[case::half_a_reason("Boot failed: not a bootsk", true)]
    #[case::words_that_nobody_knows("Boot failed: the dog ate it", false)]
    #[case::vga_bios("VGABUILD: gcc: (Debian 12.2.0-14) 12.2.0 binutils: (GNU Binutils for Debian) 2.40", false)]
    #[case::build_behind_half_a_line("Found 1 BUILD: gcc: (Debian 12.2.0-14) 12.2.0", true)]
    #[case::other("ATA controller 1 at 1f0/3f4/0 (irq 14 dev 9)", false)]
    fn a_line_that_lost_something_is_known_by_its_shape(#[case] line: &str, #[case] damaged: bool) {
        assert_eq!(of_seabios(line), damaged);
    }

    #[rstest]
    #[case("BdsDxe", true)]
    #[case("Bs", true)]
    #[case("sDxe: loading", true)]
    #[case("to load Boot0001", true)]
    #[case("Root(0x0)/Pci(0x3,0x0): Not Found", true)]
    #[case(">>Start PXE over IPv4.", false)]
    #[case("Press Ctrl-B for the iPXE command line...", false)]
    #[case("Shell>", false)]
    #[case("", false)]
    fn what_is_left_of_a_sentence_of_the_boot_manager_is_seen(#[case] text: &str, #[case] damaged: bool) {
        assert_eq!(of_boot_manager(text), damaged);
    }
}
