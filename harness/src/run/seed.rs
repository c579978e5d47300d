//! Everything random of a run, out of its seed and the case's id.

use bootwright_images::Nonce;
use sha2::{Digest, Sha256};

/// The nonce of a medium: it differs from run to run by the seed, from case to case by its id.
pub fn nonce(seed: u64, case: &str, medium: &str) -> Nonce {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(case.as_bytes());
    hash.update([0]);
    hash.update(medium.as_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Nonce(bytes)
}

/// A number for the n-th random decision of a case: the same for the same seed and id.
pub fn draw(seed: u64, case: &str, number: u32) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(case.as_bytes());
    hash.update(number.to_le_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash.finalize()[..8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ_by_seed_case_and_medium_and_by_nothing_else() {
        let all = [nonce(1, "a", "m"), nonce(2, "a", "m"), nonce(1, "b", "m"), nonce(1, "a", "n"), nonce(1, "am", "")];
        let distinct: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(nonce(1, "a", "m").to_string(), all[0].to_string());
    }

    #[test]
    fn draws_differ_by_their_number_and_are_repeatable() {
        assert_ne!(draw(1, "a", 0), draw(1, "a", 1));
        assert_eq!(draw(1, "a", 1), draw(1, "a", 1));
    }
}
