//! The part of `metadata` that rooms below the kinds need, read without decoding the whole object.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

/// `metadata`, read from the bytes of any object.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    pub name: Arc<str>,
    pub namespace: Arc<str>,
    pub uid: Arc<str>,
    pub resource_version: Option<String>,
    pub generation: i64,
    pub creation_timestamp: Option<Timestamp>,
    pub deletion_timestamp: Option<Timestamp>,
    pub deletion_grace_period_seconds: Option<i64>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub owner_references: Vec<OwnerRef>,
    pub finalizers: Vec<String>,
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerRef {
    pub api_version: String,
    pub kind: String,
    pub name: Arc<str>,
    pub uid: Arc<str>,
    pub controller: bool,
    pub block_owner_deletion: bool,
}

impl Meta {
    /// Reads `metadata` out of an object's JSON, skipping everything else.
    ///
    /// # Errors
    /// When the bytes are not JSON or `metadata` has another shape.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Envelope {
            #[serde(default)]
            metadata: Meta,
        }
        Ok(serde_json::from_slice::<Envelope>(body)?.metadata)
    }

    /// The one owner that controls this object.
    pub fn controller(&self) -> Option<&OwnerRef> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    pub fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_metadata_only() {
        let meta = Meta::read(
            br#"{"spec":{"x":[1]},"metadata":{"name":"a","uid":"u","labels":{"k":"v"}}}"#,
        )
        .unwrap();
        assert_eq!((&*meta.name, &*meta.uid, &*meta.labels["k"]), ("a", "u", "v"));
        assert!(meta.controller().is_none());
    }
}
