//! The certificate authority, and the certificates that it gives.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use store::Store;

use super::{
    PkiError,
    keep::{Kept, keep},
};

const SECRET: &str = "longshore-ca";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const DAY: Duration = Duration::from_secs(24 * 3600);
const AUTHORITY_DAYS: u32 = 20 * 365;
/// A server takes a new certificate at each start.
const SERVER_DAYS: u32 = 800;
/// Names under which every server is known: to this machine, and to pods.
const NAMES: &[&str] = &[
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

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
    pub async fn load(store: &dyn Store) -> Result<Self, PkiError> {
        let kept = keep(store, SECRET, "kubernetes.io/tls", make).await?;
        let part = |name: &str| {
            let why = || PkiError::Damaged { name: SECRET, why: format!("{name} is missing") };
            kept.get(name).ok_or_else(why)
        };
        let damaged =
            |error: rcgen::Error| PkiError::Damaged { name: SECRET, why: error.to_string() };
        let key = KeyPair::from_pem(part(KEY)?).map_err(damaged)?;
        let certificate_pem = part(CERTIFICATE)?.clone();
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).map_err(damaged)?;
        Ok(Self { certificate_pem, issuer })
    }

    /// The authority's certificate, for those who shall trust this cluster.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// What a server shows to its clients: a new certificate for the names and addresses under
    /// which it is reached, besides those that every server has and this machine's name.
    /// `api_service` is the address of the service `kubernetes`.
    ///
    /// # Errors
    /// When a name can not stand in a certificate.
    pub fn server_config(
        &self,
        names: &[String],
        addresses: &[IpAddr],
        api_service: IpAddr,
    ) -> Result<ServerConfig, PkiError> {
        let mut all_names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        all_names.extend(names.iter().cloned());
        all_names.extend(hostname());
        all_names.sort();
        all_names.dedup();
        let mut params = params("longshore", SERVER_DAYS, all_names)?;
        let mut all_addresses = vec![LOOPBACK, api_service];
        all_addresses.extend(addresses.iter().filter(|address| !address.is_unspecified()));
        all_addresses.sort();
        all_addresses.dedup();
        params.subject_alt_names.extend(all_addresses.into_iter().map(SanType::IpAddress));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;

        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let chain = vec![certificate.der().clone()];
                builder.with_no_client_auth().with_single_cert(chain, key)
            })
            .map_err(|error| PkiError::Crypto(error.to_string()))
    }
}

/// This machine's name, if it can stand in a certificate.
fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    object::name::subdomain(&name.to_lowercase()).is_ok().then_some(name)
}

fn make() -> Result<Kept, PkiError> {
    let mut params = params("longshore-ca", AUTHORITY_DAYS, Vec::new())?;
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

fn params(name: &str, days: u32, names: Vec<String>) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // Clocks of other machines may be behind.
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + DAY * days).into();
    Ok(params)
}
