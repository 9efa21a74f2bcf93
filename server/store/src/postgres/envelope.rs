//! Seals the bodies of secret kinds before they reach Postgres.
//!
//! A sealed body is a zero byte (no JSON begins with one), a version, a random nonce and the
//! ciphertext, which is bound to the object's key: a body can't be moved to another object.

use bytes::Bytes;
use chacha20poly1305::{
    AeadCore, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, OsRng, Payload},
};
use object::{Key, KindName};

use crate::Audit;

const MARK: [u8; 2] = [0, 1];
const NONCE_BYTES: usize = 24;
const PROOF: &[u8] = b"longshore";

pub(super) struct Envelope {
    cipher: XChaCha20Poly1305,
    is_secret: fn(&KindName) -> bool,
}

/// The body was sealed with another key, or changed since.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CanNotOpen;

impl Envelope {
    pub(super) fn new(key: &[u8; 32], is_secret: fn(&KindName) -> bool) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()), is_secret }
    }

    /// What Postgres gets of a body.
    pub(super) fn seal(&self, key: &Key, body: &Bytes) -> Bytes {
        if !(self.is_secret)(&key.kind) {
            return body.clone();
        }
        self.encrypt(body, &bound_to(key)).into()
    }

    /// The body of what Postgres has.
    pub(super) fn open(&self, key: &Key, stored: Vec<u8>) -> Result<Bytes, CanNotOpen> {
        if stored.first() != Some(&0) {
            return Ok(stored.into());
        }
        self.decrypt(&stored, &bound_to(key)).map(Bytes::from)
    }

    /// Seals what an act says about a secret.
    pub(super) fn seal_act(&self, act: &mut Audit) {
        if let Some(diff) = &act.diff
            && (self.is_secret)(&act.key.kind)
        {
            act.diff = Some(self.encrypt(diff, &bound_as_diff(&act.key)).into());
        }
    }

    /// The diff of what Postgres has; none when it was sealed with another key.
    pub(super) fn open_diff(&self, key: &Key, stored: Vec<u8>) -> Option<Bytes> {
        if stored.first() != Some(&0) {
            return Some(stored.into());
        }
        let diff = self.decrypt(&stored, &bound_as_diff(key));
        // What was created is the body itself.
        let opened = diff.or_else(|_| self.decrypt(&stored, &bound_to(key)));
        opened.ok().map(Bytes::from)
    }

    /// Something only the same key accepts.
    pub(super) fn proof(&self) -> Vec<u8> {
        self.encrypt(PROOF, b"proof")
    }

    pub(super) fn accepts(&self, proof: &[u8]) -> bool {
        self.decrypt(proof, b"proof").is_ok_and(|text| text == PROOF)
    }

    fn encrypt(&self, body: &[u8], aad: &[u8]) -> Vec<u8> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let sealed = self
            .cipher
            .encrypt(&nonce, Payload { msg: body, aad })
            .expect("the cipher takes any body that fits into memory");
        [&MARK[..], &nonce, &sealed].concat()
    }

    fn decrypt(&self, stored: &[u8], aad: &[u8]) -> Result<Vec<u8>, CanNotOpen> {
        let (nonce, sealed) = stored
            .strip_prefix(&MARK)
            .and_then(|rest| rest.split_at_checked(NONCE_BYTES))
            .ok_or(CanNotOpen)?;
        let payload = Payload { msg: sealed, aad };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| CanNotOpen)
    }
}

fn bound_to(key: &Key) -> Vec<u8> {
    [key.kind.as_bytes(), key.namespace.as_bytes(), key.name.as_bytes()].join(&0)
}

/// No diff passes for a body, nor the other way round.
fn bound_as_diff(key: &Key) -> Vec<u8> {
    [b"audit", &*bound_to(key)].join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(key: u8) -> Envelope {
        Envelope::new(&[key; 32], |kind| &**kind == "secrets")
    }

    #[test]
    fn seals_secrets_only() {
        let (secret, pod) = (Key::new("secrets", "d", "a"), Key::new("pods", "d", "a"));
        let body = Bytes::from_static(br#"{"data":"hidden"}"#);
        let sealed = envelope(1).seal(&secret, &body);
        assert!(!sealed.windows(6).any(|part| part == b"hidden"));
        assert_ne!(sealed, envelope(1).seal(&secret, &body), "never twice the same");
        assert_eq!(envelope(1).open(&secret, sealed.to_vec()), Ok(body.clone()));
        assert_eq!(envelope(1).seal(&pod, &body), body);
        assert_eq!(envelope(1).open(&pod, body.to_vec()), Ok(body));
    }

    #[test]
    fn opens_nothing_that_is_not_its_own() {
        let key = Key::new("secrets", "d", "a");
        let sealed = envelope(1).seal(&key, &Bytes::from_static(b"{}")).to_vec();
        assert_eq!(envelope(2).open(&key, sealed.clone()), Err(CanNotOpen), "another key");
        let other = Key::new("secrets", "d", "b");
        assert_eq!(envelope(1).open(&other, sealed.clone()), Err(CanNotOpen), "moved");
        for at in [1, 2, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(envelope(1).open(&key, changed), Err(CanNotOpen), "byte {at} changed");
        }
        assert_eq!(envelope(1).open(&key, vec![0]), Err(CanNotOpen), "cut off");
        assert!(envelope(1).accepts(&envelope(1).proof()));
        assert!(!envelope(2).accepts(&envelope(1).proof()));
    }
}
