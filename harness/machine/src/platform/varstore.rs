//! Whether two files are an OVMF_CODE image and the OVMF_VARS template that was made with it.
//!
//! Both begin with a firmware volume header (UEFI Platform Initialization Specification, volume 3, `EFI_FIRMWARE_VOLUME_HEADER`):
//! GUID of the file system at 16, length at 32 (8 bytes, little-endian), `_FVH` at 40, header length at 48 (2 bytes).
//! edk2's `OvmfPkg/Include/Fdf/OvmfPkgDefines.fdf.inc` cuts one flash image of 2 or 4 MiB into VARS (first) and CODE.

/// gEfiSystemNvDataFvGuid, FFF12B8D-7696-4C8B-A985-2747075B4F50, as it lies in memory.
const NV_DATA: [u8; 16] =
    [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];

/// EFI_GLOBAL_VARIABLE, 8BE4DF61-93CA-11D2-AA0D-00E098032B8C, as it lies in memory.
const GLOBAL_VARIABLE: [u8; 16] =
    [0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c];

/// Sizes of the whole flash that edk2 cuts into VARS and CODE.
const FLASH_BYTES: [u64; 2] = [2 << 20, 4 << 20];

/// Sizes of CODE in the two layouts.
const CODE_BYTES: [u64; 2] = [0x1e_0000, 0x37_c000];

/// Which of the two files is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// The CODE file; the text continues "ovmf.code FILE".
    Code(String),
    /// The VARS file; the text continues "ovmf.vars FILE".
    Vars(String),
}

/// Checks that `vars` is a variable store template of the size that `code` leaves for it.
pub(super) fn check_pair(code: &[u8], vars: &[u8]) -> Result<(), Mismatch> {
    match volume(code) {
        None => {
            return Err(Mismatch::Code(
                "does not begin with a firmware volume, so it is no OVMF_CODE image".to_owned(),
            ));
        }
        Some(volume) if volume.guid == NV_DATA => {
            let text = "begins with a variable store, so it is an OVMF_VARS file or a combined image, wanted OVMF_CODE";
            return Err(Mismatch::Code(text.to_owned()));
        }
        Some(_) => {}
    }
    let code_bytes = code.len() as u64;
    if let Some(whole) = cut_off(code) {
        return Err(Mismatch::Code(format!(
            "is cut off: it is {code_bytes} bytes and its firmware volume alone has {whole}"
        )));
    }
    let Some(flash) = FLASH_BYTES.into_iter().find(|flash| code_bytes < *flash) else {
        return Err(Mismatch::Code(format!("is {code_bytes} bytes, wanted less than 4 MiB")));
    };
    let wanted = flash - code_bytes;
    let whole = |volume: &Volume| volume.guid == NV_DATA && volume.length == vars.len() as u64;
    if !CODE_BYTES.contains(&code_bytes) && volume(vars).as_ref().is_some_and(whole) {
        let text =
            format!("is {code_bytes} bytes, which with the {} of ovmf.vars make no flash of 2 or 4 MiB", vars.len());
        return Err(Mismatch::Code(text));
    }
    if vars.len() as u64 != wanted {
        let text = format!("is {} bytes but ovmf.code needs the {} MiB layout ({wanted})", vars.len(), flash >> 20);
        return Err(Mismatch::Vars(text));
    }
    match volume(vars) {
        None => Err(Mismatch::Vars("does not begin with a firmware volume, so it is no OVMF_VARS template".to_owned())),
        Some(volume) if volume.guid != NV_DATA => {
            Err(Mismatch::Vars("begins with a firmware volume that is no variable store".to_owned()))
        }
        Some(volume) if volume.length > wanted => {
            Err(Mismatch::Vars(format!("holds a variable store of {} bytes in a file of {wanted}", volume.length)))
        }
        Some(_) => Ok(()),
    }
}

/// Whether a platform key is enrolled, which is what puts Secure Boot out of setup mode (UEFI specification, 32.3).
///
/// Looks for the variable's vendor GUID directly followed by its name, as an authenticated variable has them.
pub(super) fn has_platform_key(vars: &[u8]) -> bool {
    let mut record = GLOBAL_VARIABLE.to_vec();
    record.extend_from_slice(b"P\0K\0\0\0");
    vars.windows(record.len()).any(|window| window == record)
}

/// The length that the volume at the end of `code` claims, where the file ends before it does. The volumes of an image lie one
/// behind the other; what follows the last one without being a volume is not looked at.
fn cut_off(code: &[u8]) -> Option<u64> {
    let mut rest = code;
    while let Some(next) = volume(rest) {
        match usize::try_from(next.length).ok().and_then(|length| rest.get(length..)) {
            Some(behind) if next.length > 0 => rest = behind,
            _ => return Some(next.length),
        }
    }
    None
}

struct Volume {
    guid: [u8; 16],
    length: u64,
}

/// The firmware volume at the start of `bytes`; `None` without its signature or with a header checksum that is wrong.
fn volume(bytes: &[u8]) -> Option<Volume> {
    let header_bytes = usize::from(u16::from_le_bytes(bytes.get(48..50)?.try_into().ok()?));
    let header = bytes.get(..header_bytes)?;
    let sum = header.chunks(2).fold(0u16, |sum, word| {
        sum.wrapping_add(u16::from_le_bytes([word[0], word.get(1).copied().unwrap_or_default()]))
    });
    if header_bytes < 56 || bytes.get(40..44)? != b"_FVH" || sum != 0 {
        return None;
    }
    Some(Volume { guid: bytes[16..32].try_into().ok()?, length: u64::from_le_bytes(bytes[32..40].try_into().ok()?) })
}

/// A firmware volume of `bytes` bytes for tests: a valid header, then 0xff.
#[cfg(test)]
pub(super) fn test_volume(bytes: usize, variable_store: bool) -> Vec<u8> {
    let mut volume = vec![0xff; bytes];
    volume[..72].fill(0);
    if variable_store {
        volume[16..32].copy_from_slice(&NV_DATA);
    } else {
        volume[16..32].fill(0x5a);
    }
    volume[32..40].copy_from_slice(&(bytes as u64).to_le_bytes());
    volume[40..44].copy_from_slice(b"_FVH");
    volume[48..50].copy_from_slice(&72u16.to_le_bytes());
    let sum = volume[..72].chunks(2).fold(0u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    volume[50..52].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    volume
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::two_mib(1_966_080, 131_072)]
    #[case::four_mib(3_653_632, 540_672)]
    fn both_layouts_of_edk2_fit(#[case] code: usize, #[case] vars: usize) {
        assert_eq!(check_pair(&test_volume(code, false), &test_volume(vars, true)), Ok(()));
    }

    #[rstest]
    #[case::other_layout(3_653_632, 131_072, "is 131072 bytes but ovmf.code needs the 4 MiB layout (540672)")]
    #[case::other_layout(1_966_080, 540_672, "is 540672 bytes but ovmf.code needs the 2 MiB layout (131072)")]
    #[case::cut(3_653_632, 540_671, "is 540671 bytes")]
    fn vars_of_another_size_are_refused(#[case] code: usize, #[case] vars: usize, #[case] text: &str) {
        let refused = check_pair(&test_volume(code, false), &test_volume(vars, true));
        assert!(matches!(&refused, Err(Mismatch::Vars(said)) if said.contains(text)), "{refused:?}");
    }

    #[test]
    fn vars_that_are_no_variable_store_are_refused() {
        let code = test_volume(1_966_080, false);
        for vars in [vec![0; 131_072], vec![0xff; 131_072], test_volume(131_072, false)] {
            assert!(matches!(check_pair(&code, &vars), Err(Mismatch::Vars(_))));
        }
        let mut flipped = test_volume(131_072, true);
        flipped[34] ^= 1;
        assert!(matches!(check_pair(&code, &flipped), Err(Mismatch::Vars(_))), "the header checksum no longer holds");
    }

    #[test]
    fn code_that_is_cut_off_is_blamed_itself_wherever_the_cut_lies() {
        let code = [test_volume(0x34_8000, false), test_volume(0x3_4000, false)].concat();
        let vars = test_volume(540_672, true);
        assert_eq!(check_pair(&code, &vars), Ok(()));
        for bytes in [100, 0x1e_0000, 0x34_8000, 0x34_8000 + 100, code.len() - 1] {
            let refused = check_pair(&code[..bytes], &vars);
            assert!(matches!(refused, Err(Mismatch::Code(_))), "{bytes}: {refused:?}");
        }
    }

    #[test]
    fn code_that_is_something_else_is_refused() {
        let vars = test_volume(131_072, true);
        for code in [Vec::new(), vec![0; 1_966_080], test_volume(2 << 20, true), test_volume(8 << 20, false)] {
            assert!(matches!(check_pair(&code, &vars), Err(Mismatch::Code(_))));
        }
    }

    #[test]
    fn a_platform_key_is_found_by_vendor_and_name() {
        let mut vars = test_volume(131_072, true);
        assert!(!has_platform_key(&vars));
        vars[500..516].copy_from_slice(&GLOBAL_VARIABLE);
        vars[516..524].copy_from_slice(b"K\0E\0K\0\0\0");
        assert!(!has_platform_key(&vars));
        vars[516..522].copy_from_slice(b"P\0K\0\0\0");
        assert!(has_platform_key(&vars));
    }
}
