//! The dashboard's log-in by an identity provider: the authorization code flow with PKCE. What must
//! be remembered meanwhile, the browser remembers.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use object::{ApiError, Reason};
use rand::{TryRngCore, rngs::OsRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{SignIn, claims, provider::Provider};
use crate::{
    Api,
    tokens::{Grant, Token},
};

const RANDOM_BYTES: usize = 32;

/// A button of the log-in page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInOption {
    pub name: String,
    pub title: String,
}

/// Where to send the browser, and what it shall remember until it comes back: for itself alone.
pub struct Begun {
    pub url: String,
    pub pocket: String,
}

/// What the browser remembers.
#[derive(Serialize, Deserialize)]
struct Pocket {
    name: String,
    state: String,
    nonce: String,
    verifier: String,
}

#[derive(Deserialize)]
struct Answered {
    id_token: String,
}

impl Api {
    /// The identity providers that people can log in by.
    pub fn sign_in_options(&self) -> Vec<SignInOption> {
        let all = self.providers.0.iter().filter_map(|provider| provider.issuer().sign_in.as_ref());
        all.map(|one| SignInOption { name: one.name.clone(), title: one.title.clone() }).collect()
    }

    fn sign_in(&self, name: &str) -> Result<(&Provider, &SignIn), ApiError> {
        let mut all = self
            .providers
            .0
            .iter()
            .filter_map(|provider| Some((provider, provider.issuer().sign_in.as_ref()?)));
        let found = all.find(|(_, sign_in)| sign_in.name == name);
        found.ok_or_else(|| ApiError::not_found("identityproviders", name))
    }

    /// Begins to log somebody in; `back` is the address to which the provider sends them.
    ///
    /// # Errors
    /// 404 for a provider that is not there, 503 for one that does not answer.
    pub async fn begin_sign_in(&self, name: &str, back: &str) -> Result<Begun, ApiError> {
        let (provider, sign_in) = self.sign_in(name)?;
        let endpoint = provider.discover().await.map_err(away)?.authorization_endpoint;
        let endpoint = endpoint.ok_or_else(|| away("it names no authorization_endpoint".into()))?;
        let pocket = Pocket {
            name: name.to_owned(),
            state: random()?,
            nonce: random()?,
            verifier: random()?,
        };
        let scopes: Vec<&str> =
            std::iter::once("openid").chain(sign_in.scopes.iter().map(String::as_str)).collect();
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&pocket.verifier));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", &sign_in.client_id),
            ("redirect_uri", back),
            ("scope", &scopes.join(" ")),
            ("state", &pocket.state),
            ("nonce", &pocket.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        let url = format!("{endpoint}{joint}{}", query.finish());
        let pocket = serde_json::to_vec(&pocket).map_err(|_| wrong("the browser's memory"))?;
        Ok(Begun { url, pocket: BASE64_URL_SAFE_NO_PAD.encode(pocket) })
    }

    /// Ends what [`Api::begin_sign_in`] began, with what the browser brings back: a session.
    ///
    /// # Errors
    /// 401 when what it brings does not fit together, or the provider does not vouch for it.
    pub async fn finish_sign_in(
        &self,
        pocket: &str,
        back: &str,
        state: &str,
        code: &str,
    ) -> Result<Token, ApiError> {
        let pocket: Option<Pocket> = BASE64_URL_SAFE_NO_PAD
            .decode(pocket)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let pocket = pocket.ok_or_else(|| wrong("the log-in took too long; begin again"))?;
        if pocket.state != state || code.is_empty() {
            return Err(wrong("the answer belongs to another log-in; begin again"));
        }
        let (provider, sign_in) = self.sign_in(&pocket.name)?;
        let endpoint = provider.discover().await.map_err(away)?.token_endpoint;
        let endpoint = endpoint.ok_or_else(|| away("it names no token_endpoint".into()))?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back),
            ("client_id", &sign_in.client_id),
            ("code_verifier", &pocket.verifier),
        ];
        form.extend(sign_in.client_secret.as_deref().map(|secret| ("client_secret", secret)));
        let answered: Answered = provider.post(&endpoint, &form).await.map_err(away)?;
        let refuse = |why: String| {
            tracing::info!(why, provider = pocket.name, "a log-in is refused");
            wrong("the identity provider does not vouch for you")
        };
        let claims = provider.verify(&answered.id_token).await.map_err(refuse)?;
        if claims.get("nonce").and_then(|nonce| nonce.as_str()) != Some(&*pocket.nonce) {
            return Err(refuse("the nonce is another".to_owned()));
        }
        let user = claims::user(provider.issuer(), &claims).map_err(refuse)?;
        self.tokens.issue(&Grant::new(user, Vec::new(), self.settings.session_seconds))
    }
}

fn random() -> Result<String, ApiError> {
    let mut bytes = [0; RANDOM_BYTES];
    let filled = OsRng.try_fill_bytes(&mut bytes);
    filled.map_err(|_| ApiError::internal("the system gives no random bytes"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

fn away(why: String) -> ApiError {
    ApiError::unavailable(format!("the identity provider can not be asked: {why}"))
}

fn wrong(why: &str) -> ApiError {
    ApiError::new(Reason::Unauthorized, why)
}
