//! The cluster's keys: its certificate authority, the key that signs tokens, and each server's own
//! certificate; and the certificates of those who asked for one.
//!
//! **Invariant:** keys are made once for a cluster, by whichever server comes first, and live as
//! Secrets in `kube-system`, which the store seals. A server's own key lives in its memory alone.

mod authority;
mod front_proxy;
mod keep;
mod serving;
mod sign;

pub use authority::Authority;
pub use front_proxy::FrontProxy;

use api::SigningKey;
use rcgen::KeyPair;
use store::{Store, StoreError};
use thiserror::Error;

use keep::{Kept, keep};

const TOKEN_KEY_SECRET: &str = "longshore-token-key";
const PRIVATE_PEM: &str = "private.pem";
const PUBLIC_PEM: &str = "public.pem";

#[derive(Debug, Error)]
pub enum PkiError {
    #[error("the cluster's keys can not be read: {0}")]
    Store(#[from] StoreError),
    #[error("the secret kube-system/{name} is damaged: {why}; restore it from a backup")]
    Damaged { name: &'static str, why: String },
    #[error("a key or certificate can not be made: {0}")]
    Crypto(String),
}

impl From<rcgen::Error> for PkiError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}

/// The key that signs tokens: made at the cluster's first start, loaded afterwards.
///
/// # Errors
/// When the store is away or the secret is damaged.
pub async fn signing_key(store: &dyn Store) -> Result<SigningKey, PkiError> {
    let mut kept = keep(store, TOKEN_KEY_SECRET, "Opaque", || {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        Ok(Kept::from([
            (PRIVATE_PEM.to_owned(), key.serialize_pem()),
            (PUBLIC_PEM.to_owned(), key.public_key_pem()),
        ]))
    })
    .await?;
    let mut take = |name: &str| {
        kept.remove(name).ok_or_else(|| PkiError::Damaged {
            name: TOKEN_KEY_SECRET,
            why: format!("{name} is missing"),
        })
    };
    Ok(SigningKey { private_pem: take(PRIVATE_PEM)?, public_pem: take(PUBLIC_PEM)? })
}

#[cfg(test)]
mod tests;
