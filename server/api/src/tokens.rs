//! Bearer tokens: ES256-signed claims about who the bearer is, bound to an object that must live.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use object::{ApiError, Key};
use planning::access::User;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{certificate::CREDENTIAL, settings::SigningKey};

/// Verified tokens that are remembered, so that a busy client costs one verification.
const REMEMBERED_MAX: usize = 4096;

/// The object whose end is the token's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

impl Bound {
    pub fn key(&self) -> Key {
        Key::new(&*self.kind, &self.namespace, &self.name)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    #[serde(rename = "longshore.dev")]
    identity: Identity,
    /// What clients read out of a service account's token.
    #[serde(rename = "kubernetes.io", default, skip_serializing_if = "Option::is_none")]
    kubernetes: Option<Value>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Identity {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    uid: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    bound: Vec<Bound>,
    /// Of what its user knew when it was made: another password ends it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    seal: String,
}

/// What a token says, verified.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    pub(crate) user: User,
    pub(crate) audiences: Vec<String>,
    /// All of these must live.
    pub(crate) bound: Vec<Bound>,
    /// Empty, or what [`planning::accounts::Account::seal`] must still be.
    pub(crate) seal: String,
    expires: i64,
}

impl Bearer {
    /// Of a token that is not remembered and not bound.
    pub(crate) fn new(user: User, audiences: Vec<String>) -> Self {
        Self { user, audiences, bound: Vec::new(), seal: String::new(), expires: 0 }
    }
}

/// What a token is to say.
#[derive(Clone, Debug)]
pub struct Grant {
    pub user: User,
    pub bound: Vec<Bound>,
    /// Empty: the API itself.
    pub audiences: Vec<String>,
    pub seconds: u64,
    /// The claim `kubernetes.io`.
    pub kubernetes: Option<Value>,
    /// See [`planning::accounts::Account::seal`]; empty for a token that outlives a password.
    pub seal: String,
}

impl Grant {
    /// A token for the API itself.
    pub fn new(user: User, bound: Vec<Bound>, seconds: u64) -> Self {
        let (audiences, seal) = (Vec::new(), String::new());
        Self { user, bound, audiences, seconds, kubernetes: None, seal }
    }
}

/// A token and when it ends.
#[derive(Clone)]
pub struct Token {
    pub text: String,
    pub expires: Timestamp,
}

/// Signs and verifies tokens.
pub struct Tokens {
    issuer: String,
    key_id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    public_key: Vec<u8>,
    remembered: Mutex<HashMap<[u8; 32], Bearer>>,
}

impl Tokens {
    /// # Errors
    /// When the key is no P-256 key in PEM.
    pub fn new(key: &SigningKey, issuer: &str) -> Result<Self, ApiError> {
        let refuse = |_| {
            ApiError::internal("the token-signing key must be an ECDSA P-256 key in PEM (PKCS 8)")
        };
        let encoding = EncodingKey::from_ec_pem(key.private_pem.as_bytes()).map_err(refuse)?;
        let decoding = DecodingKey::from_ec_pem(key.public_pem.as_bytes()).map_err(refuse)?;
        let public_key = decoding.try_get_as_bytes().map_err(refuse)?.to_vec();
        let key_id = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&public_key));
        let issuer = issuer.to_owned();
        Ok(Self { issuer, key_id, encoding, decoding, public_key, remembered: Mutex::default() })
    }

    /// # Errors
    /// When signing fails, which a key that was accepted does not do.
    pub fn issue(&self, grant: &Grant) -> Result<Token, ApiError> {
        let now = Timestamp::now().as_second();
        let exp = now.saturating_add(i64::try_from(grant.seconds).unwrap_or(i64::MAX / 2));
        let User { name, uid, groups, extra } = grant.user.clone();
        let aud = if grant.audiences.is_empty() {
            vec![self.issuer.clone()]
        } else {
            grant.audiences.clone()
        };
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: name,
            aud,
            iat: now,
            nbf: now,
            exp,
            jti: uuid::Uuid::new_v4().to_string(),
            identity: Identity {
                uid,
                groups,
                extra,
                bound: grant.bound.clone(),
                seal: grant.seal.clone(),
            },
            kubernetes: grant.kubernetes.clone(),
        };
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        let text = jsonwebtoken::encode(&header, &claims, &self.encoding)
            .map_err(|error| ApiError::internal(format!("signing a token failed: {error}")))?;
        let expires = Timestamp::from_second(exp).unwrap_or(Timestamp::MAX);
        Ok(Token { text, expires })
    }

    /// What a token says, if we signed it and it has not expired. Whether its objects live is the
    /// caller's question.
    pub(crate) fn verify(&self, token: &str) -> Option<Bearer> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let now = Timestamp::now().as_second();
        {
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(bearer) = remembered.get(&digest) {
                return (bearer.expires > now).then(|| bearer.clone());
            }
        }
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[&self.issuer]);
        validation.leeway = 0;
        validation.validate_aud = false;
        validation.validate_nbf = true;
        let claims =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation).ok()?.claims;
        if claims.exp <= now {
            return None;
        }
        let Identity { uid, groups, mut extra, bound, seal } = claims.identity;
        extra.insert(CREDENTIAL.to_owned(), vec![format!("JTI={}", claims.jti)]);
        let bearer = Bearer {
            user: User { name: claims.sub, uid, groups, extra },
            audiences: claims.aud,
            bound,
            seal,
            expires: claims.exp,
        };
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(digest, bearer.clone());
        Some(bearer)
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `/openid/v1/jwks`: the public key, for those who verify service accounts elsewhere.
    pub(crate) fn key_set(&self) -> Value {
        // An uncompressed point: 4, then both coordinates.
        let point = self.public_key.strip_prefix(&[4]).unwrap_or(&self.public_key);
        let (x, y) = point.split_at(point.len() / 2);
        json!({"keys": [{
            "use": "sig", "kty": "EC", "kid": self.key_id, "crv": "P-256", "alg": "ES256",
            "x": BASE64_URL_SAFE_NO_PAD.encode(x), "y": BASE64_URL_SAFE_NO_PAD.encode(y),
        }]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(issuer: &str) -> Tokens {
        let pair = rcgen::KeyPair::generate().unwrap();
        let key =
            SigningKey { private_pem: pair.serialize_pem(), public_pem: pair.public_key_pem() };
        Tokens::new(&key, issuer).unwrap()
    }

    fn grant(seconds: u64) -> Grant {
        Grant::new(User::node("one"), Vec::new(), seconds)
    }

    #[test]
    fn verifies_what_it_signed() {
        let tokens = tokens("us");
        let token = tokens.issue(&grant(60)).unwrap().text;
        for _ in ["anew", "remembered"] {
            let bearer = tokens.verify(&token).unwrap();
            assert_eq!(bearer.user.name, User::node("one").name);
            assert!(bearer.user.extra[CREDENTIAL][0].starts_with("JTI="));
            assert_eq!(bearer.audiences, ["us"]);
        }
    }

    #[test]
    fn refuses_what_is_expired_forged_or_of_others() {
        let own = tokens("us");
        let forged = {
            let token = own.issue(&grant(60)).unwrap().text;
            let mut parts: Vec<&str> = token.split('.').collect();
            let claims = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
            let claims = String::from_utf8(claims).unwrap().replace("node:one", "node:two");
            let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
            parts[1] = &claims;
            parts.join(".")
        };
        let unsigned = format!("{}.e30.", BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
        for (what, token) in [
            ("expired", own.issue(&grant(0)).unwrap().text),
            ("forged", forged),
            ("unsigned", unsigned),
            ("of another key", tokens("us").issue(&grant(60)).unwrap().text),
            ("no token", "nonsense".to_owned()),
        ] {
            assert!(own.verify(&token).is_none(), "{what}");
        }
    }

    /// Others verify with the published key alone.
    #[test]
    fn publishes_its_key() {
        let tokens = tokens("us");
        let token = tokens.issue(&grant(60)).unwrap().text;
        let keys = tokens.key_set();
        let key = &keys["keys"][0];
        let text = |field: &str| key[field].as_str().unwrap();
        let published = DecodingKey::from_ec_components(text("x"), text("y")).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["us"]);
        let claims = jsonwebtoken::decode::<Claims>(&token, &published, &validation).unwrap();
        assert_eq!(claims.claims.sub, "system:node:one");
        assert_eq!(claims.header.kid.as_deref(), Some(text("kid")));
    }
}
