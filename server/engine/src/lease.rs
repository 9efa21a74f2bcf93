//! The right to act as the one engine of the cluster.

use std::time::Duration;

use async_trait::async_trait;
use object::ApiError;
use tokio::time::{Instant, sleep};

/// Holds leases for this copy of the server.
#[async_trait]
pub trait LeaseHolder: Send + Sync {
    /// Takes or renews a lease: its epoch if this copy has it now.
    async fn acquire(&self, lease: &str, ttl: Duration) -> Result<Option<u64>, ApiError>;
    /// Gives a lease up, so that another copy need not wait for its end.
    async fn release(&self, lease: &str) -> Result<(), ApiError>;
}

const TTL: Duration = Duration::from_secs(10);
const RENEWAL: Duration = Duration::from_secs(3);

/// Waits until this copy has the lease; its epoch.
pub(crate) async fn take(holder: &dyn LeaseHolder, lease: &str) -> u64 {
    loop {
        match holder.acquire(lease, TTL).await {
            Ok(Some(epoch)) => return epoch,
            Ok(None) => {}
            Err(error) => tracing::warn!(lease, %error, "the lease can not be asked for"),
        }
        sleep(RENEWAL).await;
    }
}

/// Renews the lease; returns when this copy has it no longer, or can not know.
pub(crate) async fn keep(holder: &dyn LeaseHolder, lease: &str, epoch: u64) {
    let mut held_until = Instant::now() + TTL;
    loop {
        sleep(RENEWAL).await;
        let asked = Instant::now();
        match holder.acquire(lease, TTL).await {
            Ok(Some(now)) if now == epoch => held_until = asked + TTL,
            Ok(_) => {
                tracing::warn!(lease, epoch, "another copy has the lease");
                return;
            }
            Err(error) if Instant::now() >= held_until => {
                tracing::warn!(lease, epoch, %error, "the lease could not be renewed in time");
                return;
            }
            Err(error) => tracing::warn!(lease, %error, "the lease could not be renewed"),
        }
    }
}
