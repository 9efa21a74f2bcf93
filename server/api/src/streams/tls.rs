//! TLS to backends of the cluster: whom to believe, and who we are.

use std::sync::Arc;

use bytes::Bytes;
use object::ApiError;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{Error as PemError, PemObject},
    },
};
use tokio_rustls::TlsConnector;

use super::ByteStream;

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub enum Trust {
    Anyone,
    /// Those that browsers believe.
    Public,
    /// Certificate authorities in PEM.
    Bundle(Bytes),
}

/// Who we say that we are. The key is never shown.
#[derive(Clone)]
pub struct Identity {
    pub certificate_pem: Bytes,
    pub key_pem: Bytes,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// How a backend is spoken to.
#[derive(Clone)]
pub struct Tls {
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// # Errors
    /// 400-like messages for a name, bundle or identity that can not be used.
    pub fn new(
        server_name: &str,
        trust: &Trust,
        identity: Option<&Identity>,
    ) -> Result<Self, ApiError> {
        let name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| ApiError::bad_request(format!("\"{server_name}\" is no server name")))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| ApiError::internal(error.to_string()))?;
        let builder = match trust {
            Trust::Anyone => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Believing(provider)))
            }
            Trust::Public => {
                let public = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
                builder.with_root_certificates(RootCertStore { roots: public.collect() })
            }
            Trust::Bundle(pem) => builder.with_root_certificates(read_bundle(pem)?),
        };
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let unusable = || ApiError::internal("the client certificate can not be used");
                let chain: Result<Vec<_>, _> =
                    CertificateDer::pem_slice_iter(&identity.certificate_pem).collect();
                let key = PrivateKeyDer::from_pem_slice(&identity.key_pem);
                builder
                    .with_client_auth_cert(
                        chain.map_err(|_| unusable())?,
                        key.map_err(|_| unusable())?,
                    )
                    .map_err(|_| unusable())?
            }
        };
        Ok(Self { name, config: Arc::new(config) })
    }

    /// The handshake.
    ///
    /// # Errors
    /// 503 that says why the backend is not believed.
    pub(super) async fn connect(&self, stream: ByteStream) -> Result<ByteStream, ApiError> {
        let connector = TlsConnector::from(self.config.clone());
        let connected = connector.connect(self.name.clone(), stream).await.map_err(|error| {
            ApiError::unavailable(format!("error trying to reach service: tls: {error}"))
        })?;
        Ok(Box::new(connected))
    }
}

fn read_bundle(pem: &[u8]) -> Result<RootCertStore, ApiError> {
    let mut roots = RootCertStore::empty();
    let certificates: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.unwrap_or_default();
    if roots.add_parsable_certificates(certificates).0 == 0 {
        return Err(ApiError::bad_request("the CA bundle holds no certificate"));
    }
    Ok(roots)
}

/// Believes every certificate, as is asked for with `insecureSkipTLSVerify`; the handshake's
/// signatures are checked all the same.
#[derive(Debug)]
struct Believing(Arc<CryptoProvider>);

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
