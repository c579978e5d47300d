//! Unified kernel images: systemd's stub with a name, a kernel, its command line and its initramfs as further sections of the PE file
//! (UAPI group specification "Unified Kernel Image"; PE format of Microsoft).

use crate::ImageError;

/// Length of a section's header.
const HEADER: usize = 40;
/// What a loader lists it by (os-release of freedesktop.org).
const RELEASE: &[u8] = b"ID=bootwright\nPRETTY_NAME=bootwright\nVERSION_ID=1\n";

/// Initialized data that can be read.
const CHARACTERISTICS: u32 = 0x4000_0040;

/// The stub with sections for a kernel, its command line and its initramfs.
///
/// # Errors
///
/// [`ImageError::Impossible`] where the stub is no PE file or has no room for four more headers.
pub fn kernel_image(stub: &[u8], kernel: &[u8], command_line: &str, initramfs: &[u8]) -> Result<Vec<u8>, ImageError> {
    let parts = [
        (*b".osrel\0\0", RELEASE),
        (*b".cmdline", command_line.as_bytes()),
        (*b".linux\0\0", kernel),
        (*b".initrd\0", initramfs),
    ];
    with_sections(stub, &parts).ok_or_else(|| {
        ImageError::impossible(
            "a unified kernel image",
            "its stub is no PE file with room for four more section headers",
            "use systemd's linuxx64.efi.stub",
        )
    })
}

/// The same program with further sections, as far as its headers have room for theirs.
pub(crate) fn with_sections(stub: &[u8], parts: &[([u8; 8], &[u8])]) -> Option<Vec<u8>> {
    let pe = word(stub, 0x3c)? as usize;
    let coff = pe + 4;
    (stub.get(pe..coff)? == b"PE\0\0").then_some(())?;
    let count = half(stub, coff + 2)?;
    let optional = coff + 20;
    let table = optional + usize::from(half(stub, coff + 16)?);
    let [section_alignment, file_alignment] = [word(stub, optional + 32)?, word(stub, optional + 36)?];
    let aligned = section_alignment.is_power_of_two() && file_alignment.is_power_of_two();
    let headers_end = word(stub, optional + 60)? as usize;
    let mut header_at = table + usize::from(count) * HEADER;
    (aligned && header_at + parts.len() * HEADER <= headers_end).then_some(())?;
    let mut address = word(stub, optional + 56)?.checked_next_multiple_of(section_alignment)?;
    let mut image = stub.to_vec();
    for (name, bytes) in parts {
        let length = u32::try_from(bytes.len()).ok()?;
        let start = image.len().next_multiple_of(file_alignment as usize);
        image.resize(start, 0);
        image.extend_from_slice(bytes);
        image.resize(image.len().next_multiple_of(file_alignment as usize), 0);
        let raw = u32::try_from(image.len() - start).ok()?;
        let header = image.get_mut(header_at..header_at + HEADER)?;
        header.fill(0);
        header[..8].copy_from_slice(name);
        for (at, value) in [(8, length), (12, address), (16, raw), (20, start as u32), (36, CHARACTERISTICS)] {
            header[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        header_at += HEADER;
        address = address.checked_add(length)?.checked_next_multiple_of(section_alignment)?;
    }
    image.get_mut(coff + 2..coff + 4)?.copy_from_slice(&(count + parts.len() as u16).to_le_bytes());
    image.get_mut(optional + 56..optional + 60)?.copy_from_slice(&address.to_le_bytes());
    Some(image)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{After, Nonce, payload};

    #[test]
    fn what_is_no_program_or_is_full_is_refused() {
        let error = kernel_image(b"MZ", b"kernel", "quiet", b"archive").unwrap_err().to_string();
        assert!(error.starts_with("a unified kernel image cannot be built: "), "{error}");
    }

    #[test]
    fn the_sections_lie_behind_those_of_the_stub_and_hold_what_was_given() {
        let stub = payload::efi_application("stub", Nonce([7; 16]), After::Exit).unwrap();
        let Ok(image) = kernel_image(&stub, &[7; 5000], "quiet", &[9; 300]) else {
            panic!("our own program has room for four more headers");
        };
        let pe = word(&image, 0x3c).unwrap() as usize;
        let (before, after) = (half(&stub, pe + 6).unwrap(), half(&image, pe + 6).unwrap());
        assert_eq!(after, before + 4);
        let table = pe + 24 + usize::from(half(&image, pe + 20).unwrap());
        let linux = table + (usize::from(before) + 2) * HEADER;
        assert_eq!(&image[linux..linux + 6], b".linux");
        let start = word(&image, linux + 20).unwrap() as usize;
        assert_eq!(&image[start..start + 5000], [7; 5000]);
        let last = table + (usize::from(before) + 3) * HEADER;
        let end = word(&image, last + 12).unwrap() + word(&image, last + 8).unwrap();
        assert!(word(&image, pe + 24 + 56).unwrap() >= end);
    }
}
