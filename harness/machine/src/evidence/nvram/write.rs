//! Writes variables into a store, as firmware does: behind those that are there, the earlier copy marked as deleted.

use super::path_bytes::wide;
use super::{GLOBAL_VARIABLE, Guid, NvramError, StoreFormat, VariableStore, decode};

/// First bytes of a variable's header: its mark, written completely, and a reserved byte.
const WRITTEN: [u8; 4] = [0xaa, 0x55, 0x3f, 0];
/// What a state loses when its variable is deleted (`VAR_DELETED` in `MdeModulePkg/Include/Guid/VariableFormat.h`).
const DELETED: u8 = 0xfd;
/// Offset of the state in a variable's header.
const STATE: usize = 2;
/// `EFI_VARIABLE_NON_VOLATILE`, `_BOOTSERVICE_ACCESS`, `_RUNTIME_ACCESS` (UEFI specification, section 8.2).
const KEPT: u32 = 1;
const AT_BOOT: u32 = 2;
const AT_RUN_TIME: u32 = 4;
/// `EFI_VARIABLE_TIME_BASED_AUTHENTICATED_WRITE_ACCESS`.
const AUTHENTICATED: u32 = 0x20;
/// `EFI_TIME` (section 8.3) of 2026-01-01 00:00:00 UTC, for those: a later one is accepted in its place.
const WRITTEN_AT: [u8; 16] = [0xea, 0x07, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A variable to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVariable {
    /// Its vendor.
    pub vendor: Guid,
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: u32,
    /// Its value.
    pub data: Vec<u8>,
}

impl NewVariable {
    /// One of `EFI_GLOBAL_VARIABLE` with the attributes of the boot variables (UEFI specification, section 3.3).
    pub fn global(name: impl Into<String>, data: Vec<u8>) -> NewVariable {
        NewVariable { vendor: GLOBAL_VARIABLE, name: name.into(), attributes: KEPT | AT_BOOT | AT_RUN_TIME, data }
    }

    /// One that only its owner may change, as those of Secure Boot are.
    pub fn authenticated(vendor: Guid, name: impl Into<String>, data: Vec<u8>) -> NewVariable {
        let attributes = KEPT | AT_BOOT | AT_RUN_TIME | AUTHENTICATED;
        NewVariable { vendor, name: name.into(), attributes, data }
    }

    /// One that the operating system does not see.
    pub fn of_boot(vendor: Guid, name: impl Into<String>, data: Vec<u8>) -> NewVariable {
        NewVariable { vendor, name: name.into(), attributes: KEPT | AT_BOOT, data }
    }
}

/// The store with these variables in place of those of the same names.
///
/// # Errors
/// What [`decode`] says, and [`NvramError::NoRoom`].
pub fn with_variables(bytes: &[u8], variables: &[NewVariable]) -> Result<Vec<u8>, NvramError> {
    let store = decode(bytes)?;
    let mut written = bytes.to_vec();
    let mut at = (store.offset + store.used).next_multiple_of(4);
    let free = (store.offset + store.size).saturating_sub(at);
    let records: Vec<Vec<u8>> = variables.iter().map(|variable| record(&store, variable)).collect();
    let needed = records.iter().map(Vec::len).sum();
    if needed > free {
        return Err(NvramError::NoRoom { needed, free });
    }
    for (variable, record) in variables.iter().zip(records) {
        if let Some(old) = store.get(variable.vendor, &variable.name) {
            written[old.offset + STATE] &= DELETED;
        }
        written[at..at + record.len()].copy_from_slice(&record);
        at += record.len();
    }
    Ok(written)
}

/// A variable with its header, filled up to where the next one begins.
fn record(store: &VariableStore, variable: &NewVariable) -> Vec<u8> {
    let (name, data) = (wide(&variable.name), &variable.data);
    let mut record = WRITTEN.to_vec();
    record.extend(variable.attributes.to_le_bytes());
    if store.format == StoreFormat::Authenticated {
        record.extend([0; 8]); // counter
        record.extend(if variable.attributes & AUTHENTICATED == 0 { [0; 16] } else { WRITTEN_AT });
        record.extend([0; 4]); // index of the key
    }
    for length in [name.len(), data.len()] {
        record.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    record.extend(variable.vendor.0);
    record.extend(name);
    record.extend(data);
    record.resize(record.len().next_multiple_of(4), 0xff);
    record
}

#[cfg(test)]
mod tests {
    use super::super::tests::volume;
    use super::*;

    fn empty(format: StoreFormat) -> Vec<u8> {
        volume(format, &[])
    }

    fn variables(order: &[u8]) -> Vec<NewVariable> {
        vec![NewVariable::global("BootOrder", order.to_vec()), NewVariable::global("BootNext", vec![7, 0])]
    }

    #[test]
    fn what_was_written_is_read_back_and_a_second_value_takes_the_place_of_the_first() {
        for format in [StoreFormat::Authenticated, StoreFormat::Plain] {
            let first = with_variables(&empty(format), &variables(&[1, 0, 2, 0])).unwrap();
            let store = decode(&first).unwrap();
            assert_eq!((store.boot_order(), store.boot_next()), (Some(vec![1, 2]), Some(7)));
            let again = decode(&with_variables(&first, &variables(&[3, 0])).unwrap()).unwrap();
            assert_eq!((again.boot_order(), again.boot_next()), (Some(vec![3]), Some(7)));
            assert_eq!((again.problems.len(), again.variables.len()), (0, 2));
            assert_eq!(again.variables[0].attributes, 7);
        }
    }

    #[test]
    fn a_store_without_room_is_left_as_it_is() {
        let refused =
            with_variables(&empty(StoreFormat::Authenticated), &[NewVariable::global("Boot0001", vec![0; 4096])]);
        assert!(
            matches!(refused, Err(NvramError::NoRoom { needed, free }) if needed > 4096 && free < needed),
            "{refused:?}"
        );
        assert!(matches!(with_variables(&[0xff; 4096], &[]), Err(NvramError::NotAVolume { .. })));
    }
}
