//! Paths of files on an EFI system partition, as a boot option has them: `\EFI\debian\grubx64.efi`.

use crate::ImageError;

/// Longest name and longest extension of a file, in characters.
const NAME: (usize, usize) = (8, 3);

/// The path with `/` between upper-case names, as a FAT volume of short names has it.
///
/// # Errors
///
/// [`ImageError::File`] where a name does not fit into eight characters and three.
pub(crate) fn path(text: &str) -> Result<String, ImageError> {
    let allowed = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'~');
    let part = |part: &str, limit: usize| (1..=limit).contains(&part.len()) && part.bytes().all(allowed);
    let fits = |name: &str| match name.split_once('.') {
        Some((stem, extension)) => part(stem, NAME.0) && part(extension, NAME.1),
        None => part(name, NAME.0),
    };
    match text.strip_prefix('\\').filter(|names| names.split('\\').all(fits)) {
        Some(names) => Ok(names.to_ascii_uppercase().replace('\\', "/")),
        None => Err(ImageError::File { path: text.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_boot_option_becomes_short_names() {
        assert_eq!(path(r"\EFI\debian\grubx64.efi").ok().as_deref(), Some("EFI/DEBIAN/GRUBX64.EFI"));
        assert_eq!(path(r"\shell").ok().as_deref(), Some("SHELL"));
    }

    #[test]
    fn what_is_no_short_name_is_refused_by_its_path() {
        for wrong in
            ["", r"\", r"EFI\a.efi", r"\EFI\\a.efi", r"\EFI\Microsoft\a.efi", r"\a.html", r"\..\a", r"\a.b.c", "/EFI/a"]
        {
            let error = path(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with(&format!("file {wrong:?} is no path of short names")), "{error}");
        }
    }
}
