//! Bootstrap tokens: Secrets in `kube-system` by which new nodes and clusters' first users come in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde::Deserialize;

use super::User;

pub const NAMESPACE: &str = "kube-system";
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
const GROUP: &str = "system:bootstrappers";
const USER_PREFIX: &str = "system:bootstrap:";
const ID_LENGTH: usize = 6;
const SECRET_LENGTH: usize = 16;

/// A token as clients send it, taken apart: `abcdef.0123456789abcdef`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootstrapToken<'t> {
    pub id: &'t str,
    secret: &'t str,
}

/// The parts of a Secret that matter.
#[derive(Deserialize)]
struct Stored {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    data: BTreeMap<String, ByteString>,
}

impl<'t> BootstrapToken<'t> {
    /// `None` for a token of any other form.
    pub fn parse(text: &'t str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        let is_word = |text: &str, length: usize| {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            text.len() == length && text.bytes().all(fits)
        };
        let fits = is_word(id, ID_LENGTH) && is_word(secret, SECRET_LENGTH);
        fits.then_some(Self { id, secret })
    }

    /// The name of the Secret that a token with this id stands in.
    pub fn secret_name(&self) -> String {
        format!("bootstrap-token-{}", self.id)
    }

    /// Whom the token stands for, if the stored Secret is its and lets it in now.
    pub fn user(&self, stored: &[u8], now: Timestamp) -> Option<User> {
        let stored: Stored = serde_json::from_slice(stored).ok()?;
        let text = |field: &str| {
            let bytes = stored.data.get(field).map(|bytes| bytes.0.as_slice()).unwrap_or_default();
            std::str::from_utf8(bytes).unwrap_or_default()
        };
        let is_good = stored.kind == SECRET_TYPE
            && text("token-id") == self.id
            && is_same(text("token-secret"), self.secret)
            && text("usage-bootstrap-authentication") == "true"
            && expiration(text("expiration")).is_none_or(|ends| now < ends);
        if !is_good {
            return None;
        }
        let more = text("auth-extra-groups");
        let more: Vec<&str> = more.split(',').map(str::trim).filter(|g| !g.is_empty()).collect();
        if !more.iter().all(|group| is_group(group)) {
            return None;
        }
        let groups: Vec<&str> = std::iter::once(GROUP).chain(more).collect();
        Some(User::new(&format!("{USER_PREFIX}{}", self.id), &groups))
    }
}

/// When the token of a stored Secret ends; `None` for one that does not, or is no such token.
pub(crate) fn end(stored: &[u8]) -> Option<Timestamp> {
    let stored: Stored = serde_json::from_slice(stored).ok()?;
    let text = stored.data.get("expiration").filter(|_| stored.kind == SECRET_TYPE)?;
    expiration(std::str::from_utf8(&text.0).ok()?)
}

/// What can not be read as a time has passed: it was meant to be one.
fn expiration(text: &str) -> Option<Timestamp> {
    (!text.is_empty()).then(|| text.parse().unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Compares in the same time wherever the first difference stands.
fn is_same(a: &str, b: &str) -> bool {
    let differs = a.bytes().zip(b.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    a.len() == b.len() && differs == 0
}

/// `system:bootstrappers:` and a word.
fn is_group(group: &str) -> bool {
    let Some(rest) = group.strip_prefix("system:bootstrappers:") else { return false };
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = |byte: u8| is_word(byte) || matches!(byte, b':' | b'-');
    rest.len() <= 256 && rest.bytes().all(fits) && rest.bytes().last().is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut texts = json!({"token-id": "abcdef", "token-secret": "0123456789abcdef",
            "usage-bootstrap-authentication": "true", "expiration": "2026-02-01T00:00:00Z",
            "auth-extra-groups": "system:bootstrappers:a,system:bootstrappers:b:c-1"});
        change(&mut texts);
        let data: BTreeMap<&String, ByteString> = texts
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, text)| (key, ByteString(text.as_str().unwrap().into())))
            .collect();
        json!({"type": SECRET_TYPE, "data": data}).to_string().into_bytes()
    }

    #[test]
    fn reads_tokens_of_their_form() {
        let token = BootstrapToken::parse("abcdef.0123456789abcdef").unwrap();
        assert_eq!(token.secret_name(), "bootstrap-token-abcdef");
        for other in ["", "abcdef", "abcdef.0123456789abcde", "ABCDEF.0123456789abcdef", "a.b.c"] {
            assert_eq!(BootstrapToken::parse(other), None, "{other}");
        }
    }

    #[test]
    fn lets_in_whom_the_secret_lets_in() {
        let token = BootstrapToken::parse("abcdef.0123456789abcdef").unwrap();
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let user = token.user(&secret(|_| {}), now).unwrap();
        assert_eq!(user.name, "system:bootstrap:abcdef");
        assert_eq!(
            user.groups,
            ["system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:b:c-1"]
        );
        assert!(token.user(&secret(|_| {}), "2026-02-01T00:00:00Z".parse().unwrap()).is_none());
        for (field, value) in [
            ("token-id", "abcdeg"),
            ("token-secret", "0123456789abcdeg"),
            ("token-secret", ""),
            ("usage-bootstrap-authentication", "false"),
            ("expiration", "soon"),
            ("auth-extra-groups", "system:masters"),
            ("auth-extra-groups", "system:bootstrappers:"),
        ] {
            let stored = secret(|texts| texts[field] = value.into());
            assert!(token.user(&stored, now).is_none(), "{field} {value}");
        }
        let other = json!({"type": "Opaque"}).to_string();
        assert!(token.user(other.as_bytes(), now).is_none());
        assert_eq!(end(&secret(|_| {})), Some("2026-02-01T00:00:00Z".parse().unwrap()));
        assert_eq!(end(other.as_bytes()), None);
    }
}
