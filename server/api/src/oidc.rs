//! People whom an identity provider knows: OpenID Connect, for `kubectl` with an ID token and for
//! the dashboard's log-in.

mod claims;
mod provider;
mod sign_in;

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use object::ApiError;
use planning::access::User;
use serde_json::Value;

use provider::Provider;

pub use sign_in::{Begun, SignInOption};

/// An identity provider, and what its tokens mean here.
#[derive(Clone, Debug, Default)]
pub struct Issuer {
    /// As tokens name it; its discovery document stands below.
    pub url: String,
    /// A token must be for one of these.
    pub audiences: Vec<String>,
    /// The authority of the provider's own certificate, unless a public one.
    pub ca_pem: Option<String>,
    pub username: Mapping,
    /// Without it nobody of this provider is in a group.
    pub groups: Option<Mapping>,
    /// Claims and the values that they must have.
    pub required: BTreeMap<String, String>,
    /// For the dashboard's button.
    pub sign_in: Option<SignIn>,
}

/// A claim, and what stands before its value in the cluster, so that nobody is taken for another.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    pub claim: String,
    pub prefix: String,
}

/// How the dashboard asks the provider to log somebody in.
#[derive(Clone, Default)]
pub struct SignIn {
    /// In addresses.
    pub name: String,
    /// On the button, after "Sign in with".
    pub title: String,
    pub client_id: String,
    /// Only for clients that the provider calls confidential.
    pub client_secret: Option<String>,
    /// Beyond `openid`.
    pub scopes: Vec<String>,
}

/// Secrets are never shown.
impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All identity providers of the cluster.
#[derive(Default)]
pub(crate) struct Providers(Vec<Provider>);

impl Providers {
    /// # Errors
    /// When a configuration can not be used; the message names the issuer.
    pub(crate) fn new(issuers: &[Issuer]) -> Result<Self, ApiError> {
        issuers.iter().map(Provider::new).collect::<Result<_, _>>().map(Self)
    }

    /// Whom an ID token names, if one of the providers made it for us and it is good.
    pub(crate) async fn user(&self, token: &str) -> Option<User> {
        let issuer = issuer_of(token)?;
        let provider = self.0.iter().find(|provider| provider.issuer().url == issuer)?;
        match provider.verify(token).await {
            Ok(claims) => match claims::user(provider.issuer(), &claims) {
                Ok(user) => Some(user),
                Err(why) => {
                    tracing::debug!(issuer, why, "a token names nobody that we let in");
                    None
                }
            },
            Err(why) => {
                tracing::debug!(issuer, why, "a token of an identity provider is refused");
                None
            }
        }
    }
}

/// Who says to have made a token, not verified.
fn issuer_of(token: &str) -> Option<String> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims["iss"].as_str().map(str::to_owned)
}
