//! Key exchange for firmware without elliptic curves: TLS 1.2's DHE_RSA suites over ffdhe2048 (RFC 5246, RFC 7919).
//!
//! OVMF 2022.11 offers `DHE_RSA` and plain `RSA` suites and nothing else. The group is public and the secret is that of one
//! handshake with a guest inside this process; nothing here is hardened against anybody who measures time.

use rsa::BigUint;
use rsa::rand_core::{OsRng, RngCore};
use tokio_rustls::rustls::crypto::ring::{cipher_suite, default_provider};
use tokio_rustls::rustls::crypto::{ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup};
use tokio_rustls::rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use tokio_rustls::rustls::ffdhe_groups::{FFDHE2048, FfdheGroup};
use tokio_rustls::rustls::{
    CipherSuite, Error, NamedGroup, PeerMisbehaved, ProtocolVersion, SupportedCipherSuite, Tls12CipherSuite,
};

/// Length of the group's prime, and of every public value, in bytes.
const PRIME_LEN: usize = 256;
/// Length of the private exponent in bytes: twice the strength of the group and more (RFC 7919 section 5.2).
const EXPONENT_LEN: usize = 32;

/// ring's suites and groups, and behind them those for firmware without elliptic curves.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = default_provider();
    provider
        .cipher_suites
        .extend([SupportedCipherSuite::Tls12(&DHE_RSA_AES_256), SupportedCipherSuite::Tls12(&DHE_RSA_AES_128)]);
    provider.kx_groups.push(&Ffdhe2048);
    provider
}

static DHE_RSA_AES_128: Tls12CipherSuite =
    with_dhe(&cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, CipherSuite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256);

static DHE_RSA_AES_256: Tls12CipherSuite =
    with_dhe(&cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, CipherSuite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384);

/// The suite that differs from `like` in its key exchange only. Evaluated when the crate is compiled.
const fn with_dhe(like: &SupportedCipherSuite, suite: CipherSuite) -> Tls12CipherSuite {
    match like {
        SupportedCipherSuite::Tls12(like) => Tls12CipherSuite {
            common: CipherSuiteCommon { suite, ..like.common },
            kx: KeyExchangeAlgorithm::DHE,
            ..**like
        },
        SupportedCipherSuite::Tls13(_) => panic!("a TLS 1.3 suite does not name its key exchange"),
    }
}

#[derive(Debug)]
struct Ffdhe2048;

impl SupportedKxGroup for Ffdhe2048 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut bytes = [0; EXPONENT_LEN];
        OsRng.try_fill_bytes(&mut bytes).map_err(|_| Error::FailedToGetRandomBytes)?;
        let exponent = BigUint::from_bytes_be(&bytes);
        let public = padded(&BigUint::from_bytes_be(FFDHE2048.g).modpow(&exponent, &prime()));
        Ok(Box::new(Started { exponent, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        Some(FFDHE2048)
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::FFDHE2048
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::TLSv1_2
    }
}

struct Started {
    exponent: BigUint,
    public: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    /// The peer's value must lie strictly between 1 and p - 1 (RFC 7919 section 5.1).
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let (prime, one) = (prime(), BigUint::from(1_u8));
        let peer = BigUint::from_bytes_be(peer.get(..peer.len().min(PRIME_LEN + 1)).unwrap_or_default());
        if peer <= one || peer >= &prime - &one {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&padded(&peer.modpow(&self.exponent, &prime))[..]))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        Some(FFDHE2048)
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::FFDHE2048
    }
}

fn prime() -> BigUint {
    BigUint::from_bytes_be(FFDHE2048.p)
}

/// A number below the prime as big-endian bytes, as long as the prime.
fn padded(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let mut padded = vec![0; PRIME_LEN.saturating_sub(bytes.len())];
    padded.extend(bytes);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_come_to_the_same_secret() {
        let (one, two) = (Ffdhe2048.start().unwrap(), Ffdhe2048.start().unwrap());
        let (public_one, public_two) = (one.pub_key().to_vec(), two.pub_key().to_vec());
        assert_ne!(public_one, public_two);
        let (first, second) = (one.complete(&public_two).unwrap(), two.complete(&public_one).unwrap());
        assert_eq!(first.secret_bytes(), second.secret_bytes());
        assert_eq!(first.secret_bytes().len(), PRIME_LEN);
    }

    #[test]
    fn a_value_that_fixes_the_secret_is_refused() {
        let p_minus_1 = padded(&(prime() - BigUint::from(1_u8)));
        for peer in [&[][..], &[0], &[1], &p_minus_1, FFDHE2048.p, &[0xff; 300]] {
            assert!(Ffdhe2048.start().unwrap().complete(peer).is_err(), "{peer:02x?}");
        }
    }
}
