//! The variables that shim keeps (shim, `include/guid.h`, `mok.c`, `include/sbat.h`).

use super::signature_list::{DatabaseEntry, signature_lists};
use super::{Guid, NewVariable};

/// `SHIM_LOCK_GUID`.
const SHIM_LOCK: Guid =
    Guid([0x50, 0xab, 0x5d, 0x60, 0x46, 0xe0, 0x00, 0x43, 0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23]);

/// MokList, MokListX, SbatLevel, SbatPolicy and MokSBState: those that have something in them. shim takes none of them that an
/// operating system could have written, but for SbatPolicy, which is its way to ask.
pub fn shim_variables(
    trusted: &[DatabaseEntry],
    forbidden: &[DatabaseEntry],
    sbat_level: Option<&str>,
    sbat_policy: Option<u8>,
    insecure: bool,
) -> Vec<NewVariable> {
    let lists = [("MokList", trusted), ("MokListX", forbidden)].into_iter().filter(|(_, entries)| !entries.is_empty());
    let lists = lists.map(|(name, entries)| NewVariable::of_boot(SHIM_LOCK, name, signature_lists(entries)));
    let level = sbat_level.map(|level| NewVariable::of_boot(SHIM_LOCK, "SbatLevel", level.as_bytes().to_vec()));
    let policy =
        sbat_policy.map(|policy| NewVariable { vendor: SHIM_LOCK, ..NewVariable::global("SbatPolicy", vec![policy]) });
    let state = insecure.then(|| NewVariable::of_boot(SHIM_LOCK, "MokSBState", vec![1]));
    lists.chain(level).chain(policy).chain(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_variable_is_shims_and_only_the_policy_is_seen_by_an_operating_system() {
        let key = [DatabaseEntry::Certificate(vec![1])];
        let all = shim_variables(&key, &key, Some("sbat,1,2021030218\n"), Some(3), true);
        let seen: Vec<(&str, u32)> = all.iter().map(|one| (one.name.as_str(), one.attributes)).collect();
        assert_eq!(seen, [("MokList", 3), ("MokListX", 3), ("SbatLevel", 3), ("SbatPolicy", 7), ("MokSBState", 3)]);
        assert!(all.iter().all(|one| one.vendor.to_string() == "605DAB50-E046-4300-ABB6-3DD810DD8B23"));
        assert_eq!(shim_variables(&[], &[], None, None, false), []);
    }
}
