//! SBAT: the section `.sbat` by which shim knows what a program is made of and in which generation (shim, `SBAT.md` and `pe.c`).

use crate::{ImageError, unified};

/// The same program, not signed yet, with a section `.sbat` for each of these texts; shim takes one.
///
/// ```
/// use bootwright_images::{After, Nonce, payload, sbat};
///
/// let program = payload::efi_application("first", Nonce([7; 16]), After::Exit)?;
/// let known = sbat::with_sections(&program, &["sbat,1,SBAT,sbat,1,https://example.org\n"])?;
/// assert!(known.len() > program.len());
/// # Ok::<(), bootwright_images::ImageError>(())
/// ```
///
/// # Errors
///
/// [`ImageError::Impossible`]: it is no PE file with room for so many section headers.
pub fn with_sections(program: &[u8], texts: &[impl AsRef<str>]) -> Result<Vec<u8>, ImageError> {
    let parts: Vec<([u8; 8], &[u8])> = texts.iter().map(|text| (*b".sbat\0\0\0", text.as_ref().as_bytes())).collect();
    unified::with_sections(program, &parts).ok_or_else(|| {
        ImageError::impossible(
            format!("a program with {} sections .sbat", texts.len()),
            "it is no PE file with room for so many section headers",
            "use a program of this crate with one or two",
        )
    })
}

#[cfg(test)]
mod tests {
    use object::read::pe::PeFile64;
    use object::{Object, ObjectSection};

    use super::*;
    use crate::{After, Nonce, Signer, authenticode, payload};

    #[test]
    fn another_reader_finds_the_text_in_a_section_of_its_own_and_a_signature_covers_it() {
        let program = payload::efi_application("first", Nonce([7; 16]), After::Exit).unwrap();
        let digest = |text: &str| {
            let signed = authenticode::signed(&with_sections(&program, &[text]).unwrap(), Signer::Own).unwrap();
            let file = PeFile64::parse(&*signed).unwrap();
            let section = file.section_by_name(".sbat").unwrap();
            assert_eq!(section.data().unwrap()[..text.len()], *text.as_bytes());
            authenticode::sha256(&signed).unwrap()
        };
        assert_ne!(digest("one,1,a,b,1,c\n"), digest("one,2,a,b,1,c\n"));
    }

    #[test]
    fn two_sections_are_two_none_is_the_program_and_what_is_no_program_is_refused() {
        let program = payload::efi_application("first", Nonce([7; 16]), After::Exit).unwrap();
        assert_eq!(with_sections(&program, &[""; 0]).unwrap(), program);
        let twice = with_sections(&program, &["a", "b"]).unwrap();
        let file = PeFile64::parse(&*twice).unwrap();
        assert_eq!(file.sections().filter(|section| section.name() == Ok(".sbat")).count(), 2);
        assert!(with_sections(b"MZ", &["a"]).unwrap_err().to_string().starts_with("a program with 1 sections .sbat"));
    }
}
