//! The certificate that a server shows: made at its start, renewed while it runs.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use super::{Authority, PkiError, authority::params};

const DAYS: u32 = 90;
/// Long before it ends: a server that can not renew has time to be looked at.
const RENEWED_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);

impl Authority {
    /// How a server speaks TLS: a certificate for the names and addresses under which it is reached,
    /// besides those that every server has and this machine's name; clients may show one of ours.
    /// `api_service` is the address of the service `kubernetes`.
    ///
    /// # Errors
    /// When a name can not stand in a certificate.
    pub fn server_config(
        self: &Arc<Self>,
        names: &[String],
        addresses: &[IpAddr],
        api_service: IpAddr,
    ) -> Result<ServerConfig, PkiError> {
        let crypto = |error: &dyn fmt::Display| PkiError::Crypto(error.to_string());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from(self.certificate_der()?)).map_err(|e| crypto(&e))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|error| crypto(&error))?;
        let subject = Subject::new(names, addresses, api_service);
        let serving = Serving::new(self.clone(), subject)?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| crypto(&error))?;
        Ok(config.with_client_cert_verifier(clients).with_cert_resolver(Arc::new(serving)))
    }
}

/// Names under which every server is known: to this machine, and to pods.
const NAMES: &[&str] = &[
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What the certificate is for.
struct Subject {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Subject {
    fn new(names: &[String], addresses: &[IpAddr], api_service: IpAddr) -> Self {
        let mut all_names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        all_names.extend(names.iter().cloned());
        all_names.extend(hostname());
        all_names.sort();
        all_names.dedup();
        let mut all_addresses = vec![LOOPBACK, api_service];
        all_addresses.extend(addresses.iter().filter(|address| !address.is_unspecified()));
        all_addresses.sort();
        all_addresses.dedup();
        Self { names: all_names, addresses: all_addresses }
    }

    fn params(&self) -> Result<CertificateParams, PkiError> {
        let mut params = params("longshore", DAYS, self.names.clone())?;
        let addresses = self.addresses.iter().copied().map(SanType::IpAddress);
        params.subject_alt_names.extend(addresses);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}

/// This machine's name, if it can stand in a certificate.
fn hostname() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    object::name::subdomain(&name.to_lowercase()).is_ok().then_some(name)
}

/// The present certificate, and when it was made.
struct Serving {
    authority: Arc<Authority>,
    subject: Subject,
    present: Mutex<(Arc<CertifiedKey>, Instant)>,
}

impl Serving {
    fn new(authority: Arc<Authority>, subject: Subject) -> Result<Self, PkiError> {
        let first = make(&authority, &subject)?;
        let present = Mutex::new((Arc::new(first), Instant::now()));
        Ok(Self { authority, subject, present })
    }

    /// The certificate to show now; a new one when the present is old.
    fn at(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(present.1) >= RENEWED_AFTER {
            match make(&self.authority, &self.subject) {
                Ok(renewed) => *present = (Arc::new(renewed), now),
                Err(error) => tracing::error!(%error, "the server's certificate is not renewed"),
            }
        }
        present.0.clone()
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Serving")
    }
}

impl ResolvesServerCert for Serving {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.at(Instant::now()))
    }
}

fn make(authority: &Authority, subject: &Subject) -> Result<CertifiedKey, PkiError> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = subject.params()?.signed_by(&key, authority.issuer())?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signing = rustls::crypto::ring::sign::any_ecdsa_type(&der)
        .map_err(|error| PkiError::Crypto(error.to_string()))?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], signing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_renews_its_certificate_while_it_runs() {
        let store = store::Memory::new(store::Limits::default());
        let authority = Authority::load(&store).await.unwrap();
        let subject = Subject::new(&[], &[], LOOPBACK);
        let serving = Serving::new(authority, subject).unwrap();
        let now = Instant::now();
        let first = serving.at(now).cert.clone();
        assert_eq!(serving.at(now + RENEWED_AFTER / 2).cert, first);
        let second = serving.at(now + RENEWED_AFTER).cert.clone();
        assert_ne!(second, first);
        assert_eq!(serving.at(now + RENEWED_AFTER * 3 / 2).cert, second);
    }
}
