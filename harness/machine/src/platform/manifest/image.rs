//! Whether a file can be the image that a manifest says it is, as far as its bytes tell without running it.

/// QEMU maps a BIOS in units of this (`x86_bios_rom_init` in `hw/i386/x86-common.c`), bytes.
const BIOS_UNIT: usize = 64 << 10;

/// From here on the processor begins: the last bytes of a BIOS.
const RESET_VECTOR: usize = 16;

/// What every expansion ROM begins with (PCI Firmware Specification, 5.1.1.1).
const ROM_SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// The unit of an expansion ROM's length, which is its third byte.
const ROM_UNIT: usize = 512;

/// iPXE with all drivers and debugging has less, bytes.
const ROM_LIMIT: usize = 16 << 20;

/// What is wrong with a BIOS; `None` where nothing is.
pub(super) fn bios_problem(image: &[u8]) -> Option<String> {
    let length = image.len();
    if length == 0 {
        return Some("is empty".to_owned());
    }
    if !length.is_multiple_of(BIOS_UNIT) {
        return Some(format!("is {length} bytes, and QEMU takes multiples of {BIOS_UNIT} only"));
    }
    let last = &image[length - RESET_VECTOR..];
    let blank = last.iter().all(|byte| *byte == last[0]);
    blank.then(|| format!("is blank where the processor begins, in its last {RESET_VECTOR} bytes"))
}

/// What is wrong with an option ROM; `None` where nothing is.
pub(super) fn rom_problem(image: &[u8]) -> Option<String> {
    let length = image.len();
    if !image.starts_with(&ROM_SIGNATURE) {
        return Some("does not begin with 55 AA, as every option ROM does".to_owned());
    }
    if length > ROM_LIMIT {
        return Some(format!("is {length} bytes, and no option ROM has more than {ROM_LIMIT}"));
    }
    let told = image.get(2).map_or(0, |&units| usize::from(units) * ROM_UNIT).max(ROM_UNIT);
    (length < told).then(|| format!("is cut off: it is {length} bytes and says of itself that it has {told}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bios_fills_whole_units_and_has_a_reset_vector() {
        let image = |length: usize, last: &[u8]| {
            let mut image = vec![0; length];
            let from = length - last.len();
            image[from..].copy_from_slice(last);
            image
        };
        assert_eq!(bios_problem(&image(BIOS_UNIT * 4, &[0xea, 0x5b, 0xe0, 0, 0xf0, b'0', b'6', b'/'])), None);
        for (bad, why) in [
            (Vec::new(), "is empty"),
            (b"#!/bin/sh\n".to_vec(), "is 10 bytes"),
            (image(BIOS_UNIT + 1, &[1]), "multiples of 65536"),
            (image(BIOS_UNIT, &[]), "is blank"),
            (vec![0xff; BIOS_UNIT], "is blank"),
        ] {
            assert!(bios_problem(&bad).unwrap().contains(why), "{why}");
        }
    }

    #[test]
    fn a_rom_has_its_signature_and_all_of_itself() {
        let rom = |units: u8, length: usize| {
            let mut image = vec![0; length];
            image[..3].copy_from_slice(&[0x55, 0xaa, units]);
            image
        };
        assert_eq!(rom_problem(&rom(2, 1024)), None);
        assert_eq!(rom_problem(&rom(2, 200_000)), None, "another image follows");
        for (bad, why) in [
            (Vec::new(), "55 AA"),
            (vec![0x55], "55 AA"),
            (b"\x7fELF".to_vec(), "55 AA"),
            (vec![0x55, 0xaa], "is cut off"),
            (rom(0, 100), "is cut off"),
            (rom(4, 1024), "1024 bytes and says of itself that it has 2048"),
            (rom(2, ROM_LIMIT + 1), "no option ROM has more"),
        ] {
            assert!(rom_problem(&bad).unwrap().contains(why), "{why}");
        }
    }
}
