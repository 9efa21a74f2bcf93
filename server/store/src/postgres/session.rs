//! A connection of one task's own, made anew when it breaks.

use std::time::Duration;

use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

use super::connect;

/// How long a task waits for a Postgres that is away, as when it restarts.
const PATIENCE: Duration = Duration::from_secs(3);
const RECONNECT_DELAY: Duration = Duration::from_millis(50);
/// A connection that was idle for longer is tried before it is trusted with a write: what is sent
/// into one that Postgres has closed has an unknown outcome.
const IDLE_MAX: Duration = Duration::from_millis(20);

pub(super) struct Session {
    options: PgConnectOptions,
    /// With the time of its last use.
    connection: Option<(PgConnection, Instant)>,
}

impl Session {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options, connection: None }
    }

    /// A connection that answers, to be given back with [`keep`](Self::keep) if it still does.
    pub(super) async fn take(&mut self) -> Result<PgConnection, sqlx::Error> {
        if let Some((mut connection, used)) = self.connection.take()
            && (used.elapsed() < IDLE_MAX || connect::is_alive(&mut connection).await)
        {
            return Ok(connection);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match connect::connect(&self.options).await {
                Ok(connection) => return Ok(connection),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => sleep(RECONNECT_DELAY).await,
            }
        }
    }

    pub(super) fn keep(&mut self, connection: PgConnection) {
        self.connection = Some((connection, Instant::now()));
    }

    /// The newest committed revision. A read can be asked again: a connection at hand is not tried
    /// first.
    pub(super) async fn newest(&mut self) -> Result<i64, sqlx::Error> {
        if let Some((mut connection, _)) = self.connection.take()
            && let Ok(revision) = newest(&mut connection).await
        {
            self.keep(connection);
            return Ok(revision);
        }
        let mut connection = self.take().await?;
        let revision = newest(&mut connection).await?;
        self.keep(connection);
        Ok(revision)
    }
}

async fn newest(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let query = sqlx::query_scalar!("SELECT revision FROM counter").fetch_one(connection);
    timeout(PATIENCE, query).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
