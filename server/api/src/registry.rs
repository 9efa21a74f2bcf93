//! What is served at this moment, and how requests find it.

use std::sync::Arc;

use kinds::Registry;
use object::{ApiError, Key};

use crate::{
    Api,
    resolve::{self, Route, Target},
};

impl Api {
    /// The table of kinds as of this copy's last write. It is never changed, only replaced: a
    /// request works with the one that it began with.
    pub(crate) async fn registry(&self) -> Result<Arc<Registry>, ApiError> {
        Ok(self.feed.at(self.store.revision()).await?.registry)
    }

    /// What a path names. A kind that is not known may be news from another copy.
    pub(crate) async fn resolve(&self, path: &str) -> Result<Route, ApiError> {
        if let Ok(route) = resolve::resolve(&*self.registry().await?, path) {
            return Ok(route);
        }
        let known = self.feed.at(self.catch_up().await?).await?;
        resolve::resolve(&known.registry, path)
    }

    /// The stored object of a key, or a part of it.
    pub(crate) async fn target(&self, key: &Key, subresource: &str) -> Result<Target, ApiError> {
        if let Ok(target) = Target::of_key(&*self.registry().await?, key, subresource) {
            return Ok(target);
        }
        let known = self.feed.at(self.catch_up().await?).await?;
        Target::of_key(&known.registry, key, subresource)
    }
}
