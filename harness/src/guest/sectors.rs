//! The size of a disk's sectors, as libvirt's `<blockio>` and QEMU's `logical_block_size` give it.

use crate::machine::{BlockSize, DeviceClass};

/// What every firmware boots from.
const USUAL: u32 = 512;
/// The other size for which there are media.
const LARGE: u32 = 4096;

/// The sizes of a hard disk, where they are not the usual ones: what an address counts, and what the disk writes at once.
///
/// # Errors
///
/// In words: a size that is none, that QEMU refuses for this class, or for which there is no medium here.
pub(super) fn of(
    class: &DeviceClass,
    logical: Option<&str>,
    physical: Option<&str>,
) -> Result<Option<BlockSize>, String> {
    let size = |text: Option<&str>| text.map(|text| bytes(text).ok_or_else(|| refused(text))).transpose();
    // 0 leaves it to QEMU
    let (logical, physical) = (size(logical)?.filter(|size| *size > 0), size(physical)?.filter(|size| *size > 0));
    let logical = logical.unwrap_or(USUAL);
    let sizes = BlockSize { logical, physical: physical.unwrap_or(logical).max(logical) };
    if sizes == (BlockSize { logical: USUAL, physical: USUAL }) {
        return Ok(None);
    }
    if logical != USUAL && matches!(class, DeviceClass::Ide { .. } | DeviceClass::Ahci { .. }) {
        return Err(format!(
            "a disk of IDE or SATA has sectors of 512 bytes and none of {logical} (QEMU refuses that)"
        ));
    }
    if logical != USUAL && logical != LARGE {
        return Err(format!("there is no medium with sectors of {logical} bytes here"));
    }
    Ok(Some(sizes))
}

/// Whether QEMU refuses two sizes since a sector would be larger than what is written at once; without its size that is the usual one.
pub(super) fn exceed(logical: Option<&str>, physical: Option<&str>) -> bool {
    let size = |text: Option<&str>| text.and_then(bytes).filter(|size| *size > 0).unwrap_or(USUAL);
    size(logical) > size(physical)
}

fn refused(text: &str) -> String {
    format!("{text} is no size of a sector: a power of two from 512 bytes to 2 MiB is wanted (QEMU refuses that)")
}

/// A size as QEMU reads one, in bytes: `4096`, `4k`, 0 for none.
fn bytes(text: &str) -> Option<u32> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1024),
        None => (text, 1),
    };
    let size = digits.parse::<u32>().ok()?.checked_mul(unit)?;
    (size == 0 || size.is_power_of_two() && (512..=2 << 20).contains(&size)).then_some(size)
}

/// What the size of a disk's sectors adds to what it is, for people.
pub(super) fn words(sizes: Option<BlockSize>) -> String {
    let large = sizes.filter(|sizes| sizes.logical != USUAL);
    large.map_or(String::new(), |sizes| format!(" with sectors of {} bytes", sizes.logical))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::usual(Some("512"), None, Ok(None))]
    #[case::none_given(None, None, Ok(None))]
    #[case::left_to_qemu(Some("0"), Some("0"), Ok(None))]
    #[case::large(Some("4096"), Some("4096"), Ok(Some((4096, 4096))))]
    #[case::large_alone(Some("4k"), None, Ok(Some((4096, 4096))))]
    #[case::of_512e(None, Some("4096"), Ok(Some((512, 4096))))]
    #[case::no_power(Some("4000"), None, Err("no size of a sector"))]
    #[case::too_large(None, Some("4194304"), Err("no size of a sector"))]
    #[case::no_medium(Some("2048"), None, Err("no medium"))]
    fn sizes_are_those_of_qemu(
        #[case] logical: Option<&str>,
        #[case] physical: Option<&str>,
        #[case] wanted: Result<Option<(u32, u32)>, &str>,
    ) {
        match (of(&DeviceClass::VirtioBlk, logical, physical), wanted) {
            (Ok(sizes), Ok(wanted)) => assert_eq!(sizes.map(|sizes| (sizes.logical, sizes.physical)), wanted),
            (Err(words), Err(wanted)) => assert!(words.contains(wanted), "{words}"),
            (seen, wanted) => panic!("{seen:?}, {wanted:?}"),
        }
    }

    #[rstest]
    #[case::alone(Some("4096"), None, true)]
    #[case::of_a_smaller_one(Some("4k"), Some("512"), true)]
    #[case::left_to_qemu(Some("4096"), Some("0"), true)]
    #[case::of_an_equal_one(Some("4096"), Some("4096"), false)]
    #[case::of_512e(Some("512"), Some("4096"), false)]
    #[case::none(None, None, false)]
    fn a_sector_is_not_larger_than_what_is_written_at_once(
        #[case] logical: Option<&str>,
        #[case] physical: Option<&str>,
        #[case] wanted: bool,
    ) {
        assert_eq!(exceed(logical, physical), wanted);
    }

    #[test]
    fn qemu_refuses_large_sectors_on_ide_and_sata() {
        for class in [DeviceClass::Ide { channel: 0, unit: 0 }, DeviceClass::Ahci { port: 0 }] {
            assert!(of(&class, Some("4096"), None).unwrap_err().contains("QEMU refuses"));
            assert!(of(&class, None, Some("4096")).is_ok());
        }
    }
}
