//! The databases of Secure Boot: lists of signatures (UEFI 2.10 section 32.4.1).

use super::{GLOBAL_VARIABLE, Guid, NewVariable};

/// `EFI_IMAGE_SECURITY_DATABASE_GUID`, the vendor of db and dbx.
pub const IMAGE_SECURITY_DATABASE: Guid =
    Guid([0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f]);

/// `EFI_CERT_X509_GUID`.
const X509: Guid =
    Guid([0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72]);

/// `EFI_CERT_SHA256_GUID`.
const SHA256: Guid =
    Guid([0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28]);

/// `gEfiSecureBootEnableDisableGuid` (edk2, `SecurityPkg/SecurityPkg.dec`), the vendor of SecureBootEnable.
const SECURE_BOOT_ENABLE: Guid =
    Guid([0xc7, 0x0b, 0xa3, 0xf0, 0x08, 0xaf, 0x56, 0x45, 0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44]);

/// Who has written the entries: any GUID does.
const OWNER: Guid =
    Guid([0xb7, 0x16, 0x12, 0x07, 0x1e, 0x5c, 0x8a, 0x4d, 0x9b, 0x3e, 0x61, 0x0c, 0xd2, 0x7f, 0x48, 0xf2]);

/// An entry of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseEntry {
    /// An X.509 certificate, DER.
    Certificate(Vec<u8>),
    /// The Authenticode SHA-256 of a program.
    Sha256([u8; 32]),
}

/// A database: one `EFI_SIGNATURE_LIST` for each entry.
pub fn signature_lists(entries: &[DatabaseEntry]) -> Vec<u8> {
    let mut lists = Vec::new();
    for entry in entries {
        let (kind, data) = match entry {
            DatabaseEntry::Certificate(certificate) => (X509, certificate.as_slice()),
            DatabaseEntry::Sha256(digest) => (SHA256, digest.as_slice()),
        };
        // certificates and digests are small
        let size = (OWNER.0.len() + data.len()) as u32;
        lists.extend(kind.0);
        [28 + size, 0, size].iter().for_each(|number| lists.extend(number.to_le_bytes()));
        lists.extend(OWNER.0);
        lists.extend(data);
    }
    lists
}

/// PK, KEK, db and dbx of these entries, those that have any, and SecureBootEnable where it is 0.
pub fn secure_boot_variables(
    platform: &[DatabaseEntry],
    allowed: &[DatabaseEntry],
    forbidden: &[DatabaseEntry],
    disabled: bool,
) -> Vec<NewVariable> {
    let databases = [
        (GLOBAL_VARIABLE, "PK", platform),
        (GLOBAL_VARIABLE, "KEK", platform),
        (IMAGE_SECURITY_DATABASE, "db", allowed),
        (IMAGE_SECURITY_DATABASE, "dbx", forbidden),
    ];
    let written = databases.into_iter().filter(|(_, _, entries)| !entries.is_empty());
    let written =
        written.map(|(vendor, name, entries)| NewVariable::authenticated(vendor, name, signature_lists(entries)));
    let off = disabled.then(|| NewVariable::of_boot(SECURE_BOOT_ENABLE, "SecureBootEnable", vec![0]));
    written.chain(off).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_how_long_it_and_its_entry_are() {
        let lists = signature_lists(&[DatabaseEntry::Sha256([7; 32]), DatabaseEntry::Certificate(vec![1, 2, 3])]);
        assert_eq!(lists.len(), 28 + 16 + 32 + 28 + 16 + 3);
        let number = |at: usize| u32::from_le_bytes(lists[at..at + 4].try_into().unwrap());
        assert_eq!([number(16), number(20), number(24)], [76, 0, 48]);
        assert_eq!(lists[44..76], [7; 32]);
        assert_eq!((number(76 + 16), number(76 + 24), &lists[76 + 44..]), (47, 19, &[1, 2, 3][..]));
        assert_eq!(X509.to_string(), "A5C059A1-94E4-4AA7-87B5-AB155C2BF072");
        assert_eq!(SHA256.to_string(), "C1C41626-504C-4092-ACA9-41F936934328");
        assert_eq!(IMAGE_SECURITY_DATABASE.to_string(), "D719B2CB-3D3A-4596-A3BC-DAD00E67656F");
        assert_eq!(SECURE_BOOT_ENABLE.to_string(), "F0A30BC7-AF08-4556-99C4-001009C93A44");
    }

    #[test]
    fn a_database_without_entries_is_no_variable() {
        let names = |forbidden: &[DatabaseEntry], disabled| {
            let key = [DatabaseEntry::Certificate(vec![1])];
            let written = secure_boot_variables(&key, &key, forbidden, disabled);
            written.into_iter().map(|variable| (variable.name, variable.attributes)).collect::<Vec<_>>()
        };
        let own = |name: &str| (name.to_owned(), 0x27);
        assert_eq!(names(&[], false), ["PK", "KEK", "db"].map(own));
        let all = names(&[DatabaseEntry::Sha256([0; 32])], true);
        assert_eq!(all[3..], [own("dbx"), ("SecureBootEnable".to_owned(), 3)]);
    }
}
