//! The certificate authority, and the certificates that it gives.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use api::streams::Identity;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use store::Store;

use super::{
    PkiError,
    keep::{Kept, keep},
};

const SECRET: &str = "longshore-ca";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A server takes a new certificate at each start.
const CLIENT_DAYS: u32 = 800;
const AUTHORITY_DAYS: u32 = 20 * 365;
/// The cluster's certificate authority.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Loads the cluster's authority, or makes it at the cluster's first start.
    ///
    /// # Errors
    /// When the store is away or the secret is damaged.
    pub async fn load(store: &dyn Store) -> Result<Arc<Self>, PkiError> {
        Self::load_named(store, SECRET).await
    }

    /// The same for another authority, which has a Secret and a name of its own.
    ///
    /// # Errors
    /// When the store is away or the secret is damaged.
    pub(super) async fn load_named(
        store: &dyn Store,
        secret: &'static str,
    ) -> Result<Arc<Self>, PkiError> {
        let kept = keep(store, secret, "kubernetes.io/tls", || make(secret)).await?;
        let part = |name: &str| {
            let why = || PkiError::Damaged { name: secret, why: format!("{name} is missing") };
            kept.get(name).ok_or_else(why)
        };
        let damaged =
            |error: rcgen::Error| PkiError::Damaged { name: secret, why: error.to_string() };
        let key = KeyPair::from_pem(part(KEY)?).map_err(damaged)?;
        let certificate_pem = part(CERTIFICATE)?.clone();
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).map_err(damaged)?;
        Ok(Arc::new(Self { certificate_pem, issuer }))
    }

    /// The authority's certificate, for those who shall trust this cluster.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The same as DER.
    pub(super) fn certificate_der(&self) -> Result<Vec<u8>, PkiError> {
        let der = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes());
        der.map(|der| der.to_vec()).map_err(|error| PkiError::Crypto(error.to_string()))
    }

    /// What a client shows to those who trust this authority: a new certificate.
    ///
    /// # Errors
    /// When the name can not stand in a certificate.
    pub(super) fn client_identity(&self, name: &str) -> Result<Identity, PkiError> {
        let mut params = params(name, CLIENT_DAYS, Vec::new())?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Identity {
            certificate_pem: certificate.pem().into(),
            key_pem: key.serialize_pem().into(),
        })
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    pub(super) fn key(&self) -> &KeyPair {
        self.issuer.key()
    }
}

fn make(name: &str) -> Result<Kept, PkiError> {
    let mut params = params(name, AUTHORITY_DAYS, Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok(Kept::from([
        (CERTIFICATE.to_owned(), certificate.pem()),
        (KEY.to_owned(), key.serialize_pem()),
    ]))
}

pub(super) fn params(
    name: &str,
    days: u32,
    names: Vec<String>,
) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // Clocks of other machines may be behind.
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    Ok(params)
}
