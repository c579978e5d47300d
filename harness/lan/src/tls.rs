//! A certificate authority made for one run, and certificates for the lan's server.
//!
//! The keys come from the host's random source, not from the lan's seed. They are RSA keys, which every firmware reads:
//! OVMF up to 2022.11 knows no elliptic curve, neither in a certificate nor in a key exchange.

mod ffdhe;

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::OsRng;
use serde::{Deserialize, Serialize};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;

use super::text_form;

/// Why a certificate could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made.
    #[error("certificate for \"{subject}\" could not be made")]
    Certificate {
        /// Whom it is for.
        subject: String,
        /// The maker's reason.
        source: rcgen::Error,
    },
    /// No key could be made.
    #[error("no RSA key could be made")]
    Key {
        /// The maker's reason.
        source: rsa::Error,
    },
    /// The certificate and the key do not serve.
    #[error("server certificate or key cannot be used")]
    Unusable {
        /// The library's reason.
        source: rustls::Error,
    },
}

/// A certificate authority.
///
/// ```
/// use bootwright_lan::tls::Authority;
///
/// let authority = Authority::new("boot test")?;
/// let identity = authority.issue(&["10.77.0.1", "boot.example"])?;
/// assert!(authority.pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// assert_eq!(identity.certificate[0], 0x30); // a DER sequence
/// # Ok::<(), bootwright_lan::tls::TlsError>(())
/// ```
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
    pem: String,
}

/// What kind of key a server has. The authority's own is always RSA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA of 2048 bits, which every firmware reads.
    #[default]
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
}

/// When a server's certificate is valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Validity {
    /// From 2000 to 2049.
    #[default]
    Always,
    /// In 2000 only.
    Expired,
    /// From 2048.
    NotYet,
}

/// A server's certificate and key.
#[derive(Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Identity {
    /// Certificate, DER.
    #[serde(with = "text_form::bytes")]
    #[schemars(with = "text_form::Bytes")]
    pub certificate: Vec<u8>,
    /// Private key, PKCS #8 DER.
    #[serde(with = "text_form::bytes")]
    #[schemars(with = "text_form::Bytes")]
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Identity").field("certificate_len", &self.certificate.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Authority").field("pem", &self.pem).finish_non_exhaustive()
    }
}

impl Authority {
    /// An authority with a new RSA key of 2048 bits, valid from 2000 to 2049, whatever clock the guest has.
    ///
    /// # Errors
    /// [`TlsError::Key`] or [`TlsError::Certificate`] if the host gives no random numbers.
    pub fn new(name: &str) -> Result<Self, TlsError> {
        let failed = |source| TlsError::Certificate { subject: name.to_owned(), source };
        let mut params = params(name, Vec::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyKind::Rsa2048.generate(&failed)?;
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self { der: certificate.der().to_vec(), pem: certificate.pem(), issuer: Issuer::new(params, key) })
    }

    /// A certificate for a server with these names and addresses: RSA, and valid whatever clock the guest has.
    ///
    /// # Errors
    /// [`TlsError::Certificate`] if a name is not one, or the host gives no random numbers.
    pub fn issue(&self, names: &[&str]) -> Result<Identity, TlsError> {
        self.issue_with(names, KeyKind::default(), Validity::default())
    }

    /// A certificate of another kind for a server with these names and addresses. One with a wrong name is one whose names
    /// are not those that the guest asks for.
    ///
    /// # Errors
    /// [`TlsError::Certificate`] if a name is not one, or the host gives no random numbers; [`TlsError::Key`].
    pub fn issue_with(&self, names: &[&str], kind: KeyKind, validity: Validity) -> Result<Identity, TlsError> {
        let subject = names.first().copied().unwrap_or("server");
        let failed = |source| TlsError::Certificate { subject: subject.to_owned(), source };
        let mut params = params(subject, names.iter().map(|name| (*name).to_owned()).collect()).map_err(failed)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = match validity {
            Validity::Always => (params.not_before, params.not_after),
            Validity::Expired => (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1)),
            Validity::NotYet => (date_time_ymd(2048, 1, 1), date_time_ymd(2049, 1, 1)),
        };
        let key = kind.generate(&failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Identity { certificate: certificate.der().to_vec(), key: key.serialize_der() })
    }

    /// The authority's certificate, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority as OVMF takes it by `-fw_cfg name=etc/edk2/https/cacerts,file=...`: one EFI_SIGNATURE_LIST of type
    /// EFI_CERT_X509_GUID (UEFI specification 32.4.1) with an all-zero owner.
    pub fn edk2_cacerts(&self) -> Vec<u8> {
        let x509 = [0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72];
        let signature_len = 16 + self.der.len() as u32;
        let mut list = x509.to_vec();
        for word in [28 + signature_len, 0, signature_len] {
            list.extend_from_slice(&word.to_le_bytes());
        }
        list.extend_from_slice(&[0; 16]);
        list.extend_from_slice(&self.der);
        list
    }
}

fn params(name: &str, names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    Ok(params)
}

impl KeyKind {
    /// A new key.
    fn generate(self, failed: &impl Fn(rcgen::Error) -> TlsError) -> Result<KeyPair, TlsError> {
        let bits = match self {
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::EcdsaP256 => return KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(failed),
            Self::EcdsaP384 => return KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).map_err(failed),
            Self::Ed25519 => return KeyPair::generate_for(&rcgen::PKCS_ED25519).map_err(failed),
        };
        let key = RsaPrivateKey::new(&mut OsRng, bits).map_err(|source| TlsError::Key { source })?;
        let der = key.to_pkcs8_der().map_err(|source| TlsError::Key { source: source.into() })?;
        let der = rustls::pki_types::PrivatePkcs8KeyDer::from(der.as_bytes());
        KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256).map_err(failed)
    }
}

/// What makes TLS of a byte stream.
///
/// # Errors
/// [`TlsError::Unusable`] if key and certificate do not fit.
pub(super) fn acceptor(identity: &Identity) -> Result<TlsAcceptor, TlsError> {
    let unusable = |source| TlsError::Unusable { source };
    let provider = Arc::new(ffdhe::provider());
    let certificate = rustls::pki_types::CertificateDer::from(identity.certificate.clone());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.key.clone());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_for_edk2_is_as_long_as_it_says() {
        let authority = Authority::new("test").unwrap();
        let list = authority.edk2_cacerts();
        let word = |at: usize| u32::from_le_bytes(list[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!((word(16), word(20), word(24)), (list.len(), 0, list.len() - 28));
        assert_eq!(&list[44..], authority.der());
    }

    #[test]
    fn a_server_with_anothers_key_is_refused() {
        let authority = Authority::new("test").unwrap();
        let one = authority.issue(&["10.77.0.1"]).unwrap();
        let two = authority.issue(&["10.77.0.1"]).unwrap();
        assert!(acceptor(&one).is_ok());
        assert!(acceptor(&Identity { key: two.key, ..one }).is_err());
    }
}
