//! GET of one object.

use std::sync::Arc;

use object::{ApiError, Key};
use store::Stored;

use crate::Api;

impl Api {
    /// The object as it is now; `stale` reads this copy's memory as it is.
    pub(crate) async fn read(&self, key: &Key, stale: bool) -> Result<Arc<Stored>, ApiError> {
        if !stale {
            self.catch_up().await?;
        }
        self.store.get(key).ok_or_else(|| ApiError::not_found(&key.kind, &key.name))
    }
}
