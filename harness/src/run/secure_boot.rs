//! The keys of Secure Boot and of shim that a machine finds in its store, as variables: certificates of the project's signers, and
//! digests of the programs on the machine's own media.

use bootwright_images::{Nonce, Signer};

use super::error::RunError;
use super::programs;
use crate::evidence::nvram::{DatabaseEntry, NewVariable, secure_boot_variables, shim_variables};
use crate::machine::{Machine, ShimVariables, Signature};

/// The variables of a machine's keys and those of shim; none where it has the template's.
///
/// # Errors
///
/// The medium whose program could not be made.
pub fn variables(machine: &Machine, nonce: impl Fn(&str) -> Nonce) -> Result<Vec<NewVariable>, RunError> {
    let certificate = |signer: Signer| DatabaseEntry::Certificate(signer.certificate().to_vec());
    let entry = |signature: &Signature| match signature {
        Signature::Certificate(signer) => Ok(certificate(*signer)),
        Signature::Program(medium) => programs::of_medium(machine, medium, &nonce).map(DatabaseEntry::Sha256),
    };
    let entries = |signatures: &[Signature]| signatures.iter().map(entry).collect::<Result<Vec<_>, RunError>>();
    let mut variables = Vec::new();
    if let Some(keys) = &machine.variable_store.keys {
        let platform: Vec<DatabaseEntry> = keys.platform.map(certificate).into_iter().collect();
        let (allowed, forbidden) = (entries(&keys.allowed)?, entries(&keys.forbidden)?);
        variables.extend(secure_boot_variables(&platform, &allowed, &forbidden, keys.disabled));
    }
    if let Some(ShimVariables { trusted, forbidden, sbat_level, sbat_policy, insecure }) = &machine.variable_store.shim
    {
        let (trusted, forbidden) = (entries(trusted)?, entries(forbidden)?);
        variables.extend(shim_variables(&trusted, &forbidden, sbat_level.as_deref(), *sbat_policy, *insecure));
    }
    Ok(variables)
}
