//! The one task of a server that writes. All that waits while a batch is under way goes into the
//! next one: one round trip, one fsync.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgDatabaseError, PgSeverity},
};
use tokio::{sync::mpsc, time::timeout};

use super::{
    batch::{self, Arrays, Outcome, Reply, Request, Round},
    connect,
    follower::Follower,
    session::Session,
};
use crate::StoreError;

/// After this a batch's outcome is unknown.
const COMMIT_TIME_MAX: Duration = Duration::from_secs(30);
const DRAIN_MAX: usize = 1024;

pub(super) struct Writer {
    session: Session,
    follower: Arc<Follower>,
    copy: String,
    requests: mpsc::Receiver<Request>,
    waiting: VecDeque<Request>,
}

/// Why a batch was not committed, or may not have been.
enum Failure {
    /// Postgres can not store something in it.
    Refused(String),
    Away {
        message: String,
        maybe_written: bool,
    },
}

impl Writer {
    pub(super) fn new(
        options: PgConnectOptions,
        follower: Arc<Follower>,
        copy: String,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        let session = Session::new(options);
        Self { session, follower, copy, requests, waiting: VecDeque::new() }
    }

    pub(super) async fn run(mut self) {
        while self.fill().await {
            let rounds = batch::take(&mut self.waiting);
            self.write(rounds).await;
        }
    }

    /// Waits for something to write; false when nobody can ask any more.
    async fn fill(&mut self) -> bool {
        if self.waiting.is_empty() {
            match self.requests.recv().await {
                Some(request) => self.waiting.push_back(request),
                None => return false,
            }
        }
        while self.waiting.len() < DRAIN_MAX
            && let Ok(request) = self.requests.try_recv()
        {
            self.waiting.push_back(request);
        }
        true
    }

    /// Commits a batch and answers everyone in it. One that Postgres can not store is halved until
    /// only the culprit is refused.
    async fn write(&mut self, rounds: Vec<Round>) {
        let mut batches = vec![rounds];
        while let Some(rounds) = batches.pop() {
            match self.commit(&rounds).await {
                Ok(replies) => self.settle(rounds, &replies).await,
                Err(Failure::Away { message, maybe_written }) => {
                    for request in rounds.into_iter().flatten() {
                        let message = message.clone();
                        request.answer(Err(StoreError::Unavailable { message, maybe_written }));
                    }
                }
                Err(Failure::Refused(message)) => {
                    let mut requests: VecDeque<Request> = rounds.into_iter().flatten().collect();
                    if requests.len() == 1 {
                        let refused = |request: Request| {
                            request.answer(Err(StoreError::Refused(message.clone())));
                        };
                        requests.into_iter().for_each(refused);
                        continue;
                    }
                    let mut rest = requests.split_off(requests.len() / 2);
                    batches.push(batch::take(&mut rest));
                    batches.push(batch::take(&mut requests));
                }
            }
        }
    }

    /// Brings the memory up to what was committed, then answers.
    async fn settle(&self, rounds: Vec<Round>, replies: &[Reply]) {
        let before = replies.first().map_or(0, |reply| batch::unsigned(reply.before));
        let mut newest = before;
        let mut entries = Vec::new();
        let mut answers = Vec::new();
        for (round, reply) in rounds.iter().zip(replies) {
            let outcome = Outcome::of(round, reply);
            newest = outcome.newest;
            entries.extend(outcome.entries);
            answers.extend(outcome.answers);
        }
        let taken_in = self.follower.take_in(before, entries, newest).await;
        for (request, answer) in rounds.into_iter().flatten().zip(answers) {
            request.answer(match (&taken_in, answer) {
                (Err(StoreError::Unavailable { message, .. }), Ok(_)) => {
                    let message = message.clone();
                    Err(StoreError::Unavailable { message, maybe_written: true })
                }
                (_, answer) => answer,
            });
        }
    }

    async fn commit(&mut self, rounds: &[Round]) -> Result<Vec<Reply>, Failure> {
        let mut connection = self.session.take().await.map_err(|error| judge(&error, false))?;
        let mut may_be_written = false;
        let sent = send(&mut connection, &self.copy, rounds, &mut may_be_written);
        let result = timeout(COMMIT_TIME_MAX, sent).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        match result {
            Ok(replies) => {
                self.session.keep(connection);
                Ok(replies)
            }
            Err(error) => Err(judge(&error, may_be_written)),
        }
    }
}

/// Sends a batch: one call for one round; more are joined by a transaction. Sets `may_be_written`
/// before it sends what commits.
async fn send(
    connection: &mut PgConnection,
    copy: &str,
    rounds: &[Round],
    may_be_written: &mut bool,
) -> Result<Vec<Reply>, sqlx::Error> {
    if let [round] = rounds {
        *may_be_written = true;
        return Ok(vec![call(connection, copy, round).await?]);
    }
    let mut transaction = connection.begin().await?;
    let mut replies = Vec::with_capacity(rounds.len());
    for round in rounds {
        replies.push(call(&mut transaction, copy, round).await?);
    }
    *may_be_written = true;
    transaction.commit().await?;
    Ok(replies)
}

async fn call(
    connection: &mut PgConnection,
    copy: &str,
    round: &Round,
) -> Result<Reply, sqlx::Error> {
    let arrays = Arrays::of(round);
    if !arrays.acts.is_empty() {
        return call_audited(connection, copy, &arrays).await;
    }
    let row = sqlx::query!(
        r#"SELECT before AS "before!", refused, current AS "current: Vec<Option<i64>>", fenced
           FROM commit_batch($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        copy,
        &arrays.kinds as _,
        &arrays.namespaces as _,
        &arrays.names as _,
        &arrays.expected,
        &arrays.bodies as _,
        &arrays.members,
        arrays.fences as _,
        arrays.epochs as _,
    )
    .fetch_one(connection)
    .await?;
    Ok(Reply {
        before: row.before,
        refused: row.refused.unwrap_or_default(),
        current: row.current.unwrap_or_default(),
        fenced: row.fenced.unwrap_or_default(),
    })
}

async fn call_audited(
    connection: &mut PgConnection,
    copy: &str,
    arrays: &Arrays<'_>,
) -> Result<Reply, sqlx::Error> {
    let acts = &arrays.acts;
    let row = sqlx::query!(
        r#"SELECT before AS "before!", refused, current AS "current: Vec<Option<i64>>", fenced
           FROM commit_audited($1, $2, $3, $4, $5, $6, $7, $8, $9,
                               $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"#,
        copy,
        &arrays.kinds as _,
        &arrays.namespaces as _,
        &arrays.names as _,
        &arrays.expected,
        &arrays.bodies as _,
        &arrays.members,
        arrays.fences.as_deref() as _,
        arrays.epochs.as_deref() as _,
        &acts.at,
        &acts.users as _,
        &acts.verbs as _,
        &acts.kinds as _,
        &acts.namespaces as _,
        &acts.names as _,
        &acts.codes,
        &acts.befores as _,
        &acts.details as _,
        &acts.diffs as _,
    )
    .fetch_one(connection)
    .await?;
    Ok(Reply {
        before: row.before,
        refused: row.refused.unwrap_or_default(),
        current: row.current.unwrap_or_default(),
        fenced: row.fenced.unwrap_or_default(),
    })
}

/// An ERROR of Postgres means that nothing was written; anything else may have come after the
/// commit.
fn judge(error: &sqlx::Error, may_be_written: bool) -> Failure {
    tracing::warn!(%error, "Postgres did not take a batch");
    let answered = match error {
        sqlx::Error::Database(error) => error.try_downcast_ref::<PgDatabaseError>(),
        _ => None,
    };
    match answered {
        Some(error) if error.severity() == PgSeverity::Error => {
            // Classes of SQLSTATE that speak of the data: they would come again.
            if ["22", "23", "54"].iter().any(|class| error.code().starts_with(class)) {
                return Failure::Refused(error.message().to_owned());
            }
            Failure::Away { message: error.message().to_owned(), maybe_written: false }
        }
        _ => Failure::Away { message: connect::describe(error), maybe_written: may_be_written },
    }
}
