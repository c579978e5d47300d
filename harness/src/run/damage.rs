//! Damages the bytes of a variable store as [`Damage`] says. Pure: bytes in, bytes out.

use super::error::RunError;
use crate::evidence::nvram::{self, StoreFormat, VariableStore};
use crate::machine::Damage;

/// Vendor of the variables that fill a store: ours, so that no firmware gives them a meaning.
const FILLER_VENDOR: [u8; 16] =
    [0x16, 0x12, 0x07, 0xb0, 0x1e, 0x5c, 0x8a, 0x4d, 0x9b, 0x3e, 0x61, 0x0c, 0xd2, 0x7f, 0x48, 0xf1];

/// Bytes of the name of each of them: ten UTF-16 units and a NUL.
const FILLER_NAME: usize = 22;

/// Bytes of all but the last of them, header and name included.
const FILLER: usize = 1108;

/// The same store, damaged.
///
/// # Errors
///
/// That the store is not one in which this can be done: undecodable, without that variable, or too full already.
pub fn damaged(store: &[u8], damage: &Damage) -> Result<Vec<u8>, RunError> {
    let mut bytes = store.to_vec();
    let decoded = || nvram::decode(store).map_err(|error| RunError::because("the store cannot be damaged", error));
    match damage {
        Damage::Garbage => {
            fastrand::Rng::with_seed(store.len() as u64).fill(&mut bytes);
        }
        Damage::Erased => bytes.fill(0xff),
        Damage::ErasedVolumeHeader => bytes[..decoded()?.offset].fill(0xff),
        Damage::ErasedStoreHeader => {
            let at = decoded()?.offset;
            bytes[at..at + nvram::STORE_HEADER].fill(0xff);
        }
        Damage::BadVariable { name } => {
            let decoded = decoded()?;
            let variable = decoded.variables.iter().find(|variable| variable.name == *name);
            let missing = || RunError::new(format!("the store has no variable {name:?} that could be damaged"));
            let at = variable.ok_or_else(missing)?.offset;
            bytes[at..at + 2].fill(0);
        }
        Damage::Full { left } => fill(&mut bytes, &decoded()?, *left)?,
    }
    Ok(bytes)
}

/// Writes variables behind those that are there until `left` bytes are free.
fn fill(bytes: &mut [u8], store: &VariableStore, left: usize) -> Result<(), RunError> {
    let header = match store.format {
        StoreFormat::Authenticated => 60,
        StoreFormat::Plain => 32,
    };
    let mut at = (store.offset + store.used).next_multiple_of(4);
    let end = (store.offset + store.size).saturating_sub(left) & !3;
    let least = (header + FILLER_NAME + 1).next_multiple_of(4);
    if at == end {
        return Ok(());
    }
    if at + least > end {
        let free = (store.offset + store.size).saturating_sub(at);
        let what = format!("the store has {free} free bytes, too few to be filled until {left} are left");
        return Err(RunError::new(what));
    }
    let mut number = 0;
    while at < end {
        // the last one takes what a whole one would leave over
        let size = if end - at < 2 * FILLER { end - at } else { FILLER };
        let data = size - header - FILLER_NAME;
        let record = &mut bytes[at..at + size];
        record.fill(number as u8);
        record[..header].fill(0);
        record[..4].copy_from_slice(&[0xaa, 0x55, 0x3f, 0]); // start mark, written completely
        record[4..8].copy_from_slice(&7u32.to_le_bytes()); // non-volatile, boot services, run time
        record[header - 24..header - 20].copy_from_slice(&(FILLER_NAME as u32).to_le_bytes());
        record[header - 20..header - 16].copy_from_slice(&(data as u32).to_le_bytes());
        record[header - 16..header].copy_from_slice(&FILLER_VENDOR);
        let name = format!("Filler{number:04}\0");
        for (place, letter) in record[header..header + FILLER_NAME].chunks_exact_mut(2).zip(name.bytes()) {
            place.copy_from_slice(&[letter, 0]);
        }
        at += size;
        number += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty store of 8 KiB in a volume of 12: what a template looks like.
    fn template() -> Vec<u8> {
        let mut bytes = vec![0xff; 12 << 10];
        bytes[..72].fill(0);
        bytes[16..32].copy_from_slice(&[
            0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50,
        ]);
        bytes[40..44].copy_from_slice(b"_FVH");
        bytes[48] = 72;
        let sum = bytes[..72]
            .chunks_exact(2)
            .fold(0u16, |sum, pair| sum.wrapping_add(u16::from_le_bytes([pair[0], pair[1]])));
        bytes[50..52].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
        bytes[72..88].copy_from_slice(&[
            0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92,
        ]);
        bytes[88..92].copy_from_slice(&8192u32.to_le_bytes());
        bytes[92..100].copy_from_slice(&[0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_filled_store_is_sound_and_has_what_was_left() {
        for left in [0, 4, 100, 1000, 5000] {
            let store = nvram::decode(&damaged(&template(), &Damage::Full { left }).unwrap()).unwrap();
            assert_eq!(store.problems, Vec::<String>::new());
            assert_eq!(store.size - store.used, left);
            assert_eq!(store.variables[0].name, "Filler0000");
            assert!(store.variables.iter().all(|variable| variable.data.len() < 2 * FILLER));
        }
    }

    #[test]
    fn a_store_that_has_less_than_should_be_left_is_refused() {
        let refused = damaged(&template(), &Damage::Full { left: 8100 }).unwrap_err().to_string();
        assert_eq!(refused, "the store has 8164 free bytes, too few to be filled until 8100 are left");
    }

    #[test]
    fn what_lies_behind_a_bad_variable_is_not_found() {
        let full = damaged(&template(), &Damage::Full { left: 0 }).unwrap();
        let bad = |name: &str| damaged(&full, &Damage::BadVariable { name: name.to_owned() });
        let store = nvram::decode(&bad("Filler0003").unwrap()).unwrap();
        let names: Vec<&str> = store.variables.iter().map(|variable| variable.name.as_str()).collect();
        assert_eq!(names, ["Filler0000", "Filler0001", "Filler0002"]);
        assert!(store.problems[0].contains("neither a variable nor free space"), "{:?}", store.problems);
        let refused = bad("BootOrder").unwrap_err().to_string();
        assert_eq!(refused, "the store has no variable \"BootOrder\" that could be damaged");
    }

    #[test]
    fn headers_and_everything_can_go() {
        let problem = |damage: Damage| nvram::decode(&damaged(&template(), &damage).unwrap()).unwrap_err().to_string();
        assert!(problem(Damage::ErasedVolumeHeader).contains("no \"_FVH\" at offset 0x28"));
        assert!(problem(Damage::ErasedStoreHeader).contains("variable store at offset 0x48: signature is FFFFFFFF"));
        assert!(problem(Damage::Erased).contains("no \"_FVH\""));
        assert!(problem(Damage::Garbage).contains("no \"_FVH\""));
        let again = damaged(&template(), &Damage::Garbage).unwrap();
        assert_eq!(again, damaged(&template(), &Damage::Garbage).unwrap(), "the same garbage every time");
    }

    #[test]
    fn a_store_that_cannot_be_read_cannot_be_filled() {
        let erased = vec![0xff; 4096];
        let refused = damaged(&erased, &Damage::Full { left: 0 }).unwrap_err();
        assert!(crate::error::chain(&refused).contains("not a variable store"));
        assert_eq!(damaged(&erased, &Damage::Erased).unwrap(), erased);
    }
}
