//! Between the version in which an object is kept and the one in which a client reads it.

use std::sync::Arc;

use kinds::KindDef;
use object::ApiError;
use store::Stored;

use crate::{Api, admit, verbs::watch::Seen};

impl Api {
    /// A stored object in the version that a request names.
    pub(crate) async fn in_version(
        &self,
        def: &KindDef,
        stored: Arc<Stored>,
    ) -> Result<Arc<Stored>, ApiError> {
        if def.is_stored() {
            return Ok(stored);
        }
        let value = def.from_hub(&stored.body).map_err(|error| misfit(def, &error))?;
        let mut object = admit::object_of(value);
        object.insert("apiVersion".to_owned(), (*def.api_version).into());
        object.insert("kind".to_owned(), (*def.kind).into());
        let Stored { key, revision, .. } = Stored::clone(&stored);
        Ok(Arc::new(Stored { key, revision, body: object::body::encode(object) }))
    }

    /// As [`Api::in_version`], for a list.
    pub(crate) async fn all_in_version(
        &self,
        def: &KindDef,
        items: Vec<Arc<Stored>>,
    ) -> Result<Vec<Arc<Stored>>, ApiError> {
        if def.is_stored() {
            return Ok(items);
        }
        let mut shown = Vec::with_capacity(items.len());
        for item in items {
            shown.push(self.in_version(def, item).await?);
        }
        Ok(shown)
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
}

fn misfit(def: &KindDef, error: &serde_json::Error) -> ApiError {
    tracing::error!(kind = %def.name, %error, "a stored object does not fit its kind");
    ApiError::internal(format!("a stored object does not fit its kind {}", def.name))
}
