//! Connections, the tables, and what an error of Postgres means for a caller.

use std::{str::FromStr, time::Duration};

use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{OpenError, envelope::Envelope};
use crate::StoreError;

const SCHEMA: &str = "longshore";
/// One for the listener, the others for reads of the log, checks, leases and compaction.
const CONNECTIONS_MAX: u32 = 5;
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Settings of our sessions. The planner is kept to the indexes: a plan that was made while a
/// table was small must do when it is large. A transaction whose server has stopped must not keep
/// the counter's lock.
const SETTINGS: [(&str, &str); 6] = [
    ("search_path", SCHEMA),
    ("jit", "off"),
    ("enable_seqscan", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("client_min_messages", "warning"),
    ("idle_in_transaction_session_timeout", "10s"),
];

pub(super) fn options(url: &str) -> Result<PgConnectOptions, OpenError> {
    let options =
        PgConnectOptions::from_str(url).map_err(|error| OpenError::Address(error.to_string()))?;
    Ok(options.application_name("longshore").options(SETTINGS))
}

pub(super) fn pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(CONNECT_PATIENCE)
        .connect_lazy_with(options.clone())
}

/// One connection, if Postgres answers soon.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    tokio::time::timeout(CONNECT_PATIENCE, PgConnection::connect_with(options))
        .await
        .map_err(|_| sqlx::Error::PoolTimedOut)?
}

/// Whether a connection still answers.
pub(super) async fn is_alive(connection: &mut PgConnection) -> bool {
    let answer = tokio::time::timeout(CONNECT_PATIENCE, connection.ping()).await;
    matches!(answer, Ok(Ok(())))
}

/// Applies the migrations that are missing; those of a newer server are left alone.
pub(super) async fn migrate(options: &PgConnectOptions) -> Result<(), OpenError> {
    let mut connection = connect(options).await.map_err(|error| unopened(&error))?;
    let mut migrator =
        Migrator { ..Migrator::with_migrations(MIGRATIONS.iter().cloned().collect()) };
    migrator.set_ignore_missing(true).create_schema(SCHEMA);
    let migrated = migrator.run_direct(None, &mut connection, false).await;
    let closed = connection.close().await;
    migrated.map_err(|error| match error {
        MigrateError::Execute(sqlx::Error::Io(error)) => OpenError::Away(error.to_string()),
        error => OpenError::Schema(error.to_string()),
    })?;
    closed.map_err(|error| OpenError::Away(error.to_string()))
}

/// Checks that the envelope key is the one that this database's secrets are sealed with; the first
/// server to come decides.
pub(super) async fn prove_key(pool: &PgPool, envelope: &Envelope) -> Result<(), OpenError> {
    let away = |error: sqlx::Error| OpenError::Away(error.to_string());
    sqlx::query!(
        "INSERT INTO envelope (proof) VALUES ($1) ON CONFLICT DO NOTHING",
        envelope.proof()
    )
    .execute(pool)
    .await
    .map_err(away)?;
    let proof = sqlx::query_scalar!("SELECT proof FROM envelope").fetch_one(pool).await;
    if envelope.accepts(&proof.map_err(away)?) { Ok(()) } else { Err(OpenError::OtherKey) }
}

/// A wrong password or name will not get better; all else may.
fn unopened(error: &sqlx::Error) -> OpenError {
    const NOT_AUTHORIZED: &str = "28";
    const NO_SUCH_DATABASE: &str = "3D";
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    match [NOT_AUTHORIZED, NO_SUCH_DATABASE].iter().any(|class| code.starts_with(class)) {
        true => OpenError::Denied(describe(error)),
        false => OpenError::Away(error.to_string()),
    }
}

/// What a caller is told when Postgres fails a request that writes nothing.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(super) fn away(error: sqlx::Error) -> StoreError {
    tracing::warn!(%error, "Postgres does not answer");
    StoreError::Unavailable { message: describe(&error), maybe_written: false }
}

/// An error without its inner parts, for a caller.
pub(super) fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => "it can not be reached".to_owned(),
        _ => "the connection was lost".to_owned(),
    }
}
