//! The variable SecureBoot as a program reads it, against the keys that its machine was given.

use crate::machine::{Machine, SecureBootKeys};
use crate::trace::Payload;

/// What is wrong with what a program read; `None` where nothing is, or where firmware may do either.
pub fn difference(machine: &Machine, payload: Option<&Payload>) -> Option<String> {
    let payload = payload.filter(|payload| machine.secure_boot && payload.via == "uefi")?;
    // those of the template are in force
    let in_force = machine.variable_store.keys.as_ref().is_none_or(SecureBootKeys::are_in_force);
    let read = payload.secure_boot.map_or_else(|| "no such variable".to_owned(), |value| format!("SecureBoot={value}"));
    let wanted = u8::from(in_force);
    let what = if in_force { "in force" } else { "off" };
    let differs = payload.secure_boot != Some(wanted);
    differs.then(|| format!("Secure Boot must be {what}, and the program of \"{}\" read {read}", payload.medium))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::Signer;
    use crate::machine::{Firmware, VariableStore};

    #[test]
    fn a_program_reads_whether_the_keys_are_in_force() {
        let own = SecureBootKeys::of(Signer::Own);
        let machine = |keys: Option<&SecureBootKeys>| {
            let store = VariableStore { keys: keys.cloned(), ..VariableStore::default() };
            Machine::q35(Firmware::Ovmf).secure_boot().variable_store(store)
        };
        let read = |value| Payload { via: "uefi".to_owned(), secure_boot: value, ..Payload::default() };
        let differs = |machine: &Machine, value| difference(machine, Some(&read(value))).is_some();
        for (keys, right) in
            [(None, 1), (Some(&own), 1), (Some(&own.clone().disabled()), 0), (Some(&SecureBootKeys::setup_mode()), 0)]
        {
            let machine = machine(keys);
            assert_eq!([Some(right), Some(1 - right), None].map(|value| differs(&machine, value)), [false, true, true]);
        }
        assert!(!differs(&Machine::q35(Firmware::Ovmf), Some(1)), "the plain build may do either");
        assert_eq!(difference(&machine(None), None), None);
    }
}
