//! The audit in Postgres: the acts of a batch beside it, others in batches of their own, and how
//! they are read and forgotten.

use object::Key;
use sqlx::{PgConnection, PgPool};

use super::{batch::signed, batch::unsigned, connect, envelope::Envelope};
use crate::{Audit, AuditEvent, AuditQuery, Limits, StoreError};

const STEP_COUNT: i64 = 2000;

/// Acts as `commit_audited` takes them.
#[derive(Default)]
pub(super) struct Acts<'r> {
    pub(super) at: Vec<i32>,
    pub(super) users: Vec<&'r str>,
    pub(super) verbs: Vec<&'r str>,
    pub(super) kinds: Vec<&'r str>,
    pub(super) namespaces: Vec<&'r str>,
    pub(super) names: Vec<&'r str>,
    pub(super) codes: Vec<i32>,
    pub(super) befores: Vec<Option<i64>>,
    pub(super) details: Vec<&'r [u8]>,
    pub(super) diffs: Vec<Option<&'r [u8]>>,
}

impl<'r> Acts<'r> {
    /// Adds an act about the write at a position; its diff is sealed already.
    pub(super) fn push(&mut self, at: i32, act: &'r Audit) {
        self.at.push(at);
        self.users.push(&act.user);
        self.verbs.push(act.verb);
        self.kinds.push(&act.key.kind);
        self.namespaces.push(&act.key.namespace);
        self.names.push(&act.key.name);
        self.codes.push(i32::from(act.code));
        self.befores.push(act.before.map(signed));
        self.details.push(&act.detail);
        self.diffs.push(act.diff.as_deref());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at.is_empty()
    }
}

/// Postgres can hold no zero bytes in a text; names of what is not there may.
fn clean(act: &mut Audit) {
    let without = |text: &str| text.replace('\0', "\u{fffd}");
    act.user = without(&act.user);
    if [&*act.key.kind, &*act.key.namespace, &*act.key.name].iter().any(|t| t.contains('\0')) {
        let Key { kind, namespace, name } = &act.key;
        act.key = Key::new(&*without(kind), &without(namespace), &without(name));
    }
}

/// Keeps acts that wrote nothing.
pub(super) async fn record(
    pool: &PgPool,
    envelope: &Envelope,
    mut acts: Vec<Audit>,
) -> Result<(), StoreError> {
    for act in &mut acts {
        envelope.seal_act(act);
        clean(act);
    }
    let mut arrays = Acts::default();
    for act in &acts {
        arrays.push(0, act);
    }
    sqlx::query!(
        "INSERT INTO audit (user_name, verb, kind, namespace, name, code, before, detail, diff)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[],
                              $6::integer[], $7::bigint[], $8::bytea[], $9::bytea[])",
        &arrays.users as _,
        &arrays.verbs as _,
        &arrays.kinds as _,
        &arrays.namespaces as _,
        &arrays.names as _,
        &arrays.codes,
        &arrays.befores as _,
        &arrays.details as _,
        &arrays.diffs as _,
    )
    .execute(pool)
    .await
    .map(drop)
    .map_err(connect::away)
}

pub(super) async fn read(
    pool: &PgPool,
    envelope: &Envelope,
    query: &AuditQuery,
) -> Result<Vec<AuditEvent>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT a.id, (extract(epoch FROM a.at) * 1000000)::bigint AS "at_us!", a.user_name, a.verb,
                  a.kind, a.namespace, a.name, a.code, a.before, a.after, a.detail,
                  COALESCE(a.diff, l.body) AS diff
           FROM audit AS a
           LEFT JOIN log AS l ON a.diff IS NULL AND a.before IS NULL AND l.revision = a.after
           WHERE ($1::bigint IS NULL OR a.id = $1) AND ($2::bigint IS NULL OR a.id < $2)
             AND ($3::text IS NULL OR a.user_name = $3) AND ($4::text IS NULL OR a.verb = $4)
             AND ($5::text IS NULL OR a.kind = $5) AND ($6::text IS NULL OR a.namespace = $6)
             AND ($7::text IS NULL OR a.name = $7)
             AND ($8::bigint IS NULL OR a.at >= to_timestamp($8::double precision / 1000000))
             AND ($9::bigint IS NULL OR a.at <= to_timestamp($9::double precision / 1000000))
           ORDER BY a.id DESC LIMIT $10"#,
        query.id.map(signed),
        query.before_id.map(signed),
        query.user,
        query.verb,
        query.kind.as_deref(),
        query.namespace,
        query.name,
        query.since_us,
        query.until_us,
        i64::try_from(query.limit).unwrap_or(i64::MAX),
    )
    .fetch_all(pool)
    .await
    .map_err(connect::away)?;
    let events = rows.into_iter().map(|row| {
        let key = Key::new(&*row.kind, &row.namespace, &row.name);
        let diff = row.diff.and_then(|diff| envelope.open_diff(&key, diff));
        AuditEvent {
            id: unsigned(row.id),
            at_us: row.at_us,
            user: row.user_name,
            verb: row.verb,
            key,
            code: u16::try_from(row.code).unwrap_or(0),
            before: row.before.map(unsigned),
            after: row.after.map(unsigned),
            detail: row.detail.into(),
            diff,
        }
    });
    Ok(events.collect())
}

/// Gives the rows of creates what was created, before the log forgets these revisions.
pub(super) async fn keep_created(
    connection: &mut PgConnection,
    after: i64,
    upto: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE audit AS a SET diff = l.body FROM log AS l
         WHERE l.revision > $1 AND l.revision <= $2 AND a.after = l.revision
           AND a.diff IS NULL AND a.before IS NULL",
        after,
        upto,
    )
    .execute(connection)
    .await
    .map(drop)
}

/// Forgets the oldest acts beyond the limits, a few at a time; false when there was nothing to do.
pub(super) async fn forget(pool: &PgPool, limits: &Limits) -> Result<bool, StoreError> {
    let forgotten = sqlx::query!(
        "DELETE FROM audit WHERE id = ANY (ARRAY(
             SELECT o.id FROM (SELECT a.id, a.at FROM audit AS a ORDER BY a.id LIMIT $3) AS o
             WHERE o.at < now() - make_interval(secs => $2)
                OR o.id <= (SELECT max(n.id) FROM audit AS n) - $1
         ))",
        i64::try_from(limits.audit_count_max).unwrap_or(i64::MAX),
        limits.audit_age_max.as_secs_f64(),
        STEP_COUNT,
    )
    .execute(pool)
    .await
    .map_err(connect::away)?;
    Ok(forgotten.rows_affected() == STEP_COUNT.unsigned_abs())
}
