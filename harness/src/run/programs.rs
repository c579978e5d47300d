//! The EFI applications on a machine's media and on its networks, and their digests as firmware measures them.

use std::collections::BTreeMap;

use bootwright_images::{ImageError, Nonce, authenticode, payload};

use super::error::RunError;
use super::system::own_program;
use crate::machine::{FileContent, Machine};

/// Authenticode SHA-256 of each medium's program, where its medium has one of the project's; none for a machine without a TPM, which
/// tells nobody of them.
///
/// # Errors
///
/// The medium whose program could not be made.
pub fn digests(machine: &Machine, nonce: impl Fn(&str) -> Nonce) -> Result<BTreeMap<String, [u8; 32]>, RunError> {
    let media = machine.devices.iter().filter_map(|device| device.medium.as_ref());
    let mut digests = BTreeMap::new();
    if machine.tpm.is_none() {
        return Ok(digests);
    }
    for medium in media.filter(|medium| medium.after().is_some()) {
        digests.insert(medium.name.clone(), of_medium(machine, &medium.name, &nonce)?);
    }
    let served = machine.networks.iter().flat_map(|network| &network.served);
    for served in served.filter(|served| served.program.efi().is_some()) {
        let digest = served.bytes(nonce(&served.medium)).and_then(|program| authenticode::sha256(&program));
        digests.insert(served.medium.clone(), digest.map_err(|error| of(&served.medium, error))?);
    }
    Ok(digests)
}

/// That of one medium in a drive.
///
/// # Errors
///
/// That its program could not be made.
pub fn of_medium(machine: &Machine, medium: &str, nonce: impl Fn(&str) -> Nonce) -> Result<[u8; 32], RunError> {
    let device = machine.device_with_medium(medium);
    if let Some(system) = device.and_then(|device| machine.devices[device].medium.as_ref()?.system.as_ref()) {
        let own = system.files.iter().find_map(|(_, content)| match content {
            FileContent::Program(program) => Some(program),
            _ => None,
        });
        let own = own.ok_or_else(|| RunError::new(format!("\"{medium}\" has no program of ours among its files")))?;
        let program = own_program(own, (medium, nonce(medium)));
        return program.and_then(|program| authenticode::sha256(&program)).map_err(|error| of(medium, error));
    }
    let after = device.and_then(|device| machine.devices[device].medium.as_ref()?.after()).unwrap_or_default();
    let board = machine.board.facts();
    let efi = board.efi().ok_or_else(|| RunError::new(format!("{} runs no EFI application", board.name)))?;
    let program = payload::efi_application_for(efi, medium, nonce(medium), after);
    program.and_then(|program| authenticode::sha256(&program)).map_err(|error| of(medium, error))
}

fn of(medium: &str, error: ImageError) -> RunError {
    RunError::because(format!("the program of \"{medium}\""), error)
}
