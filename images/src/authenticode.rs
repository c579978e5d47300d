//! Signatures of EFI applications for UEFI Secure Boot: Authenticode in a PE image's attribute certificate table (UEFI 2.10
//! sections 32.2.4 and 32.5.1; "Windows Authenticode Portable Executable Signature Format", Microsoft 2008).

use std::ops::Range;

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ImageError;

/// Whose key signs a program. Both keys lie in `keys/`, both halves of them: they are for tests and open nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signer {
    /// The one that machines enrol.
    Own,
    /// One that nobody knows, unless it is forbidden.
    Other,
}

impl Signer {
    /// Its X.509 certificate, DER.
    #[must_use]
    pub fn certificate(self) -> &'static [u8] {
        match self {
            Signer::Own => include_bytes!("../keys/own.cer"),
            Signer::Other => include_bytes!("../keys/other.cer"),
        }
    }

    fn key(self) -> &'static [u8] {
        match self {
            Signer::Own => include_bytes!("../keys/own.key"),
            Signer::Other => include_bytes!("../keys/other.key"),
        }
    }
}

/// What the attribute certificate table is aligned to, and each certificate in it, bytes.
const ALIGNMENT: usize = 8;

/// `WIN_CERT_REVISION_2_0` and `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const REVISION_AND_TYPE: [u8; 4] = [0x00, 0x02, 0x02, 0x00];

/// Object identifiers, encoded.
mod oid {
    pub const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    pub const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    pub const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    pub const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
    pub const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
    /// `SPC_INDIRECT_DATA_OBJID`, 1.3.6.1.4.1.311.2.1.4.
    pub const INDIRECT_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04];
    /// `SPC_PE_IMAGE_DATA_OBJID`, 1.3.6.1.4.1.311.2.1.15.
    pub const PE_IMAGE_DATA: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0f];
}

/// Tags of ASN.1 (X.690).
mod tag {
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const NULL: u8 = 0x05;
    pub const OID: u8 = 0x06;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;
    pub const CONTEXT_0: u8 = 0xa0;
    pub const CONTEXT_2: u8 = 0xa2;
    pub const PRIMITIVE_0: u8 = 0x80;
}

/// The same program with a signature, which is the only one it then has.
///
/// ```
/// use bootwright_images::{After, Nonce, Signer, authenticode, payload};
///
/// let program = payload::efi_application("right", Nonce([7; 16]), After::Exit)?;
/// let signed = authenticode::signed(&program, Signer::Own)?;
/// assert_eq!(authenticode::sha256(&signed)?, authenticode::sha256(&program)?);
/// # Ok::<(), bootwright_images::ImageError>(())
/// ```
///
/// # Errors
///
/// [`ImageError::Payload`]: it is no PE32 or PE32+ image, or has a signature.
pub fn signed(program: &[u8], signer: Signer) -> Result<Vec<u8>, ImageError> {
    let places = Places::of(program)?;
    if program[places.directory.clone()] != [0; 8] {
        return Err(fault("it has a signature already"));
    }
    let mut image = program.to_vec();
    image.resize(image.len().next_multiple_of(ALIGNMENT), 0);
    let mut certificate = signed_data(&digest(&image, &places), signer)?;
    certificate.resize(certificate.len().next_multiple_of(ALIGNMENT), 0);
    let length = word(certificate.len() + ALIGNMENT)?;
    let entry = [word(image.len())?.to_le_bytes(), length.to_le_bytes()].concat();
    image[places.directory].copy_from_slice(&entry);
    image.extend(length.to_le_bytes());
    image.extend(REVISION_AND_TYPE);
    image.extend(certificate);
    Ok(image)
}

/// SHA-256 of a program as its signature has it, and as `db` and `dbx` have those of unsigned ones: without its check sum, the
/// directory entry of its signatures, and these.
///
/// # Errors
///
/// [`ImageError::Payload`]: it is no PE32 or PE32+ image.
pub fn sha256(program: &[u8]) -> Result<[u8; 32], ImageError> {
    let places = Places::of(program)?;
    let at = u32::from_le_bytes(std::array::from_fn(|byte| program[places.directory.start + byte])) as usize;
    let mut image = if at == 0 { program } else { program.get(..at).unwrap_or(program) }.to_vec();
    image.resize(image.len().next_multiple_of(ALIGNMENT), 0);
    Ok(digest(&image, &places))
}

/// How an optional header begins.
const PE32: [u8; 2] = [0x0b, 0x01];
const PE32_PLUS: [u8; 2] = [0x0b, 0x02];

/// What of an image is not signed (PE format, "Optional Header", bytes of the file).
struct Places {
    check_sum: Range<usize>,
    directory: Range<usize>,
}

impl Places {
    fn of(program: &[u8]) -> Result<Places, ImageError> {
        let header = program.get(0x3c..0x40).and_then(<[u8]>::first_chunk).copied().map(u32::from_le_bytes);
        let header = header.ok_or_else(|| fault("it is too short for a PE image"))? as usize;
        // signature, COFF header, optional header, of which that of PE32+ has larger fields behind its check sum
        let optional = header.saturating_add(24);
        let is_pe = program.get(header..).is_some_and(|rest| rest.starts_with(b"PE\0\0"));
        let directories = match program.get(optional..).and_then(|rest| rest.first_chunk()) {
            Some(&PE32) if is_pe => optional + 96,
            Some(&PE32_PLUS) if is_pe => optional + 112,
            _ => return Err(fault("it is no PE32 or PE32+ image")),
        };
        let directory = directories + 4 * 8..directories + 5 * 8;
        match program.len() >= directory.end {
            true => Ok(Places { check_sum: optional + 64..optional + 68, directory }),
            false => Err(fault("its optional header is cut short")),
        }
    }
}

fn digest(image: &[u8], places: &Places) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&image[..places.check_sum.start]);
    hash.update(&image[places.check_sum.end..places.directory.start]);
    hash.update(&image[places.directory.end..]);
    hash.finalize().into()
}

fn fault(problem: &str) -> ImageError {
    ImageError::Payload { payload: "EFI application to sign", problem: problem.to_owned() }
}

fn word(value: usize) -> Result<u32, ImageError> {
    u32::try_from(value).map_err(|_| fault("it is larger than 4 GiB"))
}

/// PKCS #7 `SignedData` (RFC 2315) over the digest of an image.
fn signed_data(digest: &[u8], signer: Signer) -> Result<Vec<u8>, ImageError> {
    let algorithm = |name| sequence(&[&der(tag::OID, &[name]), &der(tag::NULL, &[])]);
    let sha256 = algorithm(oid::SHA256);
    let no_file = der(tag::CONTEXT_0, &[&der(tag::CONTEXT_2, &[&der(tag::PRIMITIVE_0, &[])])]);
    let image_data = sequence(&[&der(tag::BIT_STRING, &[&[0]]), &no_file]);
    let data = sequence(&[&der(tag::OID, &[oid::PE_IMAGE_DATA]), &image_data]);
    let indirect = [data, sequence(&[&sha256, &der(tag::OCTET_STRING, &[digest])])].concat();

    let attribute = |name, value: Vec<u8>| sequence(&[&der(tag::OID, &[name]), &der(tag::SET, &[&value])]);
    // what is signed is the content without its own tag and length
    let digest = der(tag::OCTET_STRING, &[&Sha256::digest(&indirect)]);
    let attributes =
        [attribute(oid::CONTENT_TYPE, der(tag::OID, &[oid::INDIRECT_DATA])), attribute(oid::MESSAGE_DIGEST, digest)]
            .concat();
    let certificate = signer.certificate();
    let (serial, issuer) =
        serial_and_issuer(certificate).ok_or_else(|| fault("its signer's certificate is damaged"))?;
    let version = der(tag::INTEGER, &[&[1]]);
    let info = sequence(&[
        &version,
        &sequence(&[issuer, serial]),
        &sha256,
        &der(tag::CONTEXT_0, &[&attributes]),
        &algorithm(oid::RSA),
        &der(tag::OCTET_STRING, &[&signature(signer, &der(tag::SET, &[&attributes]))?]),
    ]);
    let content = sequence(&[&der(tag::OID, &[oid::INDIRECT_DATA]), &der(tag::CONTEXT_0, &[&sequence(&[&indirect])])]);
    let signed = sequence(&[
        &version,
        &der(tag::SET, &[&sha256]),
        &content,
        &der(tag::CONTEXT_0, &[certificate]),
        &der(tag::SET, &[&info]),
    ]);
    Ok(sequence(&[&der(tag::OID, &[oid::SIGNED_DATA]), &der(tag::CONTEXT_0, &[&signed])]))
}

fn signature(signer: Signer, message: &[u8]) -> Result<Vec<u8>, ImageError> {
    let key = RsaKeyPair::from_pkcs8(signer.key()).map_err(|_| fault("its signer's key is damaged"))?;
    let mut signature = vec![0; key.public().modulus_len()];
    let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
    signed.map_err(|_| fault("its signer's key signs nothing"))?;
    Ok(signature)
}

/// A value with its tag and length (X.690 section 10.1).
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut encoded = vec![tag];
    match length {
        0..=0x7f => encoded.push(length as u8),
        _ => {
            let bytes = length.to_be_bytes();
            let digits = &bytes[length.leading_zeros() as usize / 8..];
            encoded.push(0x80 | digits.len() as u8);
            encoded.extend(digits);
        }
    }
    parts.iter().for_each(|part| encoded.extend(*part));
    encoded
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(tag::SEQUENCE, parts)
}

/// Serial number and issuer of a certificate (RFC 5280 section 4.1), each with tag and length.
fn serial_and_issuer(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, _) = value(certificate)?;
    let (to_be_signed, _) = value(certificate)?;
    let (_version, rest) = element(to_be_signed)?;
    let (serial, rest) = element(rest)?;
    let (_algorithm, rest) = element(rest)?;
    Some((serial, element(rest)?.0))
}

/// The first element whole, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (value, rest) = value(bytes)?;
    let whole = bytes.len() - rest.len();
    debug_assert!(whole > value.len());
    bytes.split_at_checked(whole)
}

/// The first element's value, and what follows the element.
fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.get(1..)?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{After, Nonce, payload};
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    fn program() -> Vec<u8> {
        payload::efi_application("right", Nonce([7; 16]), After::Exit).unwrap()
    }

    /// The elements of a constructed value, each whole.
    fn elements(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut all = Vec::new();
        while let Some((one, rest)) = element(bytes) {
            all.push(one);
            bytes = rest;
        }
        all
    }

    fn inside(element: &[u8]) -> Vec<&[u8]> {
        elements(value(element).unwrap().0)
    }

    #[test]
    fn the_directory_of_an_image_of_32_bits_is_where_its_header_ends_sooner() {
        let optional = 0x40 + 24;
        let mut image = vec![0; 1024];
        image[0x3c] = 0x40;
        image[0x40..0x44].copy_from_slice(b"PE\0\0");
        image[optional..optional + 2].copy_from_slice(&PE32);
        let signed = signed(&image, Signer::Own).unwrap();
        let entry = &signed[optional + 128..optional + 136];
        assert_eq!(u32::from_le_bytes(*entry.first_chunk().unwrap()), 1024, "where the certificates are");
        assert_eq!(sha256(&signed).unwrap(), sha256(&image).unwrap());
        image[optional + 127] ^= 1;
        assert_ne!(sha256(&signed).unwrap(), sha256(&image).unwrap(), "the directory before it is signed");
        image[optional] = 0;
        let refusal = sha256(&image).unwrap_err().to_string();
        assert!(refusal.contains("it is no PE32 or PE32+ image"), "{refusal}");
    }

    #[test]
    fn a_signature_is_over_its_attributes_and_these_have_the_digest_of_the_image() {
        for signer in [Signer::Own, Signer::Other] {
            let signed = signed(&program(), signer).unwrap();
            let places = Places::of(&signed).unwrap();
            let entry: Vec<usize> = signed[places.directory.clone()]
                .chunks(4)
                .map(|word| u32::from_le_bytes(word.try_into().unwrap()) as usize)
                .collect();
            assert_eq!(entry[0] + entry[1], signed.len());
            assert_eq!((entry[0] % 8, entry[1] % 8), (0, 0));
            let table = &signed[entry[0]..];
            assert_eq!(table[4..8], REVISION_AND_TYPE);
            let data = inside(inside(element(&table[8..]).unwrap().0)[1])[0];
            let parts = inside(data);
            let indirect = inside(inside(parts[2])[1])[0];
            let content = value(indirect).unwrap().0;
            let image_digest = value(inside(inside(indirect)[1])[1]).unwrap().0;
            assert_eq!(image_digest, sha256(&program()).unwrap());
            assert_eq!(value(parts[3]).unwrap().0, signer.certificate());
            let info = inside(inside(parts[4])[0]);
            let attributes = value(info[3]).unwrap().0;
            let message_digest = inside(elements(attributes)[1])[1];
            assert_eq!(value(inside(message_digest)[0]).unwrap().0, &Sha256::digest(content)[..]);
            let signature = value(info[5]).unwrap().0;
            let key = RsaKeyPair::from_pkcs8(signer.key()).unwrap();
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref().to_vec());
            public.verify(&der(tag::SET, &[attributes]), signature).unwrap();
            assert!(public.verify(attributes, signature).is_err());
        }
    }

    #[test]
    fn the_digest_is_that_of_everything_but_what_a_signature_changes() {
        let (plain, signed) = (program(), signed(&program(), Signer::Own).unwrap());
        assert_eq!(sha256(&plain).unwrap(), sha256(&signed).unwrap());
        let last = plain.len() - 1;
        for at in [0, 0x200, last] {
            let mut other = plain.clone();
            other[at] ^= 1;
            if at > 0 {
                assert_ne!(sha256(&other).unwrap(), sha256(&plain).unwrap(), "{at}");
            }
        }
        let mut summed = plain.clone();
        summed[Places::of(&plain).unwrap().check_sum][0] ^= 1;
        assert_eq!(sha256(&summed).unwrap(), sha256(&plain).unwrap());
    }

    #[test]
    fn what_is_no_program_or_is_signed_already_is_refused() {
        let twice = signed(&program(), Signer::Own).unwrap();
        for wrong in [&b""[..], &[0; 4096], &program()[..200], &twice] {
            assert!(signed(wrong, Signer::Own).is_err());
        }
    }
}
