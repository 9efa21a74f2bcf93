//! What the wiring gives the API.

use planning::admission;

use crate::streams::Identity;

/// The ES256 key that signs tokens, as PEM: PKCS 8 and its public half.
#[derive(Clone)]
pub struct SigningKey {
    pub private_pem: String,
    pub public_pem: String,
}

/// Keys are never shown.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub signing_key: SigningKey,
    /// Who says so in tokens, and their audience unless a request names others.
    pub issuer: String,
    /// Identity providers whose users are let in.
    pub issuers: Vec<crate::oidc::Issuer>,
    /// Ranges of addresses and ports.
    pub admission: admission::Settings,
    /// How long a session lasts.
    pub session_seconds: u64,
    /// How many requests are served at once, over all priority levels.
    pub seats: u32,
    /// How long a watch lasts that names no time.
    pub watch_seconds: u64,
    /// Who we are to aggregated APIs.
    pub front_proxy: Option<Identity>,
}

impl Settings {
    /// The usual settings with a key.
    pub fn new(signing_key: SigningKey) -> Self {
        Self {
            signing_key,
            issuer: "https://kubernetes.default.svc.cluster.local".to_owned(),
            issuers: Vec::new(),
            admission: admission::Settings::default(),
            session_seconds: 12 * 3600,
            seats: 600,
            watch_seconds: 2700,
            front_proxy: None,
        }
    }
}
