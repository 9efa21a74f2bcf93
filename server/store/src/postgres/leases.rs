//! Leases, by the clock of Postgres.

use sqlx::PgPool;

use super::{batch::unsigned, connect};
use crate::StoreError;

/// Renews; else takes over, under the counter's lock, so that a commit under the old epoch comes
/// before it or is refused.
pub(super) async fn acquire(
    pool: &PgPool,
    lease: &str,
    holder: &str,
    ttl_ms: u64,
) -> Result<Option<u64>, StoreError> {
    take(pool, lease, holder, ttl_ms).await.map(|epoch| epoch.map(unsigned)).map_err(connect::away)
}

async fn take(
    pool: &PgPool,
    lease: &str,
    holder: &str,
    ttl_ms: u64,
) -> Result<Option<i64>, sqlx::Error> {
    let ttl_seconds = std::time::Duration::from_millis(ttl_ms).as_secs_f64();
    let renewed = sqlx::query_scalar!(
        "UPDATE leases SET expires_at = clock_timestamp() + make_interval(secs => $3)
         WHERE name = $1 AND holder = $2 RETURNING epoch",
        lease,
        holder,
        ttl_seconds,
    )
    .fetch_optional(pool)
    .await?;
    if renewed.is_some() {
        return Ok(renewed);
    }
    let is_held = sqlx::query_scalar!(
        r#"SELECT EXISTS (
               SELECT FROM leases WHERE name = $1 AND expires_at > clock_timestamp()
           ) AS "is_held!""#,
        lease,
    )
    .fetch_one(pool)
    .await?;
    if is_held {
        return Ok(None);
    }
    let mut transaction = pool.begin().await?;
    sqlx::query!("SELECT revision FROM counter FOR UPDATE").fetch_one(&mut *transaction).await?;
    let taken = sqlx::query_scalar!(
        "INSERT INTO leases AS l (name, holder, epoch, expires_at)
         VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
         ON CONFLICT (name) DO UPDATE
         SET holder = excluded.holder, epoch = l.epoch + 1, expires_at = excluded.expires_at
         WHERE l.expires_at <= clock_timestamp()
         RETURNING epoch",
        lease,
        holder,
        ttl_seconds,
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(taken)
}

pub(super) async fn release(pool: &PgPool, lease: &str, holder: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE leases SET holder = NULL, expires_at = '-infinity'
         WHERE name = $1 AND holder = $2",
        lease,
        holder,
    )
    .execute(pool)
    .await
    .map_err(connect::away)?;
    Ok(())
}
