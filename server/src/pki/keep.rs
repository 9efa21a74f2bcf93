//! Secrets that are made once and read ever after.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use object::Key;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Expected, Store, StoreError, Transaction, Write};

use super::PkiError;

/// What a secret holds: texts by name.
pub(super) type Kept = BTreeMap<String, String>;

/// Reads a secret, or makes it if the cluster has none. Of several servers that start at once, one
/// makes it and the others read that one's.
pub(super) async fn keep(
    store: &dyn Store,
    name: &'static str,
    secret_type: &str,
    make: impl FnOnce() -> Result<Kept, PkiError> + Send,
) -> Result<Kept, PkiError> {
    let key = Key::new("secrets", "kube-system", name);
    store.catch_up().await?;
    if let Some(stored) = store.get(&key) {
        return decode(name, &stored.body);
    }
    let made = make()?;
    let write = Write {
        key: key.clone(),
        expected: Expected::Absent,
        body: Some(encode(name, secret_type, &made)),
    };
    match store.commit(Transaction { writes: vec![write], ..Transaction::default() }).await {
        Ok(_) => return Ok(made),
        Err(StoreError::Precondition { .. }) => {}
        // Perhaps it was written: what is there then is the answer.
        Err(StoreError::Unavailable { maybe_written: true, .. }) => {}
        Err(error) => return Err(error.into()),
    }
    store.catch_up().await?;
    let stored = store.get(&key).ok_or_else(|| PkiError::Damaged {
        name,
        why: "it vanished while it was being made".to_owned(),
    })?;
    decode(name, &stored.body)
}

fn encode(name: &str, secret_type: &str, kept: &Kept) -> bytes::Bytes {
    let data: BTreeMap<&String, String> =
        kept.iter().map(|(name, text)| (name, BASE64_STANDARD.encode(text))).collect();
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("now is a time");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": "kube-system",
            "uid": uuid::Uuid::new_v4().to_string(),
            "creationTimestamp": now.to_string(),
        },
        "type": secret_type,
        "data": data,
    });
    let Value::Object(secret) = secret else { unreachable!("the literal above is an object") };
    object::body::encode(secret)
}

fn decode(name: &'static str, body: &[u8]) -> Result<Kept, PkiError> {
    #[derive(Deserialize)]
    struct Secret {
        #[serde(default)]
        data: BTreeMap<String, String>,
    }
    let damaged = |why: String| PkiError::Damaged { name, why };
    let secret: Secret =
        serde_json::from_slice(body).map_err(|error| damaged(error.to_string()))?;
    let texts = secret.data.into_iter().map(|(field, text)| {
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| format!("{field} is not base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("{field} is not text"))?;
        Ok((field, text))
    });
    texts.collect::<Result<Kept, String>>().map_err(damaged)
}
