//! Drops the oldest part of the log, in small steps: first the counter's row gives it up, which is
//! quick and under its lock; then the rows go, which locks nobody out. The audit is shortened
//! beside it.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{audit, batch::unsigned, connect, follower::Follower};
use crate::{Limits, StoreError};

const INTERVAL: Duration = Duration::from_secs(20);
const STEP_REVISIONS: i64 = 2000;

pub(super) async fn run(follower: Arc<Follower>, limits: Limits) {
    loop {
        sleep(INTERVAL).await;
        while step(&follower, &limits).await.unwrap_or(false) {}
        while audit::forget(follower.pool(), &limits).await.unwrap_or(false) {}
    }
}

/// One step; false when there was nothing to do.
pub(super) async fn step(follower: &Follower, limits: &Limits) -> Result<bool, StoreError> {
    let gave_up = give_up(follower, limits).await.map_err(connect::away)?;
    let swept = sweep(follower).await.map_err(connect::away)?;
    Ok(gave_up || swept)
}

/// Raises the revision from which on the log is complete, by count and by age.
async fn give_up(follower: &Follower, limits: &Limits) -> Result<bool, sqlx::Error> {
    let compacted = sqlx::query_scalar!(
        r#"WITH now AS (
               SELECT revision, compacted FROM counter
           ), old AS (
               SELECT max(w.revision) AS revision FROM (
                   SELECT l.revision, l.written_at FROM log AS l
                   WHERE l.revision > (SELECT now.compacted FROM now)
                   ORDER BY l.revision LIMIT $3
               ) AS w
               WHERE w.written_at < now() - make_interval(secs => $2)
           ), target AS (
               SELECT LEAST(
                   GREATEST(now.revision - $1, COALESCE(old.revision, 0)),
                   now.compacted + $3
               ) AS revision
               FROM now, old
           )
           UPDATE counter AS c SET compacted = target.revision FROM target
           WHERE c.compacted < target.revision
           RETURNING c.compacted"#,
        i64::try_from(limits.log_count_max).unwrap_or(i64::MAX),
        limits.log_age_max.as_secs_f64(),
        STEP_REVISIONS,
    )
    .fetch_optional(follower.pool())
    .await?;
    if let Some(compacted) = compacted {
        follower.note_compacted(unsigned(compacted));
    }
    Ok(compacted.is_some())
}

/// Deletes rows that were given up, except those that newer rows still name as what they replaced;
/// and those that were kept for rows that have been given up now. One server at a time does it.
async fn sweep(follower: &Follower) -> Result<bool, sqlx::Error> {
    let mut transaction = follower.pool().begin().await?;
    let swept = sqlx::query_scalar!("SELECT swept FROM sweep FOR UPDATE SKIP LOCKED")
        .fetch_optional(&mut *transaction)
        .await?;
    let Some(swept) = swept else { return Ok(false) };
    let compacted =
        sqlx::query_scalar!("SELECT compacted FROM counter").fetch_one(&mut *transaction).await?;
    if compacted <= swept {
        return Ok(false);
    }
    let upto = compacted.min(swept + STEP_REVISIONS);
    audit::keep_created(&mut transaction, swept, upto).await?;
    sqlx::query!(
        "WITH passed AS MATERIALIZED (
             SELECT l.revision, l.previous FROM log AS l WHERE l.revision > $1 AND l.revision <= $2
         )
         DELETE FROM log AS l WHERE l.revision = ANY (ARRAY(
             SELECT p.revision FROM passed AS p
             WHERE NOT EXISTS (
                 SELECT FROM log AS n WHERE n.previous = p.revision AND n.revision > $2
             )
             UNION ALL
             SELECT p.previous FROM passed AS p WHERE p.previous <= $1
         ))",
        swept,
        upto,
    )
    .execute(&mut *transaction)
    .await?;
    sqlx::query!("UPDATE sweep SET swept = $1", upto).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(true)
}
