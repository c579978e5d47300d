//! Bytes in short: hexadecimal digits, SHA-256, FNV-1a.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Two lower-case digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // writing to a string cannot fail
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// SHA-256 (FIPS 180-4), 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// FNV-1a with 32 bits: the same in every version and on every host, and no secret.
pub fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        assert_eq!(hex(&[0x0f, 0xa0]), "0fa0");
        assert!(sha256(b"abc").starts_with("ba7816bf8f01cfea"));
        assert_eq!(fnv1a(b"a"), 0xe40c_292c);
    }
}
