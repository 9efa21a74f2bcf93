//! One identity provider: its documents, its keys, and tokens verified by them.

use std::{sync::Arc, time::Duration};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{Jwk, JwkSet},
};
use object::ApiError;
use reqwest::Url;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};

use super::Issuer;

/// How long keys are used before they are asked for again, and how soon an unknown key's name makes
/// us ask: a provider may have changed its keys, and nobody may make us ask without end.
const KEYS_AGE_MAX: Duration = Duration::from_secs(3600);
const KEYS_AGE_MIN: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Clocks differ.
const LEEWAY_SECONDS: u64 = 10;
/// Keys that both sides hold would let everybody sign who verifies.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The parts of the discovery document that we use.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Discovered {
    issuer: String,
    jwks_uri: String,
    pub(super) authorization_endpoint: Option<String>,
    pub(super) token_endpoint: Option<String>,
}

#[derive(Clone)]
struct Keys {
    set: Arc<JwkSet>,
    read: Instant,
}

pub(super) struct Provider {
    issuer: Issuer,
    http: reqwest::Client,
    /// Asked for once at a time.
    keys: Mutex<Option<Keys>>,
}

impl Provider {
    pub(super) fn new(issuer: &Issuer) -> Result<Self, ApiError> {
        let refuse = |why: &str| {
            Err(ApiError::bad_request(format!("identity provider {}: {why}", issuer.url)))
        };
        let Ok(url) = Url::parse(&issuer.url) else { return refuse("the URL can not be read") };
        let is_near = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if url.scheme() != "https" && !(url.scheme() == "http" && is_near) {
            return refuse("the URL must begin with https://");
        }
        if issuer.audiences.is_empty() {
            return refuse("at least one audience must be given");
        }
        let Ok(tls) = tls(issuer.ca_pem.as_deref()) else {
            return refuse("the certificate authority can not be read");
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| ApiError::internal(format!("no HTTP client: {error}")))?;
        Ok(Self { issuer: issuer.clone(), http, keys: Mutex::default() })
    }

    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The claims of a token that this provider made for us, or why it is refused.
    pub(super) async fn verify(&self, token: &str) -> Result<Map<String, Value>, String> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| error.to_string())?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(format!("{:?} is no algorithm that we take", header.alg));
        }
        let key = self.key(header.kid.as_deref()).await?;
        let key = DecodingKey::from_jwk(&key).map_err(|error| error.to_string())?;
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&self.issuer.audiences);
        validation.set_issuer(&[&self.issuer.url]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_SECONDS;
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
        decoded.map(|decoded| decoded.claims).map_err(|error| error.to_string())
    }

    /// The key of that name; without a name the only one.
    async fn key(&self, name: Option<&str>) -> Result<Jwk, String> {
        let find = |set: &JwkSet| match name {
            Some(name) => set.find(name).cloned(),
            None if set.keys.len() == 1 => set.keys.first().cloned(),
            None => None,
        };
        let mut keys = self.keys.lock().await;
        let age = keys.as_ref().map(|keys| keys.read.elapsed());
        let found = keys.as_ref().and_then(|keys| find(&keys.set));
        match (found, age) {
            (Some(key), Some(age)) if age < KEYS_AGE_MAX => return Ok(key),
            (None, Some(age)) if age < KEYS_AGE_MIN => return Err("the key is unknown".to_owned()),
            _ => {}
        }
        // A provider that does not answer is not asked by every request; what it said holds on.
        let set = match self.read_keys().await {
            Ok(set) => Arc::new(set),
            Err(why) => {
                tracing::warn!(issuer = self.issuer.url, why, "its keys can not be read");
                keys.take().map_or_else(|| Arc::new(JwkSet { keys: Vec::new() }), |old| old.set)
            }
        };
        let found = find(&set);
        *keys = Some(Keys { set, read: Instant::now() });
        found.ok_or_else(|| "the key is unknown".to_owned())
    }

    async fn read_keys(&self) -> Result<JwkSet, String> {
        let discovered = self.discover().await?;
        self.get(&discovered.jwks_uri).await
    }

    /// The provider's own description.
    pub(super) async fn discover(&self) -> Result<Discovered, String> {
        let root = self.issuer.url.trim_end_matches('/');
        let found: Discovered =
            self.get(&format!("{root}/.well-known/openid-configuration")).await?;
        if found.issuer != self.issuer.url {
            return Err(format!("the provider calls itself {:?}", found.issuer));
        }
        Ok(found)
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        read(self.http.get(url).send().await).await
    }

    /// Posts a form and reads the JSON that answers it.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        form: &[(&str, &str)],
    ) -> Result<T, String> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(url).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        read(request.header("accept", "application/json").send().await).await
    }
}

async fn read<T: DeserializeOwned>(sent: reqwest::Result<reqwest::Response>) -> Result<T, String> {
    let mut response = sent.map_err(|error| error.without_url().to_string())?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| e.without_url().to_string())? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err("the provider's answer is too long".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    if !status.is_success() {
        return Err(format!("the provider answered {status}"));
    }
    serde_json::from_slice(&body).map_err(|error| format!("the provider's answer: {error}"))
}

fn tls(ca_pem: Option<&str>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| error.to_string())?;
                roots.add(certificate).map_err(|error| error.to_string())?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
