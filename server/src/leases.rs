//! The engine's leases, kept by the store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine::LeaseHolder;
use object::ApiError;
use store::Store;

/// Leases of this copy of the server.
pub struct StoreLeases {
    store: Arc<dyn Store>,
    holder: String,
}

impl StoreLeases {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, holder: format!("{:016x}", rand::random::<u64>()) }
    }
}

#[async_trait]
impl LeaseHolder for StoreLeases {
    async fn acquire(&self, lease: &str, ttl: Duration) -> Result<Option<u64>, ApiError> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let acquired = self.store.acquire(lease, &self.holder, ttl_ms).await;
        acquired.map_err(|error| ApiError::unavailable(error.to_string()))
    }

    async fn release(&self, lease: &str) -> Result<(), ApiError> {
        let released = self.store.release(lease, &self.holder).await;
        released.map_err(|error| ApiError::unavailable(error.to_string()))
    }
}
