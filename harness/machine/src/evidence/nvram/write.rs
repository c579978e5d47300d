//! Writes variables into a store, as firmware does: behind those that are there, the earlier copy marked as deleted.

use super::path_bytes::wide;
use super::{GLOBAL_VARIABLE, NvramError, StoreFormat, VariableStore, decode};

/// First bytes of a variable's header: its mark, written completely, and a reserved byte.
const WRITTEN: [u8; 4] = [0xaa, 0x55, 0x3f, 0];
/// What a state loses when its variable is deleted (`VAR_DELETED` in `MdeModulePkg/Include/Guid/VariableFormat.h`).
const DELETED: u8 = 0xfd;
/// Offset of the state in a variable's header.
const STATE: usize = 2;
/// Non-volatile, boot services, run time: the attributes of the boot variables (UEFI specification, section 3.3).
const ATTRIBUTES: u32 = 7;

/// The store with these variables of `EFI_GLOBAL_VARIABLE`, name and value, in place of those of the same names.
///
/// # Errors
/// What [`decode`] says, and [`NvramError::NoRoom`].
pub fn with_variables(bytes: &[u8], variables: &[(String, Vec<u8>)]) -> Result<Vec<u8>, NvramError> {
    let store = decode(bytes)?;
    let mut written = bytes.to_vec();
    let mut at = (store.offset + store.used).next_multiple_of(4);
    let free = (store.offset + store.size).saturating_sub(at);
    let records: Vec<Vec<u8>> = variables.iter().map(|(name, data)| record(&store, name, data)).collect();
    let needed = records.iter().map(Vec::len).sum();
    if needed > free {
        return Err(NvramError::NoRoom { needed, free });
    }
    for ((name, _), record) in variables.iter().zip(records) {
        if let Some(old) = store.get(GLOBAL_VARIABLE, name) {
            written[old.offset + STATE] &= DELETED;
        }
        written[at..at + record.len()].copy_from_slice(&record);
        at += record.len();
    }
    Ok(written)
}

/// A variable with its header, filled up to where the next one begins.
fn record(store: &VariableStore, name: &str, data: &[u8]) -> Vec<u8> {
    let name = wide(name);
    let mut record = WRITTEN.to_vec();
    record.extend(ATTRIBUTES.to_le_bytes());
    if store.format == StoreFormat::Authenticated {
        record.extend([0; 28]); // counter, time stamp, index of the key: of none that is not authenticated
    }
    for length in [name.len(), data.len()] {
        record.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    record.extend(GLOBAL_VARIABLE.0);
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

    fn variables(order: &[u8]) -> Vec<(String, Vec<u8>)> {
        vec![("BootOrder".to_owned(), order.to_vec()), ("BootNext".to_owned(), vec![7, 0])]
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
        let refused = with_variables(&empty(StoreFormat::Authenticated), &[("Boot0001".to_owned(), vec![0; 4096])]);
        assert!(
            matches!(refused, Err(NvramError::NoRoom { needed, free }) if needed > 4096 && free < needed),
            "{refused:?}"
        );
        assert!(matches!(with_variables(&[0xff; 4096], &[]), Err(NvramError::NotAVolume { .. })));
    }
}
