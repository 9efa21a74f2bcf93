//! What is served at this moment, and how requests find it.

use std::sync::Arc;

use kinds::Registry;
use object::{ApiError, Key};

use crate::{Api, resolve::Target};

impl Api {
    /// The table of kinds. It is never changed, only replaced: a request works with the one that
    /// it began with.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.feed.registry()
    }

    /// The stored object of a key, or a part of it.
    pub(crate) fn target(&self, key: &Key, subresource: &str) -> Result<Target, ApiError> {
        Target::of_key(&self.registry(), key, subresource)
    }
}
