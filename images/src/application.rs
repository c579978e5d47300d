//! The EFI application that a medium carries.

use crate::{After, ImageError, MediumSpec, Nonce, authenticode, payload};

/// The one of this medium, which does `after` once it has reported, signed as the medium says.
///
/// # Errors
///
/// [`ImageError::Name`].
pub fn of(spec: &MediumSpec, nonce: Nonce, after: After) -> Result<Vec<u8>, ImageError> {
    let program = payload::efi_application_for(spec.efi, &spec.name, nonce, after)?;
    match spec.signed_by {
        Some(signer) => authenticode::signed(&program, signer),
        None => Ok(program),
    }
}
