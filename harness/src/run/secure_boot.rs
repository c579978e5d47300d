//! The keys of Secure Boot that a machine finds in its store, as variables: certificates of the project's signers, and digests of the
//! programs on the machine's own media.

use bootwright_images::{Nonce, Signer};

use super::error::RunError;
use super::programs;
use crate::evidence::nvram::{DatabaseEntry, NewVariable, secure_boot_variables};
use crate::machine::{Machine, Signature};

/// The variables of a machine's keys; none where it has the template's.
///
/// # Errors
///
/// The medium whose program could not be made.
pub fn variables(machine: &Machine, nonce: impl Fn(&str) -> Nonce) -> Result<Vec<NewVariable>, RunError> {
    let Some(keys) = &machine.variable_store.keys else { return Ok(Vec::new()) };
    let certificate = |signer: Signer| DatabaseEntry::Certificate(signer.certificate().to_vec());
    let entry = |signature: &Signature| match signature {
        Signature::Certificate(signer) => Ok(certificate(*signer)),
        Signature::Program(medium) => programs::of_medium(machine, medium, &nonce).map(DatabaseEntry::Sha256),
    };
    let platform: Vec<DatabaseEntry> = keys.platform.map(certificate).into_iter().collect();
    let allowed: Vec<DatabaseEntry> = keys.allowed.iter().map(entry).collect::<Result<_, RunError>>()?;
    let forbidden: Vec<DatabaseEntry> = keys.forbidden.iter().map(entry).collect::<Result<_, RunError>>()?;
    Ok(secure_boot_variables(&platform, &allowed, &forbidden, keys.disabled))
}
