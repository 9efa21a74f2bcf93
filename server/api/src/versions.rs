//! Between the version in which an object is kept and the one in which a request reads or writes
//! it.

mod webhook;

use std::sync::Arc;

use bytes::Bytes;
use kinds::{Kept, KindDef, Strategy};
use object::ApiError;
use serde_json::Value;
use store::Stored;

use crate::{Api, admit, verbs::watch::Seen};

impl Api {
    /// A stored object in the version that a request names.
    pub(crate) async fn in_version(
        &self,
        def: &KindDef,
        stored: Arc<Stored>,
    ) -> Result<Arc<Stored>, ApiError> {
        let mut shown = self.all_in_version(def, vec![stored]).await?;
        shown.pop().ok_or_else(|| ApiError::internal("an object was lost in its conversion"))
    }

    /// As [`Api::in_version`], for a list.
    pub(crate) async fn all_in_version(
        &self,
        def: &KindDef,
        items: Vec<Arc<Stored>>,
    ) -> Result<Vec<Arc<Stored>>, ApiError> {
        match &def.kept {
            Kept::Own => Ok(items),
            Kept::Hub { .. } => items.into_iter().map(|item| from_hub(def, &item)).collect(),
            Kept::Custom { strategy, since, .. } => {
                self.refresh(def, items, strategy, *since).await
            }
        }
    }

    /// As [`Api::in_version`], for what a watcher is told.
    pub(crate) async fn seen_in_version(
        &self,
        def: &KindDef,
        seen: Seen,
    ) -> Result<Seen, ApiError> {
        Ok(match seen {
            Seen::Added(stored) => Seen::Added(self.in_version(def, stored).await?),
            Seen::Modified(stored) => Seen::Modified(self.in_version(def, stored).await?),
            Seen::Deleted(stored) => Seen::Deleted(self.in_version(def, stored).await?),
            bookmark @ Seen::Bookmark { .. } => bookmark,
        })
    }

    /// A stored object in the version in which the pipeline works for a request.
    pub(crate) async fn in_hub(
        &self,
        def: &KindDef,
        stored: Arc<Stored>,
    ) -> Result<Arc<Stored>, ApiError> {
        match def.kept {
            Kept::Custom { .. } => self.in_version(def, stored).await,
            Kept::Own | Kept::Hub { .. } => Ok(stored),
        }
    }

    /// The bytes to keep of an object that the pipeline worked on.
    pub(crate) async fn to_kept(&self, def: &KindDef, value: Value) -> Result<Bytes, ApiError> {
        let Kept::Custom { stored, strategy, .. } = &def.kept else {
            return Ok(admit::encode(value));
        };
        if *stored == def.api_version {
            return Ok(admit::encode(value));
        }
        let mut converted = self.convert(def, vec![value], stored, strategy).await?;
        converted.pop().map(admit::encode).ok_or_else(|| ApiError::internal("nothing to keep"))
    }

    /// Custom objects in a version; most are kept in it by the definition of now, and stay as they
    /// are.
    async fn refresh(
        &self,
        def: &KindDef,
        mut items: Vec<Arc<Stored>>,
        strategy: &Strategy,
        since: u64,
    ) -> Result<Vec<Arc<Stored>>, ApiError> {
        let mut others = Vec::new();
        let mut old = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let is_other = !is_of_version(&item.body, &def.api_version);
            if is_other || item.revision < since {
                let value = serde_json::from_slice(&item.body).map_err(|e| misfit(def, &e))?;
                if is_other { others.push((index, value)) } else { old.push((index, value)) }
            }
        }
        if !others.is_empty() {
            let (indexes, values): (Vec<usize>, Vec<Value>) = others.into_iter().unzip();
            let converted = self.convert(def, values, &def.api_version, strategy).await?;
            old.extend(indexes.into_iter().zip(converted));
        }
        for (index, mut value) in old {
            if let Some(custom) = &def.custom {
                custom.refresh(&mut value);
            }
            let Stored { key, revision, .. } = Stored::clone(&items[index]);
            items[index] = Arc::new(Stored { key, revision, body: admit::encode(value) });
        }
        Ok(items)
    }

    /// Custom objects converted to a version of their kind.
    async fn convert(
        &self,
        def: &KindDef,
        mut objects: Vec<Value>,
        to: &str,
        strategy: &Strategy,
    ) -> Result<Vec<Value>, ApiError> {
        match strategy {
            Strategy::Webhook(webhook) => self.convert_by_webhook(def, objects, to, webhook).await,
            Strategy::Rename => {
                for object in &mut objects {
                    object["apiVersion"] = to.into();
                }
                Ok(objects)
            }
        }
    }
}

/// Whether a body is kept in the version that is stored now.
pub(crate) fn is_as_kept(def: &KindDef, body: &[u8]) -> bool {
    match &def.kept {
        Kept::Custom { stored, .. } => is_of_version(body, stored),
        Kept::Own | Kept::Hub { .. } => true,
    }
}

/// Whether a stored body says that it is of this version: that stands first, or behind the kind.
fn is_of_version(body: &[u8], api_version: &str) -> bool {
    let after_kind = body.strip_prefix(br#"{"kind":""#).and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'"')?;
        rest[end..].strip_prefix(br#"","#)
    });
    let rest = after_kind.or_else(|| body.strip_prefix(b"{"));
    let rest = rest.and_then(|rest| rest.strip_prefix(br#""apiVersion":""#));
    rest.and_then(|rest| rest.strip_prefix(api_version.as_bytes()))
        .is_some_and(|rest| rest.first() == Some(&b'"'))
}

fn from_hub(def: &KindDef, stored: &Stored) -> Result<Arc<Stored>, ApiError> {
    let value = def.from_hub(&stored.body).map_err(|error| misfit(def, &error))?;
    let mut object = admit::object_of(value);
    object.insert("apiVersion".to_owned(), (*def.api_version).into());
    object.insert("kind".to_owned(), (*def.kind).into());
    let Stored { key, revision, .. } = stored.clone();
    Ok(Arc::new(Stored { key, revision, body: object::body::encode(object) }))
}

fn misfit(def: &KindDef, error: &serde_json::Error) -> ApiError {
    tracing::error!(kind = %def.name, %error, "a stored object does not fit its kind");
    ApiError::internal(format!("a stored object does not fit its kind {}", def.name))
}

#[cfg(test)]
mod tests {
    use super::is_of_version;

    #[test]
    fn sees_the_version_of_a_stored_body() {
        for (body, expected) in [
            (r#"{"kind":"A","apiVersion":"g/v1","metadata":{}}"#, true),
            (r#"{"apiVersion":"g/v1","kind":"A"}"#, true),
            (r#"{"kind":"A","apiVersion":"g/v10"}"#, false),
            (r#"{"kind":"A","apiVersion":"g/v"}"#, false),
            (r#"{"kind":"A","metadata":{"apiVersion":"g/v1"}}"#, false),
            ("{}", false),
            ("", false),
        ] {
            assert_eq!(is_of_version(body.as_bytes(), "g/v1"), expected, "{body}");
        }
    }
}
